#!/usr/bin/env bash
# Installs the air-gapped bundle into a fresh, bare Debian 13 that has no network, twice, starts the service as its systemd unit does, and tries it. Needs root.
# Usage: prove-bundle.sh BUNDLE.tar.gz
set -euo pipefail
[ $# = 1 ] || { sed -n '2,3s/^# //p' "$0" >&2; exit 2; }
[ "$(id -u)" = 0 ] || { echo "error: run as root" >&2; exit 1; }
bundle=$(realpath "$1")
work=$(mktemp -d)
chroot=$work/root
trap 'rm -rf "$work"' EXIT
step() { echo; echo "== $1"; }

step "a bare Debian 13"
debootstrap --variant=minbase trixie "$chroot" >"$work/debootstrap.log" || { tail "$work/debootstrap.log" >&2; exit 1; }
# It has no access to the network and no list of packages.
rm -rf "$chroot"/var/lib/apt/lists/* "$chroot"/var/cache/apt/archives/*.deb
: >"$chroot/etc/apt/sources.list"
mkdir -p "$chroot/media/bundle"
tar -xzf "$bundle" -C "$chroot/media/bundle" --strip-components 1
cat >"$chroot/try.sh" <<'INSIDE'
set -euo pipefail
! getent hosts deb.debian.org >/dev/null || { echo "error: there is a network" >&2; exit 1; }
/media/bundle/install.sh
echo "Jobs__QueueCapacity=7" >>/etc/inverse-solver.env
/media/bundle/install.sh
[ "$(tail -n 1 /etc/inverse-solver.env)" = Jobs__QueueCapacity=7 ] && [ -d /opt/inverse-solver.previous ] || {
  echo "error: the second installation lost the options or the previous version" >&2
  exit 1
}
for tool in gcc g++ cc ld make cmake dotnet python3; do ! command -v $tool || { echo "error: $tool came along" >&2; exit 1; }; done
inverse models check /opt/inverse-solver/models/brain-mri-128
# The unit's environment and user, without systemd: root read-only except for the unit's writable paths.
mount --bind / /mnt && mount -o remount,bind,ro /mnt
mount --bind /var/lib/inverse-solver /mnt/var/lib/inverse-solver
mount -t tmpfs tmpfs /mnt/tmp
mount -t proc proc /mnt/proc
mount --bind /dev /mnt/dev
unit=$(sed -n 's/^Environment=//p' /etc/systemd/system/inverse-solver.service)
# shellcheck disable=SC2086  # A list of NAME=VALUE.
chroot --userspec=inverse:inverse /mnt env -i $unit $(grep -v '^#' /etc/inverse-solver.env) \
  bash -c 'cd /var/lib/inverse-solver && exec /opt/inverse-solver/InverseSolver.Service' >/tmp/log 2>&1 &
service=$!
for ((i = 0; i < 300; i++)); do
  kill -0 $service 2>/dev/null || { cat /tmp/log >&2; exit 1; }
  ! curl -sf -o /dev/null http://localhost:8080/health/ready || break
  sleep 0.2
done
/media/bundle/smoke.sh http://localhost:8080 /opt/inverse-solver/docs/images/slice.png
kill $service
wait $service
echo "ended with $?; data: $(du -sk /var/lib/inverse-solver | cut -f 1) KiB"
INSIDE

step "install.sh, service and jobs, without a network"
# shellcheck disable=SC2016  # Expanded by the inner shell.
unshare --mount --propagation private --net --pid --fork --kill-child bash -c '
  ip link set lo up
  mount --bind "$1" "$1"
  mount -t proc proc "$1/proc"
  mount --bind /dev "$1/dev"
  exec chroot "$1" bash /try.sh' bash "$chroot"
echo
echo "installed: $(du -sm "$chroot" --exclude media | cut -f 1) MiB, Debian included"
