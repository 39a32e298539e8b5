//! Digests through the whole server, taken by a real mail server, by a clock that is set; what a member missed in the
//! live; and a circle that is handed over.

mod support;

#[path = "support/clock.rs"]
mod clock;
#[allow(dead_code, reason = "others await pushes as well")]
#[path = "support/topics.rs"]
mod on_topic;

use std::{net::TcpListener, time::Duration};

use clock::Clock;
use on_topic::join;
use protocol::{
    ClientFrame, Seq,
    mail::{MailLink, MailWish},
    notices::{Digest, NoticeKind, NoticeList, NoticeSettings},
    rest::{ActList, Me, MemberCard, MissedList, RoomCard},
    server::{Mark, Reply},
    topic::TopicCard,
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use support::{
    PASSWORD, Person, Publisher, SOON, Server, free_ports,
    sink::{Letter, Sink},
};
use weiquan_client::{Connection, new_client_id};

/// Long enough for a letter that should not be: a server that begins looks at once.
const A_WHILE: Duration = Duration::from_millis(2_500);
const WEEK_H: i64 = 7 * 24;

fn settings(port: u16) -> Vec<String> {
    vec![
        format!("mail.server=localhost:{port}"),
        "mail.from=读书会 <live@circle.example>".into(),
        "mail.tls=off".into(),
        "mail.after_minutes=1440".into(),
        "mail.digest_at=00:00".into(),
    ]
}

fn start(clock: &Clock, port: u16) -> Server {
    let all = settings(port);
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    clock.server(&all)
}

async fn send(by: &Person, method: Method, path: &str, body: Value) -> (StatusCode, String) {
    let answer = by.request(method, path).json(&body).send().await;
    let answer = answer.expect("answered");
    (answer.status(), answer.text().await.expect("a body"))
}

async fn done(by: &Person, method: Method, path: &str, body: Value) {
    let (status, text) = send(by, method, path, body).await;
    assert!(status.is_success(), "{path}: {status} {text}");
}

/// A member with a confirmed address, whose notices have no letters of their own.
async fn reader(server: &Server, sink: &Sink, name: &str, lang: &str) -> Person {
    let person = server.sign_up(name).await;
    confirm(server, sink, &person, &format!("{name}@example.org"), lang).await;
    let mut settings: NoticeSettings = person.get("/api/v1/notices/settings").await;
    assert_eq!(settings.digest, Some(Digest::Weekly), "unless they choose");
    for way in &mut settings.ways {
        way.mail = false;
    }
    let body = json!(settings);
    done(&person, Method::PUT, "/api/v1/notices/settings", body).await;
    person
}

async fn confirm(server: &Server, sink: &Sink, whom: &Person, address: &str, lang: &str) {
    let wish = MailWish {
        address: address.into(),
        lang: lang.into(),
    };
    done(whom, Method::PUT, "/api/v1/mail", json!(wish)).await;
    let link = sink.letter().after("/mail/confirm#");
    let nobody = Person::new(server);
    let body = json!(MailLink { link });
    done(&nobody, Method::POST, "/api/v1/mail/confirm", body).await;
}

async fn daily(whom: &Person) {
    let body = json!({ "ways": [], "all_live": false, "digest": "daily" });
    done(whom, Method::PUT, "/api/v1/notices/settings", body).await;
}

async fn topic(by: &Person, title: &str) -> TopicCard {
    let wish = json!({
        "cid": new_client_id(), "kind": "discussion", "title": title, "text": format!("about {title}"),
        "guests": true, "tags": [],
    });
    by.post("/api/v1/topics", &wish).await
}

async fn follow(by: &Person, of: &TopicCard, how: &str) {
    let path = format!("/api/v1/topics/{}/following", of.room);
    done(by, Method::PUT, &path, json!({ "following": how })).await;
}

/// Says it in a topic, over a line of its own.
async fn reply(by: &Person, of: &TopicCard, text: &str) {
    let mut line = by.connect("a reply").await;
    let a = join(&mut line, of).await.a;
    line.say(a, text).await.expect("said");
}

async fn feature(by: &Person, of: &TopicCard) {
    let mut line = by.connect("a star").await;
    let a = join(&mut line, of).await.a;
    let act = protocol::topic::TopicAct::Feature { on: true };
    on_topic::act(&mut line, a, act).await.expect("featured");
}

async fn ban(line: &mut Connection, room: &str, who: &Person) {
    let a = line.join(room, None).await.expect("joined").a;
    let who = who.id();
    let banned = line.request(|i| ClientFrame::Ban {
        i,
        a,
        cid: new_client_id(),
        who,
        for_ms: None,
        reason: String::new(),
    });
    banned.await.expect("banned");
}

async fn say(line: &mut Connection, a: u32, text: &str, question: bool, to: &[&Person]) -> Seq {
    let to = to.iter().map(|it| it.id()).collect();
    let said = line.request(|i| ClientFrame::Pub {
        i,
        a,
        cid: new_client_id(),
        text: text.into(),
        re: None,
        question,
        card: None,
        to,
    });
    let Ok(Reply::Ack(ack)) = said.await else {
        panic!("said")
    };
    ack.s
}

/// A broadcast of the owner's in a room, with one viewer, whose question is answered.
async fn broadcast(server: &Server, owner: &Person, viewer: &Person, room: &str) {
    let mut host = owner.connect("studio").await;
    let a = host.join(room, None).await.expect("joined").a;
    let mut watching = viewer.connect("sofa").await;
    watching.join(room, None).await.expect("joined");
    let key = owner.make_stream_key(room).await;
    let publisher = Publisher::start(server, "/whip", &key.key);
    let live = async {
        loop {
            let card: RoomCard = owner.get(&format!("/api/v1/rooms/{room}")).await;
            if card.broadcast.is_some_and(|it| it.live_ms.is_some()) {
                break;
            }
        }
    };
    tokio::time::timeout(SOON, live).await.expect("live");
    let of = say(&mut watching, a, "今晚 <b>几点</b>？", true, &[]).await;
    let act = protocol::client::QuestionAct::Answer;
    let cid = new_client_id();
    let answered = host.request(|i| ClientFrame::Question { i, a, cid, of, act });
    answered.await.expect("answered");
    let cid = new_client_id();
    let ended = host.request(|i| ClientFrame::Broadcast {
        i,
        a,
        cid,
        act: protocol::client::BroadcastAct::End,
        title: None,
        starts_ms: None,
    });
    ended.await.expect("ended");
    drop(publisher);
}

/// Returns once the server knows that every digest that it began went. A process that ends before that tells the same again
/// by the next one.
async fn noted(server: &Server) {
    let file = server.folder.join("weiquan.db");
    let known = async {
        loop {
            let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
            let db = rusqlite::Connection::open_with_flags(&file, flags).expect("readable");
            let under_way = "SELECT count(*) FROM digests WHERE told_ms <> taken_ms";
            let n: u32 = db
                .query_row(under_way, [], |row| row.get(0))
                .expect("counted");
            if n == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SOON, known).await.expect("noted");
}

/// Its words, with the line ends of this side of the mail.
fn lines(letter: &Letter) -> String {
    letter.text.replace("\r\n", "\n")
}

/// The program's own click in a mail client: no cookie and no token.
async fn click(letter: &Letter) -> StatusCode {
    let stop = letter.headers["list-unsubscribe"].trim_matches(['<', '>']);
    assert_eq!(
        letter.headers["list-unsubscribe-post"],
        "List-Unsubscribe=One-Click"
    );
    let program = reqwest::Client::new();
    let clicked = program
        .post(stop)
        .header("content-type", "application/x-www-form-urlencoded")
        .body("List-Unsubscribe=One-Click");
    clicked.send().await.expect("answered").status()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d1_a_digest_tells_what_was_missed_once_and_nothing_that_its_reader_may_not_see() {
    let (clock, sink) = (Clock::new(), Sink::start(0, &[]));
    let mut server = start(&clock, sink.port);
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    owner.make_room("shut").await;
    owner.make_room("next").await;
    let ann = reader(&server, &sink, "Ann", "en").await;
    let bob = server.sign_up("Bob").await;
    let cat = server.sign_up("Cat").await;

    let news = topic(&bob, "Weekend <b>walk</b>").await;
    let quiet = topic(&bob, "Noise").await;
    let closed = topic(&bob, "Closed door").await;
    let read = topic(&bob, "Read already").await;
    let left = topic(&bob, "What Cat said").await;
    let best = topic(&bob, "A fine essay").await;
    for it in [&news, &closed, &read, &left] {
        follow(&ann, it, "yes").await;
    }
    follow(&ann, &quiet, "muted").await;
    reply(&bob, &news, "**Which** hill?\nsecond line").await;
    for it in [&quiet, &closed, &read] {
        reply(&bob, it, "something new").await;
    }
    reply(&cat, &left, "my words").await;
    feature(&owner, &best).await;
    feature(&owner, &quiet).await;
    let path = format!("/api/v1/topics/{}/reading", read.room);
    done(&ann, Method::PUT, &path, json!({ "seq": 3 })).await;
    let mut staff = owner.connect("staff").await;
    ban(&mut staff, closed.room.as_str(), &ann).await;
    ban(&mut staff, "shut", &ann).await;

    let mut line = bob.connect("phone").await;
    let a = line.join("hall", None).await.expect("joined").a;
    say(&mut line, a, "@Ann 在吗", false, &[&ann]).await;
    broadcast(&server, &owner, &bob, "hall").await;
    broadcast(&server, &owner, &bob, "shut").await;
    let now_ms = std::time::UNIX_EPOCH
        .elapsed()
        .expect("after 1970")
        .as_millis() as u64;
    let announce = json!({
        "act": "schedule", "title": "Next week's show",
        "starts_ms": now_ms + 8 * 24 * 3_600_000,
    });
    done(
        &owner,
        Method::POST,
        "/api/v1/rooms/next/broadcast",
        announce,
    )
    .await;
    let body = json!({ "password": PASSWORD, "writings": "keep" });
    done(&cat, Method::DELETE, "/api/v1/me", body).await;

    clock.set_ahead(WEEK_H);
    let letter = sink.letter();
    assert_eq!(letter.to, ["Ann@example.org"]);
    assert_eq!(letter.subject, "What you missed — 读书会");
    assert_eq!(letter.headers["auto-submitted"], "auto-generated");
    let text = lines(&letter);
    for told in [
        "Hello Ann,",
        "== Broadcasts that you missed ==\n\nhall\n  圈主 · ",
        "Answered: “今晚 <b>几点</b>？” — Bob",
        "== For you ==\n\nBob mentioned you · hall\n  @Ann 在吗",
        "Weekend <b>walk</b>\n  1 new\n  Bob: Which hill?\n",
        "What Cat said\n  1 new\n  Deleted account: my words\n",
        "== Worth reading ==\n\nA fine essay\n  Featured · 0 replies\n  about A fine essay",
        "== Coming up ==\n\nNext week's show\n",
        " (UTC) · 圈主 · next",
        &server.url("/r/hall/b/"),
        &server.url(&format!("/t/{}", news.room)),
    ] {
        assert!(text.contains(told), "{told} in {text}");
    }
    for hidden in [
        "Noise",
        "Closed door",
        "Read already",
        "Cat:",
        "second line",
        "/r/shut",
    ] {
        assert!(!text.contains(hidden), "{hidden} in {text}");
    }
    assert!(letter.html.contains("Weekend &lt;b&gt;walk&lt;/b&gt;"));
    for foreign in ["<img", "<script", "<b>walk"] {
        assert!(
            !letter.html.contains(foreign),
            "{foreign} in {}",
            letter.html
        );
    }

    noted(&server).await;

    // Never twice: not after a kill, nor by a clock that steps back and forth.
    for hours in [WEEK_H, WEEK_H - 26, WEEK_H - 1, WEEK_H] {
        server.kill();
        clock.set_ahead(hours);
        server.restart();
        sink.stays_empty(A_WHILE);
    }
    // A week later there is nothing to say: nobody is told what they were told already.
    server.kill();
    clock.set_ahead(2 * WEEK_H);
    server.restart();
    sink.stays_empty(A_WHILE);
    let bob = server.sign_in("Bob").await;
    reply(&bob, &news, "And when?").await;
    server.kill();
    clock.set_ahead(3 * WEEK_H);
    server.restart();
    let next = sink.letter();
    assert!(
        lines(&next).contains("2 new\n  Bob: And when?"),
        "{}",
        next.text
    );
    for again in ["mentioned", "missed ==", "fine essay", "What Cat said"] {
        assert!(!next.text.contains(again), "{again} in {}", next.text);
    }
    assert_ne!(next.headers["message-id"], letter.headers["message-id"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d2_one_click_ends_digests_alone_and_each_is_in_its_readers_language() {
    let (clock, sink) = (Clock::new(), Sink::start(0, &[]));
    let mut server = start(&clock, sink.port);
    server.set_up().await;
    let ann = reader(&server, &sink, "Ann", "zh-CN").await;
    let ted = reader(&server, &sink, "Ted", "zh-TW").await;
    let bob = server.sign_up("Bob").await;
    let news = topic(&bob, "周末").await;
    for it in [&ann, &ted] {
        follow(it, &news, "yes").await;
        daily(it).await;
    }
    reply(&bob, &news, "去哪儿").await;
    clock.set_ahead(24);
    let mut letters = [sink.letter(), sink.letter()];
    letters.sort_by(|one, other| one.to.cmp(&other.to));
    let [to_ann, to_ted] = letters;
    assert_eq!(to_ann.subject, "你错过的内容 — 读书会");
    assert!(
        lines(&to_ann).contains("你关注的话题有新回复 ==\n\n周末\n  1 条新消息\n  Bob：去哪儿")
    );
    assert_eq!(to_ted.subject, "你錯過的內容 — 读书会");
    assert!(to_ted.html.contains("lang=\"zh-TW\"") && to_ted.html.contains("1 則新訊息"));

    // Nobody ends another one's, nor anything but digests.
    let mut forged = to_ann.clone();
    let stop = to_ann.headers["list-unsubscribe"].replace("&what=digest", "");
    forged.headers.insert("list-unsubscribe".into(), stop);
    assert_eq!(click(&forged).await, StatusCode::NOT_FOUND);
    let stop = to_ann.headers["list-unsubscribe"].replace(ann.id().as_str(), ted.id().as_str());
    forged.headers.insert("list-unsubscribe".into(), stop);
    assert_eq!(click(&forged).await, StatusCode::NOT_FOUND);
    assert_eq!(click(&to_ann).await, StatusCode::NO_CONTENT);
    assert_eq!(click(&to_ann).await, StatusCode::NO_CONTENT, "said again");
    let ann = server.sign_in("Ann").await;
    let settings: NoticeSettings = ann.get("/api/v1/notices/settings").await;
    assert_eq!(settings.digest, Some(Digest::Never));
    let odd = json!({ "ways": [], "all_live": false, "digest": "hourly" });
    let refused = ann.refused(Method::PUT, "/api/v1/notices/settings", &odd);
    assert_eq!(refused.await, "malformed");

    let bob = server.sign_in("Bob").await;
    reply(&bob, &news, "再说一次").await;
    server.kill();
    clock.set_ahead(48);
    server.restart();
    assert_eq!(sink.letter().to, ["Ted@example.org"]);
    sink.stays_empty(A_WHILE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d3_a_process_that_ends_while_it_sends_sends_none_twice_and_loses_nothing() {
    let clock = Clock::new();
    let port = free_ports(1)[0];
    let sink = Sink::start(port, &[]);
    let mut server = start(&clock, port);
    server.set_up().await;
    let ann = reader(&server, &sink, "Ann", "en").await;
    let bob = server.sign_up("Bob").await;
    daily(&ann).await;
    let news = topic(&bob, "Weekend").await;
    follow(&ann, &news, "yes").await;
    reply(&bob, &news, "where to?").await;
    drop(sink);

    // A mail server that takes the call and says nothing.
    let silent = TcpListener::bind(("127.0.0.1", port)).expect("the port is free");
    clock.set_ahead(24);
    let called = tokio::task::spawn_blocking(move || silent.accept().map(|it| (it, silent)));
    let called = tokio::time::timeout(SOON, called).await.expect("it calls");
    server.kill();
    drop(called);
    let sink = Sink::start(port, &[]);
    server.restart();
    sink.stays_empty(A_WHILE);
    server.kill();
    clock.set_ahead(48);
    server.restart();
    let letter = sink.letter();
    assert!(letter.text.contains("Bob: where to?"), "{}", letter.text);

    // Where nobody is there at all, it waits and goes once.
    let bob = server.sign_in("Bob").await;
    reply(&bob, &news, "and when?").await;
    drop(sink);
    server.kill();
    clock.set_ahead(72);
    server.restart();
    tokio::time::sleep(A_WHILE).await;
    let sink = Sink::start(port, &[]);
    server.kill();
    server.restart();
    assert!(sink.letter().text.contains("Bob: and when?"));
    sink.stays_empty(A_WHILE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d4_who_was_not_there_sees_what_they_missed_until_they_put_it_away() {
    let server = Server::start();
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    let ann = server.sign_up("Ann").await;
    let bob = server.sign_up("Bob").await;
    let eve = server.sign_up("Eve").await;
    let mut staff = owner.connect("staff").await;
    ban(&mut staff, "hall", &eve).await;
    let missed = async |of: &Person| of.get::<MissedList>("/api/v1/missed").await.missed;
    assert!(missed(&ann).await.is_empty());
    let mut line = bob.connect("phone").await;
    let a = line.join("hall", None).await.expect("joined").a;
    say(&mut line, a, "@Ann before", false, &[&ann]).await;
    broadcast(&server, &owner, &bob, "hall").await;

    let found = missed(&ann).await;
    assert_eq!(found.len(), 1);
    let it = &found[0];
    assert_eq!((it.room.as_str(), it.answered, it.mentions), ("hall", 1, 0));
    assert!(it.recap.is_none() && it.ended_ms > 0);
    for there in [&owner, &bob, &eve] {
        assert!(missed(there).await.is_empty());
    }
    let late = server.sign_up("Late").await;
    assert!(missed(&late).await.is_empty(), "it was before their time");
    let future = json!({ "upto_ms": it.ended_ms + 3_600_000 });
    let refused = ann.refused(Method::POST, "/api/v1/missed/seen", &future);
    assert_eq!(refused.await, "malformed");
    let seen = json!({ "upto_ms": it.ended_ms });
    done(&ann, Method::POST, "/api/v1/missed/seen", seen).await;
    let other_device = server.sign_in("Ann").await;
    assert!(missed(&other_device).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d5_a_circle_is_handed_over_by_password_and_its_first_owner_may_go() {
    let sink = Sink::start(0, &[]);
    let all = settings(sink.port);
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let server = Server::start_with(&all);
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    confirm(&server, &sink, &owner, "owner@example.org", "zh-CN").await;
    let ann = reader(&server, &sink, "Ann", "en").await;
    let bob = server.sign_up("Bob").await;
    let hand = async |by: &Person, to: &str, password: &str| {
        let body = json!({ "member": to, "password": password });
        send(by, Method::PUT, "/api/v1/circle/owner", body).await
    };
    let code = |(status, text): (StatusCode, String)| {
        let problem: Value = serde_json::from_str(&text).expect("a problem");
        (
            status.as_u16(),
            problem["code"].as_str().expect("a code").to_owned(),
        )
    };
    let (ann_id, owner_id) = (ann.id(), owner.id());
    let leave = json!({ "password": PASSWORD, "writings": "keep" });
    let (status, text) = send(&owner, Method::DELETE, "/api/v1/me", leave.clone()).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(text.contains("hand it over"), "{text}");
    for (by, to, password, told) in [
        (&bob, ann_id.as_str(), PASSWORD, (403, "not_permitted")),
        (
            &owner,
            ann_id.as_str(),
            "not the password",
            (401, "sign_in_failed"),
        ),
        (&owner, owner_id.as_str(), PASSWORD, (409, "role_fixed")),
        (&owner, "m_nobody", PASSWORD, (404, "not_found")),
    ] {
        let (status, said) = code(hand(by, to, password).await);
        assert_eq!((status, said.as_str()), told);
    }
    let (status, text) = hand(&owner, ann_id.as_str(), PASSWORD).await;
    assert_eq!(status, StatusCode::OK, "{text}");
    let card: MemberCard = serde_json::from_str(&text).expect("a member");
    assert_eq!((card.id, card.mark), (ann_id.clone(), Mark::Owner));
    let mark = async |of: &Person| of.get::<Me>("/api/v1/me").await.mark;
    assert_eq!(mark(&owner).await, Mark::Moderator);
    assert_eq!(mark(&ann).await, Mark::Owner);
    let again = code(hand(&owner, bob.id().as_str(), PASSWORD).await);
    assert_eq!(again, (403, "not_permitted".into()));

    for (of, kind) in [(&ann, NoticeKind::Owner), (&owner, NoticeKind::Handed)] {
        let inbox: NoticeList = of.get("/api/v1/notices").await;
        assert_eq!(inbox.notices[0].kind, kind);
        assert_eq!(inbox.notices[0].title, "读书会");
    }
    let mut letters = [sink.letter(), sink.letter()];
    letters.sort_by(|one, other| one.to.cmp(&other.to));
    let [to_ann, to_owner] = letters;
    let told = "圈主 handed the circle over to you: you are its owner now — 读书会";
    assert_eq!(to_ann.subject, told);
    assert!(lines(&to_ann).contains(&server.url("/members")));
    assert_eq!(to_owner.subject, "你移交了圈子，Ann 现在是圈主 — 读书会");
    assert!(
        to_owner.text.contains("不是你操作的？"),
        "{}",
        to_owner.text
    );
    let acts: ActList = ann.get("/api/v1/audit").await;
    let act = acts.acts.iter().find(|it| it.what == "handed_over");
    let act = act.expect("it is written down");
    assert_eq!(act.by.id, owner_id);
    assert_eq!(act.whom.as_ref().map(|it| &it.id), Some(&ann_id));

    done(&owner, Method::DELETE, "/api/v1/me", leave).await;
    assert_eq!(mark(&ann).await, Mark::Owner);
    let gone = code(hand(&ann, owner_id.as_str(), PASSWORD).await);
    assert_eq!(gone, (404, "not_found".into()));
}
