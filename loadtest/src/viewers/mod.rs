//! Viewers by WHEP.
use anyhow::Result;
use clap::Args;

use crate::report::Verdict;

#[derive(Args, Clone, Debug)]
pub(crate) struct Plan {}

pub(crate) fn run(_plan: Plan) -> Result<Verdict> {
    anyhow::bail!("not built")
}
