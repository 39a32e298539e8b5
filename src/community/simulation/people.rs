//! What people do: they talk, moderate, go live, come and go, and say again what was not answered.

use protocol::{
    BlobKind, Card, Code,
    client::{BroadcastAct, QuestionAct, ReviewAct},
    limits,
    server::{AutoSlow, RoomMode, Rules},
};

use super::{model::Expect, place::client_id, world::World};
use crate::{Command, Need, Origin, Role, Upload, Who};

/// Opening is tried twice as often, or little would ever be live.
const ACTS: [BroadcastAct; 6] = [
    BroadcastAct::Schedule,
    BroadcastAct::Open,
    BroadcastAct::Open,
    BroadcastAct::Pause,
    BroadcastAct::End,
    BroadcastAct::Archive,
];

const MODES: [RoomMode; 8] = [
    RoomMode::Open,
    RoomMode::Open,
    RoomMode::Open,
    RoomMode::Members,
    RoomMode::Questions,
    RoomMode::Questions,
    RoomMode::Questions,
    RoomMode::Host,
];

const QUESTION_ACTS: [QuestionAct; 3] =
    [QuestionAct::Pick, QuestionAct::Unpick, QuestionAct::Answer];

impl World {
    pub(super) fn say(&mut self, client: usize) {
        if self.clients[client].connection.is_none() && self.random.percent(90) {
            return self.come_or_go(client);
        }
        let room = self.clients[client].room;
        let command = self.command(room);
        if self.clients[client].outbox.len() < 8 {
            self.clients[client].outbox.push(command.clone());
            self.send(client, command);
        }
    }

    pub(super) fn command(&mut self, room: usize) -> Command {
        self.next += 1;
        let client_id = client_id(self.next);
        let text = match self.random.below(40) {
            0 => " \n".to_owned(),
            1 => "x".repeat(limits::TEXT_CHARS_MAX + 1),
            2..=4 => format!("bad {}", self.next),
            5..=18 => format!("odd {}", self.next),
            _ => format!("line {}", self.next),
        };
        let last = self.places[room].decided.last + 1;
        let pinned = self.places[room].decided.pin.as_ref().and_then(|it| it.0);
        let of = if self.random.percent(20) {
            self.random.below(last + 1)
        } else if let Some(pinned) = pinned.filter(|_| self.random.percent(20)) {
            pinned
        } else {
            last.saturating_sub(self.random.below(12))
        };
        let who = self.cast.people[self.random.index(self.cast.people.len())]
            .id
            .clone();
        let for_ms = 1 + self.random.below(20_000);
        match self.random.below(100) {
            // Open most of the time, or little would ever be said.
            0..=4 => Command::Mode {
                client_id,
                mode: MODES[self.random.index(MODES.len())],
                for_ms: self.random.percent(60).then_some(for_ms),
            },
            5..=44 => {
                let reply_to = self.random.percent(20).then_some(of);
                if self.random.percent(10) {
                    let blob = format!("{:064x}", self.random.below(4)).into();
                    let (w, h, alt) = (0, 0, String::new());
                    return Command::Share {
                        client_id,
                        text,
                        reply_to,
                        card: Box::new(Card::Image { blob, w, h, alt }),
                    };
                }
                let question = self.random.percent(20);
                Command::Publish {
                    client_id,
                    text,
                    reply_to,
                    question,
                    to: self.some_people(),
                }
            }
            45..=48 => {
                let options = (0..3).map(|it| format!("option {it}")).collect();
                Command::Poll {
                    client_id,
                    question: text.chars().take(20).collect::<String>() + "?",
                    options,
                    multiple: false,
                    for_ms: self.random.percent(60).then_some(for_ms),
                }
            }
            49 => {
                let open: Vec<u64> = self.places[room].decided.polls.keys().copied().collect();
                let of = match open.len() {
                    0 => of,
                    n => open[self.random.index(n)],
                };
                Command::ClosePoll { client_id, of }
            }
            50..=54 => Command::Pin {
                client_id,
                of: self.random.percent(50).then_some(of),
                text: self.random.percent(30).then_some(text),
            },
            55..=62 => {
                let waiting = self.places[room].decided.questions();
                let guess = waiting.len() > 1 && self.random.percent(80);
                let of = if guess {
                    waiting[self.random.index(waiting.len())]
                } else {
                    of
                };
                let act = QUESTION_ACTS[self.random.index(QUESTION_ACTS.len())];
                Command::Question { client_id, of, act }
            }
            63..=69 => Command::Edit {
                client_id,
                of,
                text,
            },
            70..=71 => Command::Delete { client_id, of },
            72..=73 => {
                let deleted = &self.places[room].decided.undo;
                let of = deleted.keys().next_back().copied().unwrap_or(of);
                Command::Undelete { client_id, of }
            }
            74 => Command::Kick {
                client_id,
                who,
                reason: String::new(),
            },
            75 => match self.random.below(2) {
                0 => Command::Hold { client_id, of },
                _ => Command::SetRules {
                    client_id,
                    rules: Rules {
                        refuse: vec!["bad".into()],
                        hold: if self.random.percent(80) {
                            vec!["odd".into()]
                        } else {
                            Vec::new()
                        },
                        ..Rules::default()
                    },
                },
            },
            76..=77 => {
                let waits = self.places[room].decided.held.keys().next().copied();
                let act = if self.random.percent(50) {
                    ReviewAct::Allow
                } else {
                    ReviewAct::Refuse
                };
                Command::Review {
                    client_id,
                    of: waits.unwrap_or(of),
                    act,
                    reason: String::new(),
                }
            }
            78..=79 => Command::Mute {
                client_id,
                who,
                for_ms,
                reason: String::new(),
            },
            80..=81 => Command::Unmute { client_id, who },
            82..=84 => {
                let for_ms = self.random.percent(80).then_some(for_ms);
                Command::Ban {
                    client_id,
                    who,
                    for_ms,
                    reason: "spam".into(),
                }
            }
            85..=87 => Command::Unban { client_id, who },
            88 => Command::CoHost {
                client_id,
                who,
                on: self.random.percent(70),
            },
            89 => Command::SlowMode {
                client_id,
                gap_ms: self.random.below(3).saturating_sub(1) * 2_000,
                auto: self
                    .random
                    .percent(30)
                    .then_some(AutoSlow { target_per_s: 1 }),
            },
            _ => {
                let act = ACTS[self.random.index(ACTS.len())];
                Command::Broadcast {
                    client_id,
                    act,
                    title: None,
                    starts_ms: None,
                }
            }
        }
    }

    /// Says again what was never answered for good.
    pub(super) fn repeat(&mut self, client: usize) {
        let outbox = &self.clients[client].outbox;
        if let Some(command) = outbox.first().cloned() {
            self.send(client, command);
        }
    }

    pub(super) fn come_or_go(&mut self, client: usize) {
        let room = self.clients[client].room;
        let stays = self.random.percent(40);
        if let Some(connection) = self.clients[client].connection {
            if stays {
                return;
            }
            self.clients[client].connection = None;
            self.clients[client].joined = false;
            self.places[room].room.left(self.now, connection);
            self.went(room, client);
            return;
        }
        self.next += 1;
        self.clients[client].connection = Some(self.next);
        let since = self.clients[client].position.clone();
        if since.is_some() {
            self.seen.note("resumed");
        }
        let from = self.origin(client);
        let place = &self.places[room];
        let expect = if place.committed.is_banned(&from.who.id, self.now) {
            Expect::Refuse(Code::Banned)
        } else if place.committed.is_kicked(&from.who.id, self.now) {
            Expect::Refuse(Code::Kicked)
        } else if from.who.role == Role::Guest && !place.meta.guests {
            Expect::Refuse(Code::GuestsNotAllowed)
        } else {
            Expect::Accept
        };
        self.expected.insert(from.request, (expect, None));
        let mut fx = Vec::new();
        self.places[room]
            .room
            .handle(self.now, &from, Command::Join { since }, &mut fx);
        self.carry_out(room, fx);
        if !self.clients[client].joined {
            self.clients[client].connection = None;
        }
    }

    /// A device is no longer in the room: does its member still count?
    pub(super) fn went(&mut self, room: usize, client: usize) {
        let member = self.clients[client].who.id.clone();
        let still = self
            .clients
            .iter()
            .any(|it| it.room == room && it.who.id == member && it.connection.is_some());
        if !still {
            let grace_ms = limits::REJOIN_GRACE.as_millis() as u64;
            if let Some(leaves) = self.places[room].here.get_mut(&member) {
                *leaves = Some(self.now.mono_ms + grace_ms);
            }
        }
    }

    pub(super) fn origin(&mut self, client: usize) -> Origin {
        self.next += 1;
        let it = &self.clients[client];
        // One that is offline speaks by HTTP: with a number that no room has seen.
        let connection = it.connection.unwrap_or(u64::MAX - self.next);
        Origin {
            who: it.who.clone(),
            connection,
            request: self.next,
        }
    }

    pub(super) fn send(&mut self, client: usize, command: Command) {
        let from = self.origin(client);
        self.handle(self.clients[client].room, &from, command);
    }

    pub(super) fn handle(&mut self, room: usize, from: &Origin, command: Command) {
        self.fetch(room, &from.who, &command);
        let expect = self.expect(room, from, &command);
        self.expected
            .insert(from.request, (expect, command.client_id().cloned()));
        let mut fx = Vec::new();
        let last = self.places[room].decided.last;
        self.places[room]
            .room
            .handle(self.now, from, command, &mut fx);
        self.carry_out(room, fx);
        let decided = self.places[room].decided.last > last;
        match expect {
            Expect::Accept => assert!(decided, "{from:?} was to be accepted"),
            Expect::Dup | Expect::Refuse(_) => {
                assert!(!decided, "{from:?}: {expect:?}, but decided")
            }
            Expect::Either => {}
        }
    }

    pub(super) fn expect(&self, room: usize, from: &Origin, command: &Command) -> Expect {
        let place = &self.places[room];
        let id = command.client_id().expect("only such commands come here");
        let key = (from.who.id.clone(), id.clone());
        if place.known.contains(&key) {
            return Expect::Dup;
        }
        if place.disk.find(&key.0, &key.1).is_some() {
            // The room has forgotten it: the store has to say so.
            return Expect::Either;
        }
        let joined = place.room.is_here(from.connection);
        let expect = place
            .decided
            .expect(&self.cast, joined, self.now, from, command);
        if let (Command::Undelete { of, .. }, Expect::Accept | Expect::Refuse(Code::NotPermitted)) =
            (command, expect)
        {
            let in_time = self.expect_undo(room, *of);
            return if in_time == Expect::Accept {
                expect
            } else {
                in_time
            };
        }
        if expect != Expect::Accept {
            return expect;
        }
        let talks = matches!(command, Command::Publish { .. } | Command::Edit { .. });
        if talks && self.is_too_fast(room, from) {
            return Expect::Refuse(Code::RateLimited);
        }
        match command {
            Command::Publish { .. } => self.expect_pace(room, from),
            _ => expect,
        }
    }

    fn expect_undo(&self, room: usize, of: u64) -> Expect {
        let within_ms = limits::UNDO_WITHIN.as_millis() as u64;
        match self.places[room].deleted_ms.get(&of) {
            // By a former process: the wall clock decides.
            None => Expect::Either,
            Some(at) if at + within_ms > self.now.mono_ms => Expect::Accept,
            Some(_) => Expect::Refuse(Code::NoSuchMessage),
        }
    }

    fn is_too_fast(&self, room: usize, from: &Origin) -> bool {
        let place = &self.places[room];
        let me = &from.who.id;
        let every_ms = place.meta.rates.talk.every_ms;
        every_ms > 0
            && !place.decided.runs(&self.cast, me)
            && place.credit_ms(me, self.now) < every_ms
    }

    pub(super) fn expect_pace(&self, room: usize, from: &Origin) -> Expect {
        let place = &self.places[room];
        if self.cast.role(&from.who.id).is_staff() || place.decided.gap_ms == 0 {
            return Expect::Accept;
        }
        match place.spoke.get(&from.who.id) {
            // Heard by a former process, or never: the wall clock decides, and it jumps here.
            None => Expect::Either,
            Some(at) if at + place.decided.gap_ms > self.now.mono_ms => {
                Expect::Refuse(Code::SlowMode)
            }
            Some(_) => Expect::Accept,
        }
    }

    pub(super) fn fetch(&mut self, room: usize, who: &Who, command: &Command) {
        let place = &mut self.places[room];
        let mut last = None;
        while let Some(need) = place
            .room
            .needs(who, command)
            .filter(|it| last.as_ref() != Some(it))
        {
            match &need {
                Need::Record(seq) => {
                    self.seen.note("looked up");
                    let record = place.disk.record(*seq).expect("an old seq is on disk");
                    place.room.remember_record(self.now, record);
                }
                Need::Member(member) => {
                    place.room.remember_member(self.cast.who(member).clone());
                }
                Need::Board(_) => unreachable!("no room of the simulation is a topic"),
                Need::Upload(blob) => {
                    // Now and then it is somebody else's, or too old.
                    let mine = self.random.percent(80);
                    let by = if mine { &who.id } else { &self.cast.maker };
                    let hours = u64::from(self.random.percent(10)) * 3_600_000;
                    place.room.remember_upload(Upload {
                        blob: blob.clone(),
                        by: by.clone(),
                        kind: BlobKind::Image,
                        bytes: 1_000,
                        size: Some((640, 480)),
                        duration_ms: None,
                        made_ms: Some(self.now.unix_ms.saturating_sub(hours)),
                        shown: false,
                    });
                }
            }
            last = Some(need);
        }
    }
}
