//! The way back (DATA-3): what was exported is imported, on either database, and exported again it is the same.

mod support;

#[path = "support/archives.rs"]
mod archives;
#[path = "support/furnished.rs"]
mod furnished;
#[allow(dead_code, reason = "others await pushes as well")]
#[path = "support/topics.rs"]
mod on_topic;
#[path = "support/postgres.rs"]
mod postgres;

use archives::{done, exported, fetched, files_of, hold_equal, imported, lines, refused, text};
use furnished::furnish;
use postgres::Postgres;
use protocol::{
    ClientFrame,
    rest::{ActList, EndedList},
    topic::{TopicCard, TopicList},
};
use reqwest::Method;
use serde_json::{Value, json};
use support::{PASSWORD, Person, Server};
use tempfile::TempDir;
use weiquan_client::new_client_id;

/// Step 24 of the operator's journey: counts and sums are equal, and exported again it is the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn data3_a_circle_comes_back_as_it_was_on_either_database() {
    let mut server = Server::start();
    let cast = furnish(&mut server).await;
    let folder = TempDir::new().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    // While it runs, by both doors the same.
    let by_wire = fetched(&cast.owner, "/api/v1/circle/export").await;
    let data = text(&server.folder).to_owned();
    let a = exported(&["--circle"], &data, &at("a.zip"));
    hold_equal(&by_wire, &a);
    for name in [
        "circle.jsonl",
        "people.jsonl",
        "boards.jsonl",
        "rooms.jsonl",
        "records/hall.jsonl",
        "likes.jsonl",
        "votes.jsonl",
        "topics.jsonl",
        "quotes.jsonl",
        "broadcasts.jsonl",
        "media.jsonl",
    ] {
        assert!(!lines(&a, name).is_empty(), "{name}");
    }
    let media = lines(&a, "media.jsonl");
    let kinds: Vec<_> = media.iter().map(|it| it["kind"].as_str()).collect();
    // The last stands in the text of a topic, beside the same voice note once more.
    let expected = ["image", "file", "voice", "image"].map(Some);
    assert_eq!(kinds, expected);
    let about = lines(&a, "topics.jsonl");
    let about = about.iter().find(|it| !it["at"].is_null());
    let about = &about.expect("one is about a moment")["at"];
    assert_eq!(
        (&about["room"], &about["second"]),
        (&"hall".into(), &0.into())
    );
    let topics: TopicList = cast.owner.get("/api/v1/topics").await;
    server.stop();

    // Into an empty folder.
    let b = at("b");
    let dry = done(&[
        "import",
        "--dry-run",
        "--data",
        text(&b),
        text(&at("a.zip")),
    ]);
    assert!(dry.contains("is sound") && dry.contains("读书会"), "{dry}");
    assert!(!b.exists(), "a dry run leaves nothing");
    let told = imported(text(&b), &at("a.zip"));
    assert!(
        told.contains("the circle 读书会") && told.contains("password-link"),
        "{told}"
    );
    hold_equal(&a, &exported(&["--circle"], text(&b), &at("b.zip")));
    let again = imported(text(&b), &at("a.zip"));
    assert!(again.contains("is here already"), "{again}");
    hold_equal(&a, &exported(&["--circle"], text(&b), &at("b2.zip")));

    // And from there into PostgreSQL.
    let (_, url) = Postgres::shared().schema();
    let set = format!("store.url={url}");
    let c = at("c");
    done(&[
        "import",
        "--data",
        text(&c),
        "--set",
        &set,
        text(&at("b.zip")),
    ]);
    let twice = done(&[
        "import",
        "--data",
        text(&c),
        "--set",
        &set,
        text(&at("b.zip")),
    ]);
    assert!(twice.contains("is here already"), "{twice}");
    done(&[
        "export",
        "--circle",
        "--data",
        text(&c),
        "--set",
        &set,
        text(&at("c.zip")),
    ]);
    hold_equal(&a, &files_of(&at("c.zip")));

    // People get in by a link, and find everything where it was.
    let link = done(&["password-link", "圈主", "--data", text(&b)]);
    let (_, link) = link
        .lines()
        .next()
        .and_then(|it| it.split_once('#'))
        .expect("a link");
    let server = Server::start_in(&b);
    assert!(server.code.is_none(), "it is set up");
    let visitor = Person::new(&server);
    let wish = json!({ "name": "圈主", "password": PASSWORD });
    let no = visitor.refused(Method::POST, "/api/v1/sign-in", &wish);
    assert_eq!(no.await, "sign_in_failed");
    let wish = json!({ "link": link, "password": PASSWORD });
    let _: Value = visitor.post("/api/v1/password", &wish).await;
    let owner = server.sign_in("圈主").await;
    let listed: TopicList = owner.get("/api/v1/topics").await;
    let plain = |it: &TopicList| {
        let one = |it: &TopicCard| {
            let it = it.clone();
            (
                it.room, it.topic, it.excerpt, it.replies, it.likes, it.last_ms, it.last_by,
            )
        };
        it.topics.iter().map(one).collect::<Vec<_>>()
    };
    assert_eq!(plain(&listed), plain(&topics));
    let ended: EndedList = owner.get("/api/v1/lately").await;
    assert_eq!(ended.ended.len(), 1);
    let recap = listed
        .topics
        .iter()
        .find(|it| it.topic.title == "今晚的回顾")
        .expect("it is there");
    let recap: TopicCard = owner.get(&format!("/api/v1/topics/{}", recap.room)).await;
    assert_eq!(
        recap.from.expect("credit").source.expect("words").quotes[0].text,
        "今晚几点？"
    );
    // Found as everything is: by its words.
    let found = async {
        loop {
            let hits: Value = owner.get("/api/v1/search?q=几点").await;
            if hits["hits"].as_array().is_some_and(|it| !it.is_empty()) {
                break;
            }
        }
    };
    tokio::time::timeout(support::SOON, found)
        .await
        .expect("found");
    // And it goes on.
    let mut line = owner.connect("phone").await;
    let a = line.join("hall", None).await.expect("joined").a;
    line.say(a, "又见面了").await.expect("said");
    let acts: ActList = owner.get("/api/v1/audit").await;
    assert!(acts.acts.iter().any(|it| it.what == "import"));
}

/// A server that has other things takes a topic in; what came later comes in later; what went apart is refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_adds_what_is_missing_and_nothing_else() {
    let mut server = Server::start();
    let cast = furnish(&mut server).await;
    let folder = TempDir::new().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let data = text(&server.folder).to_owned();
    let (slug, one, two) = (cast.question.room.as_str(), at("1.zip"), at("2.zip"));
    exported(&["--topic", slug], &data, &one);
    let exists = refused(&["export", "--topic", slug, "--data", &data, text(&one)]);
    assert!(exists.contains("is there already"), "{exists}");
    let none = refused(&["export", "--topic", "nowhere", "--data", &data, text(&two)]);
    assert!(
        none.contains("there is no topic or room \"nowhere\" here"),
        "{none}"
    );
    // More is said, and something said before is changed and deleted.
    let mut line = cast.ming.connect("phone").await;
    let a = on_topic::join(&mut line, &cast.question).await.a;
    let more = line.say(a, "还有一件事").await.expect("said").s;
    let change = |of, text: &str| {
        let (cid, text) = (new_client_id(), text.to_owned());
        move |i| ClientFrame::Edit {
            i,
            a,
            cid,
            of,
            text,
        }
    };
    line.request(change(2, "想问：几点？"))
        .await
        .expect("edited");
    let gone = line.say(a, "说错了").await.expect("said").s;
    let (cid, of) = (new_client_id(), gone);
    line.request(|i| ClientFrame::Delete { i, a, cid, of })
        .await
        .expect("deleted");
    exported(&["--topic", slug], &data, &two);
    let running = refused(&["import", "--data", &data, text(&one)]);
    assert!(running.contains("another server has"), "{running}");
    server.stop();

    // No circle, no topics.
    let other = at("other");
    let bare = refused(&["import", "--data", text(&other), text(&one)]);
    assert!(bare.contains("no circle yet"), "{bare}");
    let mut elsewhere = Server::start_in(&other);
    let owner = elsewhere.set_up().await;
    elsewhere.sign_up("小明").await;
    elsewhere.stop();
    let data = text(&other);
    let told = imported(data, &one);
    assert!(
        told.contains("the name 小明 was taken: this one is 小明 2"),
        "{told}"
    );
    let told = imported(data, &two);
    assert!(told.contains("1 with something new"), "{told}");
    exported(&["--topic", slug], data, &at("3.zip"));
    let (ours, theirs) = (files_of(&two), files_of(&at("3.zip")));
    for (name, content) in ours
        .iter()
        .filter(|it| !["manifest.json", "people.jsonl"].contains(&it.0.as_str()))
    {
        assert_eq!(
            String::from_utf8_lossy(content),
            String::from_utf8_lossy(&theirs[name]),
            "{name}"
        );
    }
    let people = lines(&theirs, "people.jsonl");
    assert!(people.iter().all(|it| it["role"] == "member"), "{people:?}");
    let older = imported(data, &one);
    assert!(
        older.contains("is here already"),
        "what is ahead is left alone: {older}"
    );

    // It goes on in both places: they cannot be one any more.
    elsewhere.restart();
    let owner = owner_again(&elsewhere, owner).await;
    let card: TopicCard = owner.get(&format!("/api/v1/topics/{slug}")).await;
    assert_eq!(card.excerpt, "想问：几点？");
    let mut line = owner.connect("phone").await;
    let a = on_topic::join(&mut line, &card).await.a;
    line.say(a, "在这里说的").await.expect("said");
    elsewhere.stop();
    server.restart();
    let ming = server.sign_in("小明").await;
    let mut line = ming.connect("phone").await;
    let a = on_topic::join(&mut line, &cast.question).await.a;
    line.say(a, "在那里说的").await.expect("said");
    line.say(a, "又一句").await.expect("said");
    let four = at("4.zip");
    let home = text(&server.folder).to_owned();
    exported(&["--topic", slug], &home, &four);
    let apart = refused(&["import", "--data", data, text(&four)]);
    assert!(apart.contains("in another way"), "{apart}");
    assert!(more > 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_rooms_address_is_not_taken_and_a_board_comes_with_its_topics() {
    let mut server = Server::start();
    let cast = furnish(&mut server).await;
    let folder = TempDir::new().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let data = text(&server.folder).to_owned();
    exported(&["--topic", "hall"], &data, &at("hall.zip"));
    let board = fetched(&cast.owner, "/api/v1/boards/news/export").await;
    hold_equal(
        &board,
        &exported(&["--board", "news"], &data, &at("news.zip")),
    );
    assert_eq!(lines(&board, "boards.jsonl").len(), 1);
    server.stop();

    let other = at("other");
    let mut elsewhere = Server::start_in(&other);
    let owner = elsewhere.set_up().await;
    owner.make_room("hall").await;
    elsewhere.stop();
    let data = text(&other);
    let taken = refused(&["import", "--data", data, text(&at("hall.zip"))]);
    assert!(
        taken.contains("hall is the address of another room here"),
        "{taken}"
    );
    imported(data, &at("news.zip"));
    let again = exported(&["--board", "news"], data, &at("again.zip"));
    for name in board
        .keys()
        .filter(|it| it.starts_with("records/") || it.starts_with("media/"))
    {
        assert_eq!(board[name], again[name], "{name}");
    }
}

async fn owner_again(server: &Server, was: Person) -> Person {
    drop(was);
    server.sign_in("圈主").await
}

/// Who erased their account goes along as nobody, and no archive of before brings their name back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn data5_an_erased_account_comes_along_without_a_name_and_none_comes_back() {
    let mut server = Server::start();
    let cast = furnish(&mut server).await;
    let folder = TempDir::new().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let data = text(&server.folder).to_owned();
    let export = |data: &str, file: &str| exported(&["--circle"], data, &at(file));
    let before = export(&data, "before.zip");
    let holds = |files: &archives::Files, name: &str| {
        let is_in = |it: &Vec<u8>| it.windows(name.len()).any(|it| it == name.as_bytes());
        files
            .iter()
            .filter(|it| is_in(it.1))
            .map(|it| it.0.clone())
            .collect::<Vec<_>>()
    };
    // As a value: what others said of them in their own words stays.
    let name = "\"小明\"";
    let people = lines(&before, "people.jsonl");
    let line = people
        .iter()
        .find(|it| it["name"] == "小明")
        .expect("a member");
    let id = line["id"].clone();
    assert!(holds(&before, name).len() > 1, "they took part");

    let wish = json!({ "password": PASSWORD, "writings": "keep" });
    let answer = cast
        .ming
        .request(Method::DELETE, "/api/v1/me")
        .json(&wish)
        .send()
        .await;
    assert_eq!(answer.expect("answered").status().as_u16(), 202);
    server.stop();
    let after = export(&data, "after.zip");
    assert_eq!(holds(&after, name), Vec::<String>::new());
    let people = lines(&after, "people.jsonl");
    let nobody = people.iter().find(|it| it["id"] == id).expect("a line");
    assert_eq!(nobody["name"], "");

    let b = at("b");
    imported(text(&b), &at("after.zip"));
    hold_equal(&after, &export(text(&b), "b.zip"));
    for place in [&data, text(&b)] {
        imported(place, &at("before.zip"));
        hold_equal(&after, &export(place, "again.zip"));
        std::fs::remove_file(at("again.zip")).expect("it is there");
    }
}
