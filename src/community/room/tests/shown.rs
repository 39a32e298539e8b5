//! Pictures and voice notes that stand in a text of a topic.

use protocol::{
    BlobId, BlobKind, Code, Doc,
    doc::Block,
    limits,
    server::Body,
    topic::{OPENING, TopicKind},
};

use super::{topic::started, *};

fn blob(n: u8) -> BlobId {
    format!("{n:064x}").into()
}

/// A text that shows these.
fn text(shown: &[u8]) -> String {
    let each = shown
        .iter()
        .map(|n| format!("![看](/api/v1/blobs/{})", blob(*n)));
    each.collect::<Vec<_>>().join("\n\n")
}

fn upload(n: u8, by: &str, kind: BlobKind) -> Upload {
    Upload {
        blob: blob(n),
        by: by.into(),
        kind,
        bytes: 70_000,
        size: (kind == BlobKind::Image).then_some((800, 600)),
        duration_ms: (kind == BlobKind::Voice).then_some(4_200),
        made_ms: None,
        shown: false,
    }
}

impl Bench {
    fn fresh(&mut self, by: &str, all: &[u8]) {
        let made_ms = Some(self.now.unix_ms);
        for n in all {
            self.room.remember_upload(Upload {
                made_ms,
                ..upload(*n, by, BlobKind::Image)
            });
        }
    }

    fn change(&mut self, name: &str, of: Seq, text: String) -> Result<Seq, Code> {
        let client_id = self.cid();
        let edit = Command::Edit {
            client_id,
            of,
            text,
        };
        self.ack(name, edit).map(|it| it.s).map_err(|it| it.code)
    }

    fn doc(&self, seq: Seq) -> Option<Doc> {
        let page = self.room.history(Past::Last, 50).expect("in the ring");
        let found = page.page.into_iter().find(|it| it.s == seq)?;
        match found.body {
            Body::Msg { doc, .. } | Body::Edit { doc, .. } | Body::Restore { doc, .. } => doc,
            _ => None,
        }
    }

    /// Which blobs each message refers to, and which of them are out of sight, by all rows so far.
    fn refers(&self, of: Seq) -> (Vec<BlobId>, bool) {
        let (mut now, mut veiled) = (Vec::new(), false);
        for row in &self.rows {
            match row {
                RowChange::Refer { seq, blobs } if *seq == of => now.clone_from(blobs),
                RowChange::LetGo { seq } if *seq == of => now.clear(),
                RowChange::Veil { seq, on } if *seq == of => veiled = *on,
                _ => {}
            }
        }
        (now, veiled)
    }
}

#[test]
fn a_text_shows_what_its_writer_uploaded_as_the_server_found_it() {
    let mut bench = started(TopicKind::Discussion);
    bench.fresh(ANN, &[1]);
    bench.room.remember_upload(Upload {
        made_ms: Some(bench.now.unix_ms),
        ..upload(2, ANN, BlobKind::Voice)
    });
    let seq = bench.say(ANN, &text(&[1, 2])).expect("said");
    let shown = bench.doc(seq).expect("Markdown").b;
    let blocks = [
        Block::Image {
            blob: blob(1),
            w: 800,
            h: 600,
            alt: "看".into(),
        },
        Block::Voice {
            blob: blob(2),
            duration_ms: 4_200,
            alt: "看".into(),
        },
    ];
    assert_eq!(shown, blocks);
    assert_eq!(bench.refers(seq), (vec![blob(1), blob(2)], false));
}

#[test]
fn to_know_the_name_of_a_blob_is_no_right_to_it() {
    let mut bench = started(TopicKind::Discussion);
    let code = |it: Result<Seq, Code>| it.expect_err("refused");
    assert_eq!(code(bench.say(BOB, &text(&[1]))), Code::NoSuchBlob);
    bench.fresh(ANN, &[1]);
    assert_eq!(code(bench.say(BOB, &text(&[1]))), Code::NoSuchBlob, "hers");
    let long_ago = limits::BLOB_SAID_WITHIN.as_millis() as u64;
    let old = upload(1, BOB, BlobKind::Image);
    bench.room.remember_upload(Upload {
        made_ms: Some(bench.now.unix_ms - long_ago),
        ..old.clone()
    });
    assert_eq!(
        code(bench.say(BOB, &text(&[1]))),
        Code::NoSuchBlob,
        "too old"
    );
    // What is in sight in this room anybody here may show again.
    bench.room.remember_upload(Upload { shown: true, ..old });
    bench.say(BOB, &text(&[1])).expect("said");
    let made_ms = Some(bench.now.unix_ms);
    bench.room.remember_upload(Upload {
        made_ms,
        ..upload(3, BOB, BlobKind::File)
    });
    assert_eq!(
        code(bench.say(BOB, &text(&[3]))),
        Code::BlobUnfit,
        "a file is a card"
    );
    assert_eq!(
        code(bench.say(BOB, &text(&[3]))),
        Code::NoSuchBlob,
        "looked up once"
    );
}

#[test]
fn a_text_shows_up_to_a_number_each_counted_once() {
    let mut bench = started(TopicKind::Discussion);
    let most = u8::try_from(limits::MARKDOWN_MEDIA_MAX).expect("few");
    let all: Vec<u8> = (1..=most).collect();
    bench.fresh(ANN, &all);
    let twice = format!("{}\n\n{}", text(&all), text(&all));
    bench.say(ANN, &twice).expect("said");
    bench.fresh(ANN, &all);
    bench.fresh(ANN, &[most + 1]);
    let more: Vec<u8> = (1..=most + 1).collect();
    assert_eq!(bench.say(ANN, &text(&more)), Err(Code::TooLong));
    // In a room that is no topic a text is a text.
    let mut hall = Bench::full();
    let seq = hall.say(ANN, &text(&[1])).expect("said");
    assert_eq!(hall.refers(seq), (vec![], false));
}

#[test]
fn an_edit_lets_go_what_it_does_not_name_and_a_delete_all_of_it_in_time() {
    let mut bench = started(TopicKind::Discussion);
    bench.fresh(ANN, &[1, 2]);
    let seq = bench.say(ANN, &text(&[1, 2])).expect("said");
    // What it shows already it may show on, without another upload.
    let edit = bench.change(ANN, seq, text(&[2])).expect("edited");
    assert_eq!(bench.refers(seq), (vec![blob(2)], false));
    assert!(
        bench
            .doc(edit)
            .is_some_and(|it| matches!(it.b[0], Block::Image { w: 800, .. }))
    );
    assert_eq!(
        bench.change(ANN, seq, text(&[1, 2])),
        Err(Code::NoSuchBlob),
        "it is let go"
    );
    bench.fresh(ANN, &[3]);
    bench.change(ANN, seq, text(&[2, 3])).expect("edited");
    assert_eq!(bench.refers(seq).0, [blob(2), blob(3)]);

    let client_id = bench.cid();
    bench
        .ack(ANN, Command::Delete { client_id, of: seq })
        .expect("deleted");
    assert_eq!(
        bench.refers(seq),
        (vec![blob(2), blob(3)], true),
        "out of sight"
    );
    let client_id = bench.cid();
    bench
        .ack(ANN, Command::Undelete { client_id, of: seq })
        .expect("back");
    assert_eq!(bench.refers(seq), (vec![blob(2), blob(3)], false));
    assert!(
        bench
            .doc(seq)
            .is_some_and(|it| matches!(it.b[1], Block::Image { w: 800, .. }))
    );
    bench.change(ANN, seq, "没有图".into()).expect("edited");
    assert_eq!(bench.refers(seq).0, []);
}

#[test]
fn what_waits_for_review_keeps_its_own_out_of_sight() {
    let mut bench = started(TopicKind::Discussion);
    let rules = protocol::server::Rules {
        hold: vec!["广告".into()],
        ..protocol::server::Rules::default()
    };
    let rules = Command::SetRules {
        client_id: bench.cid(),
        rules,
    };
    bench.ack(MODERATOR, rules).expect("set");
    bench.fresh(ANN, &[1, 2]);
    let seq = bench.say(ANN, &text(&[1, 2])).expect("said");
    // An edit that a rule holds takes the message out of sight with what it shows now.
    bench
        .change(ANN, seq, format!("广告\n\n{}", text(&[1])))
        .expect("held");
    assert_eq!(bench.refers(seq), (vec![blob(1)], true));
    let held = bench.room.committed_seq();
    let allow = Command::Review {
        client_id: bench.cid(),
        of: held,
        act: protocol::client::ReviewAct::Allow,
        reason: String::new(),
    };
    bench.ack(MODERATOR, allow).expect("allowed");
    assert_eq!(bench.refers(seq), (vec![blob(1)], false));
    bench.fresh(ANN, &[3]);
    bench
        .say(ANN, &format!("广告\n\n{}", text(&[3])))
        .expect("held");
    let held = bench.room.committed_seq();
    assert_eq!(bench.refers(held), (vec![blob(3)], true));
    let refuse = Command::Review {
        client_id: bench.cid(),
        of: held,
        act: protocol::client::ReviewAct::Refuse,
        reason: String::new(),
    };
    bench.ack(MODERATOR, refuse).expect("refused");
    assert_eq!(bench.refers(held).0, []);
    assert!(bench.doc(OPENING).is_some());
}
