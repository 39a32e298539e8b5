//! A card: a thing that a message carries beside its text. The text says it for whoever cannot show the card.

use serde::{Deserialize, Serialize};

use crate::ids::BlobId;

/// What stands beside a message's text. A kind that this reader does not know is [`Card::Unknown`]: the
/// text is shown then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Card {
    /// A picture. Its size is the server's own finding, whatever was said.
    Image {
        blob: BlobId,
        #[serde(default)]
        w: u32,
        #[serde(default)]
        h: u32,
        /// What is to be seen, for who cannot see it.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        #[cfg_attr(feature = "ts", ts(as = "Option<String>", optional))]
        alt: String,
    },
    /// A voice note. `peaks` is how loud it is along the way, 0 to 100.
    Voice {
        blob: BlobId,
        #[serde(default)]
        duration_ms: u32,
        #[serde(default)]
        peaks: Vec<u8>,
    },
    /// Something to save.
    File {
        blob: BlobId,
        name: String,
        #[serde(default)]
        bytes: u32,
    },
    /// An address. The server never looks there.
    Link {
        url: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        title: Option<String>,
    },
    /// Something to have, by who runs the room.
    Product {
        title: String,
        /// As it is to be read, with its currency.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        price: Option<String>,
        url: String,
        /// A picture that was uploaded.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        image: Option<BlobId>,
    },
    /// Something to come to, by who runs the room.
    Event {
        title: String,
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        starts_ms: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        place: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        url: Option<String>,
    },
    /// A kind of tomorrow.
    #[serde(other)]
    #[cfg_attr(feature = "ts", ts(skip))]
    Unknown,
}

impl Card {
    /// What it needs of the store.
    pub fn blob(&self) -> Option<&BlobId> {
        match self {
            Self::Image { blob, .. } | Self::Voice { blob, .. } | Self::File { blob, .. } => {
                Some(blob)
            }
            Self::Product { image, .. } => image.as_ref(),
            Self::Link { .. } | Self::Event { .. } | Self::Unknown => None,
        }
    }
}

/// What a blob is. It is found out from its bytes, whatever its name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum BlobKind {
    Image,
    Voice,
    /// Anything; it is only ever saved.
    File,
}

impl BlobKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Voice => "voice",
            Self::File => "file",
        }
    }
}
