//! Terms in the words of each engine: what an index is given, and what it is asked.
//!
//! Beside the words of a text stand its marks: terms of what it is narrowed down by, each behind a
//! character of its own that no folded text has.

use std::fmt::Write as _;

use folding::{Phrase, Query, terms};
use protocol::RoomNumber;

use super::{Has, Wanted};

const OF_ROOM: char = '\u{e000}';
const OF_AUTHOR: char = '\u{e001}';
const OF_WHAT: char = '\u{e002}';
/// Added to a character of an id that would part two terms.
const BESIDE_ASCII: u32 = 0xe100;

/// The terms of a text with a space between each two.
pub(super) fn words(folded: &str) -> String {
    joined(terms(folded))
}

/// What narrows a text down, likewise.
pub(super) fn marks(room: RoomNumber, author: &str, has: Has) -> String {
    let mut marks = vec![of_room(room), of_author(author)];
    marks.extend(of_what(has));
    joined(marks.iter().map(String::as_str))
}

/// The marks that everything wanted has.
fn wanted_marks(wanted: &Wanted) -> Vec<String> {
    let mut marks = of_what(wanted.has);
    marks.extend(wanted.room.map(of_room));
    marks.extend(wanted.author.as_ref().map(|it| of_author(it.as_str())));
    marks
}

fn of_room(room: RoomNumber) -> String {
    format!("{OF_ROOM}{room}")
}

/// Ids that differ in nothing but the case of a letter have one term: the row tells them apart.
fn of_author(id: &str) -> String {
    let fit = |it: char| match it {
        it if it.is_ascii_alphanumeric() => it.to_ascii_lowercase(),
        it if it.is_ascii() => char::from_u32(BESIDE_ASCII + it as u32).unwrap_or(it),
        it => it,
    };
    std::iter::once(OF_AUTHOR)
        .chain(id.chars().map(fit))
        .collect()
}

fn of_what(has: Has) -> Vec<String> {
    let all = [(has.link, 'l'), (has.image, 'i'), (has.card, 'c')];
    let marks = all.into_iter().filter(|it| it.0);
    marks.map(|(_, it)| format!("{OF_WHAT}{it}")).collect()
}

fn joined<'a>(terms: impl Iterator<Item = &'a str>) -> String {
    let mut text = String::new();
    for term in terms {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(term);
    }
    text
}

/// As SQLite's FTS5 is asked. A term holds no quote, so none has to be escaped.
pub(super) fn match_of(wanted: &Wanted) -> String {
    let mut parts: Vec<String> = wanted.query.phrases().iter().map(phrase_match).collect();
    let marks = wanted_marks(wanted);
    parts.extend(marks.iter().map(|it| format!("marks : \"{it}\"")));
    parts.join(" AND ")
}

fn phrase_match(phrase: &Phrase) -> String {
    let terms = phrase.terms();
    let row = joined(terms.iter().map(|it| it.text));
    let beginning = terms.last().is_some_and(|it| it.is_beginning);
    format!("words : \"{row}\"{}", if beginning { " *" } else { "" })
}

/// As PostgreSQL's `tsquery`: where the terms stand is not known there, so they are only all of them.
pub(super) fn tsquery_of(wanted: &Wanted) -> String {
    let mut text = String::new();
    let mut add = |term: &str, beginning: bool| {
        let and = if text.is_empty() { "" } else { " & " };
        let star = if beginning { ":*" } else { "" };
        write!(text, "{and}'{term}'{star}").expect("a string takes anything");
    };
    for_each_term(&wanted.query, &mut add);
    for mark in wanted_marks(wanted) {
        add(&mark, false);
    }
    text
}

fn for_each_term(query: &Query, look: &mut dyn FnMut(&str, bool)) {
    for phrase in query.phrases() {
        for term in phrase.terms() {
            look(term.text, term.is_beginning);
        }
    }
}

/// As an array of PostgreSQL in text. Quoted, because `null` is a word as well.
pub(super) fn array_of(folded: &str, marks: &str) -> String {
    let mut text = String::from("{");
    for term in terms(folded).chain(marks.split(' ')) {
        let comma = if text.len() > 1 { "," } else { "" };
        write!(text, "{comma}\"{term}\"").expect("a string takes anything");
    }
    text.push('}');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_engine_is_asked_in_its_own_words() {
        let wanted = Wanted {
            query: Query::read("直播间 \"hello world\" 播").expect("it can be looked for"),
            room: Some(12),
            author: Some("m_aB".into()),
            ..Wanted::default()
        };
        assert_eq!(
            match_of(&wanted),
            "words : \"直播 播间\" AND words : \"hello world\" AND words : \"播\" * \
             AND marks : \"\u{e000}12\" AND marks : \"\u{e001}m\u{e15f}ab\""
        );
        assert_eq!(
            tsquery_of(&wanted),
            "'直播' & '播间' & 'hello' & 'world' & '播':* & '\u{e000}12' & '\u{e001}m\u{e15f}ab'"
        );
        let has = Has {
            link: true,
            ..Has::default()
        };
        let marks = marks(3, "g_x", has);
        assert_eq!(
            array_of(&folding::normal("直播 null"), &marks),
            "{\"直播\",\"播\",\"null\",\"\u{e000}3\",\"\u{e001}g\u{e15f}x\",\"\u{e002}l\"}"
        );
    }
}
