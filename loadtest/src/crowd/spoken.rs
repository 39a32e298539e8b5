//! What writers said and what became of it.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;

use crate::report;

/// Characters of a line that is said, so that with its stamp it is no longer than a message may be.
const LINE_CHARS_MAX: usize = 1_000;

/// What is said of a file: its lines, without what a text in JSON does not hold as it is.
pub(super) fn lines(path: Option<&Path>) -> Result<Vec<String>> {
    let Some(path) = path else {
        return Ok(Vec::new());
    };
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let plain = |it: &char| !(it.is_control() || matches!(it, '"' | '\\'));
    let lines: Vec<String> = text
        .lines()
        .map(|it| {
            it.trim()
                .chars()
                .filter(plain)
                .take(LINE_CHARS_MAX)
                .collect()
        })
        .filter(|it: &String| !it.is_empty())
        .collect();
    ensure!(!lines.is_empty(), "{} has no line", path.display());
    Ok(lines)
}

/// What was said in one room.
#[derive(Clone, Debug)]
pub(super) struct Said {
    /// The room's seq when the first writer joined.
    pub(super) first: u64,
    /// The highest acknowledged seq.
    pub(super) last: u64,
    /// Seq and digest of each acknowledged text; kept only where the history is read in the end.
    pub(super) acks: Vec<(u64, u64)>,
}

#[derive(Clone, Debug)]
pub(crate) struct Spoken {
    pub(crate) sent: u64,
    pub(crate) acked: u64,
    /// Acks in the counted part of the run.
    pub(crate) counted: u64,
    /// Acks that named the first result of something said before a cut.
    pub(crate) known: u64,
    /// Refusals by code; what was refused with `retry` was said again.
    pub(crate) refused: BTreeMap<String, u64>,
    /// Sends that left more than 10 ms after their time: the generator was too slow.
    pub(crate) late: u64,
    /// Lines that ended and came back.
    pub(crate) cuts: u64,
    pub(crate) ack_us: Histogram<u64>,
    rooms: BTreeMap<String, Said>,
}

impl Spoken {
    pub(super) fn new() -> Self {
        Self {
            sent: 0,
            acked: 0,
            counted: 0,
            known: 0,
            refused: BTreeMap::new(),
            late: 0,
            cuts: 0,
            ack_us: report::histogram(),
            rooms: BTreeMap::new(),
        }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.sent += other.sent;
        self.acked += other.acked;
        self.counted += other.counted;
        self.known += other.known;
        self.late += other.late;
        self.cuts += other.cuts;
        self.ack_us
            .add(&other.ack_us)
            .expect("histograms of one shape");
        for (code, n) in other.refused {
            *self.refused.entry(code).or_default() += n;
        }
        for (room, said) in other.rooms {
            let all = self.said(&room, said.first);
            all.first = all.first.min(said.first);
            all.last = all.last.max(said.last);
            all.acks.extend(said.acks);
        }
    }

    /// What was said in a room in which a writer arrived at `first`.
    pub(super) fn said(&mut self, room: &str, first: u64) -> &mut Said {
        self.rooms.entry(room.to_owned()).or_insert(Said {
            first,
            last: 0,
            acks: Vec::new(),
        })
    }

    /// The last acknowledged seq of a room.
    pub(super) fn last(&self, room: &str) -> u64 {
        self.rooms.get(room).map_or(0, |it| it.last)
    }

    pub(super) fn rooms(&self) -> impl Iterator<Item = (&String, &Said)> {
        self.rooms.iter()
    }
}
