//! What is pinned above the talk. One thing at a time, and its words live in one record only: what is
//! superseded, taken down or deleted leaves none behind.

use protocol::{Code, Refusal, Seq};

use super::Room;
use crate::{
    command::Origin,
    effect::RowChange,
    fault::{self, Fault},
    record::{Held, Pin, RecordBody, Words},
    rights::Verb,
    text,
};

impl Room {
    pub(super) fn pin(
        &self,
        from: &Origin,
        of: Option<Seq>,
        own: Option<&str>,
    ) -> Result<RecordBody, Refusal> {
        self.check(&from.who, Verb::Pin)?;
        let words = match (of, own) {
            (Some(_), Some(_)) => {
                let words = "pin a message or words of your own, not both";
                return Err(Refusal::new(Code::Malformed, words));
            }
            (Some(seq), None) => {
                let (author, message) = self.message(seq)?;
                let text = text::beginning(&message.text);
                Some(Words {
                    text,
                    author,
                    card: message.card.clone(),
                })
            }
            (None, Some(own)) => Some(Words {
                text: text::pin(own)?.into(),
                author: self.person(&from.who),
                card: None,
            }),
            (None, None) if self.decided.pin.is_none() => {
                return Err(Refusal::new(Code::NotFound, "nothing is pinned here"));
            }
            (None, None) => None,
        };
        Ok(RecordBody::Pin(Pin { of, words }))
    }

    /// What a new record changes in the record of what is pinned.
    pub(super) fn pin_revised(&self, body: &RecordBody) -> Option<RowChange> {
        let pinned = self.decided.pin.as_ref()?;
        let mut pin = pinned.body();
        let seq = pinned.record;
        match body {
            RecordBody::Edit {
                of,
                text: Some(text),
                ..
            } if pinned.of == Some(*of) => {
                pin.words.as_mut()?.text = text::beginning(text);
                Some(RowChange::Revise {
                    seq,
                    body: RecordBody::Pin(pin),
                })
            }
            RecordBody::Delete { of, .. } | RecordBody::Held(Held { of: Some(of), .. })
                if pinned.of != Some(*of) || fault::is(Fault::PinKeepsDeleted) =>
            {
                None
            }
            RecordBody::Split(split) if pinned.of.is_none_or(|of| split.place_of(of).is_none()) => {
                None
            }
            RecordBody::Delete { .. }
            | RecordBody::Split(_)
            | RecordBody::Held(Held { of: Some(_), .. })
            | RecordBody::Pin(_) => Some(RowChange::Erase {
                seq,
                left: RecordBody::Pin(pin.emptied()),
            }),
            _ => None,
        }
    }
}
