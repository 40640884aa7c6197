#!/usr/bin/env bash
# Installs the Debian packages that are missing. Usage: install-packages.sh [--list] [run|build|demo|test|bench|image|sbom|prove]...
# --list only says which packages the groups are.
#   run    what the built service and CLI need
#   build  what building inverse_reader needs besides
#   demo   the brain scan that `make demo` reads
#   test   what only tests need: programs that write and judge files
#   bench  what benchmarks compare with
#   image  what the container image needs besides run: its health check
#   sbom   what `make sbom` needs besides the .NET SDK
#   prove  what scripts/prove.sh builds and runs the image with
set -euo pipefail
# Libraries whose packages Debian names anew with each release.
release=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
case "$release" in
  bookworm) libraries=(libssl3 libhdf5-103-1 libhdf5-hl-100 libdcmtk17) ;;
  trixie) libraries=(libssl3t64 libhdf5-310 libhdf5-hl-310 libdcmtk19) ;;
  *) echo "error: Debian 12 or 13 is needed; this is '$release'" >&2; exit 1 ;;
esac
run=("${libraries[@]}" libseccomp2)
build=(g++ cmake make pkg-config libhdf5-dev libismrmrd-dev libdcmtk-dev libseccomp-dev nlohmann-json3-dev)
demo=(mricron-data)
test=(openssl chromium python3-h5py python3-numpy python3-torch python3-pydicom python3-nibabel ismrmrd-tools bart dcmtk dicom3tools orthanc orthanc-dicomweb)
bench=(python3-torch python3-numpy)
image=(curl)
sbom=(python3)
prove=(debootstrap podman runc)

# Node.js may come from elsewhere, with its npm.
command -v npm >/dev/null || test+=(nodejs npm)

list=
if [ "${1:-}" = --list ]; then
  list=yes
  shift
fi
[ $# -gt 0 ] || set -- run build
wanted=()
for group in "$@"; do
  case "$group" in
    run) wanted+=("${run[@]}") ;;
    build) wanted+=("${build[@]}") ;;
    demo) wanted+=("${demo[@]}") ;;
    test) wanted+=("${test[@]}") ;;
    bench) wanted+=("${bench[@]}") ;;
    image) wanted+=("${image[@]}") ;;
    sbom) wanted+=("${sbom[@]}") ;;
    prove) wanted+=("${prove[@]}") ;;
    *) echo "error: unknown group '$group' (run, build, demo, test, bench, image, sbom, prove)" >&2; exit 2 ;;
  esac
done

if [ -n "$list" ]; then
  printf '%s\n' "${wanted[@]}"
  exit 0
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
# Another installation ends before this one begins. apt's own option waits for dpkg's lock, not for that of the lists.
deadline=$((SECONDS + 300))
until said=$($sudo apt-get update -qq 2>&1); do
  if [[ "$said" != */lists/lock* || $SECONDS -ge $deadline ]]; then
    echo "$said" >&2
    exit 1
  fi
  sleep 2
done
$sudo env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
