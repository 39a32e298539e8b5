//! What viewers are shown.

use media::Redundancy;

use super::*;

#[tokio::test]
async fn a_viewer_is_shown_the_last_group_of_pictures_and_then_what_is_live() {
    let edge = edge();
    let mut source = Source::open(&edge.feed, 1).await;
    source.keyframe();
    for _ in 0..19 {
        source.delta();
    }
    let (mut client, _) = edge.watch().await;
    let mut seen = Vec::new();
    for _ in 0..60 {
        seen.push(client.rtp(VIDEO).await);
    }
    assert_eq!(edge.viewers.count(ROOM), 1);
    assert_eq!(seen[0].1[12], 0x65);
    let live = source.timestamp;
    for (at, (view, packet)) in seen.iter().enumerate() {
        assert_eq!(view.sequence, seen[0].0.sequence.wrapping_add(at as u16));
        assert_eq!(view.timestamp, live - (19 - at as u32 / 3) * 90);
        assert_eq!(view.marker, at % 3 == 2);
        let original = 1_000_u16.wrapping_add(at as u16);
        assert_eq!(
            packet[13],
            1_u8.wrapping_add(original as u8),
            "the payload is another's"
        );
    }
    source.delta();
    let (view, _) = client.rtp(VIDEO).await;
    assert_eq!(view.timestamp, live + 3_600);
    assert_eq!(view.sequence, seen[59].0.sequence.wrapping_add(1));
    edge.running.shutdown().await;
}

#[tokio::test]
async fn the_time_comes_with_the_first_packet_of_each_track_and_agrees() {
    let edge = edge();
    let mut source = Source::open(&edge.feed, 1).await;
    source.keyframe();
    let arrived = clock::now();
    // The publisher's clock is far from ours; its picture and sound are 40 ms apart.
    for (kind, ntp, rtp) in [
        (Kind::Video, 100_u64 << 32, source.timestamp),
        (Kind::Audio, 100 << 32, 4_800),
    ] {
        let (room, publication) = (ROOM, source.publication);
        source
            .feed
            .tell(Feed::Report {
                room,
                publication,
                kind,
                layer: Layer::ONLY,
                ntp,
                rtp,
                sent: arrived,
            })
            .await;
    }
    let (mut client, _) = edge.watch().await;
    let video = client.rtcp(200).await;
    source.ssrc = 99;
    let sound = source.packet(1, 80, true);
    source.send(Kind::Audio, vec![sound]);
    let audio = client.rtcp(200).await;
    let time = |report: &[u8]| {
        let ntp = u64::from_be_bytes(report[8..16].try_into().unwrap());
        let rtp = u32::from_be_bytes(report[16..20].try_into().unwrap());
        (ntp, rtp)
    };
    let ((video_ntp, video_rtp), (audio_ntp, audio_rtp)) = (time(&video), time(&audio));
    let ours = clock::ntp();
    assert!(
        ours.abs_diff(video_ntp) >> 32 <= 20,
        "our clock, not the publisher's"
    );
    // Both say the same of the instant at which the publisher reported.
    let since = |ntp: u64| (ntp - video_ntp) as f64 / 4_294_967_296.0;
    let video_at = f64::from(video_rtp.wrapping_sub(3_600 + 1_000_000)) / 90_000.0;
    let audio_at = f64::from(audio_rtp.wrapping_sub(4_800)) / 48_000.0 - since(audio_ntp);
    assert!(
        (video_at - audio_at).abs() < 0.001,
        "{video_at} and {audio_at}"
    );
    assert_eq!(&video[38..42], b"live");
    edge.running.shutdown().await;
}

#[tokio::test]
async fn what_a_viewer_misses_is_sent_again() {
    let edge = edge();
    let mut source = Source::open(&edge.feed, 1).await;
    source.keyframe();
    let (mut client, _) = edge.watch().await;
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(client.rtp(VIDEO).await);
    }
    let (lost, packet) = &seen[1];
    client.send_feedback(&nack(lost.ssrc, lost.sequence)).await;
    let (again, resent) = client.rtp(RESENT).await;
    assert_eq!(again.timestamp, lost.timestamp);
    assert_ne!(again.ssrc, lost.ssrc);
    let (number, payload) = resent[again.payload.clone()].split_at(2);
    assert_eq!(number, lost.sequence.to_be_bytes());
    assert_eq!(payload, &packet[lost.payload.clone()]);
    // When it was sent, since the browser judges its line by that.
    assert_eq!(resent[12..17], [0xbe, 0xde, 0, 1, 0x22]);
    // Asked for once more it comes twice, each under a number of its own: one of them may be lost too.
    client.send_feedback(&nack(lost.ssrc, lost.sequence)).await;
    let (second, third) = (client.rtp(RESENT).await, client.rtp(RESENT).await);
    let numbers = [&again, &second.0, &third.0].map(|it| it.sequence);
    assert_eq!(numbers[1], numbers[0].wrapping_add(1));
    assert_eq!(numbers[2], numbers[0].wrapping_add(2));
    for (view, packet) in [second, third] {
        assert_eq!(packet[view.payload], resent[again.payload.clone()]);
    }
    edge.running.shutdown().await;
}

#[tokio::test]
async fn missed_sound_is_sent_again_as_it_was() {
    let edge = edge();
    let mut source = Source::open(&edge.feed, 1).await;
    let (mut client, _) = edge.watch().await;
    let mut seen = Vec::new();
    for _ in 0..3 {
        source.timestamp += 960;
        let sound = source.packet(1, 80, true);
        source.send(Kind::Audio, vec![sound]);
        // Heard before the next is sent, so that each leaves by itself.
        let datagram = client.datagram().await;
        seen.push(datagram);
    }
    let lost = View::parse(&seen[1]).unwrap();
    assert_eq!(lost.payload_type, SOUND);
    client.send_feedback(&nack(lost.ssrc, lost.sequence)).await;
    // The same bytes under the same number, as the cipher needs it.
    assert_eq!(client.datagram().await, seen[1]);
    edge.running.shutdown().await;
}

#[tokio::test]
async fn b17_sound_comes_with_redundancy_to_who_takes_it_and_alone_to_who_does_not() {
    let edge = edge();
    let mut source = Source::open(&edge.feed, 1).await;
    let codec = Codec {
        name: CodecName::Opus,
        clock: 48_000,
        channels: 2,
        fmtp: String::new(),
        descriptor: None,
        redundancy: Some(Redundancy {
            payload_type: 120,
            of: 96,
        }),
    };
    let (room, publication) = (ROOM, source.publication);
    let opened = Feed::Opened {
        room,
        publication,
        kind: Kind::Audio,
        layer: Layer::ONLY,
        codec,
    };
    edge.feed.tell(opened).await;
    let mut takes = Client::new().await;
    let offer = takes.offer().replace(
        "SAVPF 111\r\n",
        "SAVPF 111 63\r\na=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n",
    );
    let established = edge.viewers.view(ROOM, "someone", offer).await.unwrap();
    takes.connect(&established.sdp).await;
    let (mut plain, _) = edge.watch().await;

    // The first packet is plain; from then on each brings along the one before.
    let mut before: Option<Vec<u8>> = None;
    for n in 0..5_u8 {
        source.timestamp += 960;
        let own = vec![n; 40];
        let mut packet = source.packet(1, 1, true)[..12].to_vec();
        if let Some(before) = &before {
            packet[1] = 0x80 | 120;
            packet.extend([0x80 | 96, 0x0f, 0x00, before.len() as u8, 96]);
            packet.extend_from_slice(before);
        }
        packet.extend_from_slice(&own);
        source.send(Kind::Audio, vec![packet.into()]);
        let (view, heard) = plain.rtp(SOUND).await;
        assert_eq!(heard[view.payload], own);
        let (view, heard) = takes.rtp(if n == 0 { SOUND } else { 63 }).await;
        let payload = &heard[view.payload];
        if let Some(before) = &before {
            // The blocks are Opus by the number that this viewer gave it.
            assert_eq!(payload[..5], [0x80 | SOUND, 0x0f, 0x00, 40, SOUND]);
            assert_eq!(payload[5..45], before[..]);
            assert_eq!(payload[45..], own);
        } else {
            assert_eq!(payload, own);
        }
        before = Some(own);
    }
    edge.running.shutdown().await;
}

#[tokio::test]
async fn feedback_that_was_heard_before_is_not_heard_again() {
    let edge = edge();
    let mut source = Source::open(&edge.feed, 1).await;
    source.keyframe();
    let (mut client, _) = edge.watch().await;
    let (lost, _) = client.rtp(VIDEO).await;
    let feedback = client.protect_feedback(&nack(lost.ssrc, lost.sequence));
    client.send(&feedback).await;
    let (first, _) = client.rtp(RESENT).await;
    client.send(&feedback).await;
    client.send_feedback(&nack(lost.ssrc, lost.sequence)).await;
    // Two were asked for after the first, one of them a replay: one is answered, twice because it was asked for
    // before, and then there is silence.
    for nth in 1..=2 {
        let (more, _) = client.rtp(RESENT).await;
        assert_eq!(more.sequence, first.sequence.wrapping_add(nth));
    }
    client.send(&client.check(false)).await;
    loop {
        match client.hear().await {
            Heard::Checked => break,
            Heard::Rtp { view, .. } => assert_ne!(view.payload_type, RESENT),
            _ => {}
        }
    }
    edge.running.shutdown().await;
}

#[tokio::test]
async fn the_reference_time_of_a_viewer_is_answered() {
    let edge = edge();
    let mut source = Source::open(&edge.feed, 1).await;
    source.keyframe();
    let (mut client, _) = edge.watch().await;
    let mut asks = vec![0x80, 207, 0, 4, 0, 0, 0, 5, 4, 0, 0, 2];
    asks.extend([0, 0, 0x12, 0x34, 0x56, 0x78, 0, 0]);
    client.send_feedback(&asks).await;
    let answer = client.rtcp(207).await;
    assert_eq!(answer[8], 5);
    assert_eq!(answer[12..20], [0, 0, 0, 5, 0x12, 0x34, 0x56, 0x78]);
    edge.running.shutdown().await;
}

#[tokio::test]
async fn viewers_who_wait_for_a_keyframe_ask_for_it_together() {
    let mut edge = edge();
    let mut source = Source::open(&edge.feed, 1).await;
    let (mut first, _) = edge.watch().await;
    let (mut second, _) = edge.watch().await;
    let wish = WantKeyframe {
        room: ROOM,
        publication: source.publication,
        layer: Layer::ONLY,
    };
    assert_eq!(edge.wishes.recv().await, Some(wish));
    source.delta();
    source.keyframe();
    let (view, packet) = first.rtp(VIDEO).await;
    assert_eq!(packet[12], 0x65);
    assert_eq!(second.rtp(VIDEO).await.1[12], 0x65);
    // A viewer that lost its picture asks by feedback.
    let waited = std::time::Instant::now();
    while edge.wishes.try_recv().is_ok() {}
    first.send_feedback(&picture_loss(view.ssrc)).await;
    assert_eq!(
        timeout(Duration::from_secs(20), edge.wishes.recv())
            .await
            .unwrap(),
        Some(wish)
    );
    assert!(waited.elapsed() < Duration::from_secs(5));
    edge.running.shutdown().await;
}

#[tokio::test]
async fn a_publisher_that_comes_back_goes_on_under_the_same_numbers() {
    let edge = edge();
    let mut source = Source::open(&edge.feed, 1).await;
    source.keyframe();
    let (mut client, _) = edge.watch().await;
    let mut last = client.rtp(VIDEO).await.0;
    for _ in 0..2 {
        last = client.rtp(VIDEO).await.0;
    }
    source.close().await;
    let mut source = Source::open(&edge.feed, 2).await;
    source.delta();
    source.keyframe();
    let (next, packet) = client.rtp(VIDEO).await;
    assert_eq!(packet[12], 0x65);
    assert_eq!(next.ssrc, last.ssrc);
    assert_eq!(next.sequence, last.sequence.wrapping_add(1));
    let later = next.timestamp.wrapping_sub(last.timestamp);
    assert!((1..20 * 90_000).contains(&later), "{later}");
    edge.running.shutdown().await;
}

#[tokio::test]
async fn forty_viewers_see_the_same() {
    let edge = edge();
    let mut source = Source::open(&edge.feed, 1).await;
    source.keyframe();
    let mut clients = Vec::new();
    for _ in 0..40 {
        clients.push(edge.watch().await.0);
    }
    for _ in 0..5 {
        source.delta();
    }
    for client in &mut clients {
        let mut sequence = client.rtp(VIDEO).await.0.sequence;
        for _ in 1..18 {
            let (view, _) = client.rtp(VIDEO).await;
            assert_eq!(view.sequence, sequence.wrapping_add(1));
            sequence = view.sequence;
        }
    }
    assert_eq!(edge.viewers.count(ROOM), 40);
    edge.running.shutdown().await;
}
