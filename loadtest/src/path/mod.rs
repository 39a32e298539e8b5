//! What a way does to datagrams: numbered ones are sent to one address and received at another, and what
//! is missing, double, late or out of order is told.
//!
//! No datagram is lost by accident: the sender never has more under way than a socket's buffer holds.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use tokio::{net::UdpSocket, time};

use crate::report::{self, Verdict};

/// A number and a time.
const HEAD_BYTES: usize = 16;
/// When so long nothing came, what is under way is lost.
const GIVEN_UP_AFTER: Duration = Duration::from_millis(500);
/// So often in a row, and nothing will come.
const GIVEN_UP_MAX: u32 = 20;

#[derive(Args, Clone, Debug)]
pub struct Plan {
    /// Where they are received; what is under test ends here.
    #[arg(long, default_value = "127.0.0.1:7001")]
    pub at: SocketAddr,
    /// Where they are sent to: a relay, or directly where they are received.
    #[arg(long)]
    pub to: SocketAddr,
    /// How many.
    #[arg(long, default_value_t = 100_000)]
    pub count: u64,
    /// Bytes of each.
    #[arg(long, default_value_t = 100)]
    pub bytes: usize,
    /// Datagrams a second; 0: as fast as they come.
    #[arg(long, default_value_t = 0.0)]
    pub rate: f64,
    /// How many may be under way.
    #[arg(long, default_value_t = 64)]
    pub in_flight: u64,
    /// Write the report as JSON here.
    #[arg(long)]
    pub json: Option<PathBuf>,
}

/// What became of them.
#[derive(Clone, Debug)]
pub struct Seen {
    pub sent: u64,
    pub arrived: u64,
    pub lost: u64,
    pub doubled: u64,
    /// Came after one with a higher number.
    pub overtaken: u64,
    /// Which of them are missing, in order.
    pub missing: Vec<u64>,
    /// How many runs of losses there were of each length.
    pub runs: BTreeMap<u64, u64>,
    /// Microseconds.
    pub delay_us: Histogram<u64>,
}

impl Seen {
    pub fn loss(&self) -> f64 {
        self.lost as f64 / self.sent.max(1) as f64
    }

    /// Packets of a run of losses, in the mean.
    pub fn run_mean(&self) -> f64 {
        self.lost as f64 / self.runs.values().sum::<u64>().max(1) as f64
    }

    fn as_json(&self) -> Value {
        json!({
            "sent": self.sent, "arrived": self.arrived, "lost": self.lost, "loss": self.loss(),
            "doubled": self.doubled, "overtaken": self.overtaken,
            "runs": self.runs, "run_mean": self.run_mean(),
            "delay_ms": report::quantiles_ms(&self.delay_us),
        })
    }
}

pub(crate) fn run(plan: Plan) -> Result<Verdict> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let seen = runtime.block_on(measure(&plan))?;
    println!(
        "sent    {}; {} arrived, {} lost ({:.3} %), {} twice, {} overtaken",
        seen.sent,
        seen.arrived,
        seen.lost,
        seen.loss() * 100.0,
        seen.doubled,
        seen.overtaken
    );
    let runs: Vec<String> = (seen.runs.iter().take(8))
        .map(|(length, n)| format!("{n} of {length}"))
        .collect();
    println!(
        "runs    {:.3} in the mean: {}",
        seen.run_mean(),
        runs.join(", ")
    );
    println!("delay   {}", report::line_ms(&seen.delay_us));
    report::write_json(plan.json.as_deref(), &seen.as_json())?;
    Ok(Verdict::Pass)
}

/// Sends and receives; tells what it saw.
pub async fn measure(plan: &Plan) -> Result<Seen> {
    ensure!(plan.bytes >= HEAD_BYTES, "--bytes is at least {HEAD_BYTES}");
    ensure!(plan.in_flight >= 1, "--in-flight is at least 1");
    let receiver = UdpSocket::bind(plan.at)
        .await
        .with_context(|| format!("cannot receive at {}", plan.at))?;
    // As much as the kernel allows: at a fixed rate a busy machine makes bursts.
    let _ = socket2::SockRef::from(&receiver).set_recv_buffer_size(4 * 1024 * 1024);
    let sender = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
    sender.connect(plan.to).await?;
    let mut under_way = UnderWay::new(plan.count);
    let mut datagram = vec![0; plan.bytes];
    let mut buffer = vec![0; 65_536];
    let mut sent = 0;
    let mut given_up = 0;
    // In the end a moment is waited for what is late.
    while !under_way.is_over(sent, plan.count) {
        let due = under_way.due(sent, plan);
        let may_send = sent < plan.count && under_way.ahead(sent) < plan.in_flight;
        tokio::select! {
            biased;
            ready = receiver.readable() => {
                ready?;
                given_up = 0;
                while let Ok(n) = receiver.try_recv(&mut buffer) {
                    under_way.heard(&buffer[..n]);
                }
            }
            () = time::sleep_until(due.into()), if may_send && due > Instant::now() => {}
            ready = sender.writable(), if may_send && due <= Instant::now() => {
                ready?;
                datagram[..8].copy_from_slice(&sent.to_be_bytes());
                datagram[8..16].copy_from_slice(&under_way.now_us().to_be_bytes());
                // An ICMP answer to an earlier one, or a full buffer: it is not sent yet.
                if sender.try_send(&datagram).is_ok() {
                    sent += 1;
                    under_way.last = Instant::now();
                }
            }
            () = time::sleep_until((under_way.last + GIVEN_UP_AFTER).into()) => {
                given_up += 1;
                ensure!(given_up < GIVEN_UP_MAX, "nothing comes from {} to {}", plan.to, plan.at);
                under_way.give_up(sent, plan.count);
            }
        }
    }
    Ok(under_way.tell(sent))
}

/// What came so far.
struct UnderWay {
    start: Instant,
    /// When something was last sent or came.
    last: Instant,
    came: Vec<bool>,
    /// Everything below has come or is not waited for any more.
    settled: u64,
    highest: u64,
    arrived: u64,
    doubled: u64,
    overtaken: u64,
    delay_us: Histogram<u64>,
    /// Everything was sent, and then nothing came for a while.
    quiet: bool,
}

impl UnderWay {
    fn new(count: u64) -> Self {
        Self {
            start: Instant::now(),
            last: Instant::now(),
            came: vec![false; count as usize],
            settled: 0,
            highest: 0,
            arrived: 0,
            doubled: 0,
            overtaken: 0,
            delay_us: report::histogram(),
            quiet: false,
        }
    }

    fn now_us(&self) -> u64 {
        self.start.elapsed().as_micros() as u64
    }

    /// When the next one is sent.
    fn due(&self, sent: u64, plan: &Plan) -> Instant {
        if plan.rate > 0.0 {
            self.start + Duration::from_secs_f64(sent as f64 / plan.rate)
        } else {
            self.start
        }
    }

    /// How many were sent beyond what is settled.
    fn ahead(&self, sent: u64) -> u64 {
        sent - self.settled
    }

    fn is_over(&self, sent: u64, count: u64) -> bool {
        sent == count && (self.quiet || self.arrived == count)
    }

    fn give_up(&mut self, sent: u64, count: u64) {
        self.quiet = sent == count;
        self.settled = sent;
        self.last = Instant::now();
    }

    fn heard(&mut self, datagram: &[u8]) {
        let Some((head, _)) = datagram.split_first_chunk::<HEAD_BYTES>() else {
            return;
        };
        let (number, time) = head.split_at(8);
        let number = u64::from_be_bytes(number.try_into().expect("eight bytes"));
        let sent_us = u64::from_be_bytes(time.try_into().expect("eight bytes"));
        let Some(came) = self.came.get_mut(number as usize) else {
            return;
        };
        self.last = Instant::now();
        if std::mem::replace(came, true) {
            self.doubled += 1;
            return;
        }
        self.arrived += 1;
        let took = self.now_us().saturating_sub(sent_us);
        self.delay_us.saturating_record(took.max(1));
        if number < self.highest {
            self.overtaken += 1;
        }
        self.highest = self.highest.max(number);
        self.settled = self.settled.max(number + 1);
    }

    fn tell(self, sent: u64) -> Seen {
        let mut runs = BTreeMap::new();
        for run in self.came[..sent as usize].chunk_by(|one, next| one == next) {
            if !run[0] {
                *runs.entry(run.len() as u64).or_default() += 1;
            }
        }
        let all = (0..).zip(&self.came[..sent as usize]);
        let missing = all.filter(|it| !it.1).map(|it| it.0).collect();
        Seen {
            sent,
            arrived: self.arrived,
            lost: sent - self.arrived,
            doubled: self.doubled,
            overtaken: self.overtaken,
            missing,
            runs,
            delay_us: self.delay_us,
        }
    }
}
