//! Folding of names: two names that look the same to a reader are the same name.

/// Folds a display name for comparison: lower case, full-width forms as their ASCII twins, runs of
/// white space as one space, and without what cannot be seen (zero-width and direction marks).
///
/// It is not full NFKC: that needs the Unicode tables, and what people type into a name field on a
/// Chinese or English keyboard is covered by these.
pub fn fold_name(name: &str) -> String {
    let mut folded = String::with_capacity(name.len());
    for c in name.chars() {
        let c = match c {
            // Full-width ASCII, U+FF01 to U+FF5E, lies 0xFEE0 above its twin.
            '\u{FF01}'..='\u{FF5E}' => char::from_u32(c as u32 - 0xFEE0).unwrap_or(c),
            it if is_invisible(it) => continue,
            it if it.is_whitespace() => ' ',
            it => it,
        };
        if c != ' ' {
            folded.extend(c.to_lowercase());
        } else if !folded.is_empty() && !folded.ends_with(' ') {
            folded.push(' ');
        }
    }
    folded.truncate(folded.trim_end().len());
    folded
}

const fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{00AD}' | '\u{061C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{206F}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}'
    )
}

#[cfg(test)]
mod tests {
    use super::fold_name;

    #[test]
    fn names_that_look_alike_are_the_same() {
        for (name, expect) in [
            ("Anna", "anna"),
            ("ＡＮＮＡ", "anna"),
            ("  Anna   Li ", "anna li"),
            ("Anna\u{3000}Li", "anna li"),
            ("An\u{200B}na", "anna"),
            ("\u{202E}anna", "anna"),
            ("小明", "小明"),
            ("ÄRGER", "ärger"),
            (" \u{200B} ", ""),
        ] {
            assert_eq!(fold_name(name), expect, "{name:?}");
        }
    }
}
