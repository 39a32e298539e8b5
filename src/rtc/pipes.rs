//! TCP to a media port, for peers whom UDP does not reach: ICE-TCP with passive candidates (RFC 6544),
//! each connection a *pipe* that carries datagrams (see [`crate::framing`]).
//!
//! Whoever owns the port owns its pipes, and alone writes to them; a task per pipe only reads. A pipe
//! counts for nothing until a check has proven whose it is: until then there are few of them, from few
//! places, for a short time. A pipe that takes nothing loses what is sent, as a blocked socket does:
//! what the kernel has not taken is kept to the end of the one datagram that was cut, never more.

use std::{
    collections::{BTreeMap, HashMap},
    io,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use protocol::limits::BLOCKED_CLOSED_AFTER;
use socket2::SockRef;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::AbortHandle,
};

use crate::{
    framing::{self, Frames},
    path::{Path, PipeId},
    sockets,
};

/// Pipes of a port that no check has proven. Where more come, the oldest go: who is real is proven within
/// a round trip.
pub(crate) const UNPROVEN_MAX: usize = 1_024;
/// The same of one place (an IPv4 address, an IPv6 /64): a lecture hall that taps at once. More are
/// closed as they come.
pub(crate) const UNPROVEN_PER_PLACE_MAX: usize = 64;
/// How long a pipe may stay unproven.
pub(crate) const PROVEN_WITHIN: Duration = Duration::from_secs(5);
/// Pipes of one peer: one for each of its addresses and networks. The oldest goes for one more.
pub(crate) const PIPES_PER_PEER_MAX: usize = 4;
/// Datagrams of all pipes that wait for the port's owner. Who sends more waits.
const HEARD_MAX: usize = 256;
/// Bytes read from one pipe at once.
const READ_BYTES: usize = 4 * 1024;
/// What the kernel keeps for a pipe, sent or not: at 5 Mbit/s the flight of 400 ms.
const SEND_BUFFER_BYTES: usize = 256 * 1024;
/// Of that, what may wait unsent: a keyframe, and no second one behind it.
const NOTSENT_BYTES: u32 = 128 * 1024;
/// After an error of `accept` (too many files, most likely) nobody is let in for so long.
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// Why a pipe ends, in metrics: the peer left, sent what is no frame, proved nothing in time, came from a
/// place with too many, made room for newcomers, took nothing, had too many already, was over.
pub(crate) const ENDS: [&str; 8] = [
    "gone",
    "unfit",
    "unproven",
    "crowded",
    "displaced",
    "stuck",
    "spare",
    "over",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    All,
    /// The socket took no more.
    Blocked,
}

/// What happens on a pipe.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Happened {
    Datagram(Path, Vec<u8>),
    /// Nothing leads there any more.
    Ended(Path),
}

/// What the task of a pipe says to its owner.
enum Told {
    Datagram(Vec<u8>),
    Ended(&'static str),
}

struct Pipe {
    socket: Arc<TcpStream>,
    from: SocketAddr,
    reader: AbortHandle,
    begun: Instant,
    /// Whose it is, once that is proven.
    owner: Option<u64>,
    /// The rest of a frame of which a part has left.
    rest: Vec<u8>,
    /// Since when the kernel has taken nothing.
    stuck_since: Option<Instant>,
    /// It was found stuck for too long.
    dead: bool,
}

/// All pipes of a port. Needs a runtime around it.
pub(crate) struct Pipes {
    /// Absent where the port is UDP alone.
    listener: Option<TcpListener>,
    /// `view` or `publish`, in metrics.
    port: &'static str,
    /// By number, the oldest first.
    open: BTreeMap<PipeId, Pipe>,
    unproven: BTreeMap<PipeId, IpAddr>,
    unproven_of: HashMap<IpAddr, usize>,
    owners: HashMap<u64, Vec<PipeId>>,
    next: PipeId,
    heard: mpsc::Receiver<(PipeId, Told)>,
    tell: mpsc::Sender<(PipeId, Told)>,
    /// Where frames are written before they leave.
    frames: Vec<u8>,
    rests_until: Option<Instant>,
}

impl Pipes {
    pub(crate) fn new(
        listener: Option<std::net::TcpListener>,
        port: &'static str,
    ) -> io::Result<Self> {
        let listener = listener.map(TcpListener::from_std).transpose()?;
        let (tell, heard) = mpsc::channel(HEARD_MAX);
        Ok(Self {
            listener,
            port,
            open: BTreeMap::new(),
            unproven: BTreeMap::new(),
            unproven_of: HashMap::new(),
            owners: HashMap::new(),
            next: 0,
            heard,
            tell,
            frames: Vec::new(),
            rests_until: None,
        })
    }

    /// While there is none, nothing becomes due.
    pub(crate) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// The next thing that happens; lets newcomers in meanwhile. May be dropped at any time.
    pub(crate) async fn next(&mut self) -> Happened {
        loop {
            tokio::select! {
                told = self.heard.recv() => {
                    // The owner keeps a sender, so there is always another.
                    if let Some(happened) = told.and_then(|told| self.take(told)) {
                        return happened;
                    }
                }
                accepted = accept(self.listener.as_ref(), self.rests_until) => self.admit(accepted),
            }
        }
    }

    /// What has happened already.
    pub(crate) fn try_next(&mut self) -> Option<Happened> {
        while let Ok(told) = self.heard.try_recv() {
            if let Some(happened) = self.take(told) {
                return Some(happened);
            }
        }
        None
    }

    fn take(&mut self, (id, told): (PipeId, Told)) -> Option<Happened> {
        // Closed by us in the meantime.
        let path = self.path(id)?;
        Some(match told {
            Told::Datagram(datagram) => Happened::Datagram(path, datagram),
            Told::Ended(why) => {
                self.close(id, why);
                Happened::Ended(path)
            }
        })
    }

    fn path(&self, id: PipeId) -> Option<Path> {
        let from = self.open.get(&id)?.from;
        Some(Path::Tcp { pipe: id, from })
    }

    fn admit(&mut self, accepted: io::Result<(TcpStream, SocketAddr)>) {
        let now = clock::now();
        self.rests_until = None;
        let (socket, from) = match accepted {
            Ok((socket, from)) => (socket, sockets::plain(from)),
            Err(error) => {
                tracing::debug!(%error, port = self.port, "a media connection was not accepted");
                self.rests_until = Some(now + ACCEPT_REST);
                return;
            }
        };
        if set_up(&socket).is_err() {
            // Reset before it was looked at.
            return self.count_closed("gone");
        }
        let place = place_of(from.ip());
        if self.unproven_of.get(&place).copied().unwrap_or(0) >= UNPROVEN_PER_PLACE_MAX {
            return self.count_closed("crowded");
        }
        if self.unproven.len() >= UNPROVEN_MAX
            && let Some(oldest) = self.unproven.keys().next().copied()
        {
            self.close(oldest, "displaced");
        }
        let id = self.next;
        self.next += 1;
        let socket = Arc::new(socket);
        let reader = tokio::spawn(read(Arc::clone(&socket), id, self.tell.clone()));
        self.open.insert(
            id,
            Pipe {
                socket,
                from,
                reader: reader.abort_handle(),
                begun: now,
                owner: None,
                rest: Vec::new(),
                stuck_since: None,
                dead: false,
            },
        );
        self.unproven.insert(id, place);
        *self.unproven_of.entry(place).or_default() += 1;
        metrics::gauge!("weiquan_media_pipes", "port" => self.port).increment(1);
    }

    /// A check has shown whose pipe this is. Answers the path that is closed for it, if the peer has
    /// too many.
    pub(crate) fn prove(&mut self, id: PipeId, owner: u64) -> Option<Path> {
        let pipe = self.open.get_mut(&id)?;
        if pipe.owner == Some(owner) {
            return None;
        }
        let before = pipe.owner.replace(owner);
        self.forget_unproven(id);
        self.disown(id, before);
        let owned = self.owners.entry(owner).or_default();
        owned.push(id);
        let spare = (owned.len() > PIPES_PER_PEER_MAX).then(|| owned[0])?;
        let path = self.path(spare);
        self.close(spare, "spare");
        path
    }

    /// The peer is gone, and its pipes with it.
    pub(crate) fn close_of(&mut self, owner: u64) {
        for id in self.owners.remove(&owner).unwrap_or_default() {
            self.close(id, "over");
        }
    }

    /// Sends datagrams that lie one behind the other, as one write. Answers how many were taken; of the
    /// others nothing is kept.
    pub(crate) fn send(&mut self, id: PipeId, datagrams: &[u8], sizes: &[usize]) -> (usize, Sent) {
        let Some(pipe) = self.open.get_mut(&id) else {
            // Closed a moment ago: to this peer it is loss like any other.
            return (sizes.len(), Sent::All);
        };
        let now = clock::now();
        if !pipe.flush(now) {
            return (0, Sent::Blocked);
        }
        self.frames.clear();
        framing::write(datagrams, sizes, &mut self.frames);
        let written = pipe.write_some(&self.frames, now);
        let (end, taken) = framing::end_of_frame(sizes, written);
        pipe.rest.extend_from_slice(&self.frames[written..end]);
        match taken == sizes.len() {
            true => (taken, Sent::All),
            false => (taken, Sent::Blocked),
        }
    }

    /// Does what has become due. Answers the paths that are closed by it.
    pub(crate) fn tick(&mut self, now: Instant) -> Vec<Path> {
        let mut due = Vec::new();
        for (id, pipe) in &mut self.open {
            pipe.flush(now);
            if pipe.dead {
                due.push((*id, "stuck"));
            } else if pipe.owner.is_none()
                && now.saturating_duration_since(pipe.begun) >= PROVEN_WITHIN
            {
                due.push((*id, "unproven"));
            }
        }
        let mut closed = Vec::new();
        for (id, why) in due {
            closed.extend(self.path(id));
            self.close(id, why);
        }
        closed
    }

    fn close(&mut self, id: PipeId, why: &'static str) {
        let Some(pipe) = self.open.remove(&id) else {
            return;
        };
        pipe.reader.abort();
        self.forget_unproven(id);
        self.disown(id, pipe.owner);
        metrics::gauge!("weiquan_media_pipes", "port" => self.port).decrement(1);
        self.count_closed(why);
    }

    fn forget_unproven(&mut self, id: PipeId) {
        let Some(place) = self.unproven.remove(&id) else {
            return;
        };
        if let Some(count) = self.unproven_of.get_mut(&place) {
            *count -= 1;
            if *count == 0 {
                self.unproven_of.remove(&place);
            }
        }
    }

    fn disown(&mut self, id: PipeId, owner: Option<u64>) {
        let Some(owner) = owner else { return };
        if let Some(owned) = self.owners.get_mut(&owner) {
            owned.retain(|it| *it != id);
            if owned.is_empty() {
                self.owners.remove(&owner);
            }
        }
    }

    fn count_closed(&self, why: &'static str) {
        debug_assert!(ENDS.contains(&why), "{why}");
        metrics::counter!("weiquan_media_pipes_closed_total", "port" => self.port, "why" => why)
            .increment(1);
    }
}

impl Pipe {
    /// Sends what is left of a cut frame. False: there is still some.
    fn flush(&mut self, now: Instant) -> bool {
        if self.rest.is_empty() {
            return true;
        }
        let rest = std::mem::take(&mut self.rest);
        let written = self.write_some(&rest, now);
        self.rest.extend_from_slice(&rest[written..]);
        self.rest.is_empty()
    }

    /// How many of these bytes the kernel takes now.
    fn write_some(&mut self, bytes: &[u8], now: Instant) -> usize {
        match self.socket.try_write(bytes) {
            Ok(written) => {
                self.stuck_since = None;
                written
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let since = *self.stuck_since.get_or_insert(now);
                self.dead |= now.saturating_duration_since(since) >= BLOCKED_CLOSED_AFTER;
                0
            }
            // Its task hears of the same, and says so.
            Err(_) => bytes.len(),
        }
    }
}

impl Drop for Pipes {
    fn drop(&mut self) {
        for id in self.open.keys().copied().collect::<Vec<_>>() {
            self.close(id, "over");
        }
    }
}

async fn accept(
    listener: Option<&TcpListener>,
    rests_until: Option<Instant>,
) -> io::Result<(TcpStream, SocketAddr)> {
    let Some(listener) = listener else {
        return std::future::pending().await;
    };
    if let Some(until) = rests_until {
        tokio::time::sleep_until(until.into()).await;
    }
    listener.accept().await
}

fn set_up(socket: &TcpStream) -> io::Result<()> {
    let options = SockRef::from(socket);
    options.set_tcp_nodelay(true)?;
    options.set_tcp_notsent_lowat(NOTSENT_BYTES)?;
    // The kernel grants what it is allowed to.
    let _ = options.set_send_buffer_size(SEND_BUFFER_BYTES);
    options.set_tcp_user_timeout(Some(BLOCKED_CLOSED_AFTER))
}

/// Reads a pipe until it ends, at the pace of its owner.
async fn read(socket: Arc<TcpStream>, id: PipeId, tell: mpsc::Sender<(PipeId, Told)>) {
    let mut frames = Frames::default();
    let why = 'open: loop {
        if socket.readable().await.is_err() {
            break "gone";
        }
        match fill(&socket, &mut frames) {
            Ok(0) => break "gone",
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(_) => break "gone",
        }
        loop {
            match frames.pop() {
                Ok(Some(datagram)) => {
                    if tell.send((id, Told::Datagram(datagram))).await.is_err() {
                        return;
                    }
                }
                Ok(None) => break,
                Err(framing::Unfit) => break 'open "unfit",
            }
        }
    };
    // The owner is gone only when everything ends.
    let _ = tell.send((id, Told::Ended(why))).await;
}

/// The buffer lives for this call alone: a pipe that waits has none.
fn fill(socket: &TcpStream, frames: &mut Frames) -> io::Result<usize> {
    let mut buffer = [0; READ_BYTES];
    let size = socket.try_read(&mut buffer)?;
    frames.push(&buffer[..size]);
    Ok(size)
}

/// An IPv6 client has a /64 to itself.
fn place_of(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

#[cfg(test)]
mod tests;
