//! Sound in a large room.

use super::*;

const PACKET: Duration = Duration::from_millis(20);

/// A publisher of sound alone.
async fn speaker(edge: &Edge, publication: u64) -> Source {
    Source::open_with(&edge.feed, publication, &[CodecName::Opus]).await
}

/// Sends sound of so many bytes as if it had come then.
fn say(source: &mut Source, bytes: usize, arrived: Instant) {
    source.timestamp += 960;
    let packet = source.packet(1, bytes, true);
    source.send_at(Kind::Audio, vec![packet], arrived);
}

#[tokio::test]
async fn b22_sound_leaves_in_pairs_of_one_size_where_many_listen() {
    let edge = edge_with(|config| config.sound_paired_from = 2);
    let mut source = speaker(&edge, 1).await;
    let (mut client, _) = edge.watch().await;
    let (mut other, _) = edge.watch().await;
    // It comes later than it is, so that nothing becomes due while the test is slow.
    let start = clock::now() + Duration::from_secs(60);
    say(&mut source, 50, start);
    let first = client.datagram().await;
    say(&mut source, 40, start + PACKET);
    say(&mut source, 70, start + 2 * PACKET);
    let pair = [client.datagram().await, client.datagram().await];
    assert_eq!(pair[0].len(), pair[1].len(), "they are one run");
    assert_eq!(pair[1].len(), first.len() + 20);
    // Each is what it was, for whoever hears it.
    for bytes in [50, 40, 70] {
        let (view, packet) = other.rtp(SOUND).await;
        assert_eq!(packet[view.payload].len(), bytes);
    }
    // What is asked for again is the same to its padding, as the cipher needs it.
    let lost = View::parse(&first).unwrap();
    let asked = nack(lost.ssrc, lost.sequence.wrapping_add(1));
    client.send_feedback(&asked).await;
    assert_eq!(client.datagram().await, pair[0]);
    // It is two that leave together, however many there are: the next one waits, and what ends the
    // publication lets it go.
    say(&mut source, 60, start + 3 * PACKET);
    source.close().await;
    assert_eq!(client.rtp(SOUND).await.0.payload.len(), 60);
    edge.running.shutdown().await;
}

#[tokio::test]
async fn b22_sound_that_no_second_one_comes_for_leaves_by_itself() {
    let edge = edge_with(|config| config.sound_paired_from = 1);
    let mut source = speaker(&edge, 1).await;
    let (mut client, _) = edge.watch().await;
    let now = clock::now();
    say(&mut source, 50, now);
    say(&mut source, 60, now);
    for bytes in [50, 60] {
        assert_eq!(client.rtp(SOUND).await.0.payload.len(), bytes);
    }
    edge.running.shutdown().await;
}

#[tokio::test]
async fn b22_sound_waits_for_nothing_where_few_listen_or_a_picture_is_shown() {
    let start = clock::now() + Duration::from_secs(60);
    let few = edge();
    let with_picture = edge_with(|config| config.sound_paired_from = 1);
    let sources = [
        speaker(&few, 1).await,
        Source::open(&with_picture.feed, 1).await,
    ];
    for (edge, mut source) in [few, with_picture].into_iter().zip(sources) {
        let (mut client, _) = edge.watch().await;
        for n in 0..4 {
            say(&mut source, 50, start + n * PACKET);
            client.rtp(SOUND).await;
        }
        edge.running.shutdown().await;
    }
}

#[tokio::test]
async fn b22_sound_of_who_was_replaced_takes_nobodys_place() {
    let edge = edge_with(|config| config.sound_paired_from = 1);
    let mut before = speaker(&edge, 1).await;
    let mut source = speaker(&edge, 2).await;
    let (mut client, _) = edge.watch().await;
    let start = clock::now() + Duration::from_secs(60);
    say(&mut source, 50, start);
    say(&mut source, 60, start + PACKET);
    say(&mut before, 99, start + PACKET);
    say(&mut source, 70, start + 2 * PACKET);
    for bytes in [50, 60, 70] {
        assert_eq!(client.rtp(SOUND).await.0.payload.len(), bytes);
    }
    edge.running.shutdown().await;
}
