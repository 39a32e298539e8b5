//! A text as it is searched: its letters in pieces, with one space before, between and behind them.
//!
//! A piece is a run of a script that sets no spaces, or a word. So a phrase is in a text exactly where
//! its own form is a part of the text's: nothing is found across punctuation, and a word is found from
//! its beginning.

use super::{Gap, Placed, is_unspaced, placed};

/// The form in which a text is kept to be searched.
pub fn normal(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push(' ');
    out.extend(spaced(&placed(text)).map(|(char, _)| char));
    if out.len() > 1 {
        out.push(' ');
    }
    out
}

/// The pieces with a space between each two, every letter with what it is placed by.
pub(crate) fn spaced(letters: &[Placed]) -> impl Iterator<Item = (char, Option<&Placed>)> {
    letters.iter().enumerate().flat_map(|(n, it)| {
        let char = it.letter.char;
        let begins = n > 0
            && (it.letter.gap != Gap::None
                || is_unspaced(letters[n - 1].letter.char) != is_unspaced(char));
        begins
            .then_some((' ', None))
            .into_iter()
            .chain(std::iter::once((char, Some(it))))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_pieces_with_spaces_around_them() {
        for (text, expect) in [
            ("今晚直播！Hello, World", " 今晚直播 hello world "),
            ("加V信", " 加 v 信 "),
            ("加 V  信", " 加 v 信 "),
            ("iPhone15 很好", " iphone15 很好 "),
            ("直播\u{200b}間", " 直播间 "),
            ("…！🎉", " "),
            ("", " "),
        ] {
            assert_eq!(normal(text), expect, "{text}");
        }
    }
}
