//! Where a connection comes from, as hashes under the server's secret: its device and its network. An
//! address is never kept, and nobody can tell one from a hash.

use std::net::IpAddr;

use auth::{ServerSecret, secrets::Sealer};
use community::{Trace, Traces};

/// A device's name is taken for a secret from this length on: a shorter one is no device's own.
const DEVICE_CHARS_MIN: usize = 32;

pub struct Tracer {
    devices: Sealer,
    networks: Sealer,
}

impl Tracer {
    pub fn new(secret: &ServerSecret) -> Self {
        Self {
            devices: Sealer::new(secret, "ban device"),
            networks: Sealer::new(secret, "ban network"),
        }
    }

    pub(super) fn traces(&self, device: &str, address: IpAddr) -> Traces {
        // A client keeps what stands before the point, and names each of its pages by the rest.
        let kept = device.split('.').next().unwrap_or_default();
        let is_secret = kept.chars().count() >= DEVICE_CHARS_MIN;
        let network = network_of(address);
        Traces {
            device: is_secret.then(|| Trace::new(self.devices.seal(kept))),
            network: network.map(|it| Trace::new(self.networks.seal(&it))),
            since_ms: None,
        }
    }
}

/// The IPv4 /24 or the IPv6 /56. Private addresses are everybody's behind one proxy: they say nothing.
fn network_of(address: IpAddr) -> Option<String> {
    match address.to_canonical() {
        IpAddr::V4(it) if it.is_loopback() || it.is_private() || it.is_link_local() => None,
        IpAddr::V4(it) => {
            let [a, b, c, _] = it.octets();
            Some(format!("4:{a}.{b}.{c}"))
        }
        IpAddr::V6(it) if it.is_loopback() || it.is_unique_local() => None,
        IpAddr::V6(it) if it.is_unicast_link_local() => None,
        IpAddr::V6(it) => Some(format!("6:{:x?}", &it.octets()[..7])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traces(device: &str, address: &str) -> Traces {
        let secret = ServerSecret::new(&[7; 32]).expect("32 bytes");
        Tracer::new(&secret).traces(device, address.parse().expect("an address"))
    }

    #[test]
    fn o10_a_device_is_known_by_what_it_keeps_and_a_network_by_its_prefix() {
        let device = "0194c7e2-0000-7000-8000-0123456789ab";
        let one = traces(&format!("{device}.tab1"), "203.0.113.7");
        let other = traces(&format!("{device}.tab2"), "203.0.113.200");
        assert_eq!(one, other);
        assert!(one.device.is_some() && one.network.is_some());
        assert_ne!(one.network, traces(device, "203.0.114.7").network);
        let six = |it| traces(device, it).network.expect("public");
        assert_eq!(six("2001:db8:1:100::1"), six("2001:db8:1:1ff::2"));
        assert_ne!(six("2001:db8:1:100::1"), six("2001:db8:1:200::1"));
        assert!(
            !format!("{one:?}").contains("203"),
            "an address is kept nowhere"
        );
    }

    #[test]
    fn what_many_share_is_nobodys_trace() {
        assert_eq!(traces("bot", "203.0.113.7").device, None);
        for address in [
            "127.0.0.1",
            "10.1.2.3",
            "192.168.1.9",
            "::1",
            "fd00::1",
            "fe80::1",
        ] {
            assert_eq!(traces("bot", address).network, None, "{address}");
        }
    }
}
