//! Co-hosts: who runs a broadcast beside its host, until it is put away or another begins.

use protocol::{Code, MemberId, Refusal, limits, server::Phase};

use super::Room;
use crate::{command::Origin, member::Role, record::RecordBody, rights::Verb};

impl Room {
    pub(super) fn co_host(
        &self,
        from: &Origin,
        member: &MemberId,
        on: bool,
    ) -> Result<RecordBody, Refusal> {
        self.check(&from.who, Verb::CoHost)?;
        let Some(broadcast) = self.decided.current().filter(|it| it.phase != Phase::Ended) else {
            let words = "announce or open a broadcast first: a co-host runs one broadcast";
            return Err(Refusal::new(Code::NoBroadcast, words));
        };
        if !on {
            let held = self.decided.co_hosts.get(member).cloned();
            let words = "this member is not co-host here";
            let who = held.ok_or_else(|| Refusal::new(Code::NotFound, words))?;
            return Ok(RecordBody::CoHost { who, on });
        }
        let found = self.look_up(member);
        let who =
            found.ok_or_else(|| Refusal::new(Code::NotFound, "nobody here is known by that id"))?;
        if who.role == Role::Guest {
            let words = "a guest cannot be co-host: members can";
            return Err(Refusal::new(Code::NotAMember, words));
        }
        if broadcast.host.id == *member {
            let words = "the host runs this broadcast already";
            return Err(Refusal::new(Code::RoleFixed, words));
        }
        let others = self.decided.co_hosts.keys().filter(|it| *it != member);
        if others.count() >= limits::CO_HOSTS_MAX {
            let words = format!("a broadcast has up to {} co-hosts", limits::CO_HOSTS_MAX);
            return Err(Refusal::new(Code::TooManyCoHosts, words));
        }
        let who = self.person(&who);
        Ok(RecordBody::CoHost { who, on })
    }
}
