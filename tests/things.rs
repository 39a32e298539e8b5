//! Things in the room by the whole server: pictures and files, where they are shown and when they are gone,
//! and what a broadcast was once it is over.

mod support;

#[path = "support/pictures.rs"]
mod pictures;

use std::process::Command;

use pictures::{file_of, get, picture, until, upload, upload_as};
use protocol::{
    BlobId, BlobKind, Card, ClientFrame, Code, RoomNumber, Seq,
    client::BroadcastAct,
    notices::{NoticeKind, NoticeList},
    rest::{EndedList, RoomCard, Summary},
    server::{Body, Reply},
    topic::TopicCard,
};
use reqwest::Method;
use serde_json::json;
use support::{Person, Publisher, SOON, Server};
use weiquan_client::Connection;

async fn share(line: &mut Connection, a: RoomNumber, card: Card) -> Result<Seq, Code> {
    let cid = uuid::Uuid::now_v7().to_string().into();
    let request = line.request(|i| ClientFrame::Pub {
        i,
        a,
        cid,
        text: "[图片] 海边".into(),
        re: None,
        question: false,
        card: Some(card),
        to: Vec::new(),
    });
    match request.await {
        Ok(Reply::Ack(ack)) => Ok(ack.s),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(refused(error)),
    }
}

fn refused(error: weiquan_client::Error) -> Code {
    match error {
        weiquan_client::Error::Refused(refusal) => refusal.code,
        other => panic!("{other}"),
    }
}

fn image(blob: &BlobId) -> Card {
    Card::Image {
        blob: blob.clone(),
        w: 1,
        h: 1,
        alt: "海边".into(),
    }
}

fn header<'a>(answer: &'a reqwest::Response, name: &str) -> &'a str {
    answer
        .headers()
        .get(name)
        .map_or("", |it| it.to_str().expect("text"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_picture_is_said_shown_and_gone_with_its_message() {
    let mut server = Server::start();
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    let made = upload(&owner, "hall", picture(800, 600))
        .await
        .expect("taken");
    assert_eq!(
        (made.kind, made.width, made.height),
        (BlobKind::Image, Some(800), Some(600))
    );

    let mut line = owner.connect("phone").await;
    let a = line.join("hall", None).await.expect("joined").a;
    let seq = share(&mut line, a, image(&made.id)).await.expect("said");
    let page: protocol::server::Page = owner.get("/api/v1/rooms/hall/history").await;
    let shown = page
        .page
        .into_iter()
        .find(|it| it.s == seq)
        .expect("in the history");
    let Body::Msg {
        card: Some(Card::Image { w, h, alt, .. }),
        ..
    } = shown.body
    else {
        panic!("{shown:?}")
    };
    assert_eq!(
        (w, h, alt.as_str()),
        (800, 600, "海边"),
        "as the server found it"
    );

    // I5, I6: everybody may watch this room, and what they get is a picture and nothing else.
    let anybody = Person::new(&server);
    let path = format!("/api/v1/blobs/{}", made.id);
    let answer = get(&anybody, &path).await;
    assert_eq!(answer.status(), 200);
    assert!(header(&answer, "content-type").starts_with("image/"));
    assert_eq!(
        header(&answer, "content-security-policy"),
        "sandbox; default-src 'none'"
    );
    assert_eq!(header(&answer, "x-content-type-options"), "nosniff");
    assert!(header(&answer, "cache-control").contains("immutable"));
    let bytes = answer.bytes().await.expect("the picture");
    assert_eq!(bytes.len(), made.bytes as usize);
    assert!(
        !bytes.windows(8).any(|it| it == b"22.5431N"),
        "where it was taken is gone"
    );
    let preview = get(&anybody, &format!("{path}/preview")).await;
    assert_eq!(preview.status(), 200);
    assert!(preview.bytes().await.expect("smaller").len() < bytes.len());
    let part = anybody
        .request(Method::GET, &path)
        .header("range", "bytes=2-5");
    let part = part.send().await.expect("answered");
    assert_eq!(part.status(), 206);
    assert_eq!(part.bytes().await.expect("a part"), bytes.slice(2..6));

    // A restart keeps it; a delete does not.
    server.kill();
    server.restart();
    assert_eq!(get(&anybody, &path).await.status(), 200);
    let owner = server.sign_in("圈主").await;
    let mut line = owner.connect("phone").await;
    let a = line.join("hall", None).await.expect("joined").a;
    let cid = uuid::Uuid::now_v7().to_string().into();
    let delete = line.request(|i| ClientFrame::Delete { i, a, cid, of: seq });
    delete.await.expect("deleted");
    assert_eq!(get(&anybody, &path).await.status(), 404, "at once");
    let file = file_of(&server, &made.id);
    assert!(file.exists(), "the delete can be taken back");
    until(|| !file.exists()).await;
    let again = share(&mut line, a, image(&made.id)).await;
    assert_eq!(again, Err(Code::NoSuchBlob));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_talk_may_not_upload_and_who_may_not_watch_sees_nothing() {
    let server = Server::start();
    let owner = server.set_up().await;
    let hall = owner.make_room("hall").await;
    let ming = server.sign_up("小明").await;
    let new = json!({ "title": "内部", "guests": false, "slug": "inner" });
    let _: RoomCard = owner.post("/api/v1/rooms", &new).await;

    let made = upload(&owner, "inner", picture(40, 30))
        .await
        .expect("taken");
    let path = format!("/api/v1/blobs/{}", made.id);
    let anybody = Person::new(&server);
    assert_eq!(get(&anybody, &path).await.status(), 404);
    assert_eq!(get(&ming, &path).await.status(), 200);
    assert_eq!(
        upload(&anybody, "hall", picture(4, 4)).await,
        Err(Code::TokenMissing)
    );

    // K3: it is hers, and of that room.
    let mut line = ming.connect("laptop").await;
    let a = line.join("hall", None).await.expect("joined").a;
    assert_eq!(
        share(&mut line, a, image(&made.id)).await,
        Err(Code::NoSuchBlob)
    );

    let page = b"<!doctype html><script>alert(1)</script>".to_vec();
    let kind = upload(&ming, "hall", page.clone()).await.expect("a file");
    assert_eq!(kind.kind, BlobKind::File);
    let shown = get(&anybody, &format!("/api/v1/blobs/{}", kind.id)).await;
    assert_eq!(header(&shown, "content-type"), "application/octet-stream");
    assert_eq!(header(&shown, "content-disposition"), "attachment");
    let refused = upload_as(&ming, "hall", page.clone(), "?as=image").await;
    assert_eq!(refused, Err(Code::BlobUnfit));
    let svg = b"<svg xmlns='http://www.w3.org/2000/svg'/>".to_vec();
    assert_eq!(
        upload_as(&ming, "hall", svg, "?as=image").await,
        Err(Code::BlobUnfit)
    );
    assert_eq!(upload(&ming, "hall", Vec::new()).await, Err(Code::Empty));

    let mut guest = Person::new(&server);
    let token: protocol::rest::Token = guest
        .post(
            "/api/v1/guests",
            &json!({ "device": "d".repeat(40), "name": "访客" }),
        )
        .await;
    guest.token = token.token;
    assert_eq!(upload(&guest, "hall", page).await, Err(Code::NotPermitted));
    upload(&guest, "hall", picture(5, 5))
        .await
        .expect("guests share pictures");

    let mut host = owner.connect("phone").await;
    let a = host.join("hall", None).await.expect("joined").a;
    assert_eq!(
        a,
        line.join("hall", None).await.expect("joined").a,
        "{}",
        hall.slug
    );
    let cid = uuid::Uuid::now_v7().to_string().into();
    let who = ming.id();
    let mute = host.request(|i| ClientFrame::Mute {
        i,
        a,
        cid,
        who,
        for_ms: 60_000,
        reason: String::new(),
    });
    mute.await.expect("muted");
    assert_eq!(upload(&ming, "hall", picture(6, 6)).await, Err(Code::Muted));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_has_the_pictures_and_finds_one_that_is_lost() {
    let server = Server::start();
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    let made = upload(&owner, "hall", picture(900, 500))
        .await
        .expect("taken");
    let mut line = owner.connect("phone").await;
    let a = line.join("hall", None).await.expect("joined").a;
    share(&mut line, a, image(&made.id)).await.expect("said");

    let folder = tempfile::tempdir().expect("a folder");
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_weiquan"))
            .args(arguments)
            .output();
        let output = output.expect("the program runs");
        let text = [output.stdout, output.stderr].concat();
        (
            output.status.success(),
            String::from_utf8_lossy(&text).into_owned(),
        )
    };
    let data = server.folder.to_str().expect("plain").to_owned();
    let at = |name: &str| folder.path().join(name).to_str().expect("plain").to_owned();
    let (good, lost, new) = (at("good.tar"), at("lost.tar"), at("new"));
    let (fine, said) = run(&["backup", "--data", &data, &good]);
    assert!(fine, "{said}");
    let (fine, said) = run(&["verify-backup", &good]);
    assert!(fine && said.contains("2 files"), "{said}");
    let (fine, said) = run(&["restore", "--data", &new, &good]);
    assert!(fine, "{said}");
    let again = Server::start_in(std::path::Path::new(&new));
    let anybody = Person::new(&again);
    let shown = get(&anybody, &format!("/api/v1/blobs/{}", made.id)).await;
    assert_eq!(shown.status(), 200);
    assert_eq!(
        shown.bytes().await.expect("whole").len(),
        made.bytes as usize
    );

    std::fs::remove_file(file_of(&server, &made.id)).expect("it was there");
    let (fine, said) = run(&["backup", "--data", &data, &lost]);
    assert!(fine, "{said}");
    let (fine, said) = run(&["verify-backup", &lost]);
    assert!(!fine && said.contains(made.id.as_str()), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_the_end_there_is_what_it_was_and_a_kill_does_not_take_it() {
    let mut server = Server::start();
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    let ming = server.sign_up("小明").await;
    let mut host = owner.connect("phone").await;
    let a = host.join("hall", None).await.expect("joined").a;
    let mut viewer = ming.connect("laptop").await;
    viewer.join("hall", None).await.expect("joined");

    let key = owner.make_stream_key("hall").await;
    let publisher = Publisher::start(&server, "/whip", &key.key);
    let live = async {
        loop {
            let card: RoomCard = owner.get("/api/v1/rooms/hall").await;
            if card.broadcast.is_some_and(|it| it.live_ms.is_some()) {
                break;
            }
        }
    };
    tokio::time::timeout(SOON, live).await.expect("live");
    let cid = uuid::Uuid::now_v7().to_string().into();
    let said = viewer.request(|i| ClientFrame::Pub {
        i,
        a,
        cid,
        text: "今晚几点？".into(),
        re: None,
        question: true,
        card: None,
        to: Vec::new(),
    });
    let Ok(Reply::Ack(ack)) = said.await else {
        panic!("said")
    };
    let cid = uuid::Uuid::now_v7().to_string().into();
    let act = protocol::client::QuestionAct::Answer;
    let of = ack.s;
    host.request(|i| ClientFrame::Question { i, a, cid, of, act })
        .await
        .expect("answered");
    let cid = uuid::Uuid::now_v7().to_string().into();
    let act = BroadcastAct::End;
    let (title, starts_ms) = (None, None);
    host.request(|i| ClientFrame::Broadcast {
        i,
        a,
        cid,
        act,
        title,
        starts_ms,
    })
    .await
    .expect("ended");
    drop(publisher);
    server.kill();
    server.restart();

    let anybody = Person::new(&server);
    let lately: EndedList = anybody.get("/api/v1/lately").await;
    assert_eq!(lately.ended.len(), 1);
    let id = &lately.ended[0].broadcast.id;
    let path = format!("/api/v1/rooms/hall/broadcasts/{id}/summary");
    let summary: Summary = anybody.get(&path).await;
    assert_eq!((summary.peak, summary.people, summary.messages), (1, 1, 1));
    assert_eq!(summary.answered.len(), 1);
    assert_eq!(summary.answered[0].text, "今晚几点？");
    assert!(summary.host.is_none(), "that is for who runs the room");
    let owner = server.sign_in("圈主").await;
    let summary: Summary = owner.get(&path).await;
    assert_eq!(summary.host.expect("for the host").talkers, 1);

    // What tells of it is written once, by who runs the room, and has thanks for who asked.
    let recap = |kind: &str, id: &str| {
        serde_json::json!({
            "cid": uuid::Uuid::now_v7().to_string(), "kind": kind, "title": "今晚的回顾", "text": "都在这里",
            "guests": true, "recap_of": { "room": "hall", "id": id },
            "from": { "room": "hall", "seqs": [ack.s] },
        })
    };
    let refused = async |by: &Person, wish| by.refused(Method::POST, "/api/v1/topics", &wish).await;
    let ming = server.sign_in("小明").await;
    assert_eq!(
        refused(&ming, recap("recap", id.as_str())).await,
        "not_permitted"
    );
    assert_eq!(refused(&owner, recap("recap", "b9")).await, "not_found");
    let other_kind = recap("discussion", id.as_str());
    assert_eq!(refused(&owner, other_kind).await, "wrong_phase");
    assert!(summary.recap.is_none());
    let wish = recap("recap", id.as_str());
    let topic: TopicCard = owner.post("/api/v1/topics", &wish).await;
    let again: TopicCard = owner.post("/api/v1/topics", &wish).await;
    assert_eq!(again.room, topic.room, "said again it is the same");
    let of = topic.topic.recap_of.expect("it tells of the broadcast");
    assert_eq!((of.room.as_str(), &of.id), ("hall", id));
    assert_eq!(
        refused(&owner, recap("recap", id.as_str())).await,
        "wrong_phase"
    );
    let summary: Summary = anybody.get(&path).await;
    let told = summary.recap.expect("it is told");
    assert_eq!((told.room, told.title.as_str()), (topic.room, "今晚的回顾"));
    let inbox: NoticeList = ming.get("/api/v1/notices").await;
    assert!(inbox.notices.iter().any(|it| it.kind == NoticeKind::Credit));
    let other = get(&anybody, "/api/v1/rooms/hall/broadcasts/b9/summary").await;
    assert_eq!(other.status(), 404);
}
