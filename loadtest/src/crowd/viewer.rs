//! One viewer: joins, then checks every delivery; cut off, it comes back and resumes, if it is told to.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Result;
use tokio::sync::{mpsc, watch};

use super::{
    Common, Dialect,
    enter::{Entered, Ticket, enter, enter_again},
    sight::Sight,
    wire::{Frame, Wire},
};

pub(super) struct Viewer {
    common: Arc<Common>,
    ticket: Ticket,
    /// When it was meant to connect.
    due: Instant,
    /// How far it has seen, for those who wait for it.
    seen: Arc<AtomicU64>,
    sight: Sight,
}

impl Viewer {
    pub(super) fn new(common: Arc<Common>, n: usize, due: Instant, seen: Arc<AtomicU64>) -> Self {
        let ticket = Ticket {
            n,
            token: n,
            device: format!("load-{n}"),
            room: common.room(n),
            window: None,
        };
        Self {
            common,
            ticket,
            due,
            seen,
            sight: Sight::anywhere(true),
        }
    }

    /// Joins, says so, and watches until it is told to leave.
    pub(super) async fn watch(
        mut self,
        joined: mpsc::Sender<Duration>,
        mut leave: watch::Receiver<bool>,
    ) -> Result<Sight> {
        let mut wire = match self.common.plan.dialect {
            Dialect::Weiquan => {
                let entered = match enter(&self.common, &self.ticket, None).await {
                    Err(_) if self.common.plan.through_restarts => {
                        enter_again(&self.common, &self.ticket, None).await?
                    }
                    first => first?,
                };
                let at = self.common.clock.moment();
                self.sight = Sight::joined(&entered.joined, at);
                self.sight.tally.join_bytes = entered.wire.bytes;
                // The first of each room: all are left out the same.
                self.sight.witnessed = (self.ticket.n < self.common.plan.rooms).then(Vec::new);
                self.take(entered)
            }
            Dialect::Relay => {
                let path = format!("/r/{}", self.ticket.room);
                Wire::open(&self.common.door, self.ticket.n, &path, None).await?
            }
        };
        // The owner waits for every viewer, so somebody receives.
        let _ = joined.send(self.due.elapsed()).await;
        drop(joined);
        loop {
            tokio::select! {
                ended = self.follow(&mut wire) => match ended {
                    Ok(()) => {}
                    Err(_) if self.common.plan.through_restarts => {}
                    Err(error) => return Err(error),
                },
                _ = leave.changed() => return Ok(self.sight),
            }
            if !self.common.plan.through_restarts {
                self.sight.tally.closed += 1;
                return Ok(self.sight);
            }
            tokio::select! {
                back = self.come_back() => wire = back?,
                _ = leave.changed() => return Ok(self.sight),
            }
        }
    }

    /// Reads until the line ends.
    async fn follow(&mut self, wire: &mut Wire) -> Result<()> {
        loop {
            let (mut ping, mut closing) = (false, false);
            let before = self.sight.tally.delivered;
            let bytes_before = wire.bytes;
            let (sight, clock) = (&mut self.sight, &self.common.clock);
            let open = wire
                .read(|frame| match frame {
                    Frame::Text(text) => ping |= sight.push(text, clock.moment()),
                    Frame::Close(_) => closing = true,
                    Frame::Other => {}
                })
                .await?;
            if clock.counting() {
                self.sight.tally.counted_bytes += wire.bytes - bytes_before;
            }
            self.told(before);
            if !open || closing {
                return Ok(());
            }
            if ping {
                wire.send(br#"{"op":"pong"}"#).await?;
            }
        }
    }

    async fn come_back(&mut self) -> Result<Wire> {
        let cut = Instant::now();
        self.common.live.cuts.fetch_add(1, Ordering::Relaxed);
        let position = self.sight.position();
        let entered = enter_again(&self.common, &self.ticket, Some(&position)).await?;
        self.sight.tally.cuts += 1;
        let away = u64::try_from(cut.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.sight.tally.away_us.saturating_record(away);
        let before = self.sight.tally.delivered;
        let at = self.common.clock.moment();
        self.sight.resumed(&entered.joined, at);
        self.told(before);
        Ok(self.take(entered))
    }

    /// Takes what came behind the answer.
    fn take(&mut self, entered: Entered) -> Wire {
        let before = self.sight.tally.delivered;
        let at = self.common.clock.moment();
        for push in &entered.pushes {
            self.sight.push(push, at);
        }
        self.told(before);
        entered.wire
    }

    /// Lets the others know how far it is.
    fn told(&self, before: u64) {
        self.seen.store(self.sight.last, Ordering::Relaxed);
        let new = self.sight.tally.delivered - before;
        self.common.live.delivered.fetch_add(new, Ordering::Relaxed);
    }
}
