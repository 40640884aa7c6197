"""Writes small ISMRMRD and fastMRI files with h5py, and beside each an .npz of what must be read from it, computed with NumPy.

    ismrmrd_write.py SCAN FILE.h5      writes FILE.h5 and FILE.h5.npz
    ismrmrd_write.py image FILE.h5     writes the image that ismrmrd_recon_cartesian_2d put into FILE.h5 to FILE.h5.npz
"""
import sys

import h5py
import numpy as np

COUNTERS = ["kspace_encode_step_1", "kspace_encode_step_2", "average", "slice", "contrast", "phase", "repetition", "set", "segment"]
HEAD = np.dtype(
    [("version", "<u2"), ("flags", "<u8"), ("measurement_uid", "<u4"), ("scan_counter", "<u4"), ("acquisition_time_stamp", "<u4"),
     ("physiology_time_stamp", "<u4", 3), ("number_of_samples", "<u2"), ("available_channels", "<u2"), ("active_channels", "<u2"),
     ("channel_mask", "<u8", 16), ("discard_pre", "<u2"), ("discard_post", "<u2"), ("center_sample", "<u2"), ("encoding_space_ref", "<u2"),
     ("trajectory_dimensions", "<u2"), ("sample_time_us", "<f4"), ("position", "<f4", 3), ("read_dir", "<f4", 3), ("phase_dir", "<f4", 3),
     ("slice_dir", "<f4", 3), ("patient_table_position", "<f4", 3), ("idx", [(name, "<u2") for name in COUNTERS] + [("user", "<u2", 8)]),
     ("user_int", "<i4", 8), ("user_float", "<f4", 8)])
NOISE, CALIBRATION, CALIBRATION_AND_IMAGE, REVERSE, NAVIGATION, PHASE_CORRECTION, FEEDBACK, DUMMY = 19, 20, 21, 22, 23, 24, 26, 27
rng = np.random.default_rng(2026)


def randc(*shape):
    return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(np.complex64)


def transform(image, axes):
    return np.fft.fftshift(np.fft.fftn(np.fft.ifftshift(image, axes), axes=axes, norm="ortho"), axes)


def inverse(k, axes):
    return np.fft.fftshift(np.fft.ifftn(np.fft.ifftshift(k, axes), axes=axes, norm="ortho"), axes)


def pad(image, axis, size):
    before = size // 2 - image.shape[axis] // 2
    widths = [(0, 0)] * image.ndim
    widths[axis] = (before, size - image.shape[axis] - before)
    return np.pad(image, widths)


def line(data, step, *, flags=(), center=None, traj=None, **more):
    """One acquisition; data (coils, samples)."""
    head = np.zeros((), HEAD)
    head["version"] = 1
    head["flags"] = sum(1 << (flag - 1) for flag in flags)
    head["active_channels"], head["number_of_samples"] = data.shape
    head["available_channels"] = data.shape[0]
    head["center_sample"] = data.shape[1] // 2 if center is None else center
    head["trajectory_dimensions"] = 0 if traj is None else traj.shape[1]
    head["sample_time_us"] = 5
    head["idx"]["kspace_encode_step_1"] = step
    for key, value in more.items():
        if key in COUNTERS:
            head["idx"][key] = value
        else:
            head[key] = value
    return head, np.zeros(0, "f4") if traj is None else traj.astype("f4").ravel(), data.astype("c8")


def space(name, matrix, fov):
    def triple(tag, values):
        return f"<{tag}>" + "".join(f"<{a}>{v}</{a}>" for a, v in zip("xyz", values)) + f"</{tag}>"
    return f"<{name}>{triple('matrixSize', matrix)}{triple('fieldOfView_mm', fov)}</{name}>"


def encoding(encoded, recon, limits="", trajectory="cartesian"):
    return (f"<encoding>{space('encodedSpace', *encoded)}{space('reconSpace', *recon)}<encodingLimits>{limits}</encodingLimits>"
            f"<trajectory>{trajectory}</trajectory></encoding>")


def limit(name, low, high, center):
    return f"<{name}><minimum>{low}</minimum><maximum>{high}</maximum><center>{center}</center></{name}>"


def header(*encodings, before="", after=""):
    return ('<?xml version="1.0"?><ismrmrdHeader xmlns="http://www.ismrm.org/ISMRMRD">' + before
            + "<experimentalConditions><H1resonanceFrequency_Hz>63500000</H1resonanceFrequency_Hz></experimentalConditions>"
            + "".join(encodings) + after + "</ismrmrdHeader>")


def write(path, xml, lines, group="dataset", lie=0):
    kind = np.dtype([("head", HEAD), ("traj", h5py.vlen_dtype(np.dtype("<f4"))), ("data", h5py.vlen_dtype(np.dtype("<f4")))])
    with h5py.File(path, "w") as file:
        at = file.create_group(group)
        at.create_dataset("xml", data=np.array([xml], object), dtype=h5py.string_dtype())
        table = np.empty(len(lines), kind)
        for i, (head, traj, data) in enumerate(lines):
            table[i]["head"] = head
            table[i]["traj"] = traj
            values = data.ravel().view("f4")
            table[i]["data"] = values[:len(values) - lie]
        at.create_dataset("data", data=table, chunks=(1,))


# 24 x 20 pixels of 4 coils, twice as many samples along the readout, whose outer half of the field of view is empty.
COILS, ROWS, COLUMNS = 4, 24, 20
BOTH = ((2 * ROWS, COLUMNS, 1), (480, 200, 5)), ((ROWS, COLUMNS, 1), (240, 200, 5))
STEPS = limit("kspace_encoding_step_1", 0, COLUMNS - 1, COLUMNS // 2)


def brain(*more):
    image = randc(*more, COILS, ROWS, COLUMNS)
    return transform(image, (-2, -1)), transform(pad(image, image.ndim - 2, 2 * ROWS), (-2, -1))


def plain(path):
    wanted, k = brain()
    write(path, header(encoding(*BOTH, STEPS)), [line(k[:, :, c], c) for c in range(COLUMNS)], group="scan_7")
    return {"kspace": wanted, "mask": np.ones((1, ROWS, COLUMNS))}


def reversed_lines(path):
    wanted, k = brain()
    lines = [line(k[:, ::-1, c], c, flags=[REVERSE]) if c % 2 else line(k[:, :, c], c) for c in range(COLUMNS)]
    write(path, header(encoding(*BOTH, STEPS)), lines)
    return {"kspace": wanted, "mask": np.ones((1, ROWS, COLUMNS))}


def asymmetric(path):
    k = randc(COILS, ROWS, COLUMNS)
    same = ((ROWS, COLUMNS, 1), (240, 200, 5))
    write(path, header(encoding(same, same, STEPS)), [line(k[:, 7:, c], c, center=ROWS // 2 - 7) for c in range(COLUMNS)])
    k[:, :7] = 0
    return {"kspace": k, "mask": np.arange(ROWS)[None, :, None].repeat(COLUMNS, 2) >= 7}


def asymmetric_oversampled(path):
    """13 of 48 samples missing: 7 of 24 rows, and those whose neighbours are not all measured."""
    _, k = brain()
    write(path, header(encoding(*BOTH, STEPS)), [line(k[:, 13:, c], c, center=ROWS - 13) for c in range(COLUMNS)])
    return {"mask": (2 * np.arange(ROWS)[None, :, None].repeat(COLUMNS, 2) - 2) >= 13}


def discard(path):
    k = randc(COILS, ROWS, COLUMNS)
    same = ((ROWS, COLUMNS, 1), (240, 200, 5))
    lines = []
    for c in range(COLUMNS):
        data = np.concatenate([1000 * randc(COILS, 3), k[:, :, c], 1000 * randc(COILS, 2)], 1)
        lines.append(line(data, c, center=ROWS // 2 + 3, discard_pre=3, discard_post=2))
    write(path, header(encoding(same, same, STEPS)), lines)
    return {"kspace": k, "mask": np.ones((1, ROWS, COLUMNS))}


def partial_fourier(path):
    """Encoded 20, measured the last 14, whose counters begin at 0: the centre is 4."""
    wanted, k = brain()
    lines = [line(k[:, :, c], c - 6) for c in range(6, COLUMNS)]
    write(path, header(encoding(*BOTH, limit("kspace_encoding_step_1", 0, 13, 4))), lines)
    mask = np.arange(COLUMNS)[None, None, :].repeat(ROWS, 1) >= 6
    return {"kspace": wanted * mask, "mask": mask}


def blob(*more, cycles=0.0):
    """Images as images are, with the energy of k-space around its centre, or that many columns beside it."""
    r, c = np.mgrid[:ROWS, :COLUMNS]
    disc = np.exp(-((r - 13) ** 2 / 30 + (c - 9) ** 2 / 20)) * np.exp(2j * np.pi * cycles * (c - COLUMNS // 2) / COLUMNS)
    image = disc * (1 + 0.2 * randc(*more, COILS, 1, 1)) + 0.003 * randc(*more, COILS, ROWS, COLUMNS)
    return transform(image, (-2, -1)), transform(pad(image, image.ndim - 2, 2 * ROWS), (-2, -1))


def reversed_asymmetric(path, turned=False):
    """The read-out's first 14 samples are missing. The centre counts in the order of acquisition, or (turned) as if the line had been turned already."""
    k = blob()[1]
    encoded = BOTH[0]
    kept = k[:, 14:]
    centre = ROWS - 14
    back = centre if turned else 2 * ROWS - 14 - 1 - centre
    lines = [line(kept[:, ::-1, c], c, flags=[REVERSE], center=back) if c % 2 else line(kept[:, :, c], c, center=centre) for c in range(COLUMNS)]
    write(path, header(encoding(encoded, encoded, STEPS)), lines)
    k[:, :14] = 0
    return {"kspace": k, "mask": np.arange(2 * ROWS)[None, :, None].repeat(COLUMNS, 2) >= 14}


def reversed_asymmetric_turned(path):
    return reversed_asymmetric(path, turned=True)


def partial_limits(path, limits, first=6):
    wanted, k = blob()
    write(path, header(encoding(*BOTH, limits)), [line(k[:, :, c], c - first) for c in range(first, COLUMNS)])
    mask = np.arange(COLUMNS)[None, None, :].repeat(ROWS, 1) >= first
    return {"kspace": wanted * mask, "mask": mask}


def wrong_centre(path):
    return partial_limits(path, limit("kspace_encoding_step_1", 0, 13, 10))


def missing_centre(path):
    return partial_limits(path, limit("kspace_encoding_step_1", 0, 13, 4).replace("<center>4</center>", ""))


def no_limits(path):
    return partial_limits(path, "")


def centre_off_by_one(path):
    """All lines, and a centre with which the last would lie outside the matrix."""
    return partial_limits(path, limit("kspace_encoding_step_1", 0, COLUMNS - 1, COLUMNS // 2 - 1), 0)


def zero_centre(path):
    """Noise, in which nothing says where the centre is."""
    wanted, k = brain()
    write(path, header(encoding(*BOTH, limit("kspace_encoding_step_1", 0, COLUMNS - 1, 0))), [line(k[:, :, c], c) for c in range(COLUMNS)])
    return {"kspace": wanted, "mask": np.ones((1, ROWS, COLUMNS))}


def moved_peak(path, spike=0.0):
    """A field gradient moves the echo by two lines and a half; or a spike is stronger than all the image."""
    wanted, k = blob(cycles=0 if spike else 2.5)
    k[:, 30, 17] += spike
    encoded = BOTH[0]
    write(path, header(encoding(encoded, encoded, STEPS)), [line(k[:, :, c], c) for c in range(COLUMNS)])
    return {"kspace": k, "mask": np.ones((1, 2 * ROWS, COLUMNS))}


def spike(path):
    return moved_peak(path, 1000)


def tagging(path):
    """Two equal peaks beside the centre, which is as good as empty."""
    ahead, behind = blob(cycles=6)[1], blob(cycles=-6)[1]
    k = ahead + 1.05 * behind
    write(path, header(encoding(BOTH[0], BOTH[0], STEPS)), [line(k[:, :, c], c) for c in range(COLUMNS)])
    return {"kspace": k, "mask": np.ones((1, 2 * ROWS, COLUMNS))}


def center_sample_zero(path):
    wanted, k = blob()
    write(path, header(encoding(*BOTH, STEPS)), [line(k[:, :, c], c, center=0) for c in range(COLUMNS)])
    return {"kspace": wanted, "mask": np.ones((1, ROWS, COLUMNS))}


def center_sample_wrong(path):
    wanted, k = blob()
    write(path, header(encoding(*BOTH, STEPS)), [line(k[:, 14:, c], c, center=2) for c in range(COLUMNS)])
    return {"mask": (2 * np.arange(ROWS)[None, :, None].repeat(COLUMNS, 2) - 2) >= 14}


def one_of_two_partitions(path):
    wanted, k = brain()
    encoded = (2 * ROWS, COLUMNS, 2), (480, 200, 10)
    write(path, header(encoding(encoded, BOTH[1], STEPS + limit("kspace_encoding_step_2", 0, 0, 0))), [line(k[:, :, c], c) for c in range(COLUMNS)])
    return {"kspace": wanted, "mask": np.ones((1, ROWS, COLUMNS))}


def nearly_whole(path):
    wanted, k = brain()
    encoded, recon = ((2 * ROWS - 1e-5, COLUMNS + 2e-5, 0.99998), (480, 200, 5)), ((ROWS, COLUMNS, 1.00002), (240, 200, 5))
    limits = limit("kspace_encoding_step_1", 0, COLUMNS - 1.00001, COLUMNS / 2 - 1e-5)
    write(path, header(encoding(encoded, recon, limits)), [line(k[:, :, c], c) for c in range(COLUMNS)])
    return {"kspace": wanted, "mask": np.ones((1, ROWS, COLUMNS))}


def more_lines(path):
    """20 lines where the header encodes 18."""
    wanted, k = brain()
    encoded, recon = ((2 * ROWS, 18, 1), (480, 200, 5)), ((ROWS, 18, 1), (240, 200, 5))
    write(path, header(encoding(encoded, recon, STEPS)), [line(k[:, :, c], c) for c in range(COLUMNS)])
    return {"kspace": wanted[:, :, 1:19], "mask": np.ones((1, ROWS, 18))}


def body_coil(path):
    """Each line once more by two channels of the body coil; the noise scan too."""
    wanted, k = brain()
    lines = [line(randc(n, 512), 0, flags=[NOISE]) for n in (2, COILS)]
    for c in range(COLUMNS):
        lines += [line(1000 * randc(2, 2 * ROWS), c), line(k[:, :, c], c)]
    system = f"<acquisitionSystemInformation><receiverChannels>{COILS}</receiverChannels></acquisitionSystemInformation>"
    write(path, header(encoding(*BOTH, STEPS), before=system), lines)
    return {"kspace": wanted, "mask": np.ones((1, ROWS, COLUMNS))}


def metres(path):
    wanted, k = brain()
    encoded, recon = ((2 * ROWS, COLUMNS, 1), (0.48, 0.2, 0.005)), ((ROWS, COLUMNS, 1), (0.24, 0.2, 0.005))
    place = dict(position=(1, 2, 3), read_dir=(1, 0, 0), phase_dir=(0, 1, 0), slice_dir=(0, 0, 1))
    write(path, header(encoding(encoded, recon, STEPS)), [line(k[:, :, c], c, **place) for c in range(COLUMNS)])
    return {"kspace": wanted, "mask": np.ones((1, ROWS, COLUMNS))}


def fine_noise(coils, samples, mixing):
    return mixing @ randc(coils, samples)


def noise(path):
    """White noise of 2.5 us per sample, as an integrating receiver sees it: over a dwell time of 10 us it is the mean of four. Each line is measured twice."""
    mixing = np.tril(randc(COILS, COILS)) + 2 * np.eye(COILS)
    lines = []
    for _ in range(64):
        fine = fine_noise(COILS, 4 * 512, mixing)
        lines.append(line(fine.reshape(COILS, 512, 4).mean(2), 0, flags=[NOISE], sample_time_us=10, encoding_space_ref=3))
    size = 128
    both = ((2 * size, size, 1), (500, 250, 5)), ((size, size, 1), (250, 250, 5))
    for average in range(2):
        for c in range(size):
            lines.append(line(fine_noise(COILS, 2 * size, mixing), c, average=average, sample_time_us=2.5))
    write(path, header(encoding(*both)), lines)
    return {"covariance": 2 * mixing @ mixing.conj().T / 2}  # randc has variance 2; two averages


def noise_bandwidth(path):
    k = randc(2, 16, 16)
    same = ((16, 16, 1), (160, 160, 5))
    scan = randc(2, 4096)
    lines = [line(scan, 0, flags=[NOISE], sample_time_us=3)] + [line(k[:, :, c], c, sample_time_us=5) for c in range(16)]
    system = "<acquisitionSystemInformation><relativeReceiverNoiseBandwidth>0.8</relativeReceiverNoiseBandwidth></acquisitionSystemInformation>"
    write(path, header(encoding(same, same), before=system), lines)
    return {"covariance": scan @ scan.conj().T / 4096 * (3 / 5) / 0.8}


def averages(path):
    images = [brain() for _ in range(3)]
    lines = [line(k[:, :, c], c, average=a) for a, (_, k) in enumerate(images) for c in range(COLUMNS)]
    write(path, header(encoding(*BOTH, STEPS)), lines)
    return {"kspace": sum(wanted for wanted, _ in images) / 3, "mask": np.ones((1, ROWS, COLUMNS))}


def calibration(path):
    """Every second line of two slices; lines 8 to 12 for the coils alone, of another contrast; line 10 serves both."""
    wanted, k = brain(2)
    other, kc = brain(2)
    lines = []
    for s in range(2):
        lines += [line(k[s, :, :, c], c, slice=s, flags=[CALIBRATION_AND_IMAGE] if c == 10 else []) for c in range(0, COLUMNS, 2)]
        lines += [line(kc[s, :, :, c], c, slice=s, flags=[CALIBRATION]) for c in range(8, 13)]
    write(path, header(encoding(*BOTH, STEPS)), lines)
    columns = np.arange(COLUMNS)[None, None, :].repeat(ROWS, 1).repeat(2, 0)
    mask, acs = columns % 2 == 0, (columns >= 8) & (columns < 13)
    return {"kspace": wanted * mask[:, None], "mask": mask, "calibration": other * acs[:, None], "calibrationMask": acs}


def integrated(path, flagged=True):
    """Every third line; in the block 6 to 15 also those between, for the coils alone. The block's own lines are flagged as both, or not at all."""
    wanted, k = brain()
    def flags(c):
        return [] if not 6 <= c <= 15 else [CALIBRATION] if c % 3 != 1 else [CALIBRATION_AND_IMAGE] if flagged else []
    lines = [line(k[:, :, c], c, flags=flags(c)) for c in range(COLUMNS) if c % 3 == 1 or 6 <= c <= 15]
    write(path, header(encoding(*BOTH, STEPS)), lines)
    columns = np.arange(COLUMNS)[None, None, :].repeat(ROWS, 1)
    mask, acs = columns % 3 == 1, (columns >= 6) & (columns <= 15)
    return {"kspace": wanted * mask[:, None], "mask": mask, "calibration": wanted * acs[:, None], "calibrationMask": acs}


def integrated_unflagged(path):
    return integrated(path, False)


def impossible_centre(path):
    """A third of the lines and a spike of energy at step 10; the header says centre 2, with which the others lie outside."""
    wanted, k = brain()
    k[..., 10] *= 30
    wanted[..., 10] *= 30
    lines = [line(k[:, :, c], c) for c in range(1, COLUMNS, 3)]
    write(path, header(encoding(*BOTH, limit("kspace_encoding_step_1", 0, COLUMNS - 1, 2))), lines)
    mask = np.arange(COLUMNS)[None, None, :].repeat(ROWS, 1) % 3 == 1
    return {"kspace": wanted * mask[:, None], "mask": mask}


def aborted(path):
    """Three repetitions, of which the last has 9 of 20 lines."""
    wanted, k = brain(3)
    last = {2: 9}
    write(path, header(encoding(*BOTH, STEPS)), [line(k[r, :, :, c], c, repetition=r) for r in range(3) for c in range(last.get(r, COLUMNS))])
    mask = np.ones((3, ROWS, COLUMNS), bool)
    mask[2, :, 9:] = False
    return {"kspace": wanted * mask[:, None], "mask": mask}


def epi_ramps(path, time=120):
    wanted, k = brain()
    described = ("<trajectoryDescription><identifier>ConventionalEPI</identifier>"
                 f"<userParameterLong><name>rampUpTime</name><value>{time}</value></userParameterLong></trajectoryDescription>")
    xml = header(encoding(*BOTH, STEPS, "epi").replace("</trajectory>", "</trajectory>" + described),
                 after="<sequenceParameters><TE>2,46</TE></sequenceParameters>")
    write(path, xml, [line(k[:, :, c], c) for c in range(COLUMNS)])
    return {"kspace": wanted, "mask": np.ones((1, ROWS, COLUMNS))}


def epi_flat(path):
    return epi_ramps(path, 0)


def no_recon_field(path):
    wanted, k = brain()
    write(path, header(encoding(BOTH[0], ((ROWS, COLUMNS, 1), (0, 0, 0)), STEPS)), [line(k[:, :, c], c) for c in range(COLUMNS)])
    return {"kspace": k, "mask": np.ones((1, 2 * ROWS, COLUMNS))}


def metres_slab(path):
    wanted, k = brain()
    spaces = ((2 * ROWS, COLUMNS, 1), (480, 200, 0.005)), ((ROWS, COLUMNS, 1), (240, 200, 0.005))
    write(path, header(encoding(*spaces, STEPS)), [line(k[:, :, c], c) for c in range(COLUMNS)])
    return {"kspace": wanted, "mask": np.ones((1, ROWS, COLUMNS))}


def volume(path, keep=lambda c, p: True):
    """Six partitions, of which the inner four are wanted."""
    image = randc(COILS, 4, ROWS, COLUMNS)
    k = transform(pad(pad(image, 1, 6), 2, 2 * ROWS), (1, 2, 3))
    encoded = (2 * ROWS, COLUMNS, 6), (480, 200, 18)
    recon = (ROWS, COLUMNS, 4), (240, 200, 12)
    place = dict(position=(1, 2, 3), read_dir=(1, 0, 0), phase_dir=(0, 1, 0), slice_dir=(0, 0, 1))
    lines = [line(k[:, p, :, c], c, kspace_encode_step_2=p, **place) for p in range(6) for c in range(COLUMNS) if keep(c, p)]
    write(path, header(encoding(encoded, recon, STEPS + limit("kspace_encoding_step_2", 0, 5, 3))), lines)
    return {"kspace": transform(image, (2, 3)).transpose(1, 0, 2, 3), "mask": np.ones((4, ROWS, COLUMNS))}


def volume_partial(path):
    """The first two of six partitions are missing."""
    image = randc(COILS, 4, ROWS, COLUMNS)
    k = transform(pad(pad(image, 1, 6), 2, 2 * ROWS), (1, 2, 3))
    k[:, :2] = 0
    encoded, recon = ((2 * ROWS, COLUMNS, 6), (480, 200, 18)), ((ROWS, COLUMNS, 4), (240, 200, 12))
    scan = randc(COILS, 512)
    lines = [line(scan, 0, flags=[NOISE])] + [line(k[:, p, :, c], c, kspace_encode_step_2=p - 2) for p in range(2, 6) for c in range(COLUMNS)]
    write(path, header(encoding(encoded, recon, STEPS + limit("kspace_encoding_step_2", 0, 3, 1))), lines)
    blurred = inverse(k, (1, 2, 3))[:, 1:5, ROWS // 2:ROWS // 2 + ROWS]
    return {"kspace": transform(blurred, (2, 3)).transpose(1, 0, 2, 3), "mask": np.ones((4, ROWS, COLUMNS)), "covariance": scan @ scan.conj().T / 512 * 4 / 6}


def volume_gap(path):
    return volume(path, lambda c, p: p != 2)


def volume_off_centre(path):
    return volume(path, lambda c, p: p > 3)


def volume_undersampled(path):
    return volume(path, lambda c, p: (c + p) % 2 == 0)


def frames(path):
    """Two contrasts, two repetitions, three slices, in a random order; the slices' centres are 6 mm apart along z."""
    wanted, k = brain(2, 2, 3)
    place = dict(read_dir=(0, 1, 0), phase_dir=(1, 0, 0), slice_dir=(0, 0, -1))
    lines = [line(k[e, r, s, :, :, c], c, contrast=e, repetition=r, slice=s, position=(10, 20, 30 - 6 * s), **place)
             for e in range(2) for r in range(2) for s in range(3) for c in range(COLUMNS)]
    rng.shuffle(lines)
    recon = (ROWS, COLUMNS, 3), (240, 200, 5)  # some converters count the slices of a 2-D scan here
    write(path, header(encoding(BOTH[0], recon, STEPS)), lines)
    return {"kspace": wanted.reshape(12, COILS, ROWS, COLUMNS), "mask": np.ones((12, ROWS, COLUMNS))}


def multi(path):
    """Two echoes, two repetitions and three slices, whose counters 0, 1, 2 lie at 6, -6 and 0 mm along the slice direction; 8 x 6 pixels of 10 mm."""
    k = randc(2, 2, 3, 2, 8, 6)
    same = ((8, 6, 1), (80, 60, 5))
    place = dict(read_dir=(1, 0, 0), phase_dir=(0, 1, 0), slice_dir=(0, 0, 1))
    lines = [line(k[e, r, s, :, :, c], c, contrast=e, repetition=r, slice=s, position=(0, 0, (6, -6, 0)[s]), **place)
             for r in range(2) for e in range(2) for s in range(3) for c in range(6)]
    after = "<sequenceParameters><TR>500</TR><TE>10</TE><TE>30</TE><flipAngle_deg>70</flipAngle_deg></sequenceParameters>"
    write(path, header(encoding(same, same), after=after), lines)
    return {"kspace": k[:, :, [1, 2, 0]].reshape(12, 2, 8, 6)}


def siemens(path, vendor="SIEMENS", partitions=1):
    """A grey image with one bright pixel, 3 rows along the read direction, 2 columns against the phase direction and 1 partition along the slice
    direction from the centre; images of this vendor come from k-space by the forward transform."""
    image = np.full((2, partitions, 12, 10), 0.2, complex)
    image[:, partitions // 2 + (partitions > 1), 6 + 3, 5 - 2] = 1
    k = np.fft.fftshift(np.fft.ifftn(np.fft.ifftshift(image, (1, 2, 3)), axes=(1, 2, 3), norm="ortho"), (1, 2, 3))
    read, phase, normal, position = np.array([0, 1, 0]), np.array([0.6, 0, 0.8]), np.array([0.8, 0, -0.6]), np.array([10, 20, 30])
    place = dict(position=position, read_dir=read, phase_dir=phase, slice_dir=normal)
    lines = [line(k[:, p, :, c], c, kspace_encode_step_2=p, **place) for p in range(partitions) for c in range(10)]
    same = ((12, 10, partitions), (120, 100, 4 * partitions))
    limits = limit("kspace_encoding_step_2", 0, partitions - 1, partitions // 2)
    system = f"<acquisitionSystemInformation><systemVendor>{vendor}</systemVendor></acquisitionSystemInformation>"
    write(path, header(encoding(same, same, limits), before=system), lines)
    return {"place": position + 30 * read - 20 * phase + 4 * normal * (partitions > 1)}


def siemens_volume(path):
    return siemens(path, "Siemens Healthineers", 4)


def other_vendor(path):
    return siemens(path, "Acme")


def phase_oversampling(path, every=1):
    """32 lines for 320 mm, of which 200 mm in 20 pixels are wanted."""
    image = randc(COILS, ROWS, COLUMNS)
    k = transform(pad(pad(image, 1, 2 * ROWS), 2, 32), (1, 2))
    encoded = (2 * ROWS, 32, 1), (480, 320, 5)
    write(path, header(encoding(encoded, BOTH[1])), [line(k[:, :, c], c) for c in range(0, 32, every)])
    kept = transform(pad(image, 2, 32), (1, 2)) * (np.arange(32) % every == 0)
    wanted = transform(image, (1, 2)) if every == 1 else kept
    return {"kspace": wanted, "mask": np.ones((1, ROWS, COLUMNS)) if every == 1 else np.arange(32)[None, None, :].repeat(ROWS, 1) % every == 0}


def phase_oversampling_undersampled(path):
    return phase_oversampling(path, 2)


def zero_fill(path):
    """20 lines measured where 26 are wanted in the same field of view, and 24 rows where 22 are."""
    k = randc(COILS, ROWS, COLUMNS)
    encoded, recon = ((ROWS, COLUMNS, 1), (240, 200, 5)), ((22, 26, 1), (240, 200, 5))
    write(path, header(encoding(encoded, recon, STEPS)), [line(k[:, :, c], c) for c in range(COLUMNS)])
    mask = pad(np.ones((1, 22, COLUMNS)), 2, 26)
    return {"kspace": pad(k[:, 1:23], 2, 26), "mask": mask}


def radial(path, scale=1.0, dims=2):
    """Spokes of 48 samples, twice oversampled, of a 24 x 20 image of another pixel size along its columns; along the rows -0.5 to below 0.5
    cycles per pixel."""
    spokes, samples = 9, 2 * ROWS
    radius = (np.arange(samples) - ROWS) / samples
    lines, places, values = [], [], []
    for i in range(spokes):
        angle = np.pi * i / spokes
        traj = np.stack([radius * np.cos(angle), radius * np.sin(angle)] + [np.abs(radius)] * (dims - 2), 1)
        data = randc(COILS, samples)
        lines.append(line(data, i, traj=traj * ([scale, scale] + [1] * (dims - 2)), center=ROWS))
        places.append(traj)
        values.append(data)
    encoded, recon = ((ROWS, COLUMNS, 1), (240, 200, 5)), ((ROWS, COLUMNS, 1), (240, 200, 5))
    write(path, header(encoding(encoded, recon, trajectory="radial")), lines)
    traj = np.concatenate(places)
    return {"kspace": np.concatenate(values, 1), "trajectory": traj[:, :2] * [ROWS, COLUMNS], "density": traj[:, 2:]}


def radial_weighted(path):
    return radial(path, dims=3)


def radial_field_of_view(path):
    return radial(path, ROWS) | {"trajectory": None}


def radial_nonsense(path):
    return radial(path, 1e4)


def radial_unclear(path):
    """Cycles per pixel that end at 0.3 of the edge, if that is what they are."""
    made = radial(path, 0.3)
    return made | {"trajectory": 0.3 * made["trajectory"]}


def radial_oversampled(path, field=240):
    """An encoded matrix of 48 for 480 mm, of which 24 for 240 mm are wanted; numbers in cycles per field of view of that many mm."""
    encoded, recon = ((48, 48, 1), (480, 480, 5)), ((24, 24, 1), (240, 240, 5))
    lines, places, values = [], [], []
    radius = (np.arange(48) - 24) / 48 / 10
    for i in range(9):
        traj = np.stack([radius * np.cos(np.pi * i / 9), radius * np.sin(np.pi * i / 9)], 1)
        values.append(randc(COILS, 48))
        lines.append(line(values[-1], i, traj=traj * field, center=24))
        places.append(traj * 240)
    write(path, header(encoding(encoded, recon, trajectory="radial")), lines)
    return {"kspace": np.concatenate(values, 1), "trajectory": np.concatenate(places)}


def radial_oversampled_encoded(path):
    return radial_oversampled(path, 480)


def left_out(path):
    wanted, k = brain()
    lines = [line(k[:, :, c], c) for c in range(COLUMNS)]
    for flag in (NAVIGATION, PHASE_CORRECTION, PHASE_CORRECTION, FEEDBACK, DUMMY):
        lines.insert(3, line(1000 * randc(COILS, 2 * ROWS), 3, flags=[flag]))
    lines.append(line(1000 * randc(COILS, 32), 0, encoding_space_ref=1))
    write(path, header(encoding(*BOTH, STEPS), encoding(BOTH[0], BOTH[0])), lines)
    return {"kspace": wanted, "mask": np.ones((1, ROWS, COLUMNS))}


def study(path):
    before = ("<subjectInformation><patientName>Doe^Jane</patientName><patientWeight_kg>61.5</patientWeight_kg><patientID>X-7</patientID>"
              "<patientBirthdate>1970-02-28</patientBirthdate><patientGender>F</patientGender></subjectInformation>"
              "<studyInformation><studyDate>2026-11-21</studyDate><studyTime>09:08:07.5</studyTime><studyID>S1</studyID><accessionNumber>42</accessionNumber>"
              "<referringPhysicianName>Roe^R</referringPhysicianName><studyDescription>Head</studyDescription>"
              "<studyInstanceUID>1.2.3</studyInstanceUID></studyInformation>"
              "<measurementInformation><patientPosition>FFS</patientPosition><protocolName>t1</protocolName><seriesDescription>axial</seriesDescription>"
              "<frameOfReferenceUID>1.2.4</frameOfReferenceUID></measurementInformation>"
              "<acquisitionSystemInformation><systemVendor>Acme</systemVendor><systemModel>One</systemModel><systemFieldStrength_T>1.5</systemFieldStrength_T>"
              "<institutionName>Clinic</institutionName></acquisitionSystemInformation>")
    after = "<sequenceParameters><TR>500</TR><TE>12.5</TE><TE>30</TE><flipAngle_deg>70</flipAngle_deg><sequence_type>Flash</sequence_type></sequenceParameters>"
    wanted, k = brain()
    write(path, header(encoding(*BOTH, STEPS), before=before, after=after), [line(k[:, :, c], c) for c in range(COLUMNS)])
    return {"kspace": wanted}


def bad(path, xml=None, lines=None, lie=0):
    k = randc(COILS, 2 * ROWS, COLUMNS)
    write(path, header(encoding(*BOTH, STEPS)) if xml is None else xml, [line(k[:, :, c], c) for c in range(COLUMNS)] if lines is None else lines, lie=lie)
    return {}


BAD = {
    "outside-limits": lambda p: bad(p, lines=[line(randc(2, 48), 20)]),
    "outside-matrix": lambda p: bad(p, header(encoding(*BOTH, limit("kspace_encoding_step_1", 0, 50, 10))), [line(randc(2, 48), 31)]),
    "long-line": lambda p: bad(p, lines=[line(randc(2, 49), 0, center=24)]),
    "no-image": lambda p: bad(p, lines=[line(randc(2, 48), 0, flags=[NOISE])]),
    "coils-differ": lambda p: bad(p, lines=[line(randc(2, 48), 0), line(randc(3, 48), 1)]),
    "short-data": lambda p: bad(p, lie=2),
    "no-encoding": lambda p: bad(p, header()),
    "other-encoding": lambda p: bad(p, lines=[line(randc(2, 48), 0, encoding_space_ref=1)]),
    "not-finite": lambda p: bad(p, lines=[line(np.full((2, 48), np.nan, "c8"), 0)]),
    "no-trajectory": lambda p: bad(p, header(encoding(*BOTH, trajectory="spiral"))),
    "doctype": lambda p: bad(p, '<!DOCTYPE a [<!ENTITY b "c">]>' + header(encoding(*BOTH))[21:]),
    "not-xml": lambda p: bad(p, "<ismrmrdHeader>"),
    "huge-matrix": lambda p: bad(p, header(encoding(((48, 65535, 65535), (480, 200, 5)), ((24, 65535, 65535), (240, 200, 5)))),
                                 [line(randc(2, 48), c, kspace_encode_step_2=c) for c in range(2)]),
    "half-matrix": lambda p: bad(p, header(encoding(((48, 19.5, 1), (480, 200, 5)), BOTH[1]))),
    "many-lines": lambda p: bad(p, header(encoding(((48, 12, 1), (480, 200, 5)), BOTH[1]))),
    "odd-recon": lambda p: bad(p, header(encoding(BOTH[0], ((24, 60000, 1), (240, 200, 5))))),
}


def tiny(path):
    """For the fuzzer: little data between the structures."""
    encoded, recon = ((8, 6, 1), (80, 60, 5)), ((4, 6, 1), (40, 60, 5))
    lines = [line(randc(2, 16), 0, flags=[NOISE])] + [line(randc(2, 8), c, slice=s) for s in range(2) for c in range(6)]
    write(path, header(encoding(encoded, recon)), lines)
    return {}


def tiny_radial(path):
    same = ((8, 8, 1), (80, 80, 5))
    write(path, header(encoding(same, same, trajectory="radial")), [line(randc(2, 8), i, traj=rng.uniform(-0.5, 0.5, (8, 2))) for i in range(6)])
    return {}


def tiny_fastmri(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("kspace", data=randc(2, 2, 8, 6), chunks=(1, 2, 8, 6), compression="gzip", shuffle=True, fletcher32=True)
        file.create_dataset("ismrmrd_header", data=header(encoding(((8, 6, 1), (80, 60, 5)), ((4, 6, 1), (40, 60, 5)))))
        file.create_dataset("mask", data=np.ones(6, bool))
        file.attrs["acquisition"] = "T1"
    return {}


def external(path):
    """Datasets that lie in another file."""
    with h5py.File(path, "w") as file:
        at = file.create_group("dataset")
        at["xml"] = h5py.ExternalLink("/etc/hostname", "/xml")
        at["data"] = h5py.ExternalLink("/etc/hostname", "/data")
        file.create_dataset("kspace", (1, 2, 2), "c8", external=[("/etc/passwd", 0, 32)])
    return {}


def fastmri(path, name="mask"):
    """Three slices, every second line, a mask of truth values, chunked and compressed."""
    wanted, k = brain(3)
    mask = np.arange(COLUMNS) % 2 == 0
    with h5py.File(path, "w") as file:
        file.create_dataset("kspace", data=(k * mask).astype("c8"), chunks=(1, 2, 16, COLUMNS), compression="gzip", shuffle=True)
        file.create_dataset("ismrmrd_header", data=header(encoding(*BOTH, STEPS)))
        if name:
            file.create_dataset(name, data=mask)
    return {"kspace": wanted * mask, "mask": mask[None, None, :].repeat(ROWS, 1)}


def fastmri_without_mask(path):
    return fastmri(path, None)


def fastmri_positions(path, given=True):
    """Two thirds of all positions, in no lines; three slices."""
    k = randc(3, COILS, ROWS, COLUMNS)
    mask = rng.uniform(size=(ROWS, COLUMNS)) < 0.67
    same = ((ROWS, COLUMNS, 1), (240, 200, 5))
    with h5py.File(path, "w") as file:
        file.create_dataset("kspace", data=k if given else (k * mask).astype("c8"))
        file.create_dataset("ismrmrd_header", data=header(encoding(same, same, STEPS)))
        if given:
            file.create_dataset("mask", data=mask.astype("f4"))
    return {"kspace": k * mask, "mask": mask[None]}


def fastmri_positions_without_mask(path):
    return fastmri_positions(path, False)


def fastmri_mask_with_ones(path):
    """Lines as (1, columns, 1), as they are multiplied with real and imaginary parts."""
    wanted, k = brain(2)
    mask = np.arange(COLUMNS) % 3 == 1
    with h5py.File(path, "w") as file:
        file.create_dataset("kspace", data=k.astype("c8"))
        file.create_dataset("ismrmrd_header", data=header(encoding(*BOTH, STEPS)))
        file.create_dataset("mask", data=mask[None, :, None].astype("f4"))
    return {"kspace": wanted * mask, "mask": mask[None, None, :].repeat(ROWS, 1)}


def fastmri_cropped(path, with_header=True, every=1):
    """48 x 32 for 480 x 320 mm; the file's own reconstruction has 24 x 20 pixels."""
    image = randc(3, COILS, ROWS, COLUMNS)
    k = transform(pad(pad(image, 2, 2 * ROWS), 3, 32), (2, 3)) * (np.arange(32) % every == 0)
    with h5py.File(path, "w") as file:
        file.create_dataset("kspace", data=k.astype("c8"))
        file.create_dataset("reconstruction_rss", data=np.sqrt((np.abs(image) ** 2).sum(1)).astype("f4"))
        if with_header:
            file.create_dataset("ismrmrd_header", data=header(encoding(((2 * ROWS, 32, 1), (480, 320, 4)), ((ROWS, COLUMNS, 1), (240, 200, 4)))))
    if every > 1:
        return {"kspace": transform(pad(image, 3, 32), (2, 3)) * (np.arange(32) % every == 0), "mask": (np.arange(32) % every == 0)[None, None].repeat(ROWS, 1)}
    return {"kspace": transform(image, (2, 3)), "mask": np.ones((1, ROWS, COLUMNS))}


def fastmri_cropped_undersampled(path):
    return fastmri_cropped(path, every=2)


def fastmri_cropped_without_header(path):
    return fastmri_cropped(path, False)


def fastmri_bad_mask(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("kspace", data=randc(2, COILS, ROWS, COLUMNS))
        file.create_dataset("mask", data=np.ones((ROWS, COLUMNS - 1), "f4"))
    return {}


def matlab(path, block=512):
    """As MATLAB 7.3 saves a complex array (rows, columns, coils): the dimensions reversed, text before the HDF5 file, an attribute."""
    with h5py.File(path, "w", userblock_size=block) as file:
        k = file.create_dataset("kspace", data=pairs(COILS, COLUMNS, ROWS))
        k.attrs["MATLAB_class"] = np.bytes_("double")
    if block:
        with open(path, "r+b") as file:
            file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64")
    return {}


def pairs(*shape):
    values = randc(*shape)
    made = np.empty(shape, [("real", "<f8"), ("imag", "<f8")])
    made["real"], made["imag"] = values.real, values.imag
    return made


def matlab_without_text(path):
    return matlab(path, 0)


def fastmri_single_coil(path):
    k = randc(2, ROWS, COLUMNS)
    with h5py.File(path, "w") as file:
        file.create_dataset("kspace", data=k.astype("c16"))
        file.create_dataset("mask", data=np.ones(COLUMNS, "f4"))
    return {"kspace": k[:, None]}


def bomb(path):
    """An array of 256 MiB of zeros in a thousandth of that."""
    with h5py.File(path, "w") as file:
        file.create_dataset("kspace", data=np.zeros((2, 16, 1024, 1024), "c8"), chunks=(1, 1, 1024, 1024), compression="gzip")
    return {}


def claim(path):
    """An array of half a gigabyte that was never written."""
    with h5py.File(path, "w") as file:
        file.create_dataset("kspace", (60, 10, 320, 320), "c8", chunks=(1, 1, 320, 320))
    return {}


def image(path):
    with h5py.File(path, "r") as file:
        return {"image": file["dataset/cpp/data"][0, 0, 0], "lines": np.array([row["idx"]["kspace_encode_step_1"] for row in file["dataset/data"]["head"]])}


if __name__ == "__main__":
    name, target = sys.argv[1:]
    made = BAD[name](target) if name in BAD else globals()[name.replace("-", "_")](target)
    np.savez(target + ".npz", **{k: (v.astype("c8") if np.iscomplexobj(v) else v.astype("f4")) for k, v in made.items() if v is not None})
