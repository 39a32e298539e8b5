//! Who should be told of what, reckoned a second time and plainly.

use std::collections::BTreeMap;

use protocol::{MemberId, limits, notices::NoticeKind, server::QuestionPhase};

use super::world::World;
use crate::{Record, RecordBody, RowChange};

impl World {
    /// A few people for a message to name: mostly nobody, rarely more than may be.
    pub(super) fn some_people(&mut self) -> Vec<MemberId> {
        let n = match self.random.below(40) {
            0 => limits::MENTIONS_MAX + 1,
            1..=9 => 1 + self.random.index(3),
            _ => 0,
        };
        (0..n)
            .map(|_| self.random.index(self.cast.people.len()))
            .map(|it| self.cast.people[it].id.clone())
            .collect()
    }

    /// Holds the notices that come with a record against the model of before it.
    pub(super) fn check_told(&mut self, room: usize, record: &Record, rows: &[RowChange]) {
        let model = &self.places[room].decided;
        let mut expected = BTreeMap::new();
        match &record.body {
            RecordBody::Message(it) => {
                let line = it.reply_to.and_then(|it| model.lines.get(&it));
                if let Some(line) = line {
                    expected.insert(line.author.clone(), NoticeKind::Reply);
                }
                for whom in it.to.iter() {
                    expected.insert(whom.id.clone(), NoticeKind::Mention);
                }
            }
            RecordBody::Question {
                of,
                to: QuestionPhase::Picked,
                ..
            } => {
                expected.insert(model.lines[of].author.clone(), NoticeKind::Picked);
            }
            _ => {}
        }
        expected.remove(&record.author.id);
        expected.retain(|whom, _| !model.is_banned(whom, self.now));
        let told: Vec<_> = rows
            .iter()
            .filter_map(|it| match it {
                RowChange::Notice(it) => Some((it.member.clone(), it.kind)),
                _ => None,
            })
            .collect();
        if !told.is_empty() {
            self.seen.note("told");
        }
        let once: BTreeMap<_, _> = told.iter().cloned().collect();
        assert_eq!(once.len(), told.len(), "nobody is told twice of one record");
        assert_eq!(once, expected, "who is told of record {}", record.seq);
    }
}
