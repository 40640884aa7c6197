#!/usr/bin/env python3
"""Submissions beside a job that solves, and a soak, against a service of its own, which asks for keys.

    load.py p99 --service PROGRAM [--seconds 30]      submissions a second and their times, idle and while a job solves, taking turns
    load.py soak --service PROGRAM [--minutes 60]     resident memory and handles over time, under a light mixed load

Needs python3 alone. Run from the root of the repository.
"""

import argparse
import http.client
import json
import os
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "chaos"))
from chaos import Service, request  # noqa: E402


class LoadedService(Service):
    def __init__(self, program, models, data):
        super().__init__(
            program, data, os.path.abspath(models), open(os.devnull, "w"), Callers__Waiting="0", Limits__RequestsPerSecond="0",
            Jobs__KeepResults="00:05:00", Jobs__KeepInputs="00:02:00",
            Logging__LogLevel__Default="Warning", Logging__LogLevel__Microsoft="Information",
            Access__Keys="true")
        self.start()
        with open(os.path.join(data, "first-key")) as key:
            self.headers = {"Content-Type": "application/json", "X-API-Key": key.read().strip()}

    def exchange(self, connection, method, path, body=None, headers=None):
        connection.request(method, path, body, {**self.headers, **(headers or {})})
        answer = connection.getresponse()
        content = answer.read()
        if answer.status >= 400:
            raise SystemExit(f"{method} {path}: {answer.status} {content[:500]}")
        return content

    def connect(self):
        return http.client.HTTPConnection(self.url.split("//")[1], timeout=120)

    def memory(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            lines = dict(line.split(":", 1) for line in status)
        return int(lines["VmRSS"].split()[0]) / 1024, len(os.listdir(f"/proc/{self.process.pid}/fd"))


def p99(service, seconds):
    """Submits tiny jobs, which are cancelled at once, so that the queue stays short."""
    connection = service.connect()
    body = json.dumps(request(2)).encode()
    long = dict(request(0), solver={"type": "reSample", "preset": "fast", "parameters": {"steps": 1000}}, reproducible=True)

    def submissions(length):
        times, end = [], time.monotonic() + length
        while time.monotonic() < end:
            begin = time.monotonic()
            job = json.loads(service.exchange(connection, "POST", "/v1/jobs", body))
            times.append(time.monotonic() - begin)
            service.exchange(connection, "GET", f"/v1/jobs/{job['id']}")
            connection.request("POST", f"/v1/jobs/{job['id']}/cancel", headers=service.headers)
            connection.getresponse().read()
        return sorted(times)

    def show(name, times, length):
        print(f"{name:26} {len(times) / length:6.1f} submissions a second, median {1e3 * times[len(times) // 2]:6.1f} ms, "
              f"99 % within {1e3 * times[int(len(times) * 0.99)]:6.1f} ms")
        return times[int(len(times) * 0.99)]

    # Idle means that the worker has nothing: the queue is held by a caller's limit of running jobs in neither case, so tiny jobs may run in both.
    submissions(5)
    idle, busy = [], []
    for _ in range(3):
        idle += submissions(seconds / 3)
        job = json.loads(service.exchange(connection, "POST", "/v1/jobs", json.dumps(long).encode()))
        while json.loads(service.exchange(connection, "GET", f"/v1/jobs/{job['id']}"))["progress"] is None:
            time.sleep(0.1)
        busy += submissions(seconds / 3)
        service.exchange(connection, "POST", f"/v1/jobs/{job['id']}/cancel")
        while json.loads(service.exchange(connection, "GET", f"/v1/jobs/{job['id']}"))["state"] == "running":
            time.sleep(0.1)
    first, second = show("idle", sorted(idle), seconds), show("while a job solves", sorted(busy), seconds)
    print(f"ratio of the 99th percentiles {second / first:.2f}")


def soak(service, minutes):
    connection, begun, samples, jobs = service.connect(), time.monotonic(), [], 0
    while time.monotonic() - begun < 60 * minutes:
        job = json.loads(service.exchange(connection, "POST", "/v1/jobs", json.dumps(dict(request(jobs % 20), previews=True)).encode(), {"Prefer": "wait=60"}))
        jobs += 1
        names = [file["name"] for file in json.loads(service.exchange(connection, "GET", f"/v1/jobs/{job['id']}/artefacts"))["items"]]
        for name in names[:3]:
            service.exchange(connection, "GET", f"/v1/jobs/{job['id']}/artefacts/{name}")
        service.exchange(connection, "GET", f"/v1/jobs/{job['id']}/events")
        service.exchange(connection, "GET", "/v1/jobs?limit=50")
        samples.append((time.monotonic() - begun, *service.memory()))
        if jobs % 100 == 0:
            print(f"{samples[-1][0] / 60:5.1f} min: {jobs} jobs, {samples[-1][1]:.0f} MiB, {samples[-1][2]} handles", flush=True)
        time.sleep(0.5)

    def mean(begin, end, column):
        chosen = [sample[column] for sample in samples if 60 * begin <= sample[0] < 60 * end]
        return sum(chosen) / max(1, len(chosen))

    scale = minutes / 60
    for name, column in (("resident MiB", 1), ("handles", 2)):
        early, late = mean(10 * scale, 30 * scale, column), mean(40 * scale, 60 * scale, column)
        print(f"{name}: minutes {10 * scale:.0f} to {30 * scale:.0f} {early:.1f}, last {20 * scale:.0f} minutes {late:.1f}: {100 * (late / early - 1):+.1f} %")
    print(f"{jobs} jobs in {minutes} minutes")


def main():
    options = argparse.ArgumentParser()
    options.add_argument("what", choices=["p99", "soak"])
    options.add_argument("--service", required=True)
    options.add_argument("--models", default="models")
    options.add_argument("--seconds", type=float, default=30)
    options.add_argument("--minutes", type=float, default=60)
    o = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="inverse-load-") as data:
        service = LoadedService(os.path.abspath(o.service), o.models, data)
        try:
            p99(service, o.seconds) if o.what == "p99" else soak(service, o.minutes)
        finally:
            service.kill()


if __name__ == "__main__":
    main()
