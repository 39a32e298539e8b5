//! Letters through the whole server, taken by a real mail server: the address of a member, what they
//! have not seen, a new password, and what happens where the mail server is not there.

mod support;

use std::time::Duration;

use protocol::{
    ClientFrame, Code,
    mail::{Mail, MailLink, MailWish, PasswordForgotten, PasswordWish},
    notices::{NoticeKind, NoticeSettings},
    rest::{ActList, Credentials, Problem, ServerInfo, Token},
};
use reqwest::{Method, StatusCode};
use serde::Serialize;
use support::{
    PASSWORD, Person, Server, free_ports,
    sink::{Letter, Papers, Sink, set},
};

/// Long enough for a letter that should not be.
const A_WHILE: Duration = Duration::from_millis(1_500);

/// A server that writes by this port.
fn writing(port: u16, more: &[&str]) -> Server {
    let to = format!("mail.server=localhost:{port}");
    let mut all = vec![
        to.as_str(),
        "mail.from=读书会 <live@circle.example>",
        "mail.after_minutes=0",
    ];
    if !more.iter().any(|it| it.starts_with("mail.tls")) {
        all.push("mail.tls=off");
    }
    all.extend(more);
    Server::start_with(&all)
}

async fn send<B: Serialize>(
    by: &Person,
    method: Method,
    path: &str,
    body: &B,
) -> (StatusCode, String) {
    let answer = by.request(method, path).json(body).send().await;
    let answer = answer.expect("answered");
    (answer.status(), answer.text().await.expect("a body"))
}

fn code((status, text): (StatusCode, String)) -> (u16, Code) {
    let problem: Problem = serde_json::from_str(&text).unwrap_or_else(|it| panic!("{it}: {text}"));
    (status.as_u16(), problem.code)
}

async fn ask(by: &Person, address: &str, lang: &str) -> (StatusCode, String) {
    let wish = MailWish {
        address: address.into(),
        lang: lang.into(),
    };
    send(by, Method::PUT, "/api/v1/mail", &wish).await
}

async fn confirm(server: &Server, link: &str) -> (StatusCode, String) {
    let link = MailLink { link: link.into() };
    let nobody = Person::new(server);
    send(&nobody, Method::POST, "/api/v1/mail/confirm", &link).await
}

/// A member with a confirmed address.
async fn written_to(server: &Server, sink: &Sink, name: &str, address: &str) -> Person {
    let person = server.sign_up(name).await;
    assert_eq!(ask(&person, address, "en").await.0, StatusCode::ACCEPTED);
    let link = sink.letter().after("/mail/confirm#");
    assert_eq!(confirm(server, &link).await.0, StatusCode::OK);
    person
}

async fn mention(by: &Person, whom: &Person, text: &str) {
    let mut line = by.connect("phone").await;
    let a = line.join("hall", None).await.expect("joined").a;
    let said = line.request(|i| ClientFrame::Pub {
        i,
        a,
        cid: uuid::Uuid::now_v7().to_string().into(),
        text: text.to_owned(),
        re: None,
        question: false,
        card: None,
        to: vec![whom.id()],
    });
    said.await.expect("said");
}

#[tokio::test]
async fn l1_an_address_counts_once_its_link_was_opened() {
    let papers = Papers::make("open sesame");
    let (certificate, key) = (&papers.certificate, &papers.key);
    let sink = Sink::start(
        0,
        &[
            "--tls",
            "starttls",
            "--certificate",
            &certificate.display().to_string(),
            "--key",
            &key.display().to_string(),
            "--user",
            "weiquan",
            "--password",
            "open sesame",
        ],
    );
    let server = writing(
        sink.port,
        &[
            "mail.tls=starttls",
            "mail.user=weiquan",
            &set("mail.password_file", &papers.password),
            &set("mail.ca", certificate),
        ],
    );
    server.set_up().await;
    let ann = server.sign_up("Ann").await;
    let info: ServerInfo = ann.get("/api/v1/server").await;
    assert!(info.mail);

    assert_eq!(
        code(ask(&ann, "ann at example.org", "en").await),
        (422, Code::AddressUnfit)
    );
    let (status, text) = ask(&ann, " ann@Example.org ", "zh-CN").await;
    assert_eq!(status, StatusCode::ACCEPTED, "{text}");
    let first = sink.letter();
    assert_eq!(first.to, ["ann@example.org"]);
    assert_eq!(first.sender, "live@circle.example");
    assert!(first.secret && first.user == "weiquan");
    assert_eq!(first.subject, "请确认这是你的邮箱 — 读书会");
    assert!(first.headers["from"].contains("读书会"), "{first:?}");
    assert!(first.text.contains("Ann，你好") && first.html.contains("Ann，你好"));
    let old = first.after("/mail/confirm#");

    // Another address takes its place, and the first link is good no more.
    assert_eq!(
        ask(&ann, "ann@example.com", "en").await.0,
        StatusCode::ACCEPTED
    );
    let second = sink.letter();
    assert_eq!(second.subject, "Is this your address? — 读书会");
    assert_eq!(code(confirm(&server, &old).await), (410, Code::LinkSpent));
    let mail: Mail = ann.get("/api/v1/mail").await;
    assert_eq!(
        (mail.address, mail.asked.as_deref()),
        (None, Some("ann@example.com"))
    );
    let link = second.after("/mail/confirm#");
    assert_eq!(confirm(&server, &link).await.0, StatusCode::OK);
    assert_eq!(code(confirm(&server, &link).await), (410, Code::LinkSpent));
    let mail: Mail = ann.get("/api/v1/mail").await;
    assert_eq!(
        (mail.address.as_deref(), mail.asked, mail.works),
        (Some("ann@example.com"), None, true)
    );

    let gone = ann.request(Method::DELETE, "/api/v1/mail").send().await;
    assert_eq!(gone.expect("answered").status(), StatusCode::OK);
    let mail: Mail = ann.get("/api/v1/mail").await;
    assert_eq!((mail.address, mail.asked), (None, None));
}

#[tokio::test]
async fn l2_what_was_not_seen_comes_as_one_letter_that_one_click_ends() {
    let sink = Sink::start(0, &[]);
    let server = writing(sink.port, &[]);
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    let ann = written_to(&server, &sink, "Ann", "ann@example.org").await;
    let bob = written_to(&server, &sink, "Bob <b>", "bob@example.org").await;
    mention(&bob, &ann, "@Ann 今晚 <b>几点</b>？").await;
    let letter = sink.letter();
    assert_eq!(letter.to, ["ann@example.org"]);
    assert!(
        letter.subject.starts_with("Bob <b> mentioned you — "),
        "{}",
        letter.subject
    );
    assert!(letter.text.contains("@Ann 今晚 <b>几点</b>？"));
    assert!(letter.html.contains("@Ann 今晚 &lt;b&gt;几点&lt;/b&gt;？"));
    assert!(!letter.html.contains("<b>几点"), "{}", letter.html);
    assert_eq!(letter.headers["auto-submitted"], "auto-generated");
    assert!(letter.text.contains(&server.url("/r/hall?s=")));

    // A mail program that ends them knows no cookie and no token.
    let stop = letter.headers["list-unsubscribe"]
        .trim_matches(['<', '>'])
        .to_owned();
    assert_eq!(
        letter.headers["list-unsubscribe-post"],
        "List-Unsubscribe=One-Click"
    );
    let program = reqwest::Client::new();
    let click = |url: String| {
        program
            .post(url)
            .header("content-type", "application/x-www-form-urlencoded")
            .body("List-Unsubscribe=One-Click")
            .send()
    };
    let other = stop.replace(ann.id().as_str(), bob.id().as_str());
    let refused = click(other).await.expect("answered");
    assert_eq!(refused.status(), StatusCode::NOT_FOUND);
    // Looking at it ends nothing: programs that look for bad links do.
    let looked = program.get(&stop).send().await.expect("answered");
    assert_eq!(looked.status(), StatusCode::OK);
    let ways = |of: NoticeSettings| of.ways.into_iter().filter(|it| it.mail).count();
    assert_eq!(ways(ann.get("/api/v1/notices/settings").await), 3);
    let ended = click(stop).await.expect("answered");
    assert_eq!(ended.status(), StatusCode::NO_CONTENT);
    let settings: NoticeSettings = ann.get("/api/v1/notices/settings").await;
    assert!(settings.ways.iter().all(|it| it.push), "{settings:?}");
    assert_eq!(ways(settings), 0);

    // Bob wants replies by mail, but no mentions.
    let mut settings: NoticeSettings = bob.get("/api/v1/notices/settings").await;
    for way in &mut settings.ways {
        way.mail = way.kind == NoticeKind::Reply;
    }
    let put = send(&bob, Method::PUT, "/api/v1/notices/settings", &settings).await;
    assert_eq!(put.0, StatusCode::OK, "{}", put.1);
    mention(&ann, &bob, "@Bob").await;
    mention(&bob, &ann, "@Ann").await;
    sink.stays_empty(A_WHILE);
}

#[tokio::test]
async fn l3_who_forgot_their_password_sets_a_new_one() {
    let sink = Sink::start(0, &[]);
    let server = writing(sink.port, &[]);
    let owner = server.set_up().await;
    let ann = written_to(&server, &sink, "Ann", "ann@example.org").await;
    let nobody = Person::new(&server);
    let forgotten = async |name: &str| {
        let wish = PasswordForgotten {
            name: name.into(),
            lang: "en".into(),
        };
        send(&nobody, Method::POST, "/api/v1/password/forgotten", &wish).await
    };
    // The answer is the same for somebody who is not there, or has no address.
    for name in ["Zoe", "圈主", "ann"] {
        let (status, text) = forgotten(name).await;
        assert_eq!(
            (status, text.as_str()),
            (StatusCode::ACCEPTED, ""),
            "{name}"
        );
    }
    let letter: Letter = sink.letter();
    assert_eq!(letter.to, ["ann@example.org"]);
    assert_eq!(letter.subject, "A new password — 读书会");
    assert!(!letter.headers.contains_key("list-unsubscribe"));
    sink.stays_empty(A_WHILE);

    let link = letter.after("/password#");
    let wish = |password: &str| PasswordWish {
        link: link.clone(),
        password: password.into(),
    };
    let reset = async |password: &str| {
        send(&nobody, Method::POST, "/api/v1/password", &wish(password)).await
    };
    // A word that is too weak does not cost the link.
    assert_eq!(code(reset("short").await), (422, Code::PasswordWeak));
    let mut line = ann.connect("phone").await;
    let (status, text) = reset("a new one that is long").await;
    assert_eq!(status, StatusCode::OK, "{text}");
    let token: Token = serde_json::from_str(&text).expect("signed in");
    assert_eq!(token.me.id, ann.id());
    assert_eq!(
        code(reset("a newer one that is long").await),
        (410, Code::LinkSpent)
    );
    // The link for an address is none for a password.
    let stale = PasswordWish {
        link: format!("{}.1.x", ann.id()),
        password: "a new one that is long".into(),
    };
    let stale = send(&nobody, Method::POST, "/api/v1/password", &stale).await;
    assert_eq!(code(stale), (410, Code::LinkSpent));

    // Everybody who was signed in is out, on the socket too.
    let out = tokio::time::timeout(support::SOON, async {
        while line.next_push().await.is_ok() {}
    });
    out.await.expect("the connection ends");
    let old = send(&ann, Method::GET, "/api/v1/mail", &()).await;
    assert_eq!(code(old), (401, Code::TokenRevoked));
    let sign_in = async |password: &str| {
        let credentials = Credentials {
            name: "Ann".into(),
            password: password.into(),
        };
        let body = send(&nobody, Method::POST, "/api/v1/sign-in", &credentials).await;
        body.0
    };
    assert_eq!(sign_in(PASSWORD).await, StatusCode::UNAUTHORIZED);
    assert_eq!(sign_in("a new one that is long").await, StatusCode::OK);
    let acts: ActList = owner.get("/api/v1/audit").await;
    assert!(
        acts.acts
            .iter()
            .any(|it| it.what == "password_reset" && it.by.id == ann.id()),
        "{acts:?}"
    );
}

#[tokio::test]
async fn l4_what_was_asked_for_waits_for_the_mail_server_and_outlives_a_kill() {
    let port = free_ports(1)[0];
    let mut server = writing(port, &[]);
    server.set_up().await;
    let ann = server.sign_up("Ann").await;
    let (status, text) = ask(&ann, "ann@example.org", "zh-TW").await;
    assert_eq!(status, StatusCode::ACCEPTED, "{text}");
    server.kill();
    let sink = Sink::start(port, &[]);
    server.restart();
    let letter = sink.letter();
    assert_eq!(letter.subject, "請確認這是你的信箱 — 读书会");
    let link = letter.after("/mail/confirm#");
    assert_eq!(confirm(&server, &link).await.0, StatusCode::OK);
    // It went out once.
    server.kill();
    server.restart();
    sink.stays_empty(A_WHILE);
}

#[tokio::test]
async fn l5_letters_are_not_a_weapon() {
    let sink = Sink::start(0, &[]);
    let server = writing(sink.port, &[]);
    server.set_up().await;
    let ann = server.sign_up("Ann").await;
    for n in 0..protocol::limits::LETTERS_PER_HOUR {
        let to = format!("ann{n}@example.org");
        assert_eq!(ask(&ann, &to, "en").await.0, StatusCode::ACCEPTED);
        sink.letter();
    }
    let more = code(ask(&ann, "ann9@example.org", "en").await);
    assert_eq!(more, (429, Code::TooManyTries));

    for n in 0..=protocol::limits::LETTERS_TO_ONE_PER_DAY {
        let one = server.sign_up(&format!("one {n}")).await;
        let asked = ask(&one, "victim@example.org", "en").await;
        if n < protocol::limits::LETTERS_TO_ONE_PER_DAY {
            assert_eq!(asked.0, StatusCode::ACCEPTED);
            sink.letter();
        } else {
            assert_eq!(code(asked), (429, Code::TooManyTries));
        }
    }

    let stranger = Person::new(&server);
    let wish = PasswordForgotten {
        name: "nobody".into(),
        lang: "en".into(),
    };
    let mut asked = 0;
    while send(&stranger, Method::POST, "/api/v1/password/forgotten", &wish)
        .await
        .0
        == StatusCode::ACCEPTED
    {
        asked += 1;
    }
    assert_eq!(asked, protocol::limits::FORGOTTEN_PER_HOUR);

    // A mailbox that is not there is given up; one that is full is tried again, and holds up nobody.
    let bob = server.sign_up("Bob").await;
    assert_eq!(
        ask(&bob, "nobody@example.org", "en").await.0,
        StatusCode::ACCEPTED
    );
    let cat = server.sign_up("Cat").await;
    assert_eq!(
        ask(&cat, "full@example.org", "en").await.0,
        StatusCode::ACCEPTED
    );
    let dan = server.sign_up("Dan").await;
    assert_eq!(
        ask(&dan, "dan@example.org", "en").await.0,
        StatusCode::ACCEPTED
    );
    assert_eq!(sink.letter().to, ["dan@example.org"]);
    let asked = async |of: &Person| of.get::<Mail>("/api/v1/mail").await.asked;
    assert_eq!(asked(&bob).await, None);
    assert_eq!(asked(&cat).await.as_deref(), Some("full@example.org"));
}

#[tokio::test]
async fn l6_a_server_without_mail_says_so() {
    let server = Server::start();
    server.set_up().await;
    let ann = server.sign_up("Ann").await;
    let info: ServerInfo = ann.get("/api/v1/server").await;
    assert!(!info.mail);
    let refused = (409, Code::MailOff);
    assert_eq!(code(ask(&ann, "ann@example.org", "en").await), refused);
    let wish = PasswordForgotten {
        name: "Ann".into(),
        lang: "en".into(),
    };
    let forgotten = send(&ann, Method::POST, "/api/v1/password/forgotten", &wish).await;
    assert_eq!(code(forgotten), refused);
}
