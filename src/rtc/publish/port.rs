//! One port for all publishers.
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
use socket2::SockRef;
use tokio::{
    net::UdpSocket,
    sync::{Notify, mpsc},
};

use super::{pipes::Piped, police::Police};
use crate::{
    fragments::Budget, line_probe::LineProbe, path::Path, repeats::Repeats, sockets, view,
};

/// Datagrams of one publisher that wait for its task: half a second at the highest rate taken.
pub(super) const QUEUE_DATAGRAMS_MAX: usize = 1_024;
/// Room in the queue that a publisher keeps while nothing waits.
const QUEUE_DATAGRAMS_KEPT: usize = 32;
/// Paths of one publisher: it may change network and probes from several addresses.
const PATHS_MAX: usize = 8;
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
    bound: SocketAddr,
    /// To the task that has the pipes.
    piped: mpsc::Sender<Piped>,
    /// Publishers that had a pipe and are gone, by the numbers of their inlets: for the same task.
    over: Mutex<Vec<u64>>,
    some_are_over: Notify,
    table: Mutex<Table>,
    probe: Mutex<LineProbe>,
}

#[derive(Default)]
struct Table {
    by_ufrag: HashMap<String, Arc<Inlet>>,
    by_address: HashMap<Path, Arc<Inlet>>,
    /// Publishers so far: each inlet has a number of its own.
    opened: u64,
}

/// What one publisher is known by in ICE.
#[derive(Clone)]
pub(super) struct Credentials {
    pub(super) ufrag: String,
    pub(super) password: String,
}

/// The end of the port that belongs to one publisher.
pub(super) struct Inlet {
    /// Never used twice.
    number: u64,
    credentials: Credentials,
    waiting: Mutex<Waiting>,
}

/// Of the two ends that a publisher's connection has, one for peers of each family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6,
}

impl Family {
    pub(super) const fn of(address: SocketAddr) -> Self {
        match address {
            SocketAddr::V4(_) => Self::V4,
            SocketAddr::V6(_) => Self::V6,
        }
    }
}

/// What waits for one of the ends.
#[derive(Default)]
struct Queue {
    datagrams: VecDeque<(SocketAddr, Bytes)>,
    waker: Option<Waker>,
}

struct Waiting {
    v4: Queue,
    v6: Queue,
    police: Police,
    /// One of its paths is or was a pipe.
    has_piped: bool,
    /// Proven by checks; of two with one address (UDP and TCP) the one that was heard last is behind.
    paths: Vec<Path>,
    /// Where its media last came from, which is where it is now.
    media_from: Option<Path>,
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
    /// Of this socket, which is bound to this address, and the pipes beside it.
    pub(super) fn new(
        socket: std::net::UdpSocket,
        bound: SocketAddr,
        piped: mpsc::Sender<Piped>,
    ) -> io::Result<Self> {
        // The kernel gives what it allows (net.core.rmem_max); less only loses bursts.
        let _ = SockRef::from(&socket).set_recv_buffer_size(RECEIVE_BUFFER_BYTES);
        Ok(Self {
            socket: UdpSocket::from_std(socket)?,
            bound,
            piped,
            over: Mutex::default(),
            some_are_over: Notify::new(),
            table: Mutex::default(),
            probe: Mutex::new(LineProbe::new()),
        })
    }

    /// As bound: `[::]` is both families.
    pub(super) const fn address(&self) -> SocketAddr {
        self.bound
    }

    /// What answers checks of somebody's line to the port.
    pub(super) fn line_probe(&self) -> LineProbe {
        self.probe().clone()
    }

    /// A new publisher's end. It is there until [`Self::remove`].
    pub(super) fn open(&self, credentials: Credentials, now: Instant) -> Arc<Inlet> {
        let mut table = self.table();
        table.opened += 1;
        let inlet = Arc::new(Inlet {
            number: table.opened,
            waiting: Mutex::new(Waiting {
                v4: Queue::default(),
                v6: Queue::default(),
                police: Police::new(now),
                has_piped: false,
                paths: Vec::new(),
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
        table.by_ufrag.insert(ufrag, Arc::clone(&inlet));
        inlet
    }

    pub(super) fn remove(&self, inlet: &Arc<Inlet>) {
        let (paths, has_piped) = {
            let mut waiting = inlet.waiting();
            (std::mem::take(&mut waiting.paths), waiting.has_piped)
        };
        if has_piped {
            self.over().push(inlet.number);
            self.some_are_over.notify_one();
        }
        let mut table = self.table();
        table.by_ufrag.remove(&inlet.credentials.ufrag);
        for path in paths {
            // The address may have come to belong to the publisher's next session.
            if table
                .by_address
                .get(&path)
                .is_some_and(|it| Arc::ptr_eq(it, inlet))
            {
                table.by_address.remove(&path);
            }
        }
    }

    /// Nothing leads there any more.
    pub(super) fn lose(&self, path: Path) {
        let inlet = self.table().by_address.remove(&path);
        if let Some(inlet) = inlet {
            let mut waiting = inlet.waiting();
            waiting.paths.retain(|it| *it != path);
            waiting.media_from.take_if(|it| *it == path);
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
                    Ok((length, from)) => {
                        let from = Path::Udp(sockets::plain(from));
                        self.handle(from, &buffer[..length], clock::now());
                    }
                    // An ICMP answer to something we sent is no fault of the socket.
                    Err(error) if error.kind() != io::ErrorKind::WouldBlock => {}
                    Err(_) => break,
                }
            }
            tokio::task::yield_now().await;
        }
    }

    /// Takes a datagram. Answers the number of the publisher whose it is.
    pub(super) fn handle(&self, from: Path, datagram: &[u8], now: Instant) -> Option<u64> {
        let check = Check::read(datagram);
        if check
            .as_ref()
            .is_some_and(|it| self.probe().is_for(&it.ufrag))
        {
            self.answer_probe(from, datagram, now);
            return None;
        }
        let known = self.table().by_address.get(&from).cloned();
        let inlet = match check {
            Some(check) => self.verify(from, known, check),
            None => known,
        };
        match inlet {
            Some(inlet) => {
                inlet.put(from, datagram, now);
                Some(inlet.number)
            }
            None => {
                drop_one("unknown_source");
                None
            }
        }
    }

    /// Of a check of somebody's line: nothing is learned from it.
    fn answer_probe(&self, from: Path, datagram: &[u8], now: Instant) {
        let Some(mut check) = view::Check::parse(datagram) else {
            return drop_one("unknown_source");
        };
        let address = from.address();
        let answer = self.probe().check(&mut check, address, &AwsLcRsCrypto, now);
        if let Some(answer) = answer {
            self.send(from, &answer);
        }
    }

    /// Whose check this is. An address that is already known by this name needs no second look:
    /// `webrtc` verifies every check again.
    fn verify(
        &self,
        from: Path,
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
    pub(super) fn send(&self, to: Path, datagram: &[u8]) {
        match to {
            Path::Udp(address) => {
                let to = sockets::as_on(self.bound, address);
                if self.socket.try_send_to(datagram, to).is_err() {
                    unsent();
                }
            }
            Path::Tcp { pipe, .. } => {
                let datagram = Bytes::copy_from_slice(datagram);
                // So does a task of the pipes that is too busy.
                if self.piped.try_send(Piped { pipe, datagram }).is_err() {
                    unsent();
                }
            }
        }
    }

    /// Publishers whose pipes are to be closed, once there are some. May be dropped at any time.
    pub(super) async fn gone(&self) -> Vec<u64> {
        self.some_are_over.notified().await;
        std::mem::take(&mut *self.over())
    }

    fn over(&self) -> MutexGuard<'_, Vec<u64>> {
        self.over.lock().expect("no holder of this lock panics")
    }

    fn probe(&self) -> MutexGuard<'_, LineProbe> {
        self.probe.lock().expect("no holder of this lock panics")
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().expect("no holder of this lock panics")
    }
}

impl Inlet {
    fn put(&self, from: Path, datagram: &[u8], now: Instant) {
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
            let family = Family::of(from.address());
            if waiting.queue(family).datagrams.len() == QUEUE_DATAGRAMS_MAX {
                drop_one("queue_full");
                return;
            }
            waiting.hear_on(from);
            if is_media(datagram) {
                waiting.media_from = Some(from);
            }
            let datagram = (from.address(), Bytes::copy_from_slice(datagram));
            if is_client_hello(&datagram.1) && !waiting.spoken {
                waiting.keep_early(datagram.clone());
            }
            let queue = waiting.queue(family);
            queue.datagrams.push_back(datagram);
            queue.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The next datagram from peers of this family, or a promise to wake.
    pub(super) fn poll(&self, family: Family, waker: &Waker) -> Option<(SocketAddr, Bytes)> {
        let mut waiting = self.waiting();
        let queue = waiting.queue(family);
        let next = queue.datagrams.pop_front();
        if next.is_none() {
            // What a burst needed is given back.
            queue.datagrams.shrink_to(QUEUE_DATAGRAMS_KEPT);
            queue.waker = Some(waker.clone());
        }
        next
    }

    /// Where a datagram of ours goes. `webrtc` stays with the path that was chosen first, and a
    /// publisher that came to another address (a router's new port, a phone on its way out) does not
    /// know that it should choose again. Its media shows where it is; that address has shown the
    /// password, or nothing would have come this far. Answers to checks go back to where those came
    /// from.
    pub(super) fn way_to(&self, chosen: SocketAddr, datagram: &[u8]) -> Path {
        let waiting = self.waiting();
        let moved = waiting.media_from.filter(|_| !is_stun(datagram));
        moved.unwrap_or_else(|| waiting.path_to(chosen))
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
    pub(super) fn hello(&self) -> Option<(Path, Bytes)> {
        let waiting = self.waiting();
        let (to, hello) = waiting.hello.clone()?;
        Some((waiting.path_to(to), hello))
    }

    /// Hands over once more what the publisher said first in DTLS, while we have not answered it.
    /// `webrtc` hears nothing of it before a path was chosen, and OBS, which does not wait for that,
    /// would say it again after a second.
    pub(super) fn repeat_early(&self) {
        let wakers = {
            let mut waiting = self.waiting();
            let early: Vec<_> = waiting.early.iter().cloned().collect();
            for (from, datagram) in early {
                let queue = waiting.queue(Family::of(from));
                if queue.datagrams.len() < QUEUE_DATAGRAMS_MAX {
                    queue.datagrams.push_back((from, datagram));
                }
            }
            let waker = |queue: &mut Queue| match queue.datagrams.is_empty() {
                true => None,
                false => queue.waker.take(),
            };
            [waker(&mut waiting.v4), waker(&mut waiting.v6)]
        };
        for waker in wakers.into_iter().flatten() {
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
    const fn queue(&mut self, family: Family) -> &mut Queue {
        match family {
            Family::V4 => &mut self.v4,
            Family::V6 => &mut self.v6,
        }
    }

    /// The newest are kept: a client numbers what it repeats anew.
    fn keep_early(&mut self, datagram: (SocketAddr, Bytes)) {
        if self.early.len() == HELLO_DATAGRAMS_MAX {
            self.early.pop_front();
        }
        self.early.push_back(datagram);
    }

    /// Adds a path; the one that is forgotten for it, if there are too many.
    fn learn(&mut self, path: Path) -> Option<Path> {
        if self.paths.contains(&path) {
            return None;
        }
        self.has_piped |= path.pipe().is_some();
        let forgotten = (self.paths.len() == PATHS_MAX).then(|| self.paths.remove(0));
        self.paths.push(path);
        forgotten
    }

    /// Something came that way: of UDP and TCP at one address, this is the one that leads there now.
    fn hear_on(&mut self, path: Path) {
        let at = |it: &Path| it.address() == path.address();
        let (Some(first), Some(last)) = (
            self.paths.iter().position(at),
            self.paths.iter().rposition(at),
        ) else {
            return;
        };
        if first != last
            && let Some(here) = self.paths.iter().position(|it| *it == path)
        {
            self.paths.swap(here, last);
        }
    }

    /// The way to an address by which `webrtc` knows the publisher.
    fn path_to(&self, address: SocketAddr) -> Path {
        let proven = self.paths.iter().rfind(|it| it.address() == address);
        proven.copied().unwrap_or(Path::Udp(address))
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

fn unsent() {
    metrics::counter!("weiquan_publish_datagrams_unsent_total").increment(1);
}

fn drop_one(why: &'static str) {
    metrics::counter!("weiquan_publish_datagrams_dropped_total", "why" => why).increment(1);
}
