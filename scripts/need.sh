#!/usr/bin/env bash
# need.sh command:package …  installs Debian packages whose command is missing, where it may.
set -euo pipefail
missing=()
for pair in "$@"; do
  command=${pair%%:*} package=${pair#*:}
  { [ -n "$command" ] && command -v "$command" >/dev/null; } || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0
if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
  echo "please install: ${missing[*]} (as root: apt-get install ${missing[*]})" >&2
  exit 1
fi
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
