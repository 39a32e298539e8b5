//! How checks are told: a table for a person, JSON for a machine.

use std::{
    fmt::Write,
    io::{IsTerminal, stdout},
};

use serde::Serialize;
use time::OffsetDateTime;

/// Columns of a check's name; longer names push their line.
const NAME_COLUMNS: usize = 14;

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Ok,
    /// It works, and somebody should know.
    Warn,
    /// It does not work.
    Fail,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    pub name: String,
    pub outcome: Outcome,
    /// What is the case.
    pub found: String,
    /// What to do about it; nothing where all is well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

impl Check {
    pub fn ok(name: impl Into<String>, found: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            outcome: Outcome::Ok,
            found: found.into(),
            advice: None,
        }
    }

    pub fn warn(
        name: impl Into<String>,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            outcome: Outcome::Warn,
            advice: Some(advice.into()),
            ..Self::ok(name, found)
        }
    }

    pub fn fail(
        name: impl Into<String>,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            outcome: Outcome::Fail,
            advice: Some(advice.into()),
            ..Self::ok(name, found)
        }
    }

    pub fn is_ok(&self) -> bool {
        self.outcome == Outcome::Ok
    }
}

/// All that was looked at, in the order in which it is told.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub title: String,
    pub checks: Vec<Check>,
}

/// Whether there may be colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    Plain,
    Colour,
}

impl Paint {
    /// Colour for a person at a terminal who did not forbid it (https://no-color.org).
    pub fn for_stdout() -> Self {
        let forbidden = std::env::var_os("NO_COLOR").is_some_and(|it| !it.is_empty())
            || std::env::var_os("TERM").is_none_or(|it| it == "dumb");
        if stdout().is_terminal() && !forbidden {
            Self::Colour
        } else {
            Self::Plain
        }
    }

    fn dye(self, code: &str, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Colour => format!("\x1b[{code}m{text}\x1b[0m"),
        }
    }
}

impl Report {
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            checks: Vec::new(),
        }
    }

    pub fn push(&mut self, check: Check) {
        self.checks.push(check);
    }

    pub fn count(&self, outcome: Outcome) -> usize {
        self.checks
            .iter()
            .filter(|it| it.outcome == outcome)
            .count()
    }

    /// Nothing failed; there may be warnings.
    pub fn holds(&self) -> bool {
        self.count(Outcome::Fail) == 0
    }

    /// The table, with what to do below each line that asks for something.
    pub fn table(&self, paint: Paint) -> String {
        let mut out = format!("{}\n\n", paint.dye("1", &self.title));
        for check in &self.checks {
            let (mark, code) = match (check.outcome, paint) {
                (Outcome::Ok, Paint::Plain) => ("ok  ", ""),
                (Outcome::Warn, Paint::Plain) => ("warn", ""),
                (Outcome::Fail, Paint::Plain) => ("FAIL", ""),
                (Outcome::Ok, Paint::Colour) => ("✓ ok  ", "32"),
                (Outcome::Warn, Paint::Colour) => ("! warn", "33"),
                (Outcome::Fail, Paint::Colour) => ("✗ fail", "1;31"),
            };
            let name = format!("{:NAME_COLUMNS$}", check.name);
            line(
                &mut out,
                format_args!("  {}  {name}  {}", paint.dye(code, mark), check.found),
            );
            if let Some(advice) = &check.advice {
                let indent = 2 + mark.chars().count() + 2 + NAME_COLUMNS + 2;
                line(
                    &mut out,
                    format_args!("{:indent$}{}", "", paint.dye("2", &format!("→ {advice}"))),
                );
            }
        }
        let (ok, warn, fail) = (
            self.count(Outcome::Ok),
            self.count(Outcome::Warn),
            self.count(Outcome::Fail),
        );
        let code = match (warn, fail) {
            (0, 0) => "32",
            (_, 0) => "33",
            _ => "1;31",
        };
        let sum = format!("{ok} ok, {warn} to look at, {fail} failed");
        line(&mut out, format_args!("\n  {}", paint.dye(code, &sum)));
        out
    }

    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("plain data always serializes")
    }
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(out, "{text}").expect("a String takes everything");
}

/// 1 row, 2 rows; thousands apart.
pub(super) fn count_text(n: u64, noun: &str) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    let plural = if n == 1 { "" } else { "s" };
    format!("{text} {noun}{plural}")
}

/// 1.2 GiB, 340 KiB, 12 bytes.
pub fn bytes_text(n: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"];
    if n < 1024 {
        return format!("{n} bytes");
    }
    // A size to be read by a person: the last digits do not matter.
    let mut size = n as f64 / 1024.0;
    let mut unit = units[0];
    for larger in &units[1..] {
        if size < 1024.0 {
            break;
        }
        size /= 1024.0;
        unit = larger;
    }
    if size < 10.0 {
        format!("{size:.1} {unit}")
    } else {
        format!("{size:.0} {unit}")
    }
}

/// 2026-11-27 23:20:05 UTC.
pub fn moment_text(unix_ms: u64) -> String {
    let seconds = i64::try_from(unix_ms / 1_000).unwrap_or(i64::MAX);
    match OffsetDateTime::from_unix_timestamp(seconds) {
        Ok(it) => format!(
            "{:04}-{:02}-{:02} {:02}:{:02}:{:02} UTC",
            it.year(),
            u8::from(it.month()),
            it.day(),
            it.hour(),
            it.minute(),
            it.second(),
        ),
        // Only a clock that is set beyond the year 9999.
        Err(_) => format!("{unix_ms} ms after 1970"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_says_what_is_wrong_and_what_to_do() {
        let mut report = Report::new("a machine");
        report.push(Check::ok("clock", "right"));
        report.push(Check::warn("disk", "slow", "use a faster one"));
        assert!(report.holds());
        report.push(Check::fail("ports", "8080 is taken", "stop the other"));
        assert!(!report.holds());
        let expected = "\
a machine

  ok    clock           right
  warn  disk            slow
                        → use a faster one
  FAIL  ports           8080 is taken
                        → stop the other

  1 ok, 1 to look at, 1 failed
";
        assert_eq!(report.table(Paint::Plain), expected);
        let coloured = report.table(Paint::Colour);
        assert!(coloured.contains("\x1b[1;31m✗ fail\x1b[0m"), "{coloured}");
        let json: serde_json::Value = serde_json::from_str(&report.json()).expect("JSON");
        assert_eq!(json["checks"][1]["outcome"], "warn");
        assert_eq!(json["checks"][1]["advice"], "use a faster one");
        assert!(json["checks"][0].get("advice").is_none());
    }

    #[test]
    fn numbers_are_for_people() {
        assert_eq!(count_text(1, "row"), "1 row");
        assert_eq!(count_text(1_234_567, "row"), "1,234,567 rows");
        assert_eq!(bytes_text(12), "12 bytes");
        assert_eq!(bytes_text(1_536), "1.5 KiB");
        assert_eq!(bytes_text(5 * 1024 * 1024 * 1024), "5.0 GiB");
        assert_eq!(moment_text(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(moment_text(1_790_000_000_000), "2026-09-21 14:13:20 UTC");
    }
}
