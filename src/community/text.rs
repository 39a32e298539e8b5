//! What people wrote, made fit to keep: bounded, visible, without control characters.

use std::sync::Arc;

use protocol::{Code, Refusal, limits};

/// A message's text: trimmed, lines kept, not empty, up to [`limits::TEXT_CHARS_MAX`] characters.
pub fn message(text: &str) -> Result<String, Refusal> {
    let text = clean(text, Lines::Kept);
    if is_blank(&text) {
        return Err(Refusal::new(Code::Empty, "a message needs some text"));
    }
    bounded(text, limits::TEXT_CHARS_MAX, "a message")
}

/// The text of a topic or a reply in one: as a message, up to [`limits::MARKDOWN_CHARS_MAX`] characters.
pub fn reply(text: &str) -> Result<String, Refusal> {
    let text = clean(text, Lines::Kept);
    if is_blank(&text) {
        return Err(Refusal::new(Code::Empty, "a reply needs some text"));
    }
    bounded(text, limits::MARKDOWN_CHARS_MAX, "a reply")
}

/// The text of a topic that is made of messages: as any, or nothing at all.
pub fn beside_quotes(text: &str) -> Result<String, Refusal> {
    if is_blank(&clean(text, Lines::Kept)) {
        return Ok(String::new());
    }
    reply(text)
}

/// Hashtags as they are kept: by the rule of those that stand in a text ([`markdown::tag`]), each once.
pub fn tags(tags: &[String]) -> Result<Vec<Arc<str>>, Refusal> {
    let mut kept: Vec<Arc<str>> = Vec::new();
    for tag in tags {
        let Some(tag) = markdown::tag(tag) else {
            let chars_max = limits::TAG_CHARS_MAX;
            let words = format!(
                "a hashtag has up to {chars_max} letters, digits and _, with single signs between words"
            );
            return Err(Refusal::new(Code::Malformed, words));
        };
        if !kept.iter().any(|it| **it == *tag) {
            kept.push(tag.into());
        }
    }
    if kept.len() > limits::TAGS_MAX {
        let words = format!("a topic has up to {} hashtags", limits::TAGS_MAX);
        return Err(Refusal::new(Code::TooLong, words));
    }
    Ok(kept)
}

/// The host's own words above the talk: as a message, up to [`limits::PIN_CHARS_MAX`] characters.
pub fn pin(text: &str) -> Result<String, Refusal> {
    let text = clean(text, Lines::Kept);
    if is_blank(&text) {
        return Err(Refusal::new(Code::Empty, "what is pinned needs some text"));
    }
    bounded(text, limits::PIN_CHARS_MAX, "what is pinned")
}

/// A poll's question on one line.
pub fn question(text: &str) -> Result<String, Refusal> {
    line(text, limits::POLL_QUESTION_CHARS_MAX, "a question")
}

/// One of a poll's options on one line.
pub fn option(text: &str) -> Result<String, Refusal> {
    line(text, limits::POLL_OPTION_CHARS_MAX, "an option")
}

/// Something on one line that must not be empty.
fn line(text: &str, chars_max: usize, what: &str) -> Result<String, Refusal> {
    let text = clean(text, Lines::Joined);
    if is_blank(&text) {
        return Err(Refusal::new(Code::Empty, format!("{what} needs some text")));
    }
    bounded(text, chars_max, what)
}

/// As much of a message as is pinned.
pub(crate) fn beginning(text: &Arc<str>) -> Arc<str> {
    match text.char_indices().nth(limits::PIN_CHARS_MAX) {
        None => text.clone(),
        Some(_) => {
            let kept: String = text.chars().take(limits::PIN_CHARS_MAX - 1).collect();
            format!("{kept}…").into()
        }
    }
}

/// As much of a message as a notice shows, on one line.
pub(crate) fn short(text: &str) -> Arc<str> {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(limits::NOTICE_CHARS_MAX) {
        None => line.into(),
        Some(_) => {
            let kept: String = line.chars().take(limits::NOTICE_CHARS_MAX - 1).collect();
            format!("{kept}…").into()
        }
    }
}

/// A title on one line; empty where nothing visible was written.
pub fn title(text: &str) -> Result<String, Refusal> {
    bounded(
        clean(text, Lines::Joined),
        limits::TITLE_CHARS_MAX,
        "a title",
    )
}

/// A reason on one line; it may be empty.
pub fn reason(text: &str) -> Result<String, Refusal> {
    bounded(
        clean(text, Lines::Joined),
        limits::REASON_CHARS_MAX,
        "a reason",
    )
}

/// Any one line of a card; it may be empty. Nothing in it turns the direction of reading.
pub(crate) fn one_line(text: &str, chars_max: usize, what: &str) -> Result<String, Refusal> {
    let text = clean(text, Lines::Joined);
    let kept = text.chars().filter(|it| !is_turn(*it)).collect();
    bounded(kept, chars_max, what)
}

/// Whether something in it turns the direction of reading, by which a name or address can lie.
pub(crate) fn turns_direction(text: &str) -> bool {
    text.chars().any(is_turn)
}

const fn is_turn(it: char) -> bool {
    matches!(it, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[derive(Clone, Copy, PartialEq)]
enum Lines {
    Kept,
    Joined,
}

fn clean(text: &str, lines: Lines) -> String {
    let trimmed = text.trim();
    let is_clean = |it: char| !it.is_control() || (it == '\n' && lines == Lines::Kept);
    // Nearly every text is as it should be.
    if trimmed.chars().all(is_clean) && !is_blank(trimmed) {
        return trimmed.to_owned();
    }
    let kept: String = text
        .replace("\r\n", "\n")
        .chars()
        .filter_map(|it| match it {
            '\n' if lines == Lines::Kept => Some('\n'),
            '\n' | '\t' => Some(' '),
            it if it.is_control() => None,
            it => Some(it),
        })
        .collect();
    let trimmed = kept.trim();
    if is_blank(trimmed) {
        String::new()
    } else {
        trimmed.to_owned()
    }
}

/// Nothing that can be seen: spaces, and the zero-width characters that Unicode does not count as
/// spaces.
fn is_blank(text: &str) -> bool {
    text.chars().all(|it| {
        it.is_whitespace() || matches!(it, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
    })
}

fn bounded(text: String, chars_max: usize, what: &str) -> Result<String, Refusal> {
    let chars = text.chars().count();
    if chars > chars_max {
        return Err(Refusal::new(
            Code::TooLong,
            format!("{what} holds up to {chars_max} characters, this has {chars}"),
        ));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Result<&str, Code>) {
        let seen = message(text).map_err(|it| it.code);
        assert_eq!(seen.as_deref(), expect.as_ref().map(|it| *it), "{text:?}");
    }

    #[test]
    fn a_message_keeps_its_lines_and_loses_what_cannot_be_seen() {
        check("  今晚几点？ ", Ok("今晚几点？"));
        check("a\r\nb\n", Ok("a\nb"));
        check("a\tb\u{7}\u{1b}[31m\u{85}", Ok("a b[31m"));
        check("👩‍👩‍👧", Ok("👩‍👩‍👧"));
    }

    #[test]
    fn nothing_visible_is_empty() {
        for text in [
            "",
            " ",
            "\n\n",
            "\u{200b}\u{feff}",
            "\u{0}\u{1}",
            "\u{3000}",
        ] {
            check(text, Err(Code::Empty));
        }
    }

    #[test]
    fn the_limit_counts_characters_and_not_bytes() {
        let longest = "字".repeat(limits::TEXT_CHARS_MAX);
        check(&longest, Ok(&longest));
        check(&format!("{longest}字"), Err(Code::TooLong));
    }

    #[test]
    fn what_is_pinned_of_a_long_message_is_its_beginning() {
        let fits: Arc<str> = "字".repeat(limits::PIN_CHARS_MAX).into();
        assert_eq!(beginning(&fits), fits);
        let long: Arc<str> = format!("{fits}末").into();
        let cut = beginning(&long);
        assert_eq!(cut.chars().count(), limits::PIN_CHARS_MAX);
        assert!(cut.ends_with("字…"));
        assert_eq!(pin(&long).map_err(|it| it.code), Err(Code::TooLong));
        assert_eq!(pin(" ").map_err(|it| it.code), Err(Code::Empty));
    }

    #[test]
    fn titles_and_reasons_are_one_line() {
        assert_eq!(title(" a\nb ").as_deref(), Ok("a b"));
        assert_eq!(reason("").as_deref(), Ok(""));
        let long = "x".repeat(limits::REASON_CHARS_MAX + 1);
        assert_eq!(reason(&long).map_err(|it| it.code), Err(Code::TooLong));
    }
}
