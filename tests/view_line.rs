//! More people than places: who comes too late has the chat and a place in the line, and watches when
//! it is their turn (PROTOCOL B5).

mod support;

use protocol::{
    ClientFrame, Code, Refusal, RoomNumber,
    client::PeerRole,
    rest::Problem,
    server::{Answered, Reply},
};
use support::{OFFER, Person, Publisher, SOON, Server, viewer};
use tokio::time::timeout;
use weiquan_client::{Connection, Error};

/// Somebody in the hall who wants to watch.
struct Viewer {
    line: Connection,
    a: RoomNumber,
}

impl Viewer {
    async fn new(person: &Person, device: &str) -> Self {
        let mut line = person.connect(device).await;
        let a = line.join("hall", None).await.expect("joined").a;
        Self { line, a }
    }

    async fn offer(&mut self) -> Result<Answered, Refusal> {
        let a = self.a;
        let offer = |i| ClientFrame::Offer {
            i,
            a,
            role: PeerRole::View,
            sdp: OFFER.into(),
        };
        match self.line.request(offer).await {
            Ok(Reply::Answered(answered)) => Ok(answered),
            Err(Error::Refused(refusal)) => Err(refusal),
            other => panic!("{other:?}"),
        }
    }

    /// The place in the line that is told.
    async fn place(&mut self) -> u32 {
        let refusal = self.offer().await.expect_err("every place is taken");
        assert_eq!(
            (refusal.code, refusal.ms),
            (Code::RoomFull, Some(5_000)),
            "{refusal}"
        );
        refusal.place.expect("a place in the line")
    }
}

async fn waiting(server: &Server) -> String {
    let url = format!("http://{}/metrics", server.admin);
    let text = reqwest::get(url).await.expect("answered").text().await;
    let text = text.expect("text");
    let line = text
        .lines()
        .find_map(|it| it.strip_prefix("weiquan_media_waiting "));
    line.expect("the gauge").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn b5_who_finds_every_place_taken_waits_in_a_line_that_holds() {
    let server = Server::start_with(&["rtc.viewers=1"]);
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    let key = owner.make_stream_key("hall").await.key;
    let mut first = Viewer::new(&owner, "first").await;
    let _publisher = Publisher::start(&server, "/whip", &key);
    viewer::picture_is_here(&mut first.line).await;
    let watching = first.offer().await.expect("a free place");

    let ann = server.sign_up("ann").await;
    let mut ann_phone = Viewer::new(&ann, "phone").await;
    let mut ann_desk = Viewer::new(&ann, "desk").await;
    assert_eq!(ann_phone.place().await, 1);
    assert_eq!(ann_desk.place().await, 2, "each page has its own");
    // A player of somebody who shows no token stands in the same line, and is told by HTTP.
    let guest = Person::new(&server);
    let answer = guest
        .http
        .post(format!("{}/api/v1/rooms/hall/whep", guest.base()))
        .header("content-type", "application/sdp")
        .body(OFFER)
        .send()
        .await
        .expect("answered");
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers()["retry-after"], "5");
    let problem: Problem = answer.json().await.expect("a problem");
    assert_eq!((problem.code, problem.place), (Code::RoomFull, Some(3)));
    assert_eq!(ann_phone.place().await, 1, "asking again changes nothing");
    assert_eq!(waiting(&server).await, "3");

    // They are in the room all the same.
    let a = ann_phone.a;
    ann_phone.line.say(a, "is it good?").await.expect("said");

    let peer = watching.peer;
    let close = |i| ClientFrame::Close { i, peer };
    first.line.request(close).await.expect("closed");
    // The place is free; the second in the line does not get it however early they ask.
    let second = timeout(SOON, async {
        loop {
            let place = ann_desk.place().await;
            match ann_phone.offer().await {
                Ok(_) => return place,
                Err(refusal) => assert_eq!(refusal.code, Code::RoomFull, "{refusal}"),
            }
        }
    });
    assert_eq!(second.await.expect("the first one's turn"), 2);
    assert_eq!(ann_desk.place().await, 1);
    assert_eq!(first.place().await, 3, "who left comes last");
}
