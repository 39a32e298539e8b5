#!/usr/bin/env bash
# Builds clients/js and clients/web into clients/web/dist, which the server carries.
# Skipped when nothing changed since the last build.
set -euo pipefail
cd "$(dirname "$0")/.."

command -v npm >/dev/null || { echo "Node.js with npm is needed to build the web app (nodejs.org, or your package manager)." >&2; exit 1; }

stamp=clients/web/dist/.built
sources=(clients/js/src clients/js/package-lock.json clients/web/src clients/web/public clients/web/worker clients/web/index.html clients/web/package-lock.json clients/web/vite.config.ts)
if [ -f "$stamp" ] && [ -z "$(find "${sources[@]}" -newer "$stamp" -print -quit 2>/dev/null)" ]; then
  exit 0
fi
for folder in clients/js clients/web; do
  if [ ! -d "$folder/node_modules" ] || [ "$folder/package-lock.json" -nt "$folder/node_modules/.package-lock.json" ]; then
    (cd "$folder" && npm ci --no-audit --no-fund)
  fi
done
(cd clients/js && npm run --silent build)
(cd clients/web && npm run --silent build)
touch "$stamp"
