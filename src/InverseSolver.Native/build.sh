#!/usr/bin/env bash
# Builds one part of the native library into artifacts/native (or $INVERSE_NATIVE_OUT). Usage: build.sh imaging|reader
set -euo pipefail
part=${1:?part: imaging or reader}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
out=${INVERSE_NATIVE_OUT:-$root/artifacts/native}
work=$out/build-$part

fail() { echo "error: $1" >&2; exit 1; }
need() { command -v "$1" >/dev/null || fail "$1 is missing: install the Debian package $2 (docker/install-packages.sh installs all that is needed)."; }
need cmake cmake
need g++ g++
need make make
if [ "$part" = reader ]; then
  need pkg-config pkg-config
  pkg-config --exists hdf5-serial || fail "HDF5 is missing: install the Debian package libhdf5-dev (docker/install-packages.sh does it)."
  pkg-config --exists libseccomp || fail "libseccomp is missing: install the Debian package libseccomp-dev (docker/install-packages.sh does it)."
  [ -e /usr/include/ismrmrd/ismrmrd.h ] || fail "ISMRMRD is missing: install the Debian package libismrmrd-dev (docker/install-packages.sh does it)."
  [ -e /usr/include/dcmtk/dcmdata/dctk.h ] || fail "DCMTK is missing: install the Debian package libdcmtk-dev (docker/install-packages.sh does it)."
  [ -e /usr/include/nlohmann/json.hpp ] || fail "nlohmann-json is missing: install the Debian package nlohmann-json3-dev (docker/install-packages.sh does it)."
else
  need pkg-config pkg-config
  pkg-config --exists vips || fail "libvips is missing: install the Debian package libvips-dev (docker/install-packages.sh does it)."
fi

mkdir -p "$work"
exec 9>"$work/.lock"
flock 9
if [ ! -e "$work/CMakeCache.txt" ]; then
  cmake -S "$here" -B "$work" -G "Unix Makefiles" -DCMAKE_BUILD_TYPE=Release "-DPART=$part" >"$work/configure.log" 2>&1 \
    || { cat "$work/configure.log" >&2; fail "CMake could not configure the native part '$part'."; }
fi
cmake --build "$work" --parallel "$(nproc)" >"$work/build.log" 2>&1 || { cat "$work/build.log" >&2; fail "the native part '$part' does not compile."; }
product=libinverse_$part.so
[ "$part" != reader ] || product=inverse_reader
cmp -s "$work/$product" "$out/$product" || { rm -f "$out/$product" && cp "$work/$product" "$out/$product"; }
