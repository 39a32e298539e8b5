//! One viewer who does whatever it likes, and strangers who change what they overheard: nobody else
//! notices.

use std::time::Instant;

use rand::{Rng as _, RngExt as _, SeedableRng as _, rngs::StdRng};
use rtc_stun::fingerprint::fingerprint_value;

use super::*;
use crate::view::Check;

/// Where a check says that it comes from.
const FROM: &str = "192.0.2.7:4000";
/// What one viewer can ask for again at once, beyond a packet for each that it was sent.
const AGAIN_MAX: usize = 512;

#[tokio::test]
async fn no_mutated_check_is_answered_and_none_breaks_its_reader() {
    let mut client = Client::new().await;
    client.take_answer(
        "a=ice-ufrag:ours\r\na=ice-pwd:password-of-ours\r\n\
         a=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n",
    );
    let provider = dtls::provider();
    let answer = |datagram: &[u8]| {
        let mut check = Check::parse(datagram)?;
        check.answer_anybody(FROM.parse().unwrap(), "password-of-ours", provider.crypto())
    };
    let mut read = 0;
    for seed in seeds::of(20_000) {
        let mut rng = StdRng::seed_from_u64(seed);
        let whole = client.check(rng.random_bool(0.5));
        assert!(answer(&whole).is_some_and(|it| it.len() <= whole.len()));
        let mut datagram = whole.clone();
        for _ in 0..rng.random_range(1..4) {
            let at = rng.random_range(0..datagram.len());
            match rng.random_range(0..4) {
                0 if datagram.len() > 1 => drop(datagram.remove(at)),
                1 => datagram.insert(at, rng.random()),
                2 => datagram.truncate(at.max(1)),
                _ => datagram[at] = rng.random(),
            }
        }
        if rng.random_bool(0.3) {
            let crc = rng.random_range(0..=datagram.len());
            rng.fill_bytes(&mut datagram[crc..]);
        }
        // A right checksum is nobody's secret: the proof has to hold by itself.
        let fits = rng.random_bool(0.5) && with_right_checksum(&mut datagram);
        if datagram == whole {
            continue;
        }
        read += u32::from(fits && Check::parse(&datagram).is_some());
        assert_eq!(answer(&datagram), None, "seed {seed}");
    }
    assert!(
        read > 200,
        "only {read} could be read at all: this proves little"
    );
}

/// Gives a message that still ends with a checksum the right one (RFC 8489 §14.7).
fn with_right_checksum(datagram: &mut [u8]) -> bool {
    let Some((body, checksum)) = datagram.split_last_chunk_mut::<4>() else {
        return false;
    };
    // It is taken over what stands before its own attribute.
    let Some(before) = body.strip_suffix(&[0x80, 0x28, 0, 4]) else {
        return false;
    };
    *checksum = fingerprint_value(before).to_be_bytes();
    true
}

#[tokio::test]
async fn feedback_that_is_forged_before_the_first_makes_nobody_deaf() {
    let edge = edge();
    let mut source = Source::open(&edge.feed, 1).await;
    source.keyframe();
    let (mut client, _) = edge.watch().await;
    let (lost, _) = client.rtp(VIDEO).await;
    let feedback = client.protect_feedback(&nack(lost.ssrc, lost.sequence));
    // An index far ahead, of somebody who has no key.
    let mut forged = feedback.clone();
    let index = forged.len() - 4;
    forged[index] ^= 0x40;
    client.send(&forged).await;
    client.send(&feedback).await;
    let (again, resent) = client.rtp(RESENT).await;
    assert_eq!(resent[again.payload][..2], lost.sequence.to_be_bytes());
    edge.running.shutdown().await;
}

#[tokio::test]
async fn feedback_of_ever_other_sources_is_looked_at_so_often_and_no_more() {
    let edge = edge();
    let mut source = Source::open(&edge.feed, 1).await;
    source.keyframe();
    let (mut client, _) = edge.watch().await;
    let (lost, _) = client.rtp(VIDEO).await;
    // Under its own source it is known from here on.
    client.send_feedback(&nack(lost.ssrc, lost.sequence)).await;
    client.rtp(RESENT).await;
    let mut forged = client.protect_feedback(&nack(lost.ssrc, lost.sequence));
    for strange in 0..1_200_u32 {
        forged[4..8].copy_from_slice(&(strange + 1_000).to_be_bytes());
        client.send(&forged).await;
        if strange % 50 == 0 {
            // Waits until they were looked at, so that none is lost in a full socket.
            came_again(&mut client).await;
        }
    }
    came_again(&mut client).await;
    let mut other = nack(lost.ssrc, lost.sequence);
    other[4..8].copy_from_slice(&77_u32.to_be_bytes());
    client.send_feedback(&other).await;
    assert_eq!(came_again(&mut client).await, 0, "it is one too many");
    client.send_feedback(&nack(lost.ssrc, lost.sequence)).await;
    // Twice, because it was asked for before.
    assert_eq!(came_again(&mut client).await, 2, "who is known is heard");
    edge.running.shutdown().await;
}

/// Everything that a viewer can send: packets as if it published, feedback that is no feedback or was
/// heard before, and more of both kinds of wishes than anybody has. Tells how many packets came again.
async fn rage(loud: &mut Client, video: u32, first: u16, seed: u64) -> usize {
    let (mut rng, mut again) = (StdRng::seed_from_u64(seed), 0);
    let heard_before = loud.protect_feedback(&nack(video, 0));
    for n in 0..100_u16 {
        let mut flood = vec![0x80, 96];
        flood.resize(rng.random_range(13..1_200), 0);
        rng.fill_bytes(&mut flood[2..]);
        loud.send(&flood).await;
        let mut unfit = heard_before.clone();
        let at = rng.random_range(2..unfit.len());
        unfit[at] ^= 1 << rng.random_range(0..8);
        loud.send(&unfit).await;
        loud.send(&heard_before).await;
        // Seventeen packets with each word.
        let mut missing = nack(video, rng.random());
        missing[14..16].fill(0xff);
        loud.send_feedback(&missing).await;
        let mut near = nack(video, first.wrapping_add(n % 32));
        near[14..16].fill(0xff);
        loud.send_feedback(&near).await;
        loud.send_feedback(&picture_loss(video)).await;
        if n % 4 == 3 {
            // Waits until all was looked at, so that none is lost in a full socket.
            again += came_again(loud).await;
        }
    }
    again
}

/// Reads what there is until an answer to a check comes; tells how many packets came again.
async fn came_again(loud: &mut Client) -> usize {
    loud.send(&loud.check(false)).await;
    let mut again = 0;
    loop {
        match loud.hear().await {
            Heard::Checked => return again,
            Heard::Rtp { view, .. } => again += usize::from(view.payload_type == RESENT),
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_viewer_who_floods_and_asks_for_everything_costs_the_others_nothing() {
    let mut edge = edge();
    let mut source = Source::open(&edge.feed, 1).await;
    source.keyframe();
    let (mut quiet, _) = edge.watch().await;
    let (mut loud, _) = edge.watch().await;
    let (first, _) = quiet.rtp(VIDEO).await;
    let (of_loud, _) = loud.rtp(VIDEO).await;
    for _ in 1..3 {
        quiet.rtp(VIDEO).await;
    }
    while edge.wishes.try_recv().is_ok() {}
    let begin = Instant::now();
    let mut last = first.sequence.wrapping_add(2);
    let (mut again, mut pictures) = (0, 0);
    for seed in seeds::of(8) {
        source.delta();
        again += rage(&mut loud, of_loud.ssrc, of_loud.sequence, seed).await;
        source.delta();
        pictures += 2;
        // Whoever is quiet has each packet of them, in order, while the other one rages.
        for _ in 0..6 {
            let (view, _) = quiet.rtp(VIDEO).await;
            last = last.wrapping_add(1);
            assert_eq!(view.sequence, last, "seed {seed}");
        }
    }
    // As much again as it was sent, and what was in store for it.
    assert!(again > 0, "what it really misses it may ask for");
    assert!(again <= AGAIN_MAX + 3 + 3 * pictures, "{again} came again");
    let mut wishes = 0;
    while edge.wishes.try_recv().is_ok() {
        wishes += 1;
    }
    let most = begin.elapsed().as_secs() + 1;
    assert!(
        (1..=most).contains(&wishes),
        "{wishes} keyframes were asked for in {most} s"
    );
    // Its own line lives too: nothing of this is the end of anybody.
    source.delta();
    loud.rtp(VIDEO).await;
    assert_eq!(edge.viewers.count(ROOM), 2);
    edge.running.shutdown().await;
}
