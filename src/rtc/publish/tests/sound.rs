//! Sound that brings along what came before it.

use media::{Kind, Redundancy, View};

use super::{
    Ingest, ROOM,
    client::{Client, OPUS, RED},
    frame_of,
    offers::{CHROMIUM, FFMPEG},
};
use crate::Feed;

/// The lines of the answer's sound: its formats, and what is said of them.
async fn answered(ingest: &Ingest, offer: &str) -> Vec<String> {
    let answer = ingest.publishers.publish(ROOM, offer.to_owned()).await;
    let sdp = answer.unwrap().sdp;
    let sound = sdp.lines().skip_while(|line| !line.starts_with("m=audio "));
    let section = sound.take_while(|line| !line.starts_with("m=video "));
    let names = ["m=audio ", "a=rtpmap:", "a=fmtp:"];
    section
        .filter(|line| names.iter().any(|name| line.starts_with(name)))
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn b17_a_browser_is_asked_for_redundancy_and_nobody_else() {
    let ingest = Ingest::start().await;
    let opus = [
        "a=rtpmap:111 opus/48000/2",
        "a=fmtp:111 minptime=10;useinbandfec=1",
    ];
    let redundant = ["a=rtpmap:63 red/48000/2", "a=fmtp:63 111/111"];
    let first = ["m=audio 9 UDP/TLS/RTP/SAVPF 63 111"];
    let wanted = [&first[..], &opus, &redundant].concat();
    assert_eq!(answered(&ingest, CHROMIUM).await, wanted);

    // What names no format of its own, or another one, is not taken.
    let plain = [&["m=audio 9 UDP/TLS/RTP/SAVPF 111"][..], &opus].concat();
    for offer in [
        CHROMIUM.replace("a=fmtp:63 111/111\r\n", ""),
        CHROMIUM.replace("a=fmtp:63 111/111", "a=fmtp:63 9/9"),
        CHROMIUM.replace("red/48000/2", "red/8000"),
    ] {
        assert_ne!(offer, CHROMIUM);
        assert_eq!(answered(&ingest, &offer).await, plain);
    }
    let ffmpeg = answered(&ingest, FFMPEG).await;
    assert_eq!(
        ffmpeg,
        [
            "m=audio 9 UDP/TLS/RTP/SAVPF 111",
            "a=rtpmap:111 opus/48000/2"
        ]
    );
    ingest.running.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn packets_with_redundancy_and_without_are_one_stream() {
    let mut ingest = Ingest::start().await;
    let mut client = Client::of_sound().await;
    let offer = client.offer().await;
    let established = ingest.publishers.publish(ROOM, offer).await.unwrap();
    client.take(established.sdp).await;
    let packets: [(u8, &[u8]); 3] = [
        (RED, &[OPUS, 1, 2, 3]),
        (OPUS, &[4, 5, 6]),
        (RED, &[0x80 | OPUS, 0x0f, 0, 3, OPUS, 4, 5, 6, 7, 8, 9]),
    ];
    for (payload_type, payload) in packets {
        client.sound(payload_type, payload).await;
    }
    match ingest.feed().await {
        Feed::Opened {
            kind: Kind::Audio,
            codec,
            ..
        } => {
            let (payload_type, of) = (RED, OPUS);
            let redundancy = Some(Redundancy { payload_type, of });
            assert_eq!(codec.redundancy, redundancy);
        }
        other => panic!("{other:?} came before the track opened"),
    }
    for (payload_type, payload) in packets {
        let frame = ingest.feed_until(|feed| frame_of(feed, Kind::Audio)).await;
        let [packet] = &frame.1[..] else {
            panic!("{} packets in a frame of sound", frame.1.len());
        };
        let view = View::parse(packet).unwrap();
        assert_eq!(view.payload_type, payload_type);
        assert_eq!(packet[view.payload], *payload);
    }
    client.close().await;
    ingest.running.shutdown().await;
}

/// Pauses are told by the sound itself, whatever it brings along.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_host_is_told_of_the_sound_and_not_of_its_redundancy() {
    let mut ingest = Ingest::start().await;
    let mut client = Client::of_sound().await;
    let offer = client.offer().await;
    let established = ingest.publishers.publish(ROOM, offer).await.unwrap();
    client.take(established.sdp).await;
    let block = [7; 80];
    let packet = [&[0x80 | OPUS, 0x0f, 0, 80, OPUS][..], &block, &block].concat();
    let sending = async {
        let mut ticks = tokio::time::interval(std::time::Duration::from_millis(20));
        loop {
            ticks.tick().await;
            client.sound(RED, &packet).await;
        }
    };
    // 80 bytes, 50 times a second, are 32 kbit/s; with redundancy they would be 66.
    let told = ingest.health_until(|it| it.audio_kbps > 20);
    let told = tokio::select! {
        it = told => it,
        () = sending => unreachable!("it never ends"),
    };
    assert!(told.audio_kbps < 45, "{told:?}");
    ingest.running.shutdown().await;
}
