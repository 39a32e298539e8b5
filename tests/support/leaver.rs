//! A member with one of everything, who is about to leave, and all that might name them.

use std::{fs, path::Path, process::Command, time::Duration};

use protocol::{
    BlobId, Card, ClientFrame, MemberId, RoomNumber, Seq,
    client::QuestionAct,
    rest::{BlobMade, RoomCard},
    server::{Page, Reply},
    topic::{TopicAct, TopicCard},
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use weiquan_client::{Connection, new_client_id};

use crate::support::{PASSWORD, Person, SOON, Server, sink::Sink};

/// What is nowhere else.
pub(crate) const NAME: &str = "安zqname娜";
pub(crate) const MAIL: &str = "zqmail@example.org";
pub(crate) const PUSH: &str = "https://push.example.org/zqpush";
pub(crate) const KEY: &str = "zqlabel";
pub(crate) const AGENT: &str = "zqagent/1";
pub(crate) const WORDS: &str = "zqwords";

/// Bytes that only the account had.
pub(crate) const THEIRS: &[&str] = &[NAME, MAIL, "zqmail", PUSH, KEY, AGENT];

pub(crate) fn wish(kind: &str, title: &str, text: &str) -> Value {
    json!({
        "cid": new_client_id(), "kind": kind, "title": title, "text": text, "guests": true, "tags": ["周末"],
    })
}

pub(crate) async fn send(
    by: &Person,
    method: Method,
    path: &str,
    body: &Value,
) -> (StatusCode, String) {
    let answer = by.request(method, path).json(body).send().await;
    let answer = answer.expect("answered");
    (answer.status(), answer.text().await.expect("a body"))
}

pub(crate) async fn done(by: &Person, method: Method, path: &str, body: Value) {
    let (status, text) = send(by, method.clone(), path, &body).await;
    assert!(status.is_success(), "{method} {path}: {status} {text}");
}

pub(crate) async fn ack(line: &mut Connection, frame: impl FnOnce(u32) -> ClientFrame) -> Seq {
    match line.request(frame).await.expect("taken") {
        Reply::Ack(ack) => ack.s,
        Reply::Done {} => 0,
        other => panic!("{other:?}"),
    }
}

#[derive(Default)]
pub(crate) struct Said<'a> {
    pub(crate) re: Option<Seq>,
    pub(crate) question: bool,
    pub(crate) card: Option<Card>,
    pub(crate) to: &'a [MemberId],
}

pub(crate) async fn say(line: &mut Connection, a: RoomNumber, text: &str, with: Said<'_>) -> Seq {
    let frame = |i| ClientFrame::Pub {
        i,
        a,
        cid: new_client_id(),
        text: text.to_owned(),
        re: with.re,
        question: with.question,
        card: with.card,
        to: with.to.to_vec(),
    };
    ack(line, frame).await
}

pub(crate) async fn like(line: &mut Connection, a: RoomNumber, of: Seq) {
    let frame = |i| ClientFrame::Like { i, a, of, on: true };
    line.request(frame).await.expect("liked");
}

pub(crate) async fn join(by: &Person, room: &str) -> (Connection, RoomNumber) {
    let mut line = by.connect("phone").await;
    let a = line.join(room, None).await.expect("joined").a;
    (line, a)
}

pub(crate) async fn erase(by: &Person, password: &str, writings: &str) -> (StatusCode, String) {
    let wish = json!({ "password": password, "writings": writings });
    send(by, Method::DELETE, "/api/v1/me", &wish).await
}

pub(crate) fn code((_, text): (StatusCode, String)) -> String {
    let problem: Value = serde_json::from_str(&text).expect("a problem");
    problem["code"].as_str().expect("a code").to_owned()
}

/// Files below a folder that hold any of these.
pub(crate) fn files_with(folder: &Path, texts: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for it in fs::read_dir(folder).expect("a folder").flatten() {
        let path = it.path();
        if path.is_dir() {
            found.extend(files_with(&path, texts));
        } else if let Ok(bytes) = fs::read(&path) {
            let holds = |text: &&&str| bytes.windows(text.len()).any(|it| it == text.as_bytes());
            let held = texts.iter().filter(holds);
            found.extend(held.map(|it| format!("{it} in {}", path.display())));
        }
    }
    found
}

/// Nothing of it is left in any file while the server runs, once what is to be done is done.
pub(crate) async fn gone(server: &Server, texts: &[&str]) {
    let waiting = async {
        while !files_with(&server.folder, texts).is_empty() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let in_time = tokio::time::timeout(3 * SOON, waiting).await;
    assert!(in_time.is_ok(), "{:?}", files_with(&server.folder, texts));
}

pub(crate) fn picture() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 40, 30);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().expect("a head");
    writer.write_image_data(&[77; 40 * 30 * 3]).expect("pixels");
    writer.finish().expect("an end");
    bytes
}

pub(crate) async fn upload(by: &Person, room: &str) -> BlobMade {
    let path = format!("/api/v1/rooms/{room}/blobs");
    let request = by.request(Method::POST, &path).body(picture());
    request
        .send()
        .await
        .expect("answered")
        .json()
        .await
        .expect("a blob")
}

pub(crate) fn blob_file(server: &Server, id: &BlobId) -> std::path::PathBuf {
    let (first, rest) = id.as_str().split_at(2);
    server.folder.join("blobs").join(first).join(rest)
}

/// Two of which one erases their account, and what there is of both.
pub(crate) struct World {
    pub(crate) server: Server,
    _sink: Sink,
    pub(crate) owner: Person,
    pub(crate) bob: Person,
    pub(crate) anna: Person,
    pub(crate) hall: RoomNumber,
    /// Her messages in the hall: one that was edited, and one with a picture.
    pub(crate) edited: Seq,
    pub(crate) picture: (Seq, BlobId),
    /// Bob's reply to the first.
    pub(crate) reply: Seq,
    pub(crate) poll: Seq,
    pub(crate) topic: TopicCard,
    pub(crate) question: TopicCard,
    pub(crate) credited: TopicCard,
}

/// Anna with one of everything that a member can have.
pub(crate) async fn furnished() -> World {
    let sink = Sink::start(0, &[]);
    let server = Server::start_with(&[
        &format!("mail.server=localhost:{}", sink.port),
        "mail.from=读书会 <live@circle.example>",
        "mail.tls=off",
    ]);
    let owner = server.set_up().await;
    let bob = server.sign_up("小波").await;
    let anna = server.sign_up(NAME).await;
    let again = json!({ "name": NAME, "password": PASSWORD });
    let by_agent = anna
        .request(Method::POST, "/api/v1/sign-in")
        .header("user-agent", AGENT);
    assert_eq!(
        by_agent
            .json(&again)
            .send()
            .await
            .expect("answered")
            .status(),
        200
    );
    let _: RoomCard = owner.make_room("hall").await;
    let role = format!("/api/v1/members/{}/role", anna.id());
    done(&owner, Method::PUT, &role, json!({ "role": "moderator" })).await;
    // Letters, pushes, a key, a reminder, a board.
    done(
        &anna,
        Method::PUT,
        "/api/v1/mail",
        json!({ "address": MAIL, "lang": "en" }),
    )
    .await;
    let link = sink.letter().after("/mail/confirm#");
    done(
        &anna,
        Method::POST,
        "/api/v1/mail/confirm",
        json!({ "link": link }),
    )
    .await;
    done(
        &anna,
        Method::POST,
        "/api/v1/password/forgotten",
        json!({ "name": NAME, "lang": "en" }),
    )
    .await;
    sink.letter();
    let key: Value = anna.get("/api/v1/push/key").await;
    let keys = json!({ "p256dh": key["key"], "auth": "BTBZMqHH6r4Tts7J_aSIgg" });
    let browser = json!({ "endpoint": PUSH, "keys": keys, "lang": "en" });
    done(&anna, Method::PUT, "/api/v1/push/subscription", browser).await;
    done(
        &owner,
        Method::PUT,
        "/api/v1/boards/talk",
        json!({ "title": "聊天" }),
    )
    .await;
    done(
        &anna,
        Method::PUT,
        "/api/v1/boards/talk/following",
        json!({ "following": true }),
    )
    .await;
    let _: RoomCard = anna.make_room("salon").await;
    done(
        &anna,
        Method::POST,
        "/api/v1/rooms/salon/stream-keys",
        json!({ "label": KEY }),
    )
    .await;
    let later = clock_ms() + 3_600_000;
    let announce = json!({ "act": "schedule", "title": "晚间", "starts_ms": later });
    done(
        &anna,
        Method::POST,
        "/api/v1/rooms/salon/broadcast",
        announce,
    )
    .await;
    done(
        &bob,
        Method::PUT,
        "/api/v1/rooms/salon/reminder",
        Value::Null,
    )
    .await;
    done(
        &anna,
        Method::PUT,
        "/api/v1/rooms/salon/reminder",
        Value::Null,
    )
    .await;

    // The talk of the hall.
    let (mut hers, hall) = join(&anna, "hall").await;
    let (mut his, _) = join(&bob, "hall").await;
    let (mut staff, _) = join(&owner, "hall").await;
    let edited = say(&mut hers, hall, "first", Said::default()).await;
    let text = format!("{WORDS} one");
    let cid = new_client_id();
    ack(&mut hers, |i| ClientFrame::Edit {
        i,
        a: hall,
        cid,
        of: edited,
        text,
    })
    .await;
    let to = [anna.id()];
    let named = Said {
        re: Some(edited),
        to: &to,
        ..Said::default()
    };
    let reply = say(&mut his, hall, "我同意", named).await;
    like(&mut his, hall, edited).await;
    like(&mut hers, hall, reply).await;
    let to = [bob.id()];
    let replied = Said {
        re: Some(reply),
        to: &to,
        ..Said::default()
    };
    say(&mut hers, hall, &format!("{WORDS} two"), replied).await;
    let asks = Said {
        question: true,
        ..Said::default()
    };
    let asked = say(&mut hers, hall, &format!("{WORDS} three?"), asks).await;
    let (of, act) = (asked, QuestionAct::Pick);
    let cid = new_client_id();
    ack(&mut staff, |i| ClientFrame::Question {
        i,
        a: hall,
        cid,
        of,
        act,
    })
    .await;
    let made = upload(&anna, "hall").await;
    let card = Card::Image {
        blob: made.id.clone(),
        w: 40,
        h: 30,
        alt: String::new(),
    };
    let shared = Said {
        card: Some(card),
        ..Said::default()
    };
    let shown = say(&mut hers, hall, &format!("{WORDS} four"), shared).await;
    let (cid, of) = (new_client_id(), Some(edited));
    ack(&mut staff, |i| ClientFrame::Pin {
        i,
        a: hall,
        cid,
        of,
        text: None,
    })
    .await;
    let (cid, who) = (new_client_id(), bob.id());
    let mute = |i| ClientFrame::Mute {
        i,
        a: hall,
        cid,
        who,
        for_ms: 60_000,
        reason: "静一静".into(),
    };
    ack(&mut hers, mute).await;
    let (cid, who) = (new_client_id(), bob.id());
    ack(&mut hers, |i| ClientFrame::Unmute {
        i,
        a: hall,
        cid,
        who,
    })
    .await;
    let (cid, who) = (new_client_id(), anna.id());
    let mute = |i| ClientFrame::Mute {
        i,
        a: hall,
        cid,
        who,
        for_ms: 60_000,
        reason: String::new(),
    };
    ack(&mut staff, mute).await;
    let (cid, who) = (new_client_id(), anna.id());
    ack(&mut staff, |i| ClientFrame::Unmute {
        i,
        a: hall,
        cid,
        who,
    })
    .await;
    let cid = new_client_id();
    let asked = |i| ClientFrame::Poll {
        i,
        a: hall,
        cid,
        question: "几点？".into(),
        options: vec!["八点".into(), "九点".into()],
        multiple: false,
        for_ms: None,
    };
    let poll = ack(&mut hers, asked).await;
    for line in [&mut hers, &mut his] {
        let picks = vec![1];
        line.request(|i| ClientFrame::Vote {
            i,
            a: hall,
            of: poll,
            picks,
        })
        .await
        .expect("voted");
    }
    // Something of hers that a moderator took out a moment ago.
    let taken_out = say(&mut hers, hall, &format!("{WORDS} five"), Said::default()).await;
    let (cid, of) = (new_client_id(), taken_out);
    ack(&mut staff, |i| ClientFrame::Delete {
        i,
        a: hall,
        cid,
        of,
    })
    .await;

    // Topics: one that she started, one that she answered, one that was made of what she said.
    let topic: TopicCard = anna
        .post(
            "/api/v1/topics",
            &wish("discussion", "爬山", &format!("{WORDS} six")),
        )
        .await;
    let (mut line, a) = join(&bob, topic.room.as_str()).await;
    say(&mut line, a, "我去", Said::default()).await;
    let question: TopicCard = bob
        .post("/api/v1/topics", &wish("question", "怎么修车", "链条掉了"))
        .await;
    let (mut line, a) = join(&anna, question.room.as_str()).await;
    let answer = say(&mut line, a, &format!("{WORDS} seven"), Said::default()).await;
    let (mut line, a) = join(&bob, question.room.as_str()).await;
    let (cid, act) = (new_client_id(), TopicAct::Accept { of: Some(answer) });
    ack(&mut line, |i| ClientFrame::Topic { i, a, cid, act }).await;
    let mut made_of = wish("discussion", "从聊天里来", "");
    made_of["from"] = json!({ "room": "hall", "seqs": [edited, reply] });
    let credited: TopicCard = owner.post("/api/v1/topics", &made_of).await;
    // Her connection stays open.
    let (hers, _) = join(&anna, "hall").await;
    tokio::spawn(keep_open(hers));
    World {
        server,
        _sink: sink,
        owner,
        bob,
        anna,
        hall,
        edited,
        picture: (shown, made.id),
        reply,
        poll,
        topic,
        question,
        credited,
    }
}

pub(crate) async fn keep_open(mut line: Connection) {
    while line.next_push().await.is_ok() {}
}

pub(crate) fn clock_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    u64::try_from(since.expect("after 1970").as_millis()).expect("before the year 500,000,000")
}

impl World {
    /// Every answer in which she might be named.
    pub(crate) async fn answers(&self) -> Vec<(String, String)> {
        let topics = [&self.topic, &self.question, &self.credited].map(|it| it.room.as_str());
        let mut paths: Vec<String> = [
            "/api/v1/rooms",
            "/api/v1/rooms/hall",
            "/api/v1/rooms/salon",
            "/api/v1/rooms/hall/history",
            "/api/v1/rooms/salon/history",
            "/api/v1/rooms/hall/asked",
            "/api/v1/topics",
            "/api/v1/topics?order=hot",
            "/api/v1/lately",
            "/api/v1/unread",
            "/api/v1/tags",
            "/api/v1/boards",
            "/api/v1/notices",
            "/api/v1/penalties",
            "/api/v1/search?q=zqwords",
            "/api/v1/search?q=zqname",
            "/api/v1/search?q=%E6%99%9A%E9%97%B4",
            "/api/v1/rooms/salon/broadcast.ics",
            "/r/hall",
            "/r/salon",
            "/talk.atom",
            "/sitemap.xml",
        ]
        .map(str::to_owned)
        .into();
        for it in topics {
            paths.extend([
                format!("/api/v1/topics/{it}"),
                format!("/api/v1/rooms/{it}/history"),
                format!("/t/{it}"),
            ]);
            paths.push(format!("/t/{it}/feed.atom"));
            paths.push(format!("/oembed?url={}/t/{it}", self.server.url("")));
        }
        let mut answers = Vec::new();
        let staff = ["/api/v1/audit", "/api/v1/members"].map(str::to_owned);
        let asked = paths.iter().map(|it| (&self.bob, it));
        for (by, path) in asked.chain(staff.iter().chain(&paths).map(|it| (&self.owner, it))) {
            let answer = by
                .request(Method::GET, path)
                .send()
                .await
                .expect("answered");
            let text = answer.text().await.expect("a body");
            answers.push((path.clone(), text));
        }
        let rooms = ["hall", "salon"].into_iter().chain(topics);
        for room in rooms {
            let mut line = self.bob.connect("tablet").await;
            let joined = line.join(room, None).await.expect("joined");
            answers.push((
                format!("joined {room}"),
                serde_json::to_string(&joined).expect("JSON"),
            ));
            let a = joined.a;
            for asked in [
                ClientFrame::Roster { i: 77, a },
                ClientFrame::Questions { i: 77, a },
            ] {
                let reply = line.request(|i| with_i(asked, i)).await;
                answers.push((format!("asked in {room}"), format!("{reply:?}")));
            }
        }
        answers
    }

    pub(crate) async fn hold_nobody_names_her(&self, when: &str) {
        for (what, text) in self.answers().await {
            for it in THEIRS {
                assert!(!text.contains(it), "{when}: {what} has {it}: {text}");
            }
        }
    }

    pub(crate) async fn history(&self) -> Page {
        self.owner.get("/api/v1/rooms/hall/history?n=200").await
    }

    /// `weiquan audit verify`.
    pub(crate) fn audit_holds(&self) {
        let run = Command::new(env!("CARGO_BIN_EXE_weiquan"))
            .args(["audit", "verify", "--data"])
            .arg(&self.server.folder)
            .output()
            .expect("the program runs");
        let said = String::from_utf8_lossy(&run.stdout).into_owned();
        assert!(run.status.success() && said.contains("is whole"), "{said}");
    }
}

pub(crate) fn with_i(frame: ClientFrame, i: u32) -> ClientFrame {
    match frame {
        ClientFrame::Roster { a, .. } => ClientFrame::Roster { i, a },
        ClientFrame::Questions { a, .. } => ClientFrame::Questions { i, a },
        other => other,
    }
}
