#!/usr/bin/env bash
# Sets up what the tests need and runs all of them: Rust, TypeScript, the whole server, the real browser.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '\n\033[1m== %s\033[0m\n' "$*"; }

step "what the tests need"
scripts/need.sh chromium:chromium firefox-esr:firefox-esr fc-list:fontconfig nft:nftables ip:iproute2 openssl:openssl tmux:tmux \
  prlimit:util-linux pebble:pebble turnserver:coturn iptables:iptables unshare:util-linux fiu-ctrl:fiu-utils faketime:faketime
# Debian's tools of PostgreSQL stand beside the path.
compgen -G '/usr/lib/postgresql/*/bin/initdb' > /dev/null || scripts/need.sh :postgresql
fc-list 2>/dev/null | grep -qi 'noto.*cjk' || scripts/need.sh :fonts-noto-cjk
export WEIQUAN_PYTHON="${WEIQUAN_PYTHON:-$(scripts/python.sh)}"

step "the web app"
scripts/web.sh
[ tests/browser/node_modules/.package-lock.json -nt tests/browser/package-lock.json ] || (cd tests/browser && npm ci --no-audit --no-fund)

step "Rust: build"
cargo build --workspace --all-targets --locked

step "TypeScript"
(cd clients/js && npm run --silent lint && npm test --silent)
(cd clients/web && npm run --silent check && npm test --silent)

step "the shape of the bench's report, and the chart"
node --test scripts/bench/*.test.mjs

step "Rust: tests"
cargo test --workspace --locked --no-fail-fast -- --test-threads=2

step "the Debian package"
scripts/deb-test.sh

step "the whole server with real browsers and encoders"
(cd clients/web && npm run --silent test:browser)
(cd tests/browser && npm test --silent)

step "all tests passed"
