//! What a text in Markdown shows that was uploaded here, as the store found it when that was written.
//!
//! It stands beside the text, so that a reader is told sizes and lengths without a question to the store, and
//! the store is told which blobs the record refers to.

use std::sync::Arc;

use markdown::Found;
use protocol::{BlobId, Doc};
use serde::{Deserialize, Serialize};

/// A picture or a voice note that stands in a text. It is stored in this form, which outlives the wire's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Medium {
    Image { blob: BlobId, w: u32, h: u32 },
    Voice { blob: BlobId, duration_ms: u32 },
}

/// Those of one text, each once.
pub type Media = Arc<[Medium]>;

impl Medium {
    /// What it needs of the store.
    pub const fn blob(&self) -> &BlobId {
        match self {
            Self::Image { blob, .. } | Self::Voice { blob, .. } => blob,
        }
    }

    const fn found(&self) -> Found {
        match self {
            Self::Image { w, h, .. } => Found::Image(*w, *h),
            Self::Voice { duration_ms, .. } => Found::Voice(*duration_ms),
        }
    }
}

/// A text in Markdown as it is shown, with what it shows.
pub(crate) fn doc(text: &str, media: &[Medium]) -> Doc {
    let mut doc = markdown::parse(text);
    if !media.is_empty() {
        markdown::measure(&mut doc, |blob| {
            media.iter().find(|it| it.blob() == blob).map(Medium::found)
        });
    }
    doc
}

/// The blobs that a text in Markdown shows.
pub(crate) fn blobs_shown(text: &str) -> Vec<BlobId> {
    if markdown::may_show_blobs(text) {
        markdown::blobs(&markdown::parse(text))
    } else {
        Vec::new()
    }
}
