//! Which SRTP profile a viewer gets, and what a handshake may be made of.

use super::*;

/// A record of fragments of one byte each, of a ClientHello that says that it is empty.
fn crumbs(record: u64, offsets: std::ops::Range<u32>) -> Vec<u8> {
    let mut body = Vec::new();
    for offset in offsets {
        body.extend([1, 0, 0, 0, 0, 0]);
        body.extend(&offset.to_be_bytes()[1..]);
        body.extend([0, 0, 1]);
    }
    let mut out = vec![22, 0xfe, 0xfd, 0, 0];
    out.extend(&record.to_be_bytes()[2..]);
    out.extend((body.len() as u16).to_be_bytes());
    out.extend(body);
    out
}

#[tokio::test]
async fn whoever_can_gets_gcm_in_whatever_order_it_is_offered() {
    let edge = edge();
    let mut source = Source::open(&edge.feed, 1).await;
    source.keyframe();
    for profiles in [vec![SHA1, GCM_256, GCM], vec![GCM, SHA1], vec![GCM]] {
        let client = Client::with_profiles(profiles).await;
        let (mut client, _) = edge.watch_as(client).await;
        assert_eq!(client.profile(), GCM);
        client.rtp(VIDEO).await;
    }
    edge.running.shutdown().await;
}

#[tokio::test]
async fn a_viewer_without_gcm_watches_by_sha1_beside_the_others() {
    let mut edge = edge();
    let mut source = Source::open(&edge.feed, 1).await;
    source.keyframe();
    let (mut old, established) = edge.watch_as(Client::with_profiles(vec![SHA1]).await).await;
    let (mut new, _) = edge.watch().await;
    assert_eq!((old.profile(), new.profile()), (SHA1, GCM));
    let mut seen = Vec::new();
    source.delta();
    for client in [&mut old, &mut new] {
        for _ in 0..6 {
            seen.push(client.rtp(VIDEO).await);
        }
    }
    assert_eq!(edge.viewers.count(ROOM), 2);
    let (old_seen, new_seen) = seen.split_at(6);
    for ((old, one), (new, other)) in old_seen.iter().zip(new_seen) {
        assert_eq!(one[old.payload.clone()], other[new.payload.clone()]);
    }
    // Its feedback is heard: what it misses comes again, from the ring that all share.
    let (lost, packet) = &old_seen[1];
    old.send_feedback(&nack(lost.ssrc, lost.sequence)).await;
    let (again, resent) = old.rtp(RESENT).await;
    let (number, payload) = resent[again.payload].split_at(2);
    assert_eq!(number, lost.sequence.to_be_bytes());
    assert_eq!(payload, &packet[lost.payload.clone()]);
    let report = old.rtcp(200).await;
    assert_eq!(&report[38..42], b"live");
    old.say_goodbye().await;
    assert_eq!(edge.ended(&established.peer).await, PeerEnd::Closed);
    edge.running.shutdown().await;
}

#[tokio::test]
async fn a_viewer_with_neither_profile_is_told_so_and_ends() {
    let mut edge = edge();
    let _source = Source::open(&edge.feed, 1).await;
    let mut client = Client::with_profiles(vec![GCM_256]).await;
    let established = edge.answer(&client).await;
    client.take_answer(&established.sdp);
    client.send(&client.check(true)).await;
    assert!(matches!(client.hear().await, Heard::Checked));
    client.begin_handshake().await;
    assert!(matches!(client.hear().await, Heard::Refused));
    assert_eq!(edge.ended(&established.peer).await, PeerEnd::Failed);
    edge.running.shutdown().await;
}

#[tokio::test]
async fn a_handshake_in_crumbs_ends_nobody() {
    let edge = edge();
    let mut source = Source::open(&edge.feed, 1).await;
    source.keyframe();
    let (mut watching, _) = edge.watch().await;
    let mut client = Client::new().await;
    let established = edge.answer(&client).await;
    client.take_answer(&established.sdp);
    client.send(&client.check(true)).await;
    assert!(matches!(client.hear().await, Heard::Checked));
    for part in 0..150 {
        client
            .send(&crumbs(part.into(), 400 * part..400 * (part + 1)))
            .await;
        client.send(&client.check(false)).await;
        assert!(matches!(client.hear().await, Heard::Checked));
    }
    // It spoiled nothing but its own handshake; whoever watches goes on.
    source.delta();
    for _ in 0..6 {
        watching.rtp(VIDEO).await;
    }
    edge.running.shutdown().await;
}

#[tokio::test]
async fn a_lost_flight_is_repeated_though_the_viewer_repeats_its_hello() {
    let edge = edge();
    let mut source = Source::open(&edge.feed, 1).await;
    source.keyframe();
    let mut client = Client::new().await;
    let established = edge.answer(&client).await;
    client.take_answer(&established.sdp);
    client.send(&client.check(true)).await;
    assert!(matches!(client.hear().await, Heard::Checked));
    client.begin_handshake().await;
    client.lose_flight().await;
    while !matches!(client.hear().await, Heard::Keyed) {}
    client.rtp(VIDEO).await;
    edge.running.shutdown().await;
}
