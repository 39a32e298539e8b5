//! How people are called where the server writes for people. On the wire the name of somebody who erased their
//! account is empty, beside their id; clients say it in their own words.

/// A name as it is shown in a language (`zh-CN`, `zh-TW`; anything else is English).
pub fn shown<'a>(name: &'a str, lang: &str) -> &'a str {
    match (name, lang) {
        ("", "zh-CN") => "已注销",
        ("", "zh-TW") => "已註銷",
        ("", _) => "Deleted account",
        (name, _) => name,
    }
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn nobody_is_shown_without_a_name() {
        assert_eq!(shown("小安", "en"), "小安");
        assert_eq!(shown("", "zh-CN"), "已注销");
        assert_eq!(shown("", "zh-TW"), "已註銷");
        assert_eq!(shown("", "fr"), "Deleted account");
    }
}
