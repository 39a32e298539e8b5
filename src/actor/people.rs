//! Which connections a person has, so that a newer one of a device replaces the older, and a
//! sign-out everywhere reaches them all.

use dashmap::DashMap;
use fanout::{ConnectionId, Order};
use protocol::{CloseCode, MemberId, server::Push};

use super::{directory::Shards, push_frame};

struct Presence {
    connection: ConnectionId,
    device: Box<str>,
}

/// Connections by member, and the token epochs that were raised since the start.
pub struct People {
    shards: Shards,
    here: DashMap<MemberId, Vec<Presence>>,
    /// The least token epoch that is still good, for accounts that signed out everywhere.
    epochs: DashMap<MemberId, u64>,
}

impl People {
    pub fn new(shards: Shards) -> Self {
        Self {
            shards,
            here: DashMap::new(),
            epochs: DashMap::new(),
        }
    }

    /// A connection said hello. An older one of the same device closes with 4503.
    pub fn came(&self, member: &MemberId, device: &str, connection: ConnectionId) {
        let mut replaced = Vec::new();
        {
            let mut theirs = self.here.entry(member.clone()).or_default();
            theirs.retain(|it| {
                let same = *it.device == *device;
                if same {
                    replaced.push(it.connection);
                }
                !same
            });
            theirs.push(Presence {
                connection,
                device: device.into(),
            });
        }
        // The entry is let go before anybody else is spoken to.
        for older in replaced {
            self.close(
                older,
                CloseCode::Replaced,
                "a newer connection of this device",
            );
        }
    }

    pub fn went(&self, member: &MemberId, connection: ConnectionId) {
        if let Some(mut theirs) = self.here.get_mut(member) {
            theirs.retain(|it| it.connection != connection);
        }
        self.here.remove_if(member, |_, theirs| theirs.is_empty());
    }

    /// Every token of this account below `epoch` is void from now on, and its connections close.
    pub fn revoke(&self, member: &MemberId, epoch: u64) {
        self.epochs.insert(member.clone(), epoch);
        let theirs: Vec<ConnectionId> = self
            .here
            .get(member)
            .map(|it| it.iter().map(|it| it.connection).collect())
            .unwrap_or_default();
        for connection in theirs {
            self.close(connection, CloseCode::BadToken, "signed out");
        }
    }

    /// Says something to every connection of a member.
    pub fn tell(&self, member: &MemberId, push: &Push) {
        let theirs: Vec<ConnectionId> = self
            .here
            .get(member)
            .map(|it| it.iter().map(|it| it.connection).collect())
            .unwrap_or_default();
        if theirs.is_empty() {
            return;
        }
        let frame = push_frame(push);
        for connection in theirs {
            self.shards.of(connection).order(Order::Send {
                connection,
                frame: frame.clone(),
            });
        }
    }

    /// Whether a token of this epoch is still good, as far as this process knows. Epochs raised
    /// before the start are known by the store; tokens live ten minutes at most.
    pub fn is_good(&self, member: &MemberId, epoch: Option<u64>) -> bool {
        match (epoch, self.epochs.get(member)) {
            (Some(epoch), Some(least)) => epoch >= *least,
            _ => true,
        }
    }

    /// Connections that said hello.
    pub fn count(&self) -> usize {
        self.here.iter().map(|it| it.len()).sum()
    }

    fn close(&self, connection: ConnectionId, code: CloseCode, reason: &'static str) {
        self.shards.of(connection).order(Order::Close {
            connection,
            code,
            reason,
        });
    }
}
