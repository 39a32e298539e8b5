//! What deflate saves and costs on real chat: `measure LINES`, a file with one message a line.
//!
//! It makes the frames of a room of 300 people with ids, times and names as they really are, and tells
//! the bytes of a message on the wire: as text, deflated without a dictionary, with ours, and with one
//! that was made from the first half of the file (the frames are of the second half alone). Behind them
//! stands the time that one message costs, at level 1 and at level 6; a frame is deflated once,
//! whoever and however many get it. With `--frames DIR` the frames are written there, for measuring
//! clients.

use std::{collections::HashMap, fs, hint::black_box, path::PathBuf, time::Instant};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use protocol::{
    limits,
    server::{
        Answer, Body, Joined, Mark, Outcome, Page, Person, Push, RecordFrame, Reply, Resumed,
        StageState, State,
    },
};
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use zlib_rs::{Deflate, DeflateFlush};

const PEOPLE: usize = 300;
/// Messages of each kind of frame.
const MESSAGES: usize = 4_000;
/// As long as ours.
const TRAINED_BYTES: usize = deflate::DICTIONARY.len();

#[derive(Parser)]
struct Asked {
    /// Chat, one message a line.
    lines: PathBuf,
    /// Write the frames of every kind here, one a line.
    #[arg(long)]
    frames: Option<PathBuf>,
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> Result<()> {
    let asked = Asked::parse();
    let text = fs::read_to_string(&asked.lines)
        .with_context(|| format!("cannot read {}", asked.lines.display()))?;
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|it| !it.is_empty() && it.chars().count() <= limits::TEXT_CHARS_MAX)
        .collect();
    ensure!(lines.len() >= 1_000, "a thousand lines are the least");
    let (learned, measured) = lines.split_at(lines.len() / 2);
    let trained = train(learned);
    let said: usize = measured.iter().map(|it| it.len()).sum();
    println!(
        "{} messages of {} bytes on average; dictionaries of {} and {} bytes",
        measured.len(),
        said / measured.len(),
        deflate::DICTIONARY.len(),
        trained.len()
    );
    println!(
        "{:>12} {:>7} | {:>7} {:>7} | {:>7} {:>7} | {:>7} {:>7} | {:>9} {:>9} {:>9}",
        "",
        "text",
        "none 1",
        "none 6",
        "ours 1",
        "ours 6",
        "made 1",
        "made 6",
        "ns 1",
        "ns 6",
        "ns ready"
    );
    let mut room = Room::new(measured, asked.seed);
    for kind in KINDS {
        let frames: Vec<Vec<u8>> = (0..MESSAGES.div_ceil(kind.records))
            .map(|_| room.frame(*kind))
            .collect();
        if let Some(folder) = &asked.frames {
            fs::create_dir_all(folder)?;
            let path = folder.join(format!("{}.txt", kind.name.replace(' ', "-")));
            fs::write(path, frames.join(&b'\n'))?;
        }
        tell(*kind, &frames, &trained);
    }
    Ok(())
}

fn tell(kind: Kind, frames: &[Vec<u8>], trained: &[u8]) {
    let messages = (frames.len() * kind.records) as f64;
    let text: usize = frames.iter().map(Vec::len).sum();
    let mut bytes = Vec::new();
    for dictionary in [&[][..], deflate::DICTIONARY, trained] {
        for level in [1, 6] {
            bytes.push(Way::new(level, dictionary).all(frames).0 as f64 / messages);
        }
    }
    let ns = |level: i32| Way::new(level, deflate::DICTIONARY).all(frames).1 / messages;
    // What a frame of no length costs: to make the state ready, mostly.
    let empty = vec![Vec::new(); 2_000];
    let ready = Way::new(1, deflate::DICTIONARY).all(&empty).1 / 2_000.0;
    println!(
        "{:>12} {:>7.1} | {:>7.1} {:>7.1} | {:>7.1} {:>7.1} | {:>7.1} {:>7.1} | {:>9.0} {:>9.0} {:>9.0}",
        kind.name,
        text as f64 / messages,
        bytes[0],
        bytes[1],
        bytes[2],
        bytes[3],
        bytes[4],
        bytes[5],
        ns(1),
        ns(6),
        ready
    );
}

/// One way to deflate.
struct Way<'a> {
    state: Deflate,
    dictionary: &'a [u8],
    out: Vec<u8>,
}

impl<'a> Way<'a> {
    fn new(level: i32, dictionary: &'a [u8]) -> Self {
        Self {
            state: Deflate::new(level, false, 15),
            dictionary,
            out: vec![0; 2 * 1024 * 1024],
        }
    }

    /// The bytes of all frames and the best time of five for them, in ns.
    fn all(&mut self, frames: &[Vec<u8>]) -> (u64, f64) {
        let (mut bytes, mut best) = (0, f64::MAX);
        for _ in 0..5 {
            let start = Instant::now();
            bytes = frames.iter().map(|it| self.one(it)).sum();
            best = best.min(start.elapsed().as_nanos() as f64);
        }
        (bytes, best)
    }

    fn one(&mut self, frame: &[u8]) -> u64 {
        self.state.reset();
        if !self.dictionary.is_empty() {
            self.state
                .set_dictionary(self.dictionary)
                .expect("a fresh state takes one");
        }
        self.state
            .compress(frame, &mut self.out, DeflateFlush::Finish)
            .expect("there is room enough");
        black_box(&self.out);
        self.state.total_out()
    }
}

#[derive(Clone, Copy)]
struct Kind {
    name: &'static str,
    records: usize,
    make: fn(&mut Room<'_>, Vec<RecordFrame>) -> Vec<u8>,
}

const KINDS: &[Kind] = &[
    Kind::ev("1 record", 1),
    Kind::ev("5 records", 5),
    Kind::ev("10 records", 10),
    Kind::ev("50 records", 50),
    Kind {
        name: "joined 50",
        records: 50,
        make: joined,
    },
    Kind {
        name: "page 200",
        records: 200,
        make: page,
    },
];

impl Kind {
    const fn ev(name: &'static str, records: usize) -> Self {
        Self {
            name,
            records,
            make: ev,
        }
    }
}

fn ev(_: &mut Room<'_>, ev: Vec<RecordFrame>) -> Vec<u8> {
    let s = (ev[0].s, ev[ev.len() - 1].s);
    serde_json::to_vec(&Push::Ev {
        a: 7,
        s,
        skip: 0,
        ev,
    })
    .expect("plain data")
}

fn joined(room: &mut Room<'_>, ev: Vec<RecordFrame>) -> Vec<u8> {
    answer(Reply::Joined(Box::new(Joined {
        a: 7,
        room: "lobby".into(),
        title: "大厅".into(),
        e: "k3".into(),
        s: room.seq,
        resumed: Resumed::Fresh,
        gap: None,
        ev,
        more: false,
        state: State {
            count: Some(12_034),
            slow_mode_ms: Some(0),
            stage: Some(StageState {
                here: true,
                video: true,
                audio: true,
            }),
            ..State::default()
        },
        roster: None,
        can: ["watch", "talk", "react", "edit", "delete"]
            .map(String::from)
            .into(),
        mark: Mark::Member,
        muted_until_ms: None,
        voted: Vec::new(),
        held: None,
    })))
}

fn page(_: &mut Room<'_>, page: Vec<RecordFrame>) -> Vec<u8> {
    answer(Reply::Page(Page { page, end: false }))
}

fn answer(reply: Reply) -> Vec<u8> {
    let outcome = Outcome::Ok(reply);
    serde_json::to_vec(&Answer { i: 2, outcome }).expect("plain data")
}

/// People who talk: half of what is said comes from a tenth of them.
struct Room<'a> {
    lines: &'a [&'a str],
    said: usize,
    people: Vec<Person>,
    random: SmallRng,
    seq: u64,
    unix_ms: u64,
}

impl<'a> Room<'a> {
    fn new(lines: &'a [&'a str], seed: u64) -> Self {
        let mut random = SmallRng::seed_from_u64(seed);
        let letters: Vec<char> = lines
            .iter()
            .flat_map(|it| it.chars())
            .filter(|it| ('一'..='龥').contains(it))
            .collect();
        let people = (0..PEOPLE).map(|_| person(&mut random, &letters)).collect();
        Self {
            lines,
            said: 0,
            people,
            seq: random.random_range(1_000..90_000),
            unix_ms: 1_795_000_000_000 + random.random_range(0..1_000_000_000),
            random,
        }
    }

    fn frame(&mut self, kind: Kind) -> Vec<u8> {
        let records = (0..kind.records).map(|_| self.record()).collect();
        (kind.make)(self, records)
    }

    /// The next message: about 15 a second, every twelfth a reply.
    fn record(&mut self) -> RecordFrame {
        let random = &mut self.random;
        self.seq += 1;
        self.unix_ms += random.random_range(1..130);
        let among = if random.random_bool(0.5) {
            PEOPLE / 10
        } else {
            PEOPLE
        };
        let text = self.lines[self.said % self.lines.len()].to_owned();
        self.said += 1;
        let re = random.random_bool(1.0 / 12.0);
        RecordFrame {
            s: self.seq,
            t: self.unix_ms,
            pos: Some(self.unix_ms - 1_794_999_000_000),
            u: self.people[random.random_range(0..among)].clone(),
            body: Body::Msg {
                text,
                re: re.then(|| self.seq - random.random_range(1..30)),
                root: None,
                likes: 0,
                replies: 0,
                edits: 0,
                deleted: false,
                question: None,
                card: None,
                held: None,
                to: Vec::new(),
                doc: None,
            },
        }
    }
}

/// Ids are as long as those of accounts and guests, and as random.
fn person(random: &mut SmallRng, letters: &[char]) -> Person {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (kind, digits, mark) = if random.random_bool(0.6) {
        ("m_", 16, Mark::Member)
    } else {
        ("g_", 22, Mark::Guest)
    };
    let id: String = (0..digits)
        .map(|_| char::from(DIGITS[random.random_range(0..DIGITS.len())]))
        .collect();
    let name = (0..random.random_range(2..7))
        .map(|_| letters[random.random_range(0..letters.len())])
        .collect();
    Person {
        id: format!("{kind}{id}").into(),
        name,
        mark,
    }
}

/// The pieces of two to six letters that would save most, the best last, before the bones of ours.
fn train(lines: &[&str]) -> Vec<u8> {
    let mut counts: HashMap<String, usize> = HashMap::new();
    for line in lines {
        let letters: Vec<char> = line.chars().collect();
        for length in 2..=6 {
            for piece in letters.windows(length) {
                *counts.entry(piece.iter().collect()).or_default() += 1;
            }
        }
    }
    let mut pieces: Vec<(usize, String)> = counts
        .into_iter()
        .filter(|it| it.1 > 8)
        .map(|(piece, count)| (count * (piece.len() - 2), piece))
        .collect();
    pieces.sort_unstable_by(|one, other| other.cmp(one));
    let ours = deflate::DICTIONARY;
    let bones = ours
        .windows(7)
        .position(|it| it == br#""card":"#)
        .unwrap_or(0);
    let (mut taken, mut bytes) = (Vec::new(), ours.len() - bones);
    for (_, piece) in pieces {
        if bytes + piece.len() > TRAINED_BYTES {
            break;
        }
        if !taken.iter().any(|it: &String| it.contains(&piece)) {
            bytes += piece.len();
            taken.push(piece);
        }
    }
    taken.reverse();
    [taken.concat().as_bytes(), &ours[bones..]].concat()
}
