//! `weiquan-loadtest`: how many viewers fit, and is every delivery right?
//!
//! `crowd` fills a room with viewers who check each delivery, and writers who speak at a fixed rate
//! whatever the server does (open model). `viewers` watches by WHEP without decoding. Latencies run
//! from the *intended* time of sending, so that a stalled server cannot hide behind a waiting client.

mod certificate;
mod crowd;
mod door;
mod floor;
mod handshakes;
mod media;
mod process;
mod publish;
mod report;
mod resting;
mod tokens;
mod viewers;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Load-tests a weiquan server, and proves every delivery on the way.
#[derive(Parser)]
#[command(name = "weiquan-loadtest", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Fill one or more rooms with viewers and writers; check loss, doubles, order and gaps.
    Crowd(crowd::Plan),
    /// Watch by WHEP: ICE, DTLS, SRTP, gaps, first packet, first keyframe.
    Viewers(viewers::Plan),
    /// Publish a recorded packet trace by WHIP, in a loop.
    Publish(publish::Plan),
    /// Send the trace's packets with nothing but the kernel: what no server comes below.
    Floor(floor::Plan),
    /// Open and close TLS connections, each by a full handshake: what one costs the server.
    Handshakes(handshakes::Plan),
    /// Read a server's memory once it stands still.
    Resting(resting::Plan),
    /// Make a certificate for a server under test.
    Certificate(certificate::Plan),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().what {
        What::Crowd(plan) => crowd::run(plan),
        What::Viewers(plan) => viewers::run(plan),
        What::Publish(plan) => publish::run(plan),
        What::Floor(plan) => floor::run(plan),
        What::Handshakes(plan) => handshakes::run(plan),
        What::Resting(plan) => resting::run(plan),
        What::Certificate(plan) => certificate::run(plan),
    };
    match done {
        Ok(report::Verdict::Pass) => ExitCode::SUCCESS,
        Ok(report::Verdict::Fail) => ExitCode::from(1),
        Ok(report::Verdict::Invalid) => ExitCode::from(3),
        Err(error) => {
            eprintln!("weiquan-loadtest: {error:#}");
            ExitCode::from(2)
        }
    }
}
