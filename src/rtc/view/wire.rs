//! The worker's sockets. By UDP packets of one size to one viewer leave in one system call (UDP_SEGMENT),
//! which is what makes a frame cheap: 0.6 µs a packet instead of 1.3. Where the kernel or the network
//! card refuses that, they leave one by one. By TCP (see [`crate::pipes`]) all packets of one picture are
//! one write.

use std::{
    io::{self, IoSliceMut},
    net::SocketAddr,
};

use quinn_udp::{RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use tokio::{io::Interest, net::UdpSocket};

pub(super) use crate::pipes::Sent;
use crate::{
    path::Path,
    pipes::{Happened, Pipes},
    sockets::{self, Bound},
};

/// Bytes of the largest datagram that the kernel cuts up for us.
const RUN_BYTES_MAX: usize = 60_000;
/// Datagrams, or runs of them, taken at once.
const BATCH: usize = 16;
const BATCH_BYTES: usize = 64 * 1024;
/// Enough for a keyframe to each of a thousand viewers to wait for the network card.
pub(crate) const SOCKET_BYTES: usize = 4 << 20;

pub(super) struct Wire {
    socket: UdpSocket,
    state: UdpSocketState,
    bound: SocketAddr,
    pub(super) pipes: Pipes,
}

/// Which of the sockets has something.
pub(super) enum Ready {
    Datagrams,
    Pipe(Happened),
}

impl Wire {
    /// Needs a runtime around it.
    pub(super) fn new(sockets: Bound) -> io::Result<Self> {
        let (socket, bound) = (sockets.udp, sockets.address);
        let pipes = Pipes::new(sockets.tcp, "view")?;
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        // The kernel grants what it is allowed to; less is no reason not to start.
        let _ = state.set_send_buffer_size(UdpSockRef::from(&socket), SOCKET_BYTES);
        let _ = state.set_recv_buffer_size(UdpSockRef::from(&socket), SOCKET_BYTES);
        let socket = UdpSocket::from_std(socket)?;
        Ok(Self {
            socket,
            state,
            bound,
            pipes,
        })
    }

    /// Until there is something on any of the sockets.
    pub(super) async fn ready(&mut self) -> Ready {
        tokio::select! {
            readable = self.socket.readable() => {
                if let Err(error) = readable {
                    tracing::warn!(%error, "the media socket cannot be waited for");
                }
                Ready::Datagrams
            }
            happened = self.pipes.next() => Ready::Pipe(happened),
        }
    }

    /// Until the runtime knows that the socket takes packets, every send would look blocked.
    pub(super) async fn writable(&self) {
        if let Err(error) = self.socket.writable().await {
            tracing::warn!(%error, "the media socket cannot be waited for");
        }
    }

    pub(super) fn send(&mut self, to: Path, datagram: &[u8]) -> Sent {
        match to {
            Path::Udp(address) => self.send_run(address, datagram, None),
            Path::Tcp { pipe, .. } => self.pipes.send(pipe, datagram, &[datagram.len()]).1,
        }
    }

    fn send_run(&self, to: SocketAddr, contents: &[u8], segment_size: Option<usize>) -> Sent {
        let transmit = Transmit {
            destination: sockets::as_on(self.bound, to),
            ecn: None,
            contents,
            segment_size,
            src_ip: None,
        };
        let done = self.socket.try_io(Interest::WRITABLE, || {
            self.state
                .try_send(UdpSockRef::from(&self.socket), &transmit)
        });
        match (done, segment_size) {
            (Ok(()), _) => Sent::All,
            (Err(error), _) if error.kind() == io::ErrorKind::WouldBlock => Sent::Blocked,
            // Refused as a run: the state remembers it, and this one goes packet by packet.
            (Err(_), Some(size)) => {
                for datagram in contents.chunks(size) {
                    if self.send_run(to, datagram, None) == Sent::Blocked {
                        return Sent::Blocked;
                    }
                }
                Sent::All
            }
            // Such as an unreachable network: to this viewer it is loss like any other.
            (Err(error), None) => {
                tracing::trace!(%error, "a datagram was not sent");
                Sent::All
            }
        }
    }
}

/// One batch of datagrams as they came.
#[derive(Default)]
pub(super) struct Inbound {
    buffers: Vec<Vec<u8>>,
    metas: [RecvMeta; BATCH],
    count: usize,
}

impl Inbound {
    /// Takes what is there now, at most one batch. False when there was nothing.
    pub(super) fn fill(&mut self, wire: &Wire) -> bool {
        self.buffers.resize_with(BATCH, || vec![0; BATCH_BYTES]);
        let mut slices: Vec<IoSliceMut<'_>> = self
            .buffers
            .iter_mut()
            .map(|bytes| IoSliceMut::new(bytes))
            .collect();
        let metas = &mut self.metas;
        let got = wire.socket.try_io(Interest::READABLE, || {
            wire.state
                .recv(UdpSockRef::from(&wire.socket), &mut slices, metas)
        });
        self.count = got.unwrap_or(0);
        self.count > 0
    }

    pub(super) fn datagrams(&self) -> impl Iterator<Item = (SocketAddr, &[u8])> {
        let received = self.metas.iter().zip(&self.buffers).take(self.count);
        received.flat_map(|(meta, bytes)| {
            // The kernel may have joined datagrams of one size and source.
            bytes[..meta.len]
                .chunks(meta.stride.max(1))
                .map(|datagram| (sockets::plain(meta.addr), datagram))
        })
    }
}

/// Packets to one viewer, gathered to leave together.
#[derive(Default)]
pub(super) struct Train {
    bytes: Vec<u8>,
    sizes: Vec<usize>,
    left: Left,
}

/// What has left since it was last asked.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Left {
    pub(super) packets: u64,
    pub(super) bytes: u64,
}

impl Train {
    pub(super) fn push(&mut self, packet: &[u8]) {
        self.bytes.extend_from_slice(packet);
        self.sizes.push(packet.len());
    }

    pub(super) fn take_left(&mut self) -> Left {
        std::mem::take(&mut self.left)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sizes.is_empty()
    }

    /// Sends everything, or as much as the socket takes, and is empty afterwards.
    pub(super) fn leave(&mut self, wire: &mut Wire, to: Path) -> Sent {
        let sent = match to {
            Path::Udp(address) => self.leave_in_runs(wire, address),
            Path::Tcp { pipe, .. } => {
                let (taken, sent) = wire.pipes.send(pipe, &self.bytes, &self.sizes);
                self.left.packets += taken as u64;
                self.left.bytes += self.sizes[..taken].iter().sum::<usize>() as u64;
                sent
            }
        };
        self.clear();
        sent
    }

    fn leave_in_runs(&mut self, wire: &Wire, to: SocketAddr) -> Sent {
        let mut sent = Sent::All;
        let mut start = 0;
        let mut sizes = &self.sizes[..];
        let packets_max = wire.state.max_gso_segments().max(1);
        while let Some((&size, _)) = sizes.split_first() {
            let run = run_length(sizes, packets_max);
            let end = start + sizes[..run].iter().sum::<usize>();
            let segment = (run > 1).then_some(size);
            sent = wire.send_run(to, &self.bytes[start..end], segment);
            if sent == Sent::Blocked {
                break;
            }
            self.left.packets += run as u64;
            self.left.bytes += (end - start) as u64;
            start = end;
            sizes = &sizes[run..];
        }
        sent
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.sizes.clear();
    }
}

/// How many of the first packets can leave as one run: all of one size, and one smaller at the end.
fn run_length(sizes: &[usize], packets_max: usize) -> usize {
    let size = sizes[0];
    let packets_max = packets_max.min(RUN_BYTES_MAX / size.max(1)).max(1);
    let equal = sizes
        .iter()
        .take(packets_max)
        .take_while(|it| **it == size)
        .count();
    let tail = equal < packets_max && sizes.get(equal).is_some_and(|it| *it < size);
    equal + usize::from(tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(mut sizes: &[usize], packets_max: usize) -> Vec<usize> {
        let mut runs = Vec::new();
        while !sizes.is_empty() {
            let run = run_length(sizes, packets_max);
            runs.push(run);
            sizes = &sizes[run..];
        }
        runs
    }

    #[test]
    fn a_run_is_equal_packets_and_a_smaller_one() {
        assert_eq!(runs(&[1200, 1200, 900, 1200, 1200], 64), [3, 2]);
        assert_eq!(runs(&[62, 1182, 1182], 64), [1, 2]);
        assert_eq!(runs(&[900, 1200], 64), [1, 1]);
    }

    #[test]
    fn a_run_ends_at_what_the_kernel_takes() {
        assert_eq!(runs(&[1200; 130], 64), [50, 50, 30]);
        assert_eq!(runs(&[100; 130], 64), [64, 64, 2]);
        assert_eq!(runs(&[1200, 1200, 900], 1), [1, 1, 1]);
    }
}
