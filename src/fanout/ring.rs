//! What was published to a room on one shard and is still needed by somebody.
//!
//! Every member is a [`Cursor`] into the ring. [`Ring::read`] is the only way out of it, for a pass
//! over everybody and for a viewer that catches up: log frames come once and in order, and what is
//! no longer there is told as a gap, so a hole cannot be silent. The ring is empty while nobody
//! lags; it is bounded by the caller's [`Limits`] otherwise.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use protocol::Seq;
use smallvec::SmallVec;

use crate::{Class, Form, Frame};

/// How much of the past is kept for those who lag.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) frames_max: usize,
    pub(crate) bytes_max: usize,
}

/// Where one member stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// Index of the next entry to read. Indices count from the ring's birth and never repeat.
    pub(crate) next: u64,
    /// Everything up to this seq was delivered, or told as a gap, or held by the first answer.
    pub(crate) seen: Seq,
}

/// Whether a read is given the bursts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bursts {
    Kept,
    Skipped,
}

/// Where a read ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Until {
    /// Before this index.
    Index(u64),
    /// After so many bytes.
    Bytes(usize),
}

/// One thing to write, and the place of somebody to whom it was written.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) frame: Frame,
    pub(crate) after: Cursor,
}

pub(crate) type Parts = SmallVec<[Part; 4]>;

type Chosen<'a> = SmallVec<[(usize, &'a Entry); 8]>;

#[derive(Debug)]
struct Entry {
    class: Class,
    frame: Frame,
}

#[derive(Debug)]
pub(crate) struct Ring {
    entries: VecDeque<Entry>,
    /// Index of the first entry.
    first: u64,
    bytes: usize,
    /// The last seq published.
    last_seq: Seq,
    /// The last seq that is not here any more.
    dropped_seq: Seq,
    /// Values that fell out while somebody may still need them: key, index, frame.
    fallen: Vec<(u8, u64, Frame)>,
}

impl Ring {
    /// A ring whose first reader has seen everything up to `after`.
    pub(crate) fn new(after: Seq) -> Self {
        Self {
            entries: VecDeque::new(),
            first: 0,
            bytes: 0,
            last_seq: after,
            dropped_seq: after,
            fallen: Vec::new(),
        }
    }

    /// The index behind the last entry.
    pub(crate) fn end(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.fallen.is_empty()
    }

    pub(crate) fn push(&mut self, class: Class, frame: Frame, limits: Limits) {
        if let Class::Log { to, .. } = class {
            self.last_seq = self.last_seq.max(to);
        }
        self.bytes += frame.bytes();
        self.entries.push_back(Entry { class, frame });
        while self.entries.len() > limits.frames_max
            || (self.bytes > limits.bytes_max && self.entries.len() > 1)
        {
            let index = self.first;
            if let Some(Entry {
                class: Class::State { key },
                frame,
            }) = self.pop()
            {
                self.fallen.retain(|it| it.0 != key);
                self.fallen.push((key, index, frame));
            }
        }
    }

    /// Everybody has read what lies before `index`: let it go.
    pub(crate) fn trim(&mut self, index: u64) {
        while self.first < index && self.pop().is_some() {}
        self.fallen.retain(|it| it.1 >= index);
        if self.entries.is_empty() {
            self.entries = VecDeque::new();
        }
    }

    /// The place of somebody who has seen everything up to `after` and no value that comes from now.
    pub(crate) fn place(&self, after: Seq) -> Cursor {
        if after >= self.last_seq {
            return Cursor {
                next: self.end(),
                seen: after,
            };
        }
        let unseen = self.entries.iter().position(|it| match it.class {
            Class::Log { to, .. } => to > after,
            Class::State { .. } | Class::Burst => false,
        });
        let next = unseen.map_or(self.end(), |it| self.first + it as u64);
        Cursor { next, seen: after }
    }

    /// Whether there is anything to read at this place.
    pub(crate) fn is_behind(&self, cursor: Cursor) -> bool {
        cursor.next < self.end() || cursor.seen < self.dropped_seq
    }

    /// The last seq that can only be told as a gap.
    pub(crate) fn dropped_seq(&self) -> Seq {
        self.dropped_seq
    }

    /// Reads on from a place: what to write, in order, and the place after it. Of values only the
    /// last per key is given, and `gap` words what is missing.
    pub(crate) fn read(
        &self,
        from: Cursor,
        until: Until,
        bursts: Bursts,
        gap: &dyn Fn(Seq, Seq) -> Bytes,
    ) -> (Parts, Cursor) {
        let mut at = from;
        let mut parts = Parts::new();
        if at.seen < self.dropped_seq {
            let frame = gap(at.seen + 1, self.dropped_seq).into();
            at.seen = self.dropped_seq;
            parts.push(Part { frame, after: at });
        }
        let start = usize::try_from(at.next.max(self.first) - self.first);
        let start = start.expect("a ring fits into memory");
        let stop = self.stop(start, until);
        let (chosen, keys) = self.choose(start, stop, bursts);
        // What fell out lies in the order of its indices, all below `first`.
        for (key, index, frame) in &self.fallen {
            if *index >= from.next && !keys.has(*key) {
                at.next = index + 1;
                parts.push(Part {
                    frame: frame.clone(),
                    after: at,
                });
            }
        }
        for (index, entry) in chosen.into_iter().rev() {
            at.next = self.first + index as u64 + 1;
            if let Class::Log { from, to } = entry.class {
                if to <= at.seen {
                    continue;
                }
                if from > at.seen + 1 {
                    let frame = gap(at.seen + 1, from - 1).into();
                    let after = Cursor {
                        next: at.next - 1,
                        seen: from - 1,
                    };
                    parts.push(Part { frame, after });
                }
                at.seen = to;
            }
            parts.push(Part {
                frame: entry.frame.clone(),
                after: at,
            });
        }
        at.next = self.first + stop as u64;
        (parts, at)
    }

    /// Where a read that began at `start` ends: at the same place in whichever form it is written.
    fn stop(&self, start: usize, until: Until) -> usize {
        let bytes_max = match until {
            Until::Index(index) => {
                let stop = index.min(self.end()).saturating_sub(self.first);
                return usize::try_from(stop)
                    .expect("a ring fits into memory")
                    .max(start);
            }
            Until::Bytes(bytes_max) => bytes_max,
        };
        let (mut bytes, mut stop) = (0, start);
        for entry in self.entries.range(start..) {
            bytes += entry.frame.text.len();
            if bytes > bytes_max && stop > start {
                break;
            }
            stop += 1;
        }
        stop
    }

    /// What is worth sending of a range, last first, and the keys of the values among it.
    fn choose(&self, start: usize, stop: usize, bursts: Bursts) -> (Chosen<'_>, Keys) {
        let mut chosen = Chosen::new();
        let mut keys = Keys::default();
        for index in (start..stop).rev() {
            let entry = &self.entries[index];
            match entry.class {
                Class::State { key } if !keys.add(key) => {}
                Class::Burst if bursts == Bursts::Skipped => {}
                _ => chosen.push((index, entry)),
            }
        }
        (chosen, keys)
    }

    fn pop(&mut self) -> Option<Entry> {
        let entry = self.entries.pop_front()?;
        self.first += 1;
        self.bytes -= entry.frame.bytes();
        if let Class::Log { to, .. } = entry.class {
            self.dropped_seq = self.dropped_seq.max(to);
        }
        Some(entry)
    }
}

/// A set of the 256 keys a value can have.
#[derive(Default)]
struct Keys([u64; 4]);

impl Keys {
    /// False if it was there already.
    fn add(&mut self, key: u8) -> bool {
        let is_new = !self.has(key);
        self.0[usize::from(key / 64)] |= 1 << (key % 64);
        is_new
    }

    fn has(&self, key: u8) -> bool {
        self.0[usize::from(key / 64)] & (1 << (key % 64)) != 0
    }
}

/// One buffer: shared where there is a single frame, copied once for everybody where there are more.
pub(crate) fn joined(parts: &[Part], form: Form) -> Bytes {
    if let [part] = parts {
        return part.frame.of(form).clone();
    }
    let frames = || parts.iter().map(|it| it.frame.of(form));
    let mut out = BytesMut::with_capacity(frames().map(Bytes::len).sum());
    for frame in frames() {
        out.extend_from_slice(frame);
    }
    out.freeze()
}

#[cfg(test)]
#[path = "ring_tests.rs"]
mod tests;
