//! The answer to "who is this?".

use protocol::MemberId;

/// What somebody is in the circle. Host is not here: that belongs to a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    Guest,
    Member,
    Moderator,
    Owner,
}

impl Role {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Guest => "guest",
            Self::Member => "member",
            Self::Moderator => "moderator",
            Self::Owner => "owner",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Guest, Self::Member, Self::Moderator, Self::Owner]
            .into_iter()
            .find(|it| it.as_str() == word)
    }
}

/// Somebody whose token was good at the moment it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub id: MemberId,
    pub name: String,
    pub role: Role,
    /// When the token ends, Unix milliseconds: what was allowed by it must end then too.
    pub expires_ms: u64,
    /// The account's token epoch at the time of minting; a sign-out everywhere raises the account's
    /// own, and this identity is then revoked. `None` for guests and for other sites' people, who
    /// have no account here.
    pub epoch: Option<u64>,
    /// Vouched for by another site's key.
    pub foreign: bool,
}
