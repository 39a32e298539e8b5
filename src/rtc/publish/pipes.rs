//! The TCP side of the publishers' port: one task that has the pipes. What they carry goes to the port
//! like what comes by UDP, and what a publisher is sent by TCP comes here through a bounded channel.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::port::Port;
use crate::{
    path::{Path, PipeId},
    pipes::{Happened, Pipes, Sent},
};

/// What waits for the task: reports and answers of some dozens of publishers.
pub(super) const PIPED_MAX: usize = 1_024;
/// How often deadlines are looked at.
const TICK: Duration = Duration::from_millis(100);

/// What a publisher is sent by TCP.
#[derive(Debug)]
pub(super) struct Piped {
    pub(super) pipe: PipeId,
    pub(super) datagram: Bytes,
}

/// Serves the pipes until the task is aborted.
pub(super) async fn serve(port: Arc<Port>, mut pipes: Pipes, mut piped: mpsc::Receiver<Piped>) {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let has_deadline = !pipes.is_empty();
        tokio::select! {
            happened = pipes.next() => match happened {
                Happened::Datagram(from, datagram) => take(&port, &mut pipes, from, &datagram),
                Happened::Ended(path) => port.lose(path),
            },
            told = piped.recv() => {
                let Some(Piped { pipe, datagram }) = told else { return };
                let (_, sent) = pipes.send(pipe, &datagram, &[datagram.len()]);
                if sent == Sent::Blocked {
                    metrics::counter!("weiquan_publish_datagrams_unsent_total").increment(1);
                }
            }
            gone = port.gone() => {
                for owner in gone {
                    pipes.close_of(owner);
                }
            }
            _ = ticks.tick(), if has_deadline => {
                for path in pipes.tick(clock::now()) {
                    port.lose(path);
                }
            }
        }
    }
}

/// Only a check with the right password makes a path known, so whoever is known is proven.
fn take(port: &Port, pipes: &mut Pipes, from: Path, datagram: &[u8]) {
    let owner = port.handle(from, datagram, clock::now());
    if let (Some(owner), Some(pipe)) = (owner, from.pipe())
        && let Some(spare) = pipes.prove(pipe, owner)
    {
        port.lose(spare);
    }
}
