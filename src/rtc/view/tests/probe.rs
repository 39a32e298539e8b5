//! The check of a line: anybody who was told the name is answered, and nothing else comes of it.

use std::time::Instant;

use super::*;
use crate::view::{ice::Check, probe::Probe};
use protocol::limits::PROBES_PER_SECOND;

const FROM: &str = "192.0.2.7:4000";

/// A client that took the probe's answer as a browser does.
async fn asking(probe: &Probe) -> Client {
    let mut client = Client::new().await;
    let here = "127.0.0.1:9".parse().unwrap();
    client.take_answer(&probe.answer(&[here], "sha-256 00"));
    client
}

fn answers(probe: &mut Probe, datagram: &[u8], now: Instant) -> bool {
    let mut check = Check::parse(datagram).expect("a check");
    assert!(probe.is_for(&check));
    let provider = dtls::provider();
    let answer = probe.check(&mut check, FROM.parse().unwrap(), provider.crypto(), now);
    answer.is_some_and(|it| {
        assert!(
            it.len() <= datagram.len(),
            "an answer is never the larger one"
        );
        true
    })
}

#[tokio::test]
async fn whoever_was_told_the_name_hears_an_answer_and_costs_nothing() {
    let edge = edge();
    let mut client = Client::new().await;
    client.take_answer(edge.viewers.probe_answer());
    for nominates in [false, true, true] {
        client.send(&client.check(nominates)).await;
        assert!(matches!(client.hear().await, Heard::Checked));
    }
    assert_eq!(edge.viewers.count(ROOM), 0);
    let load = &edge.viewers.workers[0].load;
    assert_eq!(load.load(Ordering::Relaxed), 0, "nobody is kept for it");
    edge.running.shutdown().await;
}

#[tokio::test]
async fn a_forged_check_is_not_answered() {
    let mut probe = Probe::new();
    let client = asking(&probe).await;
    let good = client.check(true);
    assert!(answers(&mut probe, &good, clock::now()));
    let mut other = Probe::new();
    let stranger = asking(&other).await.check(true);
    assert!(!probe.is_for(&Check::parse(&stranger).expect("a check")));
    // The right name with the password of another process.
    other.take_name_of(&probe);
    let forged = asking(&other).await.check(true);
    assert!(!answers(&mut probe, &forged, clock::now()));
}

#[tokio::test]
async fn above_the_rate_nobody_is_answered_until_the_next_second() {
    let mut probe = Probe::new();
    let check = asking(&probe).await.check(true);
    let now = clock::now();
    for n in 0..PROBES_PER_SECOND {
        assert!(answers(&mut probe, &check, now), "{n}");
    }
    assert!(!answers(&mut probe, &check, now));
    assert!(!answers(
        &mut probe,
        &check,
        now + Duration::from_millis(999)
    ));
    assert!(answers(&mut probe, &check, now + Duration::from_secs(1)));
}
