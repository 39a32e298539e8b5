//! The program: reads what was asked for, builds the server, waits for the signal to end it.

use std::process::ExitCode;

use clap::Parser;
use weiquan::cli::{Cli, What};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.what {
        What::Serve(it) => it.run(),
        What::CheckConfig(it) => it.run(),
        What::Token(it) => it.run(),
        What::Version => {
            println!("weiquan {}", env!("CARGO_PKG_VERSION"));
            Ok(())
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("weiquan: {error:#}");
            ExitCode::from(2)
        }
    }
}
