//! Pictures in layers within one stream: the dependency descriptor, agreed on and handed over.

use media::{CodecName, Kind, View};

use super::{
    Ingest, ROOM,
    client::Client,
    frame_of,
    offers::{SIMULCAST, SVC},
};
use crate::{Feed, extmap::DESCRIPTOR_URI, publish::offer::Offer};

/// Its number in Chromium's offer.
const ID: u8 = 13;
const EXTMAP: &str = "a=extmap:13 https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension\r\n";

fn agreed(offer: &str) -> Option<u8> {
    Offer::parse(offer).unwrap().video.unwrap().codec.descriptor
}

#[test]
fn b20_the_descriptor_is_taken_of_a_codec_with_layers_where_it_may_be_long() {
    let vp9 = SVC.replace("AV1/90000", "VP9/90000");
    for offer in [SVC, &vp9] {
        assert_eq!(agreed(offer), Some(ID));
        let mixed = "a=extmap-allow-mixed\r\n";
        let in_the_section = offer.replace(mixed, "") + mixed;
        assert_eq!(agreed(&in_the_section), Some(ID));
        assert_eq!(agreed(&offer.replace(mixed, "")), None, "it would be short");
        assert_eq!(agreed(&offer.replace(EXTMAP, "")), None, "not offered");
    }
    assert_eq!(agreed(&SVC.replace("AV1/90000", "VP8/90000")), None);
    // Of layers that are streams of their own each would number its pictures by itself.
    assert!(SIMULCAST.contains(EXTMAP));
    let simulcast = SIMULCAST.replace("H264/90000", "VP9/90000");
    assert_eq!(agreed(&simulcast), None);
}

#[tokio::test]
async fn b20_the_answer_has_the_number_of_the_offer_and_lets_it_be_long() {
    let ingest = Ingest::start().await;
    let answer = ingest.publishers.publish(ROOM, SVC.to_owned()).await;
    let sdp = answer.unwrap().sdp;
    assert!(sdp.contains(EXTMAP), "{sdp}");
    let above = sdp.split("m=video").next().unwrap();
    assert!(above.contains("a=extmap-allow-mixed\r\n"), "{sdp}");
    let without = SVC.replace("AV1/90000", "VP8/90000");
    let answer = ingest.publishers.publish(ROOM, without).await;
    assert!(!answer.unwrap().sdp.contains(DESCRIPTOR_URI));
    ingest.running.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b20_a_descriptor_reaches_the_egress_as_it_came() {
    let mut ingest = Ingest::start().await;
    let mut client = Client::of_av1().await;
    let offer = client.offer().await;
    let offered = offer.lines().find(|line| line.ends_with(DESCRIPTOR_URI));
    let id = offered.and_then(|it| {
        it.strip_prefix("a=extmap:")?
            .split(' ')
            .next()?
            .parse()
            .ok()
    });
    let id: u8 = id.expect("the client offers it");
    let established = ingest.publishers.publish(ROOM, offer).await.unwrap();
    client.take(established.sdp).await;
    // As long as a keyframe's may be, and as short as the others are.
    let long: Vec<u8> = (0..70).collect();
    let sent: [(&[u8], &[u8]); 2] = [(&[0x18, 1, 2], &long), (&[0x10, 3], &[0xc0, 0, 1])];
    for (payload, descriptor) in sent {
        client.described(payload, id, descriptor).await;
    }
    match ingest.feed().await {
        Feed::Opened { codec, .. } => {
            assert_eq!((codec.name, codec.descriptor), (CodecName::Av1, Some(id)));
        }
        other => panic!("{other:?} came before the track opened"),
    }
    for (payload, descriptor) in sent {
        let frame = ingest.feed_until(|feed| frame_of(feed, Kind::Video)).await;
        let [packet] = &frame.1[..] else {
            panic!("{} packets in a picture of one", frame.1.len());
        };
        let view = View::parse(packet).unwrap();
        assert_eq!(packet[view.payload], *payload);
        let wanted = [&[id, descriptor.len() as u8], descriptor].concat();
        let mut extensions = packet[view.extensions].windows(wanted.len());
        assert!(extensions.any(|it| it == wanted), "{packet:02x?}");
    }
    client.close().await;
    ingest.running.shutdown().await;
}
