//! Pipes over real sockets: what is heard, what is sent, and the walls around both.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::timeout,
};

use super::*;

/// Nothing here takes longer, even on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(20);
const OWNER: u64 = 7;

fn pipes() -> (Pipes, SocketAddr) {
    let bound = sockets::bind("test's", "127.0.0.1:0".parse().unwrap(), true).unwrap();
    (Pipes::new(bound.tcp, "test").unwrap(), bound.address)
}

async fn next(pipes: &mut Pipes) -> Happened {
    timeout(PATIENCE, pipes.next()).await.expect("in time")
}

/// The next datagram, and where it came from.
async fn datagram(pipes: &mut Pipes) -> (Path, Vec<u8>) {
    match next(pipes).await {
        Happened::Datagram(path, datagram) => (path, datagram),
        other => panic!("{other:?} instead of a datagram"),
    }
}

fn framed(datagram: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    framing::write(datagram, &[datagram.len()], &mut out);
    out
}

/// A client that said a word, and its pipe.
async fn here(pipes: &mut Pipes, address: SocketAddr) -> (TcpStream, PipeId) {
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(&framed(b"here")).await.unwrap();
    let (path, word) = datagram(pipes).await;
    assert_eq!(word, b"here");
    assert_eq!(path.address(), client.local_addr().unwrap());
    (client, path.pipe().unwrap())
}

/// Lets newcomers in and time pass until something holds.
async fn until(pipes: &mut Pipes, mut holds: impl FnMut(&Pipes) -> bool) {
    let begun = clock::now();
    while !holds(pipes) {
        assert!(clock::now() - begun < PATIENCE, "it never came");
        let _ = timeout(Duration::from_millis(5), pipes.next()).await;
    }
}

/// True when the other side has closed it.
async fn is_over(client: &mut TcpStream) -> bool {
    let mut rest = Vec::new();
    let read = timeout(PATIENCE, client.read_to_end(&mut rest)).await;
    // A reset is an end too.
    read.is_ok()
}

#[tokio::test]
async fn datagrams_go_both_ways_however_they_are_cut() {
    let (mut pipes, address) = pipes();
    let (mut client, id) = here(&mut pipes, address).await;
    client.set_nodelay(true).unwrap();
    for byte in framed(b"byte by byte") {
        client.write_all(&[byte]).await.unwrap();
    }
    assert_eq!(datagram(&mut pipes).await.1, b"byte by byte");
    let two = [framed(b"one"), framed(b"two")].concat();
    client.write_all(&two[..7]).await.unwrap();
    assert_eq!(datagram(&mut pipes).await.1, b"one");
    client.write_all(&two[7..]).await.unwrap();
    assert_eq!(datagram(&mut pipes).await.1, b"two");

    assert_eq!(pipes.send(id, b"abcde", &[2, 3]), (2, Sent::All));
    let mut heard = [0; 9];
    client.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"\0\x02ab\0\x03cde");
}

#[tokio::test]
async fn what_is_no_frame_ends_the_pipe() {
    let (mut pipes, address) = pipes();
    let (mut client, id) = here(&mut pipes, address).await;
    client.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let Happened::Ended(path) = next(&mut pipes).await else {
        panic!("it goes on");
    };
    assert_eq!(path.pipe(), Some(id));
    assert!(pipes.is_empty());
    assert!(is_over(&mut client).await);
}

#[tokio::test]
async fn an_end_and_a_reset_are_heard() {
    let (mut pipes, address) = pipes();
    for resets in [false, true] {
        let (client, id) = here(&mut pipes, address).await;
        pipes.prove(id, OWNER);
        if resets {
            SockRef::from(&client)
                .set_linger(Some(Duration::ZERO))
                .unwrap();
        }
        drop(client);
        assert!(matches!(next(&mut pipes).await, Happened::Ended(path) if path.pipe() == Some(id)));
        assert!(pipes.is_empty() && pipes.owners.is_empty());
        assert!(pipes.unproven.is_empty() && pipes.unproven_of.is_empty());
    }
}

#[tokio::test]
async fn who_proves_nothing_is_gone_in_time() {
    let (mut pipes, address) = pipes();
    let (mut stranger, strange) = here(&mut pipes, address).await;
    let (_client, known) = here(&mut pipes, address).await;
    assert_eq!(pipes.prove(known, OWNER), None);
    let almost = clock::now() + PROVEN_WITHIN / 2;
    assert_eq!(pipes.tick(almost), []);
    let over = pipes.tick(clock::now() + PROVEN_WITHIN);
    assert_eq!(over.len(), 1);
    assert_eq!(over[0].pipe(), Some(strange));
    assert!(is_over(&mut stranger).await);
    assert!(pipes.open.contains_key(&known));
}

#[tokio::test]
async fn one_place_has_few_unproven_pipes() {
    let (mut pipes, address) = pipes();
    let mut clients = Vec::new();
    for _ in 0..UNPROVEN_PER_PLACE_MAX {
        clients.push(here(&mut pipes, address).await);
    }
    let mut one_more = TcpStream::connect(address).await.unwrap();
    let over = async {
        tokio::select! {
            over = is_over(&mut one_more) => over,
            happened = pipes.next() => panic!("{happened:?}"),
        }
    };
    assert!(over.await, "it is closed as it comes");
    assert_eq!(pipes.open.len(), UNPROVEN_PER_PLACE_MAX);
    // Who is proven makes room.
    pipes.prove(clients[0].1, OWNER);
    here(&mut pipes, address).await;
}

#[tokio::test]
async fn a_flood_displaces_its_oldest() {
    let (mut pipes, address) = pipes();
    let (_known, known) = here(&mut pipes, address).await;
    pipes.prove(known, OWNER);
    let mut clients = Vec::new();
    for n in 0..=UNPROVEN_MAX {
        let place = 2 + n / UNPROVEN_PER_PLACE_MAX;
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        let from = SocketAddr::from(([127, 0, 0, place as u8], 0));
        socket.bind(from).unwrap();
        clients.push(socket.connect(address).await.unwrap());
        let ids = n as PipeId + 1;
        until(&mut pipes, |pipes| pipes.next > ids).await;
    }
    assert_eq!(pipes.unproven.len(), UNPROVEN_MAX);
    assert!(is_over(&mut clients[0]).await, "the oldest");
    assert!(pipes.open.contains_key(&known), "not who is proven");
    assert!(!pipes.open.contains_key(&(known + 1)));
}

#[tokio::test]
async fn one_peer_has_few_pipes_and_takes_them_with_it() {
    let (mut pipes, address) = pipes();
    let mut clients = Vec::new();
    for _ in 0..PIPES_PER_PEER_MAX {
        let (client, id) = here(&mut pipes, address).await;
        assert_eq!(pipes.prove(id, OWNER), None);
        assert_eq!(pipes.prove(id, OWNER), None, "again");
        clients.push((client, id));
    }
    let (_client, id) = here(&mut pipes, address).await;
    let spare = pipes.prove(id, OWNER).and_then(Path::pipe);
    assert_eq!(spare, Some(clients[0].1));
    assert!(is_over(&mut clients[0].0).await);
    // One that another peer proves is its from then on.
    assert_eq!(pipes.prove(id, OWNER + 1), None);
    pipes.close_of(OWNER);
    assert_eq!(pipes.open.len(), 1);
    pipes.close_of(OWNER + 1);
    assert!(pipes.is_empty() && pipes.owners.is_empty());
    assert_eq!(pipes.send(id, b"late", &[4]), (1, Sent::All));
}

#[tokio::test]
async fn who_takes_nothing_loses_whole_datagrams_and_then_the_pipe() {
    let (mut pipes, address) = pipes();
    let (mut client, id) = here(&mut pipes, address).await;
    pipes.prove(id, OWNER);
    let sizes = [1_000; 64];
    let mut pictures = Vec::new();
    let mut sent = 0_u8;
    loop {
        let bytes = vec![sent; sizes.iter().sum()];
        let (taken, how) = pipes.send(id, &bytes, &sizes);
        pictures.extend(std::iter::repeat_n(sent, taken));
        assert!(pipes.open[&id].rest.len() < 2 + sizes[0], "of one datagram");
        if how == Sent::Blocked && taken == 0 {
            break;
        }
        sent += 1;
    }
    assert!(pipes.tick(clock::now()).is_empty(), "it may come back");
    // It does: what was taken arrives whole and in order.
    for wanted in &pictures {
        pipes.tick(clock::now());
        let length = client.read_u16().await.unwrap();
        let mut heard = vec![0; length.into()];
        let read = client.read_exact(&mut heard);
        timeout(PATIENCE, read).await.unwrap().unwrap();
        assert_eq!(heard, [*wanted; 1_000]);
    }
    let begun = clock::now();
    while pipes.send(id, b"on", &[2]).1 == Sent::Blocked {
        assert!(clock::now() - begun < PATIENCE, "it stays blocked");
        tokio::task::yield_now().await;
    }

    // Now for good, to the middle of a frame or not: what is left of one is what each tick tries.
    while pipes.send(id, &[0; 64_000], &sizes) != (0, Sent::Blocked) {}
    pipes.open.get_mut(&id).unwrap().rest.push(0);
    let almost = clock::now() + BLOCKED_CLOSED_AFTER / 2;
    assert_eq!(pipes.tick(almost), []);
    let closed = pipes.tick(clock::now() + BLOCKED_CLOSED_AFTER);
    assert_eq!(closed.len(), 1);
    assert!(pipes.is_empty());
}

#[test]
fn an_ipv6_client_has_one_place() {
    let place = |text: &str| place_of(text.parse().unwrap()).to_string();
    assert_eq!(place("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
    assert_eq!(place("192.0.2.7"), "192.0.2.7");
}
