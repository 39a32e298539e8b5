//! A record without the name of somebody who is nobody here any more. Their id stays, as a mark that means nothing;
//! what others wrote about them in their own words is not looked at.

use std::sync::Arc;

use protocol::MemberId;

use super::{Addressed, Held, Kept, Message, Quotes, Record, RecordBody, Topic};
use crate::member::Person;

/// The name of somebody whose account is erased.
const NO_NAME: &str = "";

/// Says of an id whether it is of somebody who is nobody any more.
type Whose<'a> = &'a dyn Fn(&MemberId) -> bool;

impl Record {
    /// Takes a member's name out, wherever it stands beside their id. True where it was there.
    pub fn unname(&mut self, whose: &MemberId) -> bool {
        self.unname_all(&|it| it == whose)
    }

    /// The same for all of whom this is true.
    pub fn unname_all(&mut self, whose: Whose<'_>) -> bool {
        let author = person(&mut self.author, whose);
        author | self.body.unname(whose)
    }

    /// Whether it holds words of this member that are not deleted: a message, or one that waits for review.
    pub fn holds_words_of(&self, member: &MemberId) -> bool {
        match &self.body {
            RecordBody::Message(it) => !it.deleted && self.author.id == *member,
            RecordBody::Held(Held {
                kept: Some(kept), ..
            }) => kept.author.id == *member,
            _ => false,
        }
    }

    /// Whether it holds words of this member that can be brought back for a while.
    pub fn can_bring_back_words_of(&self, member: &MemberId) -> bool {
        match &self.body {
            RecordBody::Delete {
                undo: Some(undo), ..
            } => undo.kept.author.id == *member,
            _ => false,
        }
    }
}

impl RecordBody {
    fn unname(&mut self, whose: Whose<'_>) -> bool {
        match self {
            Self::Message(it) => message(it, whose),
            Self::Delete {
                undo: Some(undo), ..
            } => kept(&mut undo.kept, whose),
            Self::Held(Held { kept: Some(it), .. }) | Self::Restore { kept: Some(it), .. } => {
                kept(it, whose)
            }
            Self::Kick { who, .. }
            | Self::Mute { who, .. }
            | Self::Unmute { who }
            | Self::Ban { who, .. }
            | Self::Unban { who }
            | Self::CoHost { who, .. } => person(who, whose),
            Self::Pin(it) => it
                .words
                .as_mut()
                .is_some_and(|it| person(&mut it.author, whose)),
            Self::Broadcast(it) => person(&mut it.host, whose),
            Self::Topic(it) => topic(it, whose),
            Self::Edit { .. }
            | Self::Delete { undo: None, .. }
            | Self::Held(_)
            | Self::Review { .. }
            | Self::Restore { kept: None, .. }
            | Self::Rules(_)
            | Self::SlowMode { .. }
            | Self::Mode { .. }
            | Self::Question { .. }
            | Self::Poll(_)
            | Self::PollClosed { .. }
            | Self::Split(_)
            | Self::Moved(_) => false,
        }
    }
}

fn person(it: &mut Person, whose: Whose<'_>) -> bool {
    name(&it.id, &mut it.name, whose)
}

fn addressed(it: &mut Addressed, whose: Whose<'_>) -> bool {
    name(&it.id, &mut it.name, whose)
}

fn name(id: &MemberId, name: &mut Arc<str>, whose: Whose<'_>) -> bool {
    let named = whose(id) && !name.is_empty();
    if named {
        *name = NO_NAME.into();
    }
    named
}

fn message(it: &mut Message, whose: Whose<'_>) -> bool {
    if !it.to.iter().any(|it| whose(&it.id) && !it.name.is_empty()) {
        return false;
    }
    let mut to = it.to.to_vec();
    for it in &mut to {
        addressed(it, whose);
    }
    it.to = to.into();
    true
}

fn kept(it: &mut Kept, whose: Whose<'_>) -> bool {
    let author = person(&mut it.author, whose);
    author | message(&mut it.message, whose)
}

fn topic(it: &mut Topic, whose: Whose<'_>) -> bool {
    let by = person(&mut it.by, whose);
    let accepted = it
        .accepted
        .as_mut()
        .is_some_and(|it| addressed(&mut it.1, whose));
    let quoted = it.from.as_mut().is_some_and(|it| quotes(it, whose));
    by | accepted | quoted
}

fn quotes(it: &mut Arc<Quotes>, whose: Whose<'_>) -> bool {
    if !it
        .of
        .iter()
        .any(|it| whose(&it.1.id) && !it.1.name.is_empty())
    {
        return false;
    }
    for (_, writer) in &mut Arc::make_mut(it).of {
        addressed(writer, whose);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::{super::tests::each_kind, *};

    #[test]
    fn a_name_is_gone_from_every_kind_of_record_and_the_others_stay() {
        let mut named = 0;
        for mut record in each_kind() {
            let stored = |it: &Record| {
                let columns = it.columns();
                let body = String::from_utf8(columns.body).expect("JSON");
                format!("{} {body}", columns.author.name)
            };
            // Everybody is called that there.
            let (was, id) = (stored(&record), record.author.id.clone());
            assert!(record.unname(&id), "{was}");
            assert!(!record.unname(&id), "it is gone at once: {was}");
            assert!(record.author.name.is_empty());
            for other in ["m_2", "m_3"] {
                named += usize::from(record.unname(&other.into()));
            }
            let left = stored(&record);
            for name in ["小明", "小波"] {
                assert!(!left.contains(name), "{name} stays in {left}");
            }
            assert_eq!(
                was.replace("小明", "").replace("小波", ""),
                left,
                "nothing else changes"
            );
            assert_eq!(record.body.kind(), record.columns().kind);
        }
        assert!(named > 10, "the test sees names: {named}");
    }
}
