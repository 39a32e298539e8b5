//! A disk that exists only in memory and fails on command, for simulations.
//!
//! It keeps records and client ids by the same contract as SQLite, and of the row changes only
//! those that touch a record or that a load reads back. A clone is another handle on the same disk, so that a test can crash
//! it or make it fail while a writer owns the log.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use protocol::{CircleId, ClientId, Epoch, MemberId, RoomNumber, Seq, limits};

use crate::log::{
    Append, AppendError, CLIENT_IDS_LOADED, Entry, Known, Loaded, Log, LogError, MeasuredRow, Page,
    PageOf, RowChange, TAIL_RECORDS, Tally, VoteRow,
};

/// What goes wrong with one append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing is written: the disk is full.
    Full,
    /// Everything is written, but the sync fails: after a crash it may be there or not.
    Sync,
}

/// What is left of the writes that were not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    Nothing,
    /// So many of the oldest of them: the disk wrote them by itself in time.
    Oldest(usize),
}

/// A simulated disk with its log.
#[derive(Clone, Default)]
pub struct SimulatedLog(Arc<Mutex<Disk>>);

#[derive(Default)]
struct Disk {
    /// As the process sees it.
    seen: BTreeMap<RoomNumber, Room>,
    /// As a power cut leaves it.
    synced: BTreeMap<RoomNumber, Room>,
    /// Appends that were written and not synced, oldest first.
    unsynced: Vec<Append>,
    /// What goes wrong with the coming appends, first one first.
    script: std::collections::VecDeque<Option<Fault>>,
    /// Every append fails so, while it is set.
    broken: Option<Fault>,
    appends: u64,
}

#[derive(Clone)]
struct Room {
    circle: CircleId,
    epoch: Epoch,
    entries: Vec<Entry>,
    client_ids: BTreeMap<(MemberId, ClientId), (Seq, u64)>,
    likes: BTreeSet<(Seq, MemberId)>,
    votes: BTreeMap<(Seq, MemberId), u16>,
    replies: BTreeSet<(Seq, Seq)>,
    measured: Option<MeasuredRow>,
}

impl SimulatedLog {
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes a room, durably.
    pub fn add_room(&self, number: RoomNumber, circle: CircleId, epoch: Epoch) {
        let mut disk = self.disk();
        let room = Room {
            circle,
            epoch,
            entries: Vec::new(),
            client_ids: BTreeMap::new(),
            likes: BTreeSet::new(),
            votes: BTreeMap::new(),
            replies: BTreeSet::new(),
            measured: None,
        };
        disk.synced.insert(number, room.clone());
        disk.seen.insert(number, room);
    }

    /// Plans what happens to the next appends: `None` succeeds.
    pub fn plan(&self, faults: impl IntoIterator<Item = Option<Fault>>) {
        self.disk().script.extend(faults);
    }

    /// Makes every append and every attempt to heal fail, until it is called with `None`.
    pub fn breakdown(&self, fault: Option<Fault>) {
        self.disk().broken = fault;
    }

    /// The process dies and the power with it: what was not synced is gone, but for what is `kept`.
    pub fn crash(&self, kept: Kept) {
        let mut disk = self.disk();
        let unsynced = std::mem::take(&mut disk.unsynced);
        if let Kept::Oldest(n) = kept {
            for part in unsynced.iter().take(n) {
                // It was accepted when it was written, and nothing came between.
                disk.synced
                    .get_mut(&part.room)
                    .expect("it was written")
                    .write(part);
            }
        }
        disk.seen = disk.synced.clone();
        disk.script.clear();
        disk.broken = None;
    }

    /// Appends that were written and not synced.
    pub fn unsynced(&self) -> usize {
        self.disk().unsynced.len()
    }

    /// Batches that were asked for so far.
    pub fn appends(&self) -> u64 {
        self.disk().appends
    }

    /// Nothing in here panics half-way, so a poisoned lock is as good as another.
    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log for SimulatedLog {
    fn append(&mut self, batch: &[Append]) -> Result<Vec<Result<(), AppendError>>, LogError> {
        let mut disk = self.disk();
        disk.appends += 1;
        let fault = disk.broken.or_else(|| disk.script.pop_front().flatten());
        match fault {
            Some(Fault::Full) => return Err(LogError::Failed("the disk is full".into())),
            Some(Fault::Sync) => {
                // Written, but never seen by this process again: it starts afresh from the disk.
                let mut after = disk.seen.clone();
                for part in batch {
                    if let Ok(room) = check(&after, part) {
                        let mut room = room.clone();
                        room.write(part);
                        after.insert(part.room, room);
                        disk.unsynced.push(part.clone());
                    }
                }
                return Err(LogError::Failed("the sync failed".into()));
            }
            None => {}
        }
        // A sync that succeeds says nothing of writes whose sync failed before: they are void, and
        // this batch takes their place.
        disk.unsynced.clear();
        let mut results = Vec::with_capacity(batch.len());
        for part in batch {
            let result = check(&disk.seen, part).map(|_| ());
            if result.is_ok() {
                disk.seen
                    .get_mut(&part.room)
                    .expect("it was checked")
                    .write(part);
                disk.synced
                    .get_mut(&part.room)
                    .expect("it was checked")
                    .write(part);
            }
            results.push(result);
        }
        Ok(results)
    }

    fn load(&mut self, room: RoomNumber) -> Result<Loaded, LogError> {
        let disk = self.disk();
        let room = disk.seen.get(&room).ok_or(LogError::NoSuchRoom(room))?;
        let tail = room.entries.len().saturating_sub(TAIL_RECORDS);
        let mut client_ids: Vec<Known> = room
            .entries
            .iter()
            .rev()
            .filter_map(|it| {
                Some(Known {
                    author: it.author.id.clone(),
                    client_id: it.client_id.clone()?,
                    seq: it.seq,
                    at_ms: it.at_ms,
                })
            })
            .take(CLIENT_IDS_LOADED)
            .collect();
        client_ids.reverse();
        Ok(Loaded {
            epoch: room.epoch.clone(),
            last_seq: room.last_seq(),
            facts: room
                .entries
                .iter()
                .filter(|it| it.is_fact)
                .cloned()
                .collect(),
            tail: room.entries[tail..].to_vec(),
            client_ids,
            votes: room.votes(),
            tallies: room.tallies(&room.entries[tail..]),
            measured: room.measured.clone(),
        })
    }

    fn page(&mut self, room: RoomNumber, of: PageOf, n: usize) -> Result<Page, LogError> {
        let n = n.min(limits::PAGE_RECORDS_MAX);
        let disk = self.disk();
        let room = disk.seen.get(&room).ok_or(LogError::NoSuchRoom(room))?;
        let all = &room.entries;
        let (first, past) = match of {
            PageOf::Last => (all.len().saturating_sub(n), all.len()),
            PageOf::Before(seq) => {
                let past = all.partition_point(|it| it.seq < seq);
                (past.saturating_sub(n), past)
            }
            PageOf::After(seq) => {
                let first = all.partition_point(|it| it.seq <= seq);
                (first, all.len().min(first + n))
            }
        };
        let end = match of {
            PageOf::After(_) => past == all.len(),
            PageOf::Last | PageOf::Before(_) => first == 0,
        };
        Ok(Page {
            entries: all[first..past].to_vec(),
            tallies: room.tallies(&all[first..past]),
            end,
        })
    }

    fn heal(&mut self) -> Result<(), LogError> {
        match self.disk().broken {
            Some(_) => Err(LogError::Failed("the disk is broken".into())),
            None => Ok(()),
        }
    }
}

/// The room of a part that may be written.
fn check<'a>(
    rooms: &'a BTreeMap<RoomNumber, Room>,
    part: &Append,
) -> Result<&'a Room, AppendError> {
    let room = rooms
        .get(&part.room)
        .ok_or(AppendError::Invalid("there is no such room"))?;
    if room.circle != part.circle {
        return Err(AppendError::Invalid("the room is in another circle"));
    }
    let last = room.last_seq();
    for (expected, entry) in (last + 1..).zip(&part.records) {
        if entry.seq != expected {
            return Err(AppendError::OutOfOrder {
                expected,
                found: entry.seq,
            });
        }
    }
    let mut known = Vec::new();
    let mut new = std::collections::BTreeSet::new();
    let mut is_twice = false;
    for entry in &part.records {
        let Some(client_id) = &entry.client_id else {
            continue;
        };
        let key = (entry.author.id.clone(), client_id.clone());
        if let Some((seq, at_ms)) = room.client_ids.get(&key) {
            known.push(Known {
                author: key.0,
                client_id: key.1,
                seq: *seq,
                at_ms: *at_ms,
            });
        } else {
            is_twice |= !new.insert(key);
        }
    }
    if !known.is_empty() {
        return Err(AppendError::Conflict(known));
    }
    if is_twice {
        return Err(AppendError::Invalid("a client id is twice in one append"));
    }
    let end = last + part.records.len() as u64;
    let is_there = |seq: Seq| (1..=end).contains(&seq);
    let all_there = part.rows.iter().all(|it| match it {
        RowChange::Revise { seq, .. } | RowChange::Erase { seq, .. } => is_there(*seq),
        RowChange::Like { of: seq, .. }
        | RowChange::Vote(VoteRow { of: seq, .. }, _)
        | RowChange::VotesGone { of: seq }
        | RowChange::Reply { root: seq, .. } => is_there(*seq),
        RowChange::SplitOff(row) => row.places.iter().all(|it| is_there(it.was)),
        RowChange::Broadcast(_)
        | RowChange::Measured(_)
        | RowChange::Audit(_)
        | RowChange::Notice(_)
        | RowChange::NoticeText { .. }
        | RowChange::NoticeToAll(_)
        | RowChange::NoticeToBoard(_)
        | RowChange::TookTopic { .. }
        | RowChange::Topic(_)
        | RowChange::Quotes(_)
        | RowChange::TopicTalk(_)
        | RowChange::Refer { .. }
        | RowChange::LetGo { .. }
        | RowChange::Veil { .. } => true,
    });
    if !all_there {
        return Err(AppendError::Invalid("the record to change is not there"));
    }
    Ok(room)
}

impl Room {
    fn last_seq(&self) -> Seq {
        self.entries.len() as u64
    }

    fn votes(&self) -> Vec<VoteRow> {
        let row = |((of, member), picks): (&(Seq, MemberId), &u16)| VoteRow {
            of: *of,
            member: member.clone(),
            picks: *picks,
        };
        self.votes.iter().map(row).collect()
    }

    fn tallies(&self, of: &[Entry]) -> Vec<Tally> {
        let count = |n: usize| u32::try_from(n).expect("a small simulation");
        let tally = |it: &Entry| Tally {
            of: it.seq,
            likes: count(self.likes.iter().filter(|like| like.0 == it.seq).count()),
            replies: count(self.replies.iter().filter(|re| re.0 == it.seq).count()),
        };
        let all = of.iter().map(tally);
        all.filter(|it| it.likes + it.replies > 0).collect()
    }

    /// Writes a part that was checked.
    fn write(&mut self, part: &Append) {
        for entry in &part.records {
            if let Some(client_id) = &entry.client_id {
                let key = (entry.author.id.clone(), client_id.clone());
                self.client_ids.insert(key, (entry.seq, entry.at_ms));
            }
            self.entries.push(entry.clone());
        }
        for change in &part.rows {
            match change {
                RowChange::Revise { seq, body } | RowChange::Erase { seq, left: body } => {
                    let at = usize::try_from(seq - 1).expect("it was checked");
                    self.entries[at].body.clone_from(body);
                }
                RowChange::Broadcast(row) => {
                    let is_over = |it: &MeasuredRow| it.of == row.id && row.turnout.is_some();
                    self.measured = self.measured.take().filter(|it| !is_over(it));
                }
                RowChange::Measured(row) => {
                    let before = self.measured.take().filter(|it| it.of == row.of);
                    let mut came = before.map_or_else(Vec::new, |it| it.came);
                    came.extend(&row.came);
                    self.measured = Some(MeasuredRow {
                        came,
                        ..row.clone()
                    });
                }
                // Of the room that is made nothing is kept here.
                RowChange::SplitOff(row) => {
                    for it in &row.places {
                        let at = usize::try_from(it.was - 1).expect("it was checked");
                        let entry = &mut self.entries[at];
                        (entry.kind, entry.is_fact) = (it.kind, false);
                        entry.body.clone_from(&it.left);
                        self.likes.retain(|like| like.0 != it.was);
                    }
                }
                RowChange::Audit(_)
                | RowChange::Notice(_)
                | RowChange::NoticeText { .. }
                | RowChange::NoticeToAll(_)
                | RowChange::NoticeToBoard(_)
                | RowChange::TookTopic { .. }
                | RowChange::Topic(_)
                | RowChange::Quotes(_)
                | RowChange::TopicTalk(_)
                | RowChange::Refer { .. }
                | RowChange::LetGo { .. }
                | RowChange::Veil { .. } => {}
                RowChange::Like { of, member, at_ms } => {
                    let like = (*of, member.clone());
                    if at_ms.is_some() {
                        self.likes.insert(like);
                    } else {
                        self.likes.remove(&like);
                    }
                }
                RowChange::Vote(row, _) => {
                    let key = (row.of, row.member.clone());
                    if row.picks == 0 {
                        self.votes.remove(&key);
                    } else {
                        self.votes.insert(key, row.picks);
                    }
                }
                RowChange::VotesGone { of } => self.votes.retain(|it, _| it.0 != *of),
                RowChange::Reply { root, seq, on } => {
                    if *on {
                        self.replies.insert((*root, *seq));
                    } else {
                        self.replies.remove(&(*root, *seq));
                    }
                }
            }
        }
    }
}
