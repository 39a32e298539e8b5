//! The commands that put what people said into an archive and bring it back, and the link by which whoever came
//! back that way gets in.

use std::path::PathBuf;

use anyhow::{Context, Result};
use auth::{ServerSecret, letter_links::LetterLinks};
use clap::Args;
use protocol::MemberId;

use crate::{
    cli::{Settings, small_runtime},
    database::opened,
    export::Form,
    operate::{self, bytes_text},
};

#[derive(Args)]
#[group(id = "what", required = true, multiple = false)]
pub(crate) struct Exported {
    /// The whole circle
    #[arg(long)]
    circle: bool,
    /// A topic or another room, by its address
    #[arg(long, value_name = "SLUG")]
    topic: Option<String>,
    /// A board with its topics, by its address
    #[arg(long, value_name = "SLUG")]
    board: Option<String>,
    /// A broadcast that is over, by its id
    #[arg(long, value_name = "ID")]
    broadcast: Option<String>,
    /// Everything of one member, by name or id
    #[arg(long, value_name = "NAME")]
    member: Option<String>,
}

#[derive(Args)]
pub struct Export {
    #[command(flatten)]
    settings: Settings,
    #[command(flatten)]
    what: Exported,
    /// The zip to write; it must not be there yet
    file: PathBuf,
}

impl Export {
    pub fn run(self) -> Result<()> {
        let config = self.settings.load()?;
        let what = self.what;
        let wish = match (what.topic, what.board, what.broadcast, what.member) {
            (Some(slug), ..) => operate::Wish::Topic(slug.into()),
            (_, Some(slug), ..) => operate::Wish::Board(slug.into()),
            (_, _, Some(id), _) => operate::Wish::Broadcast(id.into()),
            (.., Some(name)) => operate::Wish::Member(name),
            _ => operate::Wish::Circle,
        };
        let (folder, store) = (&config.raw.server.data, opened(&config)?);
        let exporting = operate::export_file(folder, &store, &wish, &self.file);
        let written = small_runtime()?.block_on(exporting)?;
        let lines = written.manifest.files.iter().filter_map(|it| it.lines);
        println!(
            "{}: {}, {} files with {} lines",
            self.file.display(),
            bytes_text(written.bytes),
            written.manifest.files.len(),
            lines.sum::<u64>()
        );
        if written.manifest.form == Form::Whole {
            println!(
                "  It can be brought back:  weiquan import {}",
                self.file.display()
            );
        }
        println!("  It holds what people said, and who said it: keep it as you keep the data.");
        Ok(())
    }
}

#[derive(Args)]
pub struct Import {
    #[command(flatten)]
    settings: Settings,
    /// Prove the archive and say what would be done; write nothing
    #[arg(long)]
    dry_run: bool,
    /// The zip that was exported
    file: PathBuf,
}

impl Import {
    pub fn run(self) -> Result<()> {
        let config = self.settings.load()?;
        let (folder, store) = (&config.raw.server.data, opened(&config)?);
        let run = match self.dry_run {
            true => operate::Run::Dry,
            false => operate::Run::Real,
        };
        let importing = operate::import(&self.file, folder, &store, run);
        let done = small_runtime()?.block_on(importing)?;
        let file = self.file.display();
        if done.is_nothing() {
            println!("{file}: everything in it is here already.");
            return Ok(());
        }
        match run {
            operate::Run::Dry => println!("{file} is sound. It would bring:"),
            operate::Run::Real => println!("{file} was imported:"),
        }
        if let Some(name) = &done.circle {
            println!("  the circle {name}");
        }
        println!(
            "  {} people, {} boards, {} rooms, {} records, {} pictures and other uploads",
            done.people, done.boards, done.rooms, done.records, done.media
        );
        if done.rooms_more + done.rooms_same > 0 {
            println!(
                "  rooms that were here: {} with something new, {} with all of it",
                done.rooms_more, done.rooms_same
            );
        }
        for (was, is) in &done.renamed {
            println!("  the name {was} was taken: this one is {is}");
        }
        for slug in &done.outside {
            println!("  it leads to {slug}, which is not here: that is left out");
        }
        if done.people > 0 {
            println!("  None of these people has a password here. For each who comes back:");
            println!("    weiquan password-link NAME");
        }
        Ok(())
    }
}

#[derive(Args)]
pub struct PasswordLink {
    #[command(flatten)]
    settings: Settings,
    /// The member's name, or their id
    name: String,
}

impl PasswordLink {
    pub fn run(self) -> Result<()> {
        let config = self.settings.load()?;
        let store = store::Store::open(&config.raw.server.data, &opened(&config)?)?;
        let made = small_runtime()?.block_on(async {
            let link = self.link(&store, &config.public_url).await;
            store.close().await;
            link
        });
        println!("{}", made?);
        let minutes = protocol::limits::PASSWORD_LINK_WITHIN.as_secs() / 60;
        println!(
            "  It sets a new password for {}, once, within {minutes} minutes.",
            self.name
        );
        Ok(())
    }

    async fn link(&self, store: &store::Store, origin: &str) -> Result<String> {
        let by_id = store.account(MemberId::from(self.name.as_str())).await?;
        let found = match by_id {
            Some(it) => Some(it),
            None => store.account_by_name(&self.name).await?,
        };
        let account = found.with_context(|| format!("there is no member {} here", self.name))?;
        let secret = store.server_secret(ServerSecret::make()).await?;
        let links = LetterLinks::new(&ServerSecret::new(&secret)?);
        let (kind, now_ms) = (store::LetterKind::Password, clock::unix_ms());
        store.note_link(account.id.clone(), kind, now_ms).await?;
        let link = links.make(kind.as_str(), &account.id, now_ms);
        store
            .add_act(operate::audit::act("password_link", account.name))
            .await?;
        Ok(format!("{origin}/password#{link}"))
    }
}
