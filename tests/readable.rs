//! A room in which more is said than can be read, over real sockets: everybody is shown the same part
//! of it, what is left out is counted, whom it is about is shown it, and the history has all of it
//! (PROTOCOL P9).

mod support;

use std::collections::BTreeSet;

use protocol::{
    ClientFrame, RoomNumber, Seq, limits,
    server::{Push, Reply},
};
use support::{Person, SOON, Server, read_history};
use tokio::{task::JoinSet, time::timeout};
use weiquan_client::{Connection, Ledger, new_client_id};

const WRITERS: usize = 6;
const EACH: usize = 40;

/// Who watches the hall, and holds every frame against the promise.
struct Watcher {
    line: Connection,
    ledger: Ledger,
    seen: BTreeSet<Seq>,
    beside: BTreeSet<Seq>,
}

impl Watcher {
    async fn new(person: &Person, device: &str, z: Option<u32>) -> Self {
        let mut line = person.connect_with(device, z).await;
        let mut ledger = Ledger::default();
        let joined = line.join("hall", None).await.expect("joined");
        ledger.join(&joined).expect("nothing is missing");
        Self {
            line,
            ledger,
            seen: BTreeSet::new(),
            beside: BTreeSet::new(),
        }
    }

    async fn reaches(&mut self, last: Seq) {
        timeout(SOON, async {
            while self.ledger.last() < last {
                let push = self.line.next_push().await.expect("a push");
                self.ledger.push(&push).expect("the promise holds");
                match push {
                    Push::Ev { ev, .. } => self.seen.extend(ev.iter().map(|it| it.s)),
                    Push::Beside { ev, .. } => self.beside.extend(ev.iter().map(|it| it.s)),
                    _ => {}
                }
            }
        })
        .await
        .expect("in time");
    }
}

/// Says a line, to somebody or to all; answers its seq.
async fn say(line: &mut Connection, a: RoomNumber, re: Option<Seq>, text: &str) -> Seq {
    let publish = |i| ClientFrame::Pub {
        i,
        a,
        cid: new_client_id(),
        text: text.to_owned(),
        re,
        question: false,
        card: None,
        to: Vec::new(),
    };
    match line.request(publish).await.expect("taken") {
        Reply::Ack(ack) => ack.s,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_everybody_is_shown_the_same_part_and_the_history_has_the_rest() {
    let server = Server::start_with(&["rooms.readable_per_second=10"]);
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    let (ann, ben) = (server.sign_up("ann").await, server.sign_up("ben").await);
    // In whichever form: two of them hear it deflated.
    let z = Some(limits::DICTIONARY);
    let mut watching = [
        Watcher::new(&ann, "page", None).await,
        Watcher::new(&ben, "page", z).await,
        Watcher::new(&owner, "page", z).await,
    ];
    let a = owner.connect("asks").await.join("hall", None).await;
    let a = a.expect("joined").a;
    let mut asks = ann.connect("asks").await;
    asks.join("hall", None).await.expect("joined");
    let of = say(&mut asks, a, None, "who comes along?").await;

    // Six people talk at once, as fast as they are answered.
    let mut talking = JoinSet::new();
    for n in 0..WRITERS {
        let person = server.sign_up(&format!("writer{n}")).await;
        talking.spawn(async move {
            let mut line = person.connect("page").await;
            line.join("hall", None).await.expect("joined");
            for _ in 0..EACH {
                say(&mut line, a, None, "I think so too").await;
            }
            let mut answers = Vec::new();
            for _ in 0..4 {
                answers.push(say(&mut line, a, Some(of), "I do").await);
            }
            answers
        });
    }
    let mut answers = BTreeSet::new();
    while let Some(said) = talking.join_next().await {
        answers.extend(said.expect("it said all"));
    }
    let mut host = owner.connect("host").await;
    host.join("hall", None).await.expect("joined");
    // The host's word is shown with all that came before it.
    let last = say(&mut host, a, None, "one at a time, please").await;
    for it in &mut watching {
        it.reaches(last).await;
    }

    let [ann, ben, owner] = &watching;
    assert_eq!(ann.seen, ben.seen, "the same for all");
    let deflated = watching.each_ref().map(|it| it.line.deflated() > 0);
    assert_eq!(deflated, [false, true, true]);
    let left_out: BTreeSet<Seq> = (1..=last).filter(|it| !ann.seen.contains(it)).collect();
    assert_eq!(left_out.len() as u64, ann.ledger.skipped, "each is counted");
    assert_eq!(ann.ledger.taken + ann.ledger.skipped, last);
    assert!(ann.ledger.skipped > 50, "{}", ann.ledger.skipped);
    assert!(ann.seen.contains(&last));
    let mine: BTreeSet<Seq> = answers.intersection(&left_out).copied().collect();
    assert_eq!(ann.beside, mine, "who asked is shown every answer");
    assert!(ben.beside.is_empty(), "they are nothing to him");
    assert_eq!(owner.beside, left_out, "who runs the room is shown all");
    let history = read_history(&mut host, a).await;
    assert_eq!(
        history.keys().copied().collect::<Vec<_>>(),
        (1..=last).collect::<Vec<_>>()
    );
    assert!(history.values().all(Option::is_some));
}
