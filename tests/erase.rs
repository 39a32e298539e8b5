//! A member erases their account (DATA-5): of somebody who has one of everything no byte is left that names them,
//! in no file and in no answer, and what others see of it is as it was.

mod support;

#[path = "support/leaver.rs"]
mod leaver;

use std::time::Duration;

use leaver::{
    NAME, PUSH, Said, THEIRS, WORDS, blob_file, code, erase, files_with, furnished, gone, join,
    say, send,
};
use protocol::{
    ClientFrame, Code, Seq,
    rest::{PollResult, Token},
    server::{Body, Page, Push},
    topic::TopicCard,
};
use reqwest::{Method, StatusCode};
use serde_json::json;
use support::{PASSWORD, Person, SOON, Server};
use weiquan_client::{Connection, Error, new_client_id};

fn of(page: &Page, seq: Seq) -> (String, String, bool) {
    let found = page
        .page
        .iter()
        .find(|it| it.s == seq)
        .expect("the seqs stay");
    match &found.body {
        Body::Msg { text, deleted, .. } => (found.u.name.clone(), text.clone(), *deleted),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn data5_of_who_erases_their_account_no_byte_is_left_and_what_others_see_stays() {
    let mut it = furnished().await;
    let named = it.answers().await;
    let named = named.iter().filter(|it| it.1.contains(NAME)).count();
    assert!(named > 20, "the test sees where she is named: {named}");
    for text in THEIRS.iter().filter(|it| **it != PUSH) {
        assert!(
            !files_with(&it.server.folder, &[text]).is_empty(),
            "it sees {text}"
        );
    }
    let before = it.history().await;
    let was: TopicCard = it
        .bob
        .get(&format!("/api/v1/topics/{}", it.topic.room))
        .await;
    let (mut watching, _) = join(&it.bob, "hall").await;
    let (mut hers, _) = {
        let mut line = it.anna.connect("desk").await;
        let a = line.join("hall", None).await.expect("joined").a;
        (line, a)
    };

    // Not by a wrong word, and not twice.
    assert_eq!(
        code(erase(&it.anna, "something else", "keep").await),
        "sign_in_failed"
    );
    assert_eq!(
        code(erase(&it.owner, PASSWORD, "keep").await),
        "not_permitted"
    );
    let unfit = send(
        &it.anna,
        Method::DELETE,
        "/api/v1/me",
        &json!({ "password": PASSWORD }),
    )
    .await;
    assert_eq!(code(unfit), "malformed");
    let (one, other) = tokio::join!(
        erase(&it.anna, PASSWORD, "keep"),
        erase(&it.anna, PASSWORD, "keep"),
    );
    let ended = [one, other];
    let accepted = ended
        .iter()
        .filter(|it| it.0 == StatusCode::ACCEPTED)
        .count();
    assert_eq!(accepted, 1, "{ended:?}");
    assert!(
        ended.iter().any(|it| it.0 == StatusCode::UNAUTHORIZED),
        "{ended:?}"
    );

    // From the answer on nobody reads her name, however much there is still to do.
    it.hold_nobody_names_her("at once").await;
    gone(&it.server, THEIRS).await;
    it.hold_nobody_names_her("once it is done").await;
    it.audit_holds();

    // She is out everywhere.
    let ended = tokio::time::timeout(SOON, async {
        loop {
            if let Err(error) = hers.next_push().await {
                return error;
            }
        }
    });
    let ended = ended.await.expect("in time");
    assert!(
        matches!(ended, Error::Closed { code: 4500, .. }),
        "{ended:?}"
    );
    for (method, path) in [
        (Method::GET, "/api/v1/me"),
        (Method::GET, "/api/v1/notices"),
        (Method::POST, "/api/v1/token"),
        (Method::GET, "/api/v1/rooms/salon/stream-keys"),
        (Method::DELETE, "/api/v1/me"),
    ] {
        let (status, text) = send(
            &it.anna,
            method.clone(),
            path,
            &json!({ "password": PASSWORD, "writings": "keep" }),
        )
        .await;
        assert_eq!(status, 401, "{method} {path}: {text}");
    }
    let mut line = Connection::open(it.server.address, None)
        .await
        .expect("connects");
    assert!(line.hello(&it.anna.token, "phone").await.is_err());
    let again = json!({ "name": NAME, "password": PASSWORD });
    let nobody = Person::new(&it.server);
    assert_eq!(
        code(send(&nobody, Method::POST, "/api/v1/sign-in", &again).await),
        "sign_in_failed"
    );

    // What she wrote stays, by nobody with a name; so does everything else.
    let after = it.history().await;
    assert_eq!(
        after.page.len(),
        before.page.len(),
        "nothing was said about it"
    );
    for seq in [it.edited, it.picture.0] {
        let (name, text, deleted) = of(&after, seq);
        let (_, words, _) = of(&before, seq);
        assert_eq!((name.as_str(), text, deleted), ("", words, false));
    }
    let liked = |page: &Page, seq| {
        let found = page.page.iter().find(|it| it.s == seq).expect("there");
        match &found.body {
            Body::Msg { likes, replies, .. } => (*likes, *replies),
            other => panic!("{other:?}"),
        }
    };
    for seq in [it.edited, it.reply] {
        assert_eq!(
            liked(&after, seq),
            liked(&before, seq),
            "counts are as they were"
        );
    }
    let poll: PollResult = it
        .owner
        .get(&format!("/api/v1/rooms/hall/polls/{}", it.poll))
        .await;
    assert_eq!(
        (poll.voters, poll.options[1].votes),
        (2, 2),
        "her vote counts"
    );
    let is: TopicCard = it
        .bob
        .get(&format!("/api/v1/topics/{}", it.topic.room))
        .await;
    assert_eq!(
        (is.replies, is.likes, &is.excerpt),
        (was.replies, was.likes, &was.excerpt)
    );
    assert_eq!(
        (is.topic.by.id.clone(), is.topic.by.name.as_str()),
        (it.anna.id(), "")
    );
    let feed = format!("/t/{}/feed.atom", it.topic.room);
    let shown = reqwest::get(it.server.url(&feed)).await.expect("answered");
    let xml = shown.text().await.expect("a feed");
    assert!(
        xml.contains("<name>已注销</name>") && xml.contains("zqwords six"),
        "{xml}"
    );
    // Who was in the room was shown it: what is on their screen is by nobody, and so is what is pinned.
    let told = tokio::time::timeout(SOON, async {
        let mut gone = None;
        loop {
            if let Push::State { state, .. } = watching.next_push().await.expect("a push") {
                gone = gone.or(state.erased);
                if let Some(pin) = state.pin {
                    return (gone, pin.author);
                }
            }
        }
    });
    for shown in <[_; 2]>::from(told.await.expect("in time")) {
        let shown = shown.expect("a person");
        assert_eq!((shown.id, shown.name.as_str()), (it.anna.id(), ""));
    }

    // All of it is so after a start, and the name is free for somebody who has no right of hers.
    it.server.kill();
    it.server.restart();
    (it.owner, it.bob) = (
        it.server.sign_in("圈主").await,
        it.server.sign_in("小波").await,
    );
    it.hold_nobody_names_her("after a start").await;
    let another = it.server.sign_up(NAME).await;
    assert_ne!(another.id(), it.anna.id());
    let keys = another
        .request(Method::GET, "/api/v1/rooms/salon/stream-keys")
        .send()
        .await;
    assert_eq!(keys.expect("answered").status(), 403);
    let (mut line, a) = join(&another, "hall").await;
    let (cid, of) = (new_client_id(), it.edited);
    let delete = line
        .request(|i| ClientFrame::Delete { i, a, cid, of })
        .await;
    assert!(matches!(delete, Err(Error::Refused(it)) if it.code == Code::NotPermitted));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn data5_what_they_wrote_goes_with_them_where_they_wish_it_and_threads_stay() {
    let it = furnished().await;
    let file = blob_file(&it.server, &it.picture.1);
    assert!(file.exists());
    let before = it.history().await;
    let (mut watching, _) = join(&it.bob, "hall").await;
    assert_eq!(
        erase(&it.anna, PASSWORD, "remove").await.0,
        StatusCode::ACCEPTED
    );
    it.hold_nobody_names_her("at once").await;
    // Her words are gone from the log, from what can be found, and from what was kept to bring them back.
    gone(&it.server, &[THEIRS, &[WORDS]].concat()).await;
    let deadline = tokio::time::Instant::now() + SOON;
    while file.exists() {
        assert!(tokio::time::Instant::now() < deadline, "the picture stays");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    it.hold_nobody_names_her("once it is done").await;
    for (what, text) in it.answers().await {
        assert!(!text.contains(&format!("{WORDS} ")), "{what}: {text}");
    }
    it.audit_holds();
    let after = it.history().await;
    for was in &before.page {
        let is = after
            .page
            .iter()
            .find(|it| it.s == was.s)
            .expect("the seqs stay");
        if matches!(was.body, Body::Msg { .. }) {
            assert_eq!(of(&after, was.s).2, was.u.id == it.anna.id(), "{is:?}");
        }
    }
    let (name, text, _) = of(&after, it.reply);
    assert_eq!((name.as_str(), text.as_str()), ("小波", "我同意"));
    // Who was there saw them go.
    let told = tokio::time::timeout(SOON, async {
        loop {
            if let Push::Ev { ev, .. } = watching.next_push().await.expect("a push")
                && ev
                    .iter()
                    .any(|it_| matches!(it_.body, Body::Delete { of } if of == it.edited))
            {
                return;
            }
        }
    });
    told.await.expect("in time");
    // A thread without its beginning, a question without its answer.
    let topic: TopicCard = it
        .bob
        .get(&format!("/api/v1/topics/{}", it.topic.room))
        .await;
    assert_eq!(
        (
            topic.topic.title.as_str(),
            topic.replies,
            topic.excerpt.as_str()
        ),
        ("爬山", 1, "")
    );
    let question: TopicCard = it
        .bob
        .get(&format!("/api/v1/topics/{}", it.question.room))
        .await;
    assert_eq!(question.replies, 0);
    let (mut line, a) = join(&it.bob, "hall").await;
    assert_eq!(a, it.hall);
    say(&mut line, a, "还在", Said::default()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn data5_a_kill_in_the_middle_puts_it_off_and_a_start_finishes_it() {
    let mut server = Server::start();
    let owner = server.set_up().await;
    let anna = server.sign_up(NAME).await;
    owner.make_room("hall").await;
    let (mut line, a) = join(&anna, "hall").await;
    let mut last = 0;
    for n in 0..600 {
        last = line.say(a, &format!("{WORDS} {n}")).await.expect("said").s;
    }
    assert_eq!(
        erase(&anna, PASSWORD, "remove").await.0,
        StatusCode::ACCEPTED
    );
    server.kill();
    let left = files_with(&server.folder, &[NAME, WORDS]);
    assert!(!left.is_empty(), "it was in the middle of it");
    server.restart();
    // Nobody reads the name although it is still there.
    let owner = server.sign_in("圈主").await;
    let page: Page = owner.get("/api/v1/rooms/hall/history").await;
    assert!(page.page.iter().all(|it| it.u.name != NAME));
    gone(&server, &[NAME, WORDS]).await;
    let (mut line, a) = join(&owner, "hall").await;
    let history = support::read_history(&mut line, a).await;
    assert!(
        (1..=last).all(|seq| history[&seq].as_deref() == Some("")),
        "all of it is deleted"
    );
    server.stop();
    assert!(files_with(&server.folder, &[NAME, WORDS]).is_empty());
}

#[tokio::test]
async fn data5_who_has_no_account_has_none_to_erase() {
    let server = Server::start();
    server.set_up().await;
    let guest = Person::new(&server);
    assert_eq!(code(erase(&guest, PASSWORD, "keep").await), "token_missing");
    let device = json!({ "device": "0123456789abcdef0123456789abcdef", "name": null });
    let mut guest = Person::new(&server);
    let token: Token = guest.post("/api/v1/guests", &device).await;
    guest.token = token.token;
    assert_eq!(code(erase(&guest, PASSWORD, "keep").await), "not_a_member");
    // Somebody guesses at another's password no faster here than at the door.
    let anna = server.sign_up(NAME).await;
    let mut codes = Vec::new();
    for _ in 0..12 {
        codes.push(code(erase(&anna, "guess", "keep").await));
    }
    assert_eq!(codes[0], "sign_in_failed");
    assert_eq!(codes[11], "too_many_tries");
}

/// A room that cannot be opened holds up who spoke in it, and nobody else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn data5_a_damaged_room_holds_up_no_other_erasure() {
    const BOB: &str = "zqbob波";
    let mut server = Server::start();
    let owner = server.set_up().await;
    owner.make_room("attic").await;
    owner.make_room("hall").await;
    for (name, room) in [(NAME, "attic"), (BOB, "hall")] {
        let person = server.sign_up(name).await;
        let (mut line, a) = join(&person, room).await;
        for n in 0..2 {
            let text = format!("{name} {n}");
            line.say(a, &text).await.expect("said");
        }
    }
    server.stop();
    let file = rusqlite::Connection::open(server.folder.join("weiquan.db")).expect("the file");
    file.execute_batch(
        "UPDATE records SET checksum = checksum + 1 WHERE seq = 1
         AND room = (SELECT number FROM rooms WHERE slug = 'attic')",
    )
    .expect("damaged");
    drop(file);
    server.restart();
    for name in [NAME, BOB] {
        let person = server.sign_in(name).await;
        assert_eq!(
            erase(&person, PASSWORD, "remove").await.0,
            StatusCode::ACCEPTED
        );
    }
    gone(&server, &[BOB]).await;
    assert!(
        !files_with(&server.folder, &[NAME]).is_empty(),
        "it waits for its room"
    );
}
