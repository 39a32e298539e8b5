//! Bytes that come for bytes: datagrams of every kind from somebody who proved nothing.

use std::{collections::BTreeMap, fs, net::SocketAddr, time::Duration};

use anyhow::{Context as _, Result};
use rand::{Rng as _, RngExt as _, SeedableRng as _, rngs::StdRng};
use rtc_stun::{
    attributes::{ATTR_MESSAGE_INTEGRITY, ATTR_REQUESTED_TRANSPORT, ATTR_USERNAME},
    message::{BINDING_REQUEST, CLASS_REQUEST, METHOD_ALLOCATE, MessageType},
};
use serde::Serialize;
use tokio::{net::UdpSocket, time};

use super::Common;
use crate::media::request;

/// Datagrams that leave at once, then a millisecond of rest: a port takes 16,000 a second.
const AT_ONCE: usize = 16;
/// Silence has no end to wait for. What is answered at all comes within a round trip on this machine, and
/// each protocol here says again within that time what it wants answered.
const SILENCE: Duration = Duration::from_millis(700);

/// Of one kind: what was sent and what came for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Knock {
    pub(super) sent: u64,
    pub(super) sent_bytes: u64,
    pub(super) heard_bytes: u64,
}

#[derive(Debug, Default)]
pub(super) struct Knocks {
    pub(super) kinds: BTreeMap<&'static str, Knock>,
    /// Datagrams that the kernel dropped before the server could look at them.
    pub(super) overflowed: u64,
}

impl Knocks {
    pub(super) fn sent_bytes(&self) -> u64 {
        self.kinds.values().map(|it| it.sent_bytes).sum()
    }

    pub(super) fn heard_bytes(&self) -> u64 {
        self.kinds.values().map(|it| it.heard_bytes).sum()
    }

    /// The most bytes that came for a byte, over the kinds.
    pub(super) fn worst(&self) -> f64 {
        let ratio = |it: &Knock| it.heard_bytes as f64 / it.sent_bytes.max(1) as f64;
        self.kinds.values().map(ratio).fold(0.0, f64::max)
    }
}

pub(super) async fn knock(common: &Common) -> Result<Knocks> {
    // A name that is known, and a password that is not its own.
    let known = common.session().await?;
    let unproven = common.identity.check(known.name(), "nobody's password")?;
    let kinds = kinds(known.name(), unproven, &common.hellos);
    let dropped_before = drops(&common.plan.to)?;
    let mut knocks = Knocks::default();
    let mut rng = StdRng::seed_from_u64(common.plan.seed);
    for to in &common.plan.to {
        // A socket for each kind, so that what comes late is not counted for another.
        let mut sockets = Vec::with_capacity(kinds.len());
        for (kind, datagrams) in &kinds {
            let socket = UdpSocket::bind(("0.0.0.0", 0)).await?;
            socket.connect(to).await?;
            let all = knocks.kinds.entry(kind).or_default();
            send(&socket, datagrams, common.plan.datagrams, all, &mut rng).await?;
            sockets.push((kind, socket));
        }
        time::sleep(SILENCE).await;
        for (kind, socket) in sockets {
            knocks.kinds.entry(kind).or_default().heard_bytes += there(&socket);
        }
    }
    knocks.overflowed = drops(&common.plan.to)?.saturating_sub(dropped_before);
    known.close(&common.http).await?;
    Ok(knocks)
}

/// What is sent, by kind; of each the datagrams go round. An empty one stands for any bytes at all.
fn kinds(
    name: &str,
    unproven: Vec<u8>,
    hellos: &[Vec<u8>; 2],
) -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let pieces = |hello: &Vec<u8>| {
        hello
            .chunks(hello.len().div_ceil(3))
            .map(<[u8]>::to_vec)
            .collect()
    };
    let allocate = MessageType::new(METHOD_ALLOCATE, CLASS_REQUEST);
    let nobody = request(BINDING_REQUEST, &[(ATTR_USERNAME, b"nobody:else")]);
    let bad = request(
        BINDING_REQUEST,
        &[
            (ATTR_USERNAME, name.as_bytes()),
            (ATTR_MESSAGE_INTEGRITY, &[9; 20]),
        ],
    );
    vec![
        ("stun without a name", vec![request(BINDING_REQUEST, &[])]),
        ("stun by an unknown name", vec![nobody]),
        ("stun without a proof", vec![unproven, bad]),
        (
            "turn",
            vec![request(
                allocate,
                &[(ATTR_REQUESTED_TRANSPORT, &[17, 0, 0, 0])],
            )],
        ),
        ("dtls hello", hellos.to_vec()),
        ("dtls in pieces", pieces(&hellos[0])),
        ("rtp", vec![[&[0x80, 108, 0, 1][..], &[1; 1_000]].concat()]),
        ("rtcp", vec![[&[0x81, 206, 0, 2][..], &[1; 8]].concat()]),
        ("junk", vec![Vec::new()]),
    ]
}

async fn send(
    socket: &UdpSocket,
    datagrams: &[Vec<u8>],
    count: usize,
    all: &mut Knock,
    rng: &mut StdRng,
) -> Result<()> {
    let mut junk = [0; 1_200];
    for (n, datagram) in datagrams.iter().cycle().take(count).enumerate() {
        let datagram = if datagram.is_empty() {
            let size = rng.random_range(1..=junk.len());
            rng.fill_bytes(&mut junk[..size]);
            &junk[..size]
        } else {
            datagram
        };
        socket.send(datagram).await.context("a media port")?;
        all.sent += 1;
        all.sent_bytes += datagram.len() as u64;
        if n % AT_ONCE == AT_ONCE - 1 {
            all.heard_bytes += there(socket);
            time::sleep(Duration::from_millis(1)).await;
        }
    }
    Ok(())
}

/// What is there now.
fn there(socket: &UdpSocket) -> u64 {
    let mut buffer = [0; 4_096];
    let mut bytes = 0;
    while let Ok(n) = socket.try_recv(&mut buffer) {
        bytes += n as u64;
    }
    bytes
}

/// Datagrams that these ports' sockets dropped so far.
fn drops(ports: &[SocketAddr]) -> Result<u64> {
    let mut drops = 0;
    for table in ["/proc/net/udp", "/proc/net/udp6"] {
        // A machine without IPv6 has only the first.
        let text = fs::read_to_string(table).unwrap_or_default();
        drops += dropped(&text, ports);
    }
    Ok(drops)
}

/// The last column, of the lines whose local port is one of these.
fn dropped(table: &str, ports: &[SocketAddr]) -> u64 {
    let of_line = |line: &str| {
        let mut words = line.split_whitespace();
        let (_, port) = words.nth(1)?.rsplit_once(':')?;
        let port = u16::from_str_radix(port, 16).ok()?;
        let drops = words.last()?.parse::<u64>().ok()?;
        ports.iter().any(|it| it.port() == port).then_some(drops)
    };
    table.lines().skip(1).filter_map(of_line).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_kind_is_told_and_not_the_mean() {
        let mut knocks = Knocks::default();
        assert_eq!(knocks.worst(), 0.0);
        let knock = |sent_bytes, heard_bytes| Knock {
            sent: 1,
            sent_bytes,
            heard_bytes,
        };
        knocks.kinds.insert("one", knock(1_000, 0));
        knocks.kinds.insert("two", knock(100, 150));
        assert_eq!((knocks.sent_bytes(), knocks.heard_bytes()), (1_100, 150));
        assert_eq!(knocks.worst(), 1.5);
    }

    #[test]
    fn what_a_port_dropped_is_read_from_its_line() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n\
             1: 0100007F:1F92 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 9 2 0 17\n\
             2: 0100007F:1F93 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 9 2 0 4\n";
        let ports = |of: &[u16]| -> Vec<SocketAddr> {
            of.iter().map(|it| ([127, 0, 0, 1], *it).into()).collect()
        };
        assert_eq!(dropped(table, &ports(&[0x1f92])), 17);
        assert_eq!(dropped(table, &ports(&[0x1f92, 0x1f93])), 21);
        assert_eq!(dropped(table, &ports(&[80])), 0);
        assert_eq!(dropped("", &ports(&[80])), 0);
    }

    #[tokio::test]
    async fn what_an_echo_says_is_counted_byte_by_byte() {
        let echo = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
        let to = echo.local_addr().expect("bound");
        let answering = tokio::spawn(async move {
            let mut buffer = [0; 2_048];
            while let Ok((n, from)) = echo.recv_from(&mut buffer).await {
                // Twice as much as came: what no server may do.
                let _ = echo
                    .send_to(&[&buffer[..n], &buffer[..n]].concat(), from)
                    .await;
            }
        });
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
        socket.connect(to).await.expect("connected");
        let (mut all, mut rng) = (Knock::default(), StdRng::seed_from_u64(1));
        let datagrams = [vec![1; 100], Vec::new()];
        let sent = send(&socket, &datagrams, 40, &mut all, &mut rng).await;
        sent.expect("sent");
        time::sleep(SILENCE).await;
        all.heard_bytes += there(&socket);
        assert_eq!((all.sent, all.heard_bytes), (40, all.sent_bytes * 2));
        answering.abort();
    }
}
