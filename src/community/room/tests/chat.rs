use super::*;
use crate::record::Media;
use protocol::limits;

#[test]
fn a_message_is_trimmed_acked_and_announced_with_its_seq() {
    let mut bench = Bench::full();
    let command = bench.line("  今晚几点？ ");
    let ack = bench.ack(ANN, command).expect("accepted");
    assert_eq!((ack.s, ack.v), (1, AckKind::New));
    let announced = bench.fx.iter().find_map(|it| match it {
        Effect::Announce(it @ Announce::Records(_)) => Some(it.push(7)),
        _ => None,
    });
    let Some(Push::Ev {
        a: 7,
        s: (1, 1),
        skip: 0,
        ev,
    }) = announced
    else {
        panic!("{announced:?}")
    };
    assert_eq!(ev[0].u.name, ANN);
    let text = "今晚几点？".to_owned();
    let body = protocol::server::Body::Msg {
        text,
        re: None,
        edits: 0,
        deleted: false,
        question: None,
        root: None,
        likes: 0,
        replies: 0,
        card: None,
        held: None,
        to: Vec::new(),
        doc: None,
    };
    assert_eq!(ev[0].body, body);
}

#[test]
fn texts_that_do_not_fit_are_refused() {
    let mut bench = Bench::full();
    assert_eq!(bench.say(ANN, " \n "), Err(Code::Empty));
    assert_eq!(
        bench.say(ANN, &"字".repeat(limits::TEXT_CHARS_MAX + 1)),
        Err(Code::TooLong)
    );
    assert_eq!(bench.say(ANN, &"字".repeat(limits::TEXT_CHARS_MAX)), Ok(1));
}

#[test]
fn a_reply_names_a_message_that_is_there() {
    let mut bench = Bench::full();
    bench.say(ANN, "a").expect("accepted");
    let client_id = bench.cid();
    bench
        .ack(
            OWNER,
            Command::SlowMode {
                client_id,
                gap_ms: 0,
                auto: None,
            },
        )
        .expect("accepted");
    for (target, expect) in [(1, None), (2, Some(())), (0, Some(())), (9, Some(()))] {
        let reply = Command::Publish {
            client_id: bench.cid(),
            text: "b".into(),
            reply_to: Some(target),
            question: false,
            to: Vec::new(),
        };
        let code = bench.ack(BOB, reply).err().map(|it| it.code);
        assert_eq!(
            code,
            expect.map(|()| Code::NoSuchMessage),
            "reply to {target}"
        );
    }
}

#[test]
fn nobody_talks_without_having_joined() {
    let mut bench = Bench::new();
    assert_eq!(bench.say(ANN, "a"), Err(Code::NotJoined));
}

#[test]
fn a_retry_hears_the_first_result_before_and_after_the_commit_and_a_restart() {
    let mut bench = Bench::full();
    let command = bench.line("once");
    let first = bench.decide(ANN, command.clone());
    let second = bench.decide(ANN, command.clone());
    assert!(
        bench.answer(first).is_none() && bench.answer(second).is_none(),
        "not on disk yet"
    );
    bench.commit();
    let acks = [first, second].map(|it| bench.answer(it).expect("answered"));
    let kinds = acks.map(|it| match it {
        Ok(Reply::Ack(ack)) => (ack.s, ack.v),
        other => panic!("{other:?}"),
    });
    assert_eq!(kinds, [(1, AckKind::New), (1, AckKind::Dup)]);
    bench.tick(60_000);
    let again = bench.ack(ANN, command.clone()).expect("known");
    assert_eq!((again.s, again.v), (1, AckKind::Dup));
    let at_ms = again.t;
    bench.restart();
    let again = bench.ack(ANN, command).expect("known");
    assert_eq!((again.s, again.t, again.v), (1, at_ms, AckKind::Dup));
    assert_eq!(bench.log.len(), 1);
}

#[test]
fn the_same_client_id_of_another_member_is_another_wish() {
    let mut bench = Bench::full();
    let command = bench.line("a");
    bench.ack(ANN, command.clone()).expect("accepted");
    assert_eq!(
        bench.ack(BOB, command).map(|it| (it.s, it.v)),
        Ok((2, AckKind::New))
    );
}

#[test]
fn a_client_id_that_is_no_uuid_is_refused() {
    let mut bench = Bench::full();
    let command = Command::Publish {
        client_id: "1".into(),
        text: "a".into(),
        reply_to: None,
        question: false,
        to: Vec::new(),
    };
    assert_eq!(
        bench.ack(ANN, command).map_err(|it| it.code),
        Err(Code::Malformed)
    );
}

#[test]
fn a_dup_is_answered_even_to_somebody_muted_since() {
    let mut bench = Bench::full();
    let command = bench.line("a");
    bench.ack(ANN, command.clone()).expect("accepted");
    let client_id = bench.cid();
    let mute = Command::Mute {
        client_id,
        who: ANN.into(),
        for_ms: 9_000,
        reason: "".into(),
    };
    bench.ack(OWNER, mute).expect("accepted");
    assert_eq!(bench.ack(ANN, command).map(|it| it.v), Ok(AckKind::Dup));
}

fn edit(bench: &mut Bench, name: &str, of: Seq, text: &str) -> Result<Seq, Code> {
    let command = Command::Edit {
        client_id: bench.cid(),
        of,
        text: text.into(),
    };
    bench
        .ack(name, command)
        .map(|it| it.s)
        .map_err(|it| it.code)
}

fn delete(bench: &mut Bench, name: &str, of: Seq) -> Result<Seq, Code> {
    let command = Command::Delete {
        client_id: bench.cid(),
        of,
    };
    bench
        .ack(name, command)
        .map(|it| it.s)
        .map_err(|it| it.code)
}

#[test]
fn only_the_author_edits_and_the_history_shows_the_latest_form() {
    let mut bench = Bench::full();
    bench.say(ANN, "one").expect("accepted");
    assert_eq!(edit(&mut bench, OWNER, 1, "mine"), Err(Code::NotPermitted));
    assert_eq!(edit(&mut bench, ANN, 1, "two"), Ok(2));
    assert_eq!(edit(&mut bench, ANN, 1, "three"), Ok(3));
    let page = bench.room.history(Past::Last, 10).expect("kept").page;
    let bodies: Vec<_> = page.into_iter().map(|it| it.body).collect();
    use protocol::server::Body;
    let text = "three".to_owned();
    assert_eq!(
        bodies,
        [
            Body::Msg {
                text: text.clone(),
                re: None,
                edits: 2,
                deleted: false,
                question: None,
                root: None,
                likes: 0,
                replies: 0,
                card: None,
                held: None,
                to: Vec::new(),
                doc: None,
            },
            Body::Edit {
                of: 0,
                text: String::new(),
                doc: None,
            },
            Body::Edit {
                of: 1,
                text,
                doc: None,
            },
        ]
    );
    let superseded = RecordBody::Edit {
        of: 1,
        text: None,
        md: false,
        media: Media::default(),
    };
    assert_eq!(
        bench.rows.last(),
        Some(&RowChange::Revise {
            seq: 2,
            body: superseded
        })
    );
}

#[test]
fn a_deleted_message_leaves_its_seq_and_no_word_in_the_log() {
    let mut bench = Bench::full();
    bench.say(ANN, "one").expect("accepted");
    edit(&mut bench, ANN, 1, "two").expect("accepted");
    bench.rows.clear();
    assert_eq!(delete(&mut bench, BOB, 1), Err(Code::NotPermitted));
    assert_eq!(delete(&mut bench, ANN, 1), Ok(3));
    let mut left = Message::new("".into(), None);
    left.edits = 1;
    left.deleted = true;
    let erased = [
        RowChange::Erase {
            seq: 1,
            left: RecordBody::Message(left),
        },
        RowChange::Erase {
            seq: 2,
            left: RecordBody::Edit {
                of: 1,
                text: None,
                md: false,
                media: Media::default(),
            },
        },
    ];
    assert_eq!(bench.rows, erased);
    assert_eq!(edit(&mut bench, ANN, 1, "three"), Err(Code::NoSuchMessage));
    assert_eq!(delete(&mut bench, ANN, 1), Err(Code::NoSuchMessage));
    let joined = bench.join(BOB);
    assert!(
        !format!("{:?}", joined.ev).contains("two"),
        "{:?}",
        joined.ev
    );
}

#[test]
fn the_host_and_moderators_delete_what_others_said_below_their_rank() {
    let cases = [
        (MAKER, ANN, true),
        (MAKER, GUEST, true),
        (MAKER, MODERATOR, false),
        (MODERATOR, MAKER, true),
        (MODERATOR, OWNER, false),
        (OWNER, MODERATOR, true),
        (GUEST, ANN, false),
    ];
    for (name, author, may) in cases {
        let mut bench = Bench::full();
        bench.say(author, "a").expect("accepted");
        assert_eq!(
            delete(&mut bench, name, 1).is_ok(),
            may,
            "{name} deletes of {author}"
        );
    }
}

#[test]
fn a_message_older_than_the_ring_is_fetched_for_its_edit() {
    let mut bench = Bench::full();
    for n in 0..limits::RESUME_RECORDS_MAX + 5 {
        bench.say(ANN, &format!("line {n}")).expect("accepted");
    }
    let client_id = bench.cid();
    let command = Command::Edit {
        client_id,
        of: 3,
        text: "late".into(),
    };
    assert_eq!(bench.room.needs(&who(ANN), &command), Some(Need::Record(3)));
    let old = bench.log[2].clone();
    bench.room.remember_record(bench.now, old.clone());
    assert_eq!(bench.room.needs(&who(ANN), &command), None);
    bench.ack(ANN, command).expect("accepted");
    assert_eq!(delete(&mut bench, ANN, 3).map(|_| ()), Ok(()));
    // A read that began before the delete arrives after it.
    bench.room.remember_record(bench.now, old);
    assert_eq!(edit(&mut bench, ANN, 3, "again"), Err(Code::NoSuchMessage));
    let erased = bench
        .rows
        .iter()
        .filter(|it| matches!(it, RowChange::Erase { .. }))
        .count();
    assert_eq!(erased, 2, "the message and its edit");
}

#[test]
fn a_record_that_is_no_message_is_not_edited() {
    let mut bench = Bench::full();
    let client_id = bench.cid();
    bench
        .ack(
            OWNER,
            Command::SlowMode {
                client_id,
                gap_ms: 0,
                auto: None,
            },
        )
        .expect("accepted");
    assert_eq!(edit(&mut bench, OWNER, 1, "x"), Err(Code::NoSuchMessage));
    assert_eq!(edit(&mut bench, OWNER, 99, "x"), Err(Code::NoSuchMessage));
    assert_eq!(delete(&mut bench, OWNER, 0), Err(Code::NoSuchMessage));
}
