//! A viewer that nobody looks at.

use super::*;

#[tokio::test]
async fn b11_a_held_viewer_gets_sound_only_and_then_the_picture_again() {
    let mut edge = edge();
    let mut source = Source::open(&edge.feed, 1).await;
    source.keyframe();
    let (mut client, established) = edge.watch().await;
    let mut last = client.rtp(VIDEO).await.0;
    for _ in 1..3 {
        last = client.rtp(VIDEO).await.0;
    }
    let peer = &established.peer;
    assert_eq!(
        edge.viewers.show(peer, Shown::SoundOnly, None).await,
        Ok(true)
    );
    // Orders and frames come by one inbox: what follows is not shown.
    for _ in 0..30 {
        source.delta();
    }
    source.keyframe();
    source.delta();
    // A browser that gets no picture asks for one; the host is not troubled with that.
    client.send_feedback(&picture_loss(last.ssrc)).await;
    client.send(&client.check(false)).await;
    while !matches!(client.hear().await, Heard::Checked) {}
    sound(&mut source);
    loop {
        match client.hear().await {
            Heard::Rtp { view, .. } if view.payload_type == SOUND => break,
            Heard::Rtp { .. } => panic!("a picture that is held was sent"),
            _ => {}
        }
    }
    assert!(edge.wishes.try_recv().is_err());

    // Hidden and seen in one breath: the last word counts, and nothing has to be awaited between.
    let seen = edge.viewers.show(peer, Shown::All, None);
    let hidden = edge.viewers.show(peer, Shown::SoundOnly, None);
    let again = edge.viewers.show(peer, Shown::All, None);
    assert_eq!(
        (again.await, hidden.await, seen.await),
        (Ok(true), Ok(true), Ok(true))
    );
    let (first, packet) = client.rtp(VIDEO).await;
    assert_eq!(packet[12], 0x65, "from the keyframe on");
    assert_eq!(first.sequence, last.sequence.wrapping_add(1));
    // Where a worker was between two of the words, the picture goes on from the next keyframe.
    source.keyframe();
    let (begun, mut sequence) = (first.timestamp, first.sequence);
    loop {
        let (view, packet) = client.rtp(VIDEO).await;
        sequence = sequence.wrapping_add(1);
        assert_eq!(view.sequence, sequence, "no hole");
        let fresh = packet[12] == 0x65 && view.timestamp != begun;
        if fresh {
            break;
        }
    }
    edge.running.shutdown().await;
}

#[tokio::test]
async fn b11_a_viewer_without_a_keyframe_to_begin_with_has_one_asked_for() {
    let mut edge = edge();
    let mut source = Source::open(&edge.feed, 1).await;
    source.keyframe();
    let (mut client, established) = edge.watch().await;
    client.rtp(VIDEO).await;
    let peer = &established.peer;
    assert_eq!(
        edge.viewers.show(peer, Shown::SoundOnly, None).await,
        Ok(true)
    );
    assert_eq!(edge.viewers.show(peer, Shown::All, None).await, Ok(true));
    let wish = timeout(Duration::from_secs(20), edge.wishes.recv()).await;
    assert_eq!(wish.unwrap().unwrap().room, ROOM);
    source.keyframe();
    while client.rtp(VIDEO).await.1[12] != 0x65 {}
    assert!(edge.viewers.close(peer, PeerEnd::Closed).await);
    assert_eq!(edge.viewers.show(peer, Shown::All, None).await, Ok(false));
    assert_eq!(
        edge.viewers.show(&"p-1".into(), Shown::All, None).await,
        Ok(false)
    );
    edge.running.shutdown().await;
}

#[tokio::test]
async fn b11_a_keyframe_is_asked_for_as_soon_as_a_viewer_is_answered() {
    let mut edge = edge();
    let mut source = Source::open(&edge.feed, 1).await;
    source.delta();
    let client = Client::new().await;
    assert!(
        edge.viewers
            .view(ROOM, "someone", client.offer())
            .await
            .is_ok()
    );
    let asked = edge.wishes.try_recv();
    assert_eq!(asked.map(|it| it.room).ok(), Some(ROOM), "no handshake yet");
    source.keyframe();
    let (mut client, _) = edge.watch().await;
    client.rtp(VIDEO).await;
    assert!(edge.wishes.try_recv().is_err(), "there is a picture");
    edge.running.shutdown().await;
}

fn sound(source: &mut Source) {
    let (ssrc, sequence) = (source.ssrc, source.sequence);
    source.ssrc = 99;
    let packet = source.packet(1, 80, true);
    source.send(Kind::Audio, vec![packet]);
    (source.ssrc, source.sequence) = (ssrc, sequence);
}
