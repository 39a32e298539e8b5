//! Names of things, each its own type, so that a member is never passed where a room was meant.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A room's row number: short in every frame, the same for all viewers (frames are shared bytes).
pub type RoomNumber = u32;

/// The place of a record in its room's log: 1, 2, 3 … without a hole. 0 means "nothing yet".
pub type Seq = u64;

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "ts", derive(ts_rs::TS))]
        #[cfg_attr(feature = "ts", ts(export, type = "string"))]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String))]
        pub struct $name(Arc<str>);

        impl $name {
            pub fn new(text: impl Into<Arc<str>>) -> Self {
                Self(text.into())
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer).map(|it| Self(it.into()))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }
    };
}

text_id! {
    /// A person in a circle: `m_…` for a member's account, `g_…` for a guest's device,
    /// `x_…` for a person vouched for by another site's token.
    MemberId
}
text_id! {
    /// A room's stable name in addresses: lower-case letters, digits and hyphens.
    Slug
}
text_id! {
    /// Changes only when a room's log itself was lost or restored; a position is `(epoch, seq)`.
    Epoch
}
text_id! {
    /// One live occurrence in a room (场次).
    BroadcastId
}
text_id! {
    /// Bytes that were uploaded, named by what they are: the SHA-256 of what is kept, in hex.
    BlobId
}
text_id! {
    /// A UUIDv7 that the client chose for one wish; unique per room and member, so that saying it
    /// twice does it once.
    ClientId
}
text_id! {
    /// One WebRTC peer (a publisher or a viewer), as signalling names it. Unguessable.
    PeerId
}

/// The row number of a circle.
pub type CircleId = u32;

impl BlobId {
    /// 64 digits of lower-case hex.
    pub fn is_well_formed(&self) -> bool {
        self.0.len() == 64
            && self
                .0
                .bytes()
                .all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'))
    }
}

impl ClientId {
    /// True for the 36-character hyphenated form of a UUID.
    pub fn is_well_formed(&self) -> bool {
        let bytes = self.as_str().as_bytes();
        bytes.len() == 36
            && bytes.iter().enumerate().all(|(i, b)| match i {
                8 | 13 | 18 | 23 => *b == b'-',
                _ => b.is_ascii_hexdigit(),
            })
    }
}

impl Slug {
    /// 1–64 of `a–z 0–9 -`, not starting with a hyphen.
    pub fn is_well_formed(&self) -> bool {
        let text = self.as_str();
        (1..=64).contains(&text.len())
            && !text.starts_with('-')
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    }
}
