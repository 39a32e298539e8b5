//! How the shards behave. Every limit starts from `protocol::limits`; tests shorten the times.

use std::time::Duration;

use protocol::limits;

/// What an operator, a test or a benchmark may change.
#[derive(Clone, Debug)]
pub struct Config {
    /// Threads that hold connections. One per core that is meant for it.
    pub shards: usize,
    /// How long a room rests after a pass, in percent of what the pass cost, on a shard that has no
    /// time to spare. Below half load nobody rests. At 10,000 viewers and 50 messages/s a rest of
    /// 100 % more than halved the CPU per delivery (1.99 → 0.83 µs) for twice the delay.
    pub duty_percent: u32,
    /// Sends of one turn, shared by as many rooms as fit.
    pub turn_sends: usize,
    /// Bytes that one viewer is given in one write of a pass or of a catch-up.
    pub write_bytes_max: usize,
    pub ring_frames_max: usize,
    pub ring_bytes_max: usize,
    /// Answers that may wait for one blocked socket.
    pub answers_bytes_max: usize,
    /// First answers of joins that may wait for one blocked socket: a connection that comes back
    /// resumes all its rooms at once, and each resume may be long.
    pub joins_bytes_max: usize,
    /// Silence after which the server pings.
    pub ping_after: Duration,
    /// Silence after which the connection is dead.
    pub dead_after: Duration,
    /// A socket that takes nothing for so long is closed.
    pub blocked_closed_after: Duration,
    /// How long a closed connection may take to say goodbye.
    pub close_within: Duration,
    /// How often every connection is looked at.
    pub sweep_every: Duration,
    /// Orders in a shard's inbox above which [`crate::ShardHandle::is_pressed`] says so.
    pub orders_pressed: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            shards: 1,
            duty_percent: 100,
            turn_sends: limits::TURN_SENDS,
            write_bytes_max: 64 * 1024,
            ring_frames_max: limits::RING_FRAMES_MAX,
            ring_bytes_max: limits::RING_BYTES_MAX,
            answers_bytes_max: limits::ANSWERS_BYTES_MAX,
            joins_bytes_max: 4 * 1024 * 1024,
            ping_after: limits::PING_AFTER,
            dead_after: limits::DEAD_AFTER,
            blocked_closed_after: limits::BLOCKED_CLOSED_AFTER,
            close_within: Duration::from_secs(2),
            sweep_every: Duration::from_secs(1),
            orders_pressed: 16 * 1024,
        }
    }
}
