//! A card as a record keeps it: the thing beside a message's text.
//!
//! It is stored in this form, which outlives the wire's; what the wire calls unknown is never kept.

use protocol::BlobId;
use serde::{Deserialize, Serialize};

/// The thing beside a message's text. Sizes and lengths are what the server found, not what was said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Card {
    Image {
        blob: BlobId,
        w: u32,
        h: u32,
        #[serde(default)]
        alt: String,
    },
    Voice {
        blob: BlobId,
        duration_ms: u32,
        #[serde(default)]
        peaks: Vec<u8>,
    },
    File {
        blob: BlobId,
        name: String,
        bytes: u32,
    },
    Link {
        url: String,
        title: Option<String>,
    },
    Product {
        title: String,
        price: Option<String>,
        url: String,
        image: Option<BlobId>,
    },
    Event {
        title: String,
        starts_ms: u64,
        place: Option<String>,
        url: Option<String>,
    },
}

impl Card {
    /// What it needs of the store.
    pub const fn blob(&self) -> Option<&BlobId> {
        match self {
            Self::Image { blob, .. } | Self::Voice { blob, .. } | Self::File { blob, .. } => {
                Some(blob)
            }
            Self::Product { image, .. } => image.as_ref(),
            Self::Link { .. } | Self::Event { .. } => None,
        }
    }

    /// The card in the words of the wire.
    pub fn frame(&self) -> protocol::Card {
        match self {
            Self::Image { blob, w, h, alt } => protocol::Card::Image {
                blob: blob.clone(),
                w: *w,
                h: *h,
                alt: alt.clone(),
            },
            Self::Voice {
                blob,
                duration_ms,
                peaks,
            } => protocol::Card::Voice {
                blob: blob.clone(),
                duration_ms: *duration_ms,
                peaks: peaks.clone(),
            },
            Self::File { blob, name, bytes } => protocol::Card::File {
                blob: blob.clone(),
                name: name.clone(),
                bytes: *bytes,
            },
            Self::Link { url, title } => protocol::Card::Link {
                url: url.clone(),
                title: title.clone(),
            },
            Self::Product {
                title,
                price,
                url,
                image,
            } => protocol::Card::Product {
                title: title.clone(),
                price: price.clone(),
                url: url.clone(),
                image: image.clone(),
            },
            Self::Event {
                title,
                starts_ms,
                place,
                url,
            } => protocol::Card::Event {
                title: title.clone(),
                starts_ms: *starts_ms,
                place: place.clone(),
                url: url.clone(),
            },
        }
    }
}
