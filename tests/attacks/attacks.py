#!/usr/bin/env python3
"""Attacks on a running service, and what another caller notices of them.

    attacks.py URL slow | archive PID | readers FOLDER | silent N | bodies N | unread PID | flood

INVERSESOLVER_KEY is the attacker's key, INVERSESOLVER_OTHER_KEY that of the other caller; without the first, the attacker of a service that asks for keys
is nobody. unread and flood are attacks by nobody, whatever keys there are.

Needs nothing but Python's standard library. It attacks the address that it is given: use it on a service of your own.
"""
import collections
import io
import json
import multiprocessing
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
KEY, OTHER = (os.environ.get(name) for name in ("INVERSESOLVER_KEY", "INVERSESOLVER_OTHER_KEY"))
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


def send(path, body=None, timeout=120, key=OTHER):
    """Status (0: none), seconds and the text of an error; of the other caller, unless a key says whose."""
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


def simulate(image=None, key=OTHER):
    return send("/v1/measurements/simulate", form({"problem": {"type": "denoising"}, "sigma": 0.1}, image=image or png()), key=key)


def head(length, key=KEY):
    """The head of an upload, and the first byte of its body."""
    return (f"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n"
            + (f"X-API-Key: {key}\r\n" if key else "") + "\r\n{").encode()


def job(measurement, problem="denoising", key=KEY):
    request = {"model": "brain-mri-128", "problem": {"type": problem}, "sigma": 0.01, "solver": {"type": "adjoint", "preset": "fast"}, "seed": 1}
    return send("/v1/jobs", form(request, measurement=measurement), key=key)


def slow():
    """Four uploads that announce 1 MB and stop; another caller simulates a measurement."""
    print("alone: %d after %.2f s" % simulate()[:2])
    stalled = []
    for _ in range(4):
        one = socket.create_connection(ADDRESS)
        one.sendall(head(1000000) + b" " * 1000)
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
    status, seconds, text = simulate()
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
    status, seconds, text = simulate(npy((12, 1, 1024, 1024)), KEY)
    stop.set()
    print(f"a stack of 50 MB: {status} after {seconds:.1f} s, at most {peak[0]} MiB")
    for wait in (0, 15):
        time.sleep(wait)
        print(f"resident {wait} s later: {resident(pid)} MiB")


def varied(file, i):
    """The same hostile file with other bytes at its end, so that none is a copy."""
    return file + bytes([i]) * 8 if i else file


def readers(folder):
    """Many hostile files for the reader in flight; a good file of the other caller beside them. FOLDER has hang.h5, dicom-length.dcm and good.h5 (raw data
    of one coil)."""
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
                (("good.h5", lambda: job(read["good.h5"], "parallelMri", OTHER)), ("a PNG", lambda: job(png(), key=OTHER)))]
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
    held = []
    for _ in range(count):
        one = socket.create_connection(ADDRESS, timeout=5)
        one.sendall(head(200000))
        held.append(one)
    for path, key in (("/health/live", None), ("/health/ready", None), ("/v1/jobs", OTHER), ("/v1/jobs", KEY)):
        print("beside %d begun bodies: %s %d after %.2f s %s" % ((count, path) + send(path, timeout=10, key=key)))


def unread(pid):
    """Uploads of 150 MB by nobody, sent for as long as the service takes them; memory is that of the process."""
    simulate()
    before, wrong = resident(pid), "isk_000000000000_" + "0" * 64
    for name, key, lines in (("without a key", None, b""), ("with a wrong key", wrong, b""), ("after 100 Continue", wrong, b"Expect: 100-continue\r\n")):
        sent, peak, answer, began = 0, before, b"", time.monotonic()
        one = socket.create_connection(ADDRESS)
        one.sendall(head(150 << 20, key).replace(b"Content-Length", lines + b"Content-Length")[:-1 if lines else None])
        one.settimeout(20)
        answer = one.recv(4096)
        answered = time.monotonic() - began
        try:
            while sent < 150 << 20 and not lines:
                sent += one.send(b" " * (1 << 20))
                peak = max(peak, resident(pid))
        except OSError:
            pass
        print(f"150 MB {name}: {answer[9:12].decode()} after {answered:.3f} s; the service takes {sent / 1e6:.0f} MB more until it closes, "
              f"{time.monotonic() - began:.1f} s; resident {before} MiB before, at most {peak} MiB")


def ask(request, until, counts):
    """Sends a request again and again, 32 at once, with another wrong key each time."""
    found, i = collections.Counter(), 0
    while time.monotonic() < until:
        with socket.create_connection(ADDRESS) as one:
            one.settimeout(10)
            try:
                while time.monotonic() < until:
                    one.sendall(b"".join(request % (b"%012x" % (i * 1000003 + j)) for j in range(32)))
                    i += 32
                    answers = b""
                    while answers.count(b"HTTP/1.1 ") < 32:
                        if not (block := one.recv(1 << 18)):
                            break
                        answers += block
                    found.update(part[:3].decode() for part in answers.split(b"HTTP/1.1 ")[1:])
            except OSError:
                found["closed"] += 1
    counts.put(found)


def flood():
    """Four processes that are nobody, as fast as they can for 10 s; the other caller lists jobs, simulates, and cancels a job that is not there, which the
    audit trail records."""
    lines = b" HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nX-Number: %s\r\n"
    wrong = b" HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nX-API-Key: isk_%s_" + b"0" * 64 + b"\r\n"
    for name, request in (("nothing", None), ("GET without a key", b"GET /v1/jobs" + lines), ("GET with wrong keys", b"GET /v1/jobs" + wrong),
                          ("POST with wrong keys", b"POST /v1/jobs" + wrong), ("health", b"GET /health/live" + lines)):
        counts, end, times = multiprocessing.Queue(), time.monotonic() + 10, collections.defaultdict(list)
        attackers = [multiprocessing.Process(target=ask, args=(request + b"\r\n", end, counts)) for _ in range(4) if request]
        for one in attackers:
            one.start()
        time.sleep(1)
        while time.monotonic() < end:
            times["list"].append(send("/v1/jobs?limit=1")[:2])
            times["simulation"].append(simulate()[:2])
            times["cancel"].append(send("/v1/jobs/none/cancel", b" ")[:2])
            time.sleep(0.05)
        found = sum((counts.get() for _ in attackers), collections.Counter())
        for one in attackers:
            one.join()
        text = ", ".join(f"{what} median {1000 * (order := sorted(seconds for _, seconds in them))[len(order) // 2]:.1f} ms, 95 % within "
                         f"{1000 * order[int(len(order) * 0.95)]:.1f} ms, {sum(status not in (200, 404) for status, _ in them)} of {len(them)} refused"
                         for what, them in times.items())
        print(f"beside {name}: {sum(found.values()) / 10:.0f} a second {dict(found)}; {text}", flush=True)


if __name__ == "__main__":
    actions = {
        "slow": slow,
        "archive": lambda: archive(sys.argv[3]),
        "readers": lambda: readers(*sys.argv[3:5]),
        "silent": lambda: silent(int(sys.argv[3])),
        "unread": lambda: unread(sys.argv[3]),
        "flood": flood,
        "bodies": lambda: bodies(int(sys.argv[3])),
    }
    actions[sys.argv[2]]()
