//! What people get by UDP who proved nothing: bytes for bytes at the media ports ([`knock`]), and whether
//! one of them can spoil a viewer's handshake by being there first ([`race`]).
//!
//! Nothing here needs to be root: a stranger under a viewer's own address is a second socket at its port.

mod knock;
mod race;

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use serde_json::json;

use crate::{
    media::{self, Door, Identity, Line, Transport, sdp},
    report::{self, Verdict},
};
use knock::Knocks;
use race::Races;

#[derive(Args, Clone, Debug)]
pub(crate) struct Plan {
    /// Where the server listens.
    #[arg(long, default_value = "127.0.0.1:8080")]
    server: SocketAddr,
    /// A room in which something is published; guests may watch it.
    #[arg(long, default_value = "lobby")]
    room: String,
    /// A media port to knock at; may be given more than once.
    #[arg(long, required = true)]
    to: Vec<SocketAddr>,
    /// Datagrams of each kind to each port.
    #[arg(long, default_value_t = 2_000)]
    datagrams: usize,
    /// Sessions into each of which a stranger says hello before the viewer does.
    #[arg(long, default_value_t = 1_000)]
    races: usize,
    /// Of these, at the same time.
    #[arg(long, default_value_t = 16)]
    at_once: usize,
    /// What chance begins with.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Write the whole report as JSON here.
    #[arg(long)]
    json: Option<PathBuf>,
}

/// What the strangers of a run share.
struct Common {
    plan: Plan,
    http: reqwest::Client,
    identity: Arc<Identity>,
    /// A ClientHello as a real client says it, and one with no cipher but the null one.
    hellos: [Vec<u8>; 2],
}

impl Common {
    /// Posts a viewer's offer; nothing is sent by UDP yet.
    async fn session(&self) -> Result<Line> {
        let door = Door {
            http: &self.http,
            base: format!("http://{}", self.plan.server),
            path: format!("/api/v1/rooms/{}/whep", self.plan.room),
            token: None,
            through: None,
            transport: Transport::Udp,
        };
        Line::open(self.identity.clone(), door, sdp::player_offer).await
    }
}

pub(crate) fn run(plan: Plan) -> Result<Verdict> {
    ensure!(plan.at_once > 0, "--at-once is at least 1");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(measure(plan))
}

async fn measure(plan: Plan) -> Result<Verdict> {
    let identity = Arc::new(Identity::make()?);
    let hello = identity.hello()?;
    let null = race::with_the_null_cipher(&hello).context("a hello without ciphers")?;
    let common = Arc::new(Common {
        http: media::http()?,
        identity,
        hellos: [hello, null],
        plan,
    });
    let knocks = knock::knock(&common).await?;
    let races = race::all(&common).await?;
    tell(&common.plan, &knocks, &races)
}

fn tell(plan: &Plan, knocks: &Knocks, races: &Races) -> Result<Verdict> {
    let verdict = if knocks.overflowed > 0 {
        // What the kernel dropped was never looked at, so it proves nothing.
        Verdict::Invalid
    } else if knocks.worst() <= 1.0 && races.lost() == 0 {
        Verdict::Pass
    } else {
        Verdict::Fail
    };
    println!(
        "knocks  {} bytes for {} sent, the most for one kind {:.3} a byte; {} datagrams did not fit the ports",
        knocks.heard_bytes(),
        knocks.sent_bytes(),
        knocks.worst(),
        knocks.overflowed,
    );
    println!("races   {} sessions, {} lost", races.all(), races.lost());
    for why in races.why.iter().take(3) {
        println!("        {why}");
    }
    println!("{}", verdict.word());
    report::write_json(
        plan.json.as_deref(),
        &json!({
            "verdict": verdict.word(),
            "amplification": {
                "worst": knocks.worst(), "sent_bytes": knocks.sent_bytes(), "heard_bytes": knocks.heard_bytes(),
                "overflowed": knocks.overflowed, "by_kind": knocks.kinds,
            },
            "races": { "sessions": races.all(), "lost": races.lost(), "by_stranger": races.strangers, "why": races.why },
        }),
    )?;
    Ok(verdict)
}
