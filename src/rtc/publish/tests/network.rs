//! A publisher whose network changes under it, as seen from here: its packets come from elsewhere.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use media::Kind;
use protocol::PeerId;
use tokio::{net::UdpSocket, sync::Notify, task::JoinHandle, time::timeout};

use super::{Ingest, PATIENCE, ROOM, client::Client, frame_of};
use crate::{Layer, PeerEnd, Report, WantKeyframe};

/// A home router between a client and us, which can be given another address.
struct Router {
    address: SocketAddr,
    other_address: Arc<Notify>,
    /// Connectivity checks of the client are lost.
    loses_checks: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Router {
    async fn start(server: SocketAddr) -> Self {
        let inside = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = inside.local_addr().unwrap();
        let other_address = Arc::new(Notify::new());
        let change = Arc::clone(&other_address);
        let loses_checks = Arc::new(AtomicBool::new(false));
        let loses = Arc::clone(&loses_checks);
        let task = tokio::spawn(async move {
            let mut outside = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            let mut client = None;
            let (mut there, mut back) = ([0; 2_048], [0; 2_048]);
            loop {
                tokio::select! {
                    read = inside.recv_from(&mut there) => {
                        let (size, from) = read.unwrap();
                        client = Some(from);
                        if there[0] < 4 && loses.load(Ordering::Relaxed) {
                            continue;
                        }
                        outside.send_to(&there[..size], server).await.unwrap();
                    }
                    read = outside.recv(&mut back) => {
                        let size = read.unwrap();
                        if let Some(client) = client {
                            inside.send_to(&back[..size], client).await.unwrap();
                        }
                    }
                    () = change.notified() => {
                        outside = UdpSocket::bind("127.0.0.1:0").await.unwrap();
                    }
                }
            }
        });
        Self {
            address,
            other_address,
            loses_checks,
            task,
        }
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A client that publishes through a router, and the router.
async fn behind_router(ingest: &mut Ingest) -> (Client, Router, PeerId) {
    let mut client = Client::new().await;
    let publishers = ingest.publishers.clone();
    let offer = client.offer().await;
    let established = publishers.publish(ROOM, offer).await.unwrap();
    let server = publishers.shared.port.address();
    let router = Router::start(server).await;
    let (ours, theirs) = (server.port().to_string(), router.address.port().to_string());
    let candidate = format!(" 127.0.0.1 {ours} typ host");
    assert!(established.sdp.contains(&candidate), "{}", established.sdp);
    let answer = established
        .sdp
        .replace(&candidate, &candidate.replace(&ours, &theirs));
    client.take(answer).await;
    let here = Report::PublisherHere {
        peer: established.peer.clone(),
    };
    assert_eq!(ingest.report().await, here);
    (client, router, established.peer)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publisher_that_sends_without_checks_stays_until_it_stops() {
    let mut ingest = Ingest::start().await;
    let (mut client, router, peer) = behind_router(&mut ingest).await;
    client.picture(true).await;
    router.loses_checks.store(true, Ordering::Relaxed);
    // Without checks ICE calls it disconnected after 5 s, and without media it is gone after 8.
    let mut ticks = tokio::time::interval(Duration::from_millis(200));
    for _ in 0..5 * 11 {
        ticks.tick().await;
        client.picture(false).await;
    }
    while let Ok(report) = ingest.reports.try_recv() {
        assert!(!matches!(report.1, Report::PeerEnded { .. }), "{report:?}");
    }
    let ends = async {
        loop {
            if let Report::PeerEnded { peer, why, .. } = ingest.report().await {
                return (peer, why);
            }
        }
    };
    let ended = timeout(PATIENCE, ends).await.expect("it is noticed");
    assert_eq!(ended, (peer, PeerEnd::Timeout));
    ingest.running.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publisher_goes_on_from_another_address_and_still_hears_us() {
    let mut ingest = Ingest::start().await;
    let (mut client, router, _) = behind_router(&mut ingest).await;
    let publishers = ingest.publishers.clone();
    client.picture(true).await;
    let (publication, _) = ingest.feed_until(|it| frame_of(it, Kind::Video)).await;

    router.other_address.notify_one();
    let known = || publishers.shared.port.known().1;
    assert_eq!(known(), 1);
    // Its next check comes from there, and shows who it is.
    let mut ticks = tokio::time::interval(Duration::from_millis(20));
    let moves = async {
        while known() < 2 {
            ticks.tick().await;
        }
    };
    timeout(PATIENCE, moves).await.expect("in time");
    // What it sends from here on has these timestamps. A picture is whole when the next one begins.
    let after = client.next_timestamp();
    client.picture(false).await;
    client.picture(false).await;
    let arrives = ingest.feed_until(|feed| {
        let (_, packets) = frame_of(feed, Kind::Video)?;
        let timestamp = |it: &bytes::Bytes| u32::from_be_bytes(it[4..8].try_into().unwrap());
        packets
            .iter()
            .any(|it| timestamp(it) >= after)
            .then_some(())
    });
    timeout(PATIENCE, arrives).await.expect("in time");
    // And what we say goes there: nobody hears at the address before.
    let wanted = WantKeyframe {
        room: ROOM,
        publication,
        layer: Layer::ONLY,
    };
    ingest.wishes.send(wanted).await.unwrap();
    client.send_until_asked().await;
    client.close().await;
    ingest.running.shutdown().await;
}
