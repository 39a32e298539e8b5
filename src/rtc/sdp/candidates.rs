//! Our candidates as lines of SDP: where a media port is reached, best first.

use std::{fmt::Write as _, net::SocketAddr};

/// RFC 8445 §5.1.2.1: the type preference of host candidates.
const UDP_PREFERENCE: u32 = 126;
/// RFC 6544 §4.2 asks for less than UDP has; this is what browsers take.
const TCP_PREFERENCE: u32 = 90;
/// RFC 6544 §4.2: the upper bits of a TCP candidate's local preference are its direction's; 4 is passive.
const PASSIVE: u32 = 4 << 13;
/// The component of everything, because RTCP goes with RTP.
const COMPONENT: u32 = 1;

/// Whether a port takes TCP under its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tcp {
    Passive,
    /// Told as TCP alone: whether that gets through is the question.
    Only,
    Off,
}

/// The lines for a port that is reached at these addresses, each with its CRLF, and the line that says
/// that there are no more. The first is UDP at the first address, which is all that some clients read.
pub(crate) fn candidates(reachable: &[SocketAddr], tcp: Tcp) -> String {
    let mut lines = String::new();
    let mut foundation = 0;
    let mut line = |protocol: &str, priority: u32, address: &SocketAddr, end: &str| {
        foundation += 1;
        let (ip, port) = (address.ip(), address.port());
        write!(
            lines,
            "a=candidate:{foundation} {COMPONENT} {protocol} {priority} {ip} {port} typ host{end}\r\n"
        )
        .expect("a String takes everything");
    };
    let udp = match tcp {
        Tcp::Only => &[],
        Tcp::Passive | Tcp::Off => reachable,
    };
    for (index, address) in (0..).zip(udp) {
        line("udp", priority(UDP_PREFERENCE, 65_535 - index), address, "");
    }
    let passive = match tcp {
        Tcp::Passive | Tcp::Only => reachable,
        Tcp::Off => &[],
    };
    for (index, address) in (0..).zip(passive) {
        let priority = priority(TCP_PREFERENCE, PASSIVE + 8_191 - index);
        line("tcp", priority, address, " tcptype passive");
    }
    lines.push_str("a=end-of-candidates\r\n");
    lines
}

/// RFC 8445 §5.1.2.1.
const fn priority(kind: u32, local: u32) -> u32 {
    (kind << 24) | (local << 8) | (256 - COMPONENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_address_is_the_best_and_udp_before_tcp() {
        let reachable = [
            "203.0.113.7:3478".parse().unwrap(),
            "[2001:db8::7]:3478".parse().unwrap(),
        ];
        assert_eq!(
            candidates(&reachable, Tcp::Off),
            "a=candidate:1 1 udp 2130706431 203.0.113.7 3478 typ host\r\n\
             a=candidate:2 1 udp 2130706175 2001:db8::7 3478 typ host\r\n\
             a=end-of-candidates\r\n"
        );
        let lines = candidates(&reachable, Tcp::Passive);
        let lines: Vec<&str> = lines.lines().collect();
        assert_eq!(lines.len(), 5);
        assert_eq!(
            lines[2..],
            [
                "a=candidate:3 1 tcp 1520435199 203.0.113.7 3478 typ host tcptype passive",
                "a=candidate:4 1 tcp 1520434943 2001:db8::7 3478 typ host tcptype passive",
                "a=end-of-candidates",
            ]
        );
        assert_eq!(
            candidates(&reachable[..1], Tcp::Only),
            "a=candidate:1 1 tcp 1520435199 203.0.113.7 3478 typ host tcptype passive\r\n\
             a=end-of-candidates\r\n"
        );
    }
}
