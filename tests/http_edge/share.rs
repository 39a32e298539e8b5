//! What a room's address shows where it is passed on, to programs that run no script.

use serde_json::json;

use crate::rig::{Rig, Said};

async fn page(rig: &Rig, path: &str) -> Said {
    let said = rig.ask("GET", path).header("accept-language", "en").send();
    said.await
}

/// The web app may not be built where these tests run; then every page says that it is not.
fn is_built(said: &Said) -> bool {
    said.status == 200
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_room_has_its_title_in_the_page_itself() {
    let rig = Rig::start().await;
    let owner = rig.set_up().await.token();
    for (slug, title, guests) in [
        ("open", "《大连接》 <b>\"共读\"</b> & more", true),
        ("closed", "Board secrets", false),
    ] {
        rig.ask("POST", "/api/v1/rooms")
            .bearer(&owner)
            .json(json!({"title": title, "guests": guests, "slug": slug}))
            .send()
            .await
            .expect(201);
    }
    let elsewhere = page(&rig, "/r/no-such-room").await;
    if !is_built(&elsewhere) {
        // The same address for everybody, whatever there is behind it.
        assert_eq!(page(&rig, "/r/closed").await.text, elsewhere.text);
        return rig.end().await;
    }
    let open = page(&rig, "/r/open").await.expect(200);
    assert_eq!(open.header("cache-control"), "no-cache");
    assert_eq!(open.header("content-type"), "text/html; charset=utf-8");
    let title = "《大连接》 &lt;b&gt;&quot;共读&quot;&lt;/b&gt; &amp; more";
    for tag in [
        format!("<meta property=\"og:title\" content=\"{title}\" />"),
        format!("<meta name=\"twitter:title\" content=\"{title}\" />"),
        format!("<title>{title} · "),
        "<meta property=\"og:image\" content=\"http".to_owned(),
        "/r/open/cover.png\" />".to_owned(),
        "/r/open\" />".to_owned(),
        "<meta name=\"twitter:card\" content=\"summary_large_image\" />".to_owned(),
    ] {
        assert!(open.text.contains(&tag), "{tag}: {}", open.text);
    }
    assert!(!open.text.contains("<b>"), "{}", open.text);
    assert!(
        open.text.contains("src=\"/assets/"),
        "it is the app: {}",
        open.text
    );

    // A room for members is the same bytes as a room that is not there.
    let closed = page(&rig, "/r/closed").await.expect(200);
    assert_eq!(closed.text, elsewhere.text);
    assert!(!closed.text.contains("og:") && !closed.text.contains("secrets"));
    let by_member = rig.ask("GET", "/r/closed").bearer(&owner).send().await;
    assert_eq!(
        by_member.text, elsewhere.text,
        "a page never knows who asks"
    );
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_room_has_a_picture_and_no_other_has() {
    let rig = Rig::start().await;
    let owner = rig.set_up().await.token();
    for (slug, guests) in [("open", true), ("closed", false)] {
        rig.ask("POST", "/api/v1/rooms")
            .bearer(&owner)
            .json(json!({"title": slug, "guests": guests, "slug": slug}))
            .send()
            .await
            .expect(201);
    }
    for _ in 0..2 {
        let said = rig.ask("GET", "/r/open/cover.png").send().await.expect(200);
        assert_eq!(said.header("content-type"), "image/png");
        assert_eq!(said.header("cache-control"), "public, max-age=86400");
        assert!(said.text.contains("PNG"));
    }
    for path in [
        "/r/closed/cover.png",
        "/r/none/cover.png",
        "/r/-x/cover.png",
    ] {
        rig.ask("GET", path).send().await.refused(404, "not_found");
    }
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rooms_code_is_made_here() {
    let rig = Rig::start().await;
    let said = rig.ask("GET", "/r/hall/qr.svg").send().await.expect(200);
    assert_eq!(said.header("content-type"), "image/svg+xml");
    assert!(
        said.text.contains("<svg") && said.text.contains("viewBox"),
        "{}",
        said.text
    );
    for path in ["/r/-hall/qr.svg", "/r/%22%3E%3Cscript/qr.svg"] {
        rig.ask("GET", path).send().await.refused(404, "not_found");
    }
    rig.end().await;
}
