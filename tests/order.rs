//! Order in the room, whole: rules and review, a delete that is taken back, kicks, and bans that hold.

mod support;

use std::{net::SocketAddr, time::Duration};

use protocol::{
    ClientFrame, Code, MemberId, RoomNumber,
    client::ReviewAct,
    server::{AckKind, Body, HeldWhy, LinkRule, Push, Reply, Rules},
};
use reqwest::Method;
use support::{Person, Server};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use weiquan_client::{Connection, Error, new_client_id};

const SOON: Duration = Duration::from_secs(5);

async fn act(
    line: &mut Connection,
    make: impl FnOnce(u32, protocol::ClientId) -> ClientFrame,
) -> Result<Reply, Code> {
    let cid = new_client_id();
    match line.request(|i| make(i, cid)).await {
        Ok(reply) => Ok(reply),
        Err(Error::Refused(refusal)) => Err(refusal.code),
        Err(error) => panic!("{error}"),
    }
}

fn ban(a: RoomNumber, who: MemberId) -> impl FnOnce(u32, protocol::ClientId) -> ClientFrame {
    move |i, cid| ClientFrame::Ban {
        i,
        a,
        cid,
        who,
        for_ms: None,
        reason: String::new(),
    }
}

fn say(a: RoomNumber, text: &str) -> impl FnOnce(u32, protocol::ClientId) -> ClientFrame {
    let text = text.to_owned();
    move |i, cid| ClientFrame::Pub {
        i,
        a,
        cid,
        text,
        re: None,
        question: false,
        card: None,
        to: Vec::new(),
    }
}

/// The next push that this finds something in.
async fn hear<T>(line: &mut Connection, mut find: impl FnMut(&Push) -> Option<T>) -> T {
    let found = async {
        loop {
            let push = line.next_push().await.expect("the line holds");
            if let Some(it) = find(&push) {
                return it;
            }
        }
    };
    timeout(SOON, found)
        .await
        .expect("heard within a second or two")
}

fn body(push: &Push, which: impl Fn(&Body) -> bool) -> Option<Body> {
    let Push::Ev { ev, .. } = push else {
        return None;
    };
    ev.iter().map(|it| &it.body).find(|it| which(it)).cloned()
}

async fn enter(person: &Person, device: &str) -> (Connection, RoomNumber) {
    let mut line = person.connect(device).await;
    let a = line.join("tea", None).await.expect("let in").a;
    (line, a)
}

fn ack(reply: Result<Reply, Code>) -> (u64, AckKind) {
    match reply {
        Ok(Reply::Ack(it)) => (it.s, it.v),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn o4_o5_a_held_message_waits_for_who_runs_the_room_over_a_restart() {
    let mut server = Server::start();
    let owner = server.set_up().await;
    owner.make_room("tea").await;
    let ann = server.sign_up("ann").await;
    let (mut host, a) = enter(&owner, "o").await;
    let (mut writer, _) = enter(&ann, "a").await;
    let rules = Rules {
        hold: vec!["加微信".into()],
        refuse: vec!["代开发票".into()],
        links: LinkRule::Refuse,
        ..Rules::default()
    };
    ack(act(&mut host, |i, cid| ClientFrame::SetRules {
        i,
        a,
        cid,
        rules,
    })
    .await);
    let say = |text| say(a, text);
    assert_eq!(
        act(&mut writer, say("代.开.發.票")).await,
        Err(Code::WordRefused)
    );
    assert_eq!(
        act(&mut writer, say("hxxp://evil.top")).await,
        Err(Code::LinkRefused)
    );
    let (held, v) = ack(act(&mut writer, say("加 微 信 secret-of-ann")).await);
    assert_eq!(v, AckKind::Held);
    let item = hear(&mut host, |it| match it {
        Push::Held { item, .. } => Some(item.clone()),
        _ => None,
    })
    .await;
    assert_eq!((item.s, item.u.name.as_str()), (held, "ann"));

    server.kill();
    server.restart();
    let (mut host, _) = enter(&owner, "o").await;
    let (mut writer, _) = enter(&ann, "a").await;
    let Ok(Reply::HeldPage(page)) =
        act(&mut host, |i, _| ClientFrame::Held { i, a, after: None }).await
    else {
        panic!("a page of what waits");
    };
    assert_eq!(page.held, [item]);
    let review = |i, cid| ClientFrame::Review {
        i,
        a,
        cid,
        of: held,
        act: ReviewAct::Allow,
        reason: String::new(),
    };
    ack(act(&mut host, review).await);
    let shown = hear(&mut writer, |it| {
        body(it, |it| matches!(it, Body::Msg { .. }))
    })
    .await;
    assert!(
        matches!(shown, Body::Msg { text, held: Some(of), .. } if text == "加 微 信 secret-of-ann" && of == held)
    );
}

#[tokio::test]
async fn o7_a_delete_is_taken_back_and_o8_a_kick_is_told_to_every_device() {
    let server = Server::start();
    let owner = server.set_up().await;
    owner.make_room("tea").await;
    let ann = server.sign_up("ann").await;
    let (mut host, a) = enter(&owner, "o").await;
    let (mut first, _) = enter(&ann, "phone").await;
    let (mut second, _) = enter(&ann, "laptop").await;
    let seq = first.say(a, "手滑").await.expect("said").s;
    ack(act(&mut host, |i, cid| ClientFrame::Delete {
        i,
        a,
        cid,
        of: seq,
    })
    .await);
    hear(&mut second, |it| {
        body(it, |it| matches!(it, Body::Delete { of } if *of == seq))
    })
    .await;
    ack(act(&mut host, |i, cid| ClientFrame::Undelete {
        i,
        a,
        cid,
        of: seq,
    })
    .await);
    let back = hear(&mut second, |it| {
        body(it, |it| matches!(it, Body::Restore { .. }))
    })
    .await;
    assert!(matches!(back, Body::Restore { of, text, .. } if of == seq && text == "手滑"));
    let who: MemberId = ann.id();
    ack(act(&mut host, |i, cid| ClientFrame::Kick {
        i,
        a,
        cid,
        who,
        reason: "冷静".into(),
    })
    .await);
    for line in [&mut first, &mut second] {
        let why = hear(line, |it| match it {
            Push::Out { why, .. } => Some(why.clone()),
            _ => None,
        })
        .await;
        assert_eq!(why.code, Code::Kicked);
        assert!(why.ms.is_some_and(|it| it <= 60_000), "{why:?}");
    }
    let refused = first.join("tea", None).await;
    assert!(matches!(refused, Err(Error::Refused(it)) if it.code == Code::Kicked));
}

#[tokio::test(flavor = "multi_thread")]
async fn s7_who_keeps_order_finds_somebody_among_those_who_are_here() {
    let server = Server::start();
    let owner = server.set_up().await;
    owner.make_room("tea").await;
    let (mut keeper, a) = enter(&owner, "keeper").await;
    let (mut ann, _) = enter(&server.sign_up("ann").await, "phone").await;
    let _ben = enter(&server.sign_up("Ben").await, "phone").await;
    let page = |q: Option<&str>, after| {
        let q = q.map(str::to_owned);
        move |i, _| ClientFrame::Who {
            i,
            a,
            q,
            after,
            n: 2,
        }
    };
    let names = |reply| match reply {
        Reply::Who(page) => {
            let here: Vec<String> = page.here.into_iter().map(|it| it.name).collect();
            (here, page.next)
        }
        other => panic!("{other:?}"),
    };
    let (mut all, next) = names(act(&mut ann, page(None, None)).await.expect("told"));
    let (rest, end) = names(act(&mut ann, page(None, next)).await.expect("told"));
    all.extend(rest);
    all.sort();
    assert_eq!((all.len(), end), (3, None), "{all:?}");
    let (found, _) = names(
        act(&mut keeper, page(Some("ｂＥｎ"), None))
            .await
            .expect("told"),
    );
    assert_eq!(found, ["Ben"]);
    let refused = act(&mut ann, page(Some("ben"), None)).await;
    assert_eq!(refused, Err(Code::NotPermitted));
}

#[tokio::test]
async fn o10_a_banned_device_is_refused_under_another_name() {
    let server = Server::start();
    let owner = server.set_up().await;
    owner.make_room("tea").await;
    let (ann, bob) = (server.sign_up("ann").await, server.sign_up("bob").await);
    let (mut host, a) = enter(&owner, "o").await;
    let device = "0194c7e2-0000-7000-8000-0123456789ab";
    let (_spam, _) = enter(&ann, &format!("{device}.tab1")).await;
    ack(act(&mut host, ban(a, ann.id())).await);
    let mut again = bob.connect(&format!("{device}.tab2")).await;
    let refused = again.join("tea", None).await;
    assert!(matches!(refused, Err(Error::Refused(it)) if it.code == Code::Banned));
    let (_elsewhere, _) = enter(&bob, "0194c7e2-0000-7000-8000-ffffffffffff.tab1").await;
}

/// A proxy of this machine that says where its people come from.
async fn proxy_for(server: &Server, from: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let (proxy, server) = (listener.local_addr().expect("bound"), server.address);
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut far = TcpStream::connect(server).await.expect("connects");
                let mut line = Vec::new();
                while !line.ends_with(b"\r\n") {
                    line.push(near.read_u8().await.expect("a request"));
                }
                line.extend(format!("x-forwarded-for: {from}\r\n").bytes());
                far.write_all(&line).await.expect("sent");
                // It ends with whoever goes first.
                let _ = copy_bidirectional(&mut near, &mut far).await;
            });
        }
    });
    proxy
}

#[tokio::test]
async fn o11_what_a_newcomer_says_from_a_banned_network_is_held() {
    let server = Server::start();
    let owner = server.set_up().await;
    owner.make_room("tea").await;
    let [ann, bob, eve] = ["ann", "bob", "eve"].map(|name| server.sign_up(name));
    let (ann, bob, eve) = (ann.await, bob.await, eve.await);
    let (mut host, a) = enter(&owner, "o").await;
    let enter_by = async |proxy, person: &Person, device: &str| {
        let mut line = Connection::open(proxy, None).await.expect("connects");
        line.hello(&person.token, device).await.expect("welcome");
        line.join("tea", None).await.expect("let in");
        line
    };
    let (near, beside, far) = (
        proxy_for(&server, "203.0.113.7").await,
        proxy_for(&server, "203.0.113.200").await,
        proxy_for(&server, "198.51.100.7").await,
    );
    let _spam = enter_by(near, &ann, "0194c7e2-0000-7000-8000-0123456789ab.1").await;
    ack(act(&mut host, ban(a, ann.id())).await);
    // Many share a network: whoever is new there is heard once somebody has looked, and is let in.
    let mut bob = enter_by(beside, &bob, "0194c7e2-0000-7000-8000-aaaaaaaaaaaa.1").await;
    assert_eq!(ack(act(&mut bob, say(a, "大家好")).await).1, AckKind::Held);
    let why = hear(&mut host, |it| match it {
        Push::Held { item, .. } => Some(item.why),
        _ => None,
    });
    assert_eq!(why.await, HeldWhy::Network);
    let mut eve = enter_by(far, &eve, "0194c7e2-0000-7000-8000-bbbbbbbbbbbb.1").await;
    assert_ne!(ack(act(&mut eve, say(a, "大家好")).await).1, AckKind::Held);
}

#[tokio::test]
async fn o13_acts_are_written_down_for_staff_and_whom_they_concern_and_the_chain_holds() {
    let mut server = Server::start();
    let owner = server.set_up().await;
    owner.make_room("tea").await;
    let ann = server.sign_up("ann").await;
    let (mut host, a) = enter(&owner, "o").await;
    let (_ann, _) = enter(&ann, "a").await;
    let who = ann.id();
    let mute = |i, cid| ClientFrame::Mute {
        i,
        a,
        cid,
        who,
        for_ms: 600_000,
        reason: "刷屏".into(),
    };
    ack(act(&mut host, mute).await);
    let seen: protocol::rest::ActList = owner.get("/api/v1/audit").await;
    let line = seen.acts.first().expect("a line");
    assert_eq!((line.what.as_str(), line.why.as_str()), ("mute", "刷屏"));
    assert_eq!(line.whom.as_ref().map(|it| it.name.as_str()), Some("ann"));
    let own: protocol::rest::ActList = ann.get("/api/v1/penalties").await;
    assert_eq!(own.acts, seen.acts, "who was muted sees it");

    let audit = |what: &str| {
        let run = std::process::Command::new(env!("CARGO_BIN_EXE_weiquan"))
            .args(["audit", what, "--data"])
            .arg(&server.folder)
            .output()
            .expect("the command runs");
        (
            run.status.code(),
            String::from_utf8(run.stdout).expect("text"),
        )
    };
    let (code, words) = audit("verify");
    assert_eq!(
        (code, words.trim()),
        (Some(0), "the audit log is whole: 1 lines")
    );
    assert!(
        audit("list").1.contains("mute ann until"),
        "{}",
        audit("list").1
    );
    server.stop();
}

#[tokio::test]
async fn o13_acts_outside_a_room_are_lines_as_well() {
    let server = Server::start();
    let owner = server.set_up().await;
    owner.make_room("tea").await;
    let key = owner.make_stream_key("tea").await;
    let address = format!("/api/v1/rooms/tea/stream-keys/{}", key.id);
    let revoke = owner.request(Method::DELETE, &address).send();
    assert_eq!(revoke.await.expect("an answer").status(), 204);
    let ann = server.sign_up("ann").await;
    let everywhere = protocol::rest::SignOut { everywhere: true };
    let out = ann.request(Method::POST, "/api/v1/sign-out");
    let out = out.json(&everywhere).send();
    assert_eq!(out.await.expect("an answer").status(), 204);
    let seen: protocol::rest::ActList = owner.get("/api/v1/audit").await;
    let lines: Vec<_> = seen
        .acts
        .iter()
        .map(|it| (it.by.name.as_str(), it.what.as_str(), it.why.as_str()))
        .collect();
    let expected = [
        ("ann", "sign_out_everywhere", ""),
        ("圈主", "revoke_stream_key", "test"),
        ("圈主", "stream_key", "test"),
    ];
    assert_eq!(lines, expected);
}

/// Whoever has the file can change it, and cannot hide it.
#[tokio::test]
async fn o13_a_line_that_somebody_changed_in_the_file_is_named_by_the_program() {
    let mut server = Server::start();
    let owner = server.set_up().await;
    owner.make_room("tea").await;
    for _ in 0..2 {
        owner.make_stream_key("tea").await;
    }
    server.stop();
    let verify = || {
        let run = std::process::Command::new(env!("CARGO_BIN_EXE_weiquan"))
            .args(["audit", "verify", "--data"])
            .arg(&server.folder)
            .output()
            .expect("the command runs");
        let words = String::from_utf8(run.stdout).expect("text");
        (run.status.success(), words.trim().to_owned())
    };
    assert_eq!(verify(), (true, "the audit log is whole: 2 lines".into()));
    let file = rusqlite::Connection::open(server.folder.join("weiquan.db")).expect("the file");
    let change = "UPDATE audit SET why = 'vMix' WHERE number = 2";
    assert!(file.execute(change, []).is_err(), "not by mistake");
    file.execute_batch(&format!(
        "DROP TRIGGER audit_is_not_changed; DROP TRIGGER audit_names_only_go; {change}"
    ))
    .expect("whoever has the file can");
    drop(file);
    let (holds, words) = verify();
    assert!(
        !holds && words.starts_with("line 2 of the audit log"),
        "{words}"
    );
}
