//! Many viewers that join, stall, leave and vanish at random while rooms are busy: everybody hears
//! every record beyond its place once and in order, or is told of the gap, and ends with the last
//! value of everything. Every third takes the deflated form, and nobody else ever hears it.
//!
//! `WEIQUAN_SEED` and `WEIQUAN_SEEDS` say where it begins and how many seeds it runs.
#![allow(clippy::unwrap_used)]

mod common;

use std::rc::Rc;

use common::{Client, Heard, Server, text};
use fanout::{Config, Order};
use protocol::Seq;
use rand::{RngExt, SeedableRng, rngs::SmallRng};
use tokio::{
    sync::watch,
    task::{JoinSet, LocalSet},
};

const ROOM: u32 = 1;
const OTHER: u32 = 2;
const STEPS: u64 = 120;

#[tokio::test]
async fn nobody_has_a_silent_hole_or_a_double() {
    let (mut gaps, mut deflated) = (0, 0);
    for seed in seeds::of(8) {
        let told = LocalSet::new().run_until(torture(seed)).await;
        gaps += told.gaps;
        deflated += told.deflated;
    }
    println!("gaps told: {gaps}, frames deflated: {deflated}");
    assert!(deflated > 0, "nobody heard the other form");
}

/// What the viewers heard.
#[derive(Clone, Copy, Default)]
struct Told {
    gaps: u64,
    deflated: usize,
}

async fn torture(seed: u64) -> Told {
    let mut random = SmallRng::seed_from_u64(seed);
    let server = Rc::new(Server::start(config(&mut random)).await);
    let (progress, watched) = watch::channel(0);
    let mut stage = Stage {
        server: server.clone(),
        seqs: [0; 2],
        values: [0; 2],
        progress,
    };
    let mut pace = Viewer::new(server.client().await, watched.clone(), seed, u64::MAX);
    stage.join(&pace, 0);
    let mut viewers = JoinSet::new();
    for step in 0..STEPS {
        if random.random_bool(0.3) {
            let receive = [None, Some(2_048), Some(16_384)][random.random_range(0..3)];
            let client = if random.random_ratio(1, 3) {
                server.deflating(receive).await
            } else {
                server.client_with(0, receive, b"").await
            };
            let viewer_seed = seed << 32 | step;
            // Some go before the end, by a goodbye or without a word.
            let ends_at = if random.random_bool(0.3) {
                step + 20
            } else {
                u64::MAX
            };
            let viewer = Viewer::new(client, watched.clone(), viewer_seed, ends_at);
            // Some come back from a position that is a little behind.
            stage.join(&viewer, random.random_range(0..6));
            viewers.spawn_local(viewer.live());
        }
        stage.publish(&mut random, step);
        pace.hear_until(stage.seqs[0]).await;
    }
    stage.finish();
    pace.live().await;
    let mut told = Told::default();
    while let Some(viewer) = viewers.join_next().await {
        let heard = viewer.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        told.gaps += heard.gaps;
        told.deflated += heard.deflated;
    }
    told
}

fn config(random: &mut SmallRng) -> Config {
    Config {
        turn_sends: random.random_range(1..8),
        ring_frames_max: random.random_range(4..64),
        ring_bytes_max: random.random_range(20_000..400_000),
        write_bytes_max: random.random_range(1_000..64_000),
        ..Config::default()
    }
}

/// The one who publishes and lets in, as a room's task does.
struct Stage {
    server: Rc<Server>,
    seqs: [Seq; 2],
    values: [u64; 2],
    /// The step; `u64::MAX` at the end.
    progress: watch::Sender<u64>,
}

impl Stage {
    fn join(&self, viewer: &Viewer, behind: Seq) {
        for (at, room) in [ROOM, OTHER].into_iter().enumerate() {
            let after = self.seqs[at].saturating_sub(behind);
            let first = text(&format!("joined {room} {after}"));
            let connection = viewer.client.id;
            self.server.shard().order(Order::Join {
                connection,
                room,
                first,
                after,
            });
        }
    }

    fn publish(&mut self, random: &mut SmallRng, step: u64) {
        for _ in 0..random.random_range(1..12) {
            let at = usize::from(random.random_bool(0.2));
            let room = [ROOM, OTHER][at];
            match random.random_range(0..10) {
                0..7 => {
                    let from = self.seqs[at] + 1;
                    self.seqs[at] += random.random_range(1..4);
                    let padding = if random.random_bool(0.2) { 12_000 } else { 100 };
                    self.server.log_in_both(
                        room,
                        from,
                        self.seqs[at],
                        random.random_range(0..padding),
                    );
                }
                7..9 => {
                    self.values[at] += 1;
                    self.server.state(room, 3, self.values[at]);
                }
                _ => self.server.burst(room, step),
            }
        }
        self.progress.send_replace(step);
    }

    /// A last value and a last record for both rooms, after which everybody may go.
    fn finish(&mut self) {
        for (at, room) in [ROOM, OTHER].into_iter().enumerate() {
            self.server.state(room, 3, 1_000_000);
            self.seqs[at] += 1;
            self.server.log(room, self.seqs[at], self.seqs[at], 0);
            let end = format!("end {room} {}", self.seqs[at]);
            let class = fanout::Class::State { key: 9 };
            self.server.shard().order(Order::Publish {
                room,
                frame: text(&end).into(),
                class,
            });
        }
        self.progress.send_replace(u64::MAX);
    }
}

/// Checks every frame it hears.
struct Viewer {
    client: Client,
    progress: watch::Receiver<u64>,
    random: SmallRng,
    ends_at: u64,
    seen: [Option<Seq>; 2],
    /// Nothing of the room's log was heard yet.
    is_fresh: [bool; 2],
    values: [u64; 2],
    ended: [bool; 2],
    gaps: u64,
}

impl Viewer {
    fn new(client: Client, progress: watch::Receiver<u64>, seed: u64, ends_at: u64) -> Self {
        let random = SmallRng::seed_from_u64(seed);
        let (seen, values, ended) = ([None; 2], [0; 2], [false; 2]);
        Self {
            client,
            progress,
            random,
            ends_at,
            seen,
            is_fresh: [true; 2],
            values,
            ended,
            gaps: 0,
        }
    }

    async fn hear_until(&mut self, seq: Seq) {
        while self.seen[0] < Some(seq) {
            self.hear().await;
        }
    }

    /// Listens to the end with random stalls, in which it reads nothing for some steps.
    async fn live(mut self) -> Told {
        while self.ended != [true; 2] {
            let step = *self.progress.borrow();
            if step != u64::MAX && step >= self.ends_at {
                if self.random.random_bool(0.5) {
                    self.client.send(&common::masked(0x88, b"")).await;
                }
                return self.told();
            }
            if self.random.random_bool(0.02) {
                let until = step.saturating_add(self.random.random_range(1..40));
                self.progress.wait_for(|it| *it >= until).await.unwrap();
            }
            self.hear().await;
        }
        assert_eq!(self.values, [1_000_000; 2], "a last value was lost");
        self.told()
    }

    fn told(&self) -> Told {
        Told {
            gaps: self.gaps,
            deflated: self.client.deflated,
        }
    }

    async fn hear(&mut self) {
        let heard = match self.client.hear().await {
            Heard::Text(text) => text.trim_end_matches('x').trim_end().to_owned(),
            other => panic!("{:?} heard {other:?}", self.client.id),
        };
        let words: Vec<&str> = heard.split(' ').collect();
        let number = |i: usize| words[i].parse::<u64>().unwrap();
        let at = (number(1) - 1) as usize;
        match words[0] {
            "joined" => {
                assert_eq!(self.seen[at], None, "{heard}");
                self.seen[at] = Some(number(2));
            }
            "log" | "gap" => {
                let seen = self.seen[at].expect("joined");
                // A frame is never cut: the first may begin with what was seen before the join.
                let is_next = number(2) == seen + 1 || (self.is_fresh[at] && number(2) <= seen);
                assert!(is_next && number(3) > seen, "{heard} after {seen}");
                self.is_fresh[at] = false;
                self.seen[at] = Some(number(3));
                self.gaps += u64::from(words[0] == "gap");
            }
            "state" => {
                assert!(
                    self.seen[at].is_some() && number(3) > self.values[at],
                    "{heard}"
                );
                self.values[at] = number(3);
            }
            "burst" => assert!(self.seen[at].is_some(), "{heard}"),
            "end" => {
                assert_eq!(self.seen[at], Some(number(2)), "{heard}");
                self.ended[at] = true;
            }
            _ => panic!("{heard}"),
        }
    }
}
