//! Names of people: what may be shown beside a message without fooling anybody.
//!
//! [`fit`] cleans what is harmless (spaces, full-width letters, presentation marks) and refuses
//! what hides or turns text around. It is not NFKC: it needs no Unicode tables, and folds only what
//! makes two names look the same in practice here. Look-alikes of different scripts are not its job.

use protocol::limits::NAME_CHARS_MAX;
use thiserror::Error;

/// Combining marks on one letter; more is a pile, not a name (Vietnamese needs two).
const MARKS_MAX: usize = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Unfit {
    #[error("a name has 1 to {NAME_CHARS_MAX} characters")]
    Length,
    #[error("a name has no control, invisible or direction-changing characters")]
    Hidden,
    #[error("a name has at most {MARKS_MAX} marks on one letter")]
    Marks,
}

/// The name as it is kept and shown.
pub fn fit(name: &str) -> Result<String, Unfit> {
    let mut out = String::with_capacity(name.len().min(4 * NAME_CHARS_MAX));
    let mut marks = 0;
    for char in name
        .trim()
        .chars()
        .filter(|it| !is_presentation(*it))
        .map(plain)
    {
        if is_hidden(char) {
            return Err(Unfit::Hidden);
        }
        marks = if is_mark(char) { marks + 1 } else { 0 };
        if marks > MARKS_MAX || (marks > 0 && out.is_empty()) {
            return Err(Unfit::Marks);
        }
        if char == ' ' && (out.is_empty() || out.ends_with(' ')) {
            continue;
        }
        out.push(char);
    }
    let kept = out.trim_end();
    if !(1..=NAME_CHARS_MAX).contains(&kept.chars().count()) {
        return Err(Unfit::Length);
    }
    Ok(kept.to_owned())
}

/// The form under which two names are the same name.
pub fn fold(name: &str) -> String {
    fit(name).unwrap_or_default().to_lowercase()
}

/// Full-width forms as their plain ones, every kind of space as the space.
fn plain(char: char) -> char {
    match char {
        '\u{ff01}'..='\u{ff5e}' => {
            char::from_u32(u32::from(char) - 0xfee0).expect("the block mirrors ASCII")
        }
        '\t'
        | '\u{a0}'
        | '\u{1680}'
        | '\u{2000}'..='\u{200a}'
        | '\u{202f}'
        | '\u{205f}'
        | '\u{3000}' => ' ',
        other => other,
    }
}

/// Variation selectors choose a picture for the character before them; names go without.
fn is_presentation(char: char) -> bool {
    matches!(char, '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

fn is_mark(char: char) -> bool {
    matches!(
        char,
        '\u{300}'..='\u{36f}'
            | '\u{483}'..='\u{489}'
            | '\u{1ab0}'..='\u{1aff}'
            | '\u{1dc0}'..='\u{1dff}'
            | '\u{20d0}'..='\u{20ff}'
            | '\u{fe20}'..='\u{fe2f}'
    )
}

/// Controls, zero-width and blank characters, direction changes, private use, tags, non-characters.
fn is_hidden(char: char) -> bool {
    char.is_control()
        || matches!(
            char,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{2800}'
                | '\u{3164}'
                | '\u{e000}'..='\u{f8ff}'
                | '\u{fdd0}'..='\u{fdef}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{ffff}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{10ffff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cleaned_or_refused() {
        let long = "名".repeat(40);
        let too_long = "名".repeat(41);
        for (name, expect) in [
            ("Mei", Ok("Mei")),
            ("  Mei   Lin ", Ok("Mei Lin")),
            ("小美\u{3000}林", Ok("小美 林")),
            ("Ｍｅｉ", Ok("Mei")),
            ("Zoë Nguyễn", Ok("Zoë Nguyễn")),
            ("❤\u{fe0f}", Ok("❤")),
            (long.as_str(), Ok(long.as_str())),
            ("", Err(Unfit::Length)),
            ("   ", Err(Unfit::Length)),
            (too_long.as_str(), Err(Unfit::Length)),
            ("a\u{0}b", Err(Unfit::Hidden)),
            ("a\nb", Err(Unfit::Hidden)),
            ("Host\u{202e}tsoH", Err(Unfit::Hidden)),
            ("\u{2066}Host", Err(Unfit::Hidden)),
            ("Ho\u{200b}st", Err(Unfit::Hidden)),
            ("Ho\u{feff}st", Err(Unfit::Hidden)),
            ("\u{3164}", Err(Unfit::Hidden)),
            ("\u{ffa0}", Err(Unfit::Hidden)),
            ("a\u{e0041}", Err(Unfit::Hidden)),
            ("Z\u{300}\u{301}\u{302}\u{303}", Err(Unfit::Marks)),
            ("\u{301}a", Err(Unfit::Marks)),
        ] {
            assert_eq!(fit(name).as_deref(), expect.as_deref(), "{name:?}");
        }
    }

    #[test]
    fn one_name_is_one_name_however_it_is_written() {
        assert_eq!(fold(" MEI\u{a0}lin"), fold("Ｍei Lin"));
        assert_ne!(fold("mei"), fold("mai"));
    }
}
