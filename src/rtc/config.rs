//! Where the media ports are and how they are called from outside.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    time::Duration,
};

use protocol::limits;

use crate::sdp::Tcp;

#[derive(Clone, Debug)]
pub struct Config {
    /// The port of all publishers. An unspecified address is all of this machine's, of both families
    /// where it has IPv6; so in [`Self::view`].
    pub publish: SocketAddr,
    /// One port per egress worker. Each worker is one thread and carries at most
    /// [`Self::viewers_per_worker_max`] viewers.
    pub view: Vec<SocketAddr>,
    /// The addresses that peers are told. Empty: the bind address, or, where that is unspecified,
    /// the address that this machine uses towards the internet (see [`Self::advertised`]).
    pub public_ips: Vec<IpAddr>,
    /// Whether media may come and go by TCP too, on ports of the same numbers, where UDP does not get
    /// through.
    pub tcp: bool,
    pub viewers_per_worker_max: usize,
    /// With so many viewers of a room without a picture at one worker its sound leaves in pairs.
    pub sound_paired_from: usize,
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
            tcp: true,
            viewers_per_worker_max: limits::VIDEO_VIEWERS_PER_SHARD_MAX,
            sound_paired_from: limits::SOUND_PAIRED_FROM,
            viewer_silent_max: Duration::from_secs(30),
        }
    }

    /// Whether candidates name TCP.
    pub(crate) const fn candidates(&self) -> Tcp {
        match self.tcp {
            true => Tcp::Passive,
            false => Tcp::Off,
        }
    }

    /// The addresses to write into candidates for a socket bound to `bound`, IPv4 first, never
    /// empty and never unspecified. What is bound to `[::]` is reached by both families.
    ///
    /// RFC 8421 §4 would have IPv6 first, or in turn. Encoders that read one candidate and no more
    /// (FFmpeg) decide it: more of them have IPv4 than IPv6, and browsers try all at once.
    pub fn advertised(&self, bound: SocketAddr) -> Vec<IpAddr> {
        let any = bound.ip().is_unspecified();
        let fits = |ip: &IpAddr| ip.is_ipv4() == bound.is_ipv4() || (any && bound.is_ipv6());
        let mut named = self.public_ips.clone();
        named.retain(|ip| !ip.is_unspecified());
        let mut ips: Vec<IpAddr> = named.iter().copied().filter(fits).collect();
        if ips.is_empty() {
            // Behind a translation from one family to the other.
            ips = named;
        }
        if ips.is_empty() {
            ips = match any {
                true => own_addresses(bound),
                false => vec![bound.ip()],
            };
        }
        ips.sort_by_key(IpAddr::is_ipv6);
        ips.dedup();
        ips
    }
}

/// Where this machine is by the families that `bound`, which is unspecified, takes. A machine without
/// any route has only its loopback addresses to offer.
fn own_addresses(bound: SocketAddr) -> Vec<IpAddr> {
    let (four, six) = (routed_v4(), bound.is_ipv6().then(routed_v6).flatten());
    let routed: Vec<IpAddr> = [four, six].into_iter().flatten().collect();
    match (routed.is_empty(), bound) {
        (false, _) => routed,
        (true, SocketAddr::V4(_)) => vec![Ipv4Addr::LOCALHOST.into()],
        (true, SocketAddr::V6(_)) => vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
    }
}

fn routed_v4() -> Option<IpAddr> {
    routed(
        Ipv4Addr::UNSPECIFIED.into(),
        Ipv4Addr::new(192, 0, 2, 1).into(),
    )
}

/// None for a link-local address, which nobody beyond the link can use.
fn routed_v6() -> Option<IpAddr> {
    let far = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
    routed(Ipv6Addr::UNSPECIFIED.into(), far.into()).filter(
        |ip| matches!(ip, IpAddr::V6(ip) if !ip.is_unicast_link_local() && !ip.is_loopback()),
    )
}

/// The source address of the machine's default route. Connecting a UDP socket asks the routing
/// table and sends nothing; the far address is from the documentation range (RFC 5737, RFC 3849).
fn routed(any: IpAddr, far: IpAddr) -> Option<IpAddr> {
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect((far, 9)).ok()?;
    let own = socket.local_addr().ok()?.ip();
    (!own.is_unspecified()).then_some(own)
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
    fn what_is_bound_to_both_families_tells_both() {
        let bound = "[::]:5000".parse().unwrap();
        let mut config = Config::new(bound, vec![bound]);
        let told = config.advertised(bound);
        assert!(told.iter().any(IpAddr::is_ipv4), "{told:?}");
        assert!(told.is_sorted_by_key(IpAddr::is_ipv6), "{told:?}");
        assert!(told.iter().all(|ip| !ip.is_unspecified()), "{told:?}");
        config.public_ips = vec![
            "2001:db8::7".parse().unwrap(),
            "203.0.113.7".parse().unwrap(),
        ];
        let told: Vec<String> = config
            .advertised(bound)
            .iter()
            .map(IpAddr::to_string)
            .collect();
        assert_eq!(told, ["203.0.113.7", "2001:db8::7"]);
        config.public_ips.remove(1);
        let told = config.advertised("0.0.0.0:5000".parse().unwrap());
        assert_eq!(told, ["2001:db8::7".parse::<IpAddr>().unwrap()], "as named");
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
