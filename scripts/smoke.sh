#!/usr/bin/env bash
# Tests a running service by curl: a job with a diffusion model, multi-coil MRI to DICOM, and that DICOM as a measurement. Fails if any step does.
# Usage: smoke.sh URL SLICE      URL: http://localhost:8080      SLICE: an image to make measurements from, for example docs/images/slice.png
# INVERSESOLVER_KEY: the key, where the service asks for one.
set -euo pipefail
[ $# = 2 ] || { sed -n '2,4s/^# //p' "$0" >&2; exit 2; }
api=$1/v1 slice=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# In a file, because command lines are seen by everybody. curl leaves out a header that has no value.
printf 'X-API-Key: %s\n' "${INVERSESOLVER_KEY:-}" >"$work/key"

fail() { echo "error: $1" >&2; exit 1; }
# call OUT CURL-ARGUMENT...
call() {
  local out=$1
  shift
  curl --silent --show-error --fail-with-body --max-time 60 -H "@$work/key" -o "$out" "$@" || { head -c 1000 "$out" >&2; fail "the service refused $1"; }
}
field() { grep -o "\"$1\":[^,}]*" | head -n 1 | cut -d : -f 2- | tr -d '"'; }

# Submits a job and waits for its end; the job's last state is in $work/job.
solve() {
  local started=$SECONDS id state=queued
  call "$work/job" "$api/jobs" "$@"
  id=$(field id <"$work/job")
  while [ "$state" = queued ] || [ "$state" = running ]; do
    [ $((SECONDS - started)) -lt 600 ] || fail "job $id did not end within 10 minutes."
    sleep 0.5
    call "$work/job" "$api/jobs/$id"
    state=$(field state <"$work/job")
  done
  [ "$state" = succeeded ] || { cat "$work/job" >&2; fail "job $id: $state."; }
  job=$id
}

problem='{"type":"inpainting","mask":{"type":"random","fraction":0.7,"seed":1}}'
call "$work/measurement.npy" "$api/measurements/simulate" -F 'request={"problem":'"$problem"',"sigma":0.01,"seed":1}' -F "image=@$slice"
solve -F 'request={"model":"brain-mri-128","problem":'"$problem"',"sigma":0.01,"solver":{"type":"reSample","preset":"fast"},"seed":1}' \
  -F "measurement=@$work/measurement.npy" -F "truth=@$slice"
psnr=$(field psnrDb <"$work/job")
# About 27 dB are usual; without the network the result has 12.
awk -v psnr="$psnr" 'BEGIN { exit !(psnr > 22) }' || fail "the result is only $psnr dB from the truth."
call "$work/result.png" "$api/jobs/$job/artefacts/result.png"
echo "inpainting: $psnr dB"

coils='{"type":"parallelMri","mask":{"type":"equispaced","spacing":2,"centreLines":24}}'
call "$work/scan.npz" "$api/measurements/simulate" -F 'request={"problem":'"$coils"',"sigma":0.005,"coils":4,"seed":1}' \
  -H 'Accept: application/zip' -F "image=@$slice"
solve -F 'request={"model":"brain-mri-128","problem":'"$coils"',"sigma":0.005,"solver":{"type":"leastSquares"}}' -F "measurement=@$work/scan.npz"
call "$work/slice.dcm" "$api/jobs/$job/artefacts/result-0000.dcm"
[ "$(dd if="$work/slice.dcm" bs=1 skip=128 count=4 status=none)" = DICM ] || fail "result-0000.dcm is not a DICOM file."
solve -F 'request={"model":"brain-mri-128","problem":{"type":"denoising"},"sigma":0.05,"solver":{"type":"totalVariation"}}' -F "measurement=@$work/slice.dcm"
call "$work/again.dcm" "$api/jobs/$job/artefacts/result-0000.dcm"
echo "multi-coil MRI to DICOM, and that DICOM in again: done"
