//! Guests: a stable identity per device, without an account. The device keeps a secret of its own
//! making; the id is an HMAC of it under the server's secret, so the same device is the same guest
//! again, and nobody can tell the secret from the id.

use aws_lc_rs::hmac;
use protocol::MemberId;

use crate::secrets::{ServerSecret, encode};

const DEVICE_CHARS_MIN: usize = 32;
const DEVICE_CHARS_MAX: usize = 256;

/// Recognises devices.
pub struct Guests(hmac::Key);

/// A device that was recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    pub id: MemberId,
    /// What the store knows the device by; not the device's secret, and not the id.
    pub hash: [u8; 32],
    /// A name for somebody who gave none.
    pub name: String,
}

impl Guests {
    pub fn new(secret: &ServerSecret) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, &secret.key_for("guest")))
    }

    /// `None` where the secret is too short to be one (or absurdly long).
    pub fn recognise(&self, device: &str) -> Option<Device> {
        if !(DEVICE_CHARS_MIN..=DEVICE_CHARS_MAX).contains(&device.len()) {
            return None;
        }
        let tag = |purpose: &str| {
            let mut context = hmac::Context::with_key(&self.0);
            context.update(purpose.as_bytes());
            context.update(device.as_bytes());
            context.sign()
        };
        let id = tag("id:");
        let mut hash = [0; 32];
        hash.copy_from_slice(tag("device:").as_ref());
        let number = u16::from_be_bytes([id.as_ref()[16], id.as_ref()[17]]);
        Some(Device {
            id: MemberId::new(format!("g_{}", encode(&id.as_ref()[..16]))),
            hash,
            name: format!("Guest {number:04X}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_the_same_guest_again_and_nobody_else() {
        let guests = Guests::new(&ServerSecret::new(&[1; 32]).expect("32 bytes"));
        let other_server = Guests::new(&ServerSecret::new(&[2; 32]).expect("32 bytes"));
        let device = "a".repeat(32);
        let seen = guests.recognise(&device).expect("long enough");
        assert_eq!(guests.recognise(&device), Some(seen.clone()));
        assert_ne!(
            guests.recognise(&"b".repeat(32)).expect("long enough").id,
            seen.id
        );
        assert_ne!(
            other_server.recognise(&device).expect("long enough").id,
            seen.id
        );
        assert!(seen.id.as_str().starts_with("g_") && seen.id.as_str().len() == 24);
        assert!(crate::names::fit(&seen.name).is_ok());
        assert_eq!(guests.recognise(&"a".repeat(31)), None);
        assert_eq!(guests.recognise(&"a".repeat(257)), None);
    }
}
