//! How many WebSocket connections one client address may hold.
//!
//! Throttles bound how often somebody comes; this bounds how much one address can keep. A place is
//! taken before the 101 and travels with the socket, so that it is free again the moment the socket
//! is gone, however it ended. An IPv6 client has a /64 to itself and counts as one address.
//!
//! Loopback, private and link-local addresses are not counted. They are this machine's own programs
//! (load tests), the operator's own network, or a reverse proxy whose clients cannot be told apart:
//! a proxy on this machine is believed about them (see [`super::front::Peer`]), one elsewhere in the
//! private network is not, and a limit upon it would be a limit upon everybody.

use std::{
    collections::HashMap,
    fmt,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use auth::throttle::prefix;
use protocol::{Code, Refusal};

/// When an address that is full may try again: by then somebody may have left.
const AGAIN_AFTER_MS: u64 = 10_000;

/// The places of every address.
pub(crate) struct Places {
    /// Of one address; 0: no limit.
    max: AtomicU32,
    /// Whether our own networks are counted too.
    counts_own: bool,
    /// Only addresses that hold one.
    taken: Mutex<HashMap<[u8; 8], u32>>,
}

/// A place of one connection; dropping it lets it go.
pub struct Place {
    places: Arc<Places>,
    address: [u8; 8],
}

impl Places {
    pub(crate) fn new(max: u32) -> Arc<Self> {
        Arc::new(Self {
            max: max.into(),
            counts_own: false,
            taken: Mutex::default(),
        })
    }

    /// Counts loopback too, where every test lives.
    #[cfg(test)]
    pub(crate) fn of_everybody(max: u32) -> Arc<Self> {
        Arc::new(Self {
            max: max.into(),
            counts_own: true,
            taken: Mutex::default(),
        })
    }

    /// From now on an address may hold so many. Nobody's connection ends by it.
    pub(crate) fn limit(&self, max: u32) {
        self.max.store(max, Ordering::Relaxed);
    }

    /// A place for a connection of this address; `None` where such addresses are not counted.
    pub(crate) fn take(self: &Arc<Self>, address: IpAddr) -> Result<Option<Place>, Refusal> {
        let max = self.max.load(Ordering::Relaxed);
        if max == 0 || (is_own(address) && !self.counts_own) {
            return Ok(None);
        }
        let address = prefix(address);
        let mut taken = self.lock();
        let held = taken.entry(address).or_insert(0);
        if *held >= max {
            let words = "this address has as many connections as one may have: close some, or come back later";
            return Err(Refusal::new(Code::TooManyConnections, words).after_ms(AGAIN_AFTER_MS));
        }
        *held += 1;
        Ok(Some(Place {
            places: self.clone(),
            address,
        }))
    }

    /// Nothing panics while it is held, so a poisoned lock is as good as another.
    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 8], u32>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        if let Some(held) = taken.get_mut(&self.address) {
            *held -= 1;
            if *held == 0 {
                taken.remove(&self.address);
            }
        }
    }
}

/// Says nothing of the address: that belongs in no log by accident.
impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Place")
    }
}

fn is_own(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(it) => it.is_loopback() || it.is_private() || it.is_link_local(),
        IpAddr::V6(it) => it.is_loopback() || it.is_unique_local() || it.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(places: &Arc<Places>, address: &str) -> Result<Option<Place>, Code> {
        let address = address.parse().expect("an address");
        places.take(address).map_err(|it| it.code)
    }

    fn is_full(places: &Arc<Places>, address: &str) -> bool {
        matches!(take(places, address), Err(Code::TooManyConnections))
    }

    #[test]
    fn an_address_has_so_many_places_and_gets_them_back() {
        let places = Places::new(2);
        let first = take(&places, "203.0.113.7").expect("free");
        let second = take(&places, "203.0.113.7").expect("free");
        assert!(first.is_some() && second.is_some());
        assert!(is_full(&places, "203.0.113.7"));
        assert!(!is_full(&places, "203.0.113.8"), "another has its own");
        drop(first);
        let again = take(&places, "203.0.113.7").expect("one went");
        assert!(is_full(&places, "203.0.113.7"));
        drop((second, again));
        assert!(places.lock().is_empty(), "nothing is kept of who left");
    }

    #[test]
    fn a_lower_limit_ends_nobody_and_a_higher_one_counts_at_once() {
        let places = Places::new(2);
        let held = [0, 1].map(|_| take(&places, "203.0.113.7").expect("free"));
        places.limit(1);
        assert!(is_full(&places, "203.0.113.7"));
        places.limit(3);
        let third = take(&places, "203.0.113.7").expect("free");
        assert!(is_full(&places, "203.0.113.7"));
        drop((held, third));
        assert!(places.lock().is_empty());
    }

    #[test]
    fn an_ipv6_network_counts_as_one_address_and_an_embedded_ipv4_as_itself() {
        let places = Places::new(1);
        let held = take(&places, "2001:db8:1:2::1").expect("free");
        assert!(is_full(&places, "2001:db8:1:2:ffff::9"));
        assert!(!is_full(&places, "2001:db8:1:3::1"));
        let four = take(&places, "::ffff:198.51.100.1").expect("free");
        assert!(is_full(&places, "198.51.100.1"));
        drop((held, four));
    }

    #[test]
    fn our_own_networks_are_not_counted_and_zero_is_no_limit() {
        let places = Places::new(1);
        for own in [
            "127.0.0.1",
            "127.9.9.9",
            "::1",
            "::ffff:127.0.0.1",
            "10.1.2.3",
            "172.17.0.1",
            "192.168.1.4",
            "169.254.1.1",
            "fd00::1",
            "fe80::1",
        ] {
            assert!(take(&places, own).expect("never full").is_none(), "{own}");
        }
        let unlimited = Places::new(0);
        assert!(take(&unlimited, "203.0.113.7").expect("no limit").is_none());
        // A provider's shared addresses (100.64.0.0/10) reach us only as clients.
        let shared = take(&places, "100.64.0.1").expect("free");
        assert!(shared.is_some() && is_full(&places, "100.64.0.1"));
    }
}
