//! What stands between two marks of Markdown: text, in which addresses and tags are found.

use protocol::{
    doc::{Inline, Span},
    limits,
};

use crate::{
    chars::{self, is_word},
    link,
};

/// Text that is still being gathered.
#[derive(Default)]
pub(crate) struct Run {
    text: String,
    /// Where a `#` stands that begins no tag: it was escaped.
    bare: Vec<usize>,
}

/// Whether addresses and tags are looked for.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Look {
    ForAll,
    /// Inside of a link, and in text that is not Markdown.
    ForNothing,
}

impl Run {
    pub(crate) fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Text whose first character was escaped.
    pub(crate) fn push_escaped(&mut self, text: &str) {
        self.bare.push(self.text.len());
        self.text.push_str(text);
    }

    /// Hands over what was gathered, in about `parts_max` parts.
    pub(crate) fn take_into(&mut self, into: &mut Vec<Inline>, look: Look, parts_max: usize) {
        let text = std::mem::take(&mut self.text);
        let bare = std::mem::take(&mut self.bare);
        if look == Look::ForNothing {
            return push_text(into, &text);
        }
        let end = into.len() + parts_max;
        let mut from = 0;
        let mut at = 0;
        let mut before = None;
        while let Some(it) = text[at..].chars().next() {
            if into.len() >= end {
                break;
            }
            let found = match it {
                'h' | 'H' => link::address(before, &text[at..]).map(|it| (linked(it), it.len())),
                '#' if bare.binary_search(&at).is_err() => tagged(before, &text[at..]),
                _ => None,
            };
            let (span, length) = found.unwrap_or((None, it.len_utf8()));
            if let Some(span) = span {
                push_text(into, &text[from..at]);
                into.push(span.into());
                from = at + length;
            }
            before = text[at..at + length].chars().next_back();
            at += length;
        }
        push_text(into, &text[from..]);
    }
}

/// Adds text, to the text before it where there is some.
pub(crate) fn push_text(into: &mut Vec<Inline>, text: &str) {
    let text = chars::shown(text);
    if text.is_empty() {
        return;
    }
    match into.last_mut() {
        Some(Inline::Text(last)) => last.push_str(&text),
        _ => into.push(Inline::Text(text)),
    }
}

fn linked(address: &str) -> Option<Span> {
    let href = link::target(address)?;
    Some(link::span(href, vec![Inline::Text(chars::shown(address))]))
}

/// A tag that the text begins with, `#话题#` before `#tag`, and its bytes.
fn tagged(before: Option<char>, text: &str) -> Option<(Option<Span>, usize)> {
    let goes_on = |it: char| (is_word(it) && !chars::is_cjk(it)) || matches!(it, '#' | '/' | '&');
    if before.is_some_and(goes_on) {
        return None;
    }
    let words = &text[1..];
    let (name, length) = enclosed(words)
        .map(|it| (it, it.len() + 2))
        .or_else(|| word(words).map(|it| (it, it.len() + 1)))?;
    let tag = name.to_lowercase();
    let text = text[..length].to_owned();
    Some((Some(Span::Tag { text, tag }), length))
}

/// A tag that is written by itself, with its `#` or without, as it is kept. `None` where it is none.
pub fn tag(text: &str) -> Option<String> {
    let name = text.trim().trim_matches('#');
    let whole = format!("{name}#");
    let is_tag = enclosed(&whole).is_some_and(|it| it == name && it.chars().any(|it| it != '_'));
    is_tag.then(|| name.to_lowercase())
}

/// What stands before the closing `#`: words, with single signs and spaces between them.
fn enclosed(text: &str) -> Option<&str> {
    let mut between = true;
    let mut spaced = false;
    for (n, (at, it)) in text.char_indices().enumerate() {
        if it == '#' {
            // After words with a space between them it may as well be the next tag.
            let next = text[at + 1..].chars().next();
            let is_next = spaced && next.is_some_and(is_word);
            return (!between && !is_next).then(|| &text[..at]);
        }
        let is_joint = matches!(it, ' ' | '-' | '.' | '&' | '·' | '：' | '，');
        if n >= limits::TAG_CHARS_MAX || !(is_word(it) || is_joint && !between) {
            return None;
        }
        between = is_joint;
        spaced |= is_joint;
    }
    None
}

/// A word that is short enough.
fn word(text: &str) -> Option<&str> {
    let end = text.find(|it| !is_word(it)).unwrap_or(text.len());
    let word = &text[..end];
    let is_named = word.chars().any(|it| it != '_');
    (is_named && word.chars().count() <= limits::TAG_CHARS_MAX).then_some(word)
}
