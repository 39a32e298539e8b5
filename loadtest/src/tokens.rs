//! One token a line, as `weiquan token --count N` prints them.

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};

/// Reads at least `wanted` tokens.
pub(crate) fn read(path: &Path, wanted: usize) -> Result<Vec<String>> {
    let text = fs::read_to_string(path).with_context(|| {
        format!(
            "cannot read {} (make it with `weiquan token --count {wanted}`)",
            path.display()
        )
    })?;
    let tokens: Vec<String> = text
        .lines()
        .map(str::trim)
        .filter(|it| !it.is_empty())
        .map(str::to_owned)
        .collect();
    ensure!(
        tokens.len() >= wanted,
        "{} holds {} tokens, {wanted} are needed: `weiquan token --count {wanted}`",
        path.display(),
        tokens.len(),
    );
    Ok(tokens)
}
