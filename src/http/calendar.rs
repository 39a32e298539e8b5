//! A broadcast as an entry of a calendar (RFC 5545). The same broadcast is always the same entry, so
//! that one who takes the file again after a change has it once, at its new time, or crossed out.

use std::fmt::Write as _;

use time::OffsetDateTime;

pub(crate) const TYPE: &str = "text/calendar; charset=utf-8; method=PUBLISH";
/// Octets of a line, its end not counted.
const LINE_OCTETS_MAX: usize = 75;
/// How long a broadcast takes for a calendar, while nobody knows.
const LASTS_S: i64 = 3_600;
/// The last second that a calendar has a year for.
const LATEST_S: i64 = 253_402_300_799;

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
    // An entry ends later than it starts, by the seconds that it is told in (3.8.2.2).
    let starts_s = seconds(it.starts_ms).min(LATEST_S - LASTS_S);
    let ended_s = it.ended_ms.map(seconds).filter(|it| *it > starts_s);
    let ends_s = ended_s.unwrap_or(starts_s + LASTS_S);
    let about = format!("{} · {}\n{}", it.host, it.room, it.url);
    let mut out = String::new();
    let mut say = |name: &str, value: &str| fold(&mut out, &format!("{name}:{value}"));
    say("BEGIN", "VCALENDAR");
    say("VERSION", "2.0");
    say("PRODID", "-//weiquan//weiquan//EN");
    say("METHOD", "PUBLISH");
    say("BEGIN", "VEVENT");
    say("UID", &text(&format!("{}@{}", it.id, host_of(it.url))));
    say("DTSTAMP", &utc(seconds(it.now_ms)));
    say("SEQUENCE", &it.revision.to_string());
    say("DTSTART", &utc(starts_s));
    say("DTEND", &utc(ends_s));
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

/// What no calendar has a year for is the last moment of those it has.
fn seconds(unix_ms: u64) -> i64 {
    i64::try_from(unix_ms / 1_000).map_or(LATEST_S, |it| it.min(LATEST_S))
}

/// A moment in UTC, to the second (3.3.5).
fn utc(unix_s: i64) -> String {
    let at = OffsetDateTime::from_unix_timestamp(unix_s).unwrap_or(OffsetDateTime::UNIX_EPOCH);
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
    use rand::{RngExt, SeedableRng, rngs::SmallRng};

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

    /// Who reads it as the RFC says: lines unfolded, each with its name, its value with nothing escaped.
    fn read(file: &str) -> Vec<(String, String)> {
        assert!(file.ends_with("\r\n"));
        let lines = file.trim_end_matches("\r\n").split("\r\n");
        for line in lines {
            assert!(line.len() <= LINE_OCTETS_MAX, "{} octets", line.len());
            assert!(!line.contains(|it: char| it.is_control()), "{line:?}");
        }
        let unfolded = file.replace("\r\n ", "");
        let read = |line: &str| {
            let (name, value) = line.split_once(':').expect("a name");
            assert!(name.bytes().all(|it| it.is_ascii_uppercase()), "{name}");
            let mut said = String::new();
            let mut chars = value.chars();
            while let Some(char) = chars.next() {
                let is_text = !matches!(name, "URL");
                match char {
                    '\\' if is_text => match chars.next() {
                        Some('n') => said.push('\n'),
                        Some(it @ ('\\' | ';' | ',')) => said.push(it),
                        other => panic!("\\{other:?} in {value}"),
                    },
                    ';' | ',' if is_text => panic!("{char} in {value}"),
                    it => said.push(it),
                }
            }
            (name.to_owned(), said)
        };
        unfolded.trim_end().split("\r\n").map(read).collect()
    }

    /// What may stand in a text: of the control characters only the end of a line.
    fn fit(text: &str) -> String {
        let fits = |it: &char| *it == '\n' || !it.is_control();
        text.chars().filter(fits).collect()
    }

    #[test]
    fn n7_no_text_breaks_out_of_its_line_or_is_changed_in_it() {
        const SPICE: &[&str] = &[
            "\r\n",
            "\n",
            "\r",
            "\t",
            "\0",
            "\u{7f}",
            "\u{85}",
            "\u{2028}",
            ";",
            ",",
            ":",
            "\\",
            "\"",
            " ",
            "\\n",
            "a",
            "é",
            "微",
            "👩‍👩‍👧",
            "\u{fe0f}",
            "BEGIN:VEVENT",
            "END:VCALENDAR",
            "seventy-four octets in one piece, one less than the longest line may have.",
        ];
        for seed in seeds::of(400) {
            let mut draw = SmallRng::seed_from_u64(seed);
            let mut text = |most: usize| -> String {
                let n = draw.random_range(0..most);
                (0..n)
                    .map(|_| SPICE[draw.random_range(0..SPICE.len())])
                    .collect()
            };
            let (title, room, host) = (text(60), text(12), text(12));
            let mut moment = || match draw.random_range(0..4) {
                0 => draw.random::<u64>(),
                1 => draw.random_range(0..5_000),
                _ => draw.random_range(1_700_000_000_000..1_900_000_000_000),
            };
            let (starts_ms, ended_ms, now_ms) = (moment(), moment(), moment());
            let ended_ms = [
                None,
                Some(ended_ms),
                Some(starts_ms.saturating_add(ended_ms % 2_000)),
            ][(seed % 3) as usize];
            let cancelled = seed % 5 == 0;
            let file = file(&Entry {
                title: &title,
                room: &room,
                host: &host,
                starts_ms,
                ended_ms,
                cancelled,
                now_ms,
                ..entry("")
            });
            let lines = read(&file);
            let names: Vec<&str> = lines.iter().map(|it| it.0.as_str()).collect();
            let alarm = if cancelled {
                Vec::new()
            } else {
                vec!["BEGIN", "ACTION", "TRIGGER", "DESCRIPTION", "END"]
            };
            let event = [
                "BEGIN",
                "VERSION",
                "PRODID",
                "METHOD",
                "BEGIN",
                "UID",
                "DTSTAMP",
                "SEQUENCE",
                "DTSTART",
                "DTEND",
                "SUMMARY",
                "DESCRIPTION",
                "LOCATION",
                "URL",
                "STATUS",
            ];
            assert_eq!(names, [event.as_slice(), &alarm, &["END", "END"]].concat());
            let said = |name: &str| {
                let found = lines.iter().find(|it| it.0 == name);
                found.expect("a line").1.clone()
            };
            assert_eq!(said("SUMMARY"), fit(&title));
            let about = format!("{host} · {room}\nhttps://live.example.org/r/lobby");
            assert_eq!(said("DESCRIPTION"), fit(&about));
            for moment in ["DTSTAMP", "DTSTART", "DTEND"].map(said) {
                let digits = moment.replace(['T', 'Z'], "");
                assert!(
                    moment.len() == 16 && digits.bytes().all(|it| it.is_ascii_digit()),
                    "{moment}"
                );
            }
            // Of one form and length, so that text is ordered as time is.
            assert!(said("DTEND") > said("DTSTART"), "{file}");
        }
    }
}
