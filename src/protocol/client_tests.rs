use super::*;

fn check(text: &str, expect: Result<Option<u32>, Code>) {
    let seen = parse(text)
        .map(|it| it[0].request())
        .map_err(|it| it.refusal.code);
    assert_eq!(seen, expect, "{text}");
}

#[test]
fn no_text_makes_it_panic_and_what_is_wrong_is_named() {
    use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

    let originals = [
        r#"{"op":"hello","i":1,"token":"t","device":"d"}"#,
        r#"[{"op":"join","i":2,"room":"lobby","since":{"e":"k","s":3}},{"op":"ping"}]"#,
        r#"{"op":"pub","i":3,"a":7,"cid":"01940000-0000-7000-8000-000000000001","text":"好"}"#,
        r#"{"op":"offer","i":5,"a":7,"role":"view","sdp":"v=0"}"#,
    ];
    let odd: Vec<char> = "{}[]\",:0-9eEu+\\ \u{0}\u{ffff}好".chars().collect();
    for seed in seeds::of(20_000) {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut text: Vec<char> = originals[rng.random_range(0..originals.len())]
            .chars()
            .collect();
        for _ in 0..rng.random_range(1..8) {
            let at = rng.random_range(0..text.len());
            match rng.random_range(0..4) {
                0 => drop(text.remove(at)),
                1 => text.insert(at, odd[rng.random_range(0..odd.len())]),
                2 => text[at] = odd[rng.random_range(0..odd.len())],
                // Some of it again and again: depth, length, doubled keys.
                _ => {
                    let part = text[..at].to_vec();
                    let times = rng.random_range(1..40);
                    text = [part.repeat(times), text].concat();
                    text.truncate(40_000);
                }
            }
            if text.is_empty() {
                break;
            }
        }
        let text: String = text.into_iter().collect();
        if let Err(error) = parse(&text) {
            let code = error.refusal.code;
            assert!(
                matches!(code, Code::Malformed | Code::UnknownOp | Code::TooLarge),
                "seed {seed}: {code:?}"
            );
        }
    }
}

#[test]
fn f1_frames_are_read_by_op() {
    check(
        r#"{"op":"hello","i":1,"token":"t","device":"d"}"#,
        Ok(Some(1)),
    );
    check(r#"{"op":"join","i":2,"room":"lobby"}"#, Ok(Some(2)));
    check(
        r#"{"op":"join","i":2,"room":"lobby","since":{"e":"k","s":3},"new":1}"#,
        Ok(Some(2)),
    );
    check(r#"[{"op":"ping"},{"op":"pong"}]"#, Ok(None));
}

#[test]
fn f3_what_cannot_be_read_is_refused_by_name() {
    check("", Err(Code::Malformed));
    check("{", Err(Code::Malformed));
    check("null", Err(Code::Malformed));
    check(r#"{"op":"dance","i":4}"#, Err(Code::UnknownOp));
    check(r#"{"op":"pub","i":4}"#, Err(Code::Malformed));
    check(r#"{"op":"leave","i":-4,"a":1}"#, Err(Code::Malformed));
    check(r#"{"op":"leave","i":1e400,"a":1}"#, Err(Code::Malformed));
    check(&"[".repeat(10_000), Err(Code::Malformed));
    check(
        &format!("[{}{{\"op\":\"ping\"}}]", "{\"op\":\"ping\"},".repeat(64)),
        Err(Code::TooLarge),
    );
    let big = "x".repeat(limits::FRAME_BYTES_MAX);
    check(
        &format!(r#"{{"op":"pub","i":1,"a":1,"cid":"c","text":"{big}"}}"#),
        Err(Code::TooLarge),
    );
    check(
        &format!(r#"{{"op":"offer","i":7,"a":1,"role":"view","sdp":"{big}"}}"#),
        Ok(Some(7)),
    );
}

#[test]
fn every_op_is_on_the_list() {
    let frame = ClientFrame::SlowMode {
        i: 1,
        a: 1,
        cid: "c".into(),
        gap_ms: 5,
        auto: None,
    };
    let text = serde_json::to_string(&frame).expect("a frame is JSON");
    assert!(text.starts_with(r#"{"op":"slow_mode""#), "{text}");
    assert!(ops().any(|it| it == "slow_mode"));
    for op in ops() {
        // Whatever else it needs is missing: that is another fault than an unknown name.
        let error = parse(&format!(r#"{{"op":"{op}","i":1}}"#));
        if let Err(error) = error {
            assert_eq!(error.refusal.code, Code::Malformed, "{op}");
        }
    }
    for op in ["", "co", "cohost", "co_hosts", "CoHost", "_pin", "pin_"] {
        assert!(!ops().any(|it| it == op), "{op}");
    }
}
