//! The load test as a command. Its exit code is its verdict.

use std::process::ExitCode;

use clap::Parser as _;
use weiquan_loadtest::{Arguments, Verdict};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match weiquan_loadtest::run(Arguments::parse()) {
        Ok(Verdict::Pass) => ExitCode::SUCCESS,
        Ok(Verdict::Fail) => ExitCode::from(1),
        Ok(Verdict::Invalid) => ExitCode::from(3),
        Err(error) => {
            eprintln!("weiquan-loadtest: {error:#}");
            ExitCode::from(2)
        }
    }
}
