//! The commands, and the help that a person reads first. Those of exports stand in [`crate::cli_exports`].

use std::{
    io::IsTerminal,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    pin::pin,
    time::Duration,
};

use anyhow::{Context, Result};
use auth::{Grant, Role, ServerSecret, Tokens};
use clap::{Args, Parser, Subcommand, ValueEnum};
use protocol::MemberId;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{
    cli_exports::{Export, Import, PasswordLink},
    config::Config,
    database::opened,
    memory,
    operate::{self, Paint, bytes_text, moment_text},
    reload,
    server::Server,
    supervisor,
};

const ABOUT: &str = "A self-hosted live room: go live, talk, and lose nothing.";

const AFTER: &str = "\
Start here:
  weiquan serve                       serve http://127.0.0.1:8080, keep everything in ./data
  weiquan serve --listen 0.0.0.0:8080 --data /var/lib/weiquan
  weiquan check-config                show what is in force, and where a key is wrong

Keys come from the file (--config), then from WEIQUAN__SECTION__KEY, then from --set section.key=value.
config/weiquan.toml names every key with its default and one sentence.";

#[derive(Parser)]
#[command(name = "weiquan", version, about = ABOUT, after_help = AFTER, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    pub what: What,
}

#[derive(Subcommand)]
pub enum What {
    /// Serve the site, the API, /ws and the media ports
    Serve(Serve),
    /// Print the configuration in force, or say what is wrong with it
    CheckConfig(Settings),
    /// Put everything into one file, while the server runs
    Backup(Backup),
    /// Prove that a backup is whole and that a server can start from it
    VerifyBackup(VerifyBackup),
    /// Make an empty data folder from a backup
    Restore(Restore),
    /// Note that the PostgreSQL database was put back from a dump, before the server starts on it
    Restored(Restored),
    /// Put a circle, a topic, a board, a broadcast or one member's own data into a zip, while the server runs
    Export(Export),
    /// Bring back what was exported, into a server that does not run meanwhile
    Import(Import),
    /// Print a link by which a member sets a new password, while the server does not run
    PasswordLink(PasswordLink),
    /// See whether this machine is fit for the server, and what to do where it is not
    Doctor(Doctor),
    /// Read who did what to whom, and prove that nobody changed it
    Audit(Audit),
    /// Make tokens for engineers: tests, scripts, load tests
    Token(Token),
    /// Print the version
    Version,
}

/// Where the configuration comes from.
#[derive(Args, Clone, Debug)]
pub struct Settings {
    /// The TOML file; without it every key has its default
    #[arg(long, value_name = "FILE", env = "WEIQUAN_CONFIG")]
    config: Option<PathBuf>,
    /// The public address, instead of server.listen
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// The data folder, instead of server.data
    #[arg(long, value_name = "FOLDER")]
    data: Option<String>,
    /// Any other key, as often as needed
    #[arg(long = "set", value_name = "SECTION.KEY=VALUE")]
    set: Vec<String>,
}

impl Settings {
    pub(crate) fn load(&self) -> Result<Config> {
        self.load_for(None)
    }

    /// A public port that is open already wins over what is written.
    fn load_for(&self, port: Option<SocketAddr>) -> Result<Config> {
        let mut flags = Vec::new();
        for pair in &self.set {
            let (key, value) = pair
                .split_once('=')
                .with_context(|| format!("--set {pair}: write it as section.key=value"))?;
            flags.push((key.to_owned(), value.to_owned()));
        }
        let named = [("server.listen", &self.listen), ("server.data", &self.data)];
        for (key, value) in named {
            if let Some(value) = value {
                // Quoted, so that it is text whatever it looks like.
                flags.push((key.to_owned(), format!("{value:?}")));
            }
        }
        if let Some(port) = port {
            flags.push(("server.listen".to_owned(), format!("\"{port}\"")));
        }
        Ok(Config::load(
            self.config.as_deref(),
            std::env::vars(),
            &flags,
        )?)
    }

    pub fn run(self) -> Result<()> {
        print!("{}", self.load()?.to_toml());
        Ok(())
    }
}

#[derive(Args)]
pub struct Serve {
    #[command(flatten)]
    settings: Settings,
}

impl Serve {
    pub fn run(self) -> Result<()> {
        memory::take_small_pages();
        let port = supervisor::inherited_port()?;
        let address = port.as_ref().map(TcpListener::local_addr).transpose();
        let address = address.context("the port that was handed over")?;
        let config = self.settings.load_for(address)?;
        let log = &config.raw.log;
        let (metrics, log) = telemetry::start(&telemetry::Settings {
            level: log.level.clone(),
            format: match log.format.as_str() {
                "json" => telemetry::Format::Json,
                _ => telemetry::Format::Human,
            },
            addresses: log.addresses,
        })?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(config.threads)
            .thread_name("front")
            .enable_all()
            .build()
            .context("the front's threads cannot start")?;
        let again = Again {
            settings: self.settings,
            address,
            log,
        };
        runtime.block_on(serve(config, metrics, port, again))
    }
}

/// What reading the configuration again needs.
struct Again {
    settings: Settings,
    /// The public port that was open already.
    address: Option<SocketAddr>,
    log: telemetry::LogSwitch,
}

async fn serve(
    mut config: Config,
    metrics: telemetry::Metrics,
    port: Option<TcpListener>,
    again: Again,
) -> Result<()> {
    // Listened for before anything is open, so that an early signal ends it in order too.
    let signals = Signals::new().context("signals")?;
    let server = Server::start(&config, metrics, port).await?;
    println!(
        "weiquan {} serves {}",
        env!("CARGO_PKG_VERSION"),
        server.url
    );
    if let Some(admin) = server.admin {
        println!("  metrics and health   http://{admin}/metrics");
    }
    println!(
        "  data                 {}",
        config.raw.server.data.display()
    );
    if server.has_stand_in {
        println!(
            "  certificate          ordered for {}; until it is there, browsers warn of one that this server signed itself",
            config.raw.tls.domains.join(", ")
        );
    }
    if let Some(link) = &server.set_up_link {
        println!(
            "\n  Open this once to make the owner's account and the first circle:\n  {link}\n"
        );
    }
    println!("  Ctrl-C stops it; nothing that was acknowledged is lost.");
    supervisor::ready();
    signals.ended(&mut config, &server, &again).await;
    supervisor::stopping();
    println!("weiquan is saying goodbye to everybody");
    server.shutdown().await;
    Ok(())
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Returns when the server is to end; reads the configuration again as often as it is asked to.
    async fn ended(mut self, config: &mut Config, server: &Server, again: &Again) {
        let mut watched = pin!(supervisor::watch(|| server.lives()));
        loop {
            tokio::select! {
                _ = self.interrupt.recv() => return,
                _ = self.terminate.recv() => return,
                _ = self.hangup.recv() => {
                    let read = again.settings.load_for(again.address);
                    let read = read.map_err(|it| words(&it));
                    let reload = reload::reload(config, read, server, &again.log);
                    tokio::select! {
                        () = reload => {}
                        never = &mut watched => match never {},
                    }
                }
                never = &mut watched => match never {},
            }
        }
    }
}

#[derive(Args)]
pub struct Backup {
    #[command(flatten)]
    settings: Settings,
    /// The file to write; it must not be there yet
    file: PathBuf,
}

impl Backup {
    pub fn run(self) -> Result<()> {
        let config = self.settings.load()?;
        let folder = &config.raw.server.data;
        let start = clock::now();
        let is_watched = std::io::stderr().is_terminal();
        let mut told = |done: u64, all: u64| {
            if is_watched {
                eprint!("\r  copying: {} % ", done * 100 / all.max(1));
            }
        };
        if let Some(url) = config.database {
            let blobs = folder.join(blobs::FOLDER);
            return Err(operate::OperateError::Elsewhere { url, blobs }.into());
        }
        let written = operate::backup(folder, &self.file, &mut told)?;
        if is_watched {
            eprint!("\r\x1b[K");
        }
        let took = clock::now().duration_since(start);
        let file = self.file.display();
        println!(
            "{file}: {} as it was on {}, in {:.1} s",
            bytes_text(written.bytes),
            moment_text(written.manifest.made_ms),
            took.as_secs_f32()
        );
        println!(
            "  It holds password hashes and the server's secret: keep it as you keep the data."
        );
        println!("  Prove it:  weiquan verify-backup {file}");
        Ok(())
    }
}

#[derive(Args)]
pub struct Audit {
    #[command(subcommand)]
    what: AuditWhat,
}

#[derive(Subcommand)]
enum AuditWhat {
    /// Walk the chain, and name the first line that does not hold
    Verify {
        #[command(flatten)]
        settings: Settings,
    },
    /// Print the newest lines
    List {
        #[command(flatten)]
        settings: Settings,
        /// Of this room only, by its number
        #[arg(long, value_name = "NUMBER")]
        room: Option<protocol::RoomNumber>,
        /// Not older than this, Unix milliseconds
        #[arg(long, value_name = "MS")]
        since: Option<u64>,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
        /// How many lines, at most 200
        #[arg(long, default_value_t = 50)]
        last: usize,
    },
}

impl Audit {
    /// Whether what was looked at is well.
    pub fn run(self) -> Result<bool> {
        match self.what {
            AuditWhat::Verify { settings } => {
                let config = settings.load()?;
                let (words, holds) =
                    operate::audit::verify(&config.raw.server.data, &opened(&config)?)?;
                println!("{words}");
                Ok(holds)
            }
            AuditWhat::List {
                settings,
                room,
                since,
                json,
                last,
            } => {
                let config = settings.load()?;
                let of = store::ActsOf {
                    room,
                    since_ms: since,
                    n: last,
                    ..store::ActsOf::default()
                };
                for line in
                    operate::audit::list(&config.raw.server.data, &opened(&config)?, &of, json)?
                {
                    println!("{line}");
                }
                Ok(true)
            }
        }
    }
}

#[derive(Args)]
pub struct VerifyBackup {
    /// The file that `weiquan backup` wrote
    file: PathBuf,
    /// A folder with room for the unpacked data; else the one for temporary files
    #[arg(long, value_name = "FOLDER")]
    scratch: Option<PathBuf>,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

impl VerifyBackup {
    /// Whether the backup is sound.
    pub fn run(self) -> Result<bool> {
        let scratch = self.scratch.unwrap_or_else(std::env::temp_dir);
        let report = small_runtime()?.block_on(operate::verify(&self.file, &scratch))?;
        tell(&report, self.json);
        Ok(report.holds())
    }
}

#[derive(Args)]
pub struct Restore {
    /// The file that `weiquan backup` wrote
    file: PathBuf,
    /// The data folder to make; it may be there, but hold no database
    #[arg(long, value_name = "FOLDER")]
    data: PathBuf,
}

impl Restore {
    pub fn run(self) -> Result<()> {
        let restored = small_runtime()?.block_on(operate::restore(&self.file, &self.data))?;
        tell(&restored.report, false);
        let made = moment_text(restored.manifest.made_ms);
        println!("  {} is as the server was on {made}.", self.data.display());
        println!("  What was said or changed after that moment is not there.");
        println!("  Start it:  weiquan serve --data {}", self.data.display());
        Ok(())
    }
}

#[derive(Args)]
pub struct Restored {
    #[command(flatten)]
    settings: Settings,
}

impl Restored {
    pub fn run(self) -> Result<()> {
        let config = self.settings.load()?;
        let store = opened(&config)?;
        let url = store.url.context(
            "the database is a file in the data folder (store.url is empty): `weiquan restore` puts \
             that back, and notes it",
        )?;
        operate::restored(&config.raw.server.data, &url)?;
        println!("{url}: every room begins a new epoch, and the audit log says so.");
        Ok(())
    }
}

#[derive(Args)]
pub struct Doctor {
    #[command(flatten)]
    settings: Settings,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

impl Doctor {
    /// Whether a server can run here; warnings do not hinder it.
    pub fn run(self) -> Result<bool> {
        let report = small_runtime()?.block_on(operate::doctor(&self.settings.load()?));
        tell(&report, self.json);
        Ok(report.holds())
    }
}

fn tell(report: &operate::Report, json: bool) {
    if json {
        println!("{}", report.json());
    } else {
        println!("{}", report.table(Paint::for_stdout()));
    }
}

/// For a command that awaits a store and nothing else.
pub(crate) fn small_runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the runtime cannot start")
}

/// An error with its causes, each said once: many name their cause themselves.
pub fn words(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}

/// A role that a token can name.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum TokenRole {
    Guest,
    Member,
    Moderator,
    Owner,
}

#[derive(Args)]
pub struct Token {
    #[command(flatten)]
    settings: Settings,
    /// What the person is called; with --count a number is added
    #[arg(long = "as", value_name = "NAME", default_value = "engineer")]
    name: String,
    #[arg(long, value_enum, default_value_t = TokenRole::Member)]
    role: TokenRole,
    /// How long it is good, in minutes
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=10_080))]
    minutes: u64,
    /// How many, one a line, each for another person
    #[arg(long, default_value_t = 1)]
    count: usize,
}

impl Token {
    pub fn run(self) -> Result<()> {
        let config = self.settings.load()?;
        let folder = &config.raw.server.data;
        let secret = store::peek_server_secret(folder, &opened(&config)?).with_context(|| {
            let place: &dyn std::fmt::Display = match &config.database {
                None => &folder.display(),
                Some(url) => url,
            };
            format!("{place} holds no server yet: start `weiquan serve` once")
        })?;
        let secret = ServerSecret::new(&secret)?;
        let tokens = Tokens::new(&secret, &config.public_url, Vec::new())?;
        let role = match self.role {
            TokenRole::Guest => Role::Guest,
            TokenRole::Member => Role::Member,
            TokenRole::Moderator => Role::Moderator,
            TokenRole::Owner => Role::Owner,
        };
        for n in 1..=self.count {
            let name = if self.count == 1 {
                self.name.clone()
            } else {
                format!("{} {n}", self.name)
            };
            let grant = Grant {
                id: &engineer_id(&name, role),
                name: &name,
                role,
                epoch: None,
                lifetime: Duration::from_secs(self.minutes * 60),
            };
            println!("{}", tokens.mint(&grant, clock::unix_ms()).token);
        }
        Ok(())
    }
}

/// The same name is the same person each time; none of them has an account.
fn engineer_id(name: &str, role: Role) -> MemberId {
    let hash = auth::secrets::hash(name);
    let hex: String = hash[..8].iter().map(|it| format!("{it:02x}")).collect();
    let prefix = if role == Role::Guest { "g" } else { "m" };
    MemberId::from(format!("{prefix}_eng_{hex}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_said_once() {
        let cause = std::io::Error::other("the disk is gone");
        let named = store::backup::BackupError::File("weiquan.db".into(), cause);
        let error = anyhow::Error::new(named).context("it cannot be copied");
        let expected = "it cannot be copied: weiquan.db: the disk is gone";
        assert_eq!(words(&error), expected);
    }
}
