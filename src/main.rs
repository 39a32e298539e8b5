//! The program: reads what was asked for, builds the server, waits for the signal to end it.

use std::process::ExitCode;

use clap::Parser;
use weiquan::cli::{Cli, What, words};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.what {
        What::Serve(it) => it.run().map(|()| true),
        What::CheckConfig(it) => it.run().map(|()| true),
        What::Backup(it) => it.run().map(|()| true),
        What::VerifyBackup(it) => it.run(),
        What::Restore(it) => it.run().map(|()| true),
        What::Restored(it) => it.run().map(|()| true),
        What::Export(it) => it.run().map(|()| true),
        What::Import(it) => it.run().map(|()| true),
        What::PasswordLink(it) => it.run().map(|()| true),
        What::Doctor(it) => it.run(),
        What::Audit(it) => it.run(),
        What::Token(it) => it.run().map(|()| true),
        What::Version => {
            println!("weiquan {}", env!("CARGO_PKG_VERSION"));
            Ok(true)
        }
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        // The command did its work, and what it looked at is not well.
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("weiquan: {}", words(&error));
            ExitCode::from(2)
        }
    }
}
