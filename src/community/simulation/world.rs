//! The world around the rooms: it plays the people, the actor that carries out effects, the disk,
//! media and both clocks.

use std::collections::{BTreeMap, BTreeSet};

use protocol::{ClientId, Epoch, MemberId, limits, server::Ack};

use super::{client::Client, life::Waits, model::Expect, place::Place, random::Random};
use crate::{Now, Role, Who};

pub(super) const ROOMS: usize = 2;
const DEVICES: usize = 10;

/// Everybody there is, with their roles.
pub(super) struct Cast {
    pub(super) people: Vec<Who>,
    pub(super) maker: MemberId,
}

impl Cast {
    pub(super) fn new() -> Self {
        let roles = [
            ("owner", Role::Owner),
            ("mod", Role::Moderator),
            ("mod2", Role::Moderator),
            ("maker", Role::Member),
            ("ann", Role::Member),
            ("bob", Role::Member),
            ("guest", Role::Guest),
        ];
        let person = |(name, role): (&str, Role)| Who {
            id: MemberId::from(name),
            name: name.into(),
            role,
            traces: crate::Traces::default(),
        };
        Self {
            people: roles.into_iter().map(person).collect(),
            maker: MemberId::from("maker"),
        }
    }

    pub(super) fn role(&self, member: &MemberId) -> Role {
        self.who(member).role
    }

    pub(super) fn who(&self, member: &MemberId) -> &Who {
        self.people
            .iter()
            .find(|it| it.id == *member)
            .expect("one of the cast")
    }
}

/// How often things happened: a promise that was never put to the test is not a promise kept.
#[derive(Default)]
pub(super) struct Seen(BTreeMap<&'static str, u64>);

impl Seen {
    pub(super) fn note(&mut self, what: &'static str) {
        *self.0.entry(what).or_default() += 1;
    }

    pub(super) fn add(&mut self, other: &Self) {
        for (what, n) in &other.0 {
            *self.0.entry(what).or_default() += n;
        }
    }

    pub(super) fn check(&self) {
        for what in [
            "new",
            "dup",
            "muted",
            "banned",
            "slow_mode",
            "no_such_message",
            "not_permitted",
            "guests_not_allowed",
            "wrong_phase",
            "no_such_question",
            "no_such_blob",
            "shared",
            "rate_limited",
            "questions_only",
            "host_only",
            "restored",
            "word_refused",
            "kicked",
            "held",
            "reviewed",
            "brought back",
            "erased in time",
            "left out",
            "pinned",
            "taken down",
            "co-host",
            "picked",
            "answered",
            "crash",
            "failed commit",
            "landed after all",
            "conflict",
            "resumed",
            "gap",
            "out",
            "live",
            "paused",
            "ended",
            "looked up",
            "history",
            "left to the store",
            "unacknowledged kept",
            "voted",
            "liked",
            "poll closed",
            "poll with votes",
            "poll_closed",
            "too_many_polls",
            "measured",
            "measured before a crash",
            "watched",
        ] {
            let n = self.0.get(what).copied().unwrap_or_default();
            assert!(n >= 5, "only {n} × {what}; all: {:?}", self.0);
        }
    }
}

pub(super) struct World {
    pub(super) random: Random,
    pub(super) cast: Cast,
    pub(super) places: Vec<Place>,
    pub(super) clients: Vec<Client>,
    pub(super) now: Now,
    pub(super) next: u64,
    /// What each request that waits for its answer should hear, and its client id.
    pub(super) expected: BTreeMap<u64, (Expect, Option<ClientId>)>,
    /// Votes and likes that wait for their answer.
    pub(super) marking: BTreeMap<u64, Waits>,
    /// First results that clients were told, for ever.
    pub(super) acked: BTreeMap<(usize, MemberId, ClientId), Ack>,
    /// Some seeds let the room forget client ids, so that the store has to know them.
    pub(super) client_ids_kept: usize,
    pub(super) seen: Seen,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let cast = Cast::new();
        let now = Now {
            unix_ms: 1_800_000_000_000,
            mono_ms: random.below(100_000),
        };
        let client_ids_kept = if seed.is_multiple_of(3) {
            3
        } else {
            usize::MAX
        };
        // A quarter of the seeds begins with a log longer than what a room keeps.
        let old = if seed.is_multiple_of(4) {
            1_950 + random.below(1_000)
        } else {
            0
        };
        let places = (0..ROOMS)
            .map(|it| Place::new(it, &cast, now, old, client_ids_kept))
            .collect();
        let clients = (0..DEVICES)
            .map(|_| {
                let room = random.index(ROOMS);
                // In the room for members the guest is a rare sight.
                let people = cast.people.len() - usize::from(room > 0 && random.percent(80));
                let who = cast.people[random.index(people)].clone();
                let mut client = Client::new(room, who);
                if old > 0 && random.percent(50) {
                    client.was_here(
                        Epoch::from(format!("e{}", room + 1)),
                        random.below(old - 1_500),
                    );
                }
                client
            })
            .collect();
        Self {
            random,
            cast,
            places,
            clients,
            now,
            next: 1,
            expected: BTreeMap::new(),
            marking: BTreeMap::new(),
            acked: BTreeMap::new(),
            client_ids_kept,
            seen: Seen::default(),
        }
    }

    pub(super) fn run(&mut self, steps: usize) {
        for _ in 0..steps {
            self.step();
        }
        self.settle();
    }

    pub(super) fn step(&mut self) {
        let client = self.random.index(self.clients.len());
        let room = self.random.index(ROOMS);
        match self.random.below(1_000) {
            0..=399 => self.say(client),
            400..=449 => self.mark(client),
            450..=549 => self.come_or_go(client),
            550..=649 => self.append(room),
            650..=759 => self.sync(room),
            760..=859 => self.pass_time(),
            860..=869 => self.jump(),
            870..=919 => self.media(room),
            920..=959 => self.read_history(room),
            960..=969 => self.fail(room),
            970..=973 => self.crash(),
            _ => self.repeat(client),
        }
    }

    /// Everything comes to rest, everybody comes back, and all accounts must agree.
    pub(super) fn settle(&mut self) {
        for client in 0..self.clients.len() {
            if self.clients[client].connection.is_none() {
                self.come_or_go(client);
            }
        }
        for _ in 0..40 {
            for client in 0..self.clients.len() {
                self.repeat(client);
            }
            for room in 0..ROOMS {
                self.append(room);
                self.sync(room);
            }
        }
        // Longer than anybody is waited for, and longer than a delete can be taken back.
        self.advance(limits::UNDO_WITHIN.as_millis() as u64 + 2_000);
        for room in 0..ROOMS {
            // What conflicts is decided anew, which takes another append.
            for _ in 0..8 {
                self.append(room);
                self.sync(room);
            }
        }
        self.advance(2_000);
        self.check_marks();
        // A commit that found a known client id begins anew, and so does what is to be erased.
        for _ in 0..20 {
            for room in 0..ROOMS {
                self.append(room);
                self.sync(room);
            }
            self.advance(1);
        }
        for client in &self.clients {
            let place = &self.places[client.room];
            client.check(&place.committed, &place.epoch, place.room.shown_seq());
            if client.joined {
                let here: BTreeSet<MemberId> = place.here.keys().cloned().collect();
                assert_eq!(
                    client.count as usize,
                    here.len(),
                    "people are counted once: {here:?}"
                );
                assert_eq!(client.roster.as_ref(), Some(&here), "the roster is whole");
            }
        }
        for place in &self.places {
            let bodies = place.disk.bodies();
            for text in place.committed.erased.iter().filter(|it| !it.is_empty()) {
                let left = bodies.lines().find(|it| it.contains(&format!("{text:?}")));
                assert!(left.is_none(), "{text} was taken back: {left:?}");
            }
        }
        self.check_acks();
    }
}
