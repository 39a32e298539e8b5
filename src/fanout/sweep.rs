//! Once a second every connection is looked at: silence, deadlines, blocked sockets. Nobody has a
//! timer of its own.

use std::rc::Rc;

use protocol::CloseCode;
use tokio::time::MissedTickBehavior;

use crate::{Config, connection::Connection, shard::Shard};

pub(crate) async fn run(shard: Rc<Shard>) {
    let mut ticks = tokio::time::interval(shard.config.sweep_every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        sweep(&shard);
    }
}

fn sweep(shard: &Rc<Shard>) {
    let now_ms = shard.now_ms();
    let mut pings = Vec::new();
    for (_, connection) in shard.connections.borrow().iter() {
        match look(connection, now_ms, &shard.config) {
            Look::Well => {}
            Look::Ping => pings.push(connection.clone()),
            Look::Close(code, reason) => shard.close(connection, code, reason),
        }
    }
    for connection in pings {
        connection.is_pinged.set(true);
        shard.send(&connection, shard.ping.clone());
    }
    for room in shard.rooms.borrow_mut().values_mut() {
        room.trim();
    }
    let waiting = shard
        .handle
        .shared
        .waiting
        .load(std::sync::atomic::Ordering::Relaxed);
    shard.meters.orders_waiting(waiting);
}

enum Look {
    Well,
    Ping,
    Close(CloseCode, &'static str),
}

fn look(connection: &Connection, now_ms: u64, config: &Config) -> Look {
    let is_past = |then_ms: u64, limit: std::time::Duration| {
        u128::from(now_ms.saturating_sub(then_ms)) >= limit.as_millis()
    };
    let heard_ms = connection.heard_ms.get();
    if connection.is_ending() {
        return Look::Well;
    }
    if connection.is_overdue(now_ms) {
        return Look::Close(CloseCode::BadToken, "no hello in time");
    }
    if connection.is_lagging() {
        let moved_ms = connection
            .lag
            .borrow()
            .as_ref()
            .map_or(now_ms, |it| it.moved_ms);
        if is_past(moved_ms, config.blocked_closed_after) {
            return Look::Close(CloseCode::Slow, "the socket takes nothing");
        }
    }
    if is_past(heard_ms, config.dead_after) {
        return Look::Close(CloseCode::NoPong, "nothing was heard");
    }
    if is_past(heard_ms, config.ping_after) && !connection.is_pinged.get() {
        return Look::Ping;
    }
    Look::Well
}
