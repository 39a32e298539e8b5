//! Pictures in layers within one stream: who takes the dependency descriptor is sent it.

use media::HEADER_BYTES;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use super::*;
use crate::extmap::DESCRIPTOR_URI;

/// As the publisher calls the extension.
const THEIRS: u8 = 13;
/// As the viewer calls it.
const OURS: u8 = 9;

/// A publisher of AV1.
async fn source(edge: &Edge) -> Source {
    let source = Source::open(&edge.feed, 1).await;
    let codec = Codec {
        name: CodecName::Av1,
        clock: 90_000,
        channels: 0,
        fmtp: String::new(),
        descriptor: Some(THEIRS),
        redundancy: None,
    };
    let opened = Feed::Opened {
        room: ROOM,
        publication: source.publication,
        kind: Kind::Video,
        layer: Layer::ONLY,
        codec,
    };
    edge.feed.tell(opened).await;
    source
}

/// A picture of one packet behind this block of extensions.
fn picture(source: &mut Source, first: u8, block: &[u8]) {
    source.timestamp += 3_600;
    let mut packet = source.packet(first, 500, true).to_vec();
    packet[0] |= 0x10;
    packet.splice(HEADER_BYTES..HEADER_BYTES, block.iter().copied());
    source.send(Kind::Video, vec![packet.into()]);
}

fn block(descriptor: &[u8]) -> Vec<u8> {
    let mut block = vec![0x10, 0, 0, 0, 4, 2, 1, 2, THEIRS, descriptor.len() as u8];
    block.extend(descriptor);
    block.resize(block.len().next_multiple_of(4), 0);
    block[3] = (block.len() / 4 - 1) as u8;
    block
}

fn offer(client: &Client, extension: &str) -> String {
    let av1 = client.offer().replace("H264/90000", "AV1/90000");
    av1.replace(
        "a=rtpmap:108 AV1/90000\r\n",
        &format!("a=rtpmap:108 AV1/90000\r\n{extension}"),
    )
}

#[tokio::test]
async fn b20_who_takes_the_descriptor_is_sent_it_and_nobody_else() {
    let edge = edge();
    let mut source = source(&edge).await;
    let takes = format!("a=extmap-allow-mixed\r\na=extmap:{OURS} {DESCRIPTOR_URI}\r\n");
    // Both ciphers have to know where the payload begins.
    let mut clients = [
        (Client::new().await, true),
        (Client::with_profiles(vec![SHA1]).await, true),
        (Client::new().await, false),
    ];
    for (client, has) in &mut clients {
        let offer = offer(client, if *has { &takes } else { "" });
        let established = edge.viewers.view(ROOM, "someone", offer).await.unwrap();
        assert_eq!(established.sdp.contains(&takes), *has);
        assert_eq!(established.sdp.contains(DESCRIPTOR_URI), *has);
        client.connect(&established.sdp).await;
    }
    let long: Vec<u8> = (0..70).collect();
    for (first, descriptor) in [(0x18, &long[..]), (0x10, &[0xc0, 1, 3])] {
        picture(&mut source, first, &block(descriptor));
        let mut payloads = Vec::new();
        for (client, has) in &mut clients {
            let (view, packet) = client.rtp(VIDEO).await;
            let wanted = match (*has, descriptor.len()) {
                (false, _) => vec![],
                (true, 3) => vec![0xbe, 0xde, 0, 1, OURS << 4 | 2, 0xc0, 1, 3],
                (true, _) => [&[0x10, 0, 0, 18, OURS, 70][..], &long].concat(),
            };
            assert_eq!(packet[view.extensions.clone()], wanted);
            payloads.push(packet[view.payload.clone()].to_vec());
            if !*has {
                continue;
            }
            // What is sent again says the same, and when it was sent.
            client.send_feedback(&nack(view.ssrc, view.sequence)).await;
            let (again, resent) = client.rtp(RESENT).await;
            let said = &resent[again.extensions];
            assert!(said.len() > wanted.len(), "{said:?}");
            assert!(said.windows(descriptor.len()).any(|it| it == descriptor));
            assert_eq!(resent[again.payload][2..], packet[view.payload]);
        }
        assert!(
            payloads
                .iter()
                .all(|it| *it == payloads[0] && it.len() == 500)
        );
    }
    edge.running.shutdown().await;
}

#[tokio::test]
async fn b20_no_bytes_of_a_descriptor_disturb_a_viewer() {
    let edge = edge();
    let mut source = source(&edge).await;
    let takes = format!("a=extmap-allow-mixed\r\na=extmap:{OURS} {DESCRIPTOR_URI}\r\n");
    let mut clients = [Client::new().await, Client::new().await];
    for (client, extension) in clients.iter_mut().zip([&takes[..], ""]) {
        let offer = offer(client, extension);
        let established = edge.viewers.view(ROOM, "someone", offer).await.unwrap();
        client.connect(&established.sdp).await;
    }
    for seed in seeds::of(200) {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut block = block(&vec![rng.random(); rng.random_range(0..=255)]);
        for _ in 0..rng.random_range(0..20) {
            let at = rng.random_range(0..block.len());
            // All but where the payload is.
            if !(2..4).contains(&at) {
                block[at] = rng.random();
            }
        }
        picture(&mut source, 0x18, &block);
        let mut payloads = Vec::new();
        for client in &mut clients {
            let (view, packet) = client.rtp(VIDEO).await;
            payloads.push(packet[view.payload].to_vec());
        }
        assert_eq!(payloads[0], payloads[1], "seed {seed}");
    }
    edge.running.shutdown().await;
}
