#!/usr/bin/env bash
# Measures the release server itself and prints one JSON object a line; see scripts/bench/run.mjs.
# BENCH_ROUNDS (default 5) and BENCH_SECONDS (default 10) change the length; ONLY=fanout,crowd:stalled picks figures (a name that
# is none is answered with all of them).
set -euo pipefail
cd "$(dirname "$0")/.."

command -v node >/dev/null || { echo "Node.js is needed." >&2; exit 1; }
scripts/need.sh chromium:chromium strip:binutils taskset:util-linux ss:iproute2
scripts/web.sh
cargo build --release --locked --bin weiquan
cargo build --release --locked -p weiquan-loadtest
if [ ! -x scripts/bench/node_modules/@oven/bun-linux-x64/bin/bun ]; then
  (cd scripts/bench && npm ci --no-audit --no-fund)
fi
[ tests/browser/node_modules/.package-lock.json -nt tests/browser/package-lock.json ] || (cd tests/browser && npm ci --no-audit --no-fund)
export WEIQUAN_PYTHON="${WEIQUAN_PYTHON:-$(scripts/python.sh)}"
# 15,500 viewers are as many descriptors on each side.
ulimit -n "$(ulimit -Hn)"
exec node scripts/bench/run.mjs "$@"
