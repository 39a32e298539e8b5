//! `weiquan-loadtest`: how many viewers fit, is every delivery right, and what happens on a bad line?
//!
//! `crowd` fills a room with viewers who check each delivery, and writers who speak at a fixed rate
//! whatever the server does (open model). `viewers` watches by WHEP without decoding. Latencies run
//! from the *intended* time of sending, so that a stalled server cannot hide behind a waiting client.
//! `impair` puts a bad line between a client and the server. It is a library too, [`impair`], so that
//! tests of the whole server use the same lines.

mod certificate;
mod crowd;
mod door;
mod floor;
mod handshakes;
pub mod impair;
mod media;
pub mod path;
mod process;
mod publish;
mod report;
mod resting;
mod sockets;
mod strangers;
mod tokens;
mod viewers;

use anyhow::Result;
use clap::{Parser, Subcommand};

pub use report::Verdict;

/// Load-tests a weiquan server, and proves every delivery on the way.
#[derive(Debug, Parser)]
#[command(name = "weiquan-loadtest", version, arg_required_else_help = true)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Fill one or more rooms with viewers and writers; check loss, doubles, order and gaps.
    Crowd(crowd::Plan),
    /// Watch by WHEP: ICE, DTLS, SRTP, gaps, first packet, first keyframe.
    Viewers(viewers::Plan),
    /// Publish a recorded packet trace by WHIP, in a loop.
    Publish(publish::Plan),
    /// Be people who proved nothing: what comes for their datagrams, and whose handshake they can spoil.
    Strangers(strangers::Plan),
    /// Put a bad line before a server: loss, bursts, delay, jitter, order, rate, cuts; by a seed, without root.
    Impair(Box<impair::Plan>),
    /// Send numbered datagrams along a way and tell what became of them: loss, runs, order, delay.
    Path(path::Plan),
    /// Send the trace's packets with nothing but the kernel: what no server comes below.
    Floor(floor::Plan),
    /// Open and close TLS connections, each by a full handshake: what one costs the server.
    Handshakes(handshakes::Plan),
    /// Read a server's memory once it stands still.
    Resting(resting::Plan),
    /// Make a certificate for a server under test.
    Certificate(certificate::Plan),
}

impl Arguments {
    /// As if these had been typed after the program's name.
    pub fn of<T: Into<std::ffi::OsString> + Clone>(
        words: impl IntoIterator<Item = T>,
    ) -> Result<Self> {
        let name = std::ffi::OsString::from("weiquan-loadtest");
        let words = words.into_iter().map(Into::into);
        Ok(Self::try_parse_from(std::iter::once(name).chain(words))?)
    }
}

/// Does what was asked for; blocks until it is done.
pub fn run(arguments: Arguments) -> Result<Verdict> {
    match arguments.what {
        What::Crowd(plan) => crowd::run(plan),
        What::Viewers(plan) => viewers::run(plan),
        What::Publish(plan) => publish::run(plan),
        What::Strangers(plan) => strangers::run(plan),
        What::Impair(plan) => impair::run(*plan),
        What::Path(plan) => path::run(plan),
        What::Floor(plan) => floor::run(plan),
        What::Handshakes(plan) => handshakes::run(plan),
        What::Resting(plan) => resting::run(plan),
        What::Certificate(plan) => certificate::run(plan),
    }
}
