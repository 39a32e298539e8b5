//! The vectors of `docs/vectors`: every client makes the same of the same frames.

use std::time::Duration;

use protocol::{Code, Refusal, server::Outcome};
use serde_json::{Map, Value, json};
use weiquan_client::{AfterClose, AfterRefusal, Incoming, Pace, Room};

fn vectors(name: &str) -> Value {
    let path = format!("{}/../../docs/vectors/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|it| panic!("{path}: {it}"));
    serde_json::from_str(&text).unwrap_or_else(|it| panic!("{path}: {it}"))
}

fn list<'a>(of: &'a Value, name: &str) -> &'a [Value] {
    let found = of[name].as_array().map_or(&[][..], Vec::as_slice);
    assert!(!found.is_empty(), "no {name}");
    found
}

/// The answer to a request as it comes over the wire.
fn answer(ok: &Value) -> protocol::server::Reply {
    let text = json!({"i": 1, "ok": ok}).to_string();
    match Incoming::read(&text).expect("an answer").pop() {
        Some(Incoming::Answer(it)) => match it.outcome {
            Outcome::Ok(reply) => reply,
            Outcome::Err(refusal) => panic!("refused: {refusal}"),
        },
        other => panic!("no answer: {other:?}"),
    }
}

#[test]
fn a_room_is_folded_as_the_vectors_say() {
    for case in list(&vectors("rooms.json"), "cases") {
        let mut room = Room::default();
        for (n, step) in list(case, "steps").iter().enumerate() {
            take(&mut room, step, &format!("{}, step {n}", case["name"]));
        }
    }
}

fn take(room: &mut Room, step: &Value, place: &str) {
    let (what, with) = step
        .as_object()
        .and_then(|it| it.iter().next())
        .expect("a step has one name");
    match what.as_str() {
        "join" => {
            let since = json!(room.position());
            assert_eq!(since, with["since"], "{place}: since");
            match answer(&with["answer"]) {
                protocol::server::Reply::Joined(it) => room.joined(&it),
                other => panic!("{place}: {other:?}"),
            }
        }
        "hear" => {
            for incoming in Incoming::read(&with.to_string()).expect("readable") {
                match incoming {
                    Incoming::Push(push) => room.push(&push),
                    other @ Incoming::Answer(_) => panic!("{place}: {other:?}"),
                }
            }
        }
        "page" => match answer(&with["answer"]) {
            protocol::server::Reply::Page(page) => {
                room.page(with["before"].as_u64().expect("a seq"), &page);
            }
            other => panic!("{place}: {other:?}"),
        },
        "cut" => room.lost(),
        "expect" => expect(room, with.as_object().expect("fields"), place),
        other => panic!("{place}: unknown step {other}"),
    }
}

fn expect(room: &Room, fields: &Map<String, Value>, place: &str) {
    for (name, expected) in fields {
        let seen = match name.as_str() {
            "messages" => messages(room),
            "gaps" => room.gaps.iter().map(|it| json!([it.from, it.to])).collect(),
            "asks" => json!(room.gaps.iter().find(|it| !it.named).map(|it| it.to + 1)),
            "inside" => json!(room.number.is_some()),
            "people" => json!(
                room.roster
                    .as_ref()
                    .map(|all| { all.iter().map(|it| it.name.clone()).collect::<Vec<_>>() })
            ),
            "can" => {
                let mut can = room.can.clone();
                can.sort();
                json!(can)
            }
            "muted" => json!(room.muted_until_ms.is_some()),
            "mark" => json!(room.mark),
            "phase" => json!(room.broadcast.as_ref().map(|it| it.phase)),
            "stage" => json!(room.stage),
            "title" => json!(room.title),
            "count" => json!(room.count),
            "slow_mode_ms" => json!(room.slow_mode_ms),
            other => panic!("{place}: nobody knows what {other} is"),
        };
        assert_eq!(&seen, expected, "{place}: {name}");
    }
}

fn messages(room: &Room) -> Value {
    let shown = room.messages.values().map(|it| {
        let mut shown = json!({"s": it.seq, "text": it.text});
        if let Some(re) = it.re {
            shown["re"] = json!(re);
        }
        if it.edited {
            shown["edited"] = json!(true);
        }
        if it.deleted {
            shown["deleted"] = json!(true);
        }
        if let Some((room, seq)) = &it.moved {
            shown["moved"] = json!({"room": room, "s": seq});
        }
        shown
    });
    shown.collect()
}

#[test]
fn a_refusal_means_what_the_vectors_say() {
    for case in list(&vectors("refusals.json"), "cases") {
        let text = json!({"i": 1, "err": case["refusal"]}).to_string();
        let read = Incoming::read(&text).expect("a refusal").pop();
        let Some(Incoming::Answer(answer)) = read else {
            panic!("{case}: {read:?}");
        };
        let Outcome::Err(refusal) = answer.outcome else {
            panic!("{case}: not refused");
        };
        assert_eq!(json!(refusal.say), case["refusal"]["say"], "{case}");
        let then = AfterRefusal::of(&refusal);
        let name = match then {
            AfterRefusal::Tell => "tell",
            AfterRefusal::SayAgain { .. } => "say_again",
            AfterRefusal::NewToken => "new_token",
            AfterRefusal::Join => "join",
        };
        assert_eq!(json!(name), case["then"], "{case}");
        if let (AfterRefusal::SayAgain { after }, Some(ms)) = (then, case["after_ms"].as_u64()) {
            assert_eq!(after, Duration::from_millis(ms), "{case}");
        }
    }
}

#[test]
fn every_code_of_today_acts_as_the_vectors_say_of_its_act() {
    let vectors = vectors("refusals.json");
    for code in Code::ALL {
        let refusal = Refusal::new(*code, "…");
        let known = list(&vectors, "cases")
            .iter()
            .find(|it| it["refusal"]["code"] == json!(code));
        if let Some(case) = known {
            // `move` is for servers that know another address: no code of today says it.
            let moved = case["refusal"]["act"] == json!("move");
            assert!(
                moved || case["refusal"]["act"] == json!(refusal.act),
                "{case}"
            );
        }
    }
}

#[test]
fn a_close_means_what_the_vectors_say() {
    for case in list(&vectors("closes.json"), "cases") {
        let code = case["code"].as_u64().and_then(|it| u16::try_from(it).ok());
        let name = match AfterClose::of(code.expect("a code")) {
            AfterClose::Reconnect => "reconnect",
            AfterClose::NewToken => "new_token",
            AfterClose::Stop => "stop",
        };
        assert_eq!(json!(name), case["then"], "{case}");
    }
}

#[test]
fn the_waits_are_within_the_vectors_bounds_and_use_them_all() {
    for case in list(&vectors("waits.json"), "cases") {
        let field = |name: &str| case[name].as_u64().expect("a number");
        let failures = u32::try_from(field("failures")).expect("small");
        let bounds = [0.0, 1.0].map(|chance| Pace::PROTOCOL.wait(failures, chance));
        let expected = ["least_ms", "most_ms"].map(|it| Duration::from_millis(field(it)));
        assert_eq!(bounds, expected, "{case}");
    }
}

#[test]
fn a_deflated_message_is_the_text_that_the_vectors_say() {
    let vectors = vectors("deflated.json");
    assert_eq!(vectors["dictionary"], json!(protocol::limits::DICTIONARY));
    let mut inflater = deflate::Inflater::new();
    for case in list(&vectors, "cases") {
        let message = base64(case["message"].as_str().expect("base64"));
        let read = inflater.inflate(&message);
        match (case["text"].as_str(), case["length"].as_u64()) {
            (Some(text), _) => assert_eq!(read, Ok(text.as_bytes()), "{}", case["name"]),
            (_, Some(length)) => assert_eq!(read.map(|it| it.len() as u64), Ok(length)),
            (None, None) => assert!(read.is_err(), "{}", case["name"]),
        }
    }
}

/// RFC 4648, chapter 4.
fn base64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut held, mut bits, mut out) = (0_u32, 0, Vec::new());
    for byte in text.bytes().filter(|it| *it != b'=') {
        let digit = DIGITS.iter().position(|it| *it == byte).expect("a digit");
        held = (held << 6 | u32::try_from(digit).expect("small")) & 0xf_ffff;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push((held >> bits) as u8);
        }
    }
    out
}

#[test]
fn the_server_reads_what_the_vectors_say_and_says_it_alike() {
    let says = vectors("says.json");
    for frame in list(&says, "read") {
        let read = protocol::parse(&frame.to_string())
            .unwrap_or_else(|it| panic!("{frame}: {:?}", it.refusal));
        assert_eq!(json!(read), json!([frame]));
    }
    for case in list(&says, "refused") {
        let error = protocol::parse(case["text"].as_str().expect("text")).expect_err("refused");
        let seen = json!([error.request, error.refusal.code]);
        assert_eq!(seen, json!([case["i"], case["code"]]), "{case}");
    }
}
