//! Folding: a text as a reader means it, however it is dressed up; and how it is found again.
//!
//! Width, case, traditional and simplified forms, look-alikes of other alphabets, marks upon letters
//! and characters that cannot be seen make no difference; what stands between letters (spaces,
//! punctuation, emoji) is left out, and remembered as a gap. It is pure and takes time in proportion
//! to the text. It knows no rule and no store.
//!
//! Reading order: [`fold`], [`placed`] (where in the text each letter came from), [`normal`] (a text
//! as it is searched), [`terms`] (what an index keeps of it), [`query`] (what somebody looks for), [`alike`] (which
//! texts say about the same).

pub mod alike;
pub mod normal;
pub mod placed;
pub mod query;
pub mod terms;
mod variants;

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

pub use normal::normal;
pub use placed::{Placed, placed};
pub use query::{Phrase, Query, Unfit};
pub use terms::{Term, terms};

/// A letter or digit of a folded text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Letter {
    pub char: char,
    /// What stands between the letter before and this one.
    pub gap: Gap,
}

/// What was left out before a letter; the weightier one counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gap {
    None,
    /// Punctuation, emoji and the like.
    Mark,
    Space,
}

/// The letters of a text. Folding them again changes nothing.
pub fn fold(text: &str) -> Vec<Letter> {
    let mut letters = Vec::with_capacity(text.len() / 2);
    let mut gap = Gap::None;
    for char in plain(text) {
        if char.is_alphanumeric() {
            let char = variants::plainest(char);
            letters.push(Letter { char, gap });
            gap = Gap::None;
        } else if char.is_whitespace() {
            gap = Gap::Space;
        } else {
            gap = gap.max(Gap::Mark);
        }
    }
    letters
}

/// The letters alone, as a text to look in.
pub fn plainly(letters: &[Letter]) -> String {
    letters.iter().map(|it| it.char).collect()
}

/// Compatible forms as one (width, ligatures, circled digits), lower case, nothing that cannot be
/// seen or stands upon a letter.
pub fn plain(text: &str) -> impl Iterator<Item = char> {
    text.nfkd()
        .filter(|it| !is_combining_mark(*it) && !is_invisible(*it))
        .flat_map(char::to_lowercase)
        // A lower case may come with a mark of its own (İ).
        .filter(|it| !is_combining_mark(*it))
        // What was taken apart and is no mark (the syllables of Hangul) is put together again.
        .nfc()
}

const fn is_invisible(char: char) -> bool {
    matches!(char,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Scripts that set no spaces between words: what is inserted there never ends a word.
pub const fn is_unspaced(char: char) -> bool {
    matches!(char,
        '\u{0e00}'..='\u{0eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}'
        | '\u{2e80}'..='\u{312f}' | '\u{3130}'..='\u{318f}' | '\u{31a0}'..='\u{31ff}'
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}'
        | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}'
    )
}

#[cfg(test)]
mod tests;
