#!/usr/bin/env bash
# Recomputes with BART how well the image of a multi-coil result explains its data, and compares it with the report.
#
#   tests/mri/fidelity.sh FOLDER [REPORT]
#
# FOLDER is what `inverse solve` wrote: complex.npy (the image), maps.npy, kspace.npy (whitened, compressed) and mask.npy; REPORT is its
# report.json unless named. With y the k-space, S the maps, x the image and M the mask, the residual is ‖M (F Σ S x − y)‖², F the centred
# orthonormal transform by `bart fft -u`, products and sums by `bart fmac`. One image or a volume of slices; one set of maps; no trajectories.
# Needs bart, and python3 with numpy, which only turns .npy into .cfl and adds up squares. Exits with 1 where the two differ by more than 1e-4.
set -euo pipefail
[ $# -ge 1 ] || { sed -n '2,9p' "$0"; exit 2; }
folder=$1 report=${2:-$1/report.json}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python=${PYTHON:-/usr/bin/python3}

# As BART has them: columns of the arrays' last dimension first, coils fourth, slices last.
"$python" - "$folder" "$work" <<'PY'
import sys
import numpy as np
folder, work = sys.argv[1:]

def write(name, array):
    dims = list(array.shape) + [1] * (16 - array.ndim)
    with open(f"{work}/{name}.hdr", "w") as header:
        header.write("# Dimensions\n" + " ".join(map(str, dims)) + "\n")
    array.astype(np.complex64).T.tofile(f"{work}/{name}.cfl")  # the first dimension fastest

def bart(array, coils):
    if array.ndim == (3 if coils else 2):
        array = array[None]
    # (slices, [coils,] rows, columns) to (rows, columns, 1, coils, ..., slices at dimension 13)
    array = array if coils else array[:, None]
    return array.transpose(2, 3, 1, 0)[:, :, None, :, None, None, None, None, None, None, None, None, None, :]

kspace, maps, image, mask = (np.load(f"{folder}/{name}.npy") for name in ("kspace", "maps", "complex", "mask"))
if kspace.ndim not in (3, 4) or maps.ndim != kspace.ndim or image.ndim != kspace.ndim - 1:
    sys.exit("This is neither one image nor a volume with one set of maps.")
write("kspace", bart(kspace, True))
write("maps", bart(maps, True))
write("image", bart(image, False))
write("mask", bart(mask.reshape(image.shape), False))
PY

cd "$work"
bart fmac image maps coils                 # S x
bart fft -u 3 coils predicted              # F S x
bart scale -- -1 kspace negative
bart saxpy 1 predicted negative difference
bart fmac difference mask residual         # M (F S x − y)
bart fmac -C -s 65535 residual residual sum
cd - > /dev/null

"$python" - "$work" "$report" <<'PY'
import json, sys
import numpy as np
work, report = sys.argv[1:]
residual = float(np.fromfile(f"{work}/sum.cfl", np.complex64)[0].real)
stated = json.load(open(report))
stated = stated.get("consistency", stated)
ratio, expected = residual / stated["residual"], stated["expected"]
print(f"residual {residual:.6g}, by the report {stated['residual']:.6g}: {ratio:.6f}; "
      f"over what noise explains {residual / expected if expected else float('nan'):.4f}")
sys.exit(abs(ratio - 1) > 1e-4)
PY
