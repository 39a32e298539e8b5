//! What a shard counts. Once per pass or per event of a connection, never per delivery.

use metrics::{Counter, Gauge, counter, gauge};
use protocol::CloseCode;

pub(crate) struct Meters {
    connections: Gauge,
    deliveries: Counter,
    passes: Counter,
    lags: Counter,
    gaps: Counter,
    orders_waiting: Gauge,
}

impl Meters {
    pub(crate) fn new(shard: usize) -> Self {
        let shard = shard.to_string();
        Self {
            connections: gauge!("fanout_connections", "shard" => shard.clone()),
            deliveries: counter!("fanout_deliveries_total", "shard" => shard.clone()),
            passes: counter!("fanout_passes_total", "shard" => shard.clone()),
            lags: counter!("fanout_lags_total", "shard" => shard.clone()),
            gaps: counter!("fanout_gaps_total", "shard" => shard.clone()),
            orders_waiting: gauge!("fanout_orders_waiting", "shard" => shard),
        }
    }

    pub(crate) fn connections(&self, count: usize) {
        self.connections.set(count as f64);
    }

    pub(crate) fn orders_waiting(&self, count: usize) {
        self.orders_waiting.set(count as f64);
    }

    /// A pass is done that wrote to so many.
    pub(crate) fn passed(&self, deliveries: u64) {
        self.passes.increment(1);
        self.deliveries.increment(deliveries);
    }

    pub(crate) fn lagged(&self) {
        self.lags.increment(1);
    }

    pub(crate) fn gap_told(&self) {
        self.gaps.increment(1);
    }

    /// 1006 is what RFC 6455 calls an end without a close frame.
    pub(crate) fn closed(&self, code: Option<CloseCode>) {
        let code = code.map_or(1006, CloseCode::number);
        counter!("fanout_closed_total", "code" => code.to_string()).increment(1);
    }
}
