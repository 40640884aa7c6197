#!/usr/bin/env bash
# Builds the image `cpu` from the Dockerfile, and runs it as docs/deployment.md says, where there is neither a container engine's daemon
# nor a registry. Needs root on Debian.
# podman builds and runs; debootstrap roots stand in for the images that the Dockerfile starts from, this machine's .NET SDK for Microsoft's.
# Usage: prove.sh [FOLDER]      FOLDER, artifacts/prove by default, keeps images and layers for the next time.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
[ "$(id -u)" = 0 ] || { echo "error: run as root" >&2; exit 1; }
scripts/install-packages.sh prove
folder=$(realpath -m "${1:-artifacts/prove}")
mkdir -p "$folder"
image=inverse-solver:cpu debian=docker.io/library/debian:trixie-slim sdk=mcr.microsoft.com/dotnet/sdk:10.0
container=
volume=

fail() { echo "error: $1" >&2; exit 1; }
step() { echo; echo "== $1"; }
# There is no daemon for health checks' timers either, which podman reports for every container.
podman() { command podman --root "$folder/containers" --runroot "$folder/run" --runtime runc "$@" 2> >(grep -v 'unable to get systemd connection' >&2); }
stand_in() { podman image exists "$1"; }
finish() {
  [ -z "$container" ] || podman rm --force --time 5 "$container" >/dev/null || true
  [ -z "$volume" ] || podman volume rm --force "$volume" >/dev/null || true
}
trap finish EXIT

if ! stand_in $debian; then
  step "a minimal Debian 13 stands in for $debian"
  rm -rf "$folder/debian"
  debootstrap --variant=minbase trixie "$folder/debian" >"$folder/debootstrap.log" || { tail "$folder/debootstrap.log" >&2; exit 1; }
  tar -C "$folder/debian" --one-file-system --exclude './var/cache/apt/archives/*' --exclude './var/lib/apt/lists/*' -cf - . \
    | podman import - $debian >/dev/null
  rm -rf "$folder/debian"
fi
if ! stand_in $sdk; then
  step "this machine's SDK stands in for $sdk"
  cat >"$folder/sdk" <<DOCKERFILE
FROM $debian
COPY . /usr/share/dotnet
ENV PATH=/usr/share/dotnet:\$PATH DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 DOTNET_NOLOGO=1 DOTNET_GENERATE_ASPNET_CERTIFICATE=false
DOCKERFILE
  podman build --isolation chroot --format docker --pull=never -q -f "$folder/sdk" -t $sdk "$(dirname "$(readlink -f "$(command -v dotnet)")")" >/dev/null
fi

step "podman build --target cpu"
# The restore uses this machine's certificates and downloaded packages, because a proxy's certificate may be unknown to Microsoft's image.
nuget=${NUGET_PACKAGES:-$HOME/.nuget/packages}
mkdir -p "$nuget"
podman build --isolation chroot --format docker --pull=never --target cpu -t $image --volume "$nuget:/root/.nuget/packages" \
  --volume /etc/ssl/certs:/etc/ssl/certs:ro . >"$folder/build.log" 2>&1 \
  || { tail -n 40 "$folder/build.log" >&2; fail "the image does not build."; }

step "what the image holds"
[ "$(podman image inspect --format '{{.Config.User}}' $image)" = 10001:10001 ] || fail "the image's user is not 10001."
inside=(run --rm --network none --ulimit "nofile=1024:1024" --ulimit "nproc=4096:4096" --entrypoint /bin/sh "$image" -c)
tools=$(podman "${inside[@]}" 'for tool in gcc g++ cc c++ clang ld as make cmake dotnet git python3 pip npm; do command -v $tool; done; true')
[ -z "$tools" ] || fail "build tools are in the image: $tools"
podman "${inside[@]}" 'echo "$(wc -l </app/packages.txt) packages, $(du -sm --exclude=/proc --exclude=/sys / 2>/dev/null | cut -f 1) MiB unpacked," \
  "/app $(du -sm /app | cut -f 1) MiB, models $(du -sm /app/models | cut -f 1) MiB; no build tools"'

step "podman run: user 10001, read-only root, no capabilities, no network"
volume=$(podman volume create)
container=$(podman run --detach --network none --read-only --read-only-tmpfs=false --tmpfs /tmp --cap-drop all \
  --security-opt no-new-privileges --memory 8g --pids-limit 512 --ulimit "nofile=1024:1024" --ulimit "nproc=4096:4096" \
  --volume "$volume:/data" --volume "$root/docs/images:/input:ro" --env Access__AllowAnonymous=true --env AllowedHosts=localhost $image)
started=$(date +%s%N)
until podman exec "$container" curl --silent --fail --output /dev/null http://localhost:8080/health/ready; do
  [ $(($(date +%s%N) - started)) -lt 120000000000 ] || { podman logs "$container" >&2; fail "the service is not ready after two minutes."; }
  [ "$(podman inspect --format '{{.State.Running}}' "$container")" = true ] || { podman logs "$container" >&2; fail "the service ended."; }
  sleep 0.2
done
echo "ready after $((($(date +%s%N) - started) / 1000000)) ms"
echo "arithmetic: $(podman exec "$container" curl --silent --fail http://localhost:8080/health/ready | grep -oE '"arithmetic": *"[^"]*"' | cut -d '"' -f 4)"
podman healthcheck run "$container" >/dev/null || fail "the health check fails."
[ "$(podman exec "$container" id -u)" = 10001 ] || fail "the service does not run as user 10001."
for place in /app /etc /models /var /usr/lib /input; do
  ! podman exec "$container" touch "$place/written" 2>/dev/null || fail "$place can be written to."
done
podman exec -i "$container" bash -s http://localhost:8080 /input/slice.png <scripts/smoke.sh
written=$(podman diff "$container" | grep -vE '^[AC] /(etc|dev|proc|sys|run|input)(/|$)' || true)
[ -z "$written" ] || fail "the container wrote outside /data and /tmp: $written"
echo "health check: healthy; written: nothing outside /data ($(podman exec "$container" du -sk /data | cut -f 1) KiB)" \
  "and /tmp ($(podman exec "$container" du -sk /tmp | cut -f 1) KiB)"

step "podman stop"
podman stop --time 30 "$container" >/dev/null
[ "$(podman inspect --format '{{.State.ExitCode}}' "$container")" = 0 ] || fail "the service did not end by itself on SIGTERM."
echo "ended with 0; the image is as it was"
