//! What the kernel alone asks for: the packets of a trace to as many sockets as there would be
//! viewers, in the same runs (`UDP_SEGMENT`) and from one socket, but without a room, a cipher or a
//! viewer behind them. No server on this machine sends these packets for less, so a ratio to this
//! says what a server adds, whatever the machine costs that day.

use std::{
    net::{SocketAddr, UdpSocket},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use clap::Args;
use quinn_udp::{Transmit, UdpSockRef, UdpSocketState};
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::{
    process,
    publish::trace::{Recorded, Trace, Tracks},
    report::{self, Verdict},
};

/// Bytes that SRTP adds to a packet (RFC 7714 §12: the tag of AES-GCM).
const TAG_BYTES: usize = 16;
/// Bytes of the largest datagram that the kernel cuts up.
const RUN_BYTES_MAX: usize = 60_000;

#[derive(Args, Clone, Debug)]
pub(crate) struct Plan {
    /// Sockets that receive.
    #[arg(long, default_value_t = 300)]
    viewers: usize,
    /// The recorded packets.
    #[arg(long, default_value = "testdata/trace.bin")]
    trace: std::path::PathBuf,
    /// Seconds that count.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// The core on which the receiving process runs; without it, wherever the scheduler likes.
    #[arg(long)]
    receiver_core: Option<usize>,
    /// Write the whole report as JSON here.
    #[arg(long)]
    json: Option<std::path::PathBuf>,
    /// Be the receiving process: open sockets, tell their ports, read until stdin ends.
    #[arg(long, hide = true)]
    receive: bool,
}

pub(crate) fn run(plan: Plan) -> Result<Verdict> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    if plan.receive {
        return runtime.block_on(receive(plan.viewers));
    }
    runtime.block_on(measure(plan))
}

/// Reads and forgets, as cheaply as the viewers' sockets do.
async fn receive(sockets: usize) -> Result<Verdict> {
    let mut ports = Vec::new();
    for _ in 0..sockets {
        let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await?;
        ports.push(socket.local_addr()?.port().to_string());
        tokio::spawn(async move {
            let mut buffer = [0; 2_048];
            while socket.readable().await.is_ok() {
                while socket.try_recv(&mut buffer).is_ok() {}
            }
        });
    }
    println!("{}", ports.join(" "));
    // Its end is the end of whoever started this process, however that ended.
    tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new())).await??;
    Ok(Verdict::Pass)
}

async fn measure(plan: Plan) -> Result<Verdict> {
    let trace = Trace::read(&plan.trace, Tracks::Both)?;
    let frames = frames(&trace.packets);
    let round_lasts = Duration::from_micros(trace.round_us);
    let exe = std::env::current_exe()?;
    let sockets = plan.viewers.to_string();
    let receive = ["floor", "--receive", "--viewers", &sockets];
    let mut command = match plan.receiver_core {
        Some(core) => {
            let mut command = tokio::process::Command::new("taskset");
            command.args(["-c", &core.to_string()]).arg(exe);
            command
        }
        None => tokio::process::Command::new(exe),
    };
    let mut receiver = command
        .args(receive)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("cannot start the receiving process")?;
    let out = receiver.stdout.take().context("it has an output")?;
    let mut ports = String::new();
    BufReader::new(out).read_line(&mut ports).await?;
    let viewers = ports
        .split_whitespace()
        .map(|port| Ok(SocketAddr::from(([127, 0, 0, 1], port.parse()?))))
        .collect::<Result<Vec<SocketAddr>>>()?;
    ensure!(
        viewers.len() == plan.viewers,
        "the receiving process did not open its sockets"
    );
    let wire = Wire::open()?;
    let cpu = process::own_cpu_s();
    let begin = Instant::now();
    let mut packets = 0_u64;
    'rounds: for round in 0_u32.. {
        let round_begin = begin + round_lasts * round;
        for frame in &frames {
            let due = round_begin + frame.at;
            if due - begin >= Duration::from_secs_f64(plan.seconds) {
                break 'rounds;
            }
            tokio::time::sleep_until(due.into()).await;
            for viewer in &viewers {
                packets += wire.send(*viewer, &frame.sizes)?;
            }
        }
    }
    let cpu = process::own_cpu_s() - cpu;
    receiver.kill().await?;
    tell(&plan, packets, cpu)
}

fn tell(plan: &Plan, packets: u64, cpu_s: f64) -> Result<Verdict> {
    let per_packet = cpu_s * 1e6 / packets.max(1) as f64;
    println!(
        "floor   {packets} packets to {} sockets in {:.0} s: {per_packet:.2} µs a packet",
        plan.viewers, plan.seconds
    );
    let verdict = Verdict::Pass;
    report::write_json(
        plan.json.as_deref(),
        &json!({
            "verdict": verdict.word(), "viewers": plan.viewers, "seconds": plan.seconds,
            "packets": packets, "cpu_s": cpu_s, "cpu_us_per_packet": per_packet,
        }),
    )?;
    Ok(verdict)
}

/// Packets of one track that leave together.
#[derive(Debug, PartialEq, Eq)]
struct Frame {
    at: Duration,
    sizes: Vec<usize>,
}

/// Packets of one track with one timestamp are one frame.
fn frames(packets: &[Recorded]) -> Vec<Frame> {
    let mut all: Vec<Frame> = Vec::new();
    let mut open = None;
    for recorded in packets {
        let which = (recorded.track, recorded.ticks);
        let size = recorded.packet.len() + TAG_BYTES;
        match (all.last_mut(), open == Some(which)) {
            (Some(frame), true) => frame.sizes.push(size),
            _ => all.push(Frame {
                at: Duration::from_micros(recorded.at_us),
                sizes: vec![size],
            }),
        }
        open = Some(which);
    }
    all
}

struct Wire {
    socket: UdpSocket,
    state: UdpSocketState,
    bytes: Vec<u8>,
}

impl Wire {
    fn open() -> Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        Ok(Self {
            socket,
            state,
            bytes: vec![0x5a; RUN_BYTES_MAX + 2_048],
        })
    }

    /// Sends one frame to one viewer; how many packets that were.
    fn send(&self, to: SocketAddr, sizes: &[usize]) -> Result<u64> {
        let mut rest = sizes;
        while let Some((&size, _)) = rest.split_first() {
            let run = run_length(rest, self.state.max_gso_segments());
            let bytes: usize = rest[..run].iter().sum();
            let transmit = Transmit {
                destination: to,
                ecn: None,
                contents: &self.bytes[..bytes],
                segment_size: (run > 1).then_some(size),
                src_ip: None,
            };
            self.state
                .try_send(UdpSockRef::from(&self.socket), &transmit)
                .context("the kernel did not take a packet")?;
            rest = &rest[run..];
        }
        Ok(sizes.len() as u64)
    }
}

/// How many of the first packets leave in one call: equal ones, and one smaller at the end.
fn run_length(sizes: &[usize], packets_max: usize) -> usize {
    let size = sizes[0];
    let packets_max = packets_max.min(RUN_BYTES_MAX / size).max(1);
    let few = &sizes[..sizes.len().min(packets_max)];
    let equal = few.iter().take_while(|it| **it == size).count();
    equal + usize::from(few.get(equal).is_some_and(|it| *it < size))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(at_us: u64, track: usize, ticks: u32, size: usize) -> Recorded {
        Recorded {
            at_us,
            track,
            ticks,
            packet: vec![0; size],
        }
    }

    #[test]
    fn packets_of_one_track_and_time_leave_together() {
        let packets = [
            recorded(500, 0, 1, 1_200),
            recorded(510, 0, 1, 300),
            recorded(900, 1, 1, 160),
            recorded(40_500, 0, 2, 700),
        ];
        let frames = frames(&packets);
        let sizes: Vec<&[usize]> = frames.iter().map(|it| &it.sizes[..]).collect();
        assert_eq!(sizes, [&[1_216, 316][..], &[176], &[716]]);
        assert_eq!(frames[1].at, Duration::from_micros(900));
    }

    #[test]
    fn runs_are_those_of_the_egress() {
        assert_eq!(run_length(&[1_216, 1_216, 316, 1_216], 64), 3);
        assert_eq!(run_length(&[316, 1_216], 64), 1);
        assert_eq!(run_length(&[1_216; 130], 64), 49);
        assert_eq!(run_length(&[1_216, 316], 1), 1);
    }
}
