//! What a close and a refusal ask of a client, and how long it waits (`docs/PROTOCOL.md`, C3).

use std::time::Duration;

use protocol::{Act, Refusal};

/// What a client does about a connection that was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterClose {
    /// Come back by itself, after a random wait.
    Reconnect,
    /// Get a new token; come back with it.
    NewToken,
    /// Stay away, and say why.
    Stop,
}

impl AfterClose {
    /// Codes that are not ours come from the network: those mean nothing but the loss.
    pub fn of(code: u16) -> Self {
        match code {
            4500 => Self::NewToken,
            4501..=4999 => Self::Stop,
            _ => Self::Reconnect,
        }
    }
}

/// What a client does about a wish that was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterRefusal {
    /// Show the words; the wish is a person's to repeat.
    Tell,
    /// It may be said again, by the same client id, once so much time has passed.
    SayAgain { after: Duration },
    /// Say it again, by the same client id, on a connection with a new token.
    NewToken,
    /// Join the room anew, then say it again by the same client id.
    Join,
}

/// Where `retry` names no time.
const RETRY_DEFAULT: Duration = Duration::from_secs(1);

impl AfterRefusal {
    pub fn of(refusal: &Refusal) -> Self {
        match refusal.act {
            Act::Retry => Self::SayAgain {
                after: refusal.ms.map_or(RETRY_DEFAULT, Duration::from_millis),
            },
            Act::Reauth => Self::NewToken,
            Act::Resync => Self::Join,
            Act::None | Act::Move | Act::Stop => Self::Tell,
        }
    }
}

/// How long to wait before the next try to connect: a random time, so that a crowd does not come
/// back as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// The most that the first wait may be. Each further one may be twice as long …
    pub first: Duration,
    /// … up to this.
    pub most: Duration,
}

impl Pace {
    /// What `docs/PROTOCOL.md` asks of every client.
    pub const PROTOCOL: Self = Self {
        first: Duration::from_millis(500),
        most: Duration::from_secs(15),
    };

    /// The wait after `tries` failures in a row, by a random `chance` from 0 to 1.
    pub fn wait(&self, tries: u32, chance: f64) -> Duration {
        let most = self.first.saturating_mul(1 << tries.min(10)).min(self.most);
        most.mul_f64(chance.clamp(0.0, 1.0))
    }
}
