//! Who asked hears long frames deflated, and makes the same of them as everybody else (PROTOCOL Z).

mod support;

use protocol::{
    ClientFrame, RoomNumber, Seq,
    client::Position,
    limits,
    server::{Page, Push, RecordFrame, Reply, Resumed},
};
use support::{Person, SOON, Server};
use tokio::time::timeout;
use weiquan_client::Connection;

const Z: Option<u32> = Some(limits::DICTIONARY);

/// Records of the log up to this one, and how many of the messages since came deflated.
async fn hear_up_to(line: &mut Connection, last: Seq) -> (Vec<RecordFrame>, u64) {
    let before = line.deflated();
    let mut heard: Vec<RecordFrame> = Vec::new();
    timeout(SOON, async {
        while heard.last().is_none_or(|it| it.s < last) {
            if let Push::Ev { ev, .. } = line.next_push().await.expect("the line holds") {
                heard.extend(ev);
            }
        }
    })
    .await
    .expect("in time");
    (heard, line.deflated() - before)
}

async fn say(line: &mut Connection, a: RoomNumber, n: usize) -> Seq {
    let text = format!("第{n}条：今晚几点开始抽奖？主播好，前排打卡");
    line.say(a, &text).await.expect("taken").s
}

async fn history(line: &mut Connection, a: RoomNumber, n: u32) -> Page {
    let ask = |i| ClientFrame::History {
        i,
        a,
        before: None,
        after: Some(0),
        n,
    };
    match line.request(ask).await.expect("a page") {
        Reply::Page(page) => page,
        other => panic!("{other:?}"),
    }
}

/// A server, its owner, who is held to no rate, and a hall in which so much was said.
async fn hall(said: usize) -> (Server, Person, Connection, RoomNumber) {
    let server = Server::start();
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    let mut host = owner.connect("host").await;
    let a = host.join("hall", None).await.expect("joined").a;
    for n in 0..said {
        say(&mut host, a, n).await;
    }
    (server, owner, host, a)
}

#[tokio::test]
async fn z2_both_forms_say_the_same() {
    let (_server, owner, mut host, a) = hall(60).await;
    let mut plain = owner.connect_with("plain", None).await;
    let mut small = owner.connect_with("small", Z).await;
    let joined = plain.join("hall", None).await.expect("joined");
    let again = small.join("hall", None).await.expect("joined");
    assert_eq!((joined.ev.len(), small.deflated()), (50, 1), "a snapshot");
    assert_eq!(joined.ev, again.ev);

    let mut last = 0;
    for n in 60..80 {
        last = say(&mut host, a, n).await;
    }
    let heard = hear_up_to(&mut plain, last).await;
    let (also, deflated) = hear_up_to(&mut small, last).await;
    assert_eq!(heard.0, also);
    assert_eq!(heard.0.len(), 20);
    assert!(deflated >= 20, "{deflated} of 20 announces");

    let before = small.deflated();
    let pages = (
        history(&mut plain, a, 80).await,
        history(&mut small, a, 80).await,
    );
    assert_eq!(pages.0, pages.1);
    assert!(small.deflated() > before, "a page of the history");
    assert_eq!(plain.deflated(), 0, "nobody asked here");
}

#[tokio::test]
async fn z2_a_long_resume_comes_deflated_and_whole() {
    let (_server, owner, mut host, a) = hall(450).await;
    let mut line = owner.connect_with("small", Z).await;
    let e = owner.connect("asks").await.join("hall", None).await;
    let since = Position {
        e: e.expect("joined").e,
        s: 10,
    };
    let joined = line.join("hall", Some(since)).await.expect("joined");
    assert_eq!((joined.resumed, joined.more), (Resumed::Full, true));
    let last = say(&mut host, a, 450).await;
    let (rest, deflated) = hear_up_to(&mut line, last).await;
    let seqs: Vec<Seq> = joined.ev.iter().chain(&rest).map(|it| it.s).collect();
    assert_eq!(seqs, (11..=last).collect::<Vec<_>>());
    assert!(
        deflated >= 2,
        "{deflated} of the pages and the record behind them"
    );
}

#[tokio::test]
async fn z1_a_number_that_the_server_does_not_have_says_nothing() {
    let (server, owner, mut host, a) = hall(5).await;
    for z in [Some(limits::DICTIONARY + 1), Some(0), None] {
        let mut line = Connection::open(server.address, None)
            .await
            .expect("connects");
        let welcome = line.hello_with(&owner.token, "strange", z).await;
        assert_eq!(welcome.expect("welcome").z, None, "{z:?}");
        line.join("hall", None).await.expect("joined");
        let last = say(&mut host, a, 6).await;
        hear_up_to(&mut line, last).await;
        assert_eq!(line.deflated(), 0, "{z:?}");
    }
    let mut line = Connection::open(server.address, None)
        .await
        .expect("connects");
    let welcome = line.hello_with(&owner.token, "known", Z).await;
    assert_eq!(welcome.expect("welcome").z, Z);
}

/// What is short, and what only the connection itself says, comes as text; so does everything once the
/// last who asked has left, to those who did not.
#[tokio::test]
async fn z3_what_is_short_comes_as_text() {
    let (_server, owner, mut host, a) = hall(1).await;
    let mut small = owner.connect_with("small", Z).await;
    small.join("hall", None).await.expect("joined");
    let before = small.deflated();
    assert_eq!(before, 1, "the answer to the join");
    small
        .request(|i| ClientFrame::Leave { i, a })
        .await
        .expect("left");
    assert_eq!(small.deflated(), before, "an answer of a few bytes");
    let mut plain = owner.connect_with("plain", None).await;
    plain.join("hall", None).await.expect("joined");
    let last = say(&mut host, a, 2).await;
    assert_eq!(hear_up_to(&mut plain, last).await.0.len(), 1);
    small.join("hall", None).await.expect("joined again");
    let last = say(&mut host, a, 3).await;
    let (heard, deflated) = hear_up_to(&mut small, last).await;
    assert_eq!((heard.len(), deflated), (1, 1));
}
