//! What the actor does: carries out effects in order, feeds the disk, and replaces a room whose
//! commit failed.

use std::sync::Arc;

use protocol::{
    Code, MemberId, Refusal,
    server::{Ack, AckKind, HeldWhy, Phase, Reply},
};

use super::{model::Expect, world::World};
use crate::{Command, Effect, Notify, Origin, Reached, Record, RecordBody, RowChange, StageOrder};

impl World {
    pub(super) fn carry_out(&mut self, room: usize, fx: Vec<Effect>) {
        let number = self.places[room].meta.number;
        for effect in fx {
            match effect {
                Effect::Record(record, rows) => {
                    self.poll_ended(room, &record);
                    self.check_told(room, &record, &rows);
                    self.decided(room, &record);
                    for row in &rows {
                        self.places[room].votes.write(row);
                    }
                    self.places[room].waiting.records.push(record);
                    self.places[room].waiting.rows.extend(rows);
                }
                Effect::Row(number, row) => {
                    self.row_decided(room, &row);
                    let waiting = &mut self.places[room].waiting;
                    waiting.rows.push(row);
                    waiting.last_row = number;
                }
                Effect::Count(of) => {
                    let tallies = self.places[room].disk.marks().tallies();
                    let tally = |it: u64| (it, tallies.get(&it).copied().unwrap_or_default());
                    let counted: Vec<_> = of.into_iter().map(tally).collect();
                    let mut fx = Vec::new();
                    self.places[room].room.counted(self.now, &counted, &mut fx);
                    self.carry_out(room, fx);
                }
                Effect::Rows(rows) => {
                    let measured = rows.iter().any(|it| matches!(it, RowChange::Measured(_)));
                    let what = if measured {
                        "measured"
                    } else {
                        "erased in time"
                    };
                    self.seen.note(what);
                    self.places[room].waiting.rows.extend(rows);
                }
                Effect::Announce(announce) => {
                    if let crate::Announce::Records(shown) = &announce {
                        if shown.skipped() > 0 {
                            self.seen.note("left out");
                        }
                        for record in &shown.records {
                            let synced = self.places[room].disk.is_synced(record.seq);
                            assert!(
                                synced,
                                "record {} is shown before it is on disk",
                                record.seq
                            );
                        }
                    }
                    let push = announce.push(number);
                    for client in self
                        .clients
                        .iter_mut()
                        .filter(|it| it.room == room && it.joined)
                    {
                        client.push(&push);
                    }
                }
                Effect::Answer { to, outcome } => self.answered(room, to, outcome),
                Effect::Push { connection, push } => {
                    let found = self
                        .clients
                        .iter_mut()
                        .find(|it| it.connection == Some(connection));
                    found.expect("pushes go to those who are here").push(&push);
                }
                Effect::Direct(StageOrder::DropPublisher { peer, .. }) => {
                    let publisher = self.places[room].publisher.as_mut();
                    if let Some(it) = publisher.filter(|it| it.peer == peer) {
                        it.dropped = true;
                    }
                }
                Effect::Notify(Notify::Out {
                    member,
                    connections,
                    ..
                }) => {
                    self.put_out(room, &member, &connections);
                }
            }
        }
    }

    pub(super) fn decided(&mut self, room: usize, record: &Arc<Record>) {
        let now = self.now;
        let place = &mut self.places[room];
        let author = &record.author.id;
        if record.client_id.is_some() {
            assert!(
                !place.decided.is_banned(author, now),
                "a banned member acts"
            );
        }
        // What a rule held was said as well; what was let through was said before.
        let (said, edited) = match &record.body {
            RecordBody::Message(it) => (it.held.is_none(), false),
            RecordBody::Held(it) => {
                let own = it.why != HeldWhy::Person;
                (own && it.of.is_none(), own && it.of.is_some())
            }
            RecordBody::Edit { .. } => (false, true),
            _ => (false, false),
        };
        if said || edited {
            assert!(
                !place.decided.is_muted(author, now),
                "a muted member speaks"
            );
        }
        if (said || edited) && place.meta.rates.talk.every_ms > 0 {
            let left = place.credit_ms(author, now);
            let left = left.saturating_sub(place.meta.rates.talk.every_ms);
            place.credit.insert(author.clone(), (left, now.mono_ms));
        }
        if said {
            place.spoke.insert(author.clone(), now.mono_ms);
        }
        place.check_pos(record, now);
        self.check_turnout(room, record);
        let place = &mut self.places[room];
        place.decided.apply(record);
        // Whoever is here as it goes live watches from then on.
        self.watch(0);
        let place = &mut self.places[room];
        place.journal.push(Arc::clone(record));
        if let Some(id) = record.client_id.clone() {
            place.known.insert((author.clone(), id));
        }
        match &record.body {
            RecordBody::Mode { .. } if record.client_id.is_none() => self.seen.note("restored"),
            RecordBody::Held(_) => self.seen.note("held"),
            RecordBody::Review { .. } => self.seen.note("reviewed"),
            RecordBody::Restore { .. } if record.client_id.is_some() => {
                self.seen.note("brought back");
            }
            RecordBody::Delete { of, .. } => {
                place.deleted_ms.insert(*of, now.mono_ms);
            }
            RecordBody::SlowMode { .. } if record.client_id.is_none() => {
                self.seen.note("slowed by itself");
            }
            RecordBody::Pin(it) if it.words.is_some() => self.seen.note("pinned"),
            RecordBody::Pin(_) => self.seen.note("taken down"),
            RecordBody::CoHost { .. } => self.seen.note("co-host"),
            RecordBody::Message(it) if it.card.is_some() => self.seen.note("shared"),
            RecordBody::Question { done: Some(_), .. } => self.seen.note("answered"),
            RecordBody::Question { .. } => self.seen.note("picked"),
            _ => {}
        }
        if let RecordBody::Broadcast(it) = &record.body {
            match it.phase {
                Phase::Live => {
                    self.seen.note("live");
                    let flowing = place.publisher.as_ref().is_some_and(|it| it.flowing);
                    assert!(flowing, "live without media");
                    place.flowed_ms = now.mono_ms;
                }
                Phase::Paused => self.seen.note("paused"),
                Phase::Ended => self.seen.note("ended"),
                _ => {}
            }
        }
    }

    pub(super) fn answered(
        &mut self,
        room: usize,
        to: crate::Asker,
        outcome: Result<Reply, Refusal>,
    ) {
        if self.mark_answered(room, to.request, &outcome) {
            return;
        }
        let (expect, client_id) = self
            .expected
            .remove(&to.request)
            .expect("each request is answered once");
        let found = self
            .clients
            .iter()
            .position(|it| it.connection == Some(to.connection));
        match outcome {
            Ok(Reply::Ack(ack)) => {
                match ack.v {
                    AckKind::Held => assert!(matches!(
                        expect,
                        Expect::Accept | Expect::Dup | Expect::Either
                    )),
                    AckKind::New => assert!(matches!(expect, Expect::Accept | Expect::Either)),
                    AckKind::Dup => assert!(matches!(expect, Expect::Dup | Expect::Either)),
                }
                self.seen
                    .note(if ack.v == AckKind::Dup { "dup" } else { "new" });
                self.acknowledged(room, ack, found);
            }
            Ok(Reply::Joined(joined)) => {
                assert_eq!(expect, Expect::Accept, "a banned member is let in");
                if joined.gap.is_some() {
                    self.seen.note("gap");
                }
                let client = found.expect("a join is answered at once");
                self.clients[client].joined(&joined);
                let member = self.clients[client].who.id.clone();
                self.places[room].here.insert(member.clone(), None);
                self.watches(room, [member]);
            }
            Ok(other) => panic!("nobody asked for {other:?}"),
            Err(refusal) => {
                self.seen.note(refusal.code.as_str());
                let code = refusal.code;
                match expect {
                    _ if code == Code::StorageUnavailable => return,
                    Expect::Refuse(expected) => assert_eq!(code, expected, "{refusal}"),
                    // It was held, and was not let through.
                    Expect::Dup if code == Code::ReviewRefused => {}
                    Expect::Either => {}
                    expect => panic!("{expect:?}, but refused: {refusal}"),
                }
                let later = matches!(code, Code::SlowMode | Code::RateLimited);
                if let Some(client) = found.filter(|_| !later) {
                    let outbox = &mut self.clients[client].outbox;
                    outbox.retain(|it| it.client_id() != client_id.as_ref());
                }
            }
        }
    }

    pub(super) fn acknowledged(&mut self, room: usize, ack: Ack, client: Option<usize>) {
        let record = self.places[room]
            .disk
            .record(ack.s)
            .expect("an acked record is on disk");
        let synced = self.places[room].disk.is_synced(ack.s);
        assert!(synced, "{} is acked before it is on disk", ack.s);
        assert_eq!(record.at_ms, ack.t);
        let id = record.client_id.expect("only wishes are acked");
        let key = (room, record.author.id, id.clone());
        let first = self.acked.entry(key).or_insert_with(|| ack.clone());
        assert_eq!((first.s, first.t), (ack.s, ack.t), "the first result stays");
        if let Some(client) = client {
            self.clients[client]
                .outbox
                .retain(|it| it.client_id() != Some(&id));
        }
    }

    pub(super) fn put_out(&mut self, room: usize, member: &MemberId, connections: &[u64]) {
        self.seen.note("out");
        let place = &mut self.places[room];
        assert!(
            place.committed.is_banned(member, self.now)
                || place.committed.is_kicked(member, self.now),
            "out without a ban on disk"
        );
        place.here.remove(member);
        for client in self
            .clients
            .iter_mut()
            .filter(|it| it.room == room && it.who.id == *member)
        {
            let told = client
                .connection
                .is_some_and(|it| connections.contains(&it));
            assert_eq!(
                told, client.joined,
                "every connection of the member is told"
            );
            client.connection = None;
            client.joined = false;
        }
    }

    /// Hands what is decided to the disk, one transaction at a time.
    pub(super) fn append(&mut self, room: usize) {
        let place = &mut self.places[room];
        if place.in_flight.is_some() || place.waiting.is_empty() {
            return;
        }
        let append = place.take_waiting();
        let upto = Reached {
            seq: append.records.last().map_or(0, |it| it.seq),
            row: append.last_row,
        };
        match place.disk.write(append) {
            Ok(()) => place.in_flight = Some(upto),
            Err(conflicts) => {
                assert_ne!(
                    self.client_ids_kept,
                    usize::MAX,
                    "a known client id was decided anew"
                );
                self.seen.note("conflict");
                let commands = self.replace(room);
                for (member, id, seq, at_ms) in conflicts {
                    self.places[room]
                        .room
                        .known(member.clone(), id.clone(), seq, at_ms);
                    self.places[room].known.insert((member, id));
                }
                for (from, command) in commands {
                    match &command {
                        Command::Vote { .. } | Command::Like { .. } => {
                            self.handle_mark(room, &from, command);
                        }
                        _ => self.handle(room, &from, command),
                    }
                }
            }
        }
    }

    pub(super) fn sync(&mut self, room: usize) {
        let place = &mut self.places[room];
        let Some(upto) = place.in_flight.take() else {
            return;
        };
        place.disk.sync();
        place.read_committed(upto.seq.max(place.committed.last));
        let mut fx = Vec::new();
        place.room.stored(self.now, upto, &mut fx);
        self.carry_out(room, fx);
        let place = &self.places[room];
        assert_eq!(place.room.committed_seq(), place.committed.last);
    }

    /// A commit fails: nothing of it is there, or (the error came late) all of it.
    pub(super) fn fail(&mut self, room: usize) {
        let place = &mut self.places[room];
        if place.waiting.is_empty() && place.in_flight.is_none() {
            return;
        }
        self.seen.note("failed commit");
        if self.random.percent(40) {
            if place.in_flight.take().is_some() {
                place.disk.sync();
                self.seen.note("landed after all");
            }
        } else {
            place.in_flight = None;
            place.disk.crash(0);
        }
        place.take_waiting();
        let mut fx = Vec::new();
        place.room.failed(&mut fx);
        self.carry_out(room, fx);
        let commands = self.replace(room);
        assert!(commands.is_empty(), "a failed room has refused everybody");
    }

    /// Another room from the log, with the people of the old one.
    pub(super) fn replace(&mut self, room: usize) -> Vec<(Origin, Command)> {
        let kept = self.client_ids_kept;
        let place = &mut self.places[room];
        place.disk.sync();
        place.in_flight = None;
        let recovered = place.recovered(kept);
        let old = std::mem::replace(&mut place.room, recovered);
        place.reread(self.now);
        place.flowed_ms = self.now.mono_ms;
        let mut fx = Vec::new();
        let commands = place.room.inherit(self.now, old, &mut fx);
        self.carry_out(room, fx);
        commands
    }

    /// The power fails: everything in memory is gone.
    pub(super) fn crash(&mut self) {
        self.seen.note("crash");
        self.expected.clear();
        self.marking.clear();
        for client in &mut self.clients {
            client.connection = None;
            client.joined = false;
            client.roster = None;
        }
        let away_ms = self.random.below(120_000);
        self.now.unix_ms += away_ms;
        self.now.mono_ms = self.random.below(1_000_000);
        for place in &mut self.places {
            let kept = self.random.index(place.disk.unsynced() + 1);
            if kept > 0 {
                self.seen.note("unacknowledged kept");
            }
            place.take_waiting();
            place.in_flight = None;
            place.disk.crash(kept);
            place.room = place.recovered(self.client_ids_kept);
            place.clock.unsure = true;
            place.clock.since_ms = self.now.mono_ms;
            place.reread(self.now);
            place.publisher = None;
            place.flowed_ms = self.now.mono_ms;
            place.here.clear();
            if place.disk.measured().is_some() {
                self.seen.note("measured before a crash");
            }
        }
        self.check_acks();
    }

    pub(super) fn check_acks(&self) {
        for ((room, member, id), ack) in &self.acked {
            let stored = self.places[*room].disk.find(member, id);
            assert_eq!(stored, Some((ack.s, ack.t)), "an acked record is lost");
        }
    }
}
