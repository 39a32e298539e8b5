//! One writer: speaks at its times whatever the server does, and counts what was acknowledged. What it
//! wants to say is kept until it is acknowledged, and said again under the same client id after a cut
//! or a refusal with `retry` (PROTOCOL P2).

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs::File,
    io::Write,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use protocol::{
    Act, Refusal, limits,
    server::{Ack, AckKind, Answer, Outcome, Reply},
};
use tokio::time::{self, Instant};

use super::{
    Common, Dialect,
    enter::{Ticket, enter, enter_again},
    sight::digest,
    spoken::Spoken,
    wire::{Frame, Wire},
};

/// A send that leaves later than this was the generator's fault.
const LATE: Duration = Duration::from_millis(10);

struct Waiting {
    client_id: uuid::Uuid,
    intended_us: u64,
    text: String,
}

/// How a try to use the line ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
enum Line {
    Whole,
    Broken,
}

pub(super) struct Writer {
    common: Arc<Common>,
    n: usize,
    ticket: Ticket,
    wire: Wire,
    a: u32,
    request: u32,
    /// What is not acknowledged, in the order in which it was meant.
    outbox: BTreeMap<u64, Waiting>,
    /// Of them, what has to be said (again) …
    unsaid: BTreeSet<u64>,
    /// … what has to be said again, but not before then …
    later: Vec<(Instant, u64)>,
    /// … and what is on its way, by request.
    on_the_way: HashMap<u32, u64>,
    /// When the line came back last: what was due while it was cut is not late by our fault.
    back: Instant,
    acked_file: Option<File>,
    spoken: Spoken,
}

impl Writer {
    pub(super) async fn open(common: Arc<Common>, n: usize) -> Result<Self> {
        let plan = &common.plan;
        let acked_file = match &plan.acked {
            Some(path) => Some(
                File::options()
                    .create(true)
                    .append(true)
                    .open(path)
                    .with_context(|| format!("cannot write {}", path.display()))?,
            ),
            None => None,
        };
        let ticket = Ticket {
            n,
            // Tokens of the viewers come first in the file.
            token: plan.viewers + n,
            device: format!("write-{n}"),
            room: common.room(n),
            window: None,
        };
        let mut spoken = Spoken::new();
        let (wire, a) = match plan.dialect {
            Dialect::Weiquan => {
                let entered = match enter(&common, &ticket, None).await {
                    Err(_) if plan.through_restarts => enter_again(&common, &ticket, None).await?,
                    first => first.with_context(|| format!("writer {n}"))?,
                };
                spoken.said(&ticket.room, entered.joined.s);
                (entered.wire, entered.joined.a)
            }
            Dialect::Relay => {
                let path = format!("/p/{}", ticket.room);
                (Wire::open(&common.door, n, &path, None).await?, 1)
            }
        };
        Ok(Self {
            n,
            ticket,
            wire,
            a,
            request: 10,
            outbox: BTreeMap::new(),
            unsaid: BTreeSet::new(),
            later: Vec::new(),
            on_the_way: HashMap::new(),
            back: Instant::now(),
            acked_file,
            spoken,
            common,
        })
    }

    /// Speaks until the run is over, then waits for what is still unacknowledged.
    pub(super) async fn speak(mut self) -> Result<Spoken> {
        if self.common.plan.in_flight > 0 {
            self.speak_as_acked().await?;
        } else {
            self.speak_on_time().await?;
        }
        self.wait_for_acks().await?;
        Ok(self.spoken)
    }

    /// Says `count` messages at once and waits until they are acknowledged.
    pub(super) async fn say_all(&mut self, count: usize) -> Result<()> {
        for _ in 0..count {
            let now_us = self.common.clock.now_us();
            self.mean(now_us);
        }
        let said = self.say().await?;
        self.mend(said).await?;
        self.wait_for_acks().await
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
            self.attend_until(due).await?;
            let late = due.elapsed();
            self.spoken.late += u64::from(late > LATE && due > self.back);
            let now_us = self.common.clock.now_us();
            self.mean(now_us.saturating_sub(u64::try_from(late.as_micros())?));
            let said = self.say().await?;
            self.mend(said).await?;
        }
        Ok(())
    }

    /// Closed model: as many as are allowed wait for their ack.
    async fn speak_as_acked(&mut self) -> Result<()> {
        while !self.common.clock.over() {
            while self.outbox.len() < self.common.plan.in_flight {
                let now_us = self.common.clock.now_us();
                self.mean(now_us);
            }
            let said = self.say().await?;
            self.mend(said).await?;
            let soon = Instant::now() + Duration::from_secs(1);
            self.attend_once(soon).await?;
        }
        Ok(())
    }

    async fn wait_for_acks(&mut self) -> Result<()> {
        let deadline = Instant::now() + self.common.plan.settle_within();
        while !self.outbox.is_empty() {
            ensure!(
                Instant::now() < deadline,
                "{} messages of writer {} were never answered",
                self.outbox.len(),
                self.n
            );
            self.attend_once(deadline).await?;
        }
        Ok(())
    }

    async fn attend_until(&mut self, until: Instant) -> Result<()> {
        while Instant::now() < until {
            self.attend_once(until).await?;
        }
        Ok(())
    }

    /// Waits for one thing: an answer, the moment to say something again, or `until`.
    async fn attend_once(&mut self, until: Instant) -> Result<()> {
        let again = self.later.iter().map(|it| it.0).min();
        let line = tokio::select! {
            heard = self.hear() => heard?,
            () = time::sleep_until(again.map_or(until, |it| it.min(until))) => {
                let now = Instant::now();
                let due = self.later.extract_if(.., |it| it.0 <= now);
                self.unsaid.extend(due.map(|it| it.1));
                Line::Whole
            }
        };
        self.mend(line).await?;
        let said = self.say().await?;
        self.mend(said).await
    }

    /// After a cut: comes back, if the plan says so, and says again what was not acknowledged.
    async fn mend(&mut self, line: Line) -> Result<()> {
        let mut line = line;
        while line == Line::Broken {
            ensure!(
                self.common.plan.through_restarts,
                "the server closed writer {}",
                self.n
            );
            self.common.live.cuts.fetch_add(1, Ordering::Relaxed);
            let entered = enter_again(&self.common, &self.ticket, None).await?;
            self.spoken.cuts += 1;
            (self.wire, self.a) = (entered.wire, entered.joined.a);
            self.on_the_way.clear();
            self.later.clear();
            self.unsaid = self.outbox.keys().copied().collect();
            self.back = Instant::now();
            line = self.say().await?;
        }
        Ok(())
    }

    /// Puts a message into the outbox.
    fn mean(&mut self, intended_us: u64) {
        self.spoken.sent += 1;
        let order = self.spoken.sent;
        let mut text = format!("wq@{intended_us} {}.{order} ", self.n);
        let lines = &self.common.lines;
        if !lines.is_empty() {
            let turn = usize::try_from(order).unwrap_or(0) * self.common.plan.writers + self.n;
            text.push_str(&lines[turn % lines.len()]);
        }
        while lines.is_empty() && text.len() < self.common.plan.text_bytes {
            text.push('x');
        }
        let waiting = Waiting {
            client_id: uuid::Uuid::now_v7(),
            intended_us,
            text,
        };
        self.outbox.insert(order, waiting);
        self.unsaid.insert(order);
    }

    /// Says what is unsaid, as far as the protocol lets requests wait (F5).
    async fn say(&mut self) -> Result<Line> {
        while self.on_the_way.len() < limits::IN_FLIGHT_MAX
            && let Some(order) = self.unsaid.pop_first()
        {
            let line = match self.common.plan.dialect {
                Dialect::Weiquan => self.say_one(order).await,
                Dialect::Relay => self.relay_one(order).await,
            };
            if line == Line::Broken {
                return Ok(line);
            }
        }
        Ok(Line::Whole)
    }

    async fn say_one(&mut self, order: u64) -> Line {
        self.request += 1;
        let i = self.request;
        let Waiting {
            client_id, text, ..
        } = &self.outbox[&order];
        let a = self.a;
        let frame =
            format!(r#"{{"op":"pub","i":{i},"a":{a},"cid":"{client_id}","text":"{text}"}}"#);
        self.on_the_way.insert(i, order);
        self.send(&frame).await
    }

    /// Sends a relay the frame that weiquan would have made. Seqs of one writer alone are gapless, so a
    /// relay is driven by one writer a room.
    async fn relay_one(&mut self, s: u64) -> Line {
        let waiting = self.outbox.remove(&s).expect("it was to be said");
        let (a, n, text) = (self.a, self.n, waiting.text);
        let t = waiting.intended_us / 1_000;
        let frame = format!(
            r#"{{"op":"ev","a":{a},"s":[{s},{s}],"ev":[{{"s":{s},"t":{t},"u":{{"id":"m_0123456789abcdef","name":"load-{n}","mark":"member"}},"k":"msg","b":{{"text":"{text}"}}}}]}}"#,
        );
        self.spoken.acked += 1;
        self.spoken.counted += u64::from(self.common.clock.counting());
        self.spoken.said(&self.ticket.room, 0).last = s;
        self.send(&frame).await
    }

    async fn send(&mut self, frame: &str) -> Line {
        match self.wire.send(frame.as_bytes()).await {
            Ok(()) => Line::Whole,
            Err(_) => Line::Broken,
        }
    }

    /// Takes what the server says. Nothing is lost if it is dropped while it waits.
    async fn hear(&mut self) -> Result<Line> {
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
            .await;
        for answer in answers {
            self.answered(answer.context("an unreadable answer")?)?;
        }
        if ping && self.send(r#"{"op":"pong"}"#).await == Line::Broken {
            return Ok(Line::Broken);
        }
        Ok(match open {
            Ok(true) => Line::Whole,
            Ok(false) | Err(_) => Line::Broken,
        })
    }

    fn answered(&mut self, answer: Answer) -> Result<()> {
        let Some(order) = self.on_the_way.remove(&answer.i) else {
            return Ok(());
        };
        match answer.outcome {
            Outcome::Ok(Reply::Ack(ack)) => self.acknowledged(order, &ack),
            Outcome::Ok(_) => bail!("an answer of another kind"),
            Outcome::Err(refusal) => self.refused(order, &refusal),
        }
    }

    fn acknowledged(&mut self, order: u64, ack: &Ack) -> Result<()> {
        let Waiting {
            intended_us, text, ..
        } = self.outbox.remove(&order).context("acknowledged twice")?;
        self.common.live.acked.fetch_add(1, Ordering::Relaxed);
        self.spoken.acked += 1;
        self.spoken.known += u64::from(ack.v == AckKind::Dup);
        let said = self.spoken.said(&self.ticket.room, ack.s);
        said.last = said.last.max(ack.s);
        if self.common.plan.reads_history() {
            said.acks.push((ack.s, digest(ack.s, text.as_bytes())));
        }
        if self.common.clock.counting() {
            self.spoken.counted += 1;
            let took = self.common.clock.now_us().saturating_sub(intended_us);
            self.spoken.ack_us.saturating_record(took);
        }
        if let Some(file) = &mut self.acked_file {
            // One write: the file is shared by all writers.
            let line = format!("{text}\n");
            file.write_all(line.as_bytes())
                .context("cannot note an ack")?;
        }
        Ok(())
    }

    fn refused(&mut self, order: u64, refusal: &Refusal) -> Result<()> {
        ensure!(refusal.act != Act::Stop, "refused for good: {refusal}");
        let code = refusal.code.as_str().to_owned();
        *self.spoken.refused.entry(code).or_default() += 1;
        if refusal.act == Act::Retry {
            let wait = Duration::from_millis(refusal.ms.unwrap_or(200));
            self.later.push((Instant::now() + wait, order));
        } else {
            self.outbox.remove(&order);
        }
        Ok(())
    }
}
