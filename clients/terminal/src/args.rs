//! What may be typed after `weiquan-chat`.

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Parser;

/// The token, where it stands in no file. It is never an argument: other users of a machine see those.
const TOKEN: &str = "WEIQUAN_TOKEN";

/// A live room in the terminal. Without a terminal on both sides it reads lines to say from its input and
/// writes what is said to its output, one line a message.
#[derive(Debug, Parser)]
#[command(name = "weiquan-chat", version)]
pub(crate) struct Args {
    /// The room: the last part of its address, such as `lobby`
    pub(crate) room: String,

    /// The server's address
    #[arg(long, env = "WEIQUAN_SERVER", default_value = "http://127.0.0.1:8080")]
    pub(crate) server: String,

    /// A file with a token on its first line; or put the token into WEIQUAN_TOKEN. Without one: a guest
    #[arg(long)]
    token_file: Option<PathBuf>,

    /// What to be called as a guest; without it the server makes a name
    #[arg(long)]
    pub(crate) name: Option<String>,

    /// Lines even where there is a terminal
    #[arg(long)]
    pub(crate) lines: bool,

    /// With lines: stay after the end of the input
    #[arg(long)]
    pub(crate) stay: bool,
}

impl Args {
    /// The token of the file or of the environment; none for a guest.
    pub(crate) fn token(&self) -> anyhow::Result<Option<String>> {
        let text = match &self.token_file {
            Some(path) => std::fs::read_to_string(path)
                .with_context(|| format!("cannot read the token in {}", path.display()))?,
            None => match std::env::var(TOKEN) {
                Ok(token) => token,
                Err(std::env::VarError::NotPresent) => return Ok(None),
                Err(error) => bail!("{TOKEN}: {error}"),
            },
        };
        let token = text.lines().next().unwrap_or_default().trim();
        if token.is_empty() {
            bail!("the token is empty; leave it out to be a guest");
        }
        if self.name.is_some() {
            bail!("--name is for guests: a token says who one is");
        }
        Ok(Some(token.to_owned()))
    }
}
