#!/usr/bin/env bash
# Long runs: more seeds of every simulation, more kills of the whole server. SOAK_SEEDS and SOAK_KILLS say how many.
set -euo pipefail
cd "$(dirname "$0")/.."
export WEIQUAN_SEEDS="${SOAK_SEEDS:-10000}" WEIQUAN_KILLS="${SOAK_KILLS:-200}"
export WEIQUAN_PYTHON="${WEIQUAN_PYTHON:-$(scripts/python.sh)}"
cargo test --release -p weiquan-community
cargo test --release -p weiquan-fanout
cargo test --test restart -- --nocapture
