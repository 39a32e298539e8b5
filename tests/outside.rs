//! Topics as the world reads them: without a script, by plain HTTP.

mod support;

use protocol::topic::{NewTopic, TopicAct, TopicCard, TopicKind};
use protocol::{ClientFrame, Slug};
use serde_json::Value;
use support::{Person, Server};
use weiquan_client::new_client_id;

async fn start(by: &Person, title: &str, text: &str, guests: bool) -> TopicCard {
    let wish = NewTopic {
        cid: new_client_id(),
        kind: TopicKind::Question,
        title: title.into(),
        text: text.into(),
        board: None,
        tags: Vec::new(),
        guests,
        from: None,
        recap_of: None,
        at: None,
    };
    by.post("/api/v1/topics", &wish).await
}

async fn fetched(server: &Server, path: &str) -> (u16, String) {
    let answer = reqwest::get(server.url(path)).await.expect("answered");
    let status = answer.status().as_u16();
    (status, answer.text().await.expect("a body"))
}

/// Row 18 of the specification: the link of a public topic says what it is to a client without a script.
#[tokio::test]
async fn row18_a_public_topic_is_read_without_a_script() {
    let server = Server::start();
    server.set_up().await;
    let ann = server.sign_up("小安").await;
    let bob = server.sign_up("小波").await;
    let evil = "<script>alert(1)</script>\n\n**怎么走**？ [点我](javascript:alert(1)) #交通";
    let card = start(&ann, "去\"香山\" </title><script>", evil, true).await;
    let mut line = bob.connect("phone").await;
    let a = line.join(card.room.as_str(), None).await.expect("joined").a;
    let s = line.say(a, "坐 **331** 路").await.expect("said").s;
    let mut starter = ann.connect("phone").await;
    starter
        .join(card.room.as_str(), None)
        .await
        .expect("joined");
    let (cid, act) = (new_client_id(), TopicAct::Accept { of: Some(s) });
    starter
        .request(|i| ClientFrame::Topic { i, a, cid, act })
        .await
        .expect("accepted");

    let (status, html) = fetched(&server, &format!("/t/{}", card.room)).await;
    assert_eq!(status, 200);
    for there in [
        "<h1>去&quot;香山&quot; &lt;/title&gt;&lt;script&gt;</h1>",
        "<strong>怎么走</strong>",
        "坐 <strong>331</strong> 路",
        "property=\"og:title\"",
        "property=\"og:description\"",
        "property=\"og:image\"",
        "\"@type\":\"DiscussionForumPosting\"",
        "application/atom+xml",
        "已采纳的回答",
        "1 条回复",
    ] {
        assert!(html.contains(there), "{there} is not in {html}");
    }
    for not in ["<script>alert", "href=\"javascript", "</title><script>"] {
        assert!(!html.contains(not), "{not} is in {html}");
    }
    let json = html.split("application/ld+json\">").nth(1).expect("there");
    let json = json.split("</script>").next().expect("it ends");
    let posting: Value = serde_json::from_str(json).expect("JSON");
    assert_eq!(posting["headline"], "去\"香山\" </title><script>");
    assert_eq!(posting["comment"][0]["text"], "坐 331 路");

    let feed = fetched(&server, &format!("/t/{}/feed.atom", card.room))
        .await
        .1;
    assert!(
        feed.contains("<author><name>小波</name></author>"),
        "{feed}"
    );
    let fresh = fetched(&server, "/talk.atom").await.1;
    assert!(fresh.contains(card.room.as_str()), "{fresh}");
    let map = fetched(&server, "/sitemap.xml").await.1;
    assert!(map.contains(&format!("/t/{}</loc>", card.room)), "{map}");
    let robots = fetched(&server, "/robots.txt").await.1;
    assert!(robots.contains("Sitemap: http"), "{robots}");
    let link = format!("/oembed?url={}", server.url(&format!("/t/{}", card.room)));
    let embed: Value = serde_json::from_str(&fetched(&server, &link).await.1).expect("JSON");
    assert_eq!(embed["author_name"], "小安");
}

#[tokio::test]
async fn what_is_for_members_is_nowhere_outside() {
    let server = Server::start();
    server.set_up().await;
    let ann = server.sign_up("小安").await;
    let card = start(&ann, "自己人的话", "只给自己人看", false).await;
    let nowhere = Slug::new("tnowhere");
    for room in [&card.room, &nowhere] {
        let (status, html) = fetched(&server, &format!("/t/{room}")).await;
        assert_eq!(status, 200, "the app's own page, the same for both");
        assert!(!html.contains("自己人"), "{html}");
        let feed = fetched(&server, &format!("/t/{room}/feed.atom")).await;
        assert_eq!(feed.0, 404);
        let link = format!("/oembed?url={}", server.url(&format!("/t/{room}")));
        assert_eq!(fetched(&server, &link).await.0, 404);
    }
    for path in ["/talk.atom", "/sitemap.xml"] {
        let text = fetched(&server, path).await.1;
        assert!(!text.contains(card.room.as_str()), "{path}: {text}");
    }
}

#[tokio::test]
async fn the_list_and_a_room_are_read_without_a_script() {
    let server = Server::start();
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    let closed = serde_json::json!({"title": "自己人的房间", "guests": false, "slug": "closed"});
    let _: Value = owner.post("/api/v1/rooms", &closed).await;
    let ann = server.sign_up("小安").await;
    // Newer ones than the hall, more than are listed.
    for n in 0..20 {
        let closed = serde_json::json!({"title": "自己人的房间", "guests": false, "slug": format!("closed-{n}")});
        let by = if n < 10 { &owner } else { &ann };
        let _: Value = by.post("/api/v1/rooms", &closed).await;
    }
    // One member starts ten in ten minutes.
    for tens in 0..4 {
        let by = server.sign_up(&format!("人{tens}")).await;
        for n in 1..=8 {
            let n = 8 * tens + n;
            start(&by, &format!("第{n}个<话题>"), "怎么走", true).await;
        }
    }
    start(&ann, "自己人的话", "只给自己人看", false).await;
    let mut line = ann.connect("phone").await;
    let a = line.join("hall", None).await.expect("joined").a;
    let gone = line.say(a, "收回的话").await.expect("said").s;
    line.say(a, "大家好\n<script>alert(1)</script>")
        .await
        .expect("said");
    let cid = new_client_id();
    line.request(|i| ClientFrame::Delete {
        i,
        a,
        cid,
        of: gone,
    })
    .await
    .expect("deleted");

    let (status, html) = fetched(&server, "/talk").await;
    assert_eq!(status, 200);
    for there in [
        "href=\"/r/hall\"",
        "第32个&lt;话题&gt;</a></h3>",
        "提问 · ",
        "0 条回复",
        "/talk.atom",
        "property=\"og:title\"",
        "rel=\"next\"",
    ] {
        assert!(html.contains(there), "{there} is not in {html}");
    }
    for not in ["自己人", "需要 JavaScript", "第1个&lt;"] {
        assert!(!html.contains(not), "{not} is in {html}");
    }
    let next = html.split("rel=\"next\" href=\"").nth(1).expect("there");
    let next = next
        .split('"')
        .next()
        .expect("it ends")
        .replace("&amp;", "&");
    let (_, rest) = fetched(&server, &next).await;
    assert!(rest.contains("第1个&lt;"), "{rest}");
    assert!(!rest.contains("第32个") && !rest.contains("rel=\"next\""));
    let (_, tagged) = fetched(&server, "/talk?tag=nothing&kind=question").await;
    assert!(tagged.contains("还没有话题") && !tagged.contains("/r/hall"));
    assert_eq!(fetched(&server, "/talk?after=x").await.0, 200);

    let (status, html) = fetched(&server, "/r/hall").await;
    assert_eq!(status, 200);
    assert!(
        html.contains("大家好\n&lt;script&gt;alert(1)&lt;/script&gt;</p>"),
        "{html}"
    );
    assert!(!html.contains("收回的话") && !html.contains("rel=\"prev\""));
    let (_, closed) = fetched(&server, "/r/closed").await;
    assert!(!closed.contains("自己人") && closed.contains("needs JavaScript"));
}

#[tokio::test]
async fn what_was_said_earlier_in_a_room_is_a_page_further() {
    let server = Server::start();
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    // As many as nobody says too fast.
    for fives in 0..7 {
        let by = server.sign_up(&format!("人{fives}")).await;
        let mut line = by.connect("phone").await;
        let a = line.join("hall", None).await.expect("joined").a;
        for n in 1..=5 {
            let n = 5 * fives + n;
            line.say(a, &format!("第{n}句。")).await.expect("said");
        }
    }
    let (_, html) = fetched(&server, "/r/hall").await;
    assert!(html.contains("第35句。") && !html.contains("第1句。"));
    let earlier = html.split("rel=\"prev\" href=\"").nth(1).expect("there");
    let (_, html) = fetched(&server, earlier.split('"').next().expect("it ends")).await;
    assert!(html.contains("第1句。") && !html.contains("第35句。"));
    assert!(!html.contains("rel=\"prev\""));
}
