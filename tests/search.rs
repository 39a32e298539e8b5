//! What is said is found by its words a moment later, by whoever may read it and by nobody else.

mod support;

#[path = "support/postgres.rs"]
mod postgres;

use std::time::{Duration, Instant};

use postgres::Postgres;
use protocol::{
    ClientFrame, Code, RoomNumber, Seq,
    client::ReviewAct,
    rest::{GuestWish, NewRoom, Problem, SearchPage, Token},
    server::Reply,
    topic::{TopicAct, TopicCard},
};
use reqwest::Method;
use support::{Person, SOON, Server};
use tokio::time::timeout;
use weiquan_client::{Connection, Error, new_client_id};

/// How far what can be found may be behind what was said.
const FOUND_WITHIN: Duration = Duration::from_secs(1);

/// As somebody who waits where they were too quick.
async fn search(by: &Person, asked: &str) -> SearchPage {
    let path = format!("/api/v1/search?{asked}");
    loop {
        let answer = by
            .request(Method::GET, &path)
            .send()
            .await
            .expect("answered");
        if answer.status() == 200 {
            return answer.json().await.expect("a page");
        }
        assert_eq!(answer.status(), 429, "{asked}: {:?}", answer.text().await);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

async fn refused(by: &Person, asked: &str) -> (u16, Code) {
    let path = format!("/api/v1/search?{asked}");
    let answer = by
        .request(Method::GET, &path)
        .send()
        .await
        .expect("answered");
    let status = answer.status().as_u16();
    (
        status,
        answer.json::<Problem>().await.expect("a problem").code,
    )
}

fn seqs(page: &SearchPage) -> Vec<Option<Seq>> {
    page.hits.iter().map(|it| it.seq).collect()
}

/// Returns once a search finds just these messages.
async fn until_found(by: &Person, asked: &str, expect: &[Seq]) -> SearchPage {
    let expect: Vec<Option<Seq>> = expect.iter().map(|it| Some(*it)).collect();
    let mut last = Vec::new();
    let found = async {
        loop {
            let page = search(by, asked).await;
            last = seqs(&page);
            if last == expect {
                return page;
            }
            // As somebody types.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let found = timeout(SOON, found).await;
    found.unwrap_or_else(|_| panic!("{asked}: {last:?}, not {expect:?}"))
}

async fn act(
    line: &mut Connection,
    make: impl FnOnce(u32, protocol::ClientId) -> ClientFrame,
) -> Seq {
    let cid = new_client_id();
    match line.request(|i| make(i, cid)).await {
        Ok(Reply::Ack(it)) => it.s,
        Ok(other) => panic!("{other:?}"),
        Err(Error::Refused(refusal)) => panic!("{refusal}"),
        Err(error) => panic!("{error}"),
    }
}

async fn say(line: &mut Connection, a: RoomNumber, text: &str) -> Seq {
    let text = text.to_owned();
    act(line, |i, cid| ClientFrame::Pub {
        i,
        a,
        cid,
        text,
        re: None,
        question: false,
        card: None,
        to: Vec::new(),
    })
    .await
}

async fn edit(line: &mut Connection, a: RoomNumber, of: Seq, text: &str) {
    let text = text.to_owned();
    act(line, |i, cid| ClientFrame::Edit {
        i,
        a,
        cid,
        of,
        text,
    })
    .await;
}

/// A server whose throttle of searches does not hold up a test that looks often.
async fn hall(more: &[&str]) -> (Server, Person) {
    let server = Server::start_with(more);
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    (server, owner)
}

async fn enter(person: &Person, room: &str) -> (Connection, RoomNumber) {
    let mut line = person.connect("phone").await;
    let a = line.join(room, None).await.expect("let in").a;
    (line, a)
}

async fn guest(server: &Server) -> Person {
    let person = Person::new(server);
    let body = GuestWish {
        device: "a device of a guest, with a long secret".into(),
        name: None,
    };
    let token: Token = person.post("/api/v1/guests", &body).await;
    let mut person = Person::new(server);
    person.token = token.token;
    person.me = Some(token.me);
    person
}

async fn said_edited_deleted_and_held(more: &[&str]) {
    let (server, owner) = hall(more).await;
    let ann = server.sign_up("ann").await;
    let (mut host, a) = enter(&owner, "hall").await;
    let (mut line, _) = enter(&ann, "hall").await;

    // The quickest of a few, since other tests use this machine as well.
    let mut quickest = Duration::MAX;
    for n in 0..4 {
        let s = say(&mut line, a, &format!("第{n}回：今晚直播 number{n}")).await;
        let since = Instant::now();
        until_found(&ann, &format!("q=number{n}"), &[s]).await;
        quickest = quickest.min(since.elapsed());
    }
    assert!(quickest < FOUND_WITHIN, "{quickest:?}");

    let first = say(&mut line, a, "微圈的读书會，Hello there").await;
    let page = until_found(&ann, "q=读书会", &[first]).await;
    let hit = &page.hits[0];
    assert_eq!(
        (hit.room.as_str(), hit.room_title.as_str()),
        ("hall", "hall")
    );
    assert_eq!(hit.author.id, ann.id());
    assert_eq!(hit.text, "微圈的读书會，Hello there");
    let places: Vec<(u32, u32)> = hit.places.iter().map(|it| (it.from, it.to)).collect();
    assert_eq!(places, [(3, 6)], "what is found is marked in the original");
    for asked in [
        "q=微",
        "q=hell",
        "q=讀書",
        "q=\"hello there\"",
        "q=there 微圈",
    ] {
        until_found(&ann, asked, &[first]).await;
    }

    edit(&mut line, a, first, "换了一句，见 example.com").await;
    until_found(&ann, "q=换了", &[first]).await;
    until_found(&ann, "q=读书会", &[]).await;
    until_found(&ann, "has=link&room=hall", &[first]).await;

    act(&mut line, |i, cid| ClientFrame::Delete {
        i,
        a,
        cid,
        of: first,
    })
    .await;
    // At once: who deletes something does not find it any more, even before the index knows.
    assert_eq!(seqs(&search(&ann, "q=换了").await), []);
    act(&mut line, |i, cid| ClientFrame::Undelete {
        i,
        a,
        cid,
        of: first,
    })
    .await;
    until_found(&ann, "q=换了", &[first]).await;

    let held = act(&mut host, |i, cid| ClientFrame::Hold {
        i,
        a,
        cid,
        of: first,
    })
    .await;
    assert_eq!(seqs(&search(&ann, "q=换了").await), []);
    assert_eq!(
        seqs(&search(&owner, "q=换了").await),
        [],
        "who reviews looks elsewhere"
    );
    let allow = |i, cid| ClientFrame::Review {
        i,
        a,
        cid,
        of: held,
        act: ReviewAct::Allow,
        reason: String::new(),
    };
    act(&mut host, allow).await;
    until_found(&ann, "q=换了", &[first]).await;
    until_found(&ann, &format!("q=换了&author={}", ann.id()), &[first]).await;
    until_found(&ann, &format!("q=换了&author={}", owner.id()), &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_is_found_and_what_is_taken_back_is_not() {
    said_edited_deleted_and_held(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgresql_the_same_is_found() {
    let (_, url) = Postgres::shared().schema();
    said_edited_deleted_and_held(&[&format!("store.url={url}")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_finds_what_they_may_not_read() {
    let (server, owner) = hall(&[]).await;
    let inner = NewRoom {
        title: "里面的房间".into(),
        guests: false,
        slug: Some("inner".into()),
    };
    let _: protocol::rest::RoomCard = owner.post("/api/v1/rooms", &inner).await;
    let (mut line, a) = enter(&owner, "hall").await;
    let open = say(&mut line, a, "大家都能看的话").await;
    let b = line.join("inner", None).await.expect("let in").a;
    let closed = say(&mut line, b, "只有成员能看的话").await;
    until_found(&owner, "q=能看", &[closed, open]).await;
    let ann = server.sign_up("ann").await;
    until_found(&ann, "q=能看", &[closed, open]).await;

    let (guest, nobody) = (guest(&server).await, Person::new(&server));
    for person in [&guest, &nobody] {
        assert_eq!(seqs(&search(person, "q=能看").await), [Some(open)]);
        assert_eq!(seqs(&search(person, "q=里面").await), [], "nor its title");
        let inside = refused(person, "q=能看&room=inner").await;
        assert_eq!(inside, (403, Code::GuestsNotAllowed));
    }
    let title = search(&ann, "q=里面").await;
    assert_eq!(
        (title.hits[0].seq, title.hits[0].room.as_str()),
        (None, "inner")
    );

    act(&mut line, |i, cid| ClientFrame::Ban {
        i,
        a: b,
        cid,
        who: ann.id(),
        for_ms: None,
        reason: String::new(),
    })
    .await;
    assert_eq!(seqs(&search(&ann, "q=能看").await), [Some(open)]);
    assert_eq!(
        refused(&ann, "q=能看&room=inner").await,
        (403, Code::Banned)
    );
    act(&mut line, |i, cid| ClientFrame::Unban {
        i,
        a: b,
        cid,
        who: ann.id(),
    })
    .await;
    assert_eq!(
        seqs(&search(&ann, "q=能看").await),
        [Some(closed), Some(open)]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_for_everything_has_its_answer() {
    let (_server, owner) = hall(&[]).await;
    let (mut line, a) = enter(&owner, "hall").await;
    let mut said = Vec::new();
    for n in 0..25 {
        said.push(say(&mut line, a, &format!("好的，第{n}句")).await);
    }
    said.reverse();
    until_found(&owner, "q=好&n=50", &said).await;
    let first = search(&owner, "q=好").await;
    assert_eq!(first.hits.len(), 20);
    let next = first.next.clone().expect("there is more");
    let second = search(&owner, &format!("q=好&after={next}")).await;
    let both: Vec<Option<Seq>> = seqs(&first).into_iter().chain(seqs(&second)).collect();
    assert_eq!(both, said.iter().map(|it| Some(*it)).collect::<Vec<_>>());
    assert_eq!(second.next, None);
    for (asked, expect) in [
        ("", (422, Code::Empty)),
        ("q=", (422, Code::Empty)),
        ("q=！？…&from=1", (422, Code::Empty)),
        ("q=a b c d e f g h i", (422, Code::TooLong)),
        ("q=好&has=video", (400, Code::Malformed)),
        ("q=好&after=x", (400, Code::Malformed)),
        ("q=好&room=nowhere", (404, Code::NotFound)),
    ] {
        assert_eq!(refused(&owner, asked).await, expect, "{asked}");
    }
    // As it is, that is more than a request may have.
    let long = format!("q={}", "h".repeat(1_000));
    assert_eq!(refused(&owner, &long).await, (422, Code::TooLong));
    let mut tries = 0;
    while search_status(&owner).await == 200 {
        tries += 1;
        assert!(
            tries <= protocol::limits::SEARCHES_PER_MINUTE,
            "it costs something"
        );
    }
    assert_eq!(refused(&owner, "q=好").await, (429, Code::RateLimited));
}

async fn search_status(by: &Person) -> u16 {
    let asked = by.request(Method::GET, "/api/v1/search?q=好").send();
    asked.await.expect("answered").status().as_u16()
}

/// Row 5 of the specification: featured topics stand above equal matches, whenever they were talked in.
#[tokio::test(flavor = "multi_thread")]
async fn row5_what_is_featured_is_found_before_what_is_newer() {
    let (server, owner) = hall(&[]).await;
    let ann = server.sign_up("小安").await;
    let mut topics = Vec::new();
    for title in ["精华的酒酿做法", "另一篇酒酿", "酒酿怎么保存"] {
        let wish = serde_json::json!({
            "cid": new_client_id(), "title": title, "text": format!("{title}：一步一步说"), "guests": true,
        });
        topics.push(ann.post::<_, TopicCard>("/api/v1/topics", &wish).await);
    }
    let (mut line, a) = enter(&owner, "hall").await;
    say(&mut line, a, "今晚聊酒酿").await;
    let best = topics[0].room.clone();
    let (mut staff, b) = enter(&owner, best.as_str()).await;
    act(&mut staff, |i, cid| ClientFrame::Topic {
        i,
        a: b,
        cid,
        act: TopicAct::Feature { on: true },
    })
    .await;
    let all = async {
        loop {
            let page = search(&ann, "q=%E9%85%92%E9%85%BF").await;
            // Each topic by its title and by its opening, and what was said in the hall.
            if page.hits.len() == 7 {
                return page;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let page = timeout(SOON, all).await.expect("found");
    let first: Vec<_> = page
        .hits
        .iter()
        .map(|it| (it.room.as_str(), it.featured))
        .collect();
    assert_eq!(first[0], (best.as_str(), true));
    assert_eq!(first[1], ("hall", false), "then the newest: {first:?}");
    assert_eq!(first.iter().filter(|it| it.1).count(), 1, "each topic once");
    // In a room there is nothing to stand above.
    let within = search(&ann, &format!("q=%E9%85%92%E9%85%BF&room={best}")).await;
    assert!(within.hits.iter().all(|it| !it.featured));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_kill_everything_is_found_once() {
    let (mut server, owner) = hall(&[]).await;
    let mut all = Vec::new();
    for round in 0..3 {
        let (mut line, a) = enter(&owner, "hall").await;
        for n in 0..12 {
            all.insert(
                0,
                say(&mut line, a, &format!("一起说的第{round}-{n}句")).await,
            );
        }
        let last = all[0];
        edit(&mut line, a, last, &format!("一起改的第{round}句")).await;
        // Whatever of it the index has by now.
        server.kill();
        server.restart();
    }
    until_found(&owner, "q=一起&n=50", &all).await;
    let edited: Vec<Seq> = all.iter().step_by(12).copied().collect();
    until_found(&owner, "q=一起改", &edited).await;

    // The operator has it made again while people talk.
    let rebuild = format!("http://{}/search/rebuild", server.admin);
    let http = reqwest::Client::new();
    let foreign = http.post(&rebuild).header("origin", "https://evil.example");
    assert_eq!(foreign.send().await.expect("answered").status(), 403);
    let begun = http.post(&rebuild).send().await.expect("answered");
    assert_eq!(begun.status(), 202);
    let (mut line, a) = enter(&owner, "hall").await;
    all.insert(0, say(&mut line, a, "一起说的最后一句").await);
    until_found(&owner, "q=一起&n=50", &all).await;
    until_found(&owner, "q=一起改", &edited).await;
    assert_eq!(server.stop(), 0);
    server.restart();
    until_found(&owner, "q=一起&n=50", &all).await;
}
