//! Chat through the whole server, by the real client.

mod support;

use std::time::Duration;

use protocol::{
    ClientFrame, Code,
    client::Position,
    server::{AckKind, Body, Push, Reply, Resumed, RoomMode},
};
use support::{SOON, Server};
use tokio::time::timeout;
use weiquan_client::{Connection, Error};

async fn next_record(line: &mut Connection) -> protocol::server::RecordFrame {
    timeout(SOON, async {
        loop {
            if let Push::Ev { ev, .. } = line.next_push().await.expect("a push") {
                return ev.into_iter().next().expect("a record");
            }
        }
    })
    .await
    .expect("in time")
}

fn code(outcome: Result<Reply, Error>) -> Code {
    match outcome {
        Err(Error::Refused(refusal)) => refusal.code,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn r1_everybody_hears_a_message_once_and_in_order() {
    let server = Server::start();
    let owner = server.set_up().await;
    let card = owner.make_room("hall").await;
    let xiaoming = server.sign_up("小明").await;

    let mut host = owner.connect("phone").await;
    let joined = host.join("hall", None).await.expect("joined");
    assert_eq!((joined.resumed, joined.s), (Resumed::Fresh, 0));
    assert_eq!(joined.a, card.a, "an offer may follow the join (J7)");
    let mut viewer = xiaoming.connect("laptop").await;
    let a = viewer.join("hall", None).await.expect("joined").a;

    for n in 1..=20_u64 {
        let ack = viewer
            .say(a, &format!("第 {n} 句"))
            .await
            .expect("acknowledged");
        assert_eq!((ack.s, ack.v), (n, AckKind::New));
    }
    for n in 1..=20 {
        let record = next_record(&mut host).await;
        assert_eq!(record.s, n);
        assert_eq!(record.u.name, "小明");
        let Body::Msg { text, .. } = record.body else {
            panic!("a message")
        };
        assert_eq!(text, format!("第 {n} 句"));
    }
}

#[tokio::test]
async fn p2_the_same_client_id_is_done_once_even_after_a_restart() {
    let mut server = Server::start();
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    let cid = protocol::ClientId::from("01940000-0000-7000-8000-000000000001");
    let publish = |i, a| ClientFrame::Pub {
        i,
        a,
        cid: cid.clone(),
        text: "一次".into(),
        re: None,
        question: false,
        card: None,
        to: Vec::new(),
    };

    let mut line = owner.connect("phone").await;
    let a = line.join("hall", None).await.expect("joined").a;
    let Reply::Ack(first) = line.request(|i| publish(i, a)).await.expect("acknowledged") else {
        panic!("an ack")
    };
    let Reply::Ack(again) = line.request(|i| publish(i, a)).await.expect("acknowledged") else {
        panic!("an ack")
    };
    assert_eq!(
        (first.v, again.v, first.s),
        (AckKind::New, AckKind::Dup, again.s)
    );

    server.kill();
    server.restart();
    let mut line = owner.connect("phone").await;
    let joined = line.join("hall", None).await.expect("joined");
    assert_eq!(joined.ev.len(), 1);
    let Reply::Ack(later) = line
        .request(|i| publish(i, joined.a))
        .await
        .expect("acknowledged")
    else {
        panic!("an ack")
    };
    assert_eq!(
        (later.v, later.s, later.t),
        (AckKind::Dup, first.s, first.t)
    );
}

#[tokio::test]
async fn j3_who_was_away_gets_exactly_what_was_missed() {
    let server = Server::start();
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    let mut host = owner.connect("phone").await;
    let a = host.join("hall", None).await.expect("joined").a;
    for n in 0..450 {
        host.say(a, &format!("{n}")).await.expect("acknowledged");
    }
    let member = server.sign_up("小北").await;
    let mut line = member.connect("laptop").await;
    let fresh = line.join("hall", None).await.expect("joined");
    assert_eq!((fresh.s, fresh.ev.len()), (450, 50));
    let since = Position {
        e: fresh.e.clone(),
        s: 7,
    };

    let mut ledger = weiquan_client::Ledger::default();
    let mut again = member.connect("tablet").await;
    let resumed = again
        .join("hall", Some(since.clone()))
        .await
        .expect("joined");
    assert_eq!(resumed.resumed, Resumed::Full);
    assert!(resumed.more, "443 records are more than one page");
    ledger.resume_at(since);
    ledger.join(&resumed).expect("whole");
    while ledger.last() < 450 {
        let push = timeout(SOON, again.next_push())
            .await
            .expect("in time")
            .expect("a push");
        ledger.push(&push).expect("whole");
    }
    host.say(a, "接上了").await.expect("acknowledged");
    assert_eq!(next_record(&mut again).await.s, 451);

    let elsewhere = Position {
        e: "another".into(),
        s: 7,
    };
    let other = member
        .connect("watch")
        .await
        .join("hall", Some(elsewhere))
        .await
        .expect("joined");
    assert_eq!(other.resumed, Resumed::Fresh);
}

#[tokio::test]
async fn s4_a_mute_and_a_ban_hold_and_are_told_at_once() {
    let server = Server::start();
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    let member = server.sign_up("广告").await;
    let mut host = owner.connect("phone").await;
    let a = host.join("hall", None).await.expect("joined").a;
    let mut line = member.connect("laptop").await;
    line.join("hall", None).await.expect("joined");

    let who = member.id();
    host.request(|i| ClientFrame::Mute {
        i,
        a,
        cid: uuid::Uuid::now_v7().to_string().into(),
        who: who.clone(),
        for_ms: 60_000,
        reason: "刷屏".into(),
    })
    .await
    .expect("muted");
    let refused = line.say(a, "买买买").await;
    assert!(
        matches!(refused, Err(Error::Refused(it)) if it.code == Code::Muted && it.ms.is_some())
    );

    host.request(|i| ClientFrame::Ban {
        i,
        a,
        cid: uuid::Uuid::now_v7().to_string().into(),
        who: who.clone(),
        for_ms: None,
        reason: String::new(),
    })
    .await
    .expect("banned");
    let out = timeout(Duration::from_secs(1), async {
        loop {
            if let Push::Out { why, .. } = line.next_push().await.expect("a push") {
                return why;
            }
        }
    })
    .await
    .expect("within a second");
    assert_eq!(out.code, Code::Banned);
    let again = line.join("hall", None).await.map(|_| Reply::Done {});
    assert_eq!(code(again), Code::Banned);
}

#[tokio::test]
async fn s2_people_are_counted_once_however_many_tabs() {
    let server = Server::start();
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    let mut host = owner.connect("phone").await;
    host.join("hall", None).await.expect("joined");
    let member = server.sign_up("双开").await;
    let mut tabs = Vec::new();
    for tab in 0..3 {
        let mut line = member.connect(&format!("tab-{tab}")).await;
        line.join("hall", None).await.expect("joined");
        tabs.push(line);
    }
    let count = timeout(SOON, async {
        loop {
            if let Push::State { state, .. } = host.next_push().await.expect("a push")
                && state.count == Some(2)
            {
                return 2;
            }
        }
    })
    .await
    .expect("in time");
    assert_eq!(count, 2);
}

#[tokio::test]
async fn h4_a_newer_connection_of_a_device_replaces_the_older() {
    let server = Server::start();
    let owner = server.set_up().await;
    let mut older = owner.connect("phone").await;
    let _newer = owner.connect("phone").await;
    let end = timeout(SOON, older.next()).await.expect("in time");
    assert!(
        matches!(end, Err(Error::Closed { code: 4503, .. })),
        "{end:?}"
    );
}

#[tokio::test]
async fn c4_a_shutdown_says_goaway_and_exits_well() {
    let mut server = Server::start();
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    let mut line = owner.connect("phone").await;
    let a = line.join("hall", None).await.expect("joined").a;
    line.say(a, "留下来").await.expect("acknowledged");
    let ended = tokio::task::spawn_blocking(move || {
        let code = server.stop();
        (code, server)
    });
    let heard = timeout(SOON, async {
        let mut goaway = false;
        loop {
            match line.next().await {
                Ok(weiquan_client::Incoming::Push(Push::Goaway { .. })) => goaway = true,
                Ok(_) => {}
                Err(Error::Closed { code, .. }) => return (goaway, code),
                Err(other) => panic!("{other}"),
            }
        }
    })
    .await
    .expect("in time");
    assert_eq!(heard, (true, 4001));
    let (code, mut server) = ended.await.expect("ended");
    assert_eq!(code, 0);
    server.restart();
    let mut line = owner.connect("phone").await;
    assert_eq!(line.join("hall", None).await.expect("joined").ev.len(), 1);
}

/// The next state that says what the test waits for.
async fn next_state(
    line: &mut Connection,
    wanted: impl Fn(&protocol::server::State) -> bool,
) -> protocol::server::State {
    timeout(SOON, async {
        loop {
            if let Push::State { state, .. } = line.next_push().await.expect("a push")
                && wanted(&state)
            {
                return *state;
            }
        }
    })
    .await
    .expect("in time")
}

#[tokio::test]
async fn p5_who_talks_too_fast_hears_how_long_and_stays_connected() {
    let server = Server::start_with(&["rooms.talk_burst=2", "rooms.talk_per_second=1"]);
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    let xiaoming = server.sign_up("小明").await;
    let mut member = xiaoming.connect("laptop").await;
    let a = member.join("hall", None).await.expect("joined").a;
    for n in 1..=2 {
        assert_eq!(member.say(a, "快").await.expect("in the burst").s, n);
    }
    let Err(Error::Refused(refusal)) = member.say(a, "太快").await else {
        panic!("not refused")
    };
    assert_eq!(refusal.code, Code::RateLimited);
    let wait_ms = refusal.ms.expect("how long");
    assert!((1..=1_000).contains(&wait_ms), "{wait_ms}");
    let mut host = owner.connect("phone").await;
    host.join("hall", None).await.expect("joined");
    for _ in 0..10 {
        host.say(a, "主持人不算").await.expect("runs the room");
    }
    tokio::time::sleep(Duration::from_millis(wait_ms)).await;
    member.say(a, "现在可以").await.expect("its time has come");
}

#[tokio::test]
async fn s8_a_mode_holds_at_once_and_ends_by_itself() {
    let server = Server::start();
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    let xiaoming = server.sign_up("小明").await;
    let mut host = owner.connect("phone").await;
    let a = host.join("hall", None).await.expect("joined").a;
    let mut member = xiaoming.connect("laptop").await;
    member.join("hall", None).await.expect("joined");
    let quiet = |i| ClientFrame::Mode {
        i,
        a,
        cid: weiquan_client::new_client_id(),
        mode: RoomMode::Host,
        for_ms: Some(3_000),
    };
    host.request(quiet).await.expect("set");
    let told = next_state(&mut member, |it| it.mode.is_some()).await;
    assert_eq!(told.mode.map(|it| it.mode), Some(RoomMode::Host));
    assert!(told.mode.and_then(|it| it.until_ms).is_some());
    let refused = member.say(a, "？").await;
    assert!(
        matches!(&refused, Err(Error::Refused(it)) if it.code == Code::HostOnly),
        "{refused:?}"
    );
    let told = next_state(&mut member, |it| it.mode.is_some()).await;
    assert_eq!(told.mode, Some(protocol::server::Mode::default()));
    member.say(a, "又可以说了").await.expect("open again");
}

#[tokio::test]
async fn q_pins_and_questions_reach_everybody_and_survive_a_restart() {
    let mut server = Server::start();
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    let xiaoming = server.sign_up("小明").await;
    let mut host = owner.connect("phone").await;
    let a = host.join("hall", None).await.expect("joined").a;
    let mut member = xiaoming.connect("laptop").await;
    member.join("hall", None).await.expect("joined");
    let cid = weiquan_client::new_client_id;

    let ask = |i| ClientFrame::Pub {
        i,
        a,
        cid: cid(),
        text: "几点抽奖？".into(),
        re: None,
        question: true,
        card: None,
        to: Vec::new(),
    };
    let Ok(Reply::Ack(asked)) = member.request(ask).await else {
        panic!("asked")
    };
    let pin = |of, text: Option<&str>| {
        let text = text.map(str::to_owned);
        move |i| ClientFrame::Pin {
            i,
            a,
            cid: cid(),
            of,
            text,
        }
    };
    let not_mine = member.request(pin(Some(asked.s), None)).await;
    assert_eq!(code(not_mine), Code::NotPermitted);
    host.request(pin(None, Some("九点抽三本书")))
        .await
        .expect("pinned");
    let told = next_state(&mut member, |it| it.pin.is_some()).await;
    assert_eq!(told.pin.map(|it| it.text).as_deref(), Some("九点抽三本书"));

    let pick = |i| ClientFrame::Question {
        i,
        a,
        cid: cid(),
        of: asked.s,
        act: protocol::client::QuestionAct::Pick,
    };
    host.request(pick).await.expect("picked");
    let told = next_state(&mut member, |it| it.picked.is_some()).await;
    let picked = told.picked.expect("a question");
    assert_eq!(
        (picked.of, picked.text.as_str()),
        (Some(asked.s), "几点抽奖？")
    );
    assert_eq!(picked.author.map(|it| it.name).as_deref(), Some("小明"));

    server.kill();
    server.restart();
    let mut host = owner.connect("phone").await;
    let joined = host.join("hall", None).await.expect("joined");
    let pinned = joined.state.pin.expect("still pinned");
    assert_eq!(pinned.text, "九点抽三本书");
    assert_eq!(joined.state.picked.and_then(|it| it.of), Some(asked.s));
    let Ok(Reply::Page(page)) = host.request(|i| ClientFrame::Questions { i, a }).await else {
        panic!("a page")
    };
    assert_eq!(
        page.page.iter().map(|it| it.s).collect::<Vec<_>>(),
        [asked.s]
    );
}
