//! The answer to "who is this?".

pub use community::Role;
use community::{Standing, Who};
use protocol::{MemberId, rest::Me, server::Mark};

/// The role's word in a token.
pub(crate) const fn word_of(role: Role) -> &'static str {
    match role {
        Role::Guest => "guest",
        Role::Member => "member",
        Role::Moderator => "moderator",
        Role::Owner => "owner",
    }
}

/// The role that a token's word means.
pub(crate) fn role_of(word: &str) -> Option<Role> {
    Role::ALL.into_iter().find(|it| word_of(*it) == word)
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

/// The mark of somebody outside of any room.
pub const fn mark_of(role: Role) -> Mark {
    let standing = Standing {
        role,
        host: false,
        co_host: false,
    };
    standing.mark()
}

impl Identity {
    /// The person as one hears of oneself.
    pub fn card(&self) -> Me {
        Me {
            id: self.id.clone(),
            name: self.name.clone(),
            mark: mark_of(self.role),
        }
    }

    /// The person as the rooms know one.
    pub fn who(&self) -> Who {
        Who {
            id: self.id.clone(),
            name: self.name.as_str().into(),
            role: self.role,
            traces: community::Traces::default(),
        }
    }
}
