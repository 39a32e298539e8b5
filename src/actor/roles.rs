//! What role a member has now, whatever the token says that they came with.
//!
//! A token names the role of the moment it was made, and a connection lives for hours. So whoever is
//! appointed or dismissed stands here, and each room looks here as it takes a wish: after
//! [`Roles::changed`] no wish of this member is held against the old role, in any room, whether its
//! connection or its token is older. It keeps no role that a token says rightly. Whoever erased their account since
//! the start is here too: whatever of theirs is still on its way has no name.

use std::sync::Arc;

use community::{Role, Who};
use dashmap::{DashMap, DashSet, Entry};
use protocol::MemberId;

/// The roles that changed: one entry for each member that was given another since the start, and one for each whose
/// account was erased.
#[derive(Clone, Default)]
pub struct Roles {
    changed: Arc<DashMap<MemberId, Role>>,
    gone: Arc<DashSet<MemberId>>,
}

impl Roles {
    /// A member was given another role.
    pub(super) fn changed(&self, who: &Who) {
        self.changed.insert(who.id.clone(), who.role);
    }

    /// A member's account is erased.
    pub(super) fn erased(&self, member: &MemberId) {
        self.gone.insert(member.clone());
    }

    /// The store says another role than a token that was just taken: it changed before this process
    /// started. True where nobody knew; what changed since the start stands.
    pub(super) fn learned(&self, who: &Who) -> bool {
        match self.changed.entry(who.id.clone()) {
            Entry::Vacant(free) => {
                free.insert(who.role);
                true
            }
            Entry::Occupied(_) => false,
        }
    }

    /// The role that somebody has now.
    pub(super) fn role_of(&self, who: &Who) -> Role {
        self.changed.get(&who.id).map_or(who.role, |it| *it)
    }

    /// The person of a token with the role of now, and without a name where they are nobody any more.
    pub fn as_now(&self, who: Who) -> Who {
        let role = self.role_of(&who);
        let name = if self.gone.contains(&who.id) {
            "".into()
        } else {
            who.name
        };
        Who { role, name, ..who }
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

    #[test]
    fn who_erased_their_account_has_no_name_whatever_their_token_says() {
        let roles = Roles::default();
        assert_eq!(&*roles.as_now(ann(Role::Member)).name, "Ann");
        roles.erased(&"m_ann".into());
        assert_eq!(&*roles.as_now(ann(Role::Member)).name, "");
    }
}
