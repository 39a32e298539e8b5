//! The check of a line: anybody who was told the name is answered, and nothing else comes of it.

use std::time::Instant;

use super::*;
use crate::{line_probe::LineProbe, sdp::Tcp, view::Check};
use protocol::limits::PROBES_PER_SECOND;

const FROM: &str = "192.0.2.7:4000";

/// A client that took the probe's answer as a browser does.
async fn asking(probe: &LineProbe) -> Client {
    let mut client = Client::new().await;
    let here = "127.0.0.1:9".parse().unwrap();
    client.take_answer(&probe.answers(&[here], "sha-256 00", Tcp::Off).udp);
    client
}

fn answers(probe: &mut LineProbe, datagram: &[u8], now: Instant) -> bool {
    let mut check = Check::parse(datagram).expect("a check");
    assert!(probe.is_for(check.ufrag()));
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
    client.take_answer(&edge.viewers.probe_answers().udp);
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
async fn b14_a_check_by_tcp_is_answered_where_the_port_takes_it() {
    let edge = edge();
    let mut client = Client::new().await;
    let answers = edge.viewers.probe_answers();
    let tcp = answers.tcp.as_ref().unwrap();
    let is_candidate = |it: &&str| it.starts_with("a=candidate:");
    let mut candidates = tcp.lines().filter(is_candidate);
    assert!(candidates.all(|it| it.ends_with(" typ host tcptype passive")));
    assert!(!answers.udp.contains(" tcp "));
    client.take_answer(tcp);
    let pipe = client.go_by_tcp().await;
    for nominates in [false, true, true] {
        client.send(&client.check(nominates)).await;
        assert!(matches!(client.hear().await, Heard::Checked));
    }
    let load = &edge.viewers.workers[0].load;
    assert_eq!(load.load(Ordering::Relaxed), 0, "nobody is kept for it");
    pipe.abort();
    edge.running.shutdown().await;
    let edge = edge_with(|config| config.tcp = false);
    assert!(edge.viewers.probe_answers().tcp.is_none());
    edge.running.shutdown().await;
}

#[tokio::test]
async fn a_forged_check_is_not_answered() {
    let mut probe = LineProbe::new();
    let client = asking(&probe).await;
    let good = client.check(true);
    assert!(answers(&mut probe, &good, clock::now()));
    let mut other = LineProbe::new();
    let stranger = asking(&other).await.check(true);
    assert!(!probe.is_for(Check::parse(&stranger).expect("a check").ufrag()));
    // The right name with the password of another process.
    other.take_name_of(&probe);
    let forged = asking(&other).await.check(true);
    assert!(!answers(&mut probe, &forged, clock::now()));
}

#[tokio::test]
async fn above_the_rate_nobody_is_answered_until_the_next_second() {
    let mut probe = LineProbe::new();
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

#[tokio::test]
async fn an_answer_is_never_larger_than_its_question_over_ipv6_either() {
    use rtc_stun::{
        attributes::ATTR_USERNAME,
        fingerprint::FINGERPRINT,
        integrity::MessageIntegrity,
        message::{BINDING_REQUEST, Message, Setter as _},
    };

    let mut probe = LineProbe::new();
    let client = asking(&probe).await;
    let provider = dtls::provider();
    let mut barest = Message::new();
    barest.typ = BINDING_REQUEST;
    barest.new_transaction_id().unwrap();
    barest.write_header();
    barest.add(ATTR_USERNAME, client.remote_ufrag.as_bytes());
    MessageIntegrity::new_short_term_integrity_with_provider(
        client.remote_pwd.clone(),
        provider.crypto(),
    )
    .add_to(&mut barest)
    .unwrap();
    FINGERPRINT.add_to(&mut barest).unwrap();
    let mut answer = |from: &str, datagram: &[u8]| {
        let mut check = Check::parse(datagram).expect("a check");
        let from = from.parse().unwrap();
        probe.check(&mut check, from, provider.crypto(), clock::now())
    };
    let over_v4 = answer(FROM, &barest.raw).expect("it is proven");
    assert!(over_v4.len() <= barest.raw.len());
    assert_eq!(answer("[2001:db8::7]:4000", &barest.raw), None);
    // A browser says more in a check, and is answered.
    let browsers = client.check(true);
    let over_v6 = answer("[2001:db8::7]:4000", &browsers).expect("it is proven");
    assert!(over_v6.len() <= browsers.len());
}
