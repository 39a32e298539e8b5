//! Several ports, each with a worker of its own.

use super::*;

#[tokio::test]
async fn viewers_are_spread_over_the_workers_and_see_the_same() {
    let any = "127.0.0.1:0".parse().unwrap();
    let mut edge = edge_with(|config| {
        config.view = vec![any; 3];
        config.viewers_per_worker_max = 2;
    });
    assert_eq!(edge.running.addresses.len(), 3);
    let mut source = Source::open(&edge.feed, 1).await;
    source.keyframe();
    let mut watching = Vec::new();
    for _ in 0..6 {
        watching.push(edge.watch().await);
    }
    let mut by_worker = [0; 3];
    for (_, established) in &watching {
        by_worker[worker_of(&established.peer).unwrap()] += 1;
    }
    assert_eq!(by_worker, [2; 3]);
    // Every place of every worker is taken.
    let one_more = edge.viewers.view(ROOM, "else", watching[0].0.offer()).await;
    assert_eq!(one_more.unwrap_err().code, Code::RoomFull);
    for _ in 0..5 {
        source.delta();
    }
    let mut seen = Vec::new();
    for (client, _) in &mut watching {
        let mut payloads = Vec::new();
        for _ in 0..18 {
            let (view, packet) = client.rtp(VIDEO).await;
            payloads.push(packet[view.payload].to_vec());
        }
        seen.push(payloads);
    }
    assert!(seen.windows(2).all(|it| it[0] == it[1]));
    // Who is shown something is counted; their handshake ends a moment before.
    assert_eq!(edge.viewers.count(ROOM), 6);
    // A wish from any of them reaches the publisher, and each is found again by its name.
    while edge.wishes.try_recv().is_ok() {}
    for (client, established) in &mut watching {
        let (view, _) = {
            source.delta();
            client.rtp(VIDEO).await
        };
        client.send_feedback(&picture_loss(view.ssrc)).await;
        let wish = timeout(Duration::from_secs(20), edge.wishes.recv()).await;
        assert_eq!(wish.unwrap().unwrap().room, ROOM);
        assert!(edge.viewers.close(&established.peer, PeerEnd::Closed).await);
    }
    assert_eq!(edge.viewers.count(ROOM), 0);
    edge.running.shutdown().await;
}
