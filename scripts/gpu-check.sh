#!/usr/bin/env bash
# Checks and times the service, the networks and the solvers on a GPU; without CUDA, on the CPU. Usage: gpu-check.sh [STAGE]...
# Stages: parity determinism cancel memory sharing precision networks pytorch throughput; all of them where none is named.
# libtorch: the folder in $LIBTORCH, or the CUDA build of PyTorch 2.10 in python3; else, where there is an NVIDIA GPU, TorchSharp's package for CUDA;
# else the packaged one. Without a .NET SDK it uses the self-contained programs in artifacts/gpu-check.tar.xz, which `make gpu-bundle` makes elsewhere. These
# contain no libtorch: LIBTORCH is needed, or PyTorch 2.10 for Python.
# The report is artifacts/gpu-report.md ($REPORT); the exit code is that of the checks.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
archive=$root/artifacts/gpu-check.tar.xz
bundle=$root/artifacts/gpu-check
report=${REPORT:-$root/artifacts/gpu-report.md}
cd "$root"
[ $# -gt 0 ] || set -- parity determinism cancel memory sharing precision networks pytorch throughput

fail() { echo "error: $1" >&2; exit 1; }
wanted() { local stage; for stage in "${stages[@]}"; do [ "$stage" != "$1" ] || return 0; done; return 1; }
stages=("$@")

sdk=
! command -v dotnet >/dev/null || sdk=1
libtorch=${LIBTORCH:-}
if [ -z "$libtorch" ] && command -v python3 >/dev/null; then
  libtorch=$(python3 -c '
import os, sys, torch
usable = torch.__version__.startswith("2.10.") and (torch.version.cuda or not sys.argv[1])
print(os.path.dirname(torch.__file__) if usable else "")' "$sdk" 2>/dev/null || true)
fi
cuda=
options=()
if [ -n "$libtorch" ]; then
  library=$libtorch/lib/libtorch_cpu.so
  [ -e "$library" ] || library=$libtorch/libtorch_cpu.so
  [ -e "$library" ] || fail "LIBTORCH=$libtorch holds no lib/libtorch_cpu.so."
  export LIBTORCH=$libtorch
  echo "libtorch: $libtorch"
  [ ! -e "$(dirname "$library")/libtorch_cuda.so" ] || cuda=1
elif [ -n "$sdk" ] && compgen -G '/dev/nvidia[0-9]*' >/dev/null; then
  options=(-p:Torch=cuda)
  bundle=$bundle-cuda
  cuda=1
  echo "libtorch: TorchSharp's package for CUDA"
fi
[ -n "$cuda" ] || echo "There is no GPU or no libtorch with CUDA here (set LIBTORCH, or install PyTorch 2.10 for Python): the check runs on the CPU."

started=$SECONDS
if [ -n "$sdk" ]; then
  # The capabilities of a separately installed libtorch are unknown here; the build reports what is missing.
  scripts/install-packages.sh run build || [ -n "$cuda" ]
  for project in Cli Service; do
    dotnet build "src/InverseSolver.$project" -c Release -v quiet -nologo "${options[@]}" --artifacts-path "$bundle-build" -o "$bundle"
  done
else
  [ -n "$libtorch" ] || fail "there is neither a .NET SDK nor a libtorch 2.10: set LIBTORCH to the folder of one, or install PyTorch 2.10 for Python."
  [ -x "$bundle/inverse" ] || { [ -r "$archive" ] && mkdir -p "$bundle" && tar -xJf "$archive" -C "$bundle"; } \
    || fail "there is neither a .NET SDK nor $archive: run make gpu-bundle where there is an SDK and bring that file along."
fi

mkdir -p "$(dirname "$report")"
{ echo "# GPU check"; echo; echo "Built in $((SECONDS - started)) s."; } >"$report"
status=0
own=$(for stage in "${stages[@]}"; do case "$stage" in pytorch | throughput) ;; *) printf '%s,' "$stage" ;; esac; done)
if [ -n "$own" ]; then
  folders=()
  for golden in tests/InverseSolver.UnitTests/golden/*/golden.safetensors; do
    folders+=("$(dirname "$golden")")
  done
  "$bundle/inverse" gpu-check "${folders[@]}" --models models --stages "${own%,}" --report "$report" || status=1
fi

if wanted pytorch; then
  {
    printf '\n## pytorch\n\n'
    if [ -n "$cuda" ]; then
      python3 tests/benchmarks/networks.py cuda || echo "There is no PyTorch with CUDA for Python here."
      echo
      timeout 200 python3 tests/benchmarks/networks.py cuda compile || echo "torch.compile did not work here."
    else
      /usr/bin/python3 tests/benchmarks/networks.py 1 2>/dev/null || echo "There is no PyTorch for Python here."
    fi
  } | tee -a "$report"
fi

if wanted throughput; then
  work=$(mktemp -d)
  "$bundle/InverseSolver.Service" --urls http://127.0.0.1:0 --Jobs:DataFolder "$work/data" --Models:Folders:0 models \
    --Jobs:SharedJobs 16 --Jobs:QueueCapacity 1000 >"$work/log" 2>&1 </dev/null &
  pid=$!
  trap 'kill $pid 2>/dev/null || true; wait $pid 2>/dev/null || true; rm -rf "$work"' EXIT
  url=
  for _ in {1..300}; do
    url=$(sed -n 's/.*Now listening on: *//p' "$work/log" | head -n 1)
    [ -z "$url" ] || break
    kill -0 $pid 2>/dev/null || break
    sleep 0.2
  done
  [ -n "$url" ] || { tail -n 30 "$work/log" >&2; fail "the service did not start."; }
  load=(--solver diffPir --concurrency 1,4 --rounds 1)
  [ -z "$cuda" ] || load=(--solver redDiff --concurrency 1,2,4,8,16 --rounds 2)
  {
    printf '\n## throughput\n\n'
    "$bundle/inverse" bench jobs --server "$url" --models models --preset fast "${load[@]}"
  } | tee -a "$report" || status=1
fi
printf '\nAll of it took %d s.\n' $((SECONDS - started)) | tee -a "$report"
exit $status
