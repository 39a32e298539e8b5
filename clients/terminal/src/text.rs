//! Other people's words, made fit for a terminal.

use jiff::{Timestamp, tz::TimeZone};

/// Without what moves the cursor, rings, colours or turns the direction of reading: other people's words
/// must not reach into the terminal. Lines stay lines.
pub(crate) fn plain(text: &str) -> String {
    text.chars()
        .filter(|it| *it == '\n' || !(it.is_control() || turns(*it)))
        .collect()
}

/// The same on one line.
pub(crate) fn one_line(text: &str) -> String {
    plain(&text.replace('\n', " "))
}

/// A name; who erased their account has none.
pub(crate) fn called(name: &str) -> String {
    one_line(protocol::name::shown(name, "en"))
}

fn turns(it: char) -> bool {
    matches!(it, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
}

/// `21:04`, in this zone.
pub(crate) fn clock_face(unix_ms: u64, zone: &TimeZone) -> String {
    let moment = i64::try_from(unix_ms)
        .ok()
        .and_then(|it| Timestamp::from_millisecond(it).ok());
    moment.map_or_else(
        || "--:--".into(),
        |it| it.to_zoned(zone.clone()).strftime("%H:%M").to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_cannot_reach_into_the_terminal() {
        assert_eq!(plain("红\u{1b}[31m色\u{7}\n下一行"), "红[31m色\n下一行");
        assert_eq!(plain("a\u{202e}b\u{9b}2J"), "ab2J");
        assert_eq!(one_line("一\n二\r三"), "一 二三");
    }

    #[test]
    fn a_moment_has_a_clock_face_even_when_it_is_nonsense() {
        assert_eq!(clock_face(1_795_000_000_000, &TimeZone::UTC), "11:06");
        assert_eq!(clock_face(u64::MAX, &TimeZone::UTC), "--:--");
    }
}
