//! The messages that a topic was made of: where they were said and who wrote them, never their words.

use protocol::{Code, MemberId, Refusal, RoomNumber, Seq, limits, notices::Named};

use super::{Addressed, Record, RecordBody};

/// Messages of one room that a topic was made of. Their words stay where they were said, so that no copy of
/// them outlives them; whoever reads the topic is shown what they say then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quotes {
    pub(super) room: RoomNumber,
    /// INVARIANT: in the order of their seqs, each once, at least one.
    pub(super) of: Vec<(Seq, Addressed)>,
}

impl Quotes {
    /// The seqs that somebody wants to make a topic of, in order and each once.
    pub fn seqs(wanted: &[Seq]) -> Result<Vec<Seq>, Refusal> {
        let mut seqs = wanted.to_vec();
        seqs.sort_unstable();
        seqs.dedup();
        if seqs.is_empty() {
            let words = "say which messages the topic is made of";
            return Err(Refusal::new(Code::Empty, words));
        }
        let most = limits::TOPIC_QUOTES_MAX;
        if seqs.len() > most {
            let words = format!("a topic is made of up to {most} messages");
            return Err(Refusal::new(Code::TooLong, words));
        }
        Ok(seqs)
    }

    /// What was found at those [`seqs`](Self::seqs) in the log of the room, or why no topic is made of it.
    pub fn of(
        room: RoomNumber,
        found: impl IntoIterator<Item = (Seq, Option<Record>)>,
    ) -> Result<Self, Refusal> {
        let of = found.into_iter().map(|(seq, record)| quote(seq, record));
        Ok(Self {
            room,
            of: of.collect::<Result<_, _>>()?,
        })
    }

    /// The room that they were said in.
    pub const fn room(&self) -> RoomNumber {
        self.room
    }

    /// Each of them with who wrote it, in the words of the wire.
    pub fn frames(&self) -> Vec<(Seq, Named)> {
        self.of.iter().map(|it| (it.0, it.1.frame())).collect()
    }

    /// Whose they are.
    pub(crate) fn credit(&self) -> Vec<&Addressed> {
        Self::each_once(self.of.iter().map(|it| &it.1), |it| &it.id)
    }

    /// Each writer once, as they were called first, in the order in which they spoke.
    pub fn each_once<T>(
        writers: impl IntoIterator<Item = T>,
        id: impl Fn(&T) -> &MemberId,
    ) -> Vec<T> {
        let mut each: Vec<T> = Vec::new();
        for writer in writers {
            if each.iter().all(|it| id(it) != id(&writer)) {
                each.push(writer);
            }
        }
        each
    }
}

fn quote(seq: Seq, record: Option<Record>) -> Result<(Seq, Addressed), Refusal> {
    let said = record.and_then(|it| match it.body {
        RecordBody::Message(said) if !said.deleted => Some((it.author, said)),
        _ => None,
    });
    let Some((author, said)) = said else {
        let words = format!("message {seq} is not there any more: leave it out");
        return Err(Refusal::new(Code::NoSuchMessage, words));
    };
    if said.text.is_empty() && said.card.is_none() {
        let words = format!("message {seq} has nothing to quote: leave it out");
        return Err(Refusal::new(Code::Empty, words));
    }
    let writer = Addressed {
        id: author.id,
        name: author.name,
    };
    Ok((seq, writer))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use protocol::server::Mark;

    use super::*;
    use crate::{
        member::Person,
        record::{Card, Message},
    };

    fn said(seq: Seq, author: &str, name: &str, body: RecordBody) -> (Seq, Option<Record>) {
        let record = Record {
            seq,
            circle: 1,
            at_ms: 1_795_000_000_000,
            pos: None,
            author: Person {
                id: author.into(),
                name: name.into(),
                mark: Mark::Member,
            },
            client_id: None,
            body,
        };
        (seq, Some(record))
    }

    fn text(words: &str) -> RecordBody {
        RecordBody::Message(Message::new(words.into(), None))
    }

    #[test]
    fn seqs_are_put_in_order_each_once_and_no_more_than_a_topic_takes() {
        assert_eq!(Quotes::seqs(&[9, 3, 9, 4]), Ok(vec![3, 4, 9]));
        let code = |of: &[Seq]| Quotes::seqs(of).expect_err("refused").code;
        assert_eq!(code(&[]), Code::Empty);
        let most: Vec<Seq> = (1..=limits::TOPIC_QUOTES_MAX as Seq).collect();
        assert_eq!(Quotes::seqs(&most), Ok(most.clone()));
        let more = [&most[..], &[99]].concat();
        assert_eq!(code(&more), Code::TooLong);
        // Doubles count once.
        assert_eq!(Quotes::seqs(&[&most[..], &most[..]].concat()), Ok(most));
    }

    #[test]
    fn each_writer_is_credited_once_as_they_were_called_first() {
        let found = [
            said(3, "m_b", "小波", text("几点？")),
            said(4, "m_a", "小安", text("八点")),
            said(9, "m_b", "波哥", text("好")),
        ];
        let quotes = Quotes::of(4, found).expect("they can be quoted");
        let names: Vec<_> = quotes.credit().iter().map(|it| it.name.as_ref()).collect();
        assert_eq!(names, ["小波", "小安"]);
        let frames = quotes.frames();
        let seqs: Vec<Seq> = frames.iter().map(|it| it.0).collect();
        assert_eq!((quotes.room(), seqs), (4, vec![3, 4, 9]));
    }

    #[test]
    fn what_cannot_be_quoted_is_named() {
        let mut gone = Message::new("说错了".into(), None);
        gone.erase(9);
        for (found, code) in [
            ((5, None), Code::NoSuchMessage),
            (
                said(5, "m_a", "小安", RecordBody::Message(gone)),
                Code::NoSuchMessage,
            ),
            (
                said(5, "m_a", "小安", RecordBody::Delete { of: 4, undo: None }),
                Code::NoSuchMessage,
            ),
            (said(5, "m_a", "小安", text("")), Code::Empty),
        ] {
            let whole = said(4, "m_b", "小波", text("在"));
            let refused = Quotes::of(4, [whole, found]).expect_err("refused");
            assert_eq!(refused.code, code);
            assert!(refused.say.contains("message 5"), "{}", refused.say);
        }
        let mut picture = Message::new("".into(), None);
        picture.card = Some(Arc::new(Card::File {
            blob: "b".into(),
            name: "稿子.pdf".into(),
            bytes: 1,
        }));
        let card = said(5, "m_a", "小安", RecordBody::Message(picture));
        assert!(Quotes::of(4, [card]).is_ok(), "a card speaks for itself");
    }
}
