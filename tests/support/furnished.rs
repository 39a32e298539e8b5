//! A circle with everything in it: what an archive has to bring back.
#![allow(dead_code, reason = "each test file uses a part of it")]

use protocol::{
    Card, ClientFrame, RoomNumber, Seq,
    client::{BroadcastAct, QuestionAct},
    notices::NoticeList,
    rest::{BlobMade, EndedList, RoomCard},
    server::Reply,
    topic::{OPENING, TopicAct, TopicCard},
};
use reqwest::Method;
use serde_json::{Value, json};
use weiquan_client::{Connection, new_client_id};

use crate::{
    on_topic::{act, join},
    support::{Person, Publisher, SOON, Server},
};

/// Who is in it, and what there is.
pub(crate) struct Cast {
    pub(crate) owner: Person,
    pub(crate) ming: Person,
    pub(crate) an: Person,
    /// Started by 小明, in the board `news`, with an accepted reply.
    pub(crate) question: TopicCard,
    pub(crate) broadcast: String,
    pub(crate) stream_key: String,
    pub(crate) likes_of_ming: usize,
    pub(crate) topics_of_ming: usize,
    pub(crate) said_by_ming: usize,
}

impl Cast {
    pub(crate) async fn notices_of_ming(&self) -> usize {
        let list: NoticeList = self.ming.get("/api/v1/notices").await;
        list.notices.len()
    }
}

/// A PNG of noise.
pub(crate) fn picture(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().expect("a head");
    let pixels: Vec<u8> = (0..width * height * 3)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    writer.write_image_data(&pixels).expect("pixels");
    writer.finish().expect("an end");
    bytes
}

/// A voice note of two seconds, made by hand.
fn voice() -> Vec<u8> {
    fn page(kind: u8, granule: u64, content: &[u8]) -> Vec<u8> {
        let mut page = b"OggS\0".to_vec();
        page.push(kind);
        page.extend(granule.to_le_bytes());
        page.extend(b"\x01\x02\x03\x04\0\0\0\0\0\0\0\0");
        let full = content.len() / 255;
        page.push(full as u8 + 1);
        page.extend(vec![255; full]);
        page.push((content.len() % 255) as u8);
        page.extend(content);
        page
    }
    let mut bytes = page(2, 0, b"OpusHead\x01\x01\x38\x01\x80\xbb\0\0\0\0\0");
    bytes.extend(page(0, 0, b"OpusTags\x05\0\0\0nobod"));
    for second in 1..=2 {
        bytes.extend(page(0, 312 + second * 48_000, &[7; 300]));
    }
    bytes
}

pub(crate) async fn upload(by: &Person, room: &str, bytes: Vec<u8>, kind: &str) -> BlobMade {
    let path = format!("/api/v1/rooms/{room}/blobs{kind}");
    let answer = by.request(Method::POST, &path).body(bytes).send().await;
    let answer = answer.expect("answered");
    assert_eq!(answer.status(), 201);
    answer.json().await.expect("a blob")
}

pub(crate) async fn share(line: &mut Connection, a: RoomNumber, card: Card) -> Seq {
    publish(line, a, "[图片] 海边", (None, false), Some(card)).await
}

/// A topic, or the code that it is refused with.
pub(crate) async fn start(by: &Person, kind: &str, title: &str, more: Value) -> TopicCard {
    let mut wish = json!({
        "cid": new_client_id(), "kind": kind, "title": title, "text": format!("说说{title}"),
        "guests": true, "tags": ["周末"],
    });
    for (name, value) in more.as_object().into_iter().flatten() {
        wish[name] = value.clone();
    }
    by.post("/api/v1/topics", &wish).await
}

async fn publish(
    line: &mut Connection,
    a: RoomNumber,
    text: &str,
    (re, question): (Option<Seq>, bool),
    card: Option<Card>,
) -> Seq {
    let frame = |i| ClientFrame::Pub {
        i,
        a,
        cid: new_client_id(),
        text: text.into(),
        re,
        question,
        card,
        to: Vec::new(),
    };
    match line.request(frame).await.expect("an ack") {
        Reply::Ack(ack) => ack.s,
        other => panic!("{other:?}"),
    }
}

async fn like(line: &mut Connection, a: RoomNumber, of: Seq) {
    let like = line.request(|i| ClientFrame::Like { i, a, of, on: true });
    like.await.expect("liked");
}

async fn poll(line: &mut Connection, a: RoomNumber, question: &str) -> Seq {
    let frame = |i| ClientFrame::Poll {
        i,
        a,
        cid: new_client_id(),
        question: question.into(),
        options: vec!["八点".into(), "九点".into()],
        multiple: false,
        for_ms: None,
    };
    match line.request(frame).await.expect("an ack") {
        Reply::Ack(ack) => ack.s,
        other => panic!("{other:?}"),
    }
}

async fn vote(line: &mut Connection, a: RoomNumber, of: Seq) {
    let picks = vec![0];
    let vote = line.request(|i| ClientFrame::Vote { i, a, of, picks });
    vote.await.expect("voted");
}

/// Everything.
pub(crate) async fn furnish(server: &mut Server) -> Cast {
    let owner = server.set_up().await;
    let ming = server.sign_up("小明").await;
    let an = server.sign_up("小安").await;
    owner.make_room("hall").await;
    for (slug, title) in [("news", "新闻"), ("help", "互助")] {
        let wish = json!({ "title": title, "about": format!("{title}都在这里") });
        let put = owner.request(Method::PUT, &format!("/api/v1/boards/{slug}"));
        assert_eq!(
            put.json(&wish).send().await.expect("answered").status(),
            200
        );
    }
    let follow = ming.request(Method::PUT, "/api/v1/boards/news/following");
    let follow = follow.json(&json!({ "following": true })).send().await;
    assert_eq!(follow.expect("answered").status(), 200);
    let mut host = owner.connect("phone").await;
    let a = host.join("hall", None).await.expect("joined").a;
    let mut his = ming.connect("phone").await;
    his.join("hall", None).await.expect("joined");
    let mut hers = an.connect("phone").await;
    hers.join("hall", None).await.expect("joined");

    // The talk: an answer in a thread, an edit, two deletes, likes, a picture, a file, what waits for review.
    let first = his.say(a, "大家好").await.expect("said").s;
    let reply = publish(&mut hers, a, "你好", (Some(first), false), None).await;
    publish(&mut his, a, "在吗", (Some(reply), false), None).await;
    for text in ["几点开始", "今天几点开始"] {
        let (cid, of, text) = (new_client_id(), first, text.to_owned());
        let edit = his.request(|i| ClientFrame::Edit {
            i,
            a,
            cid,
            of,
            text,
        });
        edit.await.expect("edited");
    }
    let wrong = hers.say(a, "说错了").await.expect("said").s;
    let (cid, of) = (new_client_id(), wrong);
    let delete = hers.request(|i| ClientFrame::Delete { i, a, cid, of });
    delete.await.expect("deleted");
    like(&mut his, a, reply).await;
    like(&mut host, a, first).await;
    let made = upload(&ming, "hall", picture(800, 600), "").await;
    let card = Card::Image {
        blob: made.id,
        w: 1,
        h: 1,
        alt: "海边".into(),
    };
    share(&mut his, a, card).await;
    let made = upload(&an, "hall", b"%PDF-1.7 a paper".to_vec(), "?as=file").await;
    let card = Card::File {
        blob: made.id,
        name: "稿子.pdf".into(),
        bytes: 1,
    };
    share(&mut hers, a, card).await;
    let made = upload(&an, "hall", voice(), "?as=voice").await;
    let card = Card::Voice {
        blob: made.id,
        duration_ms: 1,
        peaks: vec![1, 9, 3],
    };
    share(&mut hers, a, card).await;
    let rules = json!({ "refuse": [], "hold": ["加微信"], "links": "allow", "domains": [] });
    let rules = serde_json::from_value(rules).expect("rules");
    let cid = new_client_id();
    let set = host.request(|i| ClientFrame::SetRules { i, a, cid, rules });
    set.await.expect("set");
    publish(&mut his, a, "加 微 信 secret-of-ming", (None, false), None).await;
    let open = poll(&mut host, a, "几点抽奖？").await;
    vote(&mut his, a, open).await;

    let (broadcast, stream_key, asked) =
        broadcast(server, (&owner, &an), (&mut host, &mut hers), a).await;
    let question = start(&ming, "question", "几点集合", json!({ "board": "news" })).await;
    topics((&owner, &ming, &an), &question, (asked, &broadcast), first).await;
    Cast {
        owner,
        ming,
        an,
        question,
        broadcast,
        stream_key,
        // Two by hand, and one by what was merged.
        likes_of_ming: 3,
        topics_of_ming: 3,
        // In the hall three and a picture; how three topics begin.
        said_by_ming: 6,
    }
}

/// A broadcast with a question, a poll that closed, and an end.
async fn broadcast(
    server: &Server,
    (owner, _an): (&Person, &Person),
    (host, viewer): (&mut Connection, &mut Connection),
    a: RoomNumber,
) -> (String, String, Seq) {
    let key = owner.make_stream_key("hall").await.key;
    let publisher = Publisher::start(server, "/whip", &key);
    let live = async {
        loop {
            let card: RoomCard = owner.get("/api/v1/rooms/hall").await;
            if card.broadcast.is_some_and(|it| it.live_ms.is_some()) {
                break;
            }
        }
    };
    tokio::time::timeout(SOON, live).await.expect("live");
    let asked = publish(viewer, a, "今晚几点？", (None, true), None).await;
    let (cid, of, act) = (new_client_id(), asked, QuestionAct::Answer);
    let answer = host.request(|i| ClientFrame::Question { i, a, cid, of, act });
    answer.await.expect("answered");
    let closing = poll(host, a, "好听吗？").await;
    vote(viewer, a, closing).await;
    let (cid, of) = (new_client_id(), closing);
    let close = host.request(|i| ClientFrame::ClosePoll { i, a, cid, of });
    close.await.expect("closed");
    let (cid, act, title, starts_ms) = (new_client_id(), BroadcastAct::End, None, None);
    let end = host.request(|i| ClientFrame::Broadcast {
        i,
        a,
        cid,
        act,
        title,
        starts_ms,
    });
    end.await.expect("ended");
    drop(publisher);
    let lately: EndedList = owner.get("/api/v1/lately").await;
    (lately.ended[0].broadcast.id.to_string(), key, asked)
}

/// Topics of every kind, with what becomes of some of them.
async fn topics(
    (owner, ming, an): (&Person, &Person, &Person),
    question: &TopicCard,
    (asked, broadcast): (Seq, &str),
    said: Seq,
) {
    let mut hers = an.connect("phone").await;
    let a = join(&mut hers, question).await.a;
    like(&mut hers, a, OPENING).await;
    let answer = hers.say(a, "**八点**，在南门").await.expect("said").s;
    let mut his = ming.connect("phone").await;
    join(&mut his, question).await;
    like(&mut his, a, answer).await;
    let of = Some(answer);
    act(&mut his, a, TopicAct::Accept { of })
        .await
        .expect("accepted");
    for (kind, by) in [
        ("offer", an),
        ("need", an),
        ("announcement", owner),
        ("poll", an),
    ] {
        let card = start(by, kind, &format!("一个{kind}"), json!({})).await;
        if kind == "poll" {
            let a = join(&mut hers, &card).await.a;
            poll(&mut hers, a, "去哪里？").await;
        }
    }
    // Two that ask for the same become one.
    let kept = start(an, "feedback", "夜间模式", json!({ "board": "news" })).await;
    let other = start(ming, "feedback", "深色主题", json!({ "board": "news" })).await;
    let merge = owner.request(Method::PUT, &format!("/api/v1/topics/{}/into", other.room));
    let merge = merge.json(&json!({ "into": kept.room })).send().await;
    assert_eq!(merge.expect("answered").status(), 200);
    // One that is pinned and featured, of messages of the hall; and the recap of the broadcast.
    let made_of = json!({ "from": { "room": "hall", "seqs": [said] }, "text": "" });
    let quoting = start(ming, "discussion", "聊天里说的", made_of).await;
    let mut staff = owner.connect("phone").await;
    let a = join(&mut staff, &quoting).await.a;
    act(&mut staff, a, TopicAct::Pin { on: true })
        .await
        .expect("pinned");
    act(&mut staff, a, TopicAct::Feature { on: true })
        .await
        .expect("featured");
    // A reply of it goes to a topic of its own.
    let aside = staff.say(a, "换个话题").await.expect("said").s;
    let split = json!({ "cid": new_client_id(), "seqs": [aside], "title": "换个话题" });
    let path = format!("/api/v1/topics/{}/split", quoting.room);
    let split = owner.request(Method::POST, &path).json(&split).send().await;
    assert_eq!(split.expect("answered").status(), 201);
    let recap = json!({
        "recap_of": { "room": "hall", "id": broadcast }, "from": { "room": "hall", "seqs": [asked] },
    });
    start(owner, "recap", "今晚的回顾", recap).await;
    shows(an, &mut hers, broadcast).await;
}

/// One about a moment, whose texts show what was uploaded for them.
async fn shows(an: &Person, hers: &mut Connection, broadcast: &str) {
    let ahead = an.request(Method::POST, "/api/v1/topics/blobs");
    let ahead = ahead.body(picture(70, 50)).send().await.expect("answered");
    let first: BlobMade = ahead.json().await.expect("a blob");
    let place = |it: &BlobMade| format!("![看](/api/v1/blobs/{})", it.id);
    let about = json!({
        "at": { "room": "hall", "id": broadcast, "second": 0 }, "text": format!("这一刻\n\n{}", place(&first)),
    });
    let card = start(an, "discussion", "开场", about).await;
    let a = join(hers, &card).await.a;
    let room = card.room.as_str();
    let sound = upload(an, room, voice(), "?as=voice").await;
    let gone = upload(an, room, picture(60, 50), "").await;
    let both = format!("{}\n\n{}", place(&sound), place(&gone));
    let of = hers.say(a, &both).await.expect("said").s;
    // The second is let go with the text that showed it.
    let (cid, text) = (new_client_id(), format!("再听一遍\n\n{}", place(&sound)));
    let edit = hers.request(|i| ClientFrame::Edit {
        i,
        a,
        cid,
        of,
        text,
    });
    edit.await.expect("edited");
}
