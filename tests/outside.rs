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
