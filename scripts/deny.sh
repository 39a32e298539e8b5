#!/usr/bin/env bash
# Licences, sources and bans of every dependency. The advisory database is asked only where it can be reached.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v cargo-deny >/dev/null || cargo install --locked cargo-deny@0.20.2 --root target/tools
export PATH="$PWD/target/tools/bin:$PATH"
cargo deny --all-features check licenses bans sources
