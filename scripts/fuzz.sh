#!/usr/bin/env bash
# Mutated input against every parser (frames, deflated messages, Markdown, heads, bodies, archives, tokens, SDP, STUN, DTLS, RTP, RTCP, TLS) and texts against calendars, from fresh seeds, for
# FUZZ_SECONDS (default 60). A failure tells its seed; WEIQUAN_SEED=that WEIQUAN_SEEDS=1 shows it again.
set -euo pipefail
cd "$(dirname "$0")/.."
parsers=(-p weiquan-ws -p weiquan-protocol -p weiquan-deflate -p weiquan-markdown -p weiquan-media -p weiquan-rtc -p weiquan-tls -p weiquan-auth -p weiquan-blobs -p weiquan-community -p weiquan-folding)
named=(no_card no_bytes no_payload no_text no_change no_mutated no_datagram no_number nonsense changed_offers may_be_cut whatever_is_taken)
cargo test --quiet --workspace --locked --no-run
end=$((SECONDS + ${FUZZ_SECONDS:-60}))
round=0
failed() {
  cat "${CARGO_TARGET_DIR:-target}/fuzz.log"
  echo "round $round from seed $WEIQUAN_SEED failed"
  exit 1
}
while [ $SECONDS -lt $end ]; do
  round=$((round + 1))
  WEIQUAN_SEED=$(od -An -N6 -tu8 /dev/urandom | tr -d ' ')
  export WEIQUAN_SEED
  cargo test --quiet --locked "${parsers[@]}" --lib -- "${named[@]}" >${CARGO_TARGET_DIR:-target}/fuzz.log 2>&1 || failed
  cargo test --quiet --locked -p weiquan --test http_edge -- no_mutated >>${CARGO_TARGET_DIR:-target}/fuzz.log 2>&1 || failed
  cargo test --quiet --locked -p weiquan --lib -- no_text no_mutated_archive >>${CARGO_TARGET_DIR:-target}/fuzz.log 2>&1 || failed
  echo "round $round from seed $WEIQUAN_SEED: $(grep -c '^test result: ok' ${CARGO_TARGET_DIR:-target}/fuzz.log) parsers held"
done
