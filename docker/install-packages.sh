#!/usr/bin/env bash
# Installs the Debian packages that are missing. Usage: install-packages.sh [run|build|demo|test|bench|image]...
#   run    what the built service and CLI need
#   build  what building the native part needs besides
#   demo   the brain scan that `make demo` reads
#   test   what only tests need: programs that write and judge files
#   bench  what benchmarks compare with
#   onnx   npm, with which install-onnxruntime.sh fetches ONNX Runtime
#   image  what the container image needs besides run: its health check
set -euo pipefail
run=(libopenblas0-openmp libtorch1.13 libvips42 fonts-dejavu-core libssl3 libhdf5-103-1 libhdf5-hl-100 libdcmtk17 libseccomp2)
build=(g++ cmake make pkg-config libtorch-dev libvips-dev libhdf5-dev libismrmrd-dev libdcmtk-dev libseccomp-dev nlohmann-json3-dev)
demo=(mricron-data)
test=(python3-h5py python3-numpy python3-pydicom python3-nibabel ismrmrd-tools bart dcmtk dicom3tools orthanc orthanc-dicomweb)
bench=(python3-torch python3-numpy)
image=(curl)

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
    onnx) command -v npm >/dev/null || wanted+=(npm) ;;
    *) echo "error: unknown group '$group' (run, build, demo, test, bench, onnx, image)" >&2; exit 2 ;;
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
