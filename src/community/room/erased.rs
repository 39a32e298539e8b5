//! Somebody erased their account: they are here no more, and what they wrote may go with them. What the log holds of
//! their name is not this room's to change: it is read from there again ([`Room::inherit`]).

use protocol::{
    Code, MemberId, Refusal, Seq,
    server::{self, PeerEnd, State},
};

use super::{Room, broadcast};
use crate::{
    command::Origin,
    effect::{Announce, Effect, Notify},
    now::Now,
    record::{Outcome, RecordBody},
};

impl Room {
    /// A member's account is gone: they leave at once, and what is remembered of where they came from with them. Where
    /// something of theirs is shown everybody hears that they have no name any more.
    pub fn erased(&mut self, now: Now, member: &MemberId, fx: &mut Vec<Effect>) {
        self.touch(now);
        self.measure(now);
        let connections = self.presence.expel(now, member);
        self.typing.stopped(now, member);
        self.traced.forget(member);
        let why = Refusal::new(Code::TokenRevoked, "this account is erased");
        fx.push(Effect::Notify(Notify::Out {
            member: member.clone(),
            connections,
            why,
        }));
        if let Some(shown) = self.ring.author(member) {
            let erased = server::Person {
                name: String::new(),
                ..shown.frame()
            };
            let state = State {
                erased: Some(erased),
                ..State::default()
            };
            fx.push(Effect::Announce(Announce::State(Box::new(state))));
        }
        let publisher = self.stage.publisher.as_mut();
        if let Some(it) = publisher.filter(|it| it.who.id == *member) {
            it.who.name = "".into();
            let peer = it.peer.clone();
            fx.push(broadcast::drop_publisher(peer, PeerEnd::NotPermitted));
        }
    }

    /// What they wrote goes, whatever else may be done in this room now: it is nobody's to keep.
    pub(super) fn forget(&self, from: &Origin, of: Seq) -> Result<RecordBody, Refusal> {
        let own = |author: &MemberId| {
            let words = "what somebody else wrote is not theirs to take away";
            let refused = || Refusal::new(Code::NotPermitted, words);
            (*author == from.who.id).then_some(()).ok_or_else(refused)
        };
        if let Some(waiting) = self.decided.held.get(&of) {
            own(&waiting.kept.author.id)?;
            let outcome = Outcome {
                allowed: false,
                reason: "".into(),
            };
            return Ok(RecordBody::Review { of, outcome });
        }
        let (author, _) = self.message(of)?;
        own(&author.id)?;
        Ok(RecordBody::Delete { of, undo: None })
    }
}
