//! Pictures and voice notes in topics, by the whole server: who may show what, and how long it is kept.

mod support;

#[path = "support/pictures.rs"]
mod pictures;

use pictures::{file_of, get, picture, until, upload};
use protocol::{
    BlobKind, ClientFrame, Code, RoomNumber, Seq,
    doc::Block,
    limits,
    rest::{BlobMade, Problem, SearchPage},
    server::{Body, Page},
    topic::TopicCard,
};
use reqwest::Method;
use serde_json::{Value, json};
use support::{Person, Server};
use weiquan_client::{Connection, Error, new_client_id};

fn shows(blobs: &[&BlobMade]) -> String {
    let each = blobs
        .iter()
        .map(|it| format!("![从山顶看](/api/v1/blobs/{})", it.id));
    format!("今天的山\n\n{}", each.collect::<Vec<_>>().join("\n\n"))
}

fn wish(text: &str, guests: bool) -> Value {
    json!({ "cid": new_client_id(), "title": "香山", "text": text, "guests": guests })
}

/// For a topic that is not started yet.
async fn ahead(by: &Person, bytes: Vec<u8>) -> Result<BlobMade, Code> {
    let request = by.request(Method::POST, "/api/v1/topics/blobs").body(bytes);
    let answer = request.send().await.expect("answered");
    if answer.status() == 201 {
        return Ok(answer.json().await.expect("a blob"));
    }
    Err(answer.json::<Problem>().await.expect("a problem").code)
}

async fn join(line: &mut Connection, card: &TopicCard) -> RoomNumber {
    let joined = line.join(card.room.as_str(), None).await;
    joined.expect("joined").a
}

async fn say(line: &mut Connection, a: RoomNumber, text: &str) -> Result<Seq, Code> {
    match line.say(a, text).await {
        Ok(ack) => Ok(ack.s),
        Err(Error::Refused(it)) => Err(it.code),
        Err(other) => panic!("{other:?}"),
    }
}

async fn edit(line: &mut Connection, a: RoomNumber, of: Seq, text: &str) -> Result<(), Code> {
    let (cid, text) = (new_client_id(), text.to_owned());
    match line
        .request(|i| ClientFrame::Edit {
            i,
            a,
            cid,
            of,
            text,
        })
        .await
    {
        Ok(_) => Ok(()),
        Err(Error::Refused(it)) => Err(it.code),
        Err(other) => panic!("{other:?}"),
    }
}

async fn blocks(by: &Person, slug: &str, seq: Seq) -> Vec<Block> {
    let page: Page = by.get(&format!("/api/v1/rooms/{slug}/history")).await;
    let found = page.page.into_iter().find(|it| it.s == seq);
    match found.expect("in the history").body {
        Body::Msg { doc: Some(doc), .. } => doc.b,
        other => panic!("{other:?}"),
    }
}

fn path(blob: &BlobMade) -> String {
    format!("/api/v1/blobs/{}", blob.id)
}

async fn status(by: &Person, blob: &BlobMade) -> u16 {
    get(by, &path(blob)).await.status().as_u16()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_begins_with_pictures_and_the_world_is_shown_them() {
    let mut server = Server::start();
    server.set_up().await;
    let ann = server.sign_up("小安").await;
    let bob = server.sign_up("小波").await;
    let anybody = Person::new(&server);
    let first = ahead(&ann, picture(800, 600)).await.expect("taken");
    let second = ahead(&ann, picture(40, 30)).await.expect("taken");
    // Until the topic is there it is hers alone.
    assert_eq!(status(&ann, &first).await, 200);
    assert_eq!(
        (status(&bob, &first).await, status(&anybody, &first).await),
        (404, 404)
    );
    let theirs = bob
        .refused(
            Method::POST,
            "/api/v1/topics",
            &wish(&shows(&[&first]), true),
        )
        .await;
    assert_eq!(theirs, "no_such_blob", "its name is no right to it");

    let wanted = wish(&shows(&[&first, &second]), true);
    let card: TopicCard = ann.post("/api/v1/topics", &wanted).await;
    let again: TopicCard = ann.post("/api/v1/topics", &wanted).await;
    assert_eq!(again.room, card.room, "said again it is the same");
    assert_eq!(status(&anybody, &first).await, 200);
    let slug = card.room.as_str();
    let shown = blocks(&ann, slug, 2).await;
    let sizes: Vec<(u32, u32)> = shown
        .iter()
        .filter_map(|it| match it {
            Block::Image { w, h, .. } => Some((*w, *h)),
            _ => None,
        })
        .collect();
    assert_eq!(
        sizes,
        [(800, 600), (40, 30)],
        "nothing jumps while it loads"
    );

    // The page for everybody, the feed and the card for links have it.
    let page = get(&anybody, &format!("/t/{slug}"))
        .await
        .text()
        .await
        .expect("a page");
    let src = path(&first);
    assert!(
        page.contains(&format!(
            "<img src=\"{src}\" alt=\"从山顶看\" width=\"800\" height=\"600\""
        )),
        "{page}"
    );
    assert!(
        page.contains(&format!(
            "<meta property=\"og:image\" content=\"{}{src}\"",
            anybody.base()
        )),
        "{page}"
    );
    assert!(page.contains("<meta property=\"og:image:width\" content=\"800\""));
    assert!(page.contains(&format!("\"image\":\"{}{src}\"", anybody.base())));
    let feed = get(&anybody, &format!("/t/{slug}/feed.atom"))
        .await
        .text()
        .await
        .expect("a feed");
    assert!(feed.contains("xml:base=") && feed.contains(&src), "{feed}");
    // And who looks for what has a picture.
    let found = async || {
        let page: SearchPage = ann.get("/api/v1/search?q=%E5%B1%B1&has=image").await;
        page.hits.len()
    };
    let soon = tokio::time::Instant::now() + support::SOON;
    while found().await == 0 {
        assert!(tokio::time::Instant::now() < soon, "it is never found");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }

    server.kill();
    server.restart();
    let anybody = Person::new(&server);
    assert_eq!(status(&anybody, &first).await, 200);
    assert_eq!(blocks(&anybody, slug, 2).await, shown);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_picture_goes_with_the_text_that_shows_it_and_comes_back_with_it() {
    let server = Server::start();
    server.set_up().await;
    let ann = server.sign_up("小安").await;
    let anybody = Person::new(&server);
    let card: TopicCard = ann.post("/api/v1/topics", &wish("看图", true)).await;
    let slug = card.room.as_str();
    let mut line = ann.connect("phone").await;
    let a = join(&mut line, &card).await;
    let one = upload(&ann, slug, picture(80, 60)).await.expect("taken");
    let two = upload(&ann, slug, picture(90, 60)).await.expect("taken");
    let seq = say(&mut line, a, &shows(&[&one, &two]))
        .await
        .expect("said");

    // What another text of hers does not name is gone at once; what it names stays.
    edit(&mut line, a, seq, &shows(&[&two]))
        .await
        .expect("edited");
    let file = file_of(&server, &one.id);
    until(|| !file.exists()).await;
    assert_eq!(
        (status(&anybody, &one).await, status(&anybody, &two).await),
        (404, 200)
    );

    let (cid, of) = (new_client_id(), seq);
    line.request(|i| ClientFrame::Delete { i, a, cid, of })
        .await
        .expect("deleted");
    assert_eq!(status(&anybody, &two).await, 404);
    let cid = new_client_id();
    line.request(|i| ClientFrame::Undelete { i, a, cid, of })
        .await
        .expect("back");
    assert_eq!(status(&anybody, &two).await, 200);
    assert_eq!(blocks(&anybody, slug, seq).await.len(), 2);

    let cid = new_client_id();
    line.request(|i| ClientFrame::Delete { i, a, cid, of })
        .await
        .expect("deleted");
    let file = file_of(&server, &two.id);
    until(|| !file.exists()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_private_picture_is_shown_nowhere_else_and_a_text_shows_a_few() {
    let server = Server::start();
    let owner = server.set_up().await;
    let ann = server.sign_up("小安").await;
    let inner: TopicCard = owner.post("/api/v1/topics", &wish("内部", false)).await;
    let open: TopicCard = ann.post("/api/v1/topics", &wish("大家", true)).await;
    let secret = upload(&owner, inner.room.as_str(), picture(60, 50))
        .await
        .expect("taken");
    let mut host = owner.connect("phone").await;
    let a = join(&mut host, &inner).await;
    say(&mut host, a, &shows(&[&secret])).await.expect("said");
    let anybody = Person::new(&server);
    assert_eq!(
        (status(&ann, &secret).await, status(&anybody, &secret).await),
        (200, 404)
    );

    // She may see it where it is, and show it again there, but not to the world.
    let mut line = ann.connect("phone").await;
    let there = join(&mut line, &inner).await;
    say(&mut line, there, &shows(&[&secret]))
        .await
        .expect("it is in sight here");
    let here = join(&mut line, &open).await;
    assert_eq!(
        say(&mut line, here, &shows(&[&secret])).await,
        Err(Code::NoSuchBlob)
    );
    let refused = ann
        .refused(
            Method::POST,
            "/api/v1/topics",
            &wish(&shows(&[&secret]), true),
        )
        .await;
    assert_eq!(refused, "no_such_blob");
    assert_eq!(
        edit(&mut line, here, 2, &shows(&[&secret])).await,
        Err(Code::NoSuchBlob)
    );
    assert_eq!(status(&anybody, &secret).await, 404);

    // A picture of another site is a link: who reads asks nobody else for anything.
    let seq = say(&mut line, here, "![海](https://elsewhere.example/a.png)")
        .await
        .expect("said");
    let shown = blocks(&ann, open.room.as_str(), seq).await;
    assert!(
        shown.iter().all(|it| !matches!(it, Block::Image { .. })),
        "{shown:?}"
    );

    let most = limits::MARKDOWN_MEDIA_MAX as u32;
    let mut all = Vec::new();
    for n in 0..=most {
        let made = upload(&ann, open.room.as_str(), picture(30 + n, 20)).await;
        all.push(made.expect("taken"));
    }
    let all: Vec<&BlobMade> = all.iter().collect();
    assert_eq!(say(&mut line, here, &shows(&all)).await, Err(Code::TooLong));
    say(&mut line, here, &shows(&all[1..]))
        .await
        .expect("so many are fine");
    let refused = ann
        .refused(Method::POST, "/api/v1/topics", &wish(&shows(&all), true))
        .await;
    assert_eq!(refused, "too_long");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_who_starts_topics_uploads_ahead_and_no_files() {
    let server = Server::start();
    server.set_up().await;
    let ann = server.sign_up("小安").await;
    let anybody = Person::new(&server);
    assert_eq!(
        ahead(&anybody, picture(4, 4)).await.err(),
        Some(Code::TokenMissing)
    );
    let mut guest = Person::new(&server);
    let device = json!({ "device": "d".repeat(40), "name": "访客" });
    let token: protocol::rest::Token = guest.post("/api/v1/guests", &device).await;
    guest.token = token.token;
    assert_eq!(
        ahead(&guest, picture(4, 4)).await.err(),
        Some(Code::NotPermitted)
    );
    let file = b"hello there".to_vec();
    assert_eq!(ahead(&ann, file).await.err(), Some(Code::BlobUnfit));
    assert_eq!(
        ahead(&ann, picture(4, 4)).await.expect("taken").kind,
        BlobKind::Image
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_erases_what_they_wrote_leaves_no_picture_behind() {
    let server = Server::start();
    server.set_up().await;
    let ann = server.sign_up("小安").await;
    let bob = server.sign_up("小波").await;
    let first = ahead(&ann, picture(80, 60)).await.expect("taken");
    let unsaid = ahead(&ann, picture(90, 60)).await.expect("taken");
    let card: TopicCard = ann
        .post("/api/v1/topics", &wish(&shows(&[&first]), true))
        .await;
    let mut line = bob.connect("phone").await;
    let a = join(&mut line, &card).await;
    let own = upload(&bob, card.room.as_str(), picture(70, 60)).await;
    let own = own.expect("taken");
    say(&mut line, a, &shows(&[&own])).await.expect("said");
    let files = [&first, &unsaid, &own].map(|it| file_of(&server, &it.id));
    assert!(files.iter().all(|it| it.exists()));

    let wish = json!({ "password": support::PASSWORD, "writings": "remove" });
    let erase = ann.request(Method::DELETE, "/api/v1/me").json(&wish);
    let answer = erase.send().await.expect("answered");
    assert!(answer.status().is_success(), "{}", answer.status());
    until(|| !files[0].exists() && !files[1].exists()).await;
    assert!(files[2].exists(), "what others show stays");
    assert_eq!(status(&bob, &own).await, 200);
}
