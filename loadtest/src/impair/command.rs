//! `weiquan-loadtest impair`: a relay as a command, told by flags at first and by JSON lines from then on.

use std::{
    io::{BufRead as _, IsTerminal as _, Write as _},
    net::SocketAddr,
    time::Duration,
};

use anyhow::{Context as _, Result};
use clap::{ArgGroup, Args};
use serde_json::{Value, json};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
    time,
};

use super::{Conditions, Ending, Order, Protocol, Relay, Route, Shape, Wish, units};
use crate::report::Verdict;

const EXAMPLES: &str = "\
A viewer on a bad mobile network, by UDP:
  weiquan-loadtest impair --udp --listen 127.0.0.1:7000 --to 127.0.0.1:8082 --loss 5% --burst 3 --delay 40ms --jitter 10ms
A narrow way down with a deep buffer, a good way up:
  weiquan-loadtest impair --udp --to 127.0.0.1:8082 --down rate=1mbit,queue=256kib,delay=20ms
A slow viewer of the chat: after the first 100 kB nothing is read any more
  weiquan-loadtest impair --tcp --to 127.0.0.1:8080 --window 4kib --down cut-after=100kb
A line that a test narrows, cuts and heals:
  weiquan-loadtest impair --tcp --to 127.0.0.1:8080 --control

With --control it takes one JSON object a line on its standard input, answers each with one, and ends when the input ends:
  {\"do\":\"set\",\"both\":{\"loss\":\"5%\"},\"down\":{\"rate\":\"1mbit\"}}   names as in the flags; what is not named stays
  {\"do\":\"cut\"}      {\"do\":\"cut\",\"way\":\"down\"}               nothing passes and nobody is told
  {\"do\":\"stall\"}    {\"do\":\"stall\",\"way\":\"down\"}             TCP: nothing more is read, as by a program that hangs
  {\"do\":\"heal\"}                                            the end of both
  {\"do\":\"rebind\"}   {\"do\":\"rebind\",\"from\":\"127.0.0.2\"}     UDP: from another address, as from wifi to mobile
  {\"do\":\"reset\"}    {\"do\":\"hang_up\"}                        TCP: RST, FIN
  {\"do\":\"counters\"}                                        so do SIGUSR1 and --every
With \"line\":3 an order is for the third client alone; otherwise for all there are and all to come.

The first line of its output says where it listens; the last one, after Ctrl-C too, has the counters.
Lines are numbered by their clients' first packets; with the same --seed the n-th packet of line m has the same fate.
On TCP no byte is ever lost, doubled or moved: a loss is the wait for a retransmission, a full queue is not read into.";

#[derive(Args, Clone, Debug)]
#[command(
    after_long_help = EXAMPLES,
    group(ArgGroup::new("protocol").required(true).args(["udp", "tcp"]))
)]
pub struct Plan {
    /// Where clients connect to; port 0 lets the kernel choose.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// The server behind the line.
    #[arg(long, value_name = "ADDRESS")]
    to: SocketAddr,
    /// Relay datagrams; each source address is a line of its own.
    #[arg(long)]
    udp: bool,
    /// Relay connections.
    #[arg(long)]
    tcp: bool,
    /// Otherwise for the way up, from the client to the server: `loss=5%,delay=40ms`.
    #[arg(
        long,
        value_name = "NAME=VALUE,…",
        default_value = "",
        hide_default_value = true
    )]
    up: String,
    /// Otherwise for the way down.
    #[arg(
        long,
        value_name = "NAME=VALUE,…",
        default_value = "",
        hide_default_value = true
    )]
    down: String,
    /// What chance begins with.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// TCP: the kernel's buffer for what either side sent; small ones fill as soon as nothing is read.
    #[arg(long, value_name = "BYTES", value_parser = units::bytes)]
    window: Option<u64>,
    /// Tell the counters this often.
    #[arg(long, value_name = "TIME", value_parser = units::time)]
    every: Option<Duration>,
    /// Take orders on the standard input, one JSON object a line.
    #[arg(long)]
    control: bool,
    #[command(flatten)]
    both: Flags,
}

/// What a line does, as flags.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "What the line does, both ways")]
pub struct Flags {
    /// The share that is lost: 0.05 or 5%.
    #[arg(long, default_value = "0", value_name = "SHARE", value_parser = units::share)]
    loss: f64,
    /// Losses come in bad spells of so many packets in the mean (Gilbert-Elliott); the mean loss stays. 0: each for itself.
    #[arg(long, default_value = "0", value_name = "PACKETS", value_parser = units::number)]
    burst: f64,
    /// The share that is lost in a bad spell.
    #[arg(long, default_value = "1", value_name = "SHARE", value_parser = units::share)]
    burst_loss: f64,
    /// The share that is lost between bad spells.
    #[arg(long, default_value = "0", value_name = "SHARE", value_parser = units::share)]
    calm_loss: f64,
    /// How long everything takes, one way: 40ms.
    #[arg(long, default_value = "0", value_name = "TIME", value_parser = units::time)]
    delay: Duration,
    /// By how much that varies.
    #[arg(long, default_value = "0", value_name = "TIME", value_parser = units::time)]
    jitter: Duration,
    /// How the jitter is spread.
    #[arg(long, value_enum, default_value_t = Shape::Uniform)]
    shape: Shape,
    /// UDP: jitter may change the order; otherwise it is kept, as in a queue.
    #[arg(long)]
    overtake: bool,
    /// UDP: the share that is held back for --reorder-by, so that what follows overtakes it.
    #[arg(long, default_value = "0", value_name = "SHARE", value_parser = units::share)]
    reorder: f64,
    /// UDP: for how long.
    #[arg(long, default_value = "10ms", value_name = "TIME", value_parser = units::time)]
    reorder_by: Duration,
    /// UDP: the share that comes twice.
    #[arg(long, default_value = "0", value_name = "SHARE", value_parser = units::share)]
    duplicate: f64,
    /// Bits a second: 1mbit, 500kbit; none for no limit.
    #[arg(long, default_value = "none", value_name = "RATE", value_parser = units::rate)]
    rate: Rate,
    /// Bytes that may leave at once after a pause (the depth of the token bucket).
    #[arg(long, default_value = "1514", value_name = "BYTES", value_parser = units::bytes)]
    bucket: u64,
    /// Bytes that wait where it is narrow; what comes then is dropped (UDP) or not read (TCP).
    #[arg(long, default_value = "64kib", value_name = "BYTES", value_parser = units::bytes)]
    queue: u64,
    /// TCP: how long a lost segment waits until it is sent again; twice that after the next loss.
    #[arg(long, default_value = "200ms", value_name = "TIME", value_parser = units::time)]
    retransmit: Duration,
    /// Each line is cut after so many bytes in one direction: 100kb.
    #[arg(long, default_value = "none", value_name = "BYTES", value_parser = units::some_bytes)]
    cut_after: Bytes,
    /// How: without a word; TCP also by RST or by FIN.
    #[arg(long, value_enum, default_value_t = Ending::Blackhole)]
    cut_by: Ending,
}

/// Named, so that the parser takes them for one value and not for an option of one.
type Rate = Option<u64>;
type Bytes = Option<u64>;

impl Flags {
    /// What they say.
    pub fn conditions(&self) -> Conditions {
        Conditions {
            loss: self.loss,
            burst: self.burst,
            burst_loss: self.burst_loss,
            calm_loss: self.calm_loss,
            delay: self.delay,
            jitter: self.jitter,
            shape: self.shape,
            overtake: self.overtake,
            reorder: self.reorder,
            reorder_by: self.reorder_by,
            duplicate: self.duplicate,
            rate: self.rate,
            bucket: self.bucket,
            queue: self.queue,
            retransmit: self.retransmit,
            cut_after: self.cut_after,
            cut_by: self.cut_by,
        }
    }
}

impl Plan {
    fn route(&self) -> Result<Route> {
        let both = self.both.conditions();
        Ok(Route {
            protocol: if self.udp {
                Protocol::Udp
            } else {
                Protocol::Tcp
            },
            listen: self.listen,
            to: self.to,
            up: both.with_text(&self.up).context("--up")?,
            down: both.with_text(&self.down).context("--down")?,
            seed: self.seed,
            window: self
                .window
                .map(|it| u32::try_from(it).context("--window is too large"))
                .transpose()?,
        })
    }
}

pub(crate) fn run(plan: Plan) -> Result<Verdict> {
    let route = plan.route()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context("cannot start the relay")?;
    runtime.block_on(impair(plan, route))
}

async fn impair(plan: Plan, route: Route) -> Result<Verdict> {
    let relay = Relay::open(route).await?;
    say(&json!({
        "listening": relay.address(), "protocol": route.protocol, "to": route.to, "seed": route.seed,
        "up": route.up, "down": route.down,
    }));
    if std::io::stdout().is_terminal() {
        eprintln!(
            "clients connect to {}; kill -USR1 {} tells the counters, Ctrl-C ends",
            relay.address(),
            std::process::id()
        );
    }
    let (mut asked, mut interrupted, mut ended) = (
        signal(SignalKind::user_defined1())?,
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
    );
    let mut orders = plan.control.then(orders);
    // Without --every the first tick is years away.
    let pause = plan
        .every
        .unwrap_or(Duration::MAX / 4)
        .max(Duration::from_millis(10));
    let mut ticks = time::interval_at(time::Instant::now() + pause.min(YEAR), pause.min(YEAR));
    loop {
        let order = async {
            match &mut orders {
                Some(orders) => orders.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            order = order => match order {
                Some(text) => say(&answer(&relay, &text)),
                None => break,
            },
            _ = asked.recv() => say(&json!({ "counters": relay.told() })),
            _ = ticks.tick() => say(&json!({ "counters": relay.told() })),
            _ = interrupted.recv() => break,
            _ = ended.recv() => break,
        }
    }
    say(&json!({ "counters": relay.told() }));
    Ok(Verdict::Pass)
}

const YEAR: Duration = Duration::from_secs(365 * 24 * 3_600);

fn answer(relay: &Relay, text: &str) -> Value {
    let done = Wish::read(text).and_then(|wish| Ok((relay.tell(&wish)?, wish.order)));
    match done {
        Ok((_, Order::Counters {})) => json!({ "counters": relay.told() }),
        Ok((lines, order)) => json!({ "done": order.word(), "lines": lines }),
        Err(error) => json!({ "error": format!("{error:#}") }),
    }
}

/// The lines of the standard input. A thread of its own reads them: it cannot be told to stop, and ends
/// with the program.
fn orders() -> mpsc::Receiver<String> {
    let (heard, orders) = mpsc::channel(64);
    std::thread::spawn(move || {
        let lines = std::io::stdin().lock().lines().map_while(Result::ok);
        for line in lines.filter(|it| !it.trim().is_empty()) {
            if heard.blocking_send(line).is_err() {
                return;
            }
        }
    });
    orders
}

fn say(value: &Value) {
    // Whoever reads may be gone; the line is there all the same.
    let _ = writeln!(std::io::stdout(), "{value}");
}
