//! One writer: speaks at its times whatever the server does, and counts what was acknowledged.

use std::{
    collections::{BTreeMap, HashMap},
    fs::File,
    io::Write,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use hdrhistogram::Histogram;
use protocol::{
    Act, limits,
    server::{Answer, Outcome, Reply},
};
use tokio::time::{self, Instant};

use super::{
    Common, Dialect,
    wire::{Frame, Wire},
};
use crate::report;

/// What stands before the intended time of sending in every text.
pub(crate) const STAMP: &[u8] = b"wq@";

/// What writers said and what became of it.
#[derive(Clone, Debug)]
pub(crate) struct Spoken {
    pub(crate) sent: u64,
    pub(crate) acked: u64,
    /// Acks in the counted part of the run.
    pub(crate) counted: u64,
    pub(crate) refused: BTreeMap<String, u64>,
    /// Sends that left more than 10 ms after their time: the generator was too slow.
    pub(crate) late: u64,
    pub(crate) ack_us: Histogram<u64>,
    last: BTreeMap<String, u64>,
}

impl Spoken {
    pub(crate) fn new() -> Self {
        Self {
            sent: 0,
            acked: 0,
            counted: 0,
            refused: BTreeMap::new(),
            late: 0,
            ack_us: report::histogram(),
            last: BTreeMap::new(),
        }
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.sent += other.sent;
        self.acked += other.acked;
        self.counted += other.counted;
        self.late += other.late;
        self.ack_us
            .add(&other.ack_us)
            .expect("histograms of one shape");
        for (code, n) in other.refused {
            *self.refused.entry(code).or_default() += n;
        }
        for (room, seq) in other.last {
            let known = self.last.entry(room).or_default();
            *known = (*known).max(seq);
        }
    }

    /// The last acknowledged seq of each room.
    pub(crate) fn last_by_room(&self) -> &BTreeMap<String, u64> {
        &self.last
    }
}

pub(crate) struct Writer {
    common: Arc<Common>,
    n: usize,
    room: String,
    wire: Wire,
    a: u32,
    request: u32,
    /// Request → (intended time in µs, text).
    waiting: HashMap<u32, (u64, String)>,
    acked_file: Option<File>,
    spoken: Spoken,
}

impl Writer {
    pub(crate) async fn open(common: Arc<Common>, n: usize) -> Result<Self> {
        let room = common.room(n);
        let acked_file = match &common.plan.acked {
            Some(path) => Some(
                File::options()
                    .create(true)
                    .append(true)
                    .open(path)
                    .with_context(|| format!("cannot write {}", path.display()))?,
            ),
            None => None,
        };
        let (wire, a) = match common.dialect() {
            Dialect::Weiquan => hello(&common, n, &room).await?,
            Dialect::Relay => (
                Wire::open(common.server(), &format!("/p/{room}"), None).await?,
                1,
            ),
        };
        Ok(Self {
            common,
            n,
            room,
            wire,
            a,
            request: 10,
            waiting: HashMap::new(),
            acked_file,
            spoken: Spoken::new(),
        })
    }

    /// Speaks until the run is over, then waits for what is still unacknowledged.
    pub(crate) async fn speak(mut self) -> Result<Spoken> {
        if self.common.plan.in_flight > 0 {
            self.speak_as_acked().await?;
        } else {
            self.speak_on_time().await?;
        }
        let deadline = Instant::now() + Duration::from_secs(10);
        while !self.waiting.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            match time::timeout(left, self.hear()).await {
                Ok(heard) => heard?,
                Err(_) => bail!("{} messages were never answered", self.waiting.len()),
            }
        }
        Ok(self.spoken)
    }

    /// Open model: message k of this writer is due at a fixed time, whatever came back so far.
    async fn speak_on_time(&mut self) -> Result<()> {
        let writers = self.common.plan.writers as f64;
        let gap = Duration::from_secs_f64(writers / self.common.plan.rate);
        // Writers are spread over the gap, so that the room hears an even rate.
        let begin = Instant::now() + gap.mul_f64(self.n as f64 / writers);
        let mut k = 0_u32;
        while !self.common.clock.over() {
            let due = begin + gap * k;
            k += 1;
            while Instant::now() < due {
                tokio::select! {
                    () = time::sleep_until(due) => {}
                    heard = self.hear() => heard?,
                }
            }
            let late = due.elapsed();
            self.spoken.late += u64::from(late > Duration::from_millis(10));
            let intended_us = self
                .common
                .clock
                .now_us()
                .saturating_sub(u64::try_from(late.as_micros())?);
            self.say(intended_us).await?;
        }
        Ok(())
    }

    /// Closed model: as many as are allowed wait for their ack.
    async fn speak_as_acked(&mut self) -> Result<()> {
        ensure!(
            self.common.dialect() == Dialect::Weiquan,
            "--in-flight needs acks"
        );
        while !self.common.clock.over() {
            while self.waiting.len() < self.common.plan.in_flight {
                let now_us = self.common.clock.now_us();
                self.say(now_us).await?;
            }
            self.hear().await?;
        }
        Ok(())
    }

    async fn say(&mut self, intended_us: u64) -> Result<()> {
        self.request += 1;
        self.spoken.sent += 1;
        let i = self.request;
        let mut text = format!("wq@{intended_us} {}.{i} ", self.n);
        while text.len() < self.common.text_bytes() {
            text.push('x');
        }
        let a = self.a;
        match self.common.dialect() {
            Dialect::Weiquan => {
                let cid = uuid::Uuid::now_v7();
                let frame =
                    format!(r#"{{"op":"pub","i":{i},"a":{a},"cid":"{cid}","text":"{text}"}}"#);
                self.waiting.insert(i, (intended_us, text));
                self.wire.send(frame.as_bytes()).await
            }
            Dialect::Relay => {
                // Seqs of one writer alone are gapless, so a relay is driven by one writer a room.
                let s = self.spoken.sent;
                let t = 1_795_000_000_000_u64 + intended_us / 1_000;
                let frame = format!(
                    r#"{{"op":"ev","a":{a},"s":[{s},{s}],"ev":[{{"s":{s},"t":{t},"u":{{"id":"m_0123456789abcdef","name":"load-{}","mark":"member"}},"k":"msg","b":{{"text":"{text}"}}}}]}}"#,
                    self.n
                );
                self.spoken.acked += 1;
                self.spoken.counted += u64::from(self.common.clock.counting());
                self.spoken.last.insert(self.room.clone(), s);
                self.wire.send(frame.as_bytes()).await
            }
        }
    }

    /// Takes what the server says.
    async fn hear(&mut self) -> Result<()> {
        let mut answers = Vec::new();
        let mut ping = false;
        let open = self
            .wire
            .read(|frame| {
                if let Frame::Text(text) = frame {
                    if text.starts_with(br#"{"i":"#) {
                        answers.push(serde_json::from_slice::<Answer>(text));
                    }
                    ping |= text.starts_with(br#"{"op":"ping""#);
                }
            })
            .await?;
        ensure!(open, "the server closed writer {}", self.n);
        if ping {
            self.wire.send(br#"{"op":"pong"}"#).await?;
        }
        for answer in answers {
            self.answered(answer.context("an unreadable answer")?)?;
        }
        Ok(())
    }

    fn answered(&mut self, answer: Answer) -> Result<()> {
        let Some((intended_us, text)) = self.waiting.remove(&answer.i) else {
            return Ok(());
        };
        match answer.outcome {
            Outcome::Ok(Reply::Ack(ack)) => {
                self.spoken.acked += 1;
                let last = self.spoken.last.entry(self.room.clone()).or_default();
                *last = (*last).max(ack.s);
                if self.common.clock.counting() {
                    self.spoken.counted += 1;
                    let took = self.common.clock.now_us().saturating_sub(intended_us);
                    self.spoken.ack_us.saturating_record(took);
                }
                if let Some(file) = &mut self.acked_file {
                    writeln!(file, "{text}").context("cannot note an ack")?;
                }
            }
            Outcome::Ok(_) => bail!("an answer of another kind"),
            Outcome::Err(refusal) => {
                ensure!(refusal.act != Act::Stop, "refused for good: {refusal}");
                *self
                    .spoken
                    .refused
                    .entry(refusal.code.as_str().to_owned())
                    .or_default() += 1;
            }
        }
        Ok(())
    }
}

async fn hello(common: &Common, n: usize, room: &str) -> Result<(Wire, u32)> {
    let path = format!("/ws?room={room}");
    let mut wire = Wire::open(common.server(), &path, Some(limits::SUBPROTOCOL)).await?;
    // Tokens of the viewers come first in the file.
    let token = &common.tokens[common.plan.viewers + n];
    let hello = format!(
        r#"[{{"op":"hello","i":1,"token":"{token}","device":"write-{n}"}},{{"op":"join","i":2,"room":"{room}"}}]"#
    );
    wire.send(hello.as_bytes()).await?;
    let mut joined = None;
    while joined.is_none() {
        let mut answers = Vec::new();
        let open = wire
            .read(|frame| {
                if let Frame::Text(text) = frame
                    && text.starts_with(br#"{"i":"#)
                {
                    answers.push(serde_json::from_slice::<Answer>(text));
                }
            })
            .await?;
        ensure!(open, "closed before writer {n} had joined {room}");
        for answer in answers {
            match answer.context("an unreadable answer")?.outcome {
                Outcome::Ok(Reply::Joined(it)) => joined = Some(it.a),
                Outcome::Ok(_) => {}
                Outcome::Err(refusal) => bail!("writer {n} was refused: {refusal}"),
            }
        }
    }
    Ok((wire, joined.expect("the loop ends with it")))
}
