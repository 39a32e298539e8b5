#!/usr/bin/env bash
# Prints a Python that has FFmpeg 8.1 with its WHIP muxer (PyPI `av`), aiortc, a WebSocket client (`websockets`) and a mail server
# (`aiosmtpd`), making one under target/python if need be.
set -euo pipefail
cd "$(dirname "$0")/.."
av=18.1.0 aiortc=1.16.0 websockets=17.4 aiosmtpd=1.4.6
has="import aiortc, aiosmtpd, av, websockets, sys; sys.exit((av.__version__, aiortc.__version__) != ('$av', '$aiortc'))"
if python3 -c "$has" 2>/dev/null; then
  command -v python3
  exit 0
fi
home="$PWD/target/python"
if ! PYTHONPATH="$home" python3 -c "$has" 2>/dev/null; then
  python3 -m pip install --quiet --disable-pip-version-check --upgrade --target "$home" "av==$av" "aiortc==$aiortc" "websockets==$websockets" "aiosmtpd==$aiosmtpd" >&2
fi
printf '#!/bin/sh\nPYTHONPATH="%s" exec python3 "$@"\n' "$home" > "$home/python"
chmod +x "$home/python"
echo "$home/python"
