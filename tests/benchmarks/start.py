"""Times a start of the service and what a model costs before its first job: process start, load, warm-up, first and second job; and memory.

    start.py SERVICE MODELS [MODEL]     SERVICE is the built program; needs Python's standard library only
"""
import base64
import json
import os
import re
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request

service, models = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
model = sys.argv[3] if len(sys.argv) > 3 else "brain-mri-128"


def call(url, path, body=None, method=None, wait=None):
    request = urllib.request.Request(url + path, json.dumps(body).encode() if body is not None else None, method=method)
    request.add_header("Content-Type", "application/json")
    if wait:
        request.add_header("Prefer", f"wait={wait}")
    with urllib.request.urlopen(request, timeout=600) as answer:
        return json.load(answer)


def npy(values, shape):
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (63 - (10 + len(header)) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + struct.pack(f"<{len(values)}f", *values)


def job(channels, side):
    values = [0.5 + 0.4 * ((i // side) % 32) / 32 for i in range(channels * side * side)]
    return {
        "model": model, "sigma": 0.05, "seed": 1, "previews": False,
        "problem": {"type": "inpainting", "mask": {"type": "random", "fraction": 0.5, "seed": 1}},
        "solver": {"type": "diffPir", "preset": "fast", "parameters": {"samples": 1}},
        "files": {"measurement": "data:application/octet-stream;base64," + base64.b64encode(npy(values, (channels, side, side))).decode()},
    }


def resident(pid):
    with open(f"/proc/{pid}/status") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1]) / 1024


def run(prepare):
    """One start; prepare(url) is timed apart from the jobs."""
    with tempfile.TemporaryDirectory() as data:
        started = time.perf_counter()
        process = subprocess.Popen(
            [service, "--urls", "http://127.0.0.1:0", "--Jobs:DataFolder", data, "--Models:Folders:0", models],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            url = next(match[1] for line in process.stdout if (match := re.search(r"Now listening on: (\S+)", line)))
            call(url, "/health/ready")
            times = {"ready": time.perf_counter() - started}
            empty = resident(process.pid)
            began = time.perf_counter()
            prepare(url)
            times["prepare"] = time.perf_counter() - began
            info = call(url, f"/v1/models/{model}")
            for name in ("first", "second"):
                began = time.perf_counter()
                answer = call(url, "/v1/jobs", job(info["channels"], 64), wait=100)
                times[name] = time.perf_counter() - began
                assert answer["state"] == "succeeded", answer
            copy = call(url, f"/v1/models/{model}")["copies"][0]
            return times, empty, copy["bytes"] / 2**20, resident(process.pid)
        finally:
            process.terminate()
            process.wait()


print(
    "| before the first job | ready after s | that takes s | first job s | second job s "
    "| MiB resident, ready | MiB of weights | MiB resident, after two jobs |")
print("|---|---:|---:|---:|---:|---:|---:|---:|")
for name, prepare in {
    "nothing": lambda url: None,
    "load": lambda url: call(url, f"/v1/models/{model}/load", method="POST"),
    "warm": lambda url: call(url, f"/v1/models/{model}/warm", method="POST"),
}.items():
    times, empty, weights, after = run(prepare)
    print(
        f"| {name} | {times['ready']:.2f} | {times['prepare']:.2f} | {times['first']:.2f} | {times['second']:.2f} "
        f"| {empty:.0f} | {weights:.1f} | {after:.0f} |")
