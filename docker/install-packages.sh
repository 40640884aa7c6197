#!/usr/bin/env bash
# Installs the Debian packages that are missing. Usage: install-packages.sh [run|build|demo|bench|test|image]...
#   run    what the built service and CLI need
#   build  what building the native part needs besides
#   demo   the brain scan that `make demo` reads
#   bench  what benchmarks compare with
#   test   what tests compare with; without it those tests are skipped
#   image  what the container image needs besides run: its health check
set -euo pipefail
run=(libopenblas0-openmp libtorch1.13 libvips42 fonts-dejavu-core libssl3)
build=(g++ cmake make pkg-config libtorch-dev libvips-dev)
demo=(mricron-data)
bench=(python3-torch python3-numpy)
test=(bart)
image=(curl)

[ $# -gt 0 ] || set -- run build
wanted=()
for group in "$@"; do
  case "$group" in
    run) wanted+=("${run[@]}") ;;
    build) wanted+=("${build[@]}") ;;
    demo) wanted+=("${demo[@]}") ;;
    bench) wanted+=("${bench[@]}") ;;
    test) wanted+=("${test[@]}") ;;
    image) wanted+=("${image[@]}") ;;
    *) echo "error: unknown group '$group' (run, build, demo, bench, test, image)" >&2; exit 2 ;;
  esac
done
# A libtorch of the user's own stands in for Debian's.
if [ -n "${LIBTORCH:-}" ]; then
  kept=()
  for package in "${wanted[@]}"; do
    case "$package" in libtorch*) ;; *) kept+=("$package") ;; esac
  done
  wanted=("${kept[@]}")
fi

missing=()
for package in "${wanted[@]}"; do
  [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

echo "Installing Debian packages: ${missing[*]}"
sudo=
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null || { echo "error: run as root, or install sudo: missing packages: ${missing[*]}" >&2; exit 1; }
  sudo=sudo
fi
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -qq
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
