//! What was read of a publisher's tracks, in the words of the wire.

use media::{Level, Reading, Said, judge};
use protocol::server::{HealthLevel, HealthSaid, PublisherHealth};

pub(super) fn health_of(video: Option<&Reading>, audio: Option<&Reading>) -> PublisherHealth {
    let verdict = judge(video, audio);
    let of = |track: Option<&Reading>, read: fn(&Reading) -> u32| track.map_or(0, read);
    let loss = |track| of(track, |it| it.loss_permille);
    PublisherHealth {
        level: match verdict.level {
            Level::Good => HealthLevel::Good,
            Level::Fair => HealthLevel::Fair,
            Level::Poor => HealthLevel::Poor,
        },
        says: verdict.says.into_iter().map(said).collect(),
        video_kbps: of(video, |it| it.kbps),
        audio_kbps: of(audio, |it| it.kbps),
        fps: of(video, |it| it.frames),
        loss_permille: loss(video).max(loss(audio)),
        keyframe_ms: video.and_then(|it| it.keyframe_ms),
        advised_kbps: verdict.advised_kbps,
    }
}

fn said(said: Said) -> HealthSaid {
    match said {
        Said::NoPicture => HealthSaid::NoPicture,
        Said::NoSound => HealthSaid::NoSound,
        Said::BFrames => HealthSaid::BFrames,
        Said::LossHigh => HealthSaid::LossHigh,
        Said::KeyframesRare => HealthSaid::KeyframesRare,
        Said::Silent => HealthSaid::Silent,
    }
}
