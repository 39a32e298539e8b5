//! The links in letters: who shows one got it from this server, in a letter to this member.
//!
//! A link is the member, when the letter was asked for, and a seal over both and over what the link is
//! for. Whether it was used already, the store knows.

use protocol::MemberId;

use crate::secrets::{Sealer, ServerSecret};

/// Makes links and reads them.
pub struct LetterLinks(Sealer);

impl LetterLinks {
    pub fn new(secret: &ServerSecret) -> Self {
        Self(Sealer::new(secret, "letter link"))
    }

    /// `purpose` is a word without a line end: a link for one purpose is none for another.
    pub fn make(&self, purpose: &str, member: &MemberId, made_ms: u64) -> String {
        let seal = self.0.seal(&Self::text(purpose, member.as_str(), made_ms));
        format!("{member}.{made_ms}.{seal}")
    }

    /// The member, and when the letter was asked for.
    pub fn read(&self, purpose: &str, link: &str) -> Option<(MemberId, u64)> {
        let (member, rest) = link.split_once('.')?;
        let (made_ms, seal) = rest.split_once('.')?;
        let made_ms = made_ms.parse().ok()?;
        self.0
            .holds(&Self::text(purpose, member, made_ms), seal)
            .then(|| (MemberId::new(member), made_ms))
    }

    /// What a link that ends letters of notices carries: it is good for ever.
    pub fn stop_seal(&self, member: &MemberId) -> String {
        self.0.seal(&format!("stop\n{member}"))
    }

    pub fn stops(&self, member: &str, seal: &str) -> bool {
        self.0.holds(&format!("stop\n{member}"), seal)
    }

    /// What a link that ends digests carries: it is good for ever, and ends nothing else.
    pub fn stop_digest_seal(&self, member: &MemberId) -> String {
        self.0.seal(&format!("stop digest\n{member}"))
    }

    pub fn stops_digest(&self, member: &str, seal: &str) -> bool {
        self.0.holds(&format!("stop digest\n{member}"), seal)
    }

    fn text(purpose: &str, member: &str, made_ms: u64) -> String {
        format!("{purpose}\n{member}\n{made_ms}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_for_its_member_moment_and_purpose_alone() {
        let links = |byte| LetterLinks::new(&ServerSecret::new(&[byte; 32]).expect("32 bytes"));
        let (ours, theirs) = (links(1), links(2));
        let ann = MemberId::from("m_Ann-1_x");
        let link = ours.make("confirm", &ann, 1_700_000_000_123);
        assert_eq!(
            ours.read("confirm", &link),
            Some((ann.clone(), 1_700_000_000_123))
        );
        assert_eq!(ours.read("password", &link), None);
        assert_eq!(theirs.read("confirm", &link), None);
        let stop = ours.stop_seal(&ann);
        assert!(ours.stops("m_Ann-1_x", &stop) && !ours.stops("m_Bob", &stop));
        assert!(!theirs.stops("m_Ann-1_x", &stop));
        let digest = ours.stop_digest_seal(&ann);
        assert!(ours.stops_digest("m_Ann-1_x", &digest) && !ours.stops_digest("m_Bob", &digest));
        assert!(!ours.stops("m_Ann-1_x", &digest) && !ours.stops_digest("m_Ann-1_x", &stop));
        for broken in [
            "",
            ".",
            "..",
            "m_Ann-1_x.1.",
            &link[1..],
            &link[..link.len() - 1],
            &link.replace("123", "124"),
            &link.replace("Ann", "Bob"),
        ] {
            assert_eq!(ours.read("confirm", broken), None, "{broken}");
        }
    }
}
