//! Messages with a card: what may be said, by whom, and which blob belongs to it.
//!
//! The room keeps what the store found out about an upload, never what the client says of it. A blob is
//! said by who uploaded it, to the room it was uploaded to.

use std::sync::Arc;

use protocol::{BlobId, BlobKind, Code, MemberId, Refusal, Seq, limits};

use super::{Room, chat, shown};
use crate::{
    command::Origin,
    member::Who,
    now::Now,
    record::{Card, Held, RecordBody, card_words},
    rights::Verb,
    text,
};

/// An upload as the store knows it, looked up for a command that is about to be handled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    pub blob: BlobId,
    pub by: MemberId,
    pub kind: BlobKind,
    pub bytes: u32,
    /// Of a picture.
    pub size: Option<(u32, u32)>,
    /// Of a voice note.
    pub duration_ms: Option<u32>,
    /// When it came here from `by`, Unix milliseconds; absent where it never did, or long ago.
    pub made_ms: Option<u64>,
    /// A message that is in sight here shows it.
    pub shown: bool,
}

impl Upload {
    /// Whether it is theirs to say at that moment.
    pub(super) fn is_fresh(&self, now_ms: u64) -> bool {
        let within_ms = limits::BLOB_SAID_WITHIN.as_millis() as u64;
        self.made_ms
            .is_some_and(|it| it.saturating_add(within_ms) > now_ms)
    }
}

/// A message with its card.
pub(super) struct Shared<'a> {
    pub(super) text: &'a str,
    pub(super) reply_to: Option<Seq>,
    pub(super) card: &'a protocol::Card,
}

impl Room {
    /// Says a text with a card beside it. The rules of talking hold first.
    pub(super) fn share(
        &self,
        now: Now,
        from: &Origin,
        shared: Shared<'_>,
    ) -> Result<RecordBody, Refusal> {
        let said = chat::Said {
            text: shared.text,
            reply_to: shared.reply_to,
            question: false,
            to: &[],
            beside: card_words(shared.card),
        };
        let mut body = self.publish(now, from, said)?;
        let card = Some(Arc::new(self.card(now, from, shared.card)?));
        match &mut body {
            RecordBody::Message(message) => message.card = card,
            RecordBody::Held(Held {
                kept: Some(kept), ..
            }) => kept.message.card = card,
            _ => {}
        }
        Ok(body)
    }

    /// May this person upload something to be said here? As they may say something, now.
    pub fn may_talk(&self, now: Now, who: &Who) -> Result<(), Refusal> {
        self.check_works()?;
        self.check_not_banned(now, who)?;
        self.check(who, Verb::Talk)?;
        self.check_may_speak(now, &who.id)?;
        self.check_mode(who, false)
    }

    fn card(&self, now: Now, from: &Origin, card: &protocol::Card) -> Result<Card, Refusal> {
        let upload = |blob, kind| self.upload(now, from, blob, kind);
        Ok(match card {
            protocol::Card::Image { blob, alt, .. } => {
                let (w, h) = upload(blob, BlobKind::Image)?.size.unwrap_or_default();
                let alt = line(alt, limits::CARD_ALT_CHARS_MAX, "what is to be seen")?;
                let blob = blob.clone();
                Card::Image { blob, w, h, alt }
            }
            protocol::Card::Voice { blob, peaks, .. } => {
                let found = upload(blob, BlobKind::Voice)?;
                if peaks.len() > limits::VOICE_PEAKS_MAX || peaks.iter().any(|it| *it > 100) {
                    let most = limits::VOICE_PEAKS_MAX;
                    return Err(unfit(format!(
                        "peaks are up to {most} numbers from 0 to 100"
                    )));
                }
                Card::Voice {
                    blob: blob.clone(),
                    duration_ms: found.duration_ms.unwrap_or_default(),
                    peaks: peaks.clone(),
                }
            }
            protocol::Card::File { blob, name, .. } => {
                let name = needed(name, limits::CARD_TITLE_CHARS_MAX, "a file's name")?;
                let bytes = upload(blob, BlobKind::File)?.bytes;
                let blob = blob.clone();
                Card::File { blob, name, bytes }
            }
            protocol::Card::Link { url, title } => Card::Link {
                url: address(url)?,
                title: optional(title, limits::CARD_TITLE_CHARS_MAX, "a title")?,
            },
            protocol::Card::Product {
                title,
                price,
                url,
                image,
            } => {
                self.hold_runs(from)?;
                if let Some(image) = image {
                    upload(image, BlobKind::Image)?;
                }
                Card::Product {
                    title: needed(title, limits::CARD_TITLE_CHARS_MAX, "a title")?,
                    price: optional(price, limits::CARD_PRICE_CHARS_MAX, "a price")?,
                    url: address(url)?,
                    image: image.clone(),
                }
            }
            protocol::Card::Event {
                title,
                starts_ms,
                place,
                url,
            } => {
                self.hold_runs(from)?;
                // Beyond that a calendar of JavaScript has no day.
                const LAST_MS: u64 = 8_640_000_000_000_000;
                if *starts_ms > LAST_MS {
                    return Err(unfit("that moment is in no calendar"));
                }
                Card::Event {
                    title: needed(title, limits::CARD_TITLE_CHARS_MAX, "a title")?,
                    starts_ms: *starts_ms,
                    place: optional(place, limits::CARD_TITLE_CHARS_MAX, "a place")?,
                    url: url.as_deref().map(address).transpose()?,
                }
            }
            protocol::Card::Unknown => {
                return Err(unfit("this kind of card is not known here"));
            }
        })
    }

    fn hold_runs(&self, from: &Origin) -> Result<(), Refusal> {
        if self.standing(&from.who).runs_the_room() {
            return Ok(());
        }
        let words = "only the host and moderators may share a product or an event";
        Err(Refusal::new(Code::NotPermitted, words))
    }

    fn upload(
        &self,
        now: Now,
        from: &Origin,
        blob: &BlobId,
        kind: BlobKind,
    ) -> Result<&Upload, Refusal> {
        self.aside
            .upload(&from.who.id, blob)
            .filter(|it| it.kind == kind && it.is_fresh(now.unix_ms))
            .ok_or_else(shown::gone)
    }

    /// An upload of this room, looked up for a command that is about to be handled.
    pub fn remember_upload(&mut self, upload: Upload) {
        self.aside.remember_upload(upload);
    }
}

fn unfit(words: impl Into<String>) -> Refusal {
    Refusal::new(Code::CardUnfit, words)
}

/// One line, which may be empty.
fn line(said: &str, chars_max: usize, what: &str) -> Result<String, Refusal> {
    text::one_line(said, chars_max, what)
}

fn needed(said: &str, chars_max: usize, what: &str) -> Result<String, Refusal> {
    let text = line(said, chars_max, what)?;
    if text.is_empty() {
        return Err(unfit(format!("the card needs {what}")));
    }
    Ok(text)
}

fn optional(
    said: &Option<String>,
    chars_max: usize,
    what: &str,
) -> Result<Option<String>, Refusal> {
    let text = said.as_deref().map(|it| line(it, chars_max, what));
    Ok(text.transpose()?.filter(|it| !it.is_empty()))
}

/// An address that a browser may be led to: of the web, with a host, without a name or password in it.
fn address(said: &str) -> Result<String, Refusal> {
    let said = said.trim();
    let lower = said.get(..8).unwrap_or(said).to_ascii_lowercase();
    let rest = ["https://", "http://"]
        .iter()
        .find(|it| lower.starts_with(**it))
        .and_then(|it| said.get(it.len()..));
    let host = rest.and_then(|it| it.split(['/', '?', '#']).next());
    let plain = |it: char| !it.is_control() && !it.is_whitespace() && !"\"<>\\^`{|}".contains(it);
    let is_fine = host
        .is_some_and(|it| !it.is_empty() && !it.starts_with(':') && !it.contains('@'))
        && said.len() <= limits::CARD_URL_BYTES_MAX
        && said.chars().all(plain)
        && !text::turns_direction(said);
    if is_fine {
        Ok(said.into())
    } else {
        let most = limits::CARD_URL_BYTES_MAX;
        Err(unfit(format!(
            "an address begins with https:// or http:// and has up to {most} bytes"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// K4
    #[test]
    fn an_address_leads_to_the_web_and_nowhere_else() {
        for fine in [
            "https://example.org",
            "http://example.org:8080/a?b=c#d",
            "HTTPS://例子.中国/路",
            "https://[2001:db8::1]/",
        ] {
            assert_eq!(address(fine).as_deref(), Ok(fine));
        }
        let long = format!(
            "https://example.org/{}",
            "a".repeat(limits::CARD_URL_BYTES_MAX)
        );
        for bad in [
            "",
            "example.org",
            "javascript:alert(1)",
            "data:text/html,x",
            "ftp://example.org",
            "https://",
            "https:///path",
            "https://:80/",
            "https://user:word@example.org",
            "https://a b.org",
            "https://a.org/\u{202e}gpj.exe",
            "https://a.org/\"onclick=",
            "字字字",
            &long,
        ] {
            let code = address(bad).map_err(|it| it.code);
            assert_eq!(code, Err(Code::CardUnfit), "{bad:?}");
        }
    }
}
