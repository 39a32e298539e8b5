//! Where the media ports are and how they are called from outside.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    time::Duration,
};

use protocol::limits;

#[derive(Clone, Debug)]
pub struct Config {
    /// The UDP port of all publishers.
    pub publish: SocketAddr,
    /// One UDP port per egress worker. Each worker is one thread and carries at most
    /// [`Self::viewers_per_worker_max`] viewers.
    pub view: Vec<SocketAddr>,
    /// The addresses that peers are told. Empty: the bind address, or, where that is unspecified,
    /// the address that this machine uses towards the internet (see [`Self::advertised`]).
    pub public_ips: Vec<IpAddr>,
    pub viewers_per_worker_max: usize,
    /// A viewer of whom nothing valid was heard for so long is gone. One that is not through its
    /// handshake by then never will be. Browsers check their path every 3 s (RFC 7675 §5.1).
    pub viewer_silent_max: Duration,
}

impl Config {
    pub fn new(publish: SocketAddr, view: Vec<SocketAddr>) -> Self {
        Self {
            publish,
            view,
            public_ips: Vec::new(),
            viewers_per_worker_max: limits::VIDEO_VIEWERS_PER_SHARD_MAX,
            viewer_silent_max: Duration::from_secs(30),
        }
    }

    /// The addresses to write into candidates for a socket bound to `bound`, IPv4 first, never
    /// empty and never unspecified.
    pub fn advertised(&self, bound: SocketAddr) -> Vec<IpAddr> {
        let mut ips = self.public_ips.clone();
        ips.retain(|ip| !ip.is_unspecified() && ip.is_ipv4() == bound.is_ipv4());
        if ips.is_empty() && !self.public_ips.is_empty() {
            ips.clone_from(&self.public_ips);
            ips.retain(|ip| !ip.is_unspecified());
        }
        if ips.is_empty() {
            ips.push(if bound.ip().is_unspecified() {
                own_address(bound)
            } else {
                bound.ip()
            });
        }
        ips.sort_by_key(IpAddr::is_ipv6);
        ips.dedup();
        ips
    }
}

/// The source address of the machine's default route. Connecting a UDP socket asks the routing
/// table and sends nothing; the far address is from the documentation range (RFC 5737, RFC 3849).
/// A machine without a route has only its loopback address to offer.
fn own_address(bound: SocketAddr) -> IpAddr {
    let (any, far, loopback): (IpAddr, IpAddr, IpAddr) = match bound {
        SocketAddr::V4(_) => (
            Ipv4Addr::UNSPECIFIED.into(),
            Ipv4Addr::new(192, 0, 2, 1).into(),
            Ipv4Addr::LOCALHOST.into(),
        ),
        SocketAddr::V6(_) => (
            Ipv6Addr::UNSPECIFIED.into(),
            Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
            Ipv6Addr::LOCALHOST.into(),
        ),
    };
    let routed = UdpSocket::bind((any, 0)).and_then(|socket| {
        socket.connect((far, 9))?;
        socket.local_addr()
    });
    match routed {
        Ok(own) if !own.ip().is_unspecified() => own.ip(),
        _ => loopback,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bind_address_is_told_when_it_is_one() {
        let bound = "127.0.0.1:5000".parse().unwrap();
        let config = Config::new(bound, vec![bound]);
        assert_eq!(
            config.advertised(bound),
            [IpAddr::from(Ipv4Addr::LOCALHOST)]
        );
    }

    #[test]
    fn a_configured_address_wins_and_v4_comes_first() {
        let bound = "0.0.0.0:5000".parse().unwrap();
        let mut config = Config::new(bound, vec![bound]);
        config.public_ips = vec![
            "2001:db8::7".parse().unwrap(),
            "203.0.113.7".parse().unwrap(),
        ];
        assert_eq!(
            config.advertised(bound),
            ["203.0.113.7".parse::<IpAddr>().unwrap()]
        );
    }

    #[test]
    fn an_unspecified_bind_never_tells_an_unspecified_address() {
        let bound = "0.0.0.0:5000".parse().unwrap();
        let told = Config::new(bound, vec![bound]).advertised(bound);
        assert_eq!(told.len(), 1);
        assert!(!told[0].is_unspecified());
    }

    #[test]
    fn consent_ends_within_thirty_seconds() {
        let any = "127.0.0.1:0".parse().unwrap();
        let silent_max = Config::new(any, vec![any]).viewer_silent_max;
        // RFC 7675 §5.1: consent expires after 30 s without an answer.
        assert!(silent_max <= Duration::from_secs(30));
    }

    /// `media` imports nothing of ours, so it says its limits itself.
    #[test]
    fn media_keeps_the_limits_that_the_protocol_names() {
        assert_eq!(media::GOP_MAX, limits::GOP_CACHE_MAX);
        assert_eq!(media::GOP_BYTES_MAX, limits::GOP_CACHE_BYTES_MAX);
        assert_eq!(media::WISH_EVERY, limits::PLI_EVERY);
    }
}
