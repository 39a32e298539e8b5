//! What a track is made of.

/// One publisher's tracks belong together under one number, never used twice in a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicationId(pub u64);

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
}
