//! Who erased their account leaves, has no name any more, and may have taken along what they wrote.

use protocol::server::Body;

use super::*;
use crate::record::{Held, Outcome};

impl Bench {
    fn forget(&mut self, name: &str, of: Seq) -> Result<Seq, Code> {
        let client_id = self.cid();
        self.ack(name, Command::Forget { client_id, of })
            .map(|it| it.s)
            .map_err(|it| it.code)
    }

    fn erase(&mut self, name: &str) {
        let mut fx = Vec::new();
        self.room.erased(self.now, &name.into(), &mut fx);
        self.take(fx);
    }

    /// The log as it is once a name was taken out of it, and the room that is read from it.
    fn read_anew_without(&mut self, name: &str) {
        for record in &mut self.log {
            record.unname(&name.into());
        }
        let fresh = Room::recover(meta(), self.loaded());
        let old = std::mem::replace(&mut self.room, fresh);
        let mut fx = Vec::new();
        assert!(self.room.inherit(self.now, old, &mut fx).is_empty());
        self.take(fx);
    }
}

#[test]
fn data5_who_is_gone_leaves_at_once_and_their_name_with_them() {
    let mut bench = Bench::full();
    bench.step(MAKER, BroadcastAct::Open).expect("open");
    bench.say(MAKER, "大家好").expect("said");
    bench.decide(MAKER, Command::Typing);
    bench.fx.clear();
    bench.erase(MAKER);
    assert_eq!(bench.outs(), [(MAKER, vec![connection(MAKER)])]);
    bench.read_anew_without(MAKER);
    bench.pass(10_000);
    let told = bench.states();
    let gone: Vec<_> = told.iter().filter_map(|it| it.erased.as_ref()).collect();
    assert_eq!(
        gone.len(),
        1,
        "what is on a screen already is called otherwise"
    );
    assert_eq!((gone[0].id.as_str(), gone[0].name.as_str()), (MAKER, ""));
    let hosts: Vec<_> = told
        .iter()
        .filter_map(|it| it.broadcast.as_ref())
        .map(|it| (it.host.id.as_str(), it.host.name.as_str()))
        .collect();
    assert_eq!(hosts, [(MAKER, "")], "whoever is there is told");
    let seen = bench.join(ANN);
    let shown: Vec<_> = seen
        .ev
        .iter()
        .filter(|it| matches!(it.body, Body::Msg { .. }))
        .map(|it| (it.u.id.as_str(), it.u.name.as_str()))
        .collect();
    assert_eq!(shown, [(MAKER, "")]);
    assert!(
        bench
            .room
            .presence
            .people()
            .all(|it| it.id.as_str() != MAKER),
        "nobody waits for them to come back"
    );
    // Nothing is told where nothing is called otherwise.
    bench.fx.clear();
    bench.erase(GUEST);
    bench.read_anew_without(GUEST);
    assert!(bench.states().is_empty());
}

#[test]
fn data5_what_they_wrote_goes_whatever_else_may_be_done() {
    let mut bench = Bench::full();
    let of = bench.say(ANN, "秘密").expect("said");
    let others = bench.say(BOB, "别的").expect("said");
    let ban = Command::Ban {
        client_id: bench.cid(),
        who: ANN.into(),
        for_ms: None,
        reason: String::new(),
    };
    bench.ack(MODERATOR, ban).expect("banned");
    assert_eq!(bench.forget(ANN, others), Err(Code::NotPermitted));
    assert_eq!(bench.forget(ANN, 99), Err(Code::NoSuchMessage));
    bench.rows.clear();
    bench.forget(ANN, of).expect("gone");
    let last = bench.log.last().expect("a record");
    assert_eq!(last.body, RecordBody::Delete { of, undo: None }, "for good");
    assert!(
        matches!(&bench.rows[..], [RowChange::Erase { seq, .. }] if *seq == of),
        "{:?}",
        bench.rows
    );
    assert_eq!(bench.forget(ANN, of), Err(Code::NoSuchMessage));
}

#[test]
fn data5_what_waits_for_review_goes_too() {
    let mut bench = Bench::full();
    let seen = bench.say(ANN, "看这里").expect("said");
    let hold = Command::Hold {
        client_id: bench.cid(),
        of: seen,
    };
    let held = bench.ack(MODERATOR, hold).expect("held").s;
    assert_eq!(bench.forget(BOB, held), Err(Code::NotPermitted));
    bench.rows.clear();
    bench.forget(ANN, held).expect("gone");
    let outcome = Outcome {
        allowed: false,
        reason: "".into(),
    };
    let left = RecordBody::Held(Held {
        of: Some(seen),
        why: protocol::server::HeldWhy::Person,
        kept: None,
        outcome: Some(outcome),
    });
    assert!(
        bench.rows.contains(&RowChange::Erase { seq: held, left }),
        "{:?}",
        bench.rows
    );
    assert!(
        !bench
            .rows
            .iter()
            .any(|it| matches!(it, RowChange::Audit(_))),
        "it is nobody's act on somebody else"
    );
}
