#!/usr/bin/env bash
# Builds inverse_reader into artifacts/native (or $INVERSE_NATIVE_OUT).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
out=${INVERSE_NATIVE_OUT:-$root/artifacts/native}
work=$out/build-reader

fail() { echo "error: $1" >&2; exit 1; }
need() { command -v "$1" >/dev/null || fail "$1 is missing: install the Debian package $2 (scripts/install-packages.sh installs all that is needed)."; }
need cmake cmake
need g++ g++
need make make
need pkg-config pkg-config
pkg-config --exists hdf5-serial || fail "HDF5 is missing: install the Debian package libhdf5-dev (scripts/install-packages.sh does it)."
pkg-config --exists libseccomp || fail "libseccomp is missing: install the Debian package libseccomp-dev (scripts/install-packages.sh does it)."
[ -e /usr/include/ismrmrd/ismrmrd.h ] || fail "ISMRMRD is missing: install the Debian package libismrmrd-dev (scripts/install-packages.sh does it)."
[ -e /usr/include/dcmtk/dcmdata/dctk.h ] || fail "DCMTK is missing: install the Debian package libdcmtk-dev (scripts/install-packages.sh does it)."
[ -e /usr/include/nlohmann/json.hpp ] || fail "nlohmann-json is missing: install the Debian package nlohmann-json3-dev (scripts/install-packages.sh does it)."

mkdir -p "$work"
exec 9>"$work/.lock"
flock 9
if [ ! -e "$work/CMakeCache.txt" ]; then
  cmake -S "$here" -B "$work" -G "Unix Makefiles" -DCMAKE_BUILD_TYPE=Release >"$work/configure.log" 2>&1 || {
    cat "$work/configure.log" >&2
    fail "CMake could not configure inverse_reader."
  }
fi
cmake --build "$work" --parallel "$(nproc)" >"$work/build.log" 2>&1 || { cat "$work/build.log" >&2; fail "inverse_reader does not compile."; }
cmp -s "$work/inverse_reader" "$out/inverse_reader" || { rm -f "$out/inverse_reader" && cp "$work/inverse_reader" "$out/inverse_reader"; }
