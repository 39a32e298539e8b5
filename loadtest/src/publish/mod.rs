//! A publisher of a recorded packet trace, by WHIP: the same real packets in every run, whatever the
//! machine's encoder would do. The trace's format and how it loops: [`trace`]; how it is sent: [`player`].

mod player;
pub(crate) mod trace;

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant as StdInstant},
};

use anyhow::{Result, anyhow};
use clap::Args;
use tokio::{
    net::UdpSocket,
    signal::unix::{Signal, SignalKind, signal},
    time::{self, Instant},
};

use crate::{
    media::{self, Door, Identity, Line, Transport, sdp},
    report::Verdict,
};
use player::Player;
use trace::{Trace, Tracks};

const RETRY_EVERY: Duration = Duration::from_millis(500);
const FOR_EVER: Duration = Duration::from_secs(365 * 24 * 3_600);
/// A server that is away for longer did not restart.
const BACK_WITHIN: Duration = Duration::from_secs(60);

#[derive(Args, Clone, Debug)]
pub(crate) struct Plan {
    /// Where the server listens.
    #[arg(long, default_value = "127.0.0.1:8080")]
    server: SocketAddr,
    /// The stream key; it says which room.
    #[arg(long, required_unless_present = "plain")]
    key: Option<String>,
    /// Instead of publishing by WHIP, send plain RTP: the picture to the first of two addresses, the
    /// sound to the second, as a mountpoint of Janus takes them.
    #[arg(long, value_name = "ADDRESS", num_args = 2, conflicts_with_all = ["key", "through", "through_restarts"])]
    plain: Vec<SocketAddr>,
    /// The recorded packets.
    ///
    /// The shipped trace is five seconds of Big Buck Bunny as x264 (constrained baseline, no B-frames)
    /// and libopus made it, recorded from FFmpeg's RTP packetizer: 185 H264 packets a second at
    /// 1.54 Mbit/s and 50 Opus packets a second at 0.07 Mbit/s, a keyframe each second. It loops
    /// evenly: sequence numbers and timestamps go on over the seam, and each round opens with a
    /// keyframe. A trace that cannot is refused. tests/tools/record_trace.py records one.
    #[arg(long, default_value = "testdata/trace.bin")]
    trace: PathBuf,
    /// Only its sound: 50 small packets a second.
    #[arg(long)]
    audio_only: bool,
    /// Its sound at another rate, in kbit/s: the packets are cut or filled up, nobody decodes them.
    #[arg(long, value_name = "KBPS")]
    sound_kbps: Option<u32>,
    /// Stop after so many seconds; without it at SIGTERM or Ctrl-C.
    #[arg(long)]
    seconds: Option<f64>,
    /// Send through this address, at which a bad line stands before the server's publish port.
    #[arg(long)]
    through: Option<SocketAddr>,
    /// Publish again, with the same key, when the server was killed or restarted under the stream.
    #[arg(long)]
    through_restarts: bool,
}

/// How one line ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Told,
    Gone,
}

pub(crate) fn run(plan: Plan) -> Result<Verdict> {
    let tracks = if plan.audio_only {
        Tracks::Sound
    } else {
        Tracks::Both
    };
    let mut trace = Trace::read(&plan.trace, tracks)?;
    if let Some(kbps) = plan.sound_kbps {
        trace = trace.with_sound_of(u64::from(kbps) * 1_000);
    }
    eprintln!("  {trace}");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    match plan.plain[..] {
        [picture, sound] => runtime.block_on(send_plain(&plan, trace, [picture, sound])),
        _ => runtime.block_on(publish(plan, trace)),
    }
}

/// The trace as plain RTP, until it is told to stop or the time is up.
async fn send_plain(plan: &Plan, trace: Trace, to: [SocketAddr; 2]) -> Result<Verdict> {
    let socket = UdpSocket::bind(("0.0.0.0", 0)).await?;
    let mut signals = Signals::listen()?;
    let mut player = Player::new(trace);
    println!("publishing");
    let playing = async {
        loop {
            time::sleep_until(player.due()).await;
            for (track, packet) in player.take_due()? {
                // Nobody listens there yet, or any more: a packet that is lost.
                let _ = socket.send_to(&packet, to[track]).await;
            }
        }
    };
    let seconds = plan.seconds.unwrap_or(f64::INFINITY);
    let ends = time::sleep(Duration::try_from_secs_f64(seconds).unwrap_or(FOR_EVER));
    tokio::select! {
        ended = playing => ended,
        () = ends => Ok(Verdict::Pass),
        () = signals.told() => Ok(Verdict::Pass),
    }
}

/// SIGTERM or Ctrl-C.
struct Signals([Signal; 2]);

impl Signals {
    fn listen() -> Result<Self> {
        let kinds = [SignalKind::terminate(), SignalKind::interrupt()];
        let [terminate, interrupt] = kinds.map(signal);
        Ok(Self([terminate?, interrupt?]))
    }

    async fn told(&mut self) {
        let [terminate, interrupt] = &mut self.0;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    }
}

async fn publish(plan: Plan, trace: Trace) -> Result<Verdict> {
    let http = media::http()?;
    let identity = Arc::new(Identity::make()?);
    let mut signals = Signals::listen()?;
    let end = plan
        .seconds
        .map(|it| Instant::now() + Duration::from_secs_f64(it));
    let mut player = Player::new(trace);
    let mut away_since: Option<Instant> = None;
    loop {
        let line = tokio::select! {
            line = connect(&plan, &http, &identity) => line,
            () = signals.told() => return Ok(Verdict::Pass),
        };
        let error = match line {
            Ok(mut line) => {
                away_since = None;
                println!("publishing");
                let ended = play(&mut line, &mut player, end, &mut signals).await;
                if matches!(ended, Ok(End::Told)) {
                    line.close(&http).await?;
                    return Ok(Verdict::Pass);
                }
                ended.err().unwrap_or_else(|| anyhow!("the server is gone"))
            }
            Err(error) => error,
        };
        let since = *away_since.get_or_insert_with(Instant::now);
        if !plan.through_restarts || since.elapsed() > BACK_WITHIN {
            return Err(error);
        }
        eprintln!("  {error:#}; once more");
        time::sleep(RETRY_EVERY).await;
    }
}

/// Posts the offer and brings the line to where media may flow.
async fn connect(plan: &Plan, http: &reqwest::Client, identity: &Arc<Identity>) -> Result<Line> {
    let door = Door {
        http,
        base: format!("http://{}", plan.server),
        path: "/whip".into(),
        token: plan.key.as_deref(),
        through: plan.through,
        transport: Transport::Udp,
    };
    let offer = |ufrag: &str, pwd: &str, fingerprint: &str| {
        sdp::encoder_offer(ufrag, pwd, fingerprint, !plan.audio_only)
    };
    let mut line = Line::open(identity.clone(), door, offer).await?;
    let mut tick = Line::ticks();
    while line.outbound.is_none() {
        tokio::select! {
            _ = tick.tick() => line.tick(StdInstant::now())?,
            readable = line.socket.readable() => {
                readable?;
                drain(&mut line)?;
            }
        }
    }
    Ok(line)
}

/// Plays until it is told to stop, the time is up or the server is gone.
async fn play(
    line: &mut Line,
    player: &mut Player,
    end: Option<Instant>,
    signals: &mut Signals,
) -> Result<End> {
    let mut tick = Line::ticks();
    player.begin();
    loop {
        tokio::select! {
            () = time::sleep_until(player.due()) => player.send(line)?,
            _ = tick.tick() => {
                line.tick(StdInstant::now())?;
                player.report(line)?;
                if line.is_gone() {
                    return Ok(End::Gone);
                }
                if end.is_some_and(|it| Instant::now() >= it) {
                    return Ok(End::Told);
                }
            }
            readable = line.socket.readable() => {
                readable?;
                drain(line)?;
            }
            () = signals.told() => return Ok(End::Told),
        }
    }
}

/// Feedback is read so that the line lives; the next keyframe of a trace comes by itself.
fn drain(line: &mut Line) -> Result<()> {
    let mut buffer = [0; 2_048];
    while let Some(n) = line.receive(&mut buffer) {
        line.hear(&buffer[..n])?;
    }
    Ok(())
}
