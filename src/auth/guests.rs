//! Guests: a stable identity per device, without an account. The device keeps a secret of its own
//! making; the id is an HMAC of it under the server's secret, so the same device is the same guest
//! again, and nobody can tell the secret from the id.

use std::{
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

use aws_lc_rs::hmac;
use protocol::{Code, MemberId, Refusal, limits, rest::GuestWish};

use crate::{
    Identity, Role, names,
    secrets::{ServerSecret, encode},
    throttle::{Rate, Throttle, prefix},
};

const DEVICE_CHARS_MIN: usize = 32;
const DEVICE_CHARS_MAX: usize = 256;

/// How many guests the network of one address may make, in whatever way it asks.
const RATE: Rate = Rate {
    burst: limits::GUESTS_AT_ONCE,
    per_ms: limits::GUEST_EVERY.as_millis() as u64 * limits::GUESTS_AT_ONCE as u64,
};
/// Networks whose rates are remembered.
const KEYS_MAX: usize = 16_384;

/// Recognises devices, and counts how many come from where.
pub struct Guests {
    key: hmac::Key,
    rate: Mutex<Throttle<[u8; 8]>>,
}

/// A device that was recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    pub id: MemberId,
    /// What the store knows the device by; not the device's secret, and not the id.
    pub hash: [u8; 32],
    /// What it wants to be called; `None`: as before, and on a first visit by the made name.
    pub name: Option<String>,
    pub made_name: String,
}

impl Device {
    /// Who it is, as far as can be told without asking the store.
    pub fn identity(&self) -> Identity {
        let name = self.name.as_ref().unwrap_or(&self.made_name);
        guest(self.id.clone(), name.clone())
    }
}

/// A guest by id and name.
pub fn guest(id: MemberId, name: String) -> Identity {
    Identity {
        id,
        name,
        role: Role::Guest,
        expires_ms: 0,
        epoch: None,
        foreign: false,
    }
}

impl Guests {
    pub fn new(secret: &ServerSecret) -> Self {
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, &secret.key_for("guest")),
            rate: Mutex::new(Throttle::new(RATE, KEYS_MAX)),
        }
    }

    /// The guest that a device is. Refused with `rate_limited` where too many come from its network, with
    /// `malformed` where its secret has not 32 to 256 bytes, with `name_unfit` where its name is no name.
    pub fn recognise(
        &self,
        wish: &GuestWish,
        from: IpAddr,
        now_ms: u64,
    ) -> Result<Device, Refusal> {
        // Nothing panics while it is held, so a poisoned lock is as good as another.
        let mut rate = self.rate.lock().unwrap_or_else(PoisonError::into_inner);
        rate.take(&prefix(from), now_ms).map_err(|ms| {
            let say = "too many guests come from your network: wait a little";
            Refusal::new(Code::RateLimited, say).after_ms(ms)
        })?;
        drop(rate);
        if !(DEVICE_CHARS_MIN..=DEVICE_CHARS_MAX).contains(&wish.device.len()) {
            let say = "a device's secret has 32 to 256 characters";
            return Err(Refusal::new(Code::Malformed, say));
        }
        let name = wish.name.as_deref().map(names::fit).transpose();
        let name = name.map_err(|it| Refusal::new(Code::NameUnfit, it.to_string()))?;
        let tag = |purpose: &str| {
            let mut context = hmac::Context::with_key(&self.key);
            context.update(purpose.as_bytes());
            context.update(wish.device.as_bytes());
            context.sign()
        };
        let id = tag("id:");
        let mut hash = [0; 32];
        hash.copy_from_slice(tag("device:").as_ref());
        let number = u16::from_be_bytes([id.as_ref()[16], id.as_ref()[17]]);
        Ok(Device {
            id: MemberId::new(format!("g_{}", encode(&id.as_ref()[..16]))),
            hash,
            name,
            made_name: format!("Guest {number:04X}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const HOME: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

    fn guests(secret: u8) -> Guests {
        Guests::new(&ServerSecret::new(&[secret; 32]).expect("32 bytes"))
    }

    fn device(secret: &str, name: Option<&str>) -> GuestWish {
        GuestWish {
            device: secret.to_owned(),
            name: name.map(str::to_owned),
        }
    }

    fn code(of: Result<Device, Refusal>) -> Code {
        of.expect_err("refused").code
    }

    #[test]
    fn a_device_is_the_same_guest_again_and_nobody_else() {
        let (here, there) = (guests(1), guests(2));
        let (a, b) = (device(&"a".repeat(32), None), device(&"b".repeat(32), None));
        let seen = here.recognise(&a, HOME, 0).expect("long enough");
        assert_eq!(here.recognise(&a, HOME, 0), Ok(seen.clone()));
        let other = here.recognise(&b, HOME, 0).expect("long enough");
        assert_ne!(other.id, seen.id);
        let elsewhere = there.recognise(&a, HOME, 0).expect("long enough");
        assert_ne!(elsewhere.id, seen.id);
        assert!(seen.id.as_str().starts_with("g_") && seen.id.as_str().len() == 24);
        assert!(names::fit(&seen.made_name).is_ok());
        for chars in [31, 257] {
            let unfit = device(&"a".repeat(chars), None);
            assert_eq!(code(here.recognise(&unfit, HOME, 0)), Code::Malformed);
        }
    }

    #[test]
    fn a_guest_is_called_as_it_wants_and_has_a_made_name_else() {
        let guests = guests(1);
        let named = device(&"a".repeat(32), Some(" 小明 "));
        let seen = guests.recognise(&named, HOME, 0).expect("a fit name");
        assert_eq!(seen.identity().name, "小明");
        let unnamed = device(&"a".repeat(32), None);
        let seen = guests.recognise(&unnamed, HOME, 0).expect("no name");
        assert_eq!(seen.identity().name, seen.made_name);
        let unfit = device(&"a".repeat(32), Some("a\u{200b}b"));
        assert_eq!(code(guests.recognise(&unfit, HOME, 0)), Code::NameUnfit);
    }

    #[test]
    fn a_network_makes_a_lecture_hall_of_guests_at_once_and_one_a_second_after() {
        let guests = guests(1);
        let wish = |n: u32| device(&format!("{n:032}"), None);
        for n in 0..limits::GUESTS_AT_ONCE {
            guests
                .recognise(&wish(n), HOME, 0)
                .expect("within the rate");
        }
        let refused = guests
            .recognise(&wish(9_999), HOME, 0)
            .expect_err("too many");
        assert_eq!((refused.code, refused.ms), (Code::RateLimited, Some(1_000)));
        let away = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1));
        guests
            .recognise(&wish(9_999), away, 0)
            .expect("another network");
        guests
            .recognise(&wish(9_999), HOME, 1_000)
            .expect("a second later");
    }
}
