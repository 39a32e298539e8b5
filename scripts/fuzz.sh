#!/usr/bin/env bash
# Mutated input against every parser (frames, deflated messages, Markdown, heads, bodies, archives, tokens, SDP, STUN, DTLS, RTP, RTCP, TLS) and texts against calendars, from fresh seeds, for
# FUZZ_SECONDS (default 60) all together, or each by itself for FUZZ_EACH seconds, where FUZZ_PARSERS ("-p weiquan-rtc") chooses
# some. A failure tells its seed; WEIQUAN_SEED=that WEIQUAN_SEEDS=1 shows it again.
set -euo pipefail
cd "$(dirname "$0")/.."
parsers=(-p weiquan-ws -p weiquan-protocol -p weiquan-deflate -p weiquan-markdown -p weiquan-media -p weiquan-rtc -p weiquan-tls -p weiquan-auth -p weiquan-blobs -p weiquan-community -p weiquan-folding)
named=(no_card no_bytes no_payload no_text no_change no_mutated no_datagram no_number nonsense changed_offers may_be_cut whatever_is_taken)
log=${CARGO_TARGET_DIR:-target}/fuzz.log
cargo test --quiet --workspace --locked --no-run
failed() {
  cat "$log"
  echo "$1 from seed $WEIQUAN_SEED failed"
  exit 1
}
fresh() {
  WEIQUAN_SEED=$(od -An -N6 -tu8 /dev/urandom | tr -d ' ')
  export WEIQUAN_SEED
}

# hold SECONDS NAME PACKAGE…: one test, again and again; more seeds in a run where few take no time.
hold() {
  local for_s=$1 name=$2 begun=$SECONDS seeds="" all=0 run
  shift 2
  while [ $((SECONDS - begun)) -lt "$for_s" ]; do
    fresh
    run=$SECONDS
    env ${seeds:+WEIQUAN_SEEDS=$seeds} cargo test --quiet --locked "$@" -- --exact "$name" >"$log" 2>&1 || failed "$name"
    all=$((all + ${seeds:-0}))
    [ $((SECONDS - run)) -ge 5 ] || seeds=$((seeds == 0 ? 20000 : 2 * seeds))
  done
  echo "$name held for $((SECONDS - begun)) s, $all seeds beside its own"
}

if [ -n "${FUZZ_EACH:-}" ]; then
  read -ra chosen <<<"${FUZZ_PARSERS:-${parsers[*]}}"
  for parser in "${chosen[@]}"; do
    [ "$parser" != -p ] || continue
    names=$(cargo test --quiet --locked -p "$parser" --lib -- --list "${named[@]}" | sed -n 's/: test$//p')
    for name in $names; do hold "$FUZZ_EACH" "$name" -p "$parser" --lib; done
  done
  exit
fi

end=$((SECONDS + ${FUZZ_SECONDS:-60}))
round=0
while [ $SECONDS -lt $end ]; do
  round=$((round + 1))
  fresh
  cargo test --quiet --locked "${parsers[@]}" --lib -- "${named[@]}" >"$log" 2>&1 || failed "round $round"
  cargo test --quiet --locked -p weiquan --test http_edge -- no_mutated >>"$log" 2>&1 || failed "round $round"
  cargo test --quiet --locked -p weiquan --lib -- no_text no_mutated_archive >>"$log" 2>&1 || failed "round $round"
  echo "round $round from seed $WEIQUAN_SEED: $(grep -c '^test result: ok' "$log") parsers held"
done
