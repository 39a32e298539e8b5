//! What an index keeps of a text: of a run without spaces each two neighbours and its last character
//! alone, of anything else whole words.
//!
//! Two characters are how most Chinese words are asked for, so they are one term; a longer phrase is such
//! terms in a row. The last character alone keeps a phrase from going on behind the end of a run, and
//! with it every character begins a term, so that one character is found as a beginning of terms.

use super::is_unspaced;

/// Characters of a word that its term holds: nobody asks for more, and no index takes words without end.
pub const WORD_CHARS_MAX: usize = 32;

/// A term of a phrase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term<'a> {
    pub text: &'a str,
    /// It stands for every term that begins so.
    pub is_beginning: bool,
}

/// The terms of a text in its [`normal`](crate::normal()) form, in their order.
pub fn terms(normal: &str) -> impl Iterator<Item = &str> {
    normal
        .split(' ')
        .filter(|it| !it.is_empty())
        .flat_map(|piece| of_piece(piece, Last::Alone))
}

/// What becomes of the last character of a run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Last {
    /// It is a term of its own: the run ends there.
    Alone,
    /// More may follow.
    Open,
}

pub(crate) fn of_piece(piece: &str, last: Last) -> impl Iterator<Item = &str> {
    let is_run = is_run(piece);
    // Each character's beginning, and the end.
    let ends = piece
        .char_indices()
        .map(|it| it.0)
        .skip(1)
        .chain(std::iter::once(piece.len()));
    let pairs = piece
        .char_indices()
        .zip(ends.skip(1))
        .map(|((from, _), to)| &piece[from..to])
        .take_while(move |_| is_run);
    let alone = piece.chars().next_back().map_or(0, char::len_utf8);
    let alone = (is_run && last == Last::Alone).then(|| &piece[piece.len() - alone..]);
    let word = (!is_run).then(|| cut(piece));
    pairs.chain(alone).chain(word)
}

/// Whether a piece is of a script that sets no spaces.
pub(crate) fn is_run(piece: &str) -> bool {
    piece.chars().next().is_some_and(is_unspaced)
}

/// What of a word is its term.
pub(crate) fn cut(word: &str) -> &str {
    word.char_indices()
        .nth(WORD_CHARS_MAX)
        .map_or(word, |(end, _)| &word[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::normal;

    #[test]
    fn a_run_is_cut_into_neighbours_and_a_word_is_not() {
        for (text, expect) in [
            ("今晚直播", &["今晚", "晚直", "直播", "播"][..]),
            ("好", &["好"]),
            ("加V信", &["加", "v", "信"]),
            ("hello 世界", &["hello", "世界", "界"]),
            ("", &[]),
        ] {
            let normal = normal(text);
            assert_eq!(terms(&normal).collect::<Vec<_>>(), expect, "{text}");
        }
        let long = "a".repeat(4_000);
        let normal = normal(&long);
        let found: Vec<&str> = terms(&normal).collect();
        assert_eq!(found, [&long[..WORD_CHARS_MAX]]);
    }
}
