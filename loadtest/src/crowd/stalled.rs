//! Viewers that stall: they join as the others do and then take nothing, as a phone in a tunnel does. To the proof they
//! are no viewers. What is looked at is the server's end of their sockets, which is on this machine: how much the
//! kernel holds there, and how the server gets rid of them.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use serde::Serialize;
use tokio::{
    task::JoinSet,
    time::{self, Instant},
};

use super::{
    Common,
    enter::{Ticket, enter},
    wire::{Frame, Wire},
};
use crate::sockets::{self, End};

/// What a stalled viewer's own kernel may keep: the 64 KiB of window with which Linux, and so Android, opens a
/// socket (half of the 128 KiB of `tcp_rmem`). It grows only for a program that reads.
const WINDOW_BYTES: u32 = 64 * 1024;
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// The end must come so soon once a stalled viewer takes things again and the kernel has tried again; else its line is open.
const END_WITHIN: Duration = Duration::from_secs(3);

/// All that stall, from their joins on.
pub(super) struct StalledViewers {
    common: Arc<Common>,
    stalled: Vec<Stalled>,
    fates: Fates,
}

/// One of them, until it takes things again.
struct Stalled {
    address: SocketAddr,
    wire: Wire,
    standing: Standing,
    /// The last look did not find the server's end. One look may miss one: the kernel's list is not of one moment.
    missed: bool,
}

/// Since when the same bytes wait for a viewer.
#[derive(Clone, Copy, Debug, Default)]
struct Standing {
    queue_bytes: u64,
    since: Option<Instant>,
}

/// How a line ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Farewell {
    /// It did not.
    Open,
    /// With the code of the close frame, where there was one.
    Closed(Option<u16>),
}

/// What became of all of them.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Fates {
    pub(crate) viewers: usize,
    /// Of each one's own receive buffer, as it was asked for.
    pub(crate) window_bytes: u32,
    /// While everybody's queue stood; absent where that never came.
    pub(crate) held: Option<Held>,
    /// Lines that the server ended, by the code that was heard; "none" where there was no close frame.
    pub(crate) closed: BTreeMap<String, u64>,
    /// Of them: with a code that tells a client not to come back.
    pub(crate) for_good: u64,
    /// Lines that were open in the end.
    pub(crate) open: u64,
    /// From when its queue stood to when the end was heard, the first and the last one's, in seconds: --stall-seconds
    /// and a look, and for some as long again (see [`Stalled::hear_the_end`]).
    pub(crate) heard_after_s: Option<[f64; 2]>,
}

/// What the kernel held at the server's end for each of them, when it was most.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Held {
    pub(crate) kernel_bytes_each: f64,
    /// The bytes that waited then; the memory is more, as it comes in pages.
    pub(crate) queue_bytes_each: f64,
}

impl StalledViewers {
    /// Lets them in, as fast as the viewers came.
    pub(super) async fn join(common: &Arc<Common>) -> Result<Self> {
        let plan = &common.plan;
        let begin = Instant::now();
        let mut stalled = Vec::with_capacity(plan.stalled);
        for n in 0..plan.stalled {
            time::sleep_until(begin + Duration::from_secs_f64(n as f64 / plan.join_rate)).await;
            let number = plan.viewers + n;
            let ticket = Ticket {
                n: number,
                // Tokens of viewers and writers come first in the file.
                token: number + plan.writers,
                device: format!("stalls-{n}"),
                room: common.room(number),
                window: Some(WINDOW_BYTES),
            };
            let entered = enter(common, &ticket, None).await;
            let wire = entered.with_context(|| format!("stalled viewer {n}"))?.wire;
            stalled.push(Stalled {
                address: wire.address()?,
                wire,
                standing: Standing::default(),
                missed: false,
            });
        }
        let fates = Fates {
            viewers: plan.stalled,
            window_bytes: WINDOW_BYTES,
            ..Fates::default()
        };
        Ok(Self {
            common: common.clone(),
            stalled,
            fates,
        })
    }

    /// Looks at the server's ends until nobody stalls any more. Who has stalled for as long as planned, or whose other
    /// end is gone, takes everything again, to hear how it was closed. When the talk is over it may take so long once
    /// more: a kernel that makes room for some bytes after all has let the stall begin anew.
    pub(super) async fn watch(mut self) -> Result<Fates> {
        let lasts = Duration::from_secs_f64(self.common.plan.stall_seconds);
        let mut hearing = JoinSet::new();
        let mut deadline = None;
        while !self.stalled.is_empty() {
            time::sleep(LOOK_EVERY).await;
            let ends = sockets::ends(self.common.plan.server).await?;
            let now = Instant::now();
            if self.common.clock.over() && now > *deadline.get_or_insert(now + lasts + LOOK_EVERY) {
                break;
            }
            let there = |it: &Stalled| ends.get(&it.address).filter(|it| it.established);
            let mut standing = Vec::with_capacity(self.stalled.len());
            let is_due = |it: &mut Stalled| {
                let Some(end) = there(it) else {
                    return std::mem::replace(&mut it.missed, true);
                };
                it.missed = false;
                it.standing.look(end.queue_bytes, now);
                standing.extend(it.standing.since.map(|_| end));
                it.standing.lasted(now).is_some_and(|it| it >= lasts)
            };
            for it in self.stalled.extract_if(.., is_due) {
                hearing.spawn(it.hear_the_end(lasts + END_WITHIN));
            }
            if standing.len() == self.fates.viewers {
                self.fates.held = most(self.fates.held, &standing);
            }
        }
        for _ in self.stalled.drain(..) {
            self.fates.count(Farewell::Open, None);
        }
        while let Some(heard) = hearing.join_next().await {
            let (farewell, after) = heard.context("a stalled viewer died")?;
            self.fates.count(farewell, after);
        }
        Ok(self.fates)
    }
}

impl Stalled {
    /// Takes everything that waits, up to the end, which has to come `within` so long.
    ///
    /// A segment for which the full buffer had no room is lost to the server's kernel, which sends it again when its timer
    /// says so and not when there is room (RFC 6298, 5.5). The timer doubles, so it waits at most as long as the queue has
    /// stood. 12 of 2,400 heard nothing within 3 s; where such lines were looked at, the server had closed them, and it had 10 s to go.
    async fn hear_the_end(mut self, within: Duration) -> (Farewell, Option<Duration>) {
        let mut code = None;
        let reading = async {
            let mut open = true;
            while open && code.is_none() {
                let each = |frame: Frame<'_>| {
                    if let Frame::Close(named) = frame {
                        code = Some(named);
                    }
                };
                // A line that breaks has ended as well.
                open = self.wire.read(each).await.unwrap_or(false);
            }
        };
        let ended = time::timeout(within, reading).await.is_ok();
        let farewell = match ended {
            true => Farewell::Closed(code.flatten()),
            false => Farewell::Open,
        };
        (farewell, self.standing.lasted(Instant::now()))
    }
}

impl Standing {
    /// Takes what a look at the server's end says.
    fn look(&mut self, queue_bytes: u64, now: Instant) {
        self.since = match queue_bytes {
            0 => None,
            same if same == self.queue_bytes => self.since,
            _ => Some(now),
        };
        self.queue_bytes = queue_bytes;
    }

    fn lasted(self, now: Instant) -> Option<Duration> {
        Some(now.duration_since(self.since?))
    }
}

/// The more of what was held before and of what is held now.
fn most(before: Option<Held>, ends: &[&End]) -> Option<Held> {
    let mean = |of: fn(&End) -> u64| {
        ends.iter().map(|it| of(it)).sum::<u64>() as f64 / ends.len().max(1) as f64
    };
    let now = Held {
        kernel_bytes_each: mean(|it| it.kernel_bytes),
        queue_bytes_each: mean(|it| it.queue_bytes),
    };
    match before {
        Some(before) if before.kernel_bytes_each >= now.kernel_bytes_each => Some(before),
        _ => Some(now),
    }
}

impl Fates {
    /// Lines that the server did not end, and lines that it ended for good.
    pub(crate) const fn wrong(&self) -> u64 {
        self.open + self.for_good
    }

    fn count(&mut self, farewell: Farewell, after: Option<Duration>) {
        let Farewell::Closed(code) = farewell else {
            self.open += 1;
            return;
        };
        let name = code.map_or_else(|| "none".to_owned(), |it| it.to_string());
        *self.closed.entry(name).or_default() += 1;
        // Who hears no code comes back as well: so many are only counted.
        self.for_good += u64::from(code.is_some_and(|it| !matches!(it, 1001 | 4000..=4499)));
        if let Some(s) = after.map(|it| it.as_secs_f64()) {
            let [first, last] = self.heard_after_s.unwrap_or([s, s]);
            self.heard_after_s = Some([first.min(s), last.max(s)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_stands_from_the_first_look_that_saw_it() {
        let begin = Instant::now();
        let at = |s| begin + Duration::from_secs(s);
        let mut standing = Standing::default();
        for (s, queue_bytes) in [(0, 0), (1, 700), (2, 900), (3, 900), (4, 900)] {
            standing.look(queue_bytes, at(s));
        }
        assert_eq!(standing.lasted(at(5)), Some(Duration::from_secs(3)));
        standing.look(0, at(6));
        assert_eq!(standing.lasted(at(7)), None, "it took everything");
    }

    #[test]
    fn who_is_still_there_or_sent_away_for_good_is_wrong() {
        let mut fates = Fates::default();
        let after = |s| Some(Duration::from_secs(s));
        fates.count(Farewell::Closed(Some(4008)), after(16));
        fates.count(Farewell::Closed(Some(4008)), after(15));
        fates.count(Farewell::Closed(None), None);
        assert_eq!(fates.wrong(), 0);
        assert_eq!(fates.heard_after_s, Some([15.0, 16.0]));
        fates.count(Farewell::Open, None);
        fates.count(Farewell::Closed(Some(4500)), after(15));
        assert_eq!((fates.open, fates.for_good, fates.wrong()), (1, 1, 2));
        let closed = [("4008", 2), ("4500", 1), ("none", 1)].map(|(it, n)| (it.to_owned(), n));
        assert_eq!(fates.closed, BTreeMap::from(closed));
    }

    #[test]
    fn what_was_held_is_the_most_of_all_looks() {
        let end = |kernel_bytes| End {
            established: true,
            queue_bytes: 10,
            kernel_bytes,
        };
        let held = most(None, &[&end(100), &end(300)]);
        let expected = Held {
            kernel_bytes_each: 200.0,
            queue_bytes_each: 10.0,
        };
        assert_eq!(held, Some(expected));
        assert_eq!(most(held, &[&end(150)]), held);
        assert_ne!(most(held, &[&end(201)]), held);
    }
}
