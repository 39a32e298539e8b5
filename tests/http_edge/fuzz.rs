//! Requests with random damage, for every address of the API: the front answers or hangs up, and goes on.

use std::{
    io::{Read, Write},
    net::Shutdown,
    time::Duration,
};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use crate::rig::{OFFER, Rig, Wire, blocking};

/// Longer than any answer takes that waits for nothing.
const ANSWERED_WITHIN: Duration = Duration::from_millis(500);
const ENDED_WITHIN: Duration = Duration::from_secs(5);

/// A body that each address would take, or something like it.
const BODIES: [&str; 8] = [
    r#"{"code":"c","name":"Mei","password":"correct horse battery","circle":"圈"}"#,
    r#"{"title":"Friday","guests":true,"slug":"friday"}"#,
    r#"{"device":"0123456789012345678901234567890123","name":"Mei"}"#,
    r#"{"act":"schedule","title":"x","starts_ms":1900000000000}"#,
    r#"{"role":"moderator"}"#,
    r#"{"everywhere":true}"#,
    r#"{"label":"OBS"}"#,
    OFFER,
];

#[tokio::test(flavor = "multi_thread")]
async fn no_mutated_request_breaks_the_front() {
    let rig = Rig::start().await;
    rig.set_up().await;
    let owner = rig.sign_up("Mei").await.token();
    rig.room(&owner, "hall", true).await;
    let document = rig.get("/api/v1/openapi.json").await.expect(200).json();
    let mut requests = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            let path = path
                .replace("{room}", "hall")
                .replace("{id}", "k_x")
                .replace("{resource}", "x.y");
            requests.push(format!("{} {path}", method.to_uppercase()));
        }
    }
    let (mut answered, mut refused) = (0, 0);
    for seed in seeds::of(600) {
        let mut rng = StdRng::seed_from_u64(seed);
        let start = &requests[rng.random_range(0..requests.len())];
        let body = BODIES[rng.random_range(0..BODIES.len())];
        let kind = [
            "application/json",
            "application/sdp",
            "application/trickle-ice-sdpfrag",
        ];
        let kind = kind[rng.random_range(0..kind.len())];
        let head = format!(
            "{start} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: {kind}\r\n\
             Authorization: Bearer {owner}\r\nIf-Match: *\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let mut bytes = [head.as_bytes(), body.as_bytes()].concat();
        // Half of them are damaged in the body alone, or the head would hide it.
        let from = if rng.random_bool(0.5) { head.len() } else { 0 };
        for _ in 0..rng.random_range(1..5) {
            let at = rng.random_range(from..bytes.len());
            let odd = [
                b'\0', b'"', b'{', b'[', b'\\', b'\r', b'\n', b':', 0xff, 0xc3, b'9',
            ];
            bytes[at] = odd[rng.random_range(0..odd.len())];
        }
        let mut wire: Wire = rig.wire();
        let said = blocking(move || {
            // It may hang up before it has all of it.
            let _ = wire.socket.write_all(&bytes);
            let mut said = Vec::new();
            let patient = |it| wire.socket.set_read_timeout(Some(it)).unwrap();
            patient(ANSWERED_WITHIN);
            // A damaged length makes it wait for more, until it hears that there is none. That is said
            // late, because it ends what is under way.
            if (&wire.socket).read_to_end(&mut said).is_err() {
                patient(ENDED_WITHIN);
                let _ = wire.socket.shutdown(Shutdown::Write);
                let _ = (&wire.socket).read_to_end(&mut said);
            }
            String::from_utf8_lossy(&said).into_owned()
        })
        .await;
        if said.is_empty() {
            refused += 1;
            continue;
        }
        answered += 1;
        assert!(said.starts_with("HTTP/1.1 "), "seed {seed}: {said}");
        let status: u16 = said[9..12].parse().unwrap();
        assert!(status < 500 || status == 503, "seed {seed}: {said}");
    }
    assert!(
        answered > refused,
        "{answered} answered, {refused} hung up on"
    );
    rig.get("/healthz").await.expect(200);
    rig.end().await;
}
