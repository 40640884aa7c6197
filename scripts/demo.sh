#!/usr/bin/env bash
# Starts the service on a free port with a data folder of its own, runs `inverse demo` against it, and stops it.
# Usage: demo.sh SERVICE INVERSE OUT [option of `inverse demo`]...      SERVICE and INVERSE are the built programs.
set -euo pipefail
volume=/usr/share/mricron/templates/ch2.nii.gz
seconds=60

[ $# -ge 3 ] || { sed -n '2,3s/^# //p' "$0" >&2; exit 2; }
for program in "$1" "$2"; do
  [ -x "$program" ] || { echo "error: $program is not built: run make build" >&2; exit 2; }
done
[ -r "$volume" ] || { echo "error: there is no $volume: install Debian's mricron-data" >&2; exit 2; }
service=$(realpath "$1") inverse=$(realpath "$2") out=$3
shift 3
work=$(mktemp -d)
log=$work/service.log
pid=
: >"$log"

stop() {
  if [ -n "$pid" ]; then
    kill "$pid" 2>/dev/null || true
    for _ in {1..100}; do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
    kill -9 "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  fi
  rm -rf "$work"
}
trap stop EXIT

# Port 0: the system picks a free one, and the log says which.
"$service" --urls http://127.0.0.1:0 --Jobs:DataFolder "$work/data" >"$log" 2>&1 </dev/null &
pid=$!

# The status of GET /health/ready, nothing while nobody answers.
ready() {
  exec 3<>"/dev/tcp/127.0.0.1/${url##*:}" || return
  printf 'GET /health/ready HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n' >&3
  read -r -t 10 _ status _ <&3 || true
  exec 3>&-
} 2>/dev/null

url=""
status=""
for ((i = 0; i < seconds * 5; i++)); do
  kill -0 "$pid" 2>/dev/null || break
  url=$(sed -n 's/.*Now listening on: *//p' "$log" | head -n 1)
  [ -z "$url" ] || ready || true
  [ "$status" != 200 ] || break
  sleep 0.2
done
if [ "$status" != 200 ]; then
  echo "error: the service was not ready within $seconds seconds (status '${status:-none}'); its log ends with:" >&2
  tail -n 30 "$log" >&2
  exit 1
fi

"$inverse" demo --server "$url" --volume "$volume" --out "$out" "$@"
