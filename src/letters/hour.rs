//! The hour of the circle: when digests go, by the clock on the wall of its time zone. Pure: it is told the time.

use jiff::{
    Timestamp, ToSpan,
    civil::{Date, Time, Weekday},
    tz::TimeZone,
};
use store::DigestHours;

use super::words::Words;

/// Days back from today among which there is a last Monday.
const DAYS: i32 = 8;

/// An hour of the day in a time zone.
#[derive(Clone, Debug)]
pub struct Hour {
    zone: TimeZone,
    at: Time,
}

/// Why there is no such hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HourError {
    #[error("write it as hh:mm, from 00:00 to 23:59")]
    At,
    #[error(
        "write a name of the IANA time zone database, such as Asia/Shanghai or UTC; but for UTC the machine must have it \
         (Debian: tzdata)"
    )]
    Zone,
}

impl Hour {
    /// `at` is `hh:mm`, `zone` a name of the IANA database.
    pub fn new(at: &str, zone: &str) -> Result<Self, HourError> {
        let read = || {
            let (hour, minute) = at.split_once(':')?;
            let is_plain = |it: &str| it.len() == 2 && it.bytes().all(|it| it.is_ascii_digit());
            if !is_plain(hour) || !is_plain(minute) {
                return None;
            }
            Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
        };
        Ok(Self {
            at: read().ok_or(HourError::At)?,
            zone: TimeZone::get(zone).map_err(|_| HourError::Zone)?,
        })
    }

    /// When it was last, and last on a Monday; where a clock skips the hour, at the one after.
    pub(super) fn last(&self, now_ms: u64) -> DigestHours {
        let now = timestamp(now_ms);
        let today = now.to_zoned(self.zone.clone()).date();
        let last = |wanted: &dyn Fn(Date) -> bool| {
            (0..=DAYS)
                .filter_map(|back| today.checked_sub(back.days()).ok())
                .filter(|date| wanted(*date))
                .filter_map(|date| self.on(date))
                .find(|it| *it <= now)
                .map_or(0, |it| u64::try_from(it.as_millisecond()).unwrap_or(0))
        };
        DigestHours {
            daily_ms: last(&|_| true),
            weekly_ms: last(&|date| date.weekday() == Weekday::Monday),
        }
    }

    /// A moment as people of this zone say it.
    pub(super) fn say(&self, at_ms: u64, words: Words) -> String {
        let at = timestamp(at_ms).to_zoned(self.zone.clone());
        let zone = self.zone.iana_name().unwrap_or("UTC");
        let (form, open, close) = match words {
            Words::English => ("%a %-d %b, %H:%M", " (", ")"),
            Words::Simplified | Words::Traditional => ("%-m月%-d日 %H:%M", "（", "）"),
        };
        format!("{}{open}{zone}{close}", at.strftime(form))
    }

    fn on(&self, date: Date) -> Option<Timestamp> {
        let at = date.to_datetime(self.at).to_zoned(self.zone.clone()).ok()?;
        Some(at.timestamp())
    }
}

/// What no calendar has is its end.
fn timestamp(ms: u64) -> Timestamp {
    let ms = i64::try_from(ms).unwrap_or(i64::MAX);
    Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(text: &str) -> u64 {
        let at: Timestamp = text.parse().expect("a moment");
        u64::try_from(at.as_millisecond()).expect("after 1970")
    }

    fn last(hour: &Hour, now: &str) -> (u64, u64) {
        let found = hour.last(ms(now));
        (found.daily_ms, found.weekly_ms)
    }

    #[test]
    fn it_is_the_last_one_of_the_zone() {
        // 29 November 2026 is a Sunday.
        let utc = Hour::new("08:00", "UTC").expect("an hour");
        assert_eq!(
            last(&utc, "2026-11-29T07:59:59Z"),
            (ms("2026-11-28T08:00:00Z"), ms("2026-11-23T08:00:00Z"))
        );
        assert_eq!(
            last(&utc, "2026-11-30T08:00:00Z"),
            (ms("2026-11-30T08:00:00Z"), ms("2026-11-30T08:00:00Z"))
        );
        assert_eq!(utc.last(0).weekly_ms, 0, "before there was a Monday");
    }

    #[test]
    fn it_follows_the_clock_on_the_wall() {
        let Ok(berlin) = Hour::new("02:30", "Europe/Berlin") else {
            // A machine without time zones has UTC alone.
            return;
        };
        // The hour that is skipped in spring is the one after; of two in autumn the first counts.
        assert_eq!(
            berlin.last(ms("2026-03-29T03:00:00Z")).daily_ms,
            ms("2026-03-29T01:30:00Z")
        );
        assert_eq!(
            berlin.last(ms("2026-10-25T05:00:00Z")).daily_ms,
            ms("2026-10-25T00:30:00Z")
        );
        let shanghai = Hour::new("08:00", "Asia/Shanghai").expect("an hour");
        assert_eq!(
            last(&shanghai, "2026-11-30T00:00:00Z"),
            (ms("2026-11-30T00:00:00Z"), ms("2026-11-30T00:00:00Z"))
        );
        assert_eq!(
            shanghai.say(ms("2026-12-01T12:00:00Z"), Words::Simplified),
            "12月1日 20:00（Asia/Shanghai）"
        );
        assert_eq!(
            shanghai.say(ms("2026-12-01T12:00:00Z"), Words::English),
            "Tue 1 Dec, 20:00 (Asia/Shanghai)"
        );
    }

    #[test]
    fn what_is_no_hour_and_no_zone_is_said() {
        for at in ["", "8:00", "08", "24:00", "08:60", "08:00:00", "+8:00"] {
            assert_eq!(Hour::new(at, "UTC").err(), Some(HourError::At), "{at}");
        }
        let nowhere = Hour::new("08:00", "Mars/Olympus").err();
        assert_eq!(nowhere, Some(HourError::Zone));
    }
}
