//! Where in a text each folded letter came from, so that what is found can be shown in the text itself.
//!
//! A text is folded character by character, each with the marks that stand upon it: what is put together
//! over more than that stays apart here, in what is searched and in what is looked for alike.

use unicode_normalization::char::is_combining_mark;

use super::{Gap, Letter, is_invisible, plain, variants};

/// A letter, and the characters of the text that it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    pub letter: Letter,
    /// The first of them, counted in characters.
    pub from: usize,
    /// The one behind the last.
    pub to: usize,
}

/// The letters of a text in their order. A character may become several, or none.
pub fn placed(text: &str) -> Vec<Placed> {
    let mut letters = Letters {
        found: Vec::with_capacity(text.len() / 2),
        gap: Gap::None,
    };
    let mut rest = text;
    let mut from = 0;
    while let Some(first) = rest.chars().next() {
        let (bytes, chars) = cluster(rest, first);
        let to = from + chars;
        match first {
            it if chars == 1 && it.is_ascii() => letters.add(it.to_ascii_lowercase(), from, to),
            // None of these is taken apart, and none has a case.
            it @ '\u{4e00}'..='\u{9fff}' if chars == 1 => letters.add(it, from, to),
            _ => plain(&rest[..bytes]).for_each(|it| letters.add(it, from, to)),
        }
        rest = &rest[bytes..];
        from = to;
    }
    letters.found
}

struct Letters {
    found: Vec<Placed>,
    /// What was left out since the last letter.
    gap: Gap,
}

impl Letters {
    fn add(&mut self, char: char, from: usize, to: usize) {
        if char.is_alphanumeric() {
            let char = variants::plainest(char);
            let gap = std::mem::replace(&mut self.gap, Gap::None);
            let letter = Letter { char, gap };
            self.found.push(Placed { letter, from, to });
        } else if char.is_whitespace() {
            self.gap = Gap::Space;
        } else {
            self.gap = self.gap.max(Gap::Mark);
        }
    }
}

/// How many bytes and characters the first character has, with what stands upon it.
fn cluster(rest: &str, first: char) -> (usize, usize) {
    let (mut bytes, mut chars) = (first.len_utf8(), 1);
    for char in rest[bytes..].chars().take_while(|it| joins(*it)) {
        bytes += char.len_utf8();
        chars += 1;
    }
    (bytes, chars)
}

/// Whether a character belongs to the one before it: marks, what cannot be seen, and the vowels and ends
/// of Korean syllables that are written in parts.
fn joins(char: char) -> bool {
    !char.is_ascii()
        && (is_combining_mark(char)
            || is_invisible(char)
            || matches!(char, '\u{1160}'..='\u{11ff}' | '\u{ff9e}' | '\u{ff9f}' | '\u{ffc2}'..='\u{ffdc}'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{fold, plainly};

    #[test]
    fn each_letter_knows_its_characters() {
        let found: Vec<(char, usize, usize)> = placed("Ａ e\u{301}①㎏臺!")
            .iter()
            .map(|it| (it.letter.char, it.from, it.to))
            .collect();
        let expect = [
            ('a', 0, 1),
            ('e', 2, 4),
            ('1', 4, 5),
            ('k', 5, 6),
            ('g', 5, 6),
            ('台', 6, 7),
        ];
        assert_eq!(found, expect);
    }

    #[test]
    fn the_letters_are_those_of_the_folded_text() {
        for text in [
            "大家好 hello，ＷｅＣｈａｔ！",
            "臺灣的書 ｶﾞ раураӏ ｐ á ỳ",
            "𝓦𝓮𝓒𝓱𝓪𝓽 ①②③ w🎉e🎉c",
            "한국어 \u{1112}\u{1161}\u{11ab}",
            "…！？",
            "",
        ] {
            let letters: Vec<Letter> = placed(text).iter().map(|it| it.letter).collect();
            assert_eq!(letters, fold(text), "{text}");
            assert_eq!(plainly(&letters), plainly(&fold(text)), "{text}");
        }
    }
}
