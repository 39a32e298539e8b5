//! A page that watches, and nothing else: WHIP or plain RTP in, WHEP out. It is how both halves of
//! this crate are tried with a browser and an encoder, without rooms and rights.
//!
//! `cargo run -p weiquan-rtc --example watch -- 127.0.0.1:8800` serves the page, and takes a
//! publisher at `/whip`. With a port behind it (`5004`) plain H264 is taken there instead (its RTCP
//! on 5005) and Opus on 5006 (5007), as FFmpeg's `rtp` muxer sends them.

use std::{net::SocketAddr, time::Duration};

use axum::{
    Router,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::{delete, get, post},
};
use bytes::Bytes;
use protocol::Refusal;
use rtc_edge::{
    Codec, CodecName, Config, Established, Feed, FeedSender, Kind, Layer, PeerEnd, PublicationId,
    Rtc,
};
use tokio::{net::UdpSocket, sync::mpsc, time::timeout};

const ROOM: u32 = 1;
const PUBLICATION: PublicationId = PublicationId(1);
/// Packets of one frame come within this.
const FRAME_WITHIN: Duration = Duration::from_millis(3);
const SENDER_REPORT: u8 = 200;

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let http: SocketAddr = arguments
        .next()
        .unwrap_or("127.0.0.1:8800".to_owned())
        .parse()?;
    let rtp_port: Option<u16> = arguments.next().map(|port| port.parse()).transpose()?;

    let any = SocketAddr::new(http.ip(), 0);
    let (reports, mut heard) = mpsc::channel(64);
    let (rtc, running) = Rtc::start(Config::new(any, vec![any]), reports).await?;
    tokio::spawn(async move {
        while let Some((room, report)) = heard.recv().await {
            println!("room {room}: {report:?}");
        }
    });
    if let Some(port) = rtp_port {
        take_plain(&rtc.feed(), http, port).await?;
    }
    let routes = Router::new()
        .route("/", get(|| async { Html(include_str!("watch.html")) }))
        .route("/whep", post(watch))
        .route("/whip", post(publish))
        .route("/peer/{peer}", delete(stop))
        .with_state(rtc);
    let listener = tokio::net::TcpListener::bind(http).await?;
    println!("http://{}/", listener.local_addr()?);
    axum::serve(listener, routes).await?;
    running.shutdown().await;
    Ok(())
}

async fn watch(State(rtc): State<Rtc>, offer: String) -> Response {
    answer(rtc.view(ROOM, "example", offer).await)
}

async fn publish(State(rtc): State<Rtc>, offer: String) -> Response {
    answer(rtc.publish(ROOM, offer).await)
}

fn answer(answered: Result<Established, Refusal>) -> Response {
    match answered {
        Ok(established) => (
            StatusCode::CREATED,
            [
                (header::CONTENT_TYPE, "application/sdp".to_owned()),
                (header::LOCATION, format!("/peer/{}", established.peer)),
                (header::ETAG, format!("\"{}\"", established.etag)),
            ],
            established.sdp,
        )
            .into_response(),
        Err(refusal) => {
            let status = StatusCode::from_u16(refusal.code.status());
            (status.unwrap_or(StatusCode::BAD_REQUEST), refusal.say).into_response()
        }
    }
}

async fn stop(State(rtc): State<Rtc>, Path(peer): Path<String>) -> StatusCode {
    match rtc.close(&peer.into(), PeerEnd::Closed).await {
        true => StatusCode::OK,
        false => StatusCode::NOT_FOUND,
    }
}

async fn take_plain(feed: &FeedSender, at: SocketAddr, port: u16) -> Result<(), Failure> {
    let video = Codec {
        name: CodecName::H264,
        clock: 90_000,
        channels: 0,
        fmtp: "packetization-mode=1;profile-level-id=42e01f".to_owned(),
        descriptor: None,
        redundancy: None,
    };
    let audio = Codec {
        name: CodecName::Opus,
        clock: 48_000,
        channels: 2,
        fmtp: String::new(),
        descriptor: None,
        redundancy: None,
    };
    for (kind, codec, port) in [(Kind::Video, video, port), (Kind::Audio, audio, port + 2)] {
        feed.tell(Feed::Opened {
            room: ROOM,
            publication: PUBLICATION,
            kind,
            layer: Layer::ONLY,
            codec,
        })
        .await;
        let rtp = UdpSocket::bind((at.ip(), port)).await?;
        let rtcp = UdpSocket::bind((at.ip(), port + 1)).await?;
        tokio::spawn(take_packets(feed.clone(), kind, rtp));
        tokio::spawn(take_reports(feed.clone(), kind, rtcp));
    }
    Ok(())
}

async fn take_packets(feed: FeedSender, kind: Kind, socket: UdpSocket) {
    let mut buffer = [0; 2_048];
    loop {
        let Ok(size) = socket.recv(&mut buffer).await else {
            return;
        };
        let arrived = clock::now();
        let mut packets = vec![Bytes::copy_from_slice(&buffer[..size])];
        while buffer[1] & 0x80 == 0 {
            match timeout(FRAME_WITHIN, socket.recv(&mut buffer)).await {
                Ok(Ok(size)) => packets.push(Bytes::copy_from_slice(&buffer[..size])),
                _ => break,
            }
        }
        feed.frame(Feed::Frame {
            room: ROOM,
            publication: PUBLICATION,
            kind,
            layer: Layer::ONLY,
            packets,
            arrived,
        });
    }
}

async fn take_reports(feed: FeedSender, kind: Kind, socket: UdpSocket) {
    let mut buffer = [0; 2_048];
    while let Ok(size) = socket.recv(&mut buffer).await {
        if size < 28 || buffer[1] != SENDER_REPORT {
            continue;
        }
        let ntp = buffer[8..16].try_into().map(u64::from_be_bytes);
        let rtp = buffer[16..20].try_into().map(u32::from_be_bytes);
        let (Ok(ntp), Ok(rtp)) = (ntp, rtp) else {
            continue;
        };
        let report = Feed::Report {
            room: ROOM,
            publication: PUBLICATION,
            kind,
            layer: Layer::ONLY,
            ntp,
            rtp,
            sent: clock::now(),
        };
        feed.tell(report).await;
    }
}
