#!/usr/bin/env bash
# Installs the Debian package of a built server into an empty root by dpkg, sees the installed program serve by
# the installed configuration, upgrades, removes and purges it: deb-test.sh [BINARY].
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/need.sh dpkg-deb:dpkg strip:binutils useradd:passwd curl:curl
[ "$(id -u)" = 0 ] || exec unshare --map-root-user "$PWD/scripts/deb-test.sh" "$@"
binary=${1:-${CARGO_TARGET_DIR:-target}/debug/weiquan}

work=$(mktemp -d)
root=$work/root
server=
cleanup() {
  [ -z "$server" ] || kill -9 "$server" 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT
fail() { echo "deb-test: $*" >&2; exit 1; }
there() { [ -e "$root/$1" ] || fail "$1 is not there $2"; }
gone() { [ ! -e "$root/$1" ] || fail "$1 is still there $2"; }
user() { grep -q '^weiquan:' "$root/etc/passwd"; }

package=$(DEB_COMPRESS=gzip scripts/deb.sh "$binary" "$work")
mkdir -p "$root"/{etc,var/lib/dpkg/{info,updates,triggers}}
touch "$root"/var/lib/dpkg/{status,available} "$root"/etc/{passwd,group,shadow,gshadow}
# Its scripts run here with DPKG_ROOT, and what it depends on lies outside.
in_root() { dpkg --root="$root" --force-script-chrootless --force-depends "$@" >"$work/dpkg.log" 2>&1 || { cat "$work/dpkg.log" >&2; fail "dpkg $1"; }; }

in_root --install "$package"
user || fail "there is no user"
for file in usr/bin/weiquan etc/weiquan/weiquan.toml usr/lib/systemd/system/weiquan.{service,socket} usr/share/doc/weiquan/OPERATING.md; do
  there "$file" "after the installation"
done
dpkg-deb --ctrl-tarfile "$package" | tar -xO ./conffiles | grep -qx /etc/weiquan/weiquan.toml || fail "the configuration is no conffile"
"$root/usr/bin/weiquan" check-config --config "$root/etc/weiquan/weiquan.toml" >/dev/null

read -r port admin publish view < <(python3 -c '
import socket
held = [socket.socket() for _ in range(4)]
for it in held: it.bind(("127.0.0.1", 0))
print(*(it.getsockname()[1] for it in held))')
serve() {
  "$root/usr/bin/weiquan" serve --config "$root/etc/weiquan/weiquan.toml" --data "$root/var/lib/weiquan" --listen "127.0.0.1:$port" \
    --set "server.admin=127.0.0.1:$admin" --set "rtc.publish_port=$publish" --set "rtc.view_ports=[$view]" >"$work/server.log" 2>&1 &
  server=$!
  curl --silent --fail --retry 100 --retry-delay 0 --retry-max-time 20 --retry-connrefused "http://127.0.0.1:$port/healthz" >/dev/null \
    || { cat "$work/server.log" >&2; fail "it does not serve"; }
}
stop() {
  kill -TERM "$server"
  wait "$server" || fail "it ended with $?"
  server=
}
serve
stop
there var/lib/weiquan/weiquan.db "after a run"

echo '# by the operator' >>"$root/etc/weiquan/weiquan.toml"
in_root --install --force-confold "$package"
tail -n 1 "$root/etc/weiquan/weiquan.toml" | grep -q operator || fail "an upgrade changed the configuration"
serve
stop

in_root --remove weiquan
gone usr/bin/weiquan "after the removal"
for file in etc/weiquan/weiquan.toml var/lib/weiquan/weiquan.db; do there "$file" "after the removal"; done
in_root --purge weiquan
for file in etc/weiquan var/lib/weiquan usr/lib/systemd/system/weiquan.service; do gone "$file" "after the purge"; done
! user || fail "the user is still there after the purge"
echo "the Debian package installs, serves, upgrades, is removed and purged"
