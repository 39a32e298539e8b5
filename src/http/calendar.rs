//! A broadcast as an entry of a calendar (RFC 5545). The same broadcast is always the same entry, so
//! that one who takes the file again after a change has it once, at its new time, or crossed out.

use std::fmt::Write as _;

use time::OffsetDateTime;

pub(crate) const TYPE: &str = "text/calendar; charset=utf-8; method=PUBLISH";
/// Octets of a line, its end not counted.
const LINE_OCTETS_MAX: usize = 75;
/// How long a broadcast takes for a calendar, while nobody knows.
const LASTS_MS: u64 = 3_600_000;

/// What an entry says.
pub(crate) struct Entry<'a> {
    /// The broadcast's id.
    pub(crate) id: &'a str,
    pub(crate) title: &'a str,
    /// The room's title.
    pub(crate) room: &'a str,
    pub(crate) url: &'a str,
    pub(crate) host: &'a str,
    pub(crate) starts_ms: u64,
    pub(crate) ended_ms: Option<u64>,
    /// It was taken back.
    pub(crate) cancelled: bool,
    /// Grows whenever it changed.
    pub(crate) revision: u64,
    pub(crate) now_ms: u64,
}

/// The whole file.
pub(crate) fn file(it: &Entry<'_>) -> String {
    let ends_ms = it
        .ended_ms
        .filter(|ended| *ended > it.starts_ms)
        .unwrap_or_else(|| it.starts_ms.saturating_add(LASTS_MS));
    let about = format!("{} · {}\n{}", it.host, it.room, it.url);
    let mut out = String::new();
    let mut say = |name: &str, value: &str| fold(&mut out, &format!("{name}:{value}"));
    say("BEGIN", "VCALENDAR");
    say("VERSION", "2.0");
    say("PRODID", "-//weiquan//weiquan//EN");
    say("METHOD", "PUBLISH");
    say("BEGIN", "VEVENT");
    say("UID", &text(&format!("{}@{}", it.id, host_of(it.url))));
    say("DTSTAMP", &utc(it.now_ms));
    say("SEQUENCE", &it.revision.to_string());
    say("DTSTART", &utc(it.starts_ms));
    say("DTEND", &utc(ends_ms));
    say("SUMMARY", &text(it.title));
    say("DESCRIPTION", &text(&about));
    say("LOCATION", &text(it.url));
    say("URL", it.url);
    if it.cancelled {
        say("STATUS", "CANCELLED");
    } else {
        say("STATUS", "CONFIRMED");
        say("BEGIN", "VALARM");
        say("ACTION", "DISPLAY");
        say("TRIGGER", "-PT10M");
        say("DESCRIPTION", &text(it.title));
        say("END", "VALARM");
    }
    say("END", "VEVENT");
    say("END", "VCALENDAR");
    out
}

fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |it| it.1);
    rest.split('/').next().unwrap_or(rest)
}

/// A moment in UTC, to the second.
fn utc(unix_ms: u64) -> String {
    let seconds = i64::try_from(unix_ms / 1_000).unwrap_or(i64::MAX);
    // What no calendar has a year for is shown as the last moment of those it has.
    let latest = 253_402_300_799;
    let at = OffsetDateTime::from_unix_timestamp(seconds.min(latest))
        .unwrap_or(OffsetDateTime::UNIX_EPOCH);
    format!(
        "{:04}{:02}{:02}T{:02}{:02}{:02}Z",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second()
    )
}

/// A value of the type TEXT (3.3.11).
fn text(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for char in value.chars() {
        match char {
            '\\' | ';' | ',' => {
                out.push('\\');
                out.push(char);
            }
            '\n' => out.push_str("\\n"),
            it if it.is_control() => {}
            it => out.push(it),
        }
    }
    out
}

/// A line that is too long goes on in the next, which begins with a space (3.1). No letter is cut.
fn fold(out: &mut String, line: &str) {
    let mut octets = 0;
    for char in line.chars() {
        if octets + char.len_utf8() > LINE_OCTETS_MAX {
            out.push_str("\r\n ");
            octets = 1;
        }
        out.push(char);
        octets += char.len_utf8();
    }
    let _ = write!(out, "\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(title: &str) -> Entry<'_> {
        Entry {
            id: "b1-k3-4",
            title,
            room: "大厅",
            url: "https://live.example.org/r/lobby",
            host: "小明",
            starts_ms: 1_795_000_000_123,
            ended_ms: None,
            cancelled: false,
            revision: 3,
            now_ms: 1_794_000_000_000,
        }
    }

    fn has(file: &str, line: &str) -> bool {
        file.split("\r\n").any(|it| it == line)
    }

    #[test]
    fn n7_a_broadcast_is_one_entry_with_its_time_in_utc() {
        let file = file(&entry("读书会"));
        for line in [
            "BEGIN:VCALENDAR",
            "VERSION:2.0",
            "UID:b1-k3-4@live.example.org",
            "DTSTAMP:20261106T212000Z",
            "SEQUENCE:3",
            "DTSTART:20261118T110640Z",
            "DTEND:20261118T120640Z",
            "SUMMARY:读书会",
            "URL:https://live.example.org/r/lobby",
            "STATUS:CONFIRMED",
            "TRIGGER:-PT10M",
            "END:VCALENDAR",
        ] {
            assert!(has(&file, line), "{line} in\n{file}");
        }
        assert!(file.ends_with("\r\n") && !file.replace("\r\n", "").contains(['\r', '\n']));
    }

    #[test]
    fn n7_what_was_taken_back_is_crossed_out() {
        let taken_back = Entry {
            cancelled: true,
            ..entry("读书会")
        };
        let file = file(&taken_back);
        assert!(has(&file, "STATUS:CANCELLED"));
        assert!(!file.contains("VALARM"));
        assert!(has(&file, "UID:b1-k3-4@live.example.org"));
    }

    #[test]
    fn n7_no_title_breaks_out_of_its_line() {
        let file = file(&entry("a, b; c\\d\r\nSTATUS:CANCELLED"));
        assert!(
            has(&file, "SUMMARY:a\\, b\\; c\\\\d\\nSTATUS:CANCELLED"),
            "{file}"
        );
        assert!(has(&file, "STATUS:CONFIRMED"));
    }

    #[test]
    fn n7_a_long_line_is_folded_between_letters() {
        let title = "微圈直播".repeat(30);
        let file = file(&entry(&title));
        assert!(file.split("\r\n").all(|it| it.len() <= LINE_OCTETS_MAX));
        let unfolded = file.replace("\r\n ", "");
        assert!(has(&unfolded, &format!("SUMMARY:{title}")));
    }
}
