//! What this machine gives a media socket, for `weiquan doctor`: the same questions that the workers ask.

use std::{
    io,
    net::{IpAddr, UdpSocket},
};

use quinn_udp::{UdpSockRef, UdpSocketState};

use crate::view::SOCKET_BYTES;

/// What a UDP socket of this machine can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// What the media ports ask for, each way.
    pub wanted_bytes: usize,
    pub receive_bytes: usize,
    pub send_bytes: usize,
    /// Packets of one system call (UDP_SEGMENT); 1 where the kernel cannot.
    pub segments: usize,
}

/// Opens a socket on a free port of this address and asks.
pub fn probe(address: IpAddr) -> io::Result<Probe> {
    let socket = UdpSocket::bind((address, 0))?;
    let asked = UdpSockRef::from(&socket);
    let state = UdpSocketState::new(asked)?;
    // As the ports do: the kernel grants what it is allowed to, which is what is asked for below.
    let _ = state.set_send_buffer_size(UdpSockRef::from(&socket), SOCKET_BYTES);
    let _ = state.set_recv_buffer_size(UdpSockRef::from(&socket), SOCKET_BYTES);
    // Linux doubles what was set, for its own bookkeeping, and tells the double.
    Ok(Probe {
        wanted_bytes: SOCKET_BYTES,
        receive_bytes: state.recv_buffer_size(UdpSockRef::from(&socket))? / 2,
        send_bytes: state.send_buffer_size(UdpSockRef::from(&socket))? / 2,
        segments: state.max_gso_segments().max(1),
    })
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn a_machine_answers_what_it_gives() {
        let probe = probe(Ipv4Addr::LOCALHOST.into()).unwrap();
        assert!(probe.receive_bytes > 0 && probe.receive_bytes <= probe.wanted_bytes);
        assert!(probe.send_bytes > 0 && probe.send_bytes <= probe.wanted_bytes);
        assert!(probe.segments >= 1);
    }
}
