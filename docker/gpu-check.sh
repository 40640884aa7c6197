#!/usr/bin/env bash
# Checks the networks and their determinism on a GPU and times them; without CUDA, on the CPU.
# libtorch: $LIBTORCH, or the CUDA build of PyTorch that python3 has, or the system's.
# Without a .NET SDK it uses the self-contained program in artifacts/gpu-check that `make gpu-bundle` made elsewhere.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
bundle=$root/artifacts/gpu-check
native=$root/artifacts/native
cd "$root"

fail() { echo "error: $1" >&2; exit 1; }

libtorch=${LIBTORCH:-}
if [ -z "$libtorch" ] && command -v python3 >/dev/null; then
  libtorch=$(python3 -c 'import os, torch; print(os.path.dirname(torch.__file__) if torch.version.cuda else "")' 2>/dev/null || true)
fi
if [ -n "$libtorch" ]; then
  [ -e "$libtorch/lib/libtorch.so" ] || fail "$libtorch holds no lib/libtorch.so."
  export LIBTORCH=$libtorch
  native=$root/artifacts/native-cuda
  echo "libtorch: $libtorch"
fi
if [ -z "$libtorch" ] || [ ! -e "$libtorch/lib/libtorch_cuda.so" ]; then
  echo "There is no libtorch with CUDA here (set LIBTORCH, or install PyTorch for Python): the check runs on the CPU."
fi

if command -v dotnet >/dev/null; then
  # Of a machine with a libtorch of its own it is not known what it has and lacks: the build says so.
  docker/install-packages.sh run build || [ -n "$libtorch" ]
  INVERSE_NATIVE_OUT=$native dotnet build src/InverseSolver.Cli -c Release -v quiet -nologo --artifacts-path "$root/artifacts/gpu-build" -o "$bundle"
  inverse=(dotnet "$bundle/inverse.dll")
elif [ -x "$bundle/inverse" ]; then
  INVERSE_NATIVE_OUT=$native src/InverseSolver.Native/build.sh torch
  cp "$native/libinverse_torch.so" "$bundle/"
  inverse=("$bundle/inverse")
else
  fail "there is neither a .NET SDK nor $bundle/inverse: run make gpu-bundle where there is an SDK and bring artifacts/gpu-check along."
fi

folders=()
for golden in tests/InverseSolver.UnitTests/golden/*/golden.safetensors; do
  folders+=("$(dirname "$golden")")
done
"${inverse[@]}" gpu-check "${folders[@]}" --models models
