//! A certificate for a server under test: ECDSA on P-256, signed by itself, for this machine alone.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result};
use clap::Args;

use crate::report::Verdict;

#[derive(Args, Clone, Debug)]
pub(crate) struct Plan {
    /// Where `certificate.pem` and `key.pem` are written.
    folder: PathBuf,
}

pub(crate) fn run(plan: Plan) -> Result<Verdict> {
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).context("cannot make a certificate")?;
    fs::create_dir_all(&plan.folder)?;
    let files = [
        ("certificate.pem", made.cert.pem()),
        ("key.pem", made.signing_key.serialize_pem()),
    ];
    for (name, text) in files {
        let path = plan.folder.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(Verdict::Pass)
}
