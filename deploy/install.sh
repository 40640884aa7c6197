#!/usr/bin/env bash
# Installs InverseSolver from this bundle on Debian 13 (amd64), without a network, and again over an older version. Run as root.
# Usage: install.sh [KEY]           KEY: the public key (PEM) of whoever signed the bundle; it is not to come from the bundle
#   /opt/inverse-solver              programs and the bundled models; /usr/local/bin/inverse
#   /var/lib/inverse-solver          data: jobs and their results; not changed
#   /etc/inverse-solver.env          options; not changed where it exists
#   /srv/inverse-solver/models       further models
set -euo pipefail
[ $# = 0 ] || key=$(realpath -m -- "$1")
cd "$(dirname "${BASH_SOURCE[0]}")"
fail() { echo "error: $1" >&2; exit 1; }

# Every file is one that was there when the checksums were made.
if [ $# -gt 0 ]; then
  [ -r "$key" ] || fail "there is no key $1."
  command -v openssl >/dev/null || fail "openssl is needed to check the signature, and is not installed: check the bundle on another machine."
  [ -e SHA256SUMS.sig ] || fail "the bundle has no signature (SHA256SUMS.sig)."
  openssl dgst -sha256 -verify "$key" -signature SHA256SUMS.sig SHA256SUMS >/dev/null 2>&1 \
    || fail "the bundle was not signed by the owner of $1, or was changed."
fi
strangers=$(find . ! -type d ! -path ./SHA256SUMS ! -path ./SHA256SUMS.sig | grep -vxFf <(cut -c 67- SHA256SUMS) || true)
[ -z "$strangers" ] || fail "the bundle has files that its checksums do not name: $strangers"
sha256sum --check --quiet --strict SHA256SUMS || fail "the bundle is damaged."

[ "$(id -u)" = 0 ] || fail "run as root."
[ "$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)" = trixie ] || fail "this bundle is for Debian 13 (trixie)."
[ "$(dpkg --print-architecture)" = amd64 ] || fail "this bundle is for amd64."

# The bundle is apt's only source; installed packages of the same or a newer version stay.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/lists"
echo "deb [trusted=yes] file:$PWD/packages/ ./" >"$work/sources.list"
apt=(apt-get -qq -o "Dir::Etc::SourceList=$work/sources.list" -o Dir::Etc::SourceParts=/dev/null -o "Dir::State::Lists=$work/lists"
  -o Acquire::Languages=none -o APT::Sandbox::User=root)
mapfile -t packages <packages.list
"${apt[@]}" update
DEBIAN_FRONTEND=noninteractive "${apt[@]}" install -y --no-install-recommends "${packages[@]}" >/dev/null

getent group inverse >/dev/null || groupadd --system inverse
getent passwd inverse >/dev/null || useradd --system --gid inverse --home-dir /var/lib/inverse-solver --no-create-home --shell /usr/sbin/nologin inverse
install -d -o inverse -g inverse -m 750 /var/lib/inverse-solver
install -d -m 755 /srv/inverse-solver/models

# The new version is copied beside the old one and then replaces it.
rm -rf /opt/inverse-solver.new
mkdir -p /opt
cp -r app /opt/inverse-solver.new
chown -R root:root /opt/inverse-solver.new
chmod -R go-w,a+rX /opt/inverse-solver.new
rm -rf /opt/inverse-solver.previous
[ ! -e /opt/inverse-solver ] || mv /opt/inverse-solver /opt/inverse-solver.previous
mv /opt/inverse-solver.new /opt/inverse-solver
ln -sfn /opt/inverse-solver/inverse /usr/local/bin/inverse
install -D -m 644 inverse-solver.service /etc/systemd/system/inverse-solver.service
# It may hold secrets; systemd reads it as root.
[ -e /etc/inverse-solver.env ] || install -m 600 /dev/stdin /etc/inverse-solver.env <<'OPTIONS'
# Options of the service, one a line: /opt/inverse-solver/docs/configuration.md
#Jobs__QueueCapacity=64
OPTIONS
[ ! -d /run/systemd/system ] || systemctl daemon-reload
echo "InverseSolver $(cat VERSION) is installed: systemctl enable --now inverse-solver (or restart)," \
  "then $PWD/smoke.sh http://localhost:8080 /opt/inverse-solver/docs/images/slice.png"
