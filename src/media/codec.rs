//! What a track is made of.

use crate::red::own_sound;

/// One publisher's tracks belong together under one number, never used twice in a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicationId(pub u64);

/// Layers of one picture; browsers send three.
pub const LAYERS_MAX: usize = 3;

/// Which of the sizes that a publisher sends of one picture, 0 the smallest. Sound, and a picture that
/// is sent in one size, have this one alone. What is not below [`LAYERS_MAX`] does not exist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Layer(pub u8);

impl Layer {
    pub const ONLY: Self = Self(0);
    pub const ALL: [Self; LAYERS_MAX] = [Self(0), Self(1), Self(2)];

    /// Its place among the layers.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Video,
    Audio,
}

impl Kind {
    pub const ALL: [Self; 2] = [Self::Video, Self::Audio];

    /// As SDP calls it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Video => "video",
            Self::Audio => "audio",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CodecName {
    H264,
    Vp8,
    Vp9,
    Av1,
    Opus,
}

impl CodecName {
    pub const ALL: [Self; 5] = [Self::H264, Self::Vp8, Self::Vp9, Self::Av1, Self::Opus];

    /// As `a=rtpmap` calls it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::H264 => "H264",
            Self::Vp8 => "VP8",
            Self::Vp9 => "VP9",
            Self::Av1 => "AV1",
            Self::Opus => "opus",
        }
    }

    /// Encoding names are compared without regard to case (RFC 4855 §3).
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|name| name.as_str().eq_ignore_ascii_case(text))
    }

    /// Whether a picture of this codec may come in layers within one stream (SVC).
    pub const fn is_scalable(self) -> bool {
        matches!(self, Self::Vp9 | Self::Av1)
    }

    pub const fn kind(self) -> Kind {
        match self {
            Self::Opus => Kind::Audio,
            _ => Kind::Video,
        }
    }
}

/// What the publisher and we agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Codec {
    pub name: CodecName,
    /// Ticks of the RTP timestamp in a second.
    pub clock: u32,
    /// 0 for video.
    pub channels: u8,
    /// The format parameters as in `a=fmtp`, without the payload type.
    pub fmtp: String,
    /// Where packets of sound bring along what came before.
    pub redundancy: Option<Redundancy>,
    /// Under which number the publisher's packets have the dependency descriptor, where it was agreed.
    pub descriptor: Option<u8>,
}

impl Codec {
    /// Where a packet's own payload begins, behind its redundancy: 0 where it has none. `None` for redundancy
    /// that is not whole.
    pub fn own_of(&self, payload_type: u8, payload: &[u8]) -> Option<u16> {
        match self.redundancy {
            Some(it) if it.payload_type == payload_type => own_sound(payload, it.of),
            _ => Some(0),
        }
    }
}

/// How a publisher numbers packets of RED (RFC 2198). Those under other payload types are plain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Redundancy {
    pub payload_type: u8,
    /// The payload type of its blocks: that of the codec itself.
    pub of: u8,
}
