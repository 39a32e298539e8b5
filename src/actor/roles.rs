//! What role a member has now, whatever the token says that they came with.
//!
//! A token names the role of the moment it was made, and a connection lives for hours. So whoever is
//! appointed or dismissed stands here, and each room looks here as it takes a wish: after
//! [`Roles::changed`] no wish of this member is held against the old role, in any room, whether its
//! connection or its token is older. It keeps no role that a token says rightly.

use std::sync::Arc;

use community::{Role, Who};
use dashmap::{DashMap, Entry};
use protocol::MemberId;

/// The roles that changed: one entry for each member that was given another since the start.
#[derive(Clone, Default)]
pub struct Roles(Arc<DashMap<MemberId, Role>>);

impl Roles {
    /// A member was given another role.
    pub(super) fn changed(&self, who: &Who) {
        self.0.insert(who.id.clone(), who.role);
    }

    /// The store says another role than a token that was just taken: it changed before this process
    /// started. True where nobody knew; what changed since the start stands.
    pub(super) fn learned(&self, who: &Who) -> bool {
        match self.0.entry(who.id.clone()) {
            Entry::Vacant(free) => {
                free.insert(who.role);
                true
            }
            Entry::Occupied(_) => false,
        }
    }

    /// The role that somebody has now.
    pub(super) fn role_of(&self, who: &Who) -> Role {
        self.0.get(&who.id).map_or(who.role, |it| *it)
    }

    /// The person of a token with the role of now.
    pub fn as_now(&self, who: Who) -> Who {
        let role = self.role_of(&who);
        Who { role, ..who }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ann(role: Role) -> Who {
        Who {
            id: "m_ann".into(),
            name: "Ann".into(),
            role,
            traces: community::Traces::default(),
        }
    }

    #[test]
    fn the_last_change_counts_and_what_the_store_said_before_it_does_not() {
        let roles = Roles::default();
        let now = |roles: &Roles| roles.as_now(ann(Role::Member)).role;
        assert_eq!(now(&roles), Role::Member, "as the token says");
        assert!(roles.learned(&ann(Role::Moderator)));
        assert!(!roles.learned(&ann(Role::Member)), "known already");
        assert_eq!(now(&roles), Role::Moderator);
        roles.changed(&ann(Role::Member));
        assert!(!roles.learned(&ann(Role::Moderator)), "read too late");
        assert_eq!(roles.as_now(ann(Role::Moderator)).role, Role::Member);
    }
}
