//! Ports, what the kernel gives a media socket, and the address that people use.

use std::{
    io,
    net::{IpAddr, SocketAddr, TcpListener, UdpSocket},
};

use super::super::report::{Check, bytes_text};
use crate::config::{Config, host_of};

/// Every port of the configuration. Those of a running server are in its hands already.
pub(super) fn ports(config: &Config, runs: bool) -> Vec<Check> {
    let mut checks = vec![tcp("server.listen", config.listen, runs)];
    if let Some(address) = config.admin {
        checks.push(tcp("server.admin", address, runs));
    }
    if let Some(address) = config.redirect {
        checks.push(tcp("tls.redirect", address, runs));
    }
    let media = [("rtc.publish_port", config.rtc_publish)]
        .into_iter()
        .chain(config.rtc_view.iter().map(|it| ("rtc.view_ports", *it)));
    for (key, address) in media {
        checks.push(udp(key, address, runs));
        if config.raw.rtc.tcp {
            checks.push(media_tcp(key, address, runs));
        }
    }
    checks
}

/// The same number by TCP. Media does without, if need be.
fn media_tcp(key: &str, address: SocketAddr, runs: bool) -> Check {
    match TcpListener::bind(address) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && !runs => Check::fail(
            format!("TCP {}", address.port()),
            format!("{key} = {address}: {error}"),
            format!(
                "stop the program that has it (`ss -ltp`), give {key} another port, or set rtc.tcp = false: media is UDP alone then"
            ),
        ),
        bound => judge_port(key, "TCP", address, bound.map(drop), runs),
    }
}

fn tcp(key: &str, address: SocketAddr, runs: bool) -> Check {
    judge_port(
        key,
        "TCP",
        address,
        TcpListener::bind(address).map(drop),
        runs,
    )
}

fn udp(key: &str, address: SocketAddr, runs: bool) -> Check {
    judge_port(
        key,
        "UDP",
        address,
        UdpSocket::bind(address).map(drop),
        runs,
    )
}

fn judge_port(
    key: &str,
    protocol: &str,
    address: SocketAddr,
    bound: io::Result<()>,
    runs: bool,
) -> Check {
    let name = format!("{protocol} {}", address.port());
    let error = match bound {
        Ok(()) => return Check::ok(name, format!("free on {} ({key})", address.ip())),
        Err(error) => error,
    };
    let advice = match error.kind() {
        io::ErrorKind::AddrInUse if runs => {
            let found = format!("held by the running server ({key})");
            return Check::ok(name, found);
        }
        io::ErrorKind::AddrInUse => {
            format!("stop the program that has it (`ss -lp`), or give {key} another port")
        }
        io::ErrorKind::PermissionDenied => {
            "give the server CAP_NET_BIND_SERVICE, or let systemd open the port (weiquan.socket)"
                .to_owned()
        }
        io::ErrorKind::AddrNotAvailable => {
            format!("name an address of this machine in {key} (`ip address`), or 0.0.0.0")
        }
        _ => format!("give {key} an address and port that this user may use"),
    };
    Check::fail(name, format!("{key} = {address}: {error}"), advice)
}

/// Buffers and GSO, where media leaves.
pub(super) fn media(config: &Config) -> Vec<Check> {
    let probe = match rtc_edge::probe(config.rtc_publish.ip()) {
        Ok(probe) => probe,
        Err(error) => {
            let advice = "name an address of this machine in rtc.listen, or 0.0.0.0";
            return vec![Check::fail("UDP", error.to_string(), advice)];
        }
    };
    vec![judge_buffers(probe), judge_runs(probe.segments)]
}

fn judge_buffers(probe: rtc_edge::Probe) -> Check {
    let (receive, send) = (probe.receive_bytes, probe.send_bytes);
    let text = |n| bytes_text(n as u64);
    let found = format!(
        "{} in, {} out, of {}",
        text(receive),
        text(send),
        text(probe.wanted_bytes)
    );
    if receive.min(send) >= probe.wanted_bytes {
        return Check::ok("UDP buffers", found);
    }
    let advice = format!(
        "set net.core.rmem_max and net.core.wmem_max to {}: a keyframe to many viewers loses packets else",
        probe.wanted_bytes
    );
    Check::warn("UDP buffers", found, advice)
}

fn judge_runs(segments: usize) -> Check {
    if segments > 1 {
        let found = format!("{segments} packets leave in one system call (GSO)");
        Check::ok("UDP runs", found)
    } else {
        Check::warn(
            "UDP runs",
            "each packet is a system call of its own: this kernel has no UDP_SEGMENT",
            "use Linux 4.18 or newer, outside of gVisor: video costs twice the CPU else",
        )
    }
}

/// Whether what people type can lead here, and media to them.
pub(super) fn public_address(config: &Config) -> Check {
    let bound = config.rtc_view.first().copied().unwrap_or(config.listen);
    let mut media = rtc_edge::Config::new(config.rtc_publish, config.rtc_view.clone());
    media.public_ips.clone_from(&config.raw.rtc.public_ips);
    judge_public(&config.public_url, bound.ip(), &media.advertised(bound))
}

fn judge_public(url: &str, bound: IpAddr, told: &[IpAddr]) -> Check {
    let name = "public address";
    let host = host_of(url);
    let to = told
        .iter()
        .map(IpAddr::to_string)
        .collect::<Vec<_>>()
        .join(", ");
    let is_here =
        |host: &str| host == "localhost" || host.parse::<IpAddr>().is_ok_and(|it| it.is_loopback());
    if is_here(host) {
        let found = format!("{url}: for this machine alone");
        return Check::ok(name, found);
    }
    if bound.is_loopback() {
        return Check::fail(
            name,
            format!("{url}, but media listens on {bound}, where only this machine is"),
            "set rtc.listen = \"0.0.0.0\", and let both UDP ports through: media never passes a proxy",
        );
    }
    let is_private_host = host.parse().is_ok_and(is_private);
    if told.iter().all(|it| is_private(*it)) && !is_private_host {
        return Check::warn(
            name,
            format!("{url}; media is offered at {to}, a private address"),
            "name the address that the world sees in rtc.public_ips, and let both UDP ports through",
        );
    }
    Check::ok(name, format!("{url}; media at {to}"))
}

fn is_private(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_private() || ip.is_loopback() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::super::report::Outcome, *};

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_port_that_somebody_has_is_told() {
        let held = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = held.local_addr().expect("bound");
        let taken = tcp("server.listen", address, false);
        assert_eq!(taken.outcome, Outcome::Fail, "{taken:?}");
        assert!(taken.advice.expect("advice").contains("server.listen"));
        assert_eq!(tcp("server.listen", address, true).outcome, Outcome::Ok);
        let media = media_tcp("rtc.publish_port", address, false);
        assert_eq!(media.outcome, Outcome::Fail, "{media:?}");
        assert!(media.advice.expect("advice").contains("rtc.tcp = false"));
        let runs = media_tcp("rtc.publish_port", address, true);
        assert_eq!(runs.outcome, Outcome::Ok, "{runs:?}");
        drop(held);
        assert_eq!(tcp("server.listen", address, false).outcome, Outcome::Ok);
        let held = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let address = held.local_addr().expect("bound");
        let taken = udp("rtc.publish_port", address, false);
        assert_eq!(taken.outcome, Outcome::Fail, "{taken:?}");
    }

    #[test]
    fn an_address_of_another_machine_and_a_low_port_are_told_apart() {
        let elsewhere = tcp(
            "server.listen",
            "192.0.2.1:8080".parse().expect("one"),
            false,
        );
        assert!(elsewhere.advice.expect("advice").contains("this machine"));
        let denied = Err(io::ErrorKind::PermissionDenied.into());
        let low = judge_port(
            "k",
            "TCP",
            "0.0.0.0:80".parse().expect("one"),
            denied,
            false,
        );
        assert!(low.advice.expect("advice").contains("CAP_NET_BIND_SERVICE"));
    }

    #[test]
    fn small_buffers_and_lone_packets_are_told() {
        let probe = |bytes, segments| rtc_edge::Probe {
            wanted_bytes: 4 << 20,
            receive_bytes: bytes,
            send_bytes: 4 << 20,
            segments,
        };
        assert_eq!(judge_buffers(probe(4 << 20, 64)).outcome, Outcome::Ok);
        let small = judge_buffers(probe(212_992, 64));
        assert!(small.advice.expect("advice").contains("rmem_max"));
        assert_eq!(judge_runs(64).outcome, Outcome::Ok);
        assert_eq!(judge_runs(1).outcome, Outcome::Warn);
    }

    #[test]
    fn who_cannot_be_reached_is_told() {
        for (url, bound, told, outcome) in [
            (
                "http://127.0.0.1:8080",
                "127.0.0.1",
                "127.0.0.1",
                Outcome::Ok,
            ),
            (
                "https://live.example.org",
                "127.0.0.1",
                "127.0.0.1",
                Outcome::Fail,
            ),
            (
                "https://live.example.org",
                "0.0.0.0",
                "10.0.0.7",
                Outcome::Warn,
            ),
            (
                "https://live.example.org",
                "0.0.0.0",
                "203.0.113.7",
                Outcome::Ok,
            ),
            (
                "http://192.168.1.5:8080",
                "0.0.0.0",
                "192.168.1.5",
                Outcome::Ok,
            ),
            ("http://[2001:db8::1]:80", "::", "2001:db8::1", Outcome::Ok),
        ] {
            let check = judge_public(url, ip(bound), &[ip(told)]);
            assert_eq!(check.outcome, outcome, "{check:?}");
        }
        assert_eq!(
            host_of("https://live.example.org:8443/x"),
            "live.example.org"
        );
        assert_eq!(host_of("http://[::1]:80"), "::1");
    }
}
