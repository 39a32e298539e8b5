//! Polls, likes, threads and who is writing, over the wire: the whole server and real clients.

mod support;

use std::time::Duration;

use protocol::{
    ClientFrame, Code, RoomNumber, Seq,
    rest::PollResult,
    server::{Body, Joined, Push, Reply, State, Tally, Voted},
};
use support::Server;
use tokio::time::timeout;
use weiquan_client::{Connection, Error, new_client_id};

const SOON: Duration = Duration::from_secs(10);

async fn poll(line: &mut Connection, a: RoomNumber, options: &[&str]) -> Seq {
    let options = options.iter().map(|it| (*it).to_owned()).collect();
    let frame = |i| ClientFrame::Poll {
        i,
        a,
        cid: new_client_id(),
        question: "几点抽奖？".into(),
        options,
        multiple: false,
        for_ms: None,
    };
    match line.request(frame).await.expect("an ack") {
        Reply::Ack(ack) => ack.s,
        other => panic!("{other:?}"),
    }
}

async fn vote(line: &mut Connection, a: RoomNumber, of: Seq, pick: u8) -> Result<Reply, Error> {
    let picks = vec![pick];
    line.request(|i| ClientFrame::Vote { i, a, of, picks })
        .await
}

async fn reply(line: &mut Connection, a: RoomNumber, re: Seq, text: &str) -> Seq {
    let frame = |i| ClientFrame::Pub {
        i,
        a,
        cid: new_client_id(),
        text: text.into(),
        re: Some(re),
        question: false,
        card: None,
        to: Vec::new(),
    };
    match line.request(frame).await.expect("an ack") {
        Reply::Ack(ack) => ack.s,
        other => panic!("{other:?}"),
    }
}

/// The first state that says so.
async fn state(line: &mut Connection, says: impl Fn(&State) -> bool) -> State {
    timeout(SOON, async {
        loop {
            if let Push::State { state, .. } = line.next_push().await.expect("a push")
                && says(&state)
            {
                return *state;
            }
        }
    })
    .await
    .expect("in time")
}

async fn joined(line: &mut Connection, room: &str) -> Joined {
    line.join(room, None).await.expect("joined")
}

#[tokio::test]
async fn v_a_poll_is_voted_on_survives_a_kill_and_ends_with_its_result() {
    let mut server = Server::start();
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    let member = server.sign_up("小明").await;
    let mut host = owner.connect("phone").await;
    let a = joined(&mut host, "hall").await.a;
    let mut viewer = member.connect("phone").await;
    joined(&mut viewer, "hall").await;
    let of = poll(&mut host, a, &["八点", "=九点"]).await;
    let open = state(&mut viewer, |it| it.polls.is_some()).await.polls;
    assert_eq!(open.expect("open")[0].of, of);
    vote(&mut viewer, a, of, 0).await.expect("taken");
    vote(&mut viewer, a, of, 1).await.expect("changed");
    let told = state(&mut host, |it| {
        it.votes.as_ref().is_some_and(|it| it[0].n == [0, 1])
    });
    told.await;

    server.kill();
    server.restart();
    let owner = server.sign_in("圈主").await;
    let member = server.sign_in("小明").await;
    let mut viewer = member.connect("phone").await;
    let back = joined(&mut viewer, "hall").await;
    let picks = vec![1];
    assert_eq!(back.voted, [Voted { of, picks }], "an acked vote is kept");
    assert_eq!(back.state.votes.expect("open")[0].voters, 1);

    let mut host = owner.connect("phone").await;
    let a = joined(&mut host, "hall").await.a;
    let path = format!("/api/v1/rooms/hall/polls/{of}");
    let open: PollResult = owner.get(&path).await;
    assert!(open.open);
    let cid = new_client_id();
    let close = host.request(|i| ClientFrame::ClosePoll { i, a, cid, of });
    close.await.expect("closed");
    let late = vote(&mut viewer, back.a, of, 0).await;
    assert!(matches!(late, Err(Error::Refused(it)) if it.code == Code::PollClosed));
    let again = joined(&mut host, "hall").await;
    let result = again.ev.iter().find_map(|it| match &it.body {
        Body::Poll(poll) => poll.result.clone(),
        _ => None,
    });
    assert_eq!(result.expect("the result").n, [0, 1]);

    let closed: PollResult = owner.get(&path).await;
    let options: Vec<u32> = closed.options.iter().map(|it| it.votes).collect();
    assert_eq!(
        (closed.open, closed.voters, options),
        (false, 1, vec![0, 1])
    );
    let csv = owner
        .request(reqwest::Method::GET, &format!("{path}?format=csv"))
        .send()
        .await
        .expect("an answer");
    assert_eq!(csv.headers()["content-type"], "text/csv; charset=utf-8");
    let csv = csv.text().await.expect("text");
    assert!(csv.contains("\"'=九点\",1\r\n"), "{csv}");
    let foreign = member.request(reqwest::Method::GET, &path).send().await;
    assert_eq!(foreign.expect("an answer").status(), 403);
}

#[tokio::test]
async fn l_likes_are_counted_and_told_to_who_asks() {
    let server = Server::start();
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    let member = server.sign_up("小明").await;
    let mut host = owner.connect("phone").await;
    let a = joined(&mut host, "hall").await.a;
    let mut viewer = member.connect("phone").await;
    joined(&mut viewer, "hall").await;
    let of = host.say(a, "今晚九点").await.expect("an ack").s;
    for line in [&mut host, &mut viewer] {
        for _ in 0..2 {
            let like = line.request(|i| ClientFrame::Like { i, a, of, on: true });
            assert_eq!(like.await.expect("taken"), Reply::Done {});
        }
    }
    let likes = Tally {
        of,
        likes: 2,
        replies: 0,
    };
    for line in [&mut host, &mut viewer] {
        state(line, |it| it.tally.as_deref() == Some(&[likes])).await;
    }
    let liked = viewer.request(|i| ClientFrame::Liked {
        i,
        a,
        from: 1,
        to: of,
    });
    match liked.await.expect("an answer") {
        Reply::Liked(it) => assert_eq!(it.liked, [of]),
        other => panic!("{other:?}"),
    }
    let like = viewer.request(|i| ClientFrame::Like {
        i,
        a,
        of,
        on: false,
    });
    like.await.expect("taken back");
    let one = Tally { likes: 1, ..likes };
    state(&mut host, |it| it.tally.as_deref() == Some(&[one])).await;
    let mut third = member.connect("tab").await;
    let shown = joined(&mut third, "hall").await.ev;
    assert!(matches!(shown[0].body, Body::Msg { likes: 1, .. }));
}

#[tokio::test]
async fn l_a_thread_is_read_page_by_page_whatever_its_age() {
    let server = Server::start();
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    let mut host = owner.connect("phone").await;
    let a = joined(&mut host, "hall").await.a;
    let root = host.say(a, "谁去？").await.expect("an ack").s;
    let first = reply(&mut host, a, root, "我").await;
    host.say(a, "别的").await.expect("an ack");
    let second = reply(&mut host, a, first, "我也去").await;
    let mut seqs = Vec::new();
    for after in [None, Some(first)] {
        let page = host.request(|i| ClientFrame::Thread {
            i,
            a,
            of: root,
            after,
            n: 1,
        });
        match page.await.expect("a page") {
            Reply::Page(page) => seqs.push((
                page.page.iter().map(|it| it.s).collect::<Vec<_>>(),
                page.end,
            )),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(seqs, [(vec![root, first], false), (vec![second], true)]);
    let replies = Tally {
        of: root,
        likes: 0,
        replies: 2,
    };
    state(&mut host, |it| it.tally.as_deref() == Some(&[replies])).await;
}

#[tokio::test]
async fn l5_who_is_writing_is_told_to_the_room() {
    let server = Server::start();
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    let member = server.sign_up("小明").await;
    let mut host = owner.connect("phone").await;
    joined(&mut host, "hall").await;
    let mut viewer = member.connect("phone").await;
    let a = joined(&mut viewer, "hall").await.a;
    viewer.send(&ClientFrame::Typing { a }).await.expect("sent");
    let told = timeout(SOON, async {
        loop {
            if let Push::Typing { who, n, .. } = host.next_push().await.expect("a push") {
                return (who[0].name.clone(), n);
            }
        }
    });
    assert_eq!(told.await.expect("in time"), ("小明".to_owned(), 1));
}
