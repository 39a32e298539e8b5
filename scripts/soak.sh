#!/usr/bin/env bash
# Long runs: many seeds of every simulation, many kills of the whole server. SOAK_SEEDS (of the rules, 10,000; a fiftieth of
# them for what has real sockets and disks) and SOAK_KILLS (200) say how many. A failure tells its seed. Then an hour of an evening's
# load on the release server (SOAK_MINUTES, 60), in which memory, descriptors and tasks must stay flat; see scripts/bench/soak.mjs.
set -euo pipefail
cd "$(dirname "$0")/.."
seeds="${SOAK_SEEDS:-10000}"
export WEIQUAN_KILLS="${SOAK_KILLS:-200}" WEIQUAN_PYTHON="${WEIQUAN_PYTHON:-$(scripts/python.sh)}"
cargo test --quiet --workspace --locked --no-run
WEIQUAN_SEEDS="$seeds" cargo test --locked -p weiquan-community simulation
few=$((seeds / 50 + 1))
WEIQUAN_SEEDS="$few" cargo test --locked -p weiquan-fanout --test torture --test secure torture -- --nocapture
WEIQUAN_SEEDS="$few" cargo test --locked -p weiquan-store --test contract both_disks
cargo test --locked --test restart -- --nocapture
(cd tests/browser && ./alone.sh node --experimental-websocket --test journey.test.mjs)
(cd tests/browser && ./alone.sh node --experimental-websocket --test layers.test.mjs)
(cd tests/browser && WEIQUAN_QUIET=1 node --test topic.test.mjs)
cargo build --release --locked --bin weiquan
cargo build --release --locked -p weiquan-loadtest
ulimit -n "$(ulimit -Hn)"
node scripts/bench/soak.mjs
