//! What comes by UDP from people who proved nothing, and where our own packets may go.

use std::time::Duration;

use tokio::{net::UdpSocket, time::timeout};

use crate::support::{Person, Server};

const FFMPEG: &str = include_str!("../../src/rtc/publish/tests/offers/ffmpeg.sdp");
const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];

/// A STUN message of a type with these attributes.
fn stun(kind: u16, attributes: &[(u16, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in attributes {
        body.extend(name.to_be_bytes());
        body.extend((value.len() as u16).to_be_bytes());
        body.extend(*value);
        body.resize(body.len().next_multiple_of(4), 0);
    }
    let mut message = kind.to_be_bytes().to_vec();
    message.extend((body.len() as u16).to_be_bytes());
    message.extend(COOKIE);
    message.extend([7; 12]);
    message.extend(body);
    message
}

/// A ClientHello of DTLS 1.2 in one record, with what a browser says in it and more.
fn client_hello(length: usize) -> Vec<u8> {
    let mut hello = vec![254, 253];
    hello.extend([5; 32]);
    hello.extend([0, 0]);
    // TLS_NULL_WITH_NULL_NULL, then one that we speak.
    hello.extend([0, 4, 0, 0, 0xc0, 0x2b, 1, 0]);
    hello.resize(length, 0);
    let size = |n: usize| (n as u32).to_be_bytes()[1..].to_vec();
    let mut message = vec![1];
    message.extend(size(hello.len()));
    message.extend([0, 0, 0, 0, 0]);
    message.extend(size(hello.len()));
    message.extend(&hello);
    let mut record = vec![22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0];
    record.extend((message.len() as u16).to_be_bytes());
    record.extend(message);
    record
}

/// All that comes until nothing comes any more.
async fn heard(socket: &UdpSocket) -> usize {
    let mut bytes = 0;
    let mut buffer = [0; 2_048];
    // Silence has no end to wait for: what there is comes within a round trip on this machine, and
    // each protocol here says again within half a second what it wants answered.
    while let Ok(Ok((n, _))) =
        timeout(Duration::from_millis(700), socket.recv_from(&mut buffer)).await
    {
        bytes += n;
    }
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn s36_s37_s42_a_stranger_is_answered_with_nothing() {
    let server = Server::start();
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    // Names that are known exist at both ports: of a publisher, and of the checks of a line.
    let key = owner.make_stream_key("hall").await.key;
    let published = owner
        .http
        .post(server.url("/whip"))
        .bearer_auth(&key)
        .header("content-type", "application/sdp")
        .body(FFMPEG)
        .send()
        .await
        .expect("answered");
    assert_eq!(published.status(), 201);
    let answer = published.text().await.expect("an answer");
    let probe: serde_json::Value = owner.get("/api/v1/check").await;
    let name = |sdp: &str| {
        let line = sdp.lines().find_map(|it| it.strip_prefix("a=ice-ufrag:"));
        line.expect("a name").to_owned()
    };
    let told = |which: &str| name(probe[which].as_str().expect("text"));
    let names = [name(&answer), told("sdp"), told("publish_sdp")];

    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    let mut sent = 0;
    for port in server.media_ports() {
        let mut attacks = vec![
            // Binding requests without a name, and without a proof.
            stun(0x0001, &[]),
            stun(0x0001, &[(0x0006, b"nobody:x")]),
            // TURN: Allocate, CreatePermission, ChannelBind, Send.
            stun(0x0003, &[(0x0019, &[17, 0, 0, 0])]),
            stun(
                0x0008,
                &[(0x0012, &[0, 1, 0x5e, 0x12, 0x5e, 0x12, 0xa4, 0x43])],
            ),
            stun(0x0009, &[(0x000c, &[0x40, 0, 0, 0])]),
            stun(0x0016, &[(0x0013, b"hello")]),
            // An answer and an error that nobody asked for.
            stun(0x0101, &[]),
            stun(0x0111, &[(0x0009, &[0, 0, 4, 0])]),
            client_hello(100),
            client_hello(1_200),
            // DTLS data and an alert, RTP, RTCP.
            [&[23, 254, 253, 0, 1, 0, 0, 0, 0, 0, 0, 0, 40][..], &[1; 40]].concat(),
            vec![21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 40],
            [&[0x80, 96, 0, 1][..], &[1; 400]].concat(),
            [&[0x81, 206, 0, 2][..], &[1; 8]].concat(),
        ];
        for name in &names {
            let username = format!("{name}:x");
            let username = username.as_bytes();
            attacks.push(stun(0x0001, &[(0x0006, username)]));
            // A proof by nobody's password, and a path chosen by it.
            attacks.push(stun(0x0001, &[(0x0006, username), (0x0008, &[9; 20])]));
            let chosen: &[(u16, &[u8])] = &[(0x0006, username), (0x0025, &[]), (0x0008, &[9; 20])];
            attacks.push(stun(0x0001, chosen));
        }
        for attack in attacks.iter().cycle().take(200) {
            sent += attack.len();
            let to = ("127.0.0.1", port);
            socket.send_to(attack, to).await.expect("sent");
        }
    }
    let heard = heard(&socket).await;
    assert_eq!(heard, 0, "{heard} bytes came for {sent}");
    let mut line = owner.connect("phone").await;
    let a = line.join("hall", None).await.expect("joined").a;
    line.say(a, "没事").await.expect("nobody is disturbed");
}

#[tokio::test(flavor = "multi_thread")]
async fn s41_addresses_that_a_client_names_are_never_contacted() {
    let server = Server::start();
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    let key = owner.make_stream_key("hall").await.key;
    let inside = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    let other = UdpSocket::bind("127.77.0.1:0").await.expect("a port");
    let port = inside.local_addr().expect("bound").port();
    let other_port = other.local_addr().expect("bound").port();
    let candidates = format!(
        "a=candidate:1 1 udp 2130706431 127.0.0.1 {port} typ host\r\n\
         a=candidate:2 1 udp 2130706430 127.77.0.1 {other_port} typ host\r\n\
         a=candidate:3 1 udp 2130706429 169.254.169.254 80 typ host\r\n\
         a=candidate:4 1 tcp 2130706428 127.0.0.1 {port} typ host tcptype passive\r\n\
         a=candidate:5 1 udp 2130706427 10.0.0.1 53 typ srflx raddr 127.0.0.1 rport {port}\r\n"
    );
    // In the offer itself, after the first section's name.
    let offer = FFMPEG.replacen("a=ice-ufrag:", &format!("{candidates}a=ice-ufrag:"), 1);
    assert!(offer.contains("169.254.169.254"));
    let publish = owner
        .http
        .post(server.url("/whip"))
        .bearer_auth(&key)
        .header("content-type", "application/sdp")
        .body(offer)
        .send()
        .await
        .expect("answered");
    assert_eq!(publish.status(), 201);
    let resource = publish.headers()["location"]
        .to_str()
        .expect("text")
        .to_owned();
    // And once more as a client trickles them.
    let ufrag = |name: &str| {
        let prefix = format!("a={name}:");
        let line = FFMPEG.lines().find_map(|it| it.strip_prefix(&prefix));
        line.expect("it has one").to_owned()
    };
    let fragment = format!(
        "a=ice-ufrag:{}\r\na=ice-pwd:{}\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n{candidates}",
        ufrag("ice-ufrag"),
        ufrag("ice-pwd")
    );
    let patch = owner
        .http
        .patch(server.url(&resource))
        .bearer_auth(&key)
        .header("if-match", "*")
        .header("content-type", "application/trickle-ice-sdpfrag")
        .body(fragment)
        .send()
        .await
        .expect("answered");
    assert_eq!(patch.status(), 204);
    let (one, two) = tokio::join!(heard(&inside), heard(&other));
    assert_eq!((one, two), (0, 0), "bytes that went to what a client named");
}

#[tokio::test(flavor = "multi_thread")]
async fn s39_many_broken_datagrams_end_nothing() {
    use rand::{Rng as _, RngExt as _, SeedableRng as _, rngs::StdRng};

    let server = Server::start();
    let owner = server.set_up().await;
    owner.make_room("hall").await;
    let probe: serde_json::Value = Person::new(&server).get("/api/v1/check").await;
    assert!(probe["sdp"].is_string());
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    let mut rng = StdRng::seed_from_u64(39);
    let whole = [
        stun(0x0001, &[(0x0006, b"abcd:efgh"), (0x0008, &[9; 20])]),
        client_hello(300),
        [&[0x80, 96, 0, 1][..], &[1; 200]].concat(),
        [&[0x8f, 206, 0, 9][..], &[1; 36]].concat(),
    ];
    for _ in 0..5_000 {
        let mut datagram = whole[rng.random_range(0..whole.len())].clone();
        for _ in 0..rng.random_range(1..6) {
            let at = rng.random_range(0..datagram.len());
            datagram[at] = rng.random();
        }
        if rng.random_bool(0.1) {
            rng.fill_bytes(&mut datagram[..]);
        }
        datagram.truncate(rng.random_range(1..=datagram.len()));
        for port in server.media_ports() {
            let to = ("127.0.0.1", port);
            socket.send_to(&datagram, to).await.expect("sent");
        }
    }
    assert_eq!(heard(&socket).await, 0);
    let lives = owner.http.get(server.url("/healthz")).send().await;
    assert_eq!(lives.expect("answered").status(), 200);
}
