//! What somebody looks for: words and "phrases", all of which a text must have.
//!
//! Without quotes a space parts two words; each is looked for by itself, wherever it stands, and a word
//! of letters is found from its beginning on. Within quotes everything stands together, and a word at the
//! end is a whole one. There are no operators.

use super::{
    normal::{normal, spaced},
    placed,
    terms::{Last, Term, cut, is_run, of_piece},
};

/// Characters that may be looked for: what is longer is no search but a text.
pub const QUERY_CHARS_MAX: usize = 200;
/// Words and phrases of one query.
pub const PHRASES_MAX: usize = 8;

/// Why nobody can look for that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    #[error("a search has at most {QUERY_CHARS_MAX} characters")]
    TooLong,
    #[error("a search has at most {PHRASES_MAX} words")]
    TooMany,
}

/// What a text must have; anything fits one that is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    phrases: Vec<Phrase>,
}

/// Pieces that follow each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phrase {
    /// With one space between them, at least one.
    pieces: String,
    /// A word at its end is a whole one.
    is_quoted: bool,
}

impl Query {
    /// What a person typed. Nothing is left of a text without letters.
    pub fn read(text: &str) -> Result<Self, Unfit> {
        if text.chars().count() > QUERY_CHARS_MAX {
            return Err(Unfit::TooLong);
        }
        let mut phrases = Vec::new();
        for (n, part) in text.split(is_quote).enumerate() {
            // What stands behind an odd number of quotes is within some.
            if n % 2 == 1 {
                phrases.extend(Phrase::new(part, true));
            } else {
                phrases.extend(
                    part.split_whitespace()
                        .filter_map(|it| Phrase::new(it, false)),
                );
            }
        }
        let mut query = Self::default();
        for it in phrases {
            if !query.phrases.contains(&it) {
                query.phrases.push(it);
            }
        }
        if query.phrases.len() > PHRASES_MAX {
            return Err(Unfit::TooMany);
        }
        Ok(query)
    }

    pub fn is_empty(&self) -> bool {
        self.phrases.is_empty()
    }

    pub fn phrases(&self) -> &[Phrase] {
        &self.phrases
    }

    /// Whether a text in its normal form has everything.
    pub fn fits(&self, normal: &str) -> bool {
        self.phrases.iter().all(|it| normal.contains(&it.needle()))
    }

    /// Where in a text everything stands: from a character to the one behind, in order and apart.
    pub fn places(&self, text: &str) -> Vec<(usize, usize)> {
        let letters = placed(text);
        // The normal form, and the letter that stands at each of its bytes.
        let (mut normal, mut at) = (String::from(" "), vec![None]);
        for (char, letter) in spaced(&letters).chain(std::iter::once((' ', None))) {
            normal.push(char);
            at.resize(normal.len(), letter);
        }
        let mut found = Vec::new();
        for needle in self.phrases.iter().map(Phrase::needle) {
            for (from, _) in normal.match_indices(&needle) {
                let mut there = at[from..from + needle.len()].iter().flatten();
                if let Some(first) = there.next() {
                    let last = there.next_back().unwrap_or(first);
                    found.push((first.from, last.to));
                }
            }
        }
        found.sort_unstable();
        apart(found)
    }
}

impl Phrase {
    fn new(text: &str, is_quoted: bool) -> Option<Self> {
        let normal = normal(text);
        let pieces = normal.trim();
        (!pieces.is_empty()).then(|| Self {
            pieces: pieces.to_owned(),
            is_quoted,
        })
    }

    /// What a text's normal form must contain.
    pub fn needle(&self) -> String {
        let before = if is_run(&self.pieces) { "" } else { " " };
        let last = self.pieces.rsplit(' ').next().unwrap_or_default();
        let behind = if self.is_quoted && !is_run(last) {
            " "
        } else {
            ""
        };
        format!("{before}{}{behind}", self.pieces)
    }

    /// The terms that stand in a row wherever the phrase does.
    pub fn terms(&self) -> Vec<Term<'_>> {
        let mut terms = Vec::new();
        let mut pieces = self.pieces.split(' ').peekable();
        while let Some(piece) = pieces.next() {
            let is_last = pieces.peek().is_none();
            let is_one = piece.chars().nth(1).is_none();
            let last = if is_last && !is_one {
                Last::Open
            } else {
                Last::Alone
            };
            // A word that is cut is longer than any term.
            let is_open = match is_run(piece) {
                true => is_one,
                false => !self.is_quoted && cut(piece) == piece,
            };
            terms.extend(of_piece(piece, last).map(|text| Term {
                text,
                is_beginning: is_last && is_open,
            }));
        }
        terms
    }
}

/// Ranges in order as ranges that do not touch.
fn apart(ranges: Vec<(usize, usize)>) -> Vec<(usize, usize)> {
    let mut out: Vec<(usize, usize)> = Vec::with_capacity(ranges.len());
    for (from, to) in ranges {
        match out.last_mut().filter(|it| it.1 >= from) {
            Some(before) => before.1 = before.1.max(to),
            None => out.push((from, to)),
        }
    }
    out
}

const fn is_quote(char: char) -> bool {
    matches!(
        char,
        '"' | '\u{201c}'..='\u{201f}' | '\u{ff02}' | '「' | '」' | '『' | '』'
    )
}

#[cfg(test)]
#[path = "query_tests.rs"]
mod tests;
