//! A picture in layers: each viewer has the one that it shows and that its line carries.

use media::View;
use protocol::layers::{LayerCeiling, LayerTold};

use super::*;

/// Sequence parameter sets of pictures 1,280 wide and so many pixels high.
const HEIGHT_180: [u8; 10] = [0x67, 66, 0xc0, 0x1f, 0xda, 0x01, 0x40, 0x67, 0xe7, 0x40];
const HEIGHT_720: [u8; 9] = [0x67, 66, 0xc0, 0x1f, 0xda, 0x01, 0x40, 0x16, 0xe4];
const SMALL: Layer = Layer(0);
const LARGE: Layer = Layer(1);

/// Another layer of what a source publishes.
async fn layer_of(source: &Source, layer: Layer) -> Source {
    let codec = Codec {
        name: CodecName::H264,
        clock: 90_000,
        channels: 0,
        fmtp: String::new(),
        descriptor: None,
        redundancy: None,
    };
    source
        .feed
        .tell(Feed::Opened {
            room: ROOM,
            publication: source.publication,
            kind: Kind::Video,
            layer,
            codec,
        })
        .await;
    Source {
        feed: source.feed.clone(),
        publication: source.publication,
        layer,
        ssrc: 77,
        sequence: 4_000,
        timestamp: 99_000_000,
    }
}

/// A keyframe that says how high it is.
fn keyframe(source: &mut Source, sps: &[u8]) {
    source.timestamp += 3_600;
    let mut set = source.packet(sps[0], sps.len(), false).to_vec();
    set.truncate(12);
    set.extend(sps);
    let packets = vec![
        set.into(),
        source.packet(0x65, size_of(source.layer), false),
        source.packet(0x41, size_of(source.layer), true),
    ];
    source.send(Kind::Video, packets);
}

/// What a packet of a layer is told by.
fn size_of(layer: Layer) -> usize {
    if layer == SMALL { 200 } else { 900 }
}

fn delta(source: &mut Source) {
    source.timestamp += 3_600;
    let packet = source.packet(0x41, size_of(source.layer), true);
    source.send(Kind::Video, vec![packet]);
}

/// Both layers, the small one first as a browser has it.
async fn two_layers(edge: &Edge) -> [Source; 2] {
    let mut small = Source::open(&edge.feed, 1).await;
    let mut large = layer_of(&small, LARGE).await;
    keyframe(&mut small, &HEIGHT_180);
    keyframe(&mut large, &HEIGHT_720);
    [small, large]
}

/// Reads pictures to the end of one of a layer; their numbers leave no hole and their time does not run
/// back.
async fn until_layer(client: &mut Client, last: &mut View, layer: Layer) {
    loop {
        let (view, packet) = client.rtp(VIDEO).await;
        assert_eq!(view.sequence, last.sequence.wrapping_add(1), "no hole");
        let later = view.timestamp.wrapping_sub(last.timestamp);
        assert!(later < 1 << 31, "time runs back");
        *last = view;
        if last.marker && packet.len() == 12 + size_of(layer) {
            return;
        }
    }
}

async fn wished(edge: &mut Edge) -> Layer {
    let wish = timeout(Duration::from_secs(20), edge.wishes.recv()).await;
    wish.unwrap().unwrap().layer
}

#[tokio::test]
async fn b15_a_picture_that_is_shown_small_is_sent_small_and_grows_again() {
    let mut edge = edge();
    let [mut small, mut large] = two_layers(&edge).await;
    let (mut client, established) = edge.watch().await;
    let peer = &established.peer;
    let (mut last, _) = client.rtp(VIDEO).await;
    until_layer(&mut client, &mut last, LARGE).await;

    // Neither keyframe can follow what was shown.
    for _ in 0..20 {
        delta(&mut small);
        delta(&mut large);
    }
    let shown = edge.viewers.show(peer, Shown::All, Some(100));
    assert_eq!(shown.await, Ok(true));
    assert_eq!(wished(&mut edge).await, SMALL);
    keyframe(&mut small, &HEIGHT_180);
    until_layer(&mut client, &mut last, SMALL).await;
    let small_one = last.clone();
    // Frames of the large one are nothing to it now.
    delta(&mut large);
    delta(&mut small);
    until_layer(&mut client, &mut last, SMALL).await;
    let shown = edge.viewers.show(peer, Shown::All, Some(1_000));
    assert_eq!(shown.await, Ok(true));
    while wished(&mut edge).await != LARGE {}
    keyframe(&mut large, &HEIGHT_720);
    until_layer(&mut client, &mut last, LARGE).await;
    // What it missed of the small one is still there for it.
    client
        .send_feedback(&nack(small_one.ssrc, small_one.sequence))
        .await;
    let (again, resent) = client.rtp(RESENT).await;
    assert_eq!(again.payload.len(), 2 + size_of(SMALL));
    assert_eq!(resent[again.payload][..2], small_one.sequence.to_be_bytes());
    edge.running.shutdown().await;
}

#[tokio::test]
async fn w7_a_viewer_that_is_held_to_a_layer_is_sent_none_larger_until_it_is_let_go() {
    let mut edge = edge();
    let [mut small, mut large] = two_layers(&edge).await;
    let (mut client, established) = edge.watch().await;
    let peer = &established.peer;
    let (mut last, _) = client.rtp(VIDEO).await;
    until_layer(&mut client, &mut last, LARGE).await;
    for _ in 0..20 {
        delta(&mut small);
        delta(&mut large);
    }
    let mut ceiling = LayerCeiling {
        layer: Some(SMALL.0),
        ..LayerCeiling::default()
    };
    assert_eq!(edge.viewers.hold_to(peer, ceiling).await, Ok(true));
    assert_eq!(wished(&mut edge).await, SMALL);
    keyframe(&mut small, &HEIGHT_180);
    until_layer(&mut client, &mut last, SMALL).await;
    // A page that shows it large changes nothing about that.
    let shown = edge.viewers.show(peer, Shown::All, Some(1_000));
    assert_eq!(shown.await, Ok(true));
    keyframe(&mut large, &HEIGHT_720);
    delta(&mut small);
    until_layer(&mut client, &mut last, SMALL).await;
    ceiling.layer = None;
    assert_eq!(edge.viewers.hold_to(peer, ceiling).await, Ok(true));
    keyframe(&mut large, &HEIGHT_720);
    until_layer(&mut client, &mut last, LARGE).await;
    for nobody in ["v0-nobody", "v9-nobody", "p_nobody"] {
        let held = edge.viewers.hold_to(&PeerId::from(nobody), ceiling).await;
        assert_eq!(held, Ok(false), "{nobody}");
    }
    edge.running.shutdown().await;
}

#[tokio::test]
async fn w8_a_viewer_hears_of_the_layers_while_it_is_there() {
    let edge = edge();
    let [mut small, large] = two_layers(&edge).await;
    let (_client, established) = edge.watch().await;
    let peer = &established.peer;
    let tidings = edge.viewers.tidings(peer).await.unwrap();
    let mut tidings = tidings.unwrap();
    assert_eq!((tidings.room, tidings.section), (ROOM, Some(0)));
    let told = tidings.stage.borrow_and_update().clone();
    assert!(told.on);
    let sizes = |layers: &[LayerTold]| {
        let sizes = layers.iter().map(|it| (it.layer, it.width, it.height));
        sizes.collect::<Vec<_>>()
    };
    let wanted = [(0, Some(1_280), Some(180)), (1, Some(1_280), Some(720))];
    assert_eq!(sizes(&told.layers), wanted);
    // What it takes is measured, and what has fallen silent takes nothing.
    let mut ticks = tokio::time::interval(Duration::from_millis(40));
    while tidings.stage.borrow_and_update().layers[0].kbps == 0 {
        ticks.tick().await;
        delta(&mut small);
    }
    assert_eq!(tidings.stage.borrow_and_update().layers[1].kbps, 0);
    edge.feed
        .tell(Feed::Closed {
            room: ROOM,
            publication: large.publication,
        })
        .await;
    let over = tidings.stage.wait_for(|it| !it.on && it.layers.is_empty());
    timeout(Duration::from_secs(20), over)
        .await
        .unwrap()
        .unwrap();
    assert!(edge.viewers.close(peer, PeerEnd::Closed).await);
    let gone = timeout(Duration::from_secs(20), tidings.life.changed());
    assert!(gone.await.unwrap().is_err());
    assert!(edge.viewers.tidings(peer).await.unwrap().is_none());
    edge.running.shutdown().await;
}

#[tokio::test]
async fn a_layer_that_falls_silent_is_left_and_comes_back() {
    let mut edge = edge();
    let [mut small, mut large] = two_layers(&edge).await;
    let (mut client, _) = edge.watch().await;
    let (mut last, _) = client.rtp(VIDEO).await;
    until_layer(&mut client, &mut last, LARGE).await;
    // The browser's line is narrow: only the small one goes on.
    let mut ticks = tokio::time::interval(Duration::from_millis(40));
    while edge.wishes.try_recv().map(|it| it.layer) != Ok(SMALL) {
        ticks.tick().await;
        delta(&mut small);
    }
    keyframe(&mut small, &HEIGHT_180);
    until_layer(&mut client, &mut last, SMALL).await;
    keyframe(&mut large, &HEIGHT_720);
    until_layer(&mut client, &mut last, LARGE).await;
    edge.running.shutdown().await;
}

/// What a browser says that its line carries.
fn carries(kbps: u32) -> Vec<u8> {
    let mut feedback = vec![0x8f, 206, 0, 5, 0, 0, 0, 1, 0, 0, 0, 0];
    feedback.extend(b"REMB\x01");
    // In units of 8 bits a second.
    let [_, high, middle, low] = (kbps * 125).to_be_bytes();
    feedback.extend([3 << 2 | high, middle, low, 0, 0, 0, 9]);
    feedback
}

/// The next frame of both layers; one in 25 is a keyframe.
fn play(sources: &mut [Source; 2], frame: u32) {
    for source in sources.iter_mut() {
        match frame % 25 {
            0 if source.layer == SMALL => keyframe(source, &HEIGHT_180),
            0 => keyframe(source, &HEIGHT_720),
            _ => delta(source),
        }
    }
}

/// Plays both layers in real time, while a viewer says what its line carries, until a wish or report.
async fn play_narrow(edge: &mut Edge, client: &mut Client, sources: &mut [Source; 2], kbps: u32) {
    let mut ticks = tokio::time::interval(Duration::from_millis(40));
    for frame in 0..500 {
        ticks.tick().await;
        play(sources, frame);
        if frame % 5 == 0 {
            // It falls again and again for as long as it is too little.
            let more = if frame % 10 == 0 { kbps / 10 } else { 0 };
            client.send_feedback(&carries(kbps + more)).await;
        }
        if !edge.wishes.is_empty() || !edge.reports.is_empty() {
            return;
        }
    }
    panic!("nothing came of {kbps} kbit/s");
}

#[tokio::test]
async fn b15_a_line_that_does_not_carry_the_large_one_is_sent_the_small_one_or_sound_alone() {
    let mut edge = edge();
    let mut sources = two_layers(&edge).await;
    let (mut client, established) = edge.watch().await;
    let peer = established.peer;
    let (mut last, _) = client.rtp(VIDEO).await;
    client.send_feedback(&carries(3_000)).await;
    // 25 pictures of 900 bytes are some 180 kbit/s, 25 of 200 some 40.
    while edge.wishes.try_recv().is_ok() {}
    play_narrow(&mut edge, &mut client, &mut sources, 80).await;
    assert_eq!(wished(&mut edge).await, SMALL);
    keyframe(&mut sources[0], &HEIGHT_180);
    until_layer(&mut client, &mut last, SMALL).await;

    let shown = edge.viewers.show(&peer, Shown::All, Some(1_000));
    assert_eq!(shown.await, Ok(true));
    loop {
        play_narrow(&mut edge, &mut client, &mut sources, 20).await;
        while edge.wishes.try_recv().is_ok() {}
        if let Ok((_, report)) = edge.reports.try_recv() {
            let held = true;
            assert_eq!(report, Report::Picture { peer, held });
            break;
        }
    }
    edge.running.shutdown().await;
}

#[tokio::test]
async fn b15_a_line_is_asked_with_what_was_shown_before_it_is_sent_the_large_one_again() {
    let mut edge = edge();
    let mut sources = two_layers(&edge).await;
    let (mut client, _) = edge.watch().await;
    let (mut last, _) = client.rtp(VIDEO).await;
    client.send_feedback(&carries(3_000)).await;
    while edge.wishes.try_recv().is_ok() {}
    play_narrow(&mut edge, &mut client, &mut sources, 80).await;
    keyframe(&mut sources[0], &HEIGHT_180);
    until_layer(&mut client, &mut last, SMALL).await;

    let mut ticks = tokio::time::interval(Duration::from_millis(40));
    let mut again = 0;
    for frame in 0..750 {
        ticks.tick().await;
        play(&mut sources, frame);
        if frame % 25 == 0 {
            client.send_feedback(&carries(500 + frame)).await;
        }
        while let Ok(heard) = timeout(Duration::from_millis(1), client.hear()).await {
            let Heard::Rtp { view, packet } = heard else {
                continue;
            };
            if view.payload_type == RESENT {
                assert!(view.payload.len() <= 2 + size_of(SMALL), "of the small one");
                again += 1;
            } else if view.payload_type == VIDEO && packet.len() == 12 + size_of(LARGE) {
                // 140 kbit/s more than the small one, for 0.6 s at the least.
                assert!(again >= 20, "{again} packets came once more before");
                edge.running.shutdown().await;
                return;
            }
        }
    }
    panic!("the large one never came, {again} packets came once more");
}
