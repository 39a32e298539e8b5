//! What people said stays theirs (DATA-1, DATA-2): archives by the wire. The way back is in `import.rs`.

mod support;

#[path = "support/archives.rs"]
mod archives;
#[path = "support/furnished.rs"]
mod furnished;
#[allow(dead_code, reason = "others await pushes as well")]
#[path = "support/topics.rs"]
mod on_topic;

use archives::{
    done, download, fetched, files, files_of, hold_equal, lines, manifest, refused, text,
};
use furnished::{furnish, share, upload};
use protocol::{ClientFrame, rest::ActList};
use reqwest::{Method, header};
use serde_json::{Value, json};
use support::Server;
use tempfile::TempDir;
use weiquan_client::new_client_id;

/// Secrets and what is for few eyes are in no archive.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_archive_holds_a_secret_or_what_was_taken_back() {
    let mut server = Server::start();
    let cast = furnish(&mut server).await;
    let topic = format!("/api/v1/topics/{}/export", cast.question.room);
    for (by, path) in [
        (&cast.owner, "/api/v1/circle/export"),
        (&cast.owner, topic.as_str()),
        (&cast.owner, "/api/v1/boards/news/export"),
        (&cast.ming, topic.as_str()),
        (&cast.ming, "/api/v1/me/export"),
    ] {
        let files = fetched(by, path).await;
        for (name, content) in &files {
            let has = |it: &str| content.windows(it.len()).any(|at| at == it.as_bytes());
            for secret in [
                "$argon2",
                cast.stream_key.as_str(),
                "说错了",
                &by.token,
                "mail_addresses",
                "password",
                "device_hash",
            ] {
                assert!(!has(secret), "{path}: {name} holds {secret}");
            }
            // Somebody's words that wait for review are their own alone.
            let own = path.contains("/me/");
            assert!(own || !has("secret-of-ming"), "{path}: {name}");
        }
    }
}

/// Check 61: as many of each kind as there are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn data2_own_data_is_complete_also_for_who_is_banned() {
    let mut server = Server::start();
    let cast = furnish(&mut server).await;
    let mut line = cast.owner.connect("phone").await;
    let a = line.join("hall", None).await.expect("joined").a;
    let (cid, who) = (new_client_id(), cast.ming.id());
    let ban = line.request(|i| ClientFrame::Ban {
        i,
        a,
        cid,
        who,
        for_ms: None,
        reason: "广告".into(),
    });
    ban.await.expect("banned");
    let own = fetched(&cast.ming, "/api/v1/me/export").await;
    assert_eq!(manifest(&own)["form"], "own");
    let count = |name: &str| lines(&own, name).len();
    let kind = |kind: &str| {
        let all = lines(&own, "records.jsonl");
        all.iter().filter(|it| it["k"] == kind).count()
    };
    assert_eq!(count("account.jsonl"), 1);
    assert_eq!(count("sign-ins.jsonl"), 1);
    assert_eq!(count("likes.jsonl"), cast.likes_of_ming);
    assert_eq!(count("votes.jsonl"), 1);
    assert_eq!(count("topics.jsonl"), cast.topics_of_ming);
    assert_eq!(count("board-follows.jsonl"), 1);
    assert_eq!(count("quoted.jsonl"), 1);
    assert_eq!((kind("msg"), kind("held")), (cast.said_by_ming, 1));
    assert_eq!(count("notices.jsonl"), cast.notices_of_ming().await);
    assert_eq!(count("media.jsonl"), 1);
    let media = &lines(&own, "media.jsonl")[0];
    let file = media["file"].as_str().expect("a name");
    assert!(
        own[file].starts_with(b"\x89PNG") || own[file].starts_with(b"\xff\xd8"),
        "the picture itself"
    );
    let acts = lines(&own, "acts.jsonl");
    assert!(
        acts.iter()
            .any(|it| it["what"] == "ban" && it["why"] == "广告"),
        "{acts:?}"
    );
    // Nobody else's words are among them.
    for it in lines(&own, "records.jsonl") {
        assert_eq!(it["u"]["id"], cast.ming.id().as_str(), "{it}");
    }
}

/// Step 22 of the host's journey.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broadcast_is_its_chat_its_questions_its_polls_and_what_it_came_to() {
    let mut server = Server::start();
    let cast = furnish(&mut server).await;
    let path = format!("/api/v1/rooms/hall/broadcasts/{}/export", cast.broadcast);
    let files = fetched(&cast.owner, &path).await;
    let summary = &lines(&files, "broadcast.jsonl")[0];
    assert_eq!(
        (&summary["people"], &summary["messages"]),
        (&json!(2), &json!(1))
    );
    let chat = lines(&files, "chat.jsonl");
    assert!(
        chat.iter()
            .any(|it| it["k"] == "msg" && it["b"]["text"] == "今晚几点？")
    );
    let questions = lines(&files, "questions.jsonl");
    assert_eq!(
        (questions.len(), &questions[0]["phase"]),
        (1, &json!("answered"))
    );
    let polls = lines(&files, "polls.jsonl");
    assert_eq!(
        (polls.len(), &polls[0]["votes"], &polls[0]["closed"]),
        (1, &json!([1, 0]), &json!(true))
    );
    // Every file is what its sum says.
    for it in manifest(&files)["files"].as_array().expect("files") {
        let content = &files[it["name"].as_str().expect("a name")];
        assert_eq!(it["sha256"], blobs::id_of(content).as_str(), "{it}");
        assert_eq!(it["bytes"], content.len(), "{it}");
    }
    let (status, _) = download(&cast.ming, &path).await;
    assert_eq!(status, 403);
    let data = text(&server.folder).to_owned();
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("b.zip");
    done(&[
        "export",
        "--broadcast",
        &cast.broadcast,
        "--data",
        &data,
        text(&file),
    ]);
    hold_equal(&files, &files_of(&file));
    server.stop();
    let no = refused(&["import", "--data", &data, text(&file)]);
    assert!(no.contains("to be read"), "{no}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_started_a_topic_has_what_its_readers_see_and_staff_all_of_it() {
    let mut server = Server::start();
    let cast = furnish(&mut server).await;
    let path = format!("/api/v1/topics/{}/export", cast.question.room);
    let answer = cast
        .ming
        .request(Method::GET, &path)
        .send()
        .await
        .expect("answered");
    let header =
        |name: header::HeaderName| answer.headers()[name].to_str().expect("text").to_owned();
    assert_eq!(header(header::CONTENT_TYPE), "application/zip");
    let named = format!(
        "attachment; filename=\"weiquan-topic-{}.zip\"",
        cast.question.room
    );
    assert_eq!(header(header::CONTENT_DISPOSITION), named);
    assert_eq!(header(header::CACHE_CONTROL), "no-store");
    let shown = files(answer.bytes().await.expect("whole").to_vec());
    assert_eq!(manifest(&shown)["form"], "shown");
    assert!(
        lines(&shown, "likes.jsonl").is_empty(),
        "who likes it is nobody's business"
    );
    let records = lines(&shown, &format!("records/{}.jsonl", cast.question.room));
    let opening = records
        .iter()
        .find(|it| it["s"] == 2)
        .expect("how it begins");
    assert_eq!(opening["b"]["likes"], 1);
    let whole = fetched(&cast.owner, &path).await;
    assert_eq!(manifest(&whole)["form"], "whole");
    assert_eq!(lines(&whole, "likes.jsonl").len(), 2);
    // Nobody else has it.
    assert_eq!(download(&cast.an, &path).await.0, 403);
    assert_eq!(
        download(&cast.an, "/api/v1/boards/news/export").await.0,
        403
    );
    assert_eq!(download(&cast.an, "/api/v1/circle/export").await.0, 403);
    // Staff's downloads are written down, one's own are not.
    fetched(&cast.an, "/api/v1/me/export").await;
    let acts: ActList = cast.owner.get("/api/v1/audit").await;
    let exports: Vec<_> = acts.acts.iter().filter(|it| it.what == "export").collect();
    let by: Vec<_> = exports
        .iter()
        .map(|it| (it.by.name.as_str(), it.why.as_str()))
        .collect();
    assert_eq!(by, [("圈主", "topic"), ("小明", "topic")]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cookie_opens_a_download_on_this_sites_pages_alone() {
    let server = Server::start();
    let owner = server.set_up().await;
    let ask = async |headers: &[(&'static str, &str)]| {
        let mut request = owner.http.get(server.url("/api/v1/me/export"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.expect("answered").status().as_u16()
    };
    let page = server.url("/settings");
    assert_eq!(ask(&[("sec-fetch-site", "same-origin")]).await, 200);
    assert_eq!(ask(&[("referer", &page)]).await, 200);
    assert_eq!(ask(&[("sec-fetch-site", "cross-site")]).await, 403);
    assert_eq!(ask(&[("referer", "https://evil.example/")]).await, 403);
    assert_eq!(ask(&[]).await, 403);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exports_are_few_at_once_and_few_an_hour() {
    let server = Server::start();
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    // More than fits on the way, so that whoever takes none of it keeps the turn.
    for n in 0..6_u32 {
        let bytes: Vec<u8> = (0..3_000_000_u32)
            .map(|it| (it.wrapping_mul(2_654_435_761 + n) >> 24) as u8)
            .collect();
        let made = upload(&owner, "hall", bytes, "?as=file").await;
        let mut line = owner.connect("phone").await;
        let a = line.join("hall", None).await.expect("joined").a;
        let card = protocol::Card::File {
            blob: made.id,
            name: "录音".into(),
            bytes: 1,
        };
        share(&mut line, a, card).await;
    }
    let ask = async || {
        let request = owner.request(Method::GET, "/api/v1/me/export");
        request.send().await.expect("answered")
    };
    let first = ask().await;
    let second = ask().await;
    let third = ask().await;
    assert_eq!(third.status(), 503);
    assert!(third.headers().contains_key(header::RETRY_AFTER));
    let problem: Value = third.json().await.expect("a problem");
    assert_eq!(problem["code"], "busy");
    // Who goes away gives the turn back.
    drop((first, second));
    let limited = async {
        let mut taken = 0;
        loop {
            let answer = ask().await;
            match answer.status().as_u16() {
                429 => return (answer, taken),
                200 => taken += 1,
                other => assert_eq!(other, 503, "until the turn is back"),
            }
        }
    };
    let limited = tokio::time::timeout(support::SOON, limited).await;
    let (last, taken) = limited.expect("in time");
    assert_eq!(taken + 2, protocol::limits::EXPORTS_PER_HOUR);
    assert!(last.headers().contains_key(header::RETRY_AFTER));
    let problem: Value = last.json().await.expect("a problem");
    assert_eq!(problem["code"], "rate_limited");
}
