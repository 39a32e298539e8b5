//! Who is here, page by page: the one way to see everybody of a large room, and to find somebody in it.
//! Nothing of it is sent unasked, and no page costs more than [`limits::WHO_SCANNED_MAX`] names.

use protocol::{
    Code, Refusal, limits,
    server::{Reply, WhoPage},
};

use super::Room;
use crate::{
    command::{Origin, Whose},
    effect::Effect,
    fold,
    member::Who,
};

impl Room {
    pub(super) fn answer_who(&self, from: &Origin, whose: &Whose, fx: &mut Vec<Effect>) {
        let outcome = self.who_page(from, whose).map(Reply::Who);
        fx.push(Effect::Answer {
            to: from.asker(),
            outcome,
        });
    }

    fn who_page(&self, from: &Origin, whose: &Whose) -> Result<WhoPage, Refusal> {
        self.check_joined(from)?;
        let sought = match &whose.q {
            Some(q) => Some(self.sought(&from.who, q)?),
            None => None,
        };
        let n = whose.n.clamp(1, limits::ROSTER_MEMBERS_MAX);
        let (mut here, mut next, mut scanned) = (Vec::new(), None, 0);
        for who in self.presence.after(whose.after.as_ref()) {
            if here.len() == n || scanned == limits::WHO_SCANNED_MAX {
                return Ok(WhoPage {
                    here: self.frames_of(here),
                    next,
                });
            }
            scanned += 1;
            next = Some(who.id.clone());
            if sought
                .as_ref()
                .is_none_or(|it| letters(&who.name).contains(it.as_str()))
            {
                here.push(who);
            }
        }
        Ok(WhoPage {
            here: self.frames_of(here),
            next: None,
        })
    }

    /// Looking for somebody by name is for who keeps order.
    fn sought(&self, who: &Who, q: &str) -> Result<String, Refusal> {
        if !self.standing(who).runs_the_room() {
            let words = "who runs the room may look for somebody by name";
            return Err(Refusal::new(Code::NotPermitted, words));
        }
        if q.chars().count() > limits::WHO_CHARS_MAX {
            let words = format!(
                "a name is sought by at most {} characters",
                limits::WHO_CHARS_MAX
            );
            return Err(Refusal::new(Code::TooLong, words));
        }
        let sought = letters(q);
        if sought.is_empty() {
            let words = "write a part of the name that is looked for";
            return Err(Refusal::new(Code::Empty, words));
        }
        Ok(sought)
    }
}

/// A name as a reader means it.
fn letters(name: &str) -> String {
    fold::plainly(&fold::fold(name))
}
