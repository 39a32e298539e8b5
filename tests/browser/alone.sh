#!/usr/bin/env bash
# alone.sh COMMAND …  runs it in a network of its own, which has loopback and one address that is not (198.51.100.1 on a
# made-up interface): some clients leave loopback out, and none of them shall find anybody else.
set -euo pipefail
as=()
[ "$(id -u)" = 0 ] || as=(--user --map-root-user)
exec unshare "${as[@]}" --net bash -euc '
  ip link set lo up
  ip link add outside type veth peer name far
  ip address add 198.51.100.1/24 dev outside
  ip link set outside up
  ip link set far up
  ip route add default dev outside
  exec "$@"' alone "$@"
