//! Deletes that can be taken back for a while, and people who are put out for a moment.

use protocol::server::Body;

use super::*;

impl Bench {
    fn delete(&mut self, name: &str, of: Seq) {
        let client_id = self.cid();
        self.ack(name, Command::Delete { client_id, of })
            .expect("deleted");
    }

    fn undelete(&mut self, name: &str, of: Seq) -> Result<Seq, Code> {
        let client_id = self.cid();
        self.ack(name, Command::Undelete { client_id, of })
            .map(|it| it.s)
            .map_err(|it| it.code)
    }

    fn text_of(&self, seq: Seq) -> String {
        let page = self.room.history(Past::Last, 200).expect("kept").page;
        let found = page.into_iter().find(|it| it.s == seq).expect("there");
        match found.body {
            Body::Msg { text, .. } => text,
            other => panic!("{other:?}"),
        }
    }

    fn kick(&mut self, name: &str, whom: &str) -> Result<Seq, Code> {
        let command = Command::Kick {
            client_id: self.cid(),
            who: whom.into(),
            reason: "冷静一下".into(),
        };
        self.ack(name, command).map(|it| it.s).map_err(|it| it.code)
    }
}

#[test]
fn o7_a_delete_is_taken_back_by_who_did_it_or_a_moderator_and_by_nobody_else() {
    let mut bench = Bench::full();
    let seq = bench.say(ANN, "手滑").expect("said");
    bench.delete(MODERATOR, seq);
    assert_eq!(bench.text_of(seq), "");
    assert!(!format!("{:?}", bench.join(BOB)).contains("手滑"));
    for name in [ANN, BOB] {
        assert_eq!(bench.undelete(name, seq), Err(Code::NotPermitted), "{name}");
    }
    bench.undelete(MODERATOR, seq).expect("brought back");
    assert_eq!(bench.text_of(seq), "手滑");
    assert_eq!(bench.undelete(MODERATOR, seq), Err(Code::NoSuchMessage));
    bench.delete(ANN, seq);
    bench.undelete(ANN, seq).expect("one's own");
    let edit = Command::Edit {
        client_id: bench.cid(),
        of: seq,
        text: "改好了".into(),
    };
    bench.ack(ANN, edit).expect("it can be edited again");
    bench.delete(ANN, seq);
    bench.pass(29_000);
    bench.undelete(OWNER, seq).expect("still");
    assert_eq!(bench.text_of(seq), "改好了");
}

#[test]
fn o7_after_its_time_the_text_is_erased_by_the_room_itself() {
    let mut bench = Bench::full();
    let seq = bench.say(ANN, "秘密").expect("said");
    bench.delete(ANN, seq);
    let delete = bench.log.len() as Seq;
    bench.rows.clear();
    bench.pass(30_000);
    let left = RecordBody::Delete {
        of: seq,
        undo: None,
    };
    assert_eq!(bench.rows, [RowChange::Erase { seq: delete, left }]);
    assert_eq!(bench.undelete(ANN, seq), Err(Code::NoSuchMessage));
}

#[test]
fn o7_what_is_overdue_is_erased_after_a_restart() {
    let mut bench = Bench::full();
    let seq = bench.say(ANN, "秘密").expect("said");
    bench.delete(ANN, seq);
    bench.tick(40_000);
    bench.rows.clear();
    bench.restart();
    bench.pass(0);
    assert!(
        matches!(&bench.rows[..], [RowChange::Erase { .. }]),
        "{:?}",
        bench.rows
    );
    // One that is not overdue can still be taken back.
    bench.join(ANN);
    let seq = bench.say(ANN, "又一次").expect("said");
    bench.delete(ANN, seq);
    bench.restart();
    bench.join(ANN);
    bench.undelete(ANN, seq).expect("in time");
    assert_eq!(bench.text_of(seq), "又一次");
}

#[test]
fn o8_who_is_put_out_comes_back_after_a_minute() {
    let mut bench = Bench::full();
    assert_eq!(bench.kick(ANN, BOB), Err(Code::NotPermitted));
    bench.kick(MAKER, BOB).expect("put out");
    let told = bench.outs();
    assert_eq!(
        told.last().map(|it| it.1.clone()),
        Some(vec![connection(BOB)])
    );
    let refusal = bench.join_since(BOB, None).expect_err("not yet");
    assert_eq!((refusal.code, refusal.ms), (Code::Kicked, Some(60_000)));
    assert!(refusal.say.contains("冷静一下"), "{refusal}");
    bench.restart();
    assert_eq!(
        bench.join_since(BOB, None).map_err(|it| it.code),
        Err(Code::Kicked)
    );
    bench.pass(60_000);
    bench.join(BOB);
}
