#!/usr/bin/env python3
"""Attacks on a running service, and what another caller notices of them.

    attacks.py URL slow | archive PID | readers FOLDER [KEY] | silent N | bodies N

Needs nothing but Python's standard library. It attacks the address that it is given: use it on a service of your own.
"""
import io
import json
import os
import socket
import struct
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
import zlib

URL = sys.argv[1].rstrip("/")
ADDRESS = (urllib.parse.urlsplit(URL).hostname, urllib.parse.urlsplit(URL).port)


def npy(shape, descr="<f4", data=None):
    size = int(descr[2:])
    for n in shape:
        size *= n
    text = "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }" % (descr, "".join(f"{n}, " for n in shape))
    text = text.ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + (bytes(size) if data is None else data)


def png(size=64):
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    rows = b"".join(b"\0" + bytes((x + y) % 256 for x in range(size)) for y in range(size))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", size, size, 8, 0, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def form(request, **files):
    body = b"--b\r\nContent-Disposition: form-data; name=\"request\"\r\nContent-Type: application/json\r\n\r\n" + json.dumps(request).encode() + b"\r\n"
    for name, data in files.items():
        body += b"--b\r\nContent-Disposition: form-data; name=\"%s\"; filename=\"f\"\r\n\r\n" % name.encode() + data + b"\r\n"
    return body + b"--b--\r\n"


def send(path, body=None, timeout=120, key=None):
    """Status (0: none) and seconds; with a caller's key, if any."""
    began = time.monotonic()
    headers = {**({"Content-Type": "multipart/form-data; boundary=b"} if body else {}), **({"X-API-Key": key} if key else {})}
    request = urllib.request.Request(URL + path, body, headers)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            answer.read()
            status, text = answer.status, ""
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read().decode(errors="replace")
    except OSError as error:
        status, text = 0, str(error)
    return status, time.monotonic() - began, text


def simulate(image=None):
    return send("/v1/measurements/simulate", form({"problem": {"type": "denoising"}, "sigma": 0.1}, image=image or png()))


def job(measurement, problem="denoising", key=None):
    request = {"model": "brain-mri-128", "problem": {"type": problem}, "sigma": 0.01, "solver": {"type": "adjoint", "preset": "fast"}, "seed": 1}
    return send("/v1/jobs", form(request, measurement=measurement), key=key)


def slow():
    """Four uploads that announce 1 MB and stop; another caller simulates a measurement."""
    print("alone: %d after %.2f s" % simulate()[:2])
    head = f"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n".encode()
    stalled = []
    for _ in range(4):
        one = socket.create_connection(ADDRESS)
        one.sendall(head + b" " * 1000)
        stalled.append(one)
    stop = threading.Event()

    def trickle():  # above Kestrel's own 240 bytes a second
        while not stop.wait(1):
            for one in stalled:
                try:
                    one.sendall(b" " * 300)
                except OSError:
                    pass

    threading.Thread(target=trickle, daemon=True).start()
    time.sleep(1)
    status, seconds, text = send("/v1/measurements/simulate", form({"problem": {"type": "denoising"}, "sigma": 0.1}, image=png()), timeout=60)
    print(f"beside four slow uploads: {status} after {seconds:.2f} s {text[:100]}")
    began = time.monotonic()
    stalled[0].settimeout(90)
    try:
        print(f"a slow upload: {stalled[0].recv(200)[:30]!r} after {time.monotonic() - began:.1f} s")
    except OSError as error:
        print(f"a slow upload: {error} after {time.monotonic() - began:.1f} s")
    stop.set()


def resident(pid, name="VmRSS:"):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) // 1024 for line in status if line.startswith(name))


def archive(pid):
    """An .npz of a few MB whose arrays are each within the limits; memory is that of the process."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as packed:
        large = npy((16, 1, 2000, 2000), "|u1")
        for name in ("measurement", "mask", "psf", "phase", "maps", "covariance", "calibration", "trajectory", "truth"):
            packed.writestr(name + ".npy", large if name != "trajectory" else npy((8, 2000, 2000), "|u1"))
    simulate()
    print(f"archive: {len(data.getvalue()) / 1e6:.1f} MB; resident before {resident(pid)} MiB")
    peak = [0]
    stop = threading.Event()

    def watch():
        while not stop.wait(0.02):
            peak[0] = max(peak[0], resident(pid))

    threading.Thread(target=watch, daemon=True).start()
    status, seconds, text = job(data.getvalue())
    print(f"answer {status} after {seconds:.1f} s, at most {peak[0]} MiB: {text[:400]}")
    # One that is within the limits of a request.
    status, seconds, text = simulate(npy((12, 1, 1024, 1024)))
    stop.set()
    print(f"a stack of 50 MB: {status} after {seconds:.1f} s, at most {peak[0]} MiB")
    for wait in (0, 15):
        time.sleep(wait)
        print(f"resident {wait} s later: {resident(pid)} MiB")


def varied(file, i):
    """The same hostile file with other bytes at its end, so that none is a copy."""
    return file + bytes([i]) * 8 if i else file


def readers(folder, key=None):
    """Many hostile files for the reader in flight; a good file beside them, of another caller where KEY is a key of the service. FOLDER has hang.h5,
    dicom-length.dcm and good.h5 (raw data of one coil)."""
    read = {name: open(os.path.join(folder, name), "rb").read() for name in ("hang.h5", "dicom-length.dcm", "good.h5")}
    print("good file alone: %d after %.2f s %s" % job(read["good.h5"], "parallelMri"))
    print("hang.h5 alone: %d after %.2f s %s" % job(read["hang.h5"], "parallelMri"))
    for title, change in (("copies", lambda file, i: file), ("variants", varied)):
        done = []
        threads = [threading.Thread(target=lambda i=i: done.append(
            job(change(read["hang.h5"], 16 + i), "parallelMri") if i % 2 else job(change(read["dicom-length.dcm"], 16 + i)))) for i in range(40)]
        for one in threads:
            one.start()
        time.sleep(0.5)
        beside = {}
        good = [threading.Thread(target=lambda name=name, call=call: beside.update({name: call()})) for name, call in
                (("good.h5", lambda: job(read["good.h5"], "parallelMri", key)), ("a PNG", lambda: job(png(), key=key)))]
        for one in good:
            one.start()
        for one in good + threads:
            one.join()
        for name, (status, seconds, text) in beside.items():
            print(f"{title}: {name} beside 40 hostile files: {status} after {seconds:.2f} s {text[:200] if status > 299 else ''}")
        statuses = {status: sum(1 for other in done if other[0] == status) for status in {one[0] for one in done}}
        print(f"{title}: hostile files: {statuses}, the longest {max(seconds for _, seconds, _ in done):.1f} s")


def silent(count):
    """Connections that send nothing, or part of a head; another caller asks for the health."""
    held = []
    failed = 0
    for i in range(count):
        try:
            one = socket.create_connection(ADDRESS, timeout=5)
            if i % 2:
                one.sendall(b"GET /health/live HTTP/1.1\r\nHost: local")
            held.append(one)
        except OSError:
            failed += 1
    time.sleep(1)
    for path in ("/health/live", "/health/ready"):
        print("beside %d silent connections (%d refused): %s %d after %.2f s %s" % ((count, failed, path) + send(path, timeout=10)))
    print("a simulation: %d after %.2f s" % simulate()[:2])


def bodies(count):
    """Bodies that were begun, all of one caller; health, and another request of the same caller."""
    head = b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 200000\r\n\r\n{"
    held = []
    for _ in range(count):
        one = socket.create_connection(ADDRESS, timeout=5)
        one.sendall(head)
        held.append(one)
    for path in ("/health/live", "/health/ready", "/v1/jobs"):
        print("beside %d begun bodies: %s %d after %.2f s %s" % ((count, path) + send(path, timeout=10)))


if __name__ == "__main__":
    actions = {
        "slow": slow,
        "archive": lambda: archive(sys.argv[3]),
        "readers": lambda: readers(*sys.argv[3:5]),
        "silent": lambda: silent(int(sys.argv[3])),
        "bodies": lambda: bodies(int(sys.argv[3])),
    }
    actions[sys.argv[2]]()
