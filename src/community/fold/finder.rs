//! Finds words in a folded text, all of them in one walk over it, and then holds each find against the
//! borders of words.
//!
//! Between characters of a script without spaces anything may be inserted. A word of letters is found
//! only as a whole word ("ass" is not in "assassin"), and through a space only where the word has one
//! there, or where it is spaced out letter by letter.

use aho_corasick::AhoCorasick;

use super::{Gap, Letter, fold, is_unspaced, plainly};

/// Words to look for, and what each of them stands for.
#[derive(Clone, Debug)]
pub struct Finder<T> {
    words: Vec<(Vec<Letter>, T)>,
    all: AhoCorasick,
}

impl<T: Copy> Finder<T> {
    pub fn new<'a>(words: impl IntoIterator<Item = (&'a str, T)>) -> Self {
        let folded = words.into_iter().map(|(word, what)| (fold(word), what));
        // Of nothing but marks: it would be everywhere.
        let words: Vec<(Vec<Letter>, T)> = folded.filter(|it| !it.0.is_empty()).collect();
        let all = AhoCorasick::new(words.iter().map(|it| plainly(&it.0)))
            .expect("a room's words are few and short");
        Self { words, all }
    }

    /// What the words stand for that are in the text, in the order in which they end.
    pub fn find(&self, text: &[Letter]) -> impl Iterator<Item = T> {
        let plain = plainly(text);
        // Which letter begins at each byte.
        let mut begins = vec![0; plain.len()];
        for (n, (at, _)) in plain.char_indices().enumerate() {
            begins[at] = n;
        }
        let found: Vec<T> = self
            .all
            .find_overlapping_iter(&plain)
            .map(|it| (&self.words[it.pattern().as_usize()], begins[it.start()]))
            .filter(|((word, _), from)| stands(word, text, *from))
            .map(|((_, what), _)| *what)
            .collect();
        found.into_iter()
    }
}

/// Whether a word whose letters are in the text at this place stands there as a word.
fn stands(word: &[Letter], text: &[Letter], from: usize) -> bool {
    let to = from + word.len();
    let whole = (from == 0 || is_border(text, from)) && (to == text.len() || is_border(text, to));
    whole && (1..word.len()).all(|n| may_cross(word[n].gap, text, from + n))
}

/// Between the letter before and this one a word may begin or end: something stands between them, one
/// of them needs no spaces, or a number meets a name.
fn is_border(text: &[Letter], at: usize) -> bool {
    let (before, here) = (text[at - 1].char, text[at]);
    here.gap != Gap::None
        || is_unspaced(before)
        || is_unspaced(here.char)
        || before.is_numeric() != here.char.is_numeric()
}

fn may_cross(in_word: Gap, text: &[Letter], at: usize) -> bool {
    let here = text[at];
    here.gap != Gap::Space
        || in_word == Gap::Space
        || is_unspaced(text[at - 1].char)
        || is_unspaced(here.char)
        || (is_alone(text, at - 1) && is_alone(text, at))
}

fn is_alone(text: &[Letter], at: usize) -> bool {
    let ends = |n: usize| text.get(n).is_none_or(|it| n == 0 || it.gap != Gap::None);
    ends(at) && ends(at + 1)
}
