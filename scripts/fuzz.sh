#!/usr/bin/env bash
# Mutated input against every parser, from fresh seeds, for FUZZ_SECONDS (default 60) each. A failure prints its seed.
set -euo pipefail
cd "$(dirname "$0")/.."
end=$((SECONDS + ${FUZZ_SECONDS:-60}))
round=0
while [ $SECONDS -lt $end ]; do
  round=$((round + 1))
  export WEIQUAN_SEED=$(od -An -N8 -tu8 /dev/urandom | tr -d ' ')
  cargo test --quiet -p weiquan-ws -p weiquan-media -p weiquan-rtc -p weiquan-protocol -- seed mutat random never_panic
done
echo "$round rounds"
