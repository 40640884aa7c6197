#!/usr/bin/env bash
# Checks and times the service, the networks and the solvers on a GPU; without CUDA, on the CPU. Usage: gpu-check.sh [STAGE]...
# Stages: parity determinism cancel memory graph sharing precision networks pytorch throughput; all of them where none is named.
# libtorch: $LIBTORCH, or the CUDA build of PyTorch that python3 has, or the system's.
# Without a .NET SDK it uses the self-contained programs in artifacts/gpu-check.tar.xz that `make gpu-bundle` made elsewhere; the native part is compiled here either way.
# The report is artifacts/gpu-report.md ($REPORT); the exit code is that of the checks.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
archive=$root/artifacts/gpu-check.tar.xz
bundle=$root/artifacts/gpu-check
native=$root/artifacts/native
report=${REPORT:-$root/artifacts/gpu-report.md}
cd "$root"
[ $# -gt 0 ] || set -- parity determinism cancel memory graph sharing precision networks pytorch throughput

fail() { echo "error: $1" >&2; exit 1; }
wanted() { local stage; for stage in "${stages[@]}"; do [ "$stage" != "$1" ] || return 0; done; return 1; }
stages=("$@")

libtorch=${LIBTORCH:-}
if [ -z "$libtorch" ] && command -v python3 >/dev/null; then
  libtorch=$(python3 -c 'import os, torch; print(os.path.dirname(torch.__file__) if torch.version.cuda else "")' 2>/dev/null || true)
fi
cuda=
if [ -n "$libtorch" ]; then
  [ -e "$libtorch/lib/libtorch.so" ] || fail "$libtorch holds no lib/libtorch.so."
  export LIBTORCH=$libtorch
  native=$root/artifacts/native-cuda
  echo "libtorch: $libtorch"
  [ ! -e "$libtorch/lib/libtorch_cuda.so" ] || cuda=1
fi
[ -n "$cuda" ] || echo "There is no libtorch with CUDA here (set LIBTORCH, or install PyTorch for Python): the check runs on the CPU."

started=$SECONDS
if command -v dotnet >/dev/null; then
  # Of a machine with a libtorch of its own it is not known what it has and lacks: the build says so.
  docker/install-packages.sh run build || [ -n "$libtorch" ]
  for project in Cli Service; do
    INVERSE_NATIVE_OUT=$native dotnet build "src/InverseSolver.$project" -c Release -v quiet -nologo --artifacts-path "$root/artifacts/gpu-build" -o "$bundle"
  done
else
  [ -x "$bundle/inverse" ] || { [ -r "$archive" ] && mkdir -p "$bundle" && tar -xJf "$archive" -C "$bundle"; } \
    || fail "there is neither a .NET SDK nor $archive: run make gpu-bundle where there is an SDK and bring that file along."
  INVERSE_NATIVE_OUT=$native src/InverseSolver.Native/build.sh torch
  cp "$native/libinverse_torch.so" "$bundle/"
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
      python3 tests/benchmarks/networks.py cuda
      echo
      timeout 200 python3 tests/benchmarks/networks.py cuda compile || echo "torch.compile did not work here."
    else
      /usr/bin/python3 tests/benchmarks/networks.py 1 2>/dev/null || echo "There is no PyTorch for Python here."
    fi
  } | tee -a "$report"
fi

if wanted throughput; then
  work=$(mktemp -d)
  "$bundle/InverseSolver.Service" --urls http://127.0.0.1:0 --Jobs:DataFolder "$work/data" --Models:Folders:0 models --Jobs:SharedJobs 16 --Jobs:QueueCapacity 1000 >"$work/log" 2>&1 </dev/null &
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
  {
    printf '\n## throughput\n\n'
    "$bundle/inverse" bench jobs --server "$url" --models models --solver "$([ -n "$cuda" ] && echo redDiff || echo diffPir)" --preset fast --concurrency "$([ -n "$cuda" ] && echo 1,2,4,8,16 || echo 1,4)" --rounds "$([ -n "$cuda" ] && echo 2 || echo 1)"
  } | tee -a "$report" || status=1
fi
printf '\nAll of it took %d s.\n' $((SECONDS - started)) | tee -a "$report"
exit $status
