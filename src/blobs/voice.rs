//! Voice notes made fit to keep: a container that browsers record into, one track of sound in it and
//! nothing else, no longer than it may be, and without notes.
//!
//! The sound itself is not decoded here, and not encoded anew: players do that in a sandbox of their own.
//! Notes (titles, tags, places, attached files) are made void where they stand.

use protocol::limits;

use super::{Unfit, kind::Found, mp4, ogg, webm};

/// A voice note as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voice {
    pub bytes: Vec<u8>,
    pub mime: &'static str,
    pub duration_ms: u32,
}

/// Makes a voice note fit to keep. `found` is what its bytes say it is.
pub fn fit_voice(bytes: Vec<u8>, found: Found) -> Result<Voice, Unfit> {
    let mut bytes = bytes;
    let (read, mime) = match found {
        Found::WebM => (webm::fit(&mut bytes), "audio/webm"),
        Found::Ogg => (ogg::fit(&mut bytes), "audio/ogg"),
        Found::Mp4 => (mp4::fit(&mut bytes), "audio/mp4"),
        _ => return Err(Unfit::Kind),
    };
    let ms = read.ok_or(Unfit::Damaged)?;
    // What a browser stops at exactly is a little longer in its container.
    const SLACK_MS: u64 = 1_000;
    if ms == 0 {
        return Err(Unfit::Damaged);
    }
    if ms > limits::VOICE_MAX.as_millis() as u64 + SLACK_MS {
        return Err(Unfit::Length);
    }
    Ok(Voice {
        bytes,
        mime,
        duration_ms: ms as u32,
    })
}

#[cfg(test)]
mod tests;
