//! How viewers come and go.

use futures_util::future::join_all;

use super::*;

#[tokio::test]
async fn a_goodbye_ends_a_viewer_and_nothing_of_it_stays() {
    let mut edge = edge();
    let mut source = Source::open(&edge.feed, 1).await;
    source.keyframe();
    let (mut client, established) = edge.watch().await;
    client.say_goodbye().await;
    assert_eq!(edge.ended(&established.peer).await, PeerEnd::Closed);
    assert_eq!(edge.viewers.count(ROOM), 0);
    assert_eq!(edge.viewers.workers[0].load.load(Ordering::Relaxed), 0);
    assert!(!edge.viewers.close(&established.peer, PeerEnd::Closed).await);
    edge.running.shutdown().await;
}

#[tokio::test]
async fn a_viewer_that_is_closed_hears_it() {
    let mut edge = edge();
    let mut source = Source::open(&edge.feed, 1).await;
    source.keyframe();
    let (mut client, established) = edge.watch().await;
    assert!(edge.viewers.close(&established.peer, PeerEnd::Closed).await);
    client.closed().await;
    assert_eq!(edge.ended(&established.peer).await, PeerEnd::Closed);
    assert_eq!(edge.viewers.count(ROOM), 0);
    edge.running.shutdown().await;
}

#[tokio::test]
async fn shutting_down_says_goodbye_to_everybody() {
    let edge = edge();
    let mut source = Source::open(&edge.feed, 1).await;
    source.keyframe();
    let (mut first, _) = edge.watch().await;
    let (mut second, _) = edge.watch().await;
    let Edge {
        running, viewers, ..
    } = edge;
    running.shutdown().await;
    first.closed().await;
    second.closed().await;
    let refusal = viewers
        .view(ROOM, "someone", first.offer())
        .await
        .unwrap_err();
    assert_eq!(refusal.code, Code::Busy);
}

#[tokio::test]
async fn without_a_publisher_there_is_nothing_to_view() {
    let edge = edge();
    let client = Client::new().await;
    let refusal = edge
        .viewers
        .view(ROOM, "someone", client.offer())
        .await
        .unwrap_err();
    assert_eq!(
        (refusal.code, refusal.ms),
        (Code::NothingPublished, Some(2_000))
    );
    let source = Source::open(&edge.feed, 1).await;
    assert!(
        edge.viewers
            .view(ROOM, "someone", client.offer())
            .await
            .is_ok()
    );
    source.close().await;
    let refusal = edge
        .viewers
        .view(ROOM, "someone", client.offer())
        .await
        .unwrap_err();
    assert_eq!(refusal.code, Code::NothingPublished);
    edge.running.shutdown().await;
}

#[tokio::test]
async fn a_full_worker_refuses_newcomers() {
    let edge = edge_with(|config| config.viewers_per_worker_max = 1);
    let _source = Source::open(&edge.feed, 1).await;
    let client = Client::new().await;
    let first = edge.answer(&client).await;
    let refusal = edge
        .viewers
        .view(ROOM, "someone", client.offer())
        .await
        .unwrap_err();
    assert_eq!(
        (refusal.code, refusal.ms, refusal.place),
        (Code::RoomFull, Some(5_000), Some(1))
    );
    assert!(edge.viewers.close(&first.peer, PeerEnd::Closed).await);
    assert!(
        edge.viewers
            .view(ROOM, "someone", client.offer())
            .await
            .is_ok()
    );
    edge.running.shutdown().await;
}

/// As many places as the edge has, and a crowd that asks for them all at once, again and again, while
/// viewers come and go: those who were told a place watch in the order of their places.
#[tokio::test]
async fn b5_a_crowd_gets_in_by_the_order_of_the_line() {
    let edge = edge_with(|config| config.viewers_per_worker_max = 3);
    let _source = Source::open(&edge.feed, 1).await;
    let client = Client::new().await;
    let mut inside = Vec::new();
    for name in ["a", "b", "c"] {
        inside.push(edge.viewers.view(ROOM, name, client.offer()).await.unwrap());
    }
    let mut outside: Vec<String> = (0..10).map(|it| format!("waiting {it}")).collect();
    while !outside.is_empty() {
        let asks = outside
            .iter()
            .map(|name| edge.viewers.view(ROOM, name, client.offer()));
        let told = join_all(asks).await;
        for (told, place) in told.into_iter().zip(1..) {
            assert_eq!(told.unwrap_err().place, Some(place), "{outside:?}");
        }
        let leaves = inside.remove(0);
        assert!(edge.viewers.close(&leaves.peer, PeerEnd::Closed).await);
        // Everybody asks, the last one first: the place is the first one's.
        let asks = outside
            .iter()
            .rev()
            .map(|name| edge.viewers.view(ROOM, name, client.offer()));
        let mut told = join_all(asks).await;
        inside.push(told.pop().unwrap().expect("the first in the line"));
        assert!(told.iter().all(Result::is_err));
        outside.remove(0);
    }
    edge.running.shutdown().await;
}

#[tokio::test]
async fn whoever_shows_another_certificate_sees_nothing() {
    let mut edge = edge();
    let mut source = Source::open(&edge.feed, 1).await;
    source.keyframe();
    let mut client = Client::new().await;
    let offer = client.offer_of_another();
    let established = edge.viewers.view(ROOM, "someone", offer).await.unwrap();
    client.take_answer(&established.sdp);
    client.send(&client.check(true)).await;
    client.begin_handshake().await;
    loop {
        match client.hear().await {
            Heard::Closed => break,
            Heard::Rtp { .. } | Heard::Rtcp(_) => panic!("a stranger was shown the room"),
            _ => {}
        }
    }
    assert_eq!(edge.ended(&established.peer).await, PeerEnd::Failed);
    edge.running.shutdown().await;
}

#[tokio::test]
async fn a_viewer_of_whom_nothing_is_heard_is_gone() {
    let mut edge = edge_with(|config| config.viewer_silent_max = Duration::from_millis(300));
    let mut source = Source::open(&edge.feed, 1).await;
    source.keyframe();
    let (client, established) = edge.watch().await;
    assert_eq!(edge.ended(&established.peer).await, PeerEnd::Timeout);
    // And one that never came.
    let never = edge.answer(&client).await;
    assert_eq!(edge.ended(&never.peer).await, PeerEnd::Failed);
    assert_eq!(edge.viewers.count(ROOM), 0);
    edge.running.shutdown().await;
}

#[tokio::test]
async fn another_codec_ends_viewers_so_that_they_offer_again() {
    let mut edge = edge();
    let mut source = Source::open(&edge.feed, 1).await;
    source.keyframe();
    let (_client, established) = edge.watch().await;
    let codec = Codec {
        name: CodecName::Vp8,
        clock: 90_000,
        channels: 0,
        fmtp: String::new(),
        descriptor: None,
        redundancy: None,
    };
    let opened = Feed::Opened {
        room: ROOM,
        publication: PublicationId(2),
        kind: Kind::Video,
        layer: Layer::ONLY,
        codec,
    };
    edge.feed.tell(opened).await;
    assert_eq!(edge.ended(&established.peer).await, PeerEnd::Replaced);
    edge.running.shutdown().await;
}

#[tokio::test]
async fn a_viewer_that_came_before_the_picture_offers_again() {
    let mut edge = edge();
    let publication = PublicationId(1);
    let track = |name: CodecName, clock| Feed::Opened {
        room: ROOM,
        publication,
        kind: name.kind(),
        layer: Layer::ONLY,
        codec: Codec {
            name,
            clock,
            channels: 2,
            fmtp: String::new(),
            descriptor: None,
            redundancy: None,
        },
    };
    edge.feed.tell(track(CodecName::Opus, 48_000)).await;
    let (mut client, established) = edge.watch().await;
    assert!(established.sdp.contains("a=inactive"));
    edge.feed.tell(track(CodecName::H264, 90_000)).await;
    client.closed().await;
    assert_eq!(edge.ended(&established.peer).await, PeerEnd::Replaced);
    // The track that was there goes on when its own source begins anew, and ends nobody.
    let (mut client, _) = edge.watch().await;
    edge.feed.tell(track(CodecName::Opus, 48_000)).await;
    edge.feed.tell(track(CodecName::H264, 90_000)).await;
    client.send(&client.check(false)).await;
    while !matches!(client.hear().await, Heard::Checked) {}
    assert_eq!(edge.viewers.count(ROOM), 1);
    edge.running.shutdown().await;
}
