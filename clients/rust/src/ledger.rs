//! What one viewer of a room must hold true about its deliveries.

use std::collections::BTreeMap;

use protocol::{
    Epoch, Seq,
    client::Position,
    server::{Joined, Push, RecordFrame, Resumed},
};

/// A broken promise of the server's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Breach {
    #[error("seq {seq} came twice")]
    Double { seq: Seq },
    #[error("seqs {from} to {to} were skipped without a gap")]
    Hole { from: Seq, to: Seq },
    #[error("seq {seq} came after {last}")]
    Disorder { seq: Seq, last: Seq },
    #[error("seqs {from} to {to} are {records} records and {skip} left out")]
    Account {
        from: Seq,
        to: Seq,
        records: u64,
        skip: u64,
    },
    #[error("the answer says {said}, but its records end at {seen}")]
    Mismatch { said: Seq, seen: Seq },
}

/// The fold of one room: where this viewer is, and which seqs it still has to fetch.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    epoch: Option<Epoch>,
    last: Seq,
    /// Named gaps that were not fetched yet: first seq → last seq.
    gaps: BTreeMap<Seq, Seq>,
    /// How often a gap was named by the server.
    pub gaps_named: u64,
    /// Records taken.
    pub taken: u64,
    /// Records that were left out, because more was said than can be read.
    pub skipped: u64,
}

impl Ledger {
    /// Where to resume from; nothing before the first join.
    pub fn position(&self) -> Option<Position> {
        let e = self.epoch.clone()?;
        Some(Position { e, s: self.last })
    }

    /// Starts from a position that was learned elsewhere.
    pub fn resume_at(&mut self, position: Position) {
        self.epoch = Some(position.e);
        self.last = position.s;
    }

    pub fn last(&self) -> Seq {
        self.last
    }

    /// The named gaps that are still open.
    pub fn open_gaps(&self) -> impl Iterator<Item = (Seq, Seq)> + '_ {
        self.gaps.iter().map(|(from, to)| (*from, *to))
    }

    /// Takes the answer to a join. What remains of its pages follows as pushes.
    pub fn join(&mut self, joined: &Joined) -> Result<(), Breach> {
        match joined.resumed {
            Resumed::Fresh => {
                *self = Self {
                    gaps_named: self.gaps_named,
                    taken: self.taken,
                    skipped: self.skipped,
                    ..Self::default()
                };
                self.last = joined.ev.first().map_or(joined.s, |it| it.s - 1);
            }
            Resumed::Gap => {
                if let Some((from, to)) = joined.gap {
                    if from != self.last + 1 {
                        return Err(Breach::Hole {
                            from: self.last + 1,
                            to: from,
                        });
                    }
                    self.name_gap(from, to);
                }
            }
            Resumed::Full => {}
        }
        self.epoch = Some(joined.e.clone());
        self.records(&joined.ev)?;
        if !joined.more && self.last != joined.s {
            return Err(Breach::Mismatch {
                said: joined.s,
                seen: self.last,
            });
        }
        Ok(())
    }

    /// Takes a push of this room.
    pub fn push(&mut self, push: &Push) -> Result<(), Breach> {
        match push {
            Push::Ev { s, skip, ev, .. } => {
                self.expect(s.0)?;
                if *skip == 0 {
                    self.records(ev)?;
                } else {
                    self.part(*s, u64::from(*skip), ev)?;
                }
                if self.last == s.1 {
                    Ok(())
                } else {
                    Err(Breach::Mismatch {
                        said: s.1,
                        seen: self.last,
                    })
                }
            }
            Push::Gap { from, to, .. } => {
                self.expect(*from)?;
                self.name_gap(*from, *to);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// A gap was fetched by `history`.
    pub fn fetched(&mut self, from: Seq) {
        self.gaps.remove(&from);
    }

    fn name_gap(&mut self, from: Seq, to: Seq) {
        self.gaps.insert(from, to);
        self.gaps_named += 1;
        self.last = self.last.max(to);
    }

    fn records(&mut self, records: &[RecordFrame]) -> Result<(), Breach> {
        for record in records {
            self.expect(record.s)?;
            self.last = record.s;
            self.taken += 1;
        }
        Ok(())
    }

    /// A part of a range: what it shows and what it leaves out are all of it.
    fn part(
        &mut self,
        (from, to): (Seq, Seq),
        skip: u64,
        records: &[RecordFrame],
    ) -> Result<(), Breach> {
        let mut last = from - 1;
        for record in records {
            if record.s <= last || record.s > to {
                return Err(Breach::Disorder {
                    seq: record.s,
                    last,
                });
            }
            last = record.s;
        }
        let shown = records.len() as u64;
        if shown + skip != to + 1 - from {
            return Err(Breach::Account {
                from,
                to,
                records: shown,
                skip,
            });
        }
        self.taken += shown;
        self.skipped += skip;
        self.last = to;
        Ok(())
    }

    fn expect(&self, seq: Seq) -> Result<(), Breach> {
        match seq {
            _ if seq == self.last + 1 => Ok(()),
            _ if seq == self.last => Err(Breach::Double { seq }),
            _ if seq < self.last => Err(Breach::Disorder {
                seq,
                last: self.last,
            }),
            _ => Err(Breach::Hole {
                from: self.last + 1,
                to: seq - 1,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(s: Seq) -> RecordFrame {
        let text = format!(
            r#"{{"s":{s},"t":1,"u":{{"id":"m_1","name":"n","mark":"member"}},"k":"msg","b":{{"text":"x"}}}}"#
        );
        serde_json::from_str(&text).expect("a record")
    }

    fn ev(from: Seq, to: Seq) -> Push {
        Push::Ev {
            a: 1,
            s: (from, to),
            skip: 0,
            ev: (from..=to).map(record).collect(),
        }
    }

    #[test]
    fn a_part_of_a_range_is_accounted_for() {
        let part = |seqs: &[Seq], skip| Push::Ev {
            a: 1,
            s: (5, 9),
            skip,
            ev: seqs.iter().copied().map(record).collect(),
        };
        let ledger = Ledger {
            last: 4,
            ..Ledger::default()
        };
        let mut good = ledger.clone();
        assert_eq!(good.push(&part(&[6, 9], 3)), Ok(()));
        assert_eq!((good.last(), good.taken, good.skipped), (9, 2, 3));
        let account = ledger.clone().push(&part(&[6, 9], 2));
        assert!(matches!(account, Err(Breach::Account { skip: 2, .. })));
        let disorder = ledger.clone().push(&part(&[9, 6], 3));
        assert_eq!(disorder, Err(Breach::Disorder { seq: 6, last: 9 }));
        let outside = ledger.clone().push(&part(&[6, 10], 3));
        assert!(matches!(outside, Err(Breach::Disorder { seq: 10, .. })));
    }

    #[test]
    fn what_is_whole_passes_and_what_is_not_is_named() {
        let mut ledger = Ledger {
            epoch: Some("e".into()),
            last: 4,
            ..Ledger::default()
        };
        assert_eq!(ledger.push(&ev(5, 7)), Ok(()));
        assert_eq!(
            ledger.clone().push(&ev(7, 7)),
            Err(Breach::Double { seq: 7 })
        );
        assert_eq!(
            ledger.clone().push(&ev(6, 6)),
            Err(Breach::Disorder { seq: 6, last: 7 })
        );
        assert_eq!(
            ledger.clone().push(&ev(9, 9)),
            Err(Breach::Hole { from: 8, to: 8 })
        );
        assert_eq!(
            ledger.push(&Push::Gap {
                a: 1,
                from: 8,
                to: 11
            }),
            Ok(())
        );
        assert_eq!(ledger.push(&ev(12, 12)), Ok(()));
        assert_eq!(ledger.open_gaps().collect::<Vec<_>>(), vec![(8, 11)]);
        assert_eq!(
            ledger.position(),
            Some(Position {
                e: "e".into(),
                s: 12
            })
        );
    }
}
