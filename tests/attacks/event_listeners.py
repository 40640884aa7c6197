#!/usr/bin/env python3
"""Many listeners on one running job, and the time that requests of others take meanwhile.

    python3 tests/attacks/event_listeners.py http://127.0.0.1:8080 [--listeners 500] [--seconds 20] [--pid PID] [--after ID] [--warm SECONDS]

Prints one line of JSON. --pid is the service's, for its processor time; --after is the listeners' Last-Event-ID, 0 for a replay. The job
that it submits is cancelled in the end. INVERSESOLVER_KEY is the key of the job and of its listeners, INVERSESOLVER_OTHER_KEY that of the others.
"""
import argparse
import asyncio
import base64
import json
import os
import struct
import time
import urllib.parse
import urllib.request
import zlib


KEY, OTHER = (os.environ.get(name) for name in ("INVERSESOLVER_KEY", "INVERSESOLVER_OTHER_KEY"))


def png(size):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\0" + bytes((i * j * 7) % 200 + 20 for j in range(size)) for i in range(size))
    header = struct.pack(">IIBBBBB", size, size, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def job(steps=1000):
    return {
        "model": "brain-mri-128",
        "problem": {"type": "inpainting", "mask": {"type": "box", "height": 8, "width": 8}},
        "sigma": 0.01,
        "solver": {"type": "ddnm", "preset": "fast", "parameters": {"steps": steps}},
        "files": {"measurement": "data:image/png;base64," + base64.b64encode(png(64)).decode()},
    }


def ask(url, path, body=None, key=KEY):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url + path, data, {"Content-Type": "application/json", **({"X-API-Key": key} if key else {})})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


async def listen(host, port, path, after, counts, i):
    reader, writer = await asyncio.open_connection(host, port)
    try:
        resume = "" if after is None else f"Last-Event-ID: {after}\r\n"
        key = f"X-API-Key: {KEY}\r\n" if KEY else ""
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nAccept: text/event-stream\r\n{key}{resume}\r\n".encode())
        while block := await reader.read(65536):
            counts[i][0] += block.count(b"id: ")
            counts[i][1] += len(block)
    finally:
        writer.close()


async def others(url, path, until, times):
    while time.monotonic() < until:
        start = time.monotonic()
        await asyncio.to_thread(ask, url, path, None, OTHER or KEY)
        times.append((time.monotonic() - start) * 1000)
        await asyncio.sleep(0.05)


def processor_seconds(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def quantiles(times):
    times = sorted(times)
    return {"median": round(times[len(times) // 2], 1), "p95": round(times[int(len(times) * 0.95)], 1), "max": round(times[-1], 1)}


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--listeners", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--pid", type=int)
    parser.add_argument("--after", type=int)
    parser.add_argument("--warm", type=float, default=0, help="seconds for which the job runs before anyone listens")
    options = parser.parse_args()
    address = urllib.parse.urlsplit(options.url)
    id = ask(options.url, "/v1/jobs", job())["id"]
    own = ask(options.url, "/v1/jobs", job(4), OTHER)["id"] if OTHER else id
    while ask(options.url, f"/v1/jobs/{id}")["progress"] is None:
        await asyncio.sleep(0.2)
    await asyncio.sleep(options.warm)
    counts = [[0, 0] for _ in range(options.listeners)]
    path = f"/v1/jobs/{id}/events"
    tasks = [asyncio.create_task(listen(address.hostname, address.port, path, options.after, counts, i)) for i in range(options.listeners)]
    if options.after is None:
        await asyncio.sleep(3)
    spent, start = (processor_seconds(options.pid) if options.pid else 0), time.monotonic()
    first, times = [list(count) for count in counts], []
    await others(options.url, f"/v1/jobs/{own}", start + options.seconds, times)
    seconds = time.monotonic() - start
    gained = [count[0] - before[0] for count, before in zip(counts, first)]
    result = {
        "listeners": options.listeners, "alive": sum(not task.done() for task in tasks), "seconds": round(seconds, 1),
        "eventsEach": [min(gained), max(gained)] if gained else [], "MB": round(sum(count[1] for count in counts) / 1e6, 1),
        "requestsOfOthers": len(times), "milliseconds": quantiles(times),
    }
    if options.pid:
        result["processorSeconds"] = round(processor_seconds(options.pid) - spent, 1)
    print(json.dumps(result))
    for task in tasks:
        task.cancel()
    ask(options.url, f"/v1/jobs/{id}/cancel", {})


asyncio.run(main())
