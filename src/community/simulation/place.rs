//! One room with its disk, its references, and what the actor holds of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use protocol::{
    BroadcastId, ClientId, Epoch, MemberId, PeerId, RoomNumber, limits,
    server::{Mark, Phase},
};

use super::{
    disk::{Append, Disk, Marks},
    model::Model,
    watching::Watched,
    world::Cast,
};
use crate::{
    Broadcast, Message, Now, Person, Rates, Reached, Record, RecordBody, Room, RoomMeta, TalkRate,
    Who,
};

/// One room with its disk, its references and what the actor holds of it.
pub(super) struct Place {
    pub(super) meta: RoomMeta,
    pub(super) epoch: Epoch,
    pub(super) room: Room,
    pub(super) disk: Disk,
    /// Every record as it was decided, and what it says: all of them, and the committed ones.
    pub(super) journal: Vec<Arc<Record>>,
    pub(super) decided: Model,
    pub(super) committed: Model,
    /// Decided and not handed to the disk.
    pub(super) waiting: Append,
    /// Handed to the disk and not synced: its last seq.
    pub(super) in_flight: Option<Reached>,
    pub(super) publisher: Option<Publisher>,
    /// When media last flowed while live, on the steady clock.
    pub(super) flowed_ms: u64,
    pub(super) clock: MediaClock,
    /// Members here by the plainest reckoning: by when they stop counting; `None` while connected.
    pub(super) here: BTreeMap<MemberId, Option<u64>>,
    /// By what this process heard, on the steady clock.
    pub(super) spoke: BTreeMap<MemberId, u64>,
    /// When each message was deleted, as this process saw it.
    pub(super) deleted_ms: BTreeMap<u64, u64>,
    /// What is left of each member's rate in milliseconds of it, and when that was so.
    pub(super) credit: BTreeMap<MemberId, (u64, u64)>,
    /// Who voted and liked what, as decided.
    pub(super) votes: Marks,
    /// Client ids that the room must know.
    pub(super) known: BTreeSet<(MemberId, ClientId)>,
    /// Who watched each broadcast while it was live, through all crashes.
    pub(super) watched: BTreeMap<BroadcastId, Watched>,
}

#[derive(Clone)]
pub(super) struct Publisher {
    pub(super) peer: PeerId,
    pub(super) who: Who,
    pub(super) flowing: bool,
    /// Told to go: says goodbye at some later step.
    pub(super) dropped: bool,
}

/// The broadcast's media clock, reckoned from the records alone.
#[derive(Default)]
pub(super) struct MediaClock {
    pub(super) played_ms: u64,
    pub(super) running_since: Option<u64>,
    /// Since when this process reckons; before, up to the host's grace was let pass.
    pub(super) unsure: bool,
    pub(super) since_ms: u64,
}

impl Place {
    pub(super) fn new(
        index: usize,
        cast: &Cast,
        now: Now,
        old: u64,
        client_ids_kept: usize,
    ) -> Self {
        let number = RoomNumber::try_from(index + 1).expect("few rooms");
        let meta = RoomMeta {
            number,
            slug: format!("room-{number}").into(),
            circle: 1,
            title: "a room".into(),
            kind: protocol::topic::RoomKind::Live,
            guests: index == 0,
            maker: cast.maker.clone(),
            // One of the rooms counts how fast one talks.
            rates: Rates {
                talk: TalkRate::new(3, u32::from(index > 0)),
                // One of them is loud.
                readable: if index == 0 { 2 } else { 0 },
            },
        };
        let epoch = Epoch::from(format!("e{number}"));
        let mut disk = Disk::default();
        let journal: Vec<Arc<Record>> = (1..=old)
            .map(|seq| old_message(seq, cast, now).into())
            .collect();
        let records = journal.clone();
        disk.write(Append {
            records,
            ..Append::new()
        })
        .expect("no client ids yet");
        disk.sync();
        let mut place = Self {
            room: Room::new(meta.clone(), epoch.clone()),
            meta,
            epoch,
            disk,
            journal,
            decided: Model::default(),
            committed: Model::default(),
            waiting: Append::new(),
            in_flight: None,
            publisher: None,
            flowed_ms: now.mono_ms,
            clock: MediaClock::default(),
            here: BTreeMap::new(),
            spoke: BTreeMap::new(),
            deleted_ms: BTreeMap::new(),
            credit: BTreeMap::new(),
            known: BTreeSet::new(),
            votes: Marks::default(),
            watched: BTreeMap::new(),
        };
        place.room = place.recovered(client_ids_kept);
        place.reread(now);
        place
    }

    pub(super) fn recovered(&mut self, client_ids_kept: usize) -> Room {
        let tail = limits::RESUME_RECORDS_MAX;
        let loaded = self.disk.load(&self.epoch, tail, client_ids_kept);
        self.known = loaded
            .client_ids
            .iter()
            .map(|it| (it.0.clone(), it.1.clone()))
            .collect();
        Room::recover(self.meta.clone(), loaded)
    }

    /// Reads the journal anew, up to what the disk holds.
    pub(super) fn reread(&mut self, now: Now) {
        let was = self.decided.broadcast.take();
        self.journal
            .truncate(usize::try_from(self.disk.last_seq()).expect("a short log"));
        let mut model = Model::default();
        for record in &self.journal {
            model.apply(record);
        }
        self.committed = model.clone();
        self.decided = model;
        self.votes = self.disk.seen_marks().clone();
        self.spoke.clear();
        self.deleted_ms.clear();
        self.credit.clear();
        let is = self.decided.broadcast.as_ref();
        let live = |it: Option<&Broadcast>| {
            it.filter(|it| it.phase == Phase::Live)
                .map(|it| it.id.clone())
        };
        let goes_on = live(is).is_some() && live(is) == live(was.as_ref());
        if !goes_on || self.clock.unsure {
            // A room that replaces another goes on with its clock.
            let since_ms = if goes_on {
                self.clock.since_ms
            } else {
                now.mono_ms
            };
            self.clock = MediaClock {
                played_ms: is.map_or(0, |it| it.played_ms),
                running_since: None,
                unsure: live(is).is_some(),
                since_ms,
            };
        }
    }

    pub(super) fn read_committed(&mut self, upto: u64) {
        let from = usize::try_from(self.committed.last).expect("a short log");
        let to = usize::try_from(upto).expect("a short log");
        for record in &self.journal[from..to] {
            self.committed.apply(record);
        }
    }

    pub(super) fn take_waiting(&mut self) -> Append {
        std::mem::replace(&mut self.waiting, Append::new())
    }

    /// What a member may use of their rate now, by a plain bucket.
    pub(super) fn credit_ms(&self, member: &MemberId, now: Now) -> u64 {
        let TalkRate { burst, every_ms } = self.meta.rates.talk;
        let full = u64::from(burst) * every_ms;
        let (left, at) = self
            .credit
            .get(member)
            .copied()
            .unwrap_or((full, now.mono_ms));
        full.min(left + now.mono_ms - at)
    }

    pub(super) fn check_pos(&mut self, record: &Record, now: Now) {
        let clock = &mut self.clock;
        let live = self.decided.phase() == Some(Phase::Live);
        if live {
            let pos = record
                .pos
                .expect("every record while live has its stream position");
            if clock.unsure {
                let last = self.decided.pos.expect("live since a record");
                let most =
                    last + limits::HOST_GRACE.as_millis() as u64 + now.mono_ms - clock.since_ms;
                assert!(
                    (last..=most).contains(&pos),
                    "{pos} is not within {last}..={most}"
                );
            } else {
                let ran_ms = clock.running_since.map_or(0, |it| now.mono_ms - it);
                assert_eq!(
                    pos,
                    clock.played_ms + ran_ms,
                    "the media clock runs while live"
                );
            }
            let running_since = Some(now.mono_ms);
            *clock = MediaClock {
                played_ms: pos,
                running_since,
                unsure: false,
                since_ms: 0,
            };
        }
        let RecordBody::Broadcast(it) = &record.body else {
            assert!(
                live || record.pos.is_none(),
                "no stream position while not live"
            );
            return;
        };
        let same = self
            .decided
            .broadcast
            .as_ref()
            .is_some_and(|before| before.id == it.id);
        let expected = if same { clock.played_ms } else { 0 };
        assert_eq!(it.played_ms, expected, "paused time is not played");
        let running_since = (it.phase == Phase::Live).then_some(now.mono_ms);
        *clock = MediaClock {
            played_ms: expected,
            running_since,
            unsure: false,
            since_ms: 0,
        };
    }
}

pub(super) fn client_id(n: u64) -> ClientId {
    ClientId::from(format!("00000000-0000-7000-8000-{n:012x}"))
}

/// A message of before the simulation.
pub(super) fn old_message(seq: u64, cast: &Cast, now: Now) -> Record {
    let who = cast.who(&MemberId::from(if seq.is_multiple_of(3) {
        "ann"
    } else {
        "bob"
    }));
    Record {
        seq,
        circle: 1,
        at_ms: now.unix_ms - 10_000_000 + seq,
        pos: None,
        author: Person {
            id: who.id.clone(),
            name: who.name.clone(),
            mark: Mark::Member,
        },
        client_id: None,
        body: RecordBody::Message(Message::new(format!("old {seq}").into(), None)),
    }
}
