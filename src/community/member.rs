//! Who acts, and how others see them.

use std::sync::Arc;

use protocol::{MemberId, server::Mark};

/// Responsibility given in a circle. Host is not one: it belongs to a room (see [`crate::Standing`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    Guest,
    Member,
    Moderator,
    Owner,
}

impl Role {
    pub const ALL: [Self; 4] = [Self::Guest, Self::Member, Self::Moderator, Self::Owner];

    /// Moderators and owners: slow mode does not hold them.
    pub const fn is_staff(self) -> bool {
        matches!(self, Self::Moderator | Self::Owner)
    }
}

/// The person behind a command, as identity told it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    pub id: MemberId,
    pub name: Arc<str>,
    pub role: Role,
    pub traces: Traces,
}

/// What is known of where somebody comes from. It is told only of who comes by a socket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traces {
    pub device: Option<Trace>,
    pub network: Option<Trace>,
    /// When their account was made, where that was looked up.
    pub since_ms: Option<u64>,
}

/// A device or a network as the server remembers one: a hash under its own secret, which tells nobody
/// else anything.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Trace(Arc<str>);

impl Trace {
    pub fn new(hash: impl Into<Arc<str>>) -> Self {
        Self(hash.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A person as a record remembers one: the name and mark of that moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    pub id: MemberId,
    pub name: Arc<str>,
    pub mark: Mark,
}

impl Person {
    /// The person in the words of the wire.
    pub fn frame(&self) -> protocol::server::Person {
        protocol::server::Person {
            id: self.id.clone(),
            name: self.name.to_string(),
            mark: self.mark,
        }
    }

    /// The role that a mark stands for; a host's or co-host's role outside of the room is not known from it.
    pub(crate) fn who(&self) -> Who {
        let role = match self.mark {
            Mark::Guest => Role::Guest,
            Mark::Member | Mark::CoHost | Mark::Host => Role::Member,
            Mark::Moderator => Role::Moderator,
            Mark::Owner => Role::Owner,
        };
        Who {
            id: self.id.clone(),
            name: self.name.clone(),
            role,
            traces: Traces::default(),
        }
    }
}
