//! One viewer: joins, then checks every delivery by its seq and times it by the text's own stamp.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use hdrhistogram::Histogram;
use protocol::{
    limits,
    server::{Answer, Outcome, Reply},
};
use tokio::sync::{mpsc, watch};

use super::{
    Common, Dialect,
    wire::{Frame, Wire},
    writer::STAMP,
};
use crate::report;

/// What viewers saw.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
    pub(crate) delivered: u64,
    /// Deliveries in the counted part of the run.
    pub(crate) counted: u64,
    pub(crate) lost: u64,
    pub(crate) doubles: u64,
    pub(crate) disorder: u64,
    pub(crate) holes: u64,
    pub(crate) gaps: u64,
    pub(crate) closed: u64,
    /// From the intended time of sending to here, microseconds.
    pub(crate) latency_us: Histogram<u64>,
}

impl Tally {
    pub(crate) fn new() -> Self {
        Self {
            delivered: 0,
            counted: 0,
            lost: 0,
            doubles: 0,
            disorder: 0,
            holes: 0,
            gaps: 0,
            closed: 0,
            latency_us: report::histogram(),
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.delivered += other.delivered;
        self.counted += other.counted;
        self.lost += other.lost;
        self.doubles += other.doubles;
        self.disorder += other.disorder;
        self.holes += other.holes;
        self.gaps += other.gaps;
        self.closed += other.closed;
        self.latency_us
            .add(&other.latency_us)
            .expect("histograms of one shape");
    }

    /// Nothing was lost, doubled, out of order or skipped.
    pub(crate) fn whole(&self) -> bool {
        self.lost + self.doubles + self.disorder + self.holes + self.gaps + self.closed == 0
    }
}

pub(crate) struct Viewer {
    common: Arc<Common>,
    n: usize,
    /// When it was meant to connect.
    due: Instant,
    seen: Arc<AtomicU64>,
    last: u64,
    tally: Tally,
}

impl Viewer {
    pub(crate) fn new(common: Arc<Common>, n: usize, due: Instant, seen: Arc<AtomicU64>) -> Self {
        Self {
            common,
            n,
            due,
            seen,
            last: 0,
            tally: Tally::new(),
        }
    }

    /// Joins, says so, and watches until it is told to leave.
    pub(crate) async fn watch(
        mut self,
        joined: mpsc::Sender<Duration>,
        mut leave: watch::Receiver<bool>,
    ) -> Result<Tally> {
        let mut wire = match self.common.dialect() {
            Dialect::Weiquan => self.join().await?,
            Dialect::Relay => {
                let path = format!("/r/{}", self.common.room(self.n));
                Wire::open(self.common.server(), &path, None).await?
            }
        };
        // The owner waits for every viewer, so somebody receives.
        let _ = joined.send(self.due.elapsed()).await;
        drop(joined);
        loop {
            let mut pong = false;
            let open = tokio::select! {
                read = wire.read(|frame| pong |= self.take(&frame)) => read?,
                _ = leave.changed() => return Ok(self.tally),
            };
            if !open {
                self.tally.closed += 1;
                return Ok(self.tally);
            }
            if pong {
                wire.send(br#"{"op":"pong"}"#).await?;
            }
        }
    }

    async fn join(&mut self) -> Result<Wire> {
        let room = self.common.room(self.n);
        let path = format!("/ws?room={room}");
        let mut wire = Wire::open(self.common.server(), &path, Some(limits::SUBPROTOCOL)).await?;
        let token = &self.common.tokens[self.n];
        let hello = format!(
            r#"[{{"op":"hello","i":1,"token":"{token}","device":"load-{}"}},{{"op":"join","i":2,"room":"{room}"}}]"#,
            self.n
        );
        wire.send(hello.as_bytes()).await?;
        let mut outcome = None;
        while outcome.is_none() {
            let mut failure = None;
            let open = wire
                .read(|frame| match (&mut outcome, frame) {
                    (None, Frame::Text(text)) => match answer(text) {
                        Ok(Some(seq)) => outcome = Some(seq),
                        Ok(None) => {}
                        Err(error) => failure = Some(error),
                    },
                    (Some(seq), frame) => {
                        self.last = *seq;
                        self.take(&frame);
                        *seq = self.last;
                    }
                    _ => {}
                })
                .await?;
            if let Some(error) = failure {
                return Err(error);
            }
            ensure!(open, "closed before it had joined {room}");
        }
        self.last = outcome.expect("the loop ends with it");
        self.seen.store(self.last, Ordering::Relaxed);
        Ok(wire)
    }

    /// Checks one frame. True: it was a ping, to be answered.
    fn take(&mut self, frame: &Frame<'_>) -> bool {
        match frame {
            Frame::Text(text) if text.starts_with(br#"{"op":"ev""#) => self.records(text),
            Frame::Text(text) if text.starts_with(br#"{"op":"gap""#) => {
                self.tally.gaps += 1;
                if let Some(to) = number_after(text, br#""to":"#) {
                    self.last = self.last.max(to);
                    self.seen.store(self.last, Ordering::Relaxed);
                }
            }
            Frame::Text(text) => return text.starts_with(br#"{"op":"ping""#),
            Frame::Close => self.tally.closed += 1,
            Frame::Other => {}
        }
        false
    }

    /// Walks the seqs of an `ev` frame without building it: `{"s":` opens each record.
    fn records(&mut self, text: &[u8]) {
        let now_us = self.common.clock.now_us();
        let counting = self.common.clock.counting();
        for at in find_all(text, br#"{"s":"#) {
            let Some(seq) = number_at(&text[at + 5..]) else {
                continue;
            };
            if self.last == 0 && self.common.dialect() == Dialect::Relay {
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
            self.tally.counted += u64::from(counting);
        }
        self.seen.store(self.last, Ordering::Relaxed);
        if counting {
            for at in find_all(text, STAMP) {
                if let Some(sent_us) = number_at(&text[at + STAMP.len()..]) {
                    self.tally
                        .latency_us
                        .saturating_record(now_us.saturating_sub(sent_us));
                }
            }
        }
    }
}

/// The seq of a joined room's answer; nothing for any other frame; an error for a refusal.
fn answer(text: &[u8]) -> Result<Option<u64>> {
    if text.starts_with(br#"{"op":"#) {
        return Ok(None);
    }
    let answer: Answer = serde_json::from_slice(text).context("an unreadable answer")?;
    match answer.outcome {
        Outcome::Ok(Reply::Joined(joined)) => Ok(Some(joined.s)),
        Outcome::Ok(_) => Ok(None),
        Outcome::Err(refusal) => bail!("refused: {refusal}"),
    }
}

fn find_all<'a>(text: &'a [u8], what: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    let mut from = 0;
    std::iter::from_fn(move || {
        let at = from + memchr::memmem::find(&text[from..], what)?;
        from = at + what.len();
        Some(at)
    })
}

fn number_after(text: &[u8], key: &[u8]) -> Option<u64> {
    let at = memchr::memmem::find(text, key)?;
    number_at(&text[at + key.len()..])
}

fn number_at(text: &[u8]) -> Option<u64> {
    let digits = text.iter().take_while(|it| it.is_ascii_digit()).count();
    std::str::from_utf8(&text[..digits]).ok()?.parse().ok()
}
