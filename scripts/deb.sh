#!/usr/bin/env bash
# Packs a built server into a Debian package: deb.sh [BINARY [FOLDER]], by default target/release/weiquan into target/deb.
# `make deb` builds everything first. What the package does on a machine stands in config/debian.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/need.sh dpkg-deb:dpkg strip:binutils
binary=${1:-${CARGO_TARGET_DIR:-target}/release/weiquan}
out=${2:-${CARGO_TARGET_DIR:-target}/deb}
[ -x "$binary" ] || { echo "$binary is not there: build the server first (make deb)" >&2; exit 1; }

version=$("$binary" version | cut -d' ' -f2)
arch=$(dpkg --print-architecture)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
chmod 0755 "$tree"

install -D -m 0755 "$binary" "$tree/usr/bin/weiquan"
strip --strip-unneeded "$tree/usr/bin/weiquan"
install -D -m 0644 config/weiquan.toml "$tree/etc/weiquan/weiquan.toml"
install -D -m 0644 -t "$tree/usr/lib/systemd/system" config/weiquan.service config/weiquan.socket
install -D -m 0644 -t "$tree/usr/share/doc/weiquan" docs/OPERATING.md docs/PROTOCOL.md docs/CHANGELOG.md LICENSE-MIT LICENSE-APACHE
install -D -m 0644 config/debian/copyright "$tree/usr/share/doc/weiquan/copyright"
[ ! -f config/grafana.json ] || install -m 0644 config/grafana.json "$tree/usr/share/doc/weiquan/"

# The newest C library's symbol that the binary asks for says which one it needs at least.
glibc=$(grep -aoE 'GLIBC_2\.[0-9]+' "$tree/usr/bin/weiquan" | cut -d_ -f2 | sort -V | tail -n 1)
kib=$(du -sk --apparent-size "$tree" | cut -f1)
mkdir "$tree/DEBIAN"
sed -e "s/@VERSION@/$version/" -e "s/@ARCH@/$arch/" -e "s/@GLIBC@/$glibc/" -e "s/@KIB@/$kib/" config/debian/control >"$tree/DEBIAN/control"
echo /etc/weiquan/weiquan.toml >"$tree/DEBIAN/conffiles"
install -m 0755 config/debian/{postinst,prerm,postrm} "$tree/DEBIAN/"
(cd "$tree" && find usr -type f -exec md5sum {} + >DEBIAN/md5sums)

mkdir -p "$out"
package="$out/weiquan_${version}_$arch.deb"
dpkg-deb --root-owner-group -Z"${DEB_COMPRESS:-xz}" --build "$tree" "$package" >/dev/null
echo "$package"
