//! The names of resources, which only their makers can use.

use auth::{Identity, ServerSecret};
use protocol::PeerId;

/// Who made a resource, and may change and end it.
pub(super) enum Owner {
    Key(String),
    Member(String),
    /// Who watches without a token: the address is all there is.
    Anybody,
}

impl Owner {
    pub(super) fn of(by: Option<&Identity>) -> Self {
        by.map_or(Self::Anybody, |it| Self::Member(it.id.to_string()))
    }
}

/// Makes and opens the names of resources: the peer, a dot, and an HMAC over peer and owner.
pub(crate) struct Seal(auth::secrets::Sealer);

impl Seal {
    pub(crate) fn new(secret: &ServerSecret) -> Self {
        Self(auth::secrets::Sealer::new(secret, "whip resource"))
    }

    pub(super) fn resource(&self, peer: &PeerId, owner: &Owner) -> String {
        format!("{peer}.{}", self.0.seal(&Self::text(peer.as_str(), owner)))
    }

    pub(super) fn peer(&self, resource: &str, owner: &Owner) -> Option<PeerId> {
        let (peer, seal) = resource.rsplit_once('.')?;
        self.0
            .holds(&Self::text(peer, owner), seal)
            .then(|| PeerId::from(peer))
    }

    /// A line end is in neither part, so no two pairs have one text.
    fn text(peer: &str, owner: &Owner) -> String {
        match owner {
            Owner::Key(id) => format!("key\n{id}\n{peer}"),
            Owner::Member(id) => format!("member\n{id}\n{peer}"),
            Owner::Anybody => format!("anybody\n\n{peer}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_opens_only_to_who_made_it() {
        let seal = |byte| Seal::new(&ServerSecret::new(&[byte; 32]).expect("32 bytes"));
        let (ours, theirs) = (seal(1), seal(2));
        let peer = PeerId::from("p_AbC-1");
        let mine = ours.resource(&peer, &Owner::Member("m_1".into()));
        assert_eq!(
            ours.peer(&mine, &Owner::Member("m_1".into())),
            Some(peer.clone())
        );
        assert_eq!(ours.peer(&mine, &Owner::Member("m_2".into())), None);
        assert_eq!(ours.peer(&mine, &Owner::Key("m_1".into())), None);
        assert_eq!(ours.peer(&mine, &Owner::Anybody), None);
        assert_eq!(theirs.peer(&mine, &Owner::Member("m_1".into())), None);
        let anybodys = ours.resource(&peer, &Owner::Anybody);
        assert_eq!(ours.peer(&anybodys, &Owner::Anybody), Some(peer));
        for broken in [
            "",
            ".",
            "p_AbC-1",
            "p_AbC-1.",
            &mine[1..],
            &mine[..mine.len() - 1],
        ] {
            assert_eq!(
                ours.peer(broken, &Owner::Member("m_1".into())),
                None,
                "{broken}"
            );
        }
    }
}
