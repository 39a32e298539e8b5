//! Lanes through the whole server, by the real client: a flood of talk keeps nobody from keeping order.

mod support;

use std::time::Duration;

use protocol::{
    ClientFrame, Code, Seq, limits,
    server::{AckKind, Outcome, Reply},
};
use rustix::process::{Pid, Signal, kill_process};
use support::{SOON, Server};
use tokio::time::timeout;
use weiquan_client::{Connection, Incoming, new_client_id};

/// More connections than fill the inbox, each with as many messages as may wait for their answer.
const FLOODERS: usize = limits::ROOM_INBOX_MAX / limits::IN_FLIGHT_MAX + 16;

/// What became of each message of a connection, in its order.
async fn outcomes(line: &mut Connection) -> Vec<Result<Seq, Code>> {
    let mut all = Vec::new();
    while all.len() < limits::IN_FLIGHT_MAX {
        if let Incoming::Answer(answer) = line.next().await.expect("it stays connected") {
            all.push(match answer.outcome {
                Outcome::Ok(Reply::Ack(ack)) => {
                    assert_eq!(ack.v, AckKind::New);
                    Ok(ack.s)
                }
                Outcome::Err(refusal) => Err(refusal.code),
                Outcome::Ok(other) => panic!("{other:?}"),
            });
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn g1_a_mute_in_a_flood_is_refused_nothing_and_holds_before_the_flood_is_over() {
    let server = Server::start_with(&["fanout.shards=1"]);
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    let noisy = server.sign_up("Noisy").await;
    let mut host = owner.connect("phone").await;
    let a = host.join("hall", None).await.expect("joined").a;
    let tokens = server.tokens(FLOODERS);
    let mut lines = Vec::new();
    // Three quarters of the flood is one member's, on many devices; they are muted in the middle of it.
    for (n, token) in tokens.iter().enumerate() {
        let mut line = if n % 4 == 0 {
            let mut line = Connection::open(server.address, None).await.expect("open");
            line.hello(token, "tab").await.expect("welcome");
            line
        } else {
            noisy.connect(&format!("tab {n}")).await
        };
        line.join("hall", None).await.expect("joined");
        lines.push((n % 4 != 0, line));
    }

    // The server stands still while all of it arrives, so that all of it waits when it goes on; what
    // keeps order comes last.
    let pid = Pid::from_raw(i32::try_from(server.pid()).expect("a pid")).expect("not zero");
    kill_process(pid, Signal::STOP).expect("it runs");
    for (_, line) in &mut lines {
        let frames: Vec<ClientFrame> = (0..limits::IN_FLIGHT_MAX)
            .map(|_| ClientFrame::Pub {
                i: line.next_request(),
                a,
                cid: new_client_id(),
                text: "洪水".into(),
                re: None,
                question: false,
                card: None,
                to: Vec::new(),
            })
            .collect();
        let text = serde_json::to_string(&frames).expect("plain data");
        line.send_text(text).await.expect("the kernel takes it");
    }
    let said = ClientFrame::Pub {
        i: host.next_request(),
        a,
        cid: new_client_id(),
        text: "请安静".into(),
        re: None,
        question: false,
        card: None,
        to: Vec::new(),
    };
    let mute = ClientFrame::Mute {
        i: host.next_request(),
        a,
        cid: new_client_id(),
        who: noisy.id(),
        for_ms: 3_600_000,
        reason: "刷屏".into(),
    };
    let both = serde_json::to_string(&[said, mute]).expect("plain data");
    host.send_text(both).await.expect("the kernel takes it");
    kill_process(pid, Signal::CONT).expect("it is there");

    let of_host = async {
        let mut acks = Vec::new();
        while acks.len() < 2 {
            if let Incoming::Answer(answer) = host.next().await.expect("stays") {
                let Outcome::Ok(Reply::Ack(ack)) = answer.outcome else {
                    panic!("refused: {:?}", answer.outcome)
                };
                acks.push(ack.s);
            }
        }
        acks
    };
    let acks = timeout(SOON, of_host).await.expect("in time");
    assert!(acks[0] < acks[1], "its own words stay in their order");
    let muted_at = acks[1];

    let (mut kept, mut muted, mut busy) = (0, 0, 0);
    for (is_noisy, line) in &mut lines {
        let outcomes = timeout(SOON, outcomes(line)).await.expect("in time");
        let seqs: Vec<Seq> = outcomes.iter().filter_map(|it| it.ok()).collect();
        assert!(seqs.is_sorted(), "each connection keeps its order");
        for outcome in outcomes {
            match outcome {
                Ok(seq) => {
                    kept += 1;
                    assert!(!*is_noisy || seq < muted_at, "said after the mute");
                }
                Err(Code::Muted) if *is_noisy => muted += 1,
                Err(Code::Busy) => busy += 1,
                Err(other) => panic!("{other:?}"),
            }
        }
    }
    let all = FLOODERS * limits::IN_FLIGHT_MAX;
    assert_eq!(kept + muted + busy, all, "everybody is answered");
    assert!(
        muted > all / 4,
        "{muted} of {all} were still waiting when the mute held ({kept} kept, {busy} busy)"
    );
    // The room goes on for everybody else.
    timeout(Duration::from_secs(5), host.say(a, "谢谢"))
        .await
        .expect("in time")
        .expect("said");
}
