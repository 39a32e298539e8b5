//! Topics that are merged: what is decided, and what follows from it.

use protocol::{
    notices::NoticeKind,
    topic::{OPENING, TopicAct, TopicKind},
};

use super::{topic, *};
use crate::{effect::NoticeToBoard, record::TopicPlace};

fn place(room: u32, title: &str) -> TopicPlace {
    TopicPlace {
        room,
        slug: format!("t{room}").into(),
        title: title.into(),
    }
}

fn take(bench: &mut Bench, name: &str, topics: &[TopicPlace], on: bool) -> Result<(), Code> {
    let command = Command::TakeTopics {
        client_id: bench.cid(),
        topics: topics.to_vec(),
        on,
    };
    bench.ack(name, command).map(|_| ()).map_err(|it| it.code)
}

fn merge(bench: &mut Bench, name: &str, into: Option<TopicPlace>) -> Result<(), Code> {
    let command = Command::MergeTopic {
        client_id: bench.cid(),
        into,
    };
    bench.ack(name, command).map(|_| ()).map_err(|it| it.code)
}

fn taken(bench: &Bench) -> Vec<u32> {
    let rows = bench.rows.iter().filter_map(|it| match it {
        RowChange::TookTopic { from } => Some(*from),
        _ => None,
    });
    rows.collect()
}

#[test]
fn a_topic_takes_others_each_once_and_no_more_than_it_may() {
    let mut bench = topic::started(TopicKind::Feedback);
    let own = bench.room.meta.number;
    let two = [place(own + 1, "二"), place(own + 2, "三")];
    assert_eq!(take(&mut bench, ANN, &two, true), Err(Code::NotPermitted));
    assert_eq!(
        take(&mut bench, OWNER, &[place(own, "自己")], true),
        Err(Code::WrongPhase)
    );
    take(&mut bench, MODERATOR, &two[..1], true).expect("taken");
    take(&mut bench, MODERATOR, &two, true).expect("one of them is new");
    assert_eq!(
        taken(&bench),
        [own + 1, own + 2],
        "each brings its likes once"
    );
    assert_eq!(
        take(&mut bench, OWNER, &two, true),
        Err(Code::WrongPhase),
        "so already"
    );
    let more: Vec<_> = (10..)
        .take(limits::TOPICS_MERGED_MAX)
        .map(|it| place(own + it, ""))
        .collect();
    assert_eq!(take(&mut bench, OWNER, &more, true), Err(Code::TooLong));
    take(&mut bench, OWNER, &more[2..], true).expect("as many as may be");
    take(&mut bench, OWNER, &more[2..], false).expect("let go");
    let titles = topic::now_is(&bench).merged.into_iter().map(|it| it.title);
    assert_eq!(titles.collect::<Vec<_>>(), ["二", "三"]);
    // A restart reads the same.
    let now = topic::now_is(&bench);
    bench.restart();
    assert_eq!(topic::now_is(&bench), now);
}

#[test]
fn what_was_merged_is_shut_for_everybody_until_it_stands_by_itself() {
    let mut bench = topic::started(TopicKind::Question);
    let own = bench.room.meta.number;
    let said = bench.say(BOB, "我也想知道").expect("said");
    let into = place(own + 1, "几点集合");
    assert_eq!(
        merge(&mut bench, ANN, Some(into.clone())),
        Err(Code::NotPermitted)
    );
    assert_eq!(merge(&mut bench, OWNER, None), Err(Code::WrongPhase));
    assert_eq!(
        merge(&mut bench, OWNER, Some(place(own, "自己"))),
        Err(Code::WrongPhase)
    );
    bench.rows.clear();
    merge(&mut bench, OWNER, Some(into.clone())).expect("merged");
    let told = [(
        ANN.to_owned(),
        NoticeKind::Changed,
        "merged 几点集合".to_owned(),
    )];
    assert_eq!(topic::notices(&bench), told);
    assert_eq!(
        merge(&mut bench, OWNER, Some(into.clone())),
        Err(Code::Locked)
    );
    assert_eq!(
        take(&mut bench, OWNER, &[place(own + 2, "又")], true),
        Err(Code::Locked)
    );
    let pin = TopicAct::Pin { on: true };
    assert_eq!(
        topic::act(&mut bench, OWNER, pin.clone()),
        Err(Code::Locked)
    );
    for name in [ANN, OWNER] {
        assert_eq!(bench.say(name, "还能说吗"), Err(Code::Locked));
        let like = Command::Like { of: said, on: true };
        let liked = bench.ask(name, like).map_err(|it| it.code);
        assert_eq!(liked, Err(Code::Locked));
    }
    merge(&mut bench, MODERATOR, None).expect("by itself again");
    bench.say(BOB, "又能说了").expect("said");
    topic::act(&mut bench, OWNER, pin).expect("pinned");
}

#[test]
fn of_two_that_are_merged_into_each_other_neither_is() {
    let mut bench = topic::started(TopicKind::Question);
    let own = bench.room.meta.number;
    let other = place(own + 1, "另一个");
    take(&mut bench, OWNER, std::slice::from_ref(&other), true).expect("taken");
    assert_eq!(merge(&mut bench, OWNER, Some(other)), Err(Code::WrongPhase));
}

#[test]
fn who_follows_the_board_is_told_of_the_opening_and_of_its_changes() {
    let mut bench = topic::started(TopicKind::Discussion);
    let told: Vec<_> = bench
        .rows
        .iter()
        .filter_map(|it| match it {
            RowChange::NoticeToBoard(NoticeToBoard {
                board,
                seq,
                text,
                from,
                ..
            }) => Some((
                board.to_string(),
                *seq,
                text.to_string(),
                from.id.to_string(),
            )),
            _ => None,
        })
        .collect();
    let expect = (
        "out".to_owned(),
        OPENING,
        "想去爬山 #户外".to_owned(),
        ANN.to_owned(),
    );
    assert_eq!(told, [expect]);
    bench.rows.clear();
    bench.say(BOB, "同去").expect("said");
    let edit = Command::Edit {
        client_id: bench.cid(),
        of: OPENING,
        text: "改成下周".into(),
    };
    bench.ack(ANN, edit).expect("edited");
    let again = bench
        .rows
        .iter()
        .any(|it| matches!(it, RowChange::NoticeToBoard(_)));
    assert!(!again, "a reply is not told");
    let now = bench.rows.iter().any(
        |it| matches!(it, RowChange::NoticeText { seq: OPENING, text } if &**text == "改成下周"),
    );
    assert!(now, "the notice says what it says now");
}
