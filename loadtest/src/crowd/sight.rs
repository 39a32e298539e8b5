//! What one viewer holds true about its deliveries: each record once, in order, without a hole, across
//! cuts too. Pure: it is given bytes and the time, and keeps a tally.
//!
//! Seqs alone do not show that a record was *changed* (a server that announces before it commits may,
//! after a crash, give the same seq to another message). So a viewer also sums a digest of every text
//! with its seq, and the sum is compared with the history in the end.

use std::hash::{DefaultHasher, Hasher};

use hdrhistogram::Histogram;
use protocol::{
    client::Position,
    server::{Body, Joined, RecordFrame, Resumed},
};

use super::{STAMP, wire::frame_bytes};
use crate::report;

/// What viewers saw.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
    pub(crate) delivered: u64,
    /// Deliveries in the counted part of the run.
    pub(crate) counted: u64,
    /// Bytes that came in the counted part, with the headers of the WebSocket.
    pub(crate) counted_bytes: u64,
    /// Bytes of the answers to hello and to the first join, and what came with them.
    pub(crate) join_bytes: u64,
    /// Acknowledged, and yet never delivered.
    pub(crate) lost: u64,
    pub(crate) doubles: u64,
    pub(crate) disorder: u64,
    /// Seqs that were skipped without a word.
    pub(crate) holes: u64,
    /// Gaps that the server named.
    pub(crate) gaps: u64,
    /// Left out, because more was said than can be read, and counted so by the server.
    pub(crate) sampled: u64,
    /// Lines that ended and did not come back.
    pub(crate) closed: u64,
    /// Lines that ended and came back.
    pub(crate) cuts: u64,
    /// Returns where the server did not know the position any more.
    pub(crate) forgotten: u64,
    /// Bytes of the frames that came while others joined; the answers to joins are not among them.
    pub(crate) while_joining_bytes: u64,
    /// From the intended time of sending to here, microseconds.
    pub(crate) latency_us: Histogram<u64>,
    /// From a cut to the answer of the next join, microseconds.
    pub(crate) away_us: Histogram<u64>,
}

impl Tally {
    pub(crate) fn new() -> Self {
        Self {
            delivered: 0,
            counted: 0,
            counted_bytes: 0,
            join_bytes: 0,
            lost: 0,
            doubles: 0,
            disorder: 0,
            holes: 0,
            gaps: 0,
            sampled: 0,
            closed: 0,
            cuts: 0,
            forgotten: 0,
            while_joining_bytes: 0,
            latency_us: report::histogram(),
            away_us: report::histogram(),
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.delivered += other.delivered;
        self.counted += other.counted;
        self.counted_bytes += other.counted_bytes;
        self.join_bytes += other.join_bytes;
        self.lost += other.lost;
        self.doubles += other.doubles;
        self.disorder += other.disorder;
        self.holes += other.holes;
        self.gaps += other.gaps;
        self.sampled += other.sampled;
        self.closed += other.closed;
        self.cuts += other.cuts;
        self.forgotten += other.forgotten;
        self.while_joining_bytes += other.while_joining_bytes;
        let both = "histograms of one shape";
        self.latency_us.add(&other.latency_us).expect(both);
        self.away_us.add(&other.away_us).expect(both);
    }

    /// How much was lost, doubled, out of order, skipped or forgotten.
    pub(crate) fn wrong(&self) -> u64 {
        self.lost
            + self.doubles
            + self.disorder
            + self.holes
            + self.gaps
            + self.closed
            + self.forgotten
    }
}

/// The time of a read, and whether it counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) now_us: u64,
    pub(super) counting: bool,
    /// Others join just now, and what that makes a viewer hear is counted.
    pub(super) joining: bool,
}

/// Where a viewer is and what it has seen.
#[derive(Clone, Debug)]
pub(crate) struct Sight {
    epoch: String,
    /// When it had its first snapshot.
    joined_us: u64,
    /// It watches from the record after this one.
    pub(super) first: u64,
    pub(super) last: u64,
    /// Sum of [`digest`] over the texts seen.
    pub(super) digest: u64,
    /// Sum of [`digest`] over the seqs that were left out.
    pub(super) left_out: u64,
    /// Those seqs themselves, where this viewer is the one who keeps them.
    pub(super) witnessed: Option<Vec<u64>>,
    /// A relay tells no position: its first record is the beginning.
    begins_anywhere: bool,
    pub(super) tally: Tally,
}

impl Sight {
    /// Of a viewer that joined afresh.
    pub(super) fn joined(joined: &Joined, at: Moment) -> Self {
        Self {
            epoch: joined.e.to_string(),
            joined_us: at.now_us,
            first: joined.s,
            last: joined.s,
            ..Self::anywhere(false)
        }
    }

    /// Of a viewer that begins with the first record it hears.
    pub(super) fn anywhere(begins_anywhere: bool) -> Self {
        Self {
            epoch: String::new(),
            joined_us: 0,
            first: 0,
            last: 0,
            digest: 0,
            left_out: 0,
            witnessed: None,
            begins_anywhere,
            tally: Tally::new(),
        }
    }

    /// How long it had been in at that moment.
    pub(super) fn inside_us(&self, until_us: u64) -> u64 {
        until_us.saturating_sub(self.joined_us)
    }

    /// Where to resume from.
    pub(super) fn position(&self) -> Position {
        Position {
            e: self.epoch.as_str().into(),
            s: self.last,
        }
    }

    /// Takes the answer to a join after a cut (PROTOCOL J3 to J6).
    pub(super) fn resumed(&mut self, joined: &Joined, at: Moment) {
        match joined.resumed {
            Resumed::Full => {}
            Resumed::Gap => self.gap(joined.gap.map_or(joined.s, |it| it.1)),
            Resumed::Fresh => {
                // The same log must know every position that it gave out.
                self.tally.forgotten += 1;
                self.epoch = joined.e.to_string();
                self.last = joined.ev.first().map_or(joined.s, |it| it.s - 1);
                self.first = self.last;
                self.digest = 0;
                self.left_out = 0;
            }
        }
        for RecordFrame { s, body, .. } in &joined.ev {
            let text = match body {
                Body::Msg { text, .. } => text.as_bytes(),
                _ => b"",
            };
            self.record(*s, text, at);
        }
        if !joined.more && joined.s > self.last {
            self.tally.holes += joined.s - self.last;
            self.last = joined.s;
        }
    }

    /// A gap up to `to` was named.
    pub(super) fn gap(&mut self, to: u64) {
        self.tally.gaps += 1;
        self.last = self.last.max(to);
    }

    /// Takes a push; true if it was a ping.
    pub(super) fn push(&mut self, text: &[u8], at: Moment) -> bool {
        if at.joining {
            self.tally.while_joining_bytes += frame_bytes(text.len()) as u64;
        }
        if text.starts_with(br#"{"op":"ev""#) {
            self.records(text, at);
        } else if text.starts_with(br#"{"op":"gap""#) {
            self.gap(number_after(text, br#""to":"#).unwrap_or(self.last));
        }
        text.starts_with(br#"{"op":"ping""#)
    }

    /// Walks the records of an `ev` frame without building it: `{"s":` opens each, and cannot stand
    /// inside a text, where quotes are escaped.
    fn records(&mut self, frame: &[u8], at: Moment) {
        const OPENS: &[u8] = br#"{"s":"#;
        let part = part_of(frame);
        let before = self.last;
        let mut shown = 0;
        let mut opened = memchr::memmem::find(frame, OPENS);
        while let Some(from) = opened {
            let rest = &frame[from + OPENS.len()..];
            let next = memchr::memmem::find(rest, OPENS);
            let record = &rest[..next.unwrap_or(rest.len())];
            if let Some(seq) = number_at(record) {
                let text = memchr::memmem::find(record, STAMP)
                    .map_or(&b""[..], |begin| until_quote(&record[begin..]));
                if part.is_some() {
                    self.leave_out_up_to(seq);
                    shown += 1;
                }
                self.record(seq, text, at);
            }
            opened = next.map(|it| from + OPENS.len() + it);
        }
        if let Some(Part { from, to, skip }) = part {
            self.leave_out_up_to(to + 1);
            self.last = self.last.max(to);
            // What is shown and what is left out are all of the range.
            let said = (to + 1).saturating_sub(from);
            self.tally.holes += said.abs_diff(shown + skip) + from.abs_diff(before + 1);
            self.tally.sampled += skip;
        }
    }

    /// The seqs from the last one to before this one are not shown to anybody.
    fn leave_out_up_to(&mut self, seq: u64) {
        while self.last + 1 < seq {
            self.last += 1;
            self.left_out = self.left_out.wrapping_add(digest(self.last, b""));
            if let Some(witnessed) = &mut self.witnessed {
                witnessed.push(self.last);
            }
        }
    }

    fn record(&mut self, seq: u64, text: &[u8], at: Moment) {
        if self.begins_anywhere {
            self.begins_anywhere = false;
            self.first = seq - 1;
            self.last = seq - 1;
        }
        match seq {
            _ if seq == self.last + 1 => {}
            _ if seq == self.last => self.tally.doubles += 1,
            _ if seq < self.last => self.tally.disorder += 1,
            _ => self.tally.holes += seq - self.last - 1,
        }
        self.last = self.last.max(seq);
        self.tally.delivered += 1;
        self.tally.counted += u64::from(at.counting);
        let Some(sent_us) = text.strip_prefix(STAMP).and_then(number_at) else {
            return;
        };
        self.digest = self.digest.wrapping_add(digest(seq, text));
        if at.counting {
            let took = at.now_us.saturating_sub(sent_us);
            self.tally.latency_us.saturating_record(took);
        }
    }
}

/// What the head of an `ev` frame says of a part.
struct Part {
    from: u64,
    to: u64,
    skip: u64,
}

/// Nothing where the frame shows all of its range.
fn part_of(frame: &[u8]) -> Option<Part> {
    let head = &frame[..memchr::memmem::find(frame, br#","ev":["#)?];
    let skip = number_after(head, br#""skip":"#)?;
    let from = number_after(head, br#""s":["#)?;
    let range = &head[memchr::memmem::find(head, br#""s":["#)?..];
    let to = number_after(range, b",")?;
    Some(Part { from, to, skip })
}

/// One number for a text at its seq.
pub(super) fn digest(seq: u64, text: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write_u64(seq);
    hasher.write(text);
    hasher.finish()
}

fn until_quote(text: &[u8]) -> &[u8] {
    &text[..memchr::memchr(b'"', text).unwrap_or(text.len())]
}

fn number_after(text: &[u8], key: &[u8]) -> Option<u64> {
    let at = memchr::memmem::find(text, key)?;
    number_at(&text[at + key.len()..])
}

fn number_at(text: &[u8]) -> Option<u64> {
    let digits = text.iter().take_while(|it| it.is_ascii_digit()).count();
    std::str::from_utf8(&text[..digits]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Moment = Moment {
        now_us: 2_000,
        counting: true,
        joining: false,
    };

    fn record(s: u64) -> String {
        format!(
            r#"{{"s":{s},"t":1,"u":{{"id":"m_1","name":"n","mark":"member"}},"k":"msg","b":{{"text":"wq@1500 0.{s} x"}}}}"#
        )
    }

    fn ev(seqs: &[u64]) -> String {
        let records: Vec<String> = seqs.iter().map(|it| record(*it)).collect();
        let (from, to) = (seqs[0], seqs[seqs.len() - 1]);
        format!(
            r#"{{"op":"ev","a":7,"s":[{from},{to}],"ev":[{}]}}"#,
            records.join(",")
        )
    }

    fn answer(resumed: &str, s: u64, more: bool, seqs: &[u64]) -> Joined {
        let records: Vec<String> = seqs.iter().map(|it| record(*it)).collect();
        let text = format!(
            r#"{{"a":7,"room":"r","title":"r","e":"k1","s":{s},"resumed":"{resumed}","ev":[{}],"more":{more},"state":{{}},"can":[],"mark":"member"}}"#,
            records.join(",")
        );
        serde_json::from_str(&text).expect("an answer to join")
    }

    /// What a viewer that joined at 4 says of the frames that came.
    fn seen(frames: &[&str]) -> Sight {
        let mut sight = Sight::joined(&answer("fresh", 4, false, &[]), AT);
        for frame in frames {
            sight.push(frame.as_bytes(), AT);
        }
        sight
    }

    #[test]
    fn what_is_whole_passes() {
        let sight = seen(&[&ev(&[5, 6, 7]), &ev(&[8])]);
        assert_eq!(
            (sight.tally.wrong(), sight.last, sight.tally.counted),
            (0, 8, 4)
        );
        assert_eq!(sight.tally.latency_us.max(), 500);
        let expected = (5..=8_u64).fold(0_u64, |sum, s| {
            sum.wrapping_add(digest(s, format!("wq@1500 0.{s} x").as_bytes()))
        });
        assert_eq!(sight.digest, expected);
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!(seen(&[&ev(&[5]), &ev(&[5])]).tally.doubles, 1);
        assert_eq!(seen(&[&ev(&[5, 6, 7]), &ev(&[6])]).tally.disorder, 1);
        assert_eq!(seen(&[&ev(&[5, 8])]).tally.holes, 2);
        let gap = seen(&[r#"{"op":"gap","a":7,"from":5,"to":9}"#, &ev(&[10])]);
        assert_eq!((gap.tally.gaps, gap.tally.holes), (1, 0));
        let changed = seen(&[&ev(&[5]).replace("0.5", "0.6")]);
        assert_ne!(changed.digest, seen(&[&ev(&[5])]).digest);
    }

    #[test]
    fn a_part_of_what_is_said_is_accounted_for() {
        let part = |head: &str, seqs: &[u64]| ev(seqs).replacen(r#""s":[6,8]"#, head, 1);
        let good = part(r#""s":[5,9],"skip":3"#, &[6, 8]);
        let sight = seen(&[&good, &ev(&[10])]);
        assert_eq!((sight.tally.wrong(), sight.last), (0, 10));
        assert_eq!((sight.tally.delivered, sight.tally.sampled), (3, 3));
        let left_out = [5_u64, 7, 9].map(|it| digest(it, b""));
        assert_eq!(
            sight.left_out,
            left_out.iter().fold(0_u64, |sum, it| sum.wrapping_add(*it))
        );
        let two = part(r#""s":[5,9],"skip":2"#, &[6, 8]);
        assert_eq!(seen(&[&two]).tally.holes, 1, "one is not accounted for");
        let late = part(r#""s":[6,9],"skip":2"#, &[6, 8]);
        assert_eq!(seen(&[&late]).tally.holes, 1, "the range begins too late");
    }

    #[test]
    fn what_joins_of_others_make_a_viewer_hear_is_counted_frame_by_frame() {
        let joining = |now_us| Moment {
            now_us,
            counting: false,
            joining: true,
        };
        let mut sight = Sight::joined(&answer("fresh", 4, false, &[]), joining(1_000));
        let count = r#"{"op":"state","a":7,"count":12034}"#;
        let roster = format!(r#"{{"op":"roster","a":7,"in":["{}"]}}"#, "n".repeat(200));
        sight.push(count.as_bytes(), joining(400_000));
        sight.push(roster.as_bytes(), joining(900_000));
        // Heads of 2 bytes, and of 4 from 126 on (RFC 6455 §5.2).
        let expected = (count.len() + 2 + roster.len() + 4) as u64;
        assert_eq!(sight.tally.while_joining_bytes, expected);
        assert_eq!(sight.inside_us(3_001_000), 3_000_000);
        sight.push(count.as_bytes(), AT);
        assert_eq!(
            sight.tally.while_joining_bytes, expected,
            "the storm is over"
        );
        let mut both = Tally::new();
        both.add(&sight.tally);
        both.add(&sight.tally);
        assert_eq!(both.while_joining_bytes, 2 * expected);
    }

    #[test]
    fn a_return_must_go_on_where_it_stopped() {
        let at_six = || seen(&[&ev(&[5, 6])]);
        let after = |joined: &Joined, then: &[&str]| {
            let mut sight = at_six();
            sight.resumed(joined, AT);
            for frame in then {
                sight.push(frame.as_bytes(), AT);
            }
            sight
        };
        let whole = after(&answer("full", 9, true, &[7, 8]), &[&ev(&[9])]);
        assert_eq!((whole.tally.wrong(), whole.last), (0, 9));
        assert_eq!(whole.digest, seen(&[&ev(&[5, 6, 7, 8, 9])]).digest);
        let cases = [
            (answer("full", 8, false, &[6, 7, 8]), "doubles"),
            (answer("full", 9, false, &[8, 9]), "holes"),
            (answer("full", 9, false, &[7, 8]), "holes"),
            (answer("fresh", 9, false, &[8, 9]), "forgotten"),
        ];
        for (joined, what) in cases {
            let tally = after(&joined, &[]).tally;
            let found = match what {
                "doubles" => tally.doubles,
                "holes" => tally.holes,
                _ => tally.forgotten,
            };
            assert_eq!((found, tally.wrong()), (1, 1), "{what} of {joined:?}");
        }
    }
}
