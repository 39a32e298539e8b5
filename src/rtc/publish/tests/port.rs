//! The shared port lets nobody in who does not know the password of a name.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    task::Waker,
    time::Duration,
};

use rtc_crypto::providers::AwsLcRsCrypto;
use rtc_stun::{
    attributes::ATTR_USERNAME,
    fingerprint::FINGERPRINT,
    integrity::MessageIntegrity,
    message::{BINDING_REQUEST, BINDING_SUCCESS, Message, Setter, TransactionId},
    textattrs::TextAttribute,
};
use tokio::{net::UdpSocket, sync::mpsc, time::timeout};

use crate::{
    fragments::{FRAGMENTS_MAX, tests::record},
    path::Path,
    publish::port::{Credentials, Family, HELLO_DATAGRAMS_MAX, Inlet, Port, QUEUE_DATAGRAMS_MAX},
    sdp::Tcp,
};

const MEDIA: &[u8] = &[0x80, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 9, 9];

fn port() -> Port {
    // Nobody hears what is for pipes here.
    let (piped, _) = mpsc::channel(1);
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_nonblocking(true).unwrap();
    let bound = socket.local_addr().unwrap();
    Port::new(socket, bound, piped).unwrap()
}

fn open(port: &Port, ufrag: &str) -> Arc<Inlet> {
    let password = format!("password-of-{ufrag}");
    port.open(
        Credentials {
            ufrag: ufrag.to_owned(),
            password,
        },
        clock::now(),
    )
}

fn address(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

fn from(port: u16) -> Path {
    Path::Udp(address(port))
}

/// A connectivity check as a browser sends it.
fn check_of(ufrag: &str, password: &str) -> Vec<u8> {
    let name = TextAttribute::new(ATTR_USERNAME, format!("{ufrag}:theirs"));
    let integrity = MessageIntegrity::new_short_term_integrity_with_provider(
        password.to_owned(),
        &AwsLcRsCrypto,
    );
    let parts: [Box<dyn Setter + '_>; 4] = [
        Box::new(BINDING_REQUEST),
        Box::<TransactionId>::default(),
        Box::new(name),
        Box::new(integrity),
    ];
    let mut message = Message::new();
    message.build(&parts).unwrap();
    message.raw
}

fn received(inlet: &Inlet) -> usize {
    std::iter::from_fn(|| inlet.poll(Family::V4, Waker::noop())).count()
}

/// A check of somebody's line is answered by whoever was told the name, and is nobody's publisher.
#[tokio::test]
async fn a_check_of_a_line_is_answered_and_nothing_is_learned_from_it() {
    let port = port();
    let line = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    // Both sockets are new: by now the runtime has heard that they can send.
    line.writable().await.unwrap();
    let here = Path::Udp(line.local_addr().unwrap());
    let told = port.line_probe();
    let told = told.answers(&[port.address()], "sha-256 00", Tcp::Off).udp;
    let said = |name: &str| {
        let line = told.lines().find_map(|it| it.strip_prefix(name));
        line.expect("it is in the answer").to_owned()
    };
    let (ufrag, password) = (said("a=ice-ufrag:"), said("a=ice-pwd:"));
    let now = clock::now();
    let ask = |password: &str| {
        let mut check = Message::new();
        check.raw = check_of(&ufrag, password);
        check.decode().unwrap();
        FINGERPRINT.add_to(&mut check).unwrap();
        port.handle(here, &check.raw, now);
        check
    };
    // One of the two is answered: the one that is, is the second.
    ask("a password of another process");
    let check = ask(&password);
    let mut bytes = [0; 512];
    let heard = timeout(Duration::from_secs(5), line.recv(&mut bytes)).await;
    let length = heard.expect("it is answered").unwrap();
    assert!(length <= check.raw.len(), "never the larger one");
    let mut answer = Message::new();
    answer.unmarshal_binary(&bytes[..length]).unwrap();
    assert_eq!(answer.typ, BINDING_SUCCESS);
    assert_eq!(answer.transaction_id, check.transaction_id);
    // Without a checksum it is no browser's.
    port.handle(here, &check_of(&ufrag, &password), now);
    assert!(line.try_recv(&mut bytes).is_err(), "there is one answer");
    port.handle(here, MEDIA, now);
    assert_eq!(port.known(), (0, 0));
}

#[tokio::test]
async fn media_is_taken_only_from_an_address_that_showed_the_password() {
    let port = port();
    let inlet = open(&port, "ours");
    let now = clock::now();
    port.handle(from(1), MEDIA, now);
    port.handle(from(1), &check_of("ours", "wrong"), now);
    port.handle(from(1), &check_of("nobody", "password-of-ours"), now);
    port.handle(from(1), MEDIA, now);
    assert_eq!((received(&inlet), port.known()), (0, (1, 0)));

    port.handle(from(1), &check_of("ours", "password-of-ours"), now);
    port.handle(from(1), MEDIA, now);
    port.handle(from(2), MEDIA, now);
    assert_eq!((received(&inlet), port.known()), (2, (1, 1)));
}

#[tokio::test]
async fn an_address_goes_over_to_the_session_that_it_checks() {
    let port = port();
    let (before, after) = (open(&port, "before"), open(&port, "after"));
    let now = clock::now();
    port.handle(from(1), &check_of("before", "password-of-before"), now);
    port.handle(from(1), &check_of("after", "password-of-after"), now);
    port.handle(from(1), MEDIA, now);
    assert_eq!((received(&before), received(&after)), (1, 2));
    // The end of the first session does not take the address from the second.
    port.remove(&before);
    port.handle(from(1), MEDIA, now);
    assert_eq!(received(&after), 1);
    port.remove(&after);
    assert_eq!(port.known(), (0, 0));
}

#[tokio::test]
async fn what_we_send_follows_the_media_of_the_publisher() {
    let port = port();
    let inlet = open(&port, "ours");
    let check = check_of("ours", "password-of-ours");
    let (first, second) = (from(1_001), from(1_002));
    let report: &[u8] = &[0x81, 206, 0, 2];
    port.handle(first, &check, clock::now());
    assert_eq!(inlet.way_to(address(1_001), report), first, "as chosen");
    port.handle(second, &check, clock::now());
    assert_eq!(
        inlet.way_to(address(1_001), report),
        first,
        "a check is no move"
    );
    // From an address that never showed the password it is nobody's.
    port.handle(from(1_003), MEDIA, clock::now());
    assert_eq!(inlet.way_to(address(1_001), report), first);
    port.handle(second, MEDIA, clock::now());
    assert_eq!(inlet.way_to(address(1_001), report), second);
    assert_eq!(
        inlet.way_to(address(1_001), &check),
        first,
        "an answer goes back"
    );
    port.handle(first, MEDIA, clock::now());
    assert_eq!(
        inlet.way_to(address(1_001), report),
        first,
        "and it may return"
    );
}

/// What is equal in numbers is not the same: a neighbour's TCP may come from our UDP's address.
#[tokio::test]
async fn udp_and_tcp_of_one_address_are_two_paths() {
    let port = port();
    let (ours, theirs) = (open(&port, "ours"), open(&port, "theirs"));
    let tcp = |pipe| Path::Tcp {
        pipe,
        from: address(1),
    };
    let now = clock::now();
    let one = port.handle(from(1), &check_of("ours", "password-of-ours"), now);
    let two = port.handle(tcp(7), &check_of("theirs", "password-of-theirs"), now);
    assert!(one.is_some() && two.is_some() && one != two);
    assert_eq!(port.handle(tcp(8), MEDIA, now), None, "another connection");
    assert_eq!(port.handle(from(1), MEDIA, now), one);
    assert_eq!(port.handle(tcp(7), MEDIA, now), two);
    assert_eq!((received(&ours), received(&theirs)), (2, 2));
    let report: &[u8] = &[0x81, 206, 0, 2];
    assert_eq!(ours.way_to(address(1), report), from(1));
    assert_eq!(theirs.way_to(address(1), report), tcp(7));

    // One publisher by both: answers go where it was heard last.
    let check = check_of("ours", "password-of-ours");
    port.handle(tcp(9), &check, now);
    assert_eq!(ours.way_to(address(1), &check), tcp(9));
    port.handle(from(1), &check, now);
    assert_eq!(ours.way_to(address(1), &check), from(1));
    port.handle(tcp(9), MEDIA, now);
    assert_eq!(ours.way_to(address(1), report), tcp(9));
    port.lose(tcp(9));
    assert_eq!(ours.way_to(address(1), report), from(1));
    assert_eq!(port.handle(tcp(9), MEDIA, now), None);
}

#[tokio::test]
async fn a_publisher_has_few_addresses() {
    let port = port();
    let inlet = open(&port, "ours");
    for number in 1..100 {
        port.handle(
            from(number),
            &check_of("ours", "password-of-ours"),
            clock::now(),
        );
    }
    assert_eq!(port.known(), (1, 8));
    port.handle(from(99), MEDIA, clock::now());
    port.handle(from(1), MEDIA, clock::now());
    assert_eq!(
        received(&inlet),
        100,
        "99 checks and the media of the newest address"
    );
    port.remove(&inlet);
    assert_eq!(port.known(), (0, 0));
}

/// A record with a ClientHello, as far as anybody looks at it here.
fn hello() -> Vec<u8> {
    record(0, (1, 1, 0), 0, &[7])
}

#[tokio::test]
async fn a_hello_that_came_too_early_is_handed_over_until_it_is_answered() {
    let port = port();
    let inlet = open(&port, "ours");
    let now = clock::now();
    port.handle(from(1), &check_of("ours", "password-of-ours"), now);
    port.handle(from(1), MEDIA, now);
    inlet.repeat_early();
    assert_eq!(received(&inlet), 2, "only DTLS is repeated");

    port.handle(from(1), &hello(), now);
    port.handle(from(1), &hello(), now);
    assert_eq!(received(&inlet), 2);
    for _ in 0..2 {
        inlet.repeat_early();
        assert_eq!(received(&inlet), 2);
    }
    inlet.note_sent(address(1), MEDIA);
    inlet.repeat_early();
    assert_eq!(received(&inlet), 2, "that was no answer");
    let verify = record(0, (3, 1, 0), 0, &[7]);
    inlet.note_sent(address(1), &verify);
    inlet.repeat_early();
    port.handle(from(1), &hello(), now);
    inlet.repeat_early();
    assert_eq!(received(&inlet), 1, "the client's own repetition alone");
}

#[tokio::test]
async fn few_early_datagrams_are_kept_and_a_full_queue_takes_none() {
    let port = port();
    let inlet = open(&port, "ours");
    let now = clock::now();
    port.handle(from(1), &check_of("ours", "password-of-ours"), now);
    for _ in 0..=HELLO_DATAGRAMS_MAX {
        port.handle(from(1), &hello(), now);
    }
    received(&inlet);
    inlet.repeat_early();
    assert_eq!(received(&inlet), HELLO_DATAGRAMS_MAX);
    for _ in 0..QUEUE_DATAGRAMS_MAX / HELLO_DATAGRAMS_MAX + 1 {
        inlet.repeat_early();
    }
    assert_eq!(received(&inlet), QUEUE_DATAGRAMS_MAX);
}

#[tokio::test]
async fn a_handshake_in_crumbs_is_dropped() {
    let port = port();
    let inlet = open(&port, "ours");
    let now = clock::now();
    port.handle(from(1), &check_of("ours", "password-of-ours"), now);
    for _ in 0..FRAGMENTS_MAX + 10 {
        port.handle(from(1), &record(0, (1, 20_000, 0), 3, &[7]), now);
    }
    port.handle(from(1), MEDIA, now);
    let passed = 1 + usize::from(FRAGMENTS_MAX) + 1;
    assert_eq!(
        received(&inlet),
        passed,
        "the check, what is allowed, the media"
    );
}

#[tokio::test]
async fn a_queue_that_nobody_empties_is_bounded() {
    let port = port();
    let inlet = open(&port, "ours");
    port.handle(from(1), &check_of("ours", "password-of-ours"), clock::now());
    for _ in 0..3 * QUEUE_DATAGRAMS_MAX {
        port.handle(from(1), MEDIA, clock::now());
    }
    assert_eq!(received(&inlet), QUEUE_DATAGRAMS_MAX);
}

#[tokio::test]
async fn rubbish_is_dropped() {
    let port = port();
    let inlet = open(&port, "ours");
    let whole = check_of("ours", "password-of-ours");
    for length in 0..whole.len() {
        port.handle(from(1), &whole[..length], clock::now());
        let mut changed = whole.clone();
        changed[length] ^= 0x55;
        port.handle(from(1), &changed, clock::now());
    }
    assert_eq!((received(&inlet), port.known()), (0, (1, 0)));
}

/// A port with a publisher who showed the password, from where.
pub(super) fn proven() -> (Port, Arc<Inlet>, Path) {
    let port = port();
    let inlet = open(&port, "ours");
    let check = check_of("ours", "password-of-ours");
    port.handle(from(1), &check, clock::now());
    received(&inlet);
    (port, inlet, from(1))
}

#[tokio::test]
async fn no_datagram_breaks_the_port_or_opens_it() {
    use rand::{Rng as _, RngExt as _, SeedableRng as _, rngs::StdRng};

    let port = port();
    let inlet = open(&port, "ours");
    let whole = [
        check_of("ours", "password-of-ours"),
        check_of("nobody", "password-of-ours"),
        hello(),
        MEDIA.to_vec(),
    ];
    for seed in seeds::of(5_000) {
        let mut rng = StdRng::seed_from_u64(seed);
        let original = &whole[rng.random_range(0..whole.len())];
        let mut datagram = original.clone();
        if rng.random_bool(0.2) {
            rng.fill_bytes(&mut datagram[..]);
        }
        for _ in 0..rng.random_range(1..5) {
            let at = rng.random_range(0..datagram.len());
            datagram[at] = rng.random();
        }
        datagram.truncate(rng.random_range(1..=datagram.len()));
        // What came out whole is a check like any other.
        if datagram != *original {
            port.handle(from(2), &datagram, clock::now());
        }
        assert_eq!((received(&inlet), port.known()), (0, (1, 0)), "seed {seed}");
    }
}
