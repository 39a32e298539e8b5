//! Shares, times, rates and sizes as a person writes them: `5%`, `40ms`, `1mbit`, `64kib`.

use std::time::Duration;

use serde::{Deserialize as _, Deserializer, Serializer};
use thiserror::Error;

/// What is written is not what is meant.
#[derive(Debug, Error)]
#[error("{text:?} is no {what}: {example}")]
pub struct NotA {
    text: String,
    what: &'static str,
    example: &'static str,
}

/// A share of one: `0.05` or `5%`.
pub(super) fn share(text: &str) -> Result<f64, NotA> {
    let parsed = match text.trim().strip_suffix('%') {
        Some(percent) => percent.trim().parse::<f64>().map(|it| it / 100.0),
        None => text.trim().parse(),
    };
    parsed
        .ok()
        .filter(|it| (0.0..=1.0).contains(it))
        .ok_or_else(|| NotA {
            text: text.to_owned(),
            what: "share",
            example: "write 0.05 or 5%, from 0 to 1",
        })
}

/// A plain number that is not negative.
pub(super) fn number(text: &str) -> Result<f64, NotA> {
    let parsed: Option<f64> = text.trim().parse().ok();
    parsed
        .filter(|it| it.is_finite() && *it >= 0.0)
        .ok_or_else(|| NotA {
            text: text.to_owned(),
            what: "number",
            example: "write 4 or 2.5",
        })
}

/// A time: `40ms`, `1.5s`, `250us`, `0`.
pub(super) fn time(text: &str) -> Result<Duration, NotA> {
    let of = |word: &str| match word {
        "us" => Some(1e-6),
        "ms" => Some(1e-3),
        "s" => Some(1.0),
        "m" | "min" => Some(60.0),
        _ => None,
    };
    with_unit(text, of)
        .and_then(|it| Duration::try_from_secs_f64(it).ok())
        .ok_or_else(|| NotA {
            text: text.to_owned(),
            what: "time",
            example: "write 250us, 40ms or 1.5s",
        })
}

/// Bits a second: `1mbit`, `500kbit`; nothing for `0` and `none`.
pub(super) fn rate(text: &str) -> Result<Option<u64>, NotA> {
    if text.trim().eq_ignore_ascii_case("none") {
        return Ok(None);
    }
    let of = |word: &str| match word {
        "bit" => Some(1.0),
        "kbit" => Some(1e3),
        "mbit" => Some(1e6),
        "gbit" => Some(1e9),
        _ => None,
    };
    with_unit(text, of)
        .map(|it| Some(it as u64).filter(|it| *it > 0))
        .ok_or_else(|| NotA {
            text: text.to_owned(),
            what: "rate",
            example: "write 500kbit, 1mbit or none",
        })
}

/// Bytes: `1500`, `64kib`, `2MiB`, `100kb`.
pub(super) fn bytes(text: &str) -> Result<u64, NotA> {
    let of = |word: &str| match word {
        "" | "b" => Some(1.0),
        "kb" => Some(1e3),
        "kib" => Some(1024.0),
        "mb" => Some(1e6),
        "mib" => Some(1024.0 * 1024.0),
        _ => None,
    };
    match text.trim().parse::<u64>() {
        Ok(plain) => Ok(plain),
        Err(_) => with_unit(text, of).map(|it| it as u64).ok_or_else(|| NotA {
            text: text.to_owned(),
            what: "size",
            example: "write 1500, 64kib or 2MiB",
        }),
    }
}

/// As [`bytes`]; nothing for `none`.
pub(super) fn some_bytes(text: &str) -> Result<Option<u64>, NotA> {
    if text.trim().eq_ignore_ascii_case("none") {
        return Ok(None);
    }
    bytes(text).map(Some)
}

/// A number and its unit; a bare 0 needs none.
fn with_unit(text: &str, of: impl Fn(&str) -> Option<f64>) -> Option<f64> {
    let text = text.trim().to_ascii_lowercase();
    if text == "0" {
        return Some(0.0);
    }
    let digits = text.find(|it: char| !it.is_ascii_digit() && it != '.')?;
    let number: f64 = text[..digits].parse().ok()?;
    of(text[digits..].trim()).map(|unit| number * unit)
}

/// In JSON a value is a text as in a flag, or a bare number where the flag takes one.
macro_rules! as_text {
    ($module:ident, $type:ty, $parse:path, $write:expr) => {
        pub(super) mod $module {
            use super::*;

            pub(in crate::impair) fn serialize<S: Serializer>(
                it: &$type,
                to: S,
            ) -> Result<S::Ok, S::Error> {
                let write: fn(&$type) -> String = $write;
                to.serialize_str(&write(it))
            }

            pub(in crate::impair) fn deserialize<'de, D: Deserializer<'de>>(
                from: D,
            ) -> Result<$type, D::Error> {
                let text = match serde_json::Value::deserialize(from)? {
                    serde_json::Value::String(text) => text,
                    other => other.to_string(),
                };
                $parse(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

as_text!(as_share, f64, share, f64::to_string);
as_text!(as_number, f64, number, f64::to_string);
as_text!(as_time, Duration, time, |it| format!(
    "{}ms",
    it.as_secs_f64() * 1e3
));
as_text!(as_rate, Option<u64>, rate, |it| match it {
    Some(bits) => format!("{bits}bit"),
    None => "none".into(),
});
as_text!(as_bytes, u64, bytes, u64::to_string);
as_text!(as_some_bytes, Option<u64>, some_bytes, |it| match it {
    Some(bytes) => bytes.to_string(),
    None => "none".into(),
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_writes_is_read() {
        assert_eq!(share("5%").expect("a share"), 0.05);
        assert_eq!(share("0.05").expect("a share"), 0.05);
        assert_eq!(time("40ms").expect("a time"), Duration::from_millis(40));
        assert_eq!(time("1.5 s").expect("a time"), Duration::from_millis(1_500));
        assert_eq!(time("0").expect("a time"), Duration::ZERO);
        assert_eq!(rate("1mbit").expect("a rate"), Some(1_000_000));
        assert_eq!(rate("none").expect("a rate"), None);
        assert_eq!(bytes("64 KiB").expect("a size"), 65_536);
        assert_eq!(bytes("1500").expect("a size"), 1_500);
    }

    #[test]
    fn what_is_not_meant_is_refused_with_an_example() {
        for wrong in ["1.2", "-1%", "five"] {
            assert!(share(wrong).is_err(), "{wrong}");
        }
        for wrong in ["40", "40 m/s", "-1ms", "ms"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
        for wrong in ["1mb", "fast", "1000"] {
            assert!(rate(wrong).is_err(), "{wrong}");
        }
        let said = bytes("many").expect_err("no size").to_string();
        assert_eq!(said, r#""many" is no size: write 1500, 64kib or 2MiB"#);
    }
}
