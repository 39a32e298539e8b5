#!/usr/bin/env bash
# Measures the release server itself and prints one JSON object a line; see scripts/bench/run.mjs.
# BENCH_ROUNDS (default 5) and BENCH_SECONDS (default 10) change the length; ONLY=fanout,ack,egress picks figures.
set -euo pipefail
cd "$(dirname "$0")/.."

command -v node >/dev/null || { echo "Node.js is needed." >&2; exit 1; }
scripts/web.sh
cargo build --release --locked --bin weiquan
cargo build --release --locked -p weiquan-loadtest
if [ ! -x scripts/bench/node_modules/@oven/bun-linux-x64/bin/bun ]; then
  (cd scripts/bench && npm ci --no-audit --no-fund)
fi
exec node scripts/bench/run.mjs "$@"
