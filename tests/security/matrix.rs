//! Who may do what on the socket: every op by every role, each cell with its one answer.

use std::collections::{BTreeMap, BTreeSet};

use protocol::{RoomNumber, rest::MemberRole, server::Outcome};
use serde_json::{Value, json};
use tokio::time::timeout;
use weiquan_client::{Connection, Incoming};

use crate::support::{Person, SOON, Server};

/// Of the columns below, in their order.
pub const ROLES: [&str; 6] = ["guest", "member", "host", "moderator", "owner", "banned"];

/// An op, what more it is said with, and the answer to each role. `cid` and `a` are added where the op
/// has them. A cell that is not `ok` names the code of the refusal.
const TABLE: &[(&str, &str, [&str; 6])] = {
    const NO: &str = "not_permitted";
    const BANNED: &str = "banned";
    const GONE: &str = "no_such_message";
    /// Everybody in the room.
    const fn all(it: &'static str) -> [&'static str; 6] {
        [it, it, it, it, it, BANNED]
    }
    /// What one reads in the room that one is in.
    const fn read(it: &'static str) -> [&'static str; 6] {
        [it, it, it, it, it, "not_joined"]
    }
    /// Those who run the room; everybody else is refused.
    const fn run(it: &'static str) -> [&'static str; 6] {
        [NO, NO, it, it, it, BANNED]
    }
    /// Whatever one is: it is about no room.
    const fn any(it: &'static str) -> [&'static str; 6] {
        [it; 6]
    }
    &[
        ("hello", r#"{"token":"x","device":"x"}"#, any("malformed")),
        (
            "join",
            r#"{"room":"hall"}"#,
            ["ok", "ok", "ok", "ok", "ok", "banned"],
        ),
        (
            "join",
            r#"{"room":"inner"}"#,
            ["guests_not_allowed", "ok", "ok", "ok", "ok", "ok"],
        ),
        ("join", r#"{"room":"nowhere"}"#, any("not_found")),
        ("pub", r#"{"text":"x"}"#, all("ok")),
        ("pub", r#"{"text":"x","question":true}"#, all("ok")),
        (
            "edit",
            r#"{"of":1,"text":"x"}"#,
            [NO, NO, NO, NO, "ok", BANNED],
        ),
        ("delete", r#"{"of":2}"#, [NO, NO, "ok", GONE, GONE, BANNED]),
        ("delete", r#"{"of":1}"#, [NO, NO, NO, NO, "ok", BANNED]),
        ("history", r#"{"n":5}"#, read("ok")),
        ("roster", "{}", read("ok")),
        ("who", r#"{"n":5}"#, read("ok")),
        (
            "who",
            r#"{"n":5,"q":"x"}"#,
            [NO, NO, "ok", "ok", "ok", "not_joined"],
        ),
        ("questions", "{}", read("ok")),
        ("mute", r#"{"who":"$target","for_ms":1}"#, run("ok")),
        ("mute", r#"{"who":"$owner","for_ms":1}"#, all(NO)),
        ("mute", r#"{"who":"$self","for_ms":1}"#, all(NO)),
        ("unmute", r#"{"who":"$never"}"#, run("not_found")),
        ("ban", r#"{"who":"$target","for_ms":1}"#, run("ok")),
        ("ban", r#"{"who":"$owner","for_ms":1}"#, all(NO)),
        ("unban", r#"{"who":"$never"}"#, run("not_found")),
        ("slow_mode", r#"{"gap_ms":0}"#, run("ok")),
        ("mode", r#"{"mode":"open"}"#, run("ok")),
        ("pin", r#"{"text":"x"}"#, run("ok")),
        (
            "question",
            r#"{"of":1,"act":"pick"}"#,
            run("no_such_question"),
        ),
        ("broadcast", r#"{"act":"pause"}"#, run("no_broadcast")),
        // This room is no topic.
        (
            "topic",
            r#"{"act":{"do":"lock","on":true}}"#,
            all("wrong_phase"),
        ),
        ("offer", r#"{"role":"view","sdp":"x"}"#, all("sdp_invalid")),
        (
            "offer",
            r#"{"role":"publish","sdp":"x"}"#,
            run("sdp_invalid"),
        ),
        (
            "restart",
            r#"{"peer":"v0-1","sdp":"x"}"#,
            any("no_such_peer"),
        ),
        (
            "show",
            r#"{"peer":"v0-1","video":true}"#,
            any("no_such_peer"),
        ),
        ("resume", r#"{"peer":"v0-1"}"#, any("no_such_peer")),
        ("close", r#"{"peer":"v0-1"}"#, any("no_such_peer")),
        (
            "co_host",
            r#"{"who":"$target","on":true}"#,
            run("no_broadcast"),
        ),
        ("kick", r#"{"who":"$target"}"#, run("ok")),
        ("kick", r#"{"who":"$owner"}"#, all(NO)),
        ("undelete", r#"{"of":9999}"#, all(GONE)),
        ("hold", r#"{"of":9999}"#, run(GONE)),
        ("held", "{}", [NO, NO, "ok", "ok", "ok", NO]),
        ("review", r#"{"of":9999,"act":"allow"}"#, run(GONE)),
        ("rules", "{}", [NO, NO, "ok", "ok", "ok", NO]),
        ("set_rules", r#"{"rules":{"links":"allow"}}"#, run("ok")),
        (
            "poll",
            r#"{"question":"","options":["a","b"]}"#,
            run("empty"),
        ),
        ("close_poll", r#"{"of":9999}"#, run("poll_closed")),
        ("vote", r#"{"of":9999,"picks":[0]}"#, all("poll_closed")),
        ("like", r#"{"of":9999,"on":true}"#, all(GONE)),
        ("liked", r#"{"from":1,"to":2}"#, read("ok")),
        ("thread", r#"{"of":1,"n":5}"#, read("ok")),
        ("leave", "{}", any("ok")),
    ]
};

/// Ops without an answer: there is nothing to be refused.
const SILENT: &[&str] = &["burst", "candidate", "ping", "pong", "typing", "watched"];

/// The people of every role, and whom they act upon.
pub struct Cast {
    pub by_role: Vec<Person>,
    pub target: Person,
    /// Never muted nor banned.
    pub never: Person,
}

/// A server with a room that one of each role may want something of.
pub async fn cast(server: &Server) -> Cast {
    let owner = server.set_up().await;
    let host = server.sign_up("Host").await;
    host.make_room("hall").await;
    let members_only = json!({"title": "inner", "guests": false, "slug": "inner"});
    let _: Value = owner.post("/api/v1/rooms", &members_only).await;
    let moderator = server.sign_up("Mo").await;
    let path = format!("/api/v1/members/{}/role", moderator.id());
    let put = owner.request(reqwest::Method::PUT, &path);
    let wish = protocol::rest::RoleWish {
        role: MemberRole::Moderator,
    };
    let put = put.json(&wish).send().await.expect("answered");
    assert_eq!(put.status(), 200);
    let mut guest = Person::new(server);
    let device = "a secret of a device, made by itself";
    let made = json!({"device": device, "name": "Guest"});
    let token: protocol::rest::Token = guest.post("/api/v1/guests", &made).await;
    guest.token = token.token;
    guest.me = Some(token.me);
    let member = server.sign_up("Member").await;
    let banned = server.sign_up("Banned").await;
    let (target, never) = (
        server.sign_up("Target").await,
        server.sign_up("Never").await,
    );

    // The first message is the owner's, the second a member's.
    let mut line = owner.connect("set-up").await;
    let a = line.join("hall", None).await.expect("joined").a;
    line.say(a, "the owner's").await.expect("said");
    for other in [&target, &never, &banned] {
        let mut line = other.connect("set-up").await;
        let a = line.join("hall", None).await.expect("joined").a;
        line.say(a, "a member's").await.expect("said");
    }
    let who = banned.id();
    let ban = json!({"op": "ban", "a": a, "cid": cid(), "who": who});
    assert_eq!(answer(&mut line, ban).await, "ok");
    Cast {
        by_role: vec![guest, member, host, moderator, owner, banned],
        target,
        never,
    }
}

fn cid() -> String {
    weiquan_client::new_client_id().as_str().to_owned()
}

/// Says it, and `ok` or the code of its refusal.
async fn answer(line: &mut Connection, mut frame: Value) -> String {
    let i = line.next_request();
    frame["i"] = i.into();
    line.send_text(frame.to_string()).await.expect("sent");
    let heard = async {
        loop {
            match line.next().await.expect("it stays connected") {
                Incoming::Answer(answer) if answer.i == i => return answer.outcome,
                _ => {}
            }
        }
    };
    match timeout(SOON, heard).await.expect("in time") {
        Outcome::Ok(_) => "ok".to_owned(),
        Outcome::Err(refusal) => refusal.code.as_str().to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s23_every_op_by_every_role_has_its_one_answer() {
    let server = Server::start();
    let cast = cast(&server).await;
    let mut wrong = Vec::new();
    let mut cells = 0;
    for (role, person) in cast.by_role.iter().enumerate() {
        let mut line = person.connect("matrix").await;
        // The banned one knows the number of the room from before.
        let a: RoomNumber = match line.join("hall", None).await {
            Ok(joined) => joined.a,
            Err(_) => 1,
        };
        for (op, more, expected) in TABLE {
            let text = more
                .replace("$target", cast.target.id().as_str())
                .replace("$never", cast.never.id().as_str())
                .replace("$owner", cast.by_role[4].id().as_str())
                .replace("$self", person.id().as_str());
            let mut frame: Value = serde_json::from_str(&text).expect("JSON");
            frame["op"] = (*op).into();
            frame["a"] = a.into();
            frame["cid"] = cid().into();
            let got = answer(&mut line, frame).await;
            cells += 1;
            if got != expected[role] {
                wrong.push(format!(
                    "{op} {more} by {}: {got}, not {}",
                    ROLES[role], expected[role]
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {cells} cells:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert_eq!(cells, TABLE.len() * ROLES.len());
}

#[test]
fn s23_the_table_has_every_op_of_the_protocol() {
    let known: BTreeSet<String> = protocol::client::ops().collect();
    assert!(known.len() > 20, "{known:?}");
    let of_table = TABLE.iter().map(|it| it.0);
    let held = of_table.chain(SILENT.iter().copied());
    let held: BTreeSet<String> = held.map(str::to_owned).collect();
    assert_eq!(held, known, "each op has a row in TABLE, or no answer");
    let mut rows = BTreeMap::new();
    for (op, ..) in TABLE {
        *rows.entry(op).or_insert(0) += 1;
    }
    assert!(rows.values().all(|it| *it > 0));
}
