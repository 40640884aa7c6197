"""Multi-coil MRI beside BART: zero filling, CG-SENSE, `bart pics` with wavelets and total variation at the weights that are best for the truth,
and `inverse solve`.

    python3 tests/benchmarks/mri.py DATA WORK [case ...]

DATA is a folder as INVERSESOLVER_TEST_DATA names it, WORK a folder for what is made on the way. Cases: brain phantoms simulated ablation; all
without any. INVERSE names the command, MODELS the models' folder. Writes WORK/mri.json, whose figures of BART are kept when it runs again, and
prints tables in Markdown. Needs Debian's bart, ismrmrd-tools, python3-numpy and python3-h5py.
"""
import json
import os
import pathlib
import subprocess
import sys

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
INVERSE = os.environ.get("INVERSE", str(ROOT / "src/InverseSolver.Cli/bin/Release/net10.0/inverse"))
MODELS = os.environ.get("MODELS", str(ROOT / "models"))
ENVIRONMENT = dict(os.environ, OMP_NUM_THREADS="1")
WEIGHTS = {
    "CG-SENSE": ["-l2"], "wavelet": ["-l1"], "TV": ["-u0.1"],
}
GRID = [0.0003, 0.0005, 0.001, 0.002, 0.003, 0.004, 0.005, 0.007, 0.01, 0.015, 0.02, 0.03, 0.05]
SOLVERS = [("mriPurify", "fast"), ("diffPir", "fast")]


def bart(*arguments):
    done = subprocess.run(["bart", *map(str, arguments)], env=ENVIRONMENT, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"bart {arguments[0]}: {done.stderr.strip()}")


def read_cfl(name):
    header = open(f"{name}.hdr").read().split("\n")
    return np.fromfile(f"{name}.cfl", np.complex64).reshape([int(n) for n in header[1].split()], order="F")


def write_cfl(name, array):
    open(f"{name}.hdr", "w").write("# Dimensions\n" + " ".join(map(str, array.shape)) + "\n")
    array.astype(np.complex64).flatten(order="F").tofile(f"{name}.cfl")


def to_bart(name, coils):
    """(coils, rows, columns) as BART has it: (1, rows, columns, coils)."""
    write_cfl(name, coils.transpose(1, 2, 0)[None])


def centred(x, transform):
    return np.fft.fftshift(transform(np.fft.ifftshift(x, axes=(-2, -1)), norm="ortho"), axes=(-2, -1))


def fft(x):
    return centred(x, np.fft.fft2)


def ifft(x):
    return centred(x, np.fft.ifft2)


def smooth(x, taps):
    x = np.apply_along_axis(lambda v: np.convolve(v, taps, "valid"), 0, x)
    return np.apply_along_axis(lambda v: np.convolve(v, taps, "valid"), 1, x)


def metrics(image, truth):
    """NRMSE, PSNR and SSIM of magnitudes, the latter two with the truth's peak as 1."""
    x, y = np.abs(image), np.abs(truth)
    error = np.linalg.norm(x - y) / np.linalg.norm(y)
    x, y = x / y.max(), y / y.max()
    t = np.exp(-((np.arange(11) - 5) ** 2) / (2 * 1.5**2))
    t /= t.sum()
    mx, my = smooth(x, t), smooth(y, t)
    vx, vy, cov = smooth(x * x, t) - mx**2, smooth(y * y, t) - my**2, smooth(x * y, t) - mx * my
    ssim = ((2 * mx * my + 1e-4) * (2 * cov + 9e-4) / ((mx**2 + my**2 + 1e-4) * (vx + vy + 9e-4))).mean()
    return {"nrmse": float(error), "psnr": float(-10 * np.log10(np.mean((x - y) ** 2))), "ssim": float(ssim)}


def tuned(work, kspace, maps, truth):
    """The best of the grid for each of BART's methods: chosen by looking at the truth."""
    found = {}
    for method, options in WEIGHTS.items():
        best = None
        for weight in GRID:
            regularise = [f"-RT:7:0:{weight}"] if method == "TV" else ["-r", weight]
            bart("pics", "-S", *options, *regularise, "-i", 100 if method != "CG-SENSE" else 30, kspace, maps, f"{work}/x")
            m = metrics(read_cfl(f"{work}/x").squeeze(), truth)
            if best is None or m["nrmse"] < best["nrmse"]:
                best = dict(m, weight=weight)
        found[method] = best
    return found


def inverse(work, name, measurement, truth, solver, preset, *extra):
    out = f"{work}/{name}-{solver}-{preset}"
    np.save(f"{work}/truth.npy", truth)
    if not os.path.exists(f"{out}/report.json"):
        problem = f"{work}/problem.json"
        open(problem, "w").write('{"type": "parallelMri"}')
        done = subprocess.run(
            [INVERSE, "solve", "--models", MODELS, "--problem", problem, "--measurement", measurement, "--truth", f"{work}/truth.npy",
             "--solver", solver, "--preset", preset, "--out", out, *extra], env=ENVIRONMENT, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr.strip() or done.stdout.strip())
    report = json.load(open(f"{out}/report.json"))
    return out, report


def row(of, method, m, note=""):
    print(f"| {of} | {method} | {m['nrmse']:.4f} | {m['psnr']:.2f} | {m['ssim']:.4f} | {note} |", flush=True)


def slice_case(work, name, kspace, mask, truth, results, measurement=None):
    """All methods on one slice, (coils, rows, columns) whose truth is its SENSE image."""
    y = (kspace * mask).astype(np.complex64)
    to_bart(f"{work}/y", y)
    bart("ecalib", "-m1", f"{work}/y", f"{work}/maps")
    maps = read_cfl(f"{work}/maps").reshape(*kspace.shape[1:], -1, order="F").transpose(2, 0, 1)
    net = mask.size / mask.sum()
    known = {k: v for k, v in results.get(name, {}).items() if k.startswith("bart ")}
    results[name] = {"net": net, "zero-filled": metrics((maps.conj() * ifft(y)).sum(0), truth)}
    results[name].update(
        {k: v for k, v in known.items() if "our maps" not in k}
        or {f"bart {k}": v for k, v in tuned(work, f"{work}/y", f"{work}/maps", truth).items()})
    if measurement is None:
        measurement = f"{work}/{name}.npy"
        np.save(measurement, y)
    for solver, preset in [("wavelet", "balanced"), ("totalVariation", "balanced"), *SOLVERS]:
        out, report = inverse(work, name, measurement, np.abs(truth).astype(np.float32)[None], solver, preset)
        image = np.load(f"{out}/complex.npy")
        results[name][f"{solver} {preset}"] = dict(
            metrics(image, truth), seconds=report["cost"]["seconds"], ratio=report["consistency"]["ratio"],
            maps=report["mri"]["maps"], modelError=report["mri"]["modelError"])
    if results[name][f"{SOLVERS[0][0]} {SOLVERS[0][1]}"]["maps"] != "espirit":
        # BART with our sensitivities and whitened coils: what remains is the regularisation.
        to_bart(f"{work}/y", np.load(f"{out}/kspace.npy"))
        to_bart(f"{work}/maps", np.load(f"{out}/maps.npy"))
        results[name].update({f"bart {k}, our maps": v for k, v in tuned(work, f"{work}/y", f"{work}/maps", truth).items()})
    for method, m in results[name].items():
        if method != "net":
            row(f"{name}, net {net:.2f}x", method, m, f"weight {m['weight']}" if "weight" in m else f"{m['seconds']:.1f} s" if "seconds" in m else "")
    json.dump(results, open(f"{work}/mri.json", "w"), indent=1)


def line_mask(columns, spacing=None, net=None, centre=24):
    mask = np.zeros(columns, bool)
    mask[columns // 2 - centre // 2:columns // 2 + (centre + 1) // 2] = True
    if spacing:
        mask[::spacing] = True
    else:
        others = np.flatnonzero(~mask)
        mask[np.random.default_rng(0).choice(others, round(columns / net) - centre, replace=False)] = True
    return mask


def brain(data, work, results):
    raw = f"{data}/raw_kspace/converted"
    kspace = np.load(f"{raw}/brain8ch_full_230x180.npy")
    # In the units of an orthonormal transform: BART scaled the reference.
    maps = read_cfl(f"{raw}/brain8ch_espirit").squeeze().transpose(2, 0, 1)
    own = (maps.conj() * ifft(kspace)).sum(0)
    truth = read_cfl(f"{raw}/brain8ch_ref_sense").squeeze()
    truth = truth * (np.vdot(truth, own) / np.vdot(truth, truth))
    columns = kspace.shape[2]
    cases = {f"brain, spacing {s}, 24 lines": line_mask(columns, spacing=s) for s in (3, 4, 6)}
    cases |= {f"brain, random {net}x, {c} lines": line_mask(columns, net=net, centre=c) for net, c in ((4, 12), (6, 12), (6, 8))}
    for name, mask in cases.items():
        slice_case(work, name, kspace, np.broadcast_to(mask, kspace.shape[1:]), truth, results)
    file = f"{raw}/brain8ch_R3_acs24_ismrmrd.h5"
    mask = np.broadcast_to(np.load(f"{raw}/brain8ch_R3_acs24_mask.npy") > 0.5, kspace.shape[1:])
    slice_case(work, "brain, ISMRMRD file", kspace, mask, truth, results, measurement=file)


def phantoms(data, work, results):
    """Shepp-Logan with noise, 8 coils: the truth is the SENSE image of all of it, of BART's phantom without its noise."""
    subprocess.run(["ismrmrd_generate_cartesian_shepp_logan", "-m", "128", "-c", "8", "-o", f"{work}/shepp.h5"], check=True, capture_output=True)
    import h5py
    with h5py.File(f"{work}/shepp.h5") as file:
        lines = file["dataset/data"][:]
    kspace = np.zeros((8, 256, 128), np.complex64)
    for line in lines:
        kspace[:, :, line["head"]["idx"]["kspace_encode_step_1"]] = line["data"].view(np.complex64).reshape(8, 256)
    kspace = fft(ifft(kspace)[:, 64:192])   # without the readout oversampling
    bart("phantom", "-x", 128, "-s", 8, "-k", f"{work}/p")
    clean = read_cfl(f"{work}/p").squeeze().transpose(2, 0, 1)
    rng = np.random.default_rng(1)
    noise = 0.005 * np.abs(ifft(clean)).max() * (rng.standard_normal(clean.shape) + 1j * rng.standard_normal(clean.shape))
    for name, full, best in (("Shepp-Logan of ISMRMRD", kspace, kspace), ("phantom of BART", clean + noise, clean)):
        to_bart(f"{work}/full", best)
        bart("ecalib", "-m1", f"{work}/full", f"{work}/fm")
        maps = read_cfl(f"{work}/fm").reshape(128, 128, 8, order="F").transpose(2, 0, 1)
        truth = (maps.conj() * ifft(best)).sum(0)
        for net, centre in ((4, 12),):
            slice_case(
                work, f"{name}, random {net}x, {centre} lines", full, np.broadcast_to(line_mask(128, net=net, centre=centre), (128, 128)),
                truth, results)


def coils(count, rows, columns, seed):
    """Wires on a ring (Biot and Savart), root sum of squares 1."""
    rng = np.random.default_rng(seed)
    y, x = np.meshgrid(np.linspace(-1, 1, rows), np.linspace(-1, 1, columns), indexing="ij")
    angle = 2 * np.pi * (np.arange(count) + rng.uniform(-0.15, 0.15, count)) / count
    place = 1.6 * np.exp(1j * angle)
    fields = np.stack([np.exp(2j * np.pi * rng.uniform()) / np.conj(x + 1j * y - w) for w in place])
    return fields / np.sqrt((np.abs(fields) ** 2).sum(0))


def simulated(data, work, results):
    import zlib, struct
    files = sorted(pathlib.Path(f"{data}/mri/val").glob("*.png"))
    files = [files[i * len(files) // 8] for i in range(8)]
    images = np.stack([png(f) for f in files])
    rng = np.random.default_rng(7)
    y, x = np.meshgrid(np.linspace(-1, 1, 128), np.linspace(-1, 1, 128), indexing="ij")
    full = []
    for i, image in enumerate(images):
        c = rng.uniform(-1, 1, 5)
        phase = np.exp(1j * (c[0] * x + c[1] * y + c[2] * x * y + c[3] * x * x + c[4] * y * y))
        k = fft(coils(8, 128, 128, i) * image * phase)
        full.append(k + 0.01 * (rng.standard_normal(k.shape) + 1j * rng.standard_normal(k.shape)))
    full = np.stack(full)
    for net, centre in ((4, 12), (8, 8)):
        mask = line_mask(128, net=net, centre=centre)
        measured = (full * mask).astype(np.complex64)
        name = f"simulated, random {net}x, {centre} lines"
        np.save(f"{work}/sim{net}.npy", measured)
        rows = {}
        known = {k: v for k, v in results.get(name, {}).items() if k.startswith("bart ") or k == "zero-filled"}
        for i in range(8 if not known else 0):
            to_bart(f"{work}/y", measured[i])
            bart("ecalib", "-m1", f"{work}/y", f"{work}/maps")
            maps = read_cfl(f"{work}/maps").reshape(128, 128, -1, order="F").transpose(2, 0, 1)
            rows.setdefault("zero-filled", []).append(metrics((maps.conj() * ifft(measured[i])).sum(0), images[i]))
            for k, v in tuned(work, f"{work}/y", f"{work}/maps", images[i]).items():
                rows.setdefault(f"bart {k}", []).append(v)
        for solver, preset in [("wavelet", "balanced"), ("totalVariation", "balanced"), *SOLVERS]:
            out, report = inverse(work, f"sim{net}", f"{work}/sim{net}.npy", images.astype(np.float32)[:, None], solver, preset)
            complex_images = np.load(f"{out}/complex.npy")
            rows[f"{solver} {preset}"] = [dict(metrics(complex_images[i], images[i]), seconds=report["cost"]["seconds"] / 8) for i in range(8)]
        if report["mri"]["maps"] != "espirit" and not any("our maps" in k for k in known):
            kspace, maps = np.load(f"{out}/kspace.npy"), np.load(f"{out}/maps.npy")
            for i in range(8):
                to_bart(f"{work}/y", kspace[i])
                to_bart(f"{work}/maps", maps[i])
                for k, v in tuned(work, f"{work}/y", f"{work}/maps", images[i]).items():
                    rows.setdefault(f"bart {k}, our maps", []).append(v)
        results[name] = {"net": 128 / mask.sum()} | known | {k: {key: float(np.mean([m[key] for m in v])) for key in v[0]} for k, v in rows.items()}
        for method, m in results[name].items():
            if method != "net":
                row(f"{name}, 8 slices", method, m, "best weight of each slice" if "weight" in m else f"{m['seconds']:.1f} s a slice" if "seconds" in m else "")
        json.dump(results, open(f"{work}/mri.json", "w"), indent=1)


def png(path):
    """A grey 8-bit PNG on [0,1], without a library."""
    import struct
    import zlib
    data, at, idat = open(path, "rb").read(), 8, b""
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        if kind == b"IHDR":
            width, height, depth, colour = struct.unpack(">IIBB", data[at + 8:at + 18])
            assert depth == 8 and colour == 0, "an 8-bit grey PNG is needed"
        if kind == b"IDAT":
            idat += data[at + 8:at + 8 + size]
        at += 12 + size
    raw, image = np.frombuffer(zlib.decompress(idat), np.uint8).reshape(height, width + 1), np.zeros((height, width), np.uint8)
    for r in range(height):
        above = image[r - 1].astype(int) if r else np.zeros(width, int)
        line, kind = raw[r, 1:].astype(int), raw[r, 0]
        if kind in (0, 2):
            image[r] = (line + (above if kind == 2 else 0)) & 255
            continue
        left = corner = 0
        for c in range(width):
            up = above[c]
            guess = left if kind == 1 else (left + up) // 2 if kind == 3 else min(
                (abs(up - corner), 0, left), (abs(left - corner), 1, up), (abs(left + up - 2 * corner), 2, corner))[2]
            left, corner = (line[c] + guess) & 255, up
            image[r, c] = left
    return image / 255.0


def daubechies(size):
    half, root = size // 2, np.sqrt(3)
    low = np.array([1 + root, 3 + root, 3 - root, 1 - root]) / (4 * np.sqrt(2))
    m = np.zeros((size, size), np.float32)
    for i in range(half):
        for k in range(4):
            m[i, (2 * i + k) % (2 * half)] = low[k]
            m[size - half + i, (2 * i + k) % (2 * half)] = (1 - 2 * (k % 2)) * low[3 - k]
    if size % 2:
        m[half, size - 1] = 1
    return m


def ablation(data, work, results):
    """What the last step's weights are worth: none, of the image itself, of the network's image, of the truth. Our own FISTA in NumPy,
    on prepared data of `inverse solve`."""
    truth = None
    print("| case | weights from | NRMSE | PSNR |\n|---|---|---:|---:|")
    raw = f"{data}/raw_kspace/converted"
    kspace = np.load(f"{raw}/brain8ch_full_230x180.npy")
    maps = read_cfl(f"{raw}/brain8ch_espirit").squeeze().transpose(2, 0, 1)
    truth = (maps.conj() * ifft(kspace)).sum(0)
    for name in ("brain, spacing 3, 24 lines", "brain, spacing 6, 24 lines", "brain, random 4x, 12 lines"):
        out = f"{work}/{name}-mriPurify-fast"
        y, s, mask = (np.load(f"{out}/{n}.npy") for n in ("kspace", "maps", "mask"))
        report = json.load(open(f"{out}/report.json"))
        scale, sigma = report["mri"]["scale"], report["effectiveSigma"]
        y, sigma, reference = y / scale, sigma / scale, truth / scale
        levels, (h, w) = [], y.shape[1:]
        while h >= 4 and w >= 4:
            levels.append((daubechies(h), daubechies(w), h, w))
            h, w = h - h // 2, w - w // 2
        details = np.ones(y.shape[1:], np.float32)
        details[:h, :w] = 0

        def forward(x):
            x = x.copy()
            for a, b, hh, ww in levels:
                x[:hh, :ww] = a @ x[:hh, :ww] @ b.T
            return x

        def inverse_wavelet(x):
            x = x.copy()
            for a, b, hh, ww in reversed(levels):
                x[:hh, :ww] = a.T @ x[:hh, :ww] @ b
            return x

        def fista(start, limit, iterations=100):
            rng, x = np.random.default_rng(0), start.copy()
            ahead, t, back = x.copy(), 1, (s.conj() * ifft(y)).sum(0)
            for _ in range(iterations):
                shift = tuple(rng.integers(16, size=2))
                v = ahead - ((s.conj() * ifft(fft(s * ahead) * mask)).sum(0) - back) * 0.9
                c = forward(np.roll(v, shift, (0, 1)))
                size = np.abs(c)
                c = c * np.maximum(size - 0.9 * details * limit(shift), 0) / np.maximum(size, 1e-12)
                following = (1 + np.sqrt(1 + 4 * t * t)) / 2
                new = np.roll(inverse_wavelet(c), (-shift[0], -shift[1]), (0, 1))
                ahead, x, t = new + min((t - 1) / following, 0.9) * (new - x), new, following
            return x

        def weighted(image):
            return lambda shift: 1.6 * sigma**2 / 0.02 / (np.abs(forward(np.roll(image, shift, (0, 1)))) / 0.02 + 1)

        zero = np.zeros(y.shape[1:], np.complex64)
        plain = fista(zero, lambda shift: 20 * sigma**2)
        network = np.load(f"{out}/complex.npy") / scale
        found = {"none (20 sigma²)": plain, "that image": fista(plain, weighted(plain)), "the network's": fista(network, weighted(network)),
                 "the truth's magnitude with the found phase": fista(plain, weighted(np.abs(reference) * np.exp(1j * np.angle(plain))))}
        for method, x in found.items():
            m = metrics(x * scale, truth)
            results.setdefault("ablation", {})[f"{name}: {method}"] = m
            print(f"| {name} | {method} | {m['nrmse']:.4f} | {m['psnr']:.2f} |", flush=True)
    json.dump(results, open(f"{work}/mri.json", "w"), indent=1)


def main():
    data, work = sys.argv[1], sys.argv[2]
    os.makedirs(work, exist_ok=True)
    results = json.load(open(f"{work}/mri.json")) if os.path.exists(f"{work}/mri.json") else {}
    print("| case | method | NRMSE | PSNR | SSIM | |\n|---|---|---:|---:|---:|---|")
    for case in sys.argv[3:] or ["brain", "phantoms", "simulated", "ablation"]:
        {"brain": brain, "phantoms": phantoms, "simulated": simulated, "ablation": ablation}[case](data, work, results)


if __name__ == "__main__":
    main()
