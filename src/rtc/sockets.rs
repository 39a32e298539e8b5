//! The sockets of media ports: UDP, and TCP of the same number. An unspecified address means the whole machine: one socket for both
//! families where there is IPv6, and inside this process an IPv4 peer is an IPv4 address all the same.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket},
};

use socket2::{Domain, Socket, Type};

use crate::StartError;

/// TCP connections that wait to be accepted: the taps of a full lecture hall.
const BACKLOG: i32 = 1_024;
/// Tries to find a number that is free for both, where any will do.
const ANY_PORT_TRIES: usize = 32;

/// A media port.
pub(crate) struct Bound {
    pub(crate) udp: UdpSocket,
    /// Of the same number, where it was asked for.
    pub(crate) tcp: Option<TcpListener>,
    /// `[::]` for both families, `0.0.0.0` where the machine has no IPv6.
    pub(crate) address: SocketAddr,
}

/// Binds a port of `what`, whose sockets wait on no call.
pub(crate) fn bind(what: &'static str, addr: SocketAddr, tcp: bool) -> Result<Bound, StartError> {
    let mut tries = 0;
    loop {
        let wrong = |source| StartError::Bind { what, addr, source };
        let udp = UdpSocket::from(of_families(addr, Type::DGRAM).map_err(wrong)?);
        let address = udp.local_addr().map_err(wrong)?;
        if !tcp {
            return Ok(Bound {
                udp,
                tcp: None,
                address,
            });
        }
        match listen(address) {
            Ok(listener) => {
                return Ok(Bound {
                    udp,
                    tcp: Some(listener),
                    address,
                });
            }
            Err(_) if addr.port() == 0 && tries < ANY_PORT_TRIES => tries += 1,
            Err(source) => return Err(StartError::BindTcp { what, addr, source }),
        }
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = of_families(address, Type::STREAM)?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn of_families(address: SocketAddr, kind: Type) -> io::Result<Socket> {
    match both(address) {
        None => open(address, kind),
        Some((six, four)) => match open(six, kind) {
            Err(error) if is_without_ipv6(&error) => open(four, kind),
            opened => opened,
        },
    }
}

/// The two names of the whole machine, where an address is one of them.
fn both(address: SocketAddr) -> Option<(SocketAddr, SocketAddr)> {
    let port = address.port();
    address.ip().is_unspecified().then(|| {
        let six = (Ipv6Addr::UNSPECIFIED, port).into();
        let four = (Ipv4Addr::UNSPECIFIED, port).into();
        (six, four)
    })
}

fn open(address: SocketAddr, kind: Type) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), kind, None)?;
    socket.set_nonblocking(true)?;
    if kind == Type::STREAM {
        // A restart does not wait for the connections of the process before.
        socket.set_reuse_address(true)?;
    }
    if address.is_ipv6() {
        // The kernel's default is the operator's to change; ours is said here.
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    socket.bind(&address.into())?;
    Ok(socket)
}

/// A kernel without it, or interfaces that have no such address. What is wrong with the port alone would
/// be wrong for IPv4 too.
fn is_without_ipv6(error: &io::Error) -> bool {
    !matches!(
        error.kind(),
        io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied
    )
}

/// Where a packet came from, without the form that an IPv4 address has on a socket of both families.
pub(crate) fn plain(from: SocketAddr) -> SocketAddr {
    match from.ip() {
        IpAddr::V6(ip) if ip.to_ipv4_mapped().is_some() => {
            SocketAddr::new(from.ip().to_canonical(), from.port())
        }
        _ => from,
    }
}

/// The form that an address has on a socket that is bound to `bound`.
pub(crate) fn as_on(bound: SocketAddr, to: SocketAddr) -> SocketAddr {
    match to {
        SocketAddr::V4(to) if bound.is_ipv6() => {
            SocketAddr::new(to.ip().to_ipv6_mapped().into(), to.port())
        }
        _ => to,
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    /// What arrives on a bound port from a socket of another family or the same, and the way back.
    fn exchange(bound: &str, peer: &str, to: &str) {
        let Bound {
            udp: port, address, ..
        } = bind("test's", bound.parse().unwrap(), false).unwrap();
        port.set_nonblocking(false).unwrap();
        let peer = UdpSocket::bind(peer).unwrap();
        let to: IpAddr = to.parse().unwrap();
        peer.send_to(b"there", (to, address.port())).unwrap();
        let mut buffer = [0; 8];
        let (size, from) = port.recv_from(&mut buffer).unwrap();
        assert_eq!(&buffer[..size], b"there");
        assert_eq!(plain(from), peer.local_addr().unwrap());
        port.send_to(b"back", as_on(address, plain(from))).unwrap();
        let (size, from) = peer.recv_from(&mut buffer).unwrap();
        assert_eq!((&buffer[..size], from.ip()), (b"back".as_slice(), to));
    }

    #[test]
    fn the_whole_machine_is_both_families() {
        for bound in ["0.0.0.0:0", "[::]:0"] {
            exchange(bound, "127.0.0.1:0", "127.0.0.1");
            exchange(bound, "[::1]:0", "::1");
        }
    }

    #[test]
    fn one_address_is_that_address() {
        exchange("127.0.0.1:0", "127.0.0.1:0", "127.0.0.1");
        exchange("[::1]:0", "[::1]:0", "::1");
        let bound = bind("test's", "127.0.0.1:0".parse().unwrap(), true).unwrap();
        assert!(bound.address.is_ipv4());
    }

    #[test]
    fn tcp_has_the_same_number_and_the_same_families() {
        let bound = bind("test's", "0.0.0.0:0".parse().unwrap(), true).unwrap();
        let listener = bound.tcp.unwrap();
        listener.set_nonblocking(false).unwrap();
        for ip in ["127.0.0.1", "::1"] {
            let ip: IpAddr = ip.parse().unwrap();
            let peer = TcpStream::connect((ip, bound.address.port())).unwrap();
            let (_, from) = listener.accept().unwrap();
            assert_eq!(plain(from), peer.local_addr().unwrap());
        }
    }

    #[test]
    fn a_port_that_somebody_has_is_told_as_such() {
        let held = bind("test's", "0.0.0.0:0".parse().unwrap(), true).unwrap();
        let again = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), held.address.port());
        let said = |tcp| bind("test's", again, tcp).err().map(|it| it.to_string());
        assert!(said(true).is_some_and(|it| it.contains("cannot bind the test's media port")));
        drop(held.udp);
        assert!(said(true).is_some_and(|it| it.contains("rtc.tcp = false")));
        assert_eq!(said(false), None);
    }
}
