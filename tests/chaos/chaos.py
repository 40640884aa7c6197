#!/usr/bin/env python3
"""Kills and freezes the service while it solves short jobs, fills its disk once, and compares every result with its undisturbed twin.

    chaos.py --jobs 1000 --disturbances 200 --service src/InverseSolver.Service/bin/Release/net10.0/InverseSolver.Service

Needs python3 alone; as root the data folder is a tmpfs of 64 MiB or more, which is filled once. Exit code 0: no job was lost or doubled, and every result has
the bits of its twin.
"""

import argparse
import base64
import collections
import glob
import hashlib
import json
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

LEASE = 5
INTERVAL = 0.15
DISTURBED = {
    "Jobs__Lease": f"00:00:{LEASE:02}", "Jobs__CheckpointInterval": f"00:00:{INTERVAL:05.2f}", "Jobs__RefuseFreeBytes": str(6 << 20),
    "Jobs__WarnFreeBytes": str(12 << 20),
}


def npy(seed):
    """A 32 x 32 image with a few bright boxes and noise, float32."""
    rng = random.Random(seed)
    image = [[0.2 + 0.02 * rng.gauss(0, 1) for _ in range(32)] for _ in range(32)]
    for _ in range(4):
        top, left, height, width = rng.randrange(24), rng.randrange(24), rng.randrange(3, 8), rng.randrange(3, 8)
        for i in range(top, top + height):
            for j in range(left, left + width):
                image[i][j] += 0.3
    header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 32, 32), }"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    values = struct.pack("<1024f", *(v for row in image for v in row))
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + values


def request(index):
    solver = [
        {"type": "reSample", "preset": "fast", "parameters": {"steps": 8}},
        {"type": "diffPir", "preset": "fast", "parameters": {"steps": 10}},
        {"type": "ddnm", "preset": "fast", "parameters": {"steps": 10}},
        {"type": "totalVariation", "preset": "fast"},
        {"type": "redDiff", "preset": "fast", "parameters": {"steps": 10}},
    ][index % 5]
    problem = [
        {"type": "inpainting", "mask": {"type": "random", "fraction": 0.6, "seed": index}},
        {"type": "inpainting", "mask": {"type": "box", "height": 8, "width": 8}},
        {"type": "denoising"},
        {"type": "superResolution", "factor": 2},
    ][index % 4]
    return {
        "model": "brain-mri-128", "problem": problem, "sigma": 0.02, "solver": solver, "seed": index, "previews": False,
        "files": {"measurement": "data:application/x-npy;base64," + base64.b64encode(npy(index)).decode()},
    }


class Service:
    """A service of its own folder, with these options beside those that every one has."""

    def __init__(self, program, data, models, log, **options):
        self.program, self.log = program, log
        self.environment = dict(
            os.environ, OMP_NUM_THREADS="1", Jobs__DataFolder=data, Models__Folders__0=models, Jobs__QueueCapacity="100000",
            Limits__RequestsPerSecond="0", **options)
        self.process = self.url = None
        self.starts = self.started = 0

    def start(self):
        self.starts += 1
        self.started = time.time()
        self.process = subprocess.Popen(
            [self.program, "--urls", "http://127.0.0.1:0"], env=self.environment, cwd=tempfile.gettempdir(), stdout=subprocess.PIPE, stderr=self.log, text=True)
        for line in self.process.stdout:
            self.log.write(line)
            if "Now listening on: " in line:
                self.url = line.split("Now listening on: ")[1].strip()
                break
        else:
            raise SystemExit(f"The service did not start: exit code {self.process.wait()}.")
        threading.Thread(target=self._drain, args=(self.process,), daemon=True).start()

    def _drain(self, process):
        for line in process.stdout:
            self.log.write(line)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def call(self, method, path, body=None, headers=None, timeout=30):
        data = None if body is None else json.dumps(body).encode()
        message = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json", **(headers or {})}, method=method)
        with urllib.request.urlopen(message, timeout=timeout) as answer:
            return answer.read()

    def figures(self):
        try:
            return json.loads(self.call("GET", "/health/ready"))["figures"]
        except urllib.error.HTTPError as error:
            return json.loads(error.read())["figures"]

    def jobs(self, state=""):
        found, cursor = [], ""
        while cursor is not None:
            page = json.loads(self.call("GET", f"/v1/jobs?limit=200{state and '&state=' + state}{cursor and '&cursor=' + cursor}"))
            found += page["items"]
            cursor = page["next"]
        return found


def patiently(act, patience=120):
    """Tries again while the service is down, frozen or out of space."""
    end = time.monotonic() + patience
    while True:
        try:
            return act()
        except urllib.error.HTTPError as error:
            if error.code not in (429, 503, 507) or time.monotonic() > end:
                failures.append(f"{error.code}: {error.read().decode()}")
                raise SystemExit(failures[-1])
            refusals[error.code] += 1
        except OSError:
            if time.monotonic() > end:
                raise
        time.sleep(0.1)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--service", required=True)
    options.add_argument("--models", default="models")
    options.add_argument("--jobs", type=int, default=1000)
    options.add_argument("--requests", type=int, default=20)
    options.add_argument("--disturbances", type=int, default=200)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--keep", action="store_true", help="keep the folder of data and logs")
    o = options.parse_args()
    program, models = os.path.abspath(o.service), os.path.abspath(o.models)
    rng = random.Random(o.seed)
    work = tempfile.mkdtemp(prefix="inverse-chaos-")
    data = os.path.join(work, "data")
    os.mkdir(data)
    # A job takes about 100 kB, its share of the database included.
    size = f"size={max(64, o.jobs // 5)}m,mode=0700"
    tmpfs = os.geteuid() == 0 and subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", data], stderr=subprocess.DEVNULL).returncode == 0
    log = open(os.path.join(work, "service.log"), "w")
    service = Service(program, data, models, log, **DISTURBED)
    code = 1
    try:
        code = run(o, rng, service, work, data, tmpfs, program, models, log)
    finally:
        if service.process and service.process.poll() is None:
            service.process.send_signal(signal.SIGCONT)
            service.kill()
        if tmpfs:
            subprocess.run(["umount", "-l", data])
        if not o.keep and code == 0:
            shutil.rmtree(work, ignore_errors=True)
        else:
            print(f"The folder is {work}.")
    return code


def run(o, rng, service, work, data, tmpfs, program, models, log):
    # The undisturbed twins, one a request, on a service of their own.
    calm = Service(program, tempfile.mkdtemp(dir=work), models, log)
    calm.start()
    twins, times = [], []
    for index in range(o.requests):
        begin = time.monotonic()
        job = json.loads(patiently(lambda: calm.call("POST", "/v1/jobs", request(index), {"Prefer": "wait=60"}, timeout=90)))
        times.append(time.monotonic() - begin)
        assert job["state"] == "succeeded", job
        twins.append(hashlib.sha256(calm.call("GET", f"/v1/jobs/{job['id']}/artefacts/result.npy")).hexdigest())
    calm.kill()
    assert len(set(twins)) == o.requests
    print(f"{o.requests} requests, undisturbed {min(times):.2f} to {max(times):.2f} s each")

    # All jobs are submitted while the service is disturbed, each under a key of its own and again until there is an answer.
    begun = time.monotonic()
    service.start()
    ids = {}

    def submit():
        for n in range(o.jobs):
            job = json.loads(patiently(lambda: service.call("POST", "/v1/jobs", request(n % o.requests), {"Idempotency-Key": f"chaos-{n}"}, timeout=10)))
            ids[n] = job["id"]

    submitting = threading.Thread(target=submit, daemon=True)
    submitting.start()
    done = collections.Counter()
    fill_at = o.disturbances // 2 if tmpfs else -1
    # As many jobs are let finish between two disturbances as there are jobs for each.
    for n in range(o.disturbances):
        floor = (n + 1) * o.jobs / (o.disturbances + 1)
        patiently(lambda: wait_for(service, floor, lambda: len(ids)))
        if n == fill_at:
            done["disk filled"] += 1
            with open(os.path.join(data, "filler"), "wb", buffering=0) as filler:
                try:
                    while True:
                        filler.write(bytes(1 << 16))
                except OSError:
                    pass
            time.sleep(3)
            health = status(service)
            done[f"health on the full disk: {health}"] += 1
            os.remove(os.path.join(data, "filler"))
        # Half of the disturbances come at any time, half of them between two checkpoints of a job.
        if n % 2:
            wait_for_checkpoint(service, data)
        time.sleep(rng.random() * (INTERVAL if n % 2 else 0.4))
        running = patiently(lambda: service.jobs("running"))
        done["disturbances while a job has a checkpoint of this run"] += has_checkpoint(service, data)
        if n % 10 not in (3, 6, 9):
            service.kill()
            done["kills"] += 1
            done["kills of a running job"] += bool(running)
            service.start()
        else:
            frozen = LEASE + 1.5 if n % 10 == 3 else rng.random()
            service.process.send_signal(signal.SIGSTOP)
            time.sleep(frozen)
            service.process.send_signal(signal.SIGCONT)
            done["freezes beyond the lease" if frozen > LEASE else "freezes"] += 1
    submitting.join(timeout=300)
    while True:
        jobs = patiently(service.jobs)
        if len(ids) == o.jobs and all(job["state"] in ("succeeded", "failed", "cancelled") for job in jobs):
            break
        time.sleep(0.5)

    by_id = {job["id"]: job for job in jobs}
    lost = [n for n in range(o.jobs) if ids[n] not in by_id or by_id[ids[n]]["state"] != "succeeded"]
    doubled = len(jobs) - o.jobs + o.jobs - len(set(ids.values()))
    different, resumed, restarted = [], 0, 0
    for n in range(o.jobs):
        if n in lost:
            continue
        path = f"/v1/jobs/{ids[n]}/artefacts/"
        if hashlib.sha256(patiently(lambda: service.call("GET", path + "result.npy"))).hexdigest() != twins[n % o.requests]:
            different.append(n)
        resumed += bool(json.loads(patiently(lambda: service.call("GET", path + "report.json")))["resumptions"])
        restarted += by_id[ids[n]]["attempts"] > 1
        epochs = [name for name in os.listdir(os.path.join(data, "artefacts", ids[n])) if name.isdigit()]
        doubled += len(epochs) != 1
    for name, count in sorted(done.items()):
        print(f"{name}: {count}")
    print(f"answers that asked to come again: {dict(refusals)}")
    print(f"jobs started more than once: {restarted}; resumed from a checkpoint: {resumed}; starts of the service: {service.starts}")
    print(f"{o.jobs} jobs, {o.disturbances} disturbances, {time.monotonic() - begun:.0f} s: {len(lost)} lost, {doubled} doubled, {len(different)} different")
    for n in lost[:5]:
        print(json.dumps(by_id.get(ids[n]))[:2000])
    return 1 if lost or doubled or different else 0


def wait_for(service, floor, accepted):
    """Waits until so many jobs are final; fails after a minute without."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        figures = service.figures()
        if accepted() - figures["queued"] - figures["running"] >= floor:
            return
        time.sleep(0.1)
    raise SystemExit(f"There was no progress for a minute. {failures}")


def has_checkpoint(service, data):
    """True where the service saved a checkpoint of a job that has not ended, since it was started."""
    for path in glob.iglob(os.path.join(data, "artefacts", "*", "checkpoint", "*.state")):
        try:
            if os.stat(path).st_mtime >= service.started:
                return True
        except FileNotFoundError:
            pass
    return False


def wait_for_checkpoint(service, data):
    end = time.monotonic() + 20
    while time.monotonic() < end and not has_checkpoint(service, data):
        time.sleep(0.005)


def status(service):
    try:
        service.call("GET", "/health/ready")
        return 200
    except urllib.error.HTTPError as error:
        return f"{error.code}, disk {json.loads(error.read())['checks']['disk']}"


refusals = collections.Counter()
failures = []
if __name__ == "__main__":
    sys.exit(main())
