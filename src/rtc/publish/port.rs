//! One UDP port for all publishers.
//!
//! A datagram belongs to a publisher by the name in its connectivity check (STUN with our ufrag
//! and an integrity that our password made), and from then on by its source address. Nothing is
//! learned from an unverified datagram, nothing is sent to an unverified address but answers that
//! `webrtc` makes to verified checks and the probe of a line to its own, and datagrams from nowhere are
//! dropped and counted. What a publisher sends waits in a bounded queue; a full queue or too high a
//! rate loses datagrams, as the network would, and counts them.

use std::{
    collections::{HashMap, VecDeque},
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
    task::Waker,
    time::Instant,
};

use bytes::Bytes;
use rtc_crypto::providers::AwsLcRsCrypto;
use rtc_stun::{
    attributes::ATTR_USERNAME,
    integrity::MessageIntegrity,
    message::{BINDING_REQUEST, Message},
};
use tokio::net::UdpSocket;

use super::police::Police;
use crate::{fragments::Budget, line_probe::LineProbe, repeats::Repeats, view};

/// Datagrams of one publisher that wait for its task: half a second at the highest rate taken.
pub(super) const QUEUE_DATAGRAMS_MAX: usize = 1_024;
/// Room in the queue that a publisher keeps while nothing waits.
const QUEUE_DATAGRAMS_KEPT: usize = 32;
/// Source addresses of one publisher: it may change network and probes from several.
const ADDRESSES_MAX: usize = 8;
/// Datagrams of a ClientHello that are kept until we answer it: a browser's comes in two.
pub(super) const HELLO_DATAGRAMS_MAX: usize = 4;
/// Anything longer is no datagram of WebRTC, whose path MTU is assumed to be at most 1,500.
const DATAGRAM_BYTES_MAX: usize = 2_048;
/// Receive buffer asked of the kernel: a keyframe of each of some dozens of publishers.
const RECEIVE_BUFFER_BYTES: usize = 4 * 1024 * 1024;
/// Datagrams read in one go before other tasks get their turn.
const READ_BURST: usize = 64;

/// The socket and who is behind it.
pub(super) struct Port {
    socket: UdpSocket,
    table: Mutex<Table>,
    probe: Mutex<LineProbe>,
}

#[derive(Default)]
struct Table {
    by_ufrag: HashMap<String, Arc<Inlet>>,
    by_address: HashMap<SocketAddr, Arc<Inlet>>,
}

/// What one publisher is known by in ICE.
#[derive(Clone)]
pub(super) struct Credentials {
    pub(super) ufrag: String,
    pub(super) password: String,
}

/// The end of the port that belongs to one publisher.
pub(super) struct Inlet {
    credentials: Credentials,
    waiting: Mutex<Waiting>,
}

struct Waiting {
    datagrams: VecDeque<(SocketAddr, Bytes)>,
    waker: Option<Waker>,
    police: Police,
    addresses: Vec<SocketAddr>,
    /// Where its media last came from, which is where it is now.
    media_from: Option<SocketAddr>,
    /// Our first DTLS message, as long as nothing has answered it.
    hello: Option<(SocketAddr, Bytes)>,
    answered: bool,
    /// The publisher's first DTLS messages, as long as we have not said anything to them.
    early: VecDeque<(SocketAddr, Bytes)>,
    spoken: bool,
    /// Of the fragments of its handshake.
    budget: Budget,
    repeats: Repeats,
    /// `webrtc` has let go of its socket: its side of the connection has ended, for whatever reason.
    abandoned: bool,
}

impl Port {
    pub(super) fn bind(address: SocketAddr) -> io::Result<Self> {
        let domain = socket2::Domain::for_address(address);
        let socket = socket2::Socket::new(domain, socket2::Type::DGRAM, None)?;
        socket.set_nonblocking(true)?;
        // The kernel gives what it allows (net.core.rmem_max); less only loses bursts.
        let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES);
        socket.bind(&address.into())?;
        let socket = UdpSocket::from_std(socket.into())?;
        Ok(Self {
            socket,
            table: Mutex::default(),
            probe: Mutex::new(LineProbe::new()),
        })
    }

    pub(super) fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// What leads a check of somebody's line to the port, by the names that it has outside.
    pub(super) fn probe_answer(&self, reachable: &[SocketAddr], fingerprint: &str) -> String {
        self.probe().answer(reachable, fingerprint)
    }

    /// A new publisher's end. It is there until [`Self::remove`].
    pub(super) fn open(&self, credentials: Credentials, now: Instant) -> Arc<Inlet> {
        let inlet = Arc::new(Inlet {
            waiting: Mutex::new(Waiting {
                datagrams: VecDeque::new(),
                waker: None,
                police: Police::new(now),
                addresses: Vec::new(),
                media_from: None,
                hello: None,
                answered: false,
                early: VecDeque::new(),
                spoken: false,
                budget: Budget::default(),
                repeats: Repeats::default(),
                abandoned: false,
            }),
            credentials,
        });
        let ufrag = inlet.credentials.ufrag.clone();
        self.table().by_ufrag.insert(ufrag, Arc::clone(&inlet));
        inlet
    }

    pub(super) fn remove(&self, inlet: &Arc<Inlet>) {
        let addresses = std::mem::take(&mut inlet.waiting().addresses);
        let mut table = self.table();
        table.by_ufrag.remove(&inlet.credentials.ufrag);
        for address in addresses {
            // The address may have come to belong to the publisher's next session.
            if table
                .by_address
                .get(&address)
                .is_some_and(|it| Arc::ptr_eq(it, inlet))
            {
                table.by_address.remove(&address);
            }
        }
    }

    /// Names and addresses that are known now.
    #[cfg(test)]
    pub(super) fn known(&self) -> (usize, usize) {
        let table = self.table();
        (table.by_ufrag.len(), table.by_address.len())
    }

    /// Reads the socket until the task is aborted.
    pub(super) async fn read(self: Arc<Self>) {
        let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
        loop {
            if let Err(error) = self.socket.readable().await {
                tracing::error!(%error, "the publishers' port cannot be read");
                return;
            }
            for _ in 0..READ_BURST {
                match self.socket.try_recv_from(&mut buffer) {
                    Ok((length, from)) => self.handle(from, &buffer[..length], clock::now()),
                    // An ICMP answer to something we sent is no fault of the socket.
                    Err(error) if error.kind() != io::ErrorKind::WouldBlock => {}
                    Err(_) => break,
                }
            }
            tokio::task::yield_now().await;
        }
    }

    pub(super) fn handle(&self, from: SocketAddr, datagram: &[u8], now: Instant) {
        let check = Check::read(datagram);
        if check
            .as_ref()
            .is_some_and(|it| self.probe().is_for(&it.ufrag))
        {
            self.answer_probe(from, datagram, now);
            return;
        }
        let known = self.table().by_address.get(&from).cloned();
        let inlet = match check {
            Some(check) => self.verify(from, known, check),
            None => known,
        };
        match inlet {
            Some(inlet) => inlet.put(from, datagram, now),
            None => drop_one("unknown_source"),
        }
    }

    /// Of a check of somebody's line: nothing is learned from it.
    fn answer_probe(&self, from: SocketAddr, datagram: &[u8], now: Instant) {
        let Some(mut check) = view::Check::parse(datagram) else {
            return drop_one("unknown_source");
        };
        let answer = self.probe().check(&mut check, from, &AwsLcRsCrypto, now);
        if let Some(answer) = answer {
            self.send(from, &answer);
        }
    }

    /// Whose check this is. An address that is already known by this name needs no second look:
    /// `webrtc` verifies every check again.
    fn verify(
        &self,
        from: SocketAddr,
        known: Option<Arc<Inlet>>,
        mut check: Check,
    ) -> Option<Arc<Inlet>> {
        if let Some(known) = known
            && known.credentials.ufrag == check.ufrag
        {
            return Some(known);
        }
        let named = self.table().by_ufrag.get(&check.ufrag).cloned()?;
        if !check.is_made_with(&named.credentials.password) {
            return None;
        }
        let forgotten = named.waiting().learn(from);
        let mut table = self.table();
        // Closed in the meantime: nothing may be learned for it any more.
        if !table.by_ufrag.contains_key(&check.ufrag) {
            return None;
        }
        if let Some(forgotten) = forgotten {
            table.by_address.remove(&forgotten);
        }
        table.by_address.insert(from, Arc::clone(&named));
        Some(named)
    }

    /// Sends without waiting. A full socket loses the datagram, as the network would.
    pub(super) fn send(&self, to: SocketAddr, datagram: &[u8]) {
        if self.socket.try_send_to(datagram, to).is_err() {
            metrics::counter!("weiquan_publish_datagrams_unsent_total").increment(1);
        }
    }

    fn probe(&self) -> MutexGuard<'_, LineProbe> {
        self.probe.lock().expect("no holder of this lock panics")
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().expect("no holder of this lock panics")
    }
}

impl Inlet {
    fn put(&self, from: SocketAddr, datagram: &[u8], now: Instant) {
        let waker = {
            let mut waiting = self.waiting();
            if is_dtls(datagram) {
                let Some(fragments) = waiting.budget.spend(datagram) else {
                    drop_one("handshake_unfit");
                    return;
                };
                waiting.hello = None;
                waiting.answered = true;
                if waiting.repeats.has_only(&fragments) {
                    return;
                }
            }
            if !waiting.police.admit(datagram.len(), now) {
                drop_one("over_rate");
                return;
            }
            if waiting.datagrams.len() == QUEUE_DATAGRAMS_MAX {
                drop_one("queue_full");
                return;
            }
            if is_media(datagram) {
                waiting.media_from = Some(from);
            }
            let datagram = (from, Bytes::copy_from_slice(datagram));
            if is_client_hello(&datagram.1) && !waiting.spoken {
                waiting.keep_early(datagram.clone());
            }
            waiting.datagrams.push_back(datagram);
            waiting.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The next datagram, or a promise to wake.
    pub(super) fn poll(&self, waker: &Waker) -> Option<(SocketAddr, Bytes)> {
        let mut waiting = self.waiting();
        let next = waiting.datagrams.pop_front();
        if next.is_none() {
            // What a burst needed is given back.
            waiting.datagrams.shrink_to(QUEUE_DATAGRAMS_KEPT);
            waiting.waker = Some(waker.clone());
        }
        next
    }

    /// Where a datagram of ours goes. `webrtc` stays with the path that was chosen first, and a
    /// publisher that came to another address (a router's new port, a phone on its way out) does not
    /// know that it should choose again. Its media shows where it is; that address has shown the
    /// password, or nothing would have come this far. Answers to checks go back to where those came
    /// from.
    pub(super) fn way_to(&self, chosen: SocketAddr, datagram: &[u8]) -> SocketAddr {
        if is_stun(datagram) {
            return chosen;
        }
        self.waiting().media_from.unwrap_or(chosen)
    }

    /// Remembers our first DTLS message, so that it can be said again (see [`Self::hello`]).
    pub(super) fn note_sent(&self, to: SocketAddr, datagram: &[u8]) {
        if !is_dtls(datagram) {
            return;
        }
        let mut waiting = self.waiting();
        waiting.spoken = true;
        waiting.early = VecDeque::new();
        waiting.repeats.note_sent(datagram);
        if is_client_hello(datagram) && !waiting.answered {
            waiting.hello = Some((to, Bytes::copy_from_slice(datagram)));
        }
    }

    /// Our first DTLS message and where it went, while nothing has answered.
    pub(super) fn hello(&self) -> Option<(SocketAddr, Bytes)> {
        self.waiting().hello.clone()
    }

    /// Hands over once more what the publisher said first in DTLS, while we have not answered it.
    /// `webrtc` hears nothing of it before a path was chosen, and OBS, which does not wait for that,
    /// would say it again after a second.
    pub(super) fn repeat_early(&self) {
        let waker = {
            let mut waiting = self.waiting();
            let room = QUEUE_DATAGRAMS_MAX - waiting.datagrams.len();
            let early: Vec<_> = waiting.early.iter().take(room).cloned().collect();
            if early.is_empty() {
                return;
            }
            waiting.datagrams.extend(early);
            waiting.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(super) fn abandon(&self) {
        self.waiting().abandoned = true;
    }

    pub(super) fn is_abandoned(&self) -> bool {
        self.waiting().abandoned
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().expect("no holder of this lock panics")
    }
}

impl Waiting {
    /// The newest are kept: a client numbers what it repeats anew.
    fn keep_early(&mut self, datagram: (SocketAddr, Bytes)) {
        if self.early.len() == HELLO_DATAGRAMS_MAX {
            self.early.pop_front();
        }
        self.early.push_back(datagram);
    }

    /// Adds an address; the one that is forgotten for it, if there are too many.
    fn learn(&mut self, address: SocketAddr) -> Option<SocketAddr> {
        if self.addresses.contains(&address) {
            return None;
        }
        let forgotten = (self.addresses.len() == ADDRESSES_MAX).then(|| self.addresses.remove(0));
        self.addresses.push(address);
        forgotten
    }
}

/// A connectivity check: a STUN binding request with a name.
struct Check {
    ufrag: String,
    message: Message,
}

impl Check {
    fn read(datagram: &[u8]) -> Option<Self> {
        if !rtc_stun::message::is_stun_message(datagram) {
            return None;
        }
        let mut message = Message::new();
        message.unmarshal_binary(datagram).ok()?;
        if message.typ != BINDING_REQUEST {
            return None;
        }
        let username = message.get(ATTR_USERNAME).ok()?;
        // "ours:theirs" (RFC 8445 §7.2.2).
        let ufrag = std::str::from_utf8(&username)
            .ok()?
            .split(':')
            .next()?
            .to_owned();
        Some(Self { ufrag, message })
    }

    fn is_made_with(&mut self, password: &str) -> bool {
        MessageIntegrity::check(&mut self.message, password.as_bytes(), &AwsLcRsCrypto).is_ok()
    }
}

/// RFC 7983 §7: 20 to 63 is DTLS.
fn is_dtls(datagram: &[u8]) -> bool {
    datagram
        .first()
        .is_some_and(|first| (20..64).contains(first))
}

/// RFC 7983 §7: 128 to 191 is RTP and RTCP.
fn is_media(datagram: &[u8]) -> bool {
    datagram
        .first()
        .is_some_and(|first| (128..192).contains(first))
}

/// RFC 7983 §7: 0 to 3 is STUN.
fn is_stun(datagram: &[u8]) -> bool {
    datagram.first().is_some_and(|first| *first < 4)
}

/// A handshake record (22) whose first message is a ClientHello (1), RFC 6347 §4.2.2.
fn is_client_hello(datagram: &[u8]) -> bool {
    datagram.first() == Some(&22) && datagram.get(13) == Some(&1)
}

fn drop_one(why: &'static str) {
    metrics::counter!("weiquan_publish_datagrams_dropped_total", "why" => why).increment(1);
}
