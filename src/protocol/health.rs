//! How a publisher's media arrives, as its host hears it.

use serde::{Deserialize, Serialize};

/// How a publisher's media arrives at the server, over the last two seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
pub struct PublisherHealth {
    pub level: HealthLevel,
    /// The worst first; empty when there is nothing to say.
    pub says: Vec<HealthSaid>,
    pub video_kbps: u32,
    pub audio_kbps: u32,
    pub fps: u32,
    /// Packets that did not come in time, of a thousand; most are sent again.
    pub loss_permille: u32,
    /// The longest time without a keyframe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub keyframe_ms: Option<u32>,
    /// With `loss_high`: what the encoder's video should be set to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub advised_kbps: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
pub enum HealthLevel {
    Good,
    Fair,
    Poor,
}

/// What a host can mend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
pub enum HealthSaid {
    NoPicture,
    NoSound,
    /// Pictures are shown in another order than they come in.
    BFrames,
    LossHigh,
    /// Keyframes are far apart and none comes on request: newcomers wait.
    KeyframesRare,
    /// Sound comes with nothing in it.
    Silent,
}
