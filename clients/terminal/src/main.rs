//! A live room in the terminal.
//!
//! `args` is what was typed, `entrance` the way in; `weiquan_client::Follower` holds the line. Then either
//! `app` and `screen` (a state and its picture) or `lines` (for pipes).

mod app;
mod args;
mod entrance;
mod lines;
mod screen;
#[cfg(test)]
mod tests;
mod text;
mod votes;

use std::{
    io::{IsTerminal, stdin, stdout},
    process::ExitCode,
};

use anyhow::bail;
use app::{App, Line};
use args::Args;
use clap::Parser;
use crossterm::{
    event::{DisableBracketedPaste, EnableBracketedPaste, EventStream},
    execute,
};
use entrance::Entrance;
use futures_util::StreamExt;
use jiff::tz::TimeZone;
use tokio::sync::mpsc;
use weiquan_client::{Follower, Happening};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match chat(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn chat(args: Args) -> anyhow::Result<()> {
    let entrance = Entrance::new(&args.server, &args.room, args.token()?, args.name.clone())?;
    let device = format!("terminal-{}", uuid::Uuid::new_v4().simple());
    let (follower, happenings) = Follower::start(entrance, device, args.room.clone());
    if args.lines || !stdin().is_terminal() || !stdout().is_terminal() {
        return lines::run(follower, happenings, args.stay).await;
    }
    let mut terminal = ratatui::init();
    let pasting = execute!(stdout(), EnableBracketedPaste);
    let ended = run(&mut terminal, &follower, happenings).await;
    let unpasting = execute!(stdout(), DisableBracketedPaste);
    ratatui::restore();
    pasting.and(unpasting)?;
    if let Some(why) = ended? {
        bail!("{why}");
    }
    Ok(())
}

/// Until the person leaves. Answers why the line was over by then, where it was.
async fn run(
    terminal: &mut ratatui::DefaultTerminal,
    follower: &Follower,
    mut happenings: mpsc::Receiver<Happening>,
) -> anyhow::Result<Option<String>> {
    let zone = TimeZone::system();
    let mut app = App::new();
    let mut keys = EventStream::new();
    while !app.quit {
        terminal.draw(|frame| screen::draw(frame, &app, &zone))?;
        let wish = tokio::select! {
            event = keys.next() => match event {
                Some(event) => app.event(&event?),
                None => break,
            },
            Some(happening) = happenings.recv() => {
                // A crowd says more than a screen can show: one picture for all that is there.
                let mut wishes = vec![app.happened(happening)];
                while let Ok(more) = happenings.try_recv() {
                    wishes.push(app.happened(more));
                }
                wishes.into_iter().flatten().next()
            }
        };
        if let Some(wish) = wish {
            follower.wish(wish).await;
        }
    }
    Ok(match app.line {
        Line::Over(why) => Some(why),
        Line::Connecting | Line::Up | Line::Down(_) => None,
    })
}
