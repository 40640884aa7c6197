#!/usr/bin/env python3
"""The Python client against a real service, whose address is INVERSESOLVER_URL and whose key INVERSESOLVER_KEY, and against servers that lose answers.

    INVERSESOLVER_URL=http://localhost:8080 python3 -m unittest discover -s tests/clients
"""
import contextlib
import hashlib
import http.server
import io
import json
import math
import os
import pickle
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import unittest.mock
import urllib.parse
import warnings
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "src/clients/python"))
from inversesolver import ApiError, ChecksumError, Client, JobCancelled, JobFailed, ServiceWarning  # noqa: E402

URL, KEY = os.environ["INVERSESOLVER_URL"], os.environ.get("INVERSESOLVER_KEY")
PICTURE = ROOT / "docs/images/slice.png"
MODEL = "brain-mri-128"
BOX = {"type": "inpainting", "mask": {"type": "box", "height": 8, "width": 8}}
PLAIN = {"type": "denoising"}
NO_NETWORK = {"type": "adjoint", "preset": "fast"}
IMAGE = np.random.default_rng(1).random((1, 32, 32))


def solver(steps):
    return {"type": "reSample", "preset": "fast", "parameters": {"steps": steps}}


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


class Scripted:
    """A server that gives prepared answers: (status, headers, body); a status of 0 closes the connection instead, "Close" in the headers after it."""

    def __init__(self, *answers, tls=None):
        self.requests, self.times, left = [], [], list(answers)
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                outer.requests.append((f"{self.command} {self.path}", self.headers, body))
                outer.times.append(time.monotonic())
                status, headers, data = left.pop(0)
                self.close_connection = status == 0 or "Close" in headers
                if status:
                    data = data if isinstance(data, bytes) else json.dumps(data).encode()
                    self.send_response(status)
                    for name, value in {"Content-Type": "application/json", "Content-Length": len(data), **headers}.items():
                        if name != "Close":
                            self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(data)

            do_GET = do_POST = do_DELETE = answer

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.handle_error = lambda *_: None
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self._server.server_port}/under/a/prefix/"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


class Cutter:
    """Passes connections on to the service, and cuts those that ask for events after some bytes."""

    def __init__(self, most):
        self.cuts, self._most, self._is_over, target = 0, most, False, urllib.parse.urlsplit(URL)
        self._target, self._listener = (target.hostname, target.port), socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def close(self):
        self._is_over = True
        socket.create_connection(self._listener.getsockname()).close()
        self._thread.join()
        self._listener.close()

    def _accept(self):
        while True:
            near, _ = self._listener.accept()
            if self._is_over:
                near.close()
                return
            far = socket.create_connection(self._target)
            asked = bytearray()
            threading.Thread(target=self._pass, args=(near, far, asked, None), daemon=True).start()
            threading.Thread(target=self._pass, args=(far, near, None, asked), daemon=True).start()

    def _pass(self, source, sink, asked, of):
        passed = 0
        try:
            while data := source.recv(500):
                if asked is not None:
                    asked += data
                if of is not None and b"/events" in of and passed + len(data) > self._most:
                    self.cuts += 1
                    break
                sink.sendall(data)
                passed += len(data)
        except OSError:
            pass
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        source.close()


class ServiceTests(unittest.TestCase):
    def setUp(self):
        self.client = Client(URL, KEY)
        self.addCleanup(self.client.close)

    def small(self, measurement=IMAGE, problem=None, **options):
        return self.client.submit(MODEL, problem or PLAIN, measurement, 0.01, NO_NETWORK, **options)

    def refused(self, status, code, field, call, *arguments, **named):
        with self.assertRaises(ApiError) as caught:
            call(*arguments, **named)
        error = caught.exception
        self.assertEqual((status, code, field), (error.status, error.code, error.field), error)
        self.assertRegex(error.trace_id, "^[0-9a-f]{32}$")
        self.assertIn(error.detail, str(error))
        return error

    def test_a_job_is_followed_from_the_queue_to_its_image(self):
        truth = self.client.simulate(PLAIN, PICTURE, 0)
        measurement = self.client.simulate(BOX, PICTURE, 0.01, seed=1)
        blocker = self.client.submit(MODEL, BOX, PICTURE, 0.01, solver(1000))
        job = self.client.submit(MODEL, BOX, measurement, 0.01, solver(6), {"truth": PICTURE}, seed=1, name="Ä b")
        self.assertEqual(("queued", None), (job.state, job.progress))
        seen = []

        def show(now):
            seen.append(now)
            if now.state == "queued":
                # The client can be used while it waits.
                self.client.cancel(blocker)

        done = self.client.wait(job.id, timeout=60, progress=show)
        self.assertEqual(("queued", None), (seen[0].state, seen[0].progress))
        self.assertEqual("Ä b", done.request["name"])
        steps = [now.progress.step for now in seen if now.progress]
        self.assertGreater(len(steps), 3)
        self.assertEqual(sorted(steps), steps)
        self.assertEqual((done, "succeeded", steps[-1]), (seen[-1], done.state, done.progress.of))
        self.assertTrue(job.created <= done.started <= done.finished < done.expires)
        self.assertIsNotNone(done.created.tzinfo)

        image = self.client.array(done)
        self.assertEqual(((1, 128, 128), np.float32), (image.shape, image.dtype))
        psnr = -10 * math.log10(np.mean((np.clip(image, 0, 1) - truth) ** 2))
        self.assertAlmostEqual(psnr, done.result["quality"]["psnrDb"], delta=0.01)
        self.assertGreater(psnr, 25)
        self.assertTrue(np.array_equal(self.client.array(done, "measurement.npy"), measurement))
        with tempfile.TemporaryDirectory() as folder:
            paths = self.client.save(done, Path(folder, "new"))
            listed = {artefact.name: artefact for artefact in self.client.artefacts(done.id)}
            self.assertEqual(set(listed), {path.name for path in paths})
            self.assertLess({"result.png", "result.npy", "measurement.png", "mask.png", "report.json"}, set(listed))
            for path in paths:
                data = path.read_bytes()
                self.assertEqual((listed[path.name].bytes, listed[path.name].sha256), (len(data), hashlib.sha256(data).hexdigest()))
                self.assertEqual(data, self.client.download(done, path.name))
        with self.assertRaisesRegex(LookupError, "'truth.npy'.*result.npy"):
            self.client.download(done, "truth.npy")

    def test_arrays_arrive_as_they_were(self):
        kspace = self.client.simulate({"type": "mri", "mask": {"type": "random", "acceleration": 2, "seed": 1}}, IMAGE, 0.01)
        self.assertEqual(np.complex64, kspace.dtype)
        pixels = (IMAGE * 255).astype(np.uint8)
        for sent, expected, problem in [
            (IMAGE, IMAGE.astype(np.float32), PLAIN),
            (np.asfortranarray(IMAGE[0].astype(">f8"))[::-1], IMAGE[:, ::-1].astype(np.float32), PLAIN),
            (pixels, (pixels / 255).astype(np.float32), PLAIN),
            (pixels.astype(">u2") * 257, (pixels / 255).astype(np.float32), PLAIN),
            (IMAGE > 0.5, (IMAGE > 0.5).astype(np.float32), PLAIN),
            (kspace.astype(np.complex128), kspace, {"type": "mri", "mask": {"type": "random", "acceleration": 2, "seed": 1}}),
        ]:
            with self.subTest(dtype=sent.dtype):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", ServiceWarning)
                    job = self.client.wait(self.small(sent, problem), timeout=60)
                got = self.client.array(job, "measurement.npy")
                self.assertEqual((expected.dtype, expected.shape), (got.dtype, got.shape))
                self.assertTrue(np.array_equal(expected, got))
        # An array of bytes is the picture that has these bytes.
        picture = self.client.simulate(PLAIN, PICTURE, 0)
        self.assertTrue(np.array_equal(picture, self.client.simulate(PLAIN, np.rint(picture * 255).astype(np.uint8), 0)))

    def test_what_would_be_lost_is_not_sent(self):
        before = next(self.client.jobs(limit=1), None)
        tiny, huge, broken = np.full((8, 8), 1e-60), np.full((8, 8), 1e60), np.full((8, 8), np.nan)
        for error, array in [
            (TypeError, np.ones((8, 8), np.int64)), (TypeError, np.ones((8, 8), np.int8)), (TypeError, np.ones((8, 8), np.uint32)),
            (TypeError, np.ma.masked_array(IMAGE, IMAGE > 0.5)), (TypeError, np.array([[None]])), (TypeError, [[1.0]]),
            (ValueError, tiny), (ValueError, tiny * 1j), (ValueError, huge), (ValueError, broken), (ValueError, b""), (FileNotFoundError, "no such file"),
        ]:
            with self.subTest(error=error, array=str(array)[:40]), self.assertRaises(error):
                self.small(array)
        for files in ({"mask": np.ones((32, 32), np.uint8)}, {"measurement": IMAGE}, {"mask\"\r\nX: y": IMAGE}):
            with self.assertRaises((TypeError, ValueError)):
                self.small(files=files)
        with self.assertRaises(ValueError):
            self.client.submit(MODEL, PLAIN, IMAGE, float("nan"))
        with self.assertRaises(TypeError):
            self.small(problem={"type": "inpainting", "mask": IMAGE})
        with self.assertRaises(ValueError):
            self.client.job("")
        self.assertEqual(before and before.id, (lambda job: job and job.id)(next(self.client.jobs(limit=1), None)))

    def test_pages_hold_every_job_once_and_newest_first(self):
        made = [self.small(IMAGE + i / 100).id for i in range(5)]
        for job in made:
            self.client.wait(job, timeout=60)
        small, large = list(self.client.jobs(limit=2)), list(self.client.jobs(limit=200))
        self.assertEqual([job.id for job in large], [job.id for job in small])
        self.assertEqual(made[::-1], [job.id for job in small[:5]])
        self.assertEqual((None, None), (small[0].request, small[0].result))
        done = list(self.client.jobs("succeeded", limit=3))
        self.assertLessEqual(set(made), {job.id for job in done})
        self.assertEqual({"succeeded"}, {job.state for job in done})
        self.assertLessEqual({job.state for job in self.client.jobs("failed")}, {"failed"})
        newest = next(self.client.jobs(limit=1))
        since = [job.id for job in self.client.jobs(model=MODEL, created_from=newest.created)]
        self.assertEqual((newest.id, True), (since[0], len(since) < len(large)))
        self.assertEqual([], list(self.client.jobs(problem="jpeg", created_to=datetime(2020, 1, 1, tzinfo=timezone.utc))))
        with self.assertRaises(ValueError):
            list(self.client.jobs(created_from=datetime(2020, 1, 1)))
        self.refused(400, "invalidValue", "state", lambda: list(self.client.jobs("done")))
        self.refused(400, "outOfRange", "limit", lambda: list(self.client.jobs(limit=0)))

    def test_events_go_on_where_the_connection_was_cut(self):
        def moment(event):
            return event.id, event.type, event.job.state, event.job.progress

        cutter = Cutter(5000)
        self.addCleanup(cutter.close)
        job = self.client.submit(MODEL, BOX, IMAGE, 0.01, solver(12), previews=False)
        with Client(cutter.url, KEY) as cut:
            seen = list(cut.events(job, after=0))
        self.assertGreater(cutter.cuts, 2)
        self.assertEqual(list(range(1, len(seen) + 1)), [event.id for event in seen])
        self.assertGreater(len(seen), 10)
        self.assertEqual({"progress"}, {event.type for event in seen[:-1]})
        self.assertEqual(("finished", "succeeded"), (seen[-1].type, seen[-1].job.state))
        # From the middle the same again, after the last one nothing, without a number the current state.
        self.assertEqual([moment(event) for event in seen[4:]], [moment(event) for event in self.client.events(job.id, after=4)])
        self.assertEqual([], list(self.client.events(job, after=seen[-1].id)))
        self.assertEqual(seen[-1:], list(self.client.events(job)))
        stream = self.client.events(job, after=0)
        self.assertEqual(1, next(stream).id)
        stream.close()

    def test_a_preview_is_a_picture(self):
        job = self.client.submit(MODEL, BOX, IMAGE, 0.01, solver(1000))
        preview = next(event.preview for event in self.client.events(job) if event.preview)
        self.client.cancel(job)
        self.assertEqual(b"\x89PNG\r\n\x1a\n", preview[:8])
        self.assertTrue(preview.endswith(b"IEND\xaeB`\x82"))

    def test_an_error_names_field_code_and_trace(self):
        wrong = {"type": "inpainting", "mask": {"type": "random", "fraction": 7}}
        error = self.refused(422, "invalidInput", "problem.mask.fraction", self.small, problem=wrong)
        self.assertEqual((1, error.args), (error.attempts, pickle.loads(pickle.dumps(error)).args))
        self.refused(400, "unknownMember", "sead", self.small, sead=1)
        self.refused(400, "unknownPart", "psfs", self.small, files={"psfs": IMAGE})
        self.refused(422, "unknownModel", "model", self.client.submit, "none", PLAIN, IMAGE)
        self.refused(422, "invalidFile", "files.measurement", self.small, b"no image")
        self.refused(422, "invalidFile", "files.measurement", self.client.estimate, MODEL, PLAIN, b"no image")
        self.refused(404, "notFound", None, self.client.job, "../models")
        self.refused(404, "notFound", None, self.client.wait, "00000000-0000-7000-8000-000000000000")
        self.refused(400, "outOfRange", "days", self.client.retain, self.small(), 0)
        with Client(URL, key="wrong") as stranger:
            self.refused(401, "unknownKey", "X-API-Key", stranger.submit, MODEL, PLAIN, IMAGE)

    def test_a_body_that_is_refused_before_its_end_is_explained(self):
        self.refused(413, "tooLarge", "files.measurement", self.small, bytes(66 << 20))
        self.refused(413, "tooLarge", None, self.small, bytes(170 << 20))

    def test_a_key_makes_a_repeated_submission_safe(self):
        key = os.urandom(8).hex()
        first = self.small(idempotency_key=key)
        self.assertEqual(first.id, self.small(idempotency_key=key).id)
        error = self.refused(422, "unknownModel", "model", self.client.submit, "none", BOX, IMAGE, 0.01, {"type": "none"})
        self.assertEqual(["model", "solver.type"], [fault["field"] for fault in error.errors])
        self.refused(422, "idempotencyConflict", "Idempotency-Key", self.small, IMAGE / 2, idempotency_key=key)
        self.assertNotEqual(first.id, self.small().id)

    def test_jobs_are_cancelled_kept_and_deleted(self):
        job = self.client.submit(MODEL, BOX, PICTURE, 0.01, solver(1000))
        with self.assertRaises(TimeoutError):
            self.client.wait(job, timeout=0.5)
        self.refused(409, "notFinal", None, self.client.delete, job)
        self.client.cancel(job)
        seen = []
        with self.assertRaises(JobCancelled) as caught:
            self.client.wait(job, timeout=30, progress=seen.append)
        self.assertEqual(("cancelled", seen[-1]), (seen[-1].state, caught.exception.job))
        self.assertIn(f"{job.id} was cancelled", str(caught.exception))
        self.refused(409, "alreadyFinal", None, self.client.cancel, job)
        self.assertEqual([], self.client.artefacts(job))
        kept = self.client.retain(job, 400)
        self.assertAlmostEqual(400, (kept.expires - kept.finished).total_seconds() / 86400, delta=0.1)
        self.client.delete(job)
        self.refused(404, "notFound", None, self.client.job, job)
        self.refused(404, "notFound", None, self.client.delete, job)

    def test_an_estimate_stores_nothing(self):
        before = [job.id for job in self.client.jobs()]
        estimate = self.client.estimate(MODEL, BOX, PICTURE, np.float32(0.01), solver(np.int64(4)), seed=1)
        self.assertTrue(0 < estimate["secondsLow"] <= estimate["seconds"] <= estimate["secondsHigh"] < 60, estimate)
        self.assertGreater(estimate["memoryBytes"], 1 << 20)
        self.assertEqual(before, [job.id for job in self.client.jobs()])

    def test_simulated_noise_follows_sigma_and_seed_and_warnings_are_shown(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            first, same, other = (self.client.simulate(PLAIN, IMAGE, 0.1, seed=seed) for seed in (1, 1, 2))
        self.assertTrue(np.array_equal(first, same))
        self.assertFalse(np.array_equal(first, other))
        self.assertAlmostEqual(0.1, np.std(first - IMAGE), delta=0.01)
        with self.assertWarnsRegex(ServiceWarning, r"\[0,1\]"):
            self.client.simulate(PLAIN, 3 * IMAGE, 0.1)
        with self.assertWarnsRegex(ServiceWarning, r"\[0,1\]"):
            self.client.wait(self.small(3 * IMAGE), timeout=60)

    def test_models_problems_solvers_and_health_are_listed(self):
        self.assertEqual((MODEL, 1), (self.client.models()[0]["id"], self.client.models()[0]["channels"]))
        problems = {kind["type"]: kind for kind in self.client.problems()}
        solvers = {kind["type"]: kind for kind in self.client.solvers()}
        self.assertLess({"inpainting", "mri", "parallelMri", "ct"}, set(problems))
        self.assertIn(problems["inpainting"]["recommended"]["best"], solvers)
        self.assertIn("fast", solvers["reSample"]["presets"])
        health = self.client.health()
        self.assertEqual(("ready", "ok"), (health["status"], health["checks"]["store"]))

    def test_threads_may_share_a_client(self):
        jobs = [self.small(IMAGE / i) for i in (1, 2, 3)]
        with ThreadPoolExecutor(8) as pool:
            self.assertEqual([job.id for job in jobs] * 20, [got.id for got in pool.map(self.client.job, jobs * 20)])


JOB = {
    "id": "7", "state": "running", "cancelRequested": False, "created": "2026-11-30T21:41:19.95+00:00", "started": "2026-11-30T21:41:20+00:00",
    "finished": None, "expires": None, "attempts": 1, "request": None, "result": None, "error": None, "warnings": [], "webhook": None, "new": 1,
    "progress": {"stage": "pixel", "step": 1, "of": 2, "residual": "Infinity", "elapsedSeconds": 1, "etaSeconds": None, "frames": None, "new": 1},
}
DONE = {**JOB, "state": "succeeded", "finished": "2026-11-30T21:41:21.1234567Z"}
PROBLEM = {"type": "urn:x", "title": "x", "status": 503, "code": "busy", "detail": "Too many.", "field": None, "traceId": "t"}
BUSY = (503, {"Retry-After": "1", "Content-Type": "application/problem+json"}, PROBLEM)
DROP = (0, {}, b"")


def event(number, job, kind="progress"):
    return f": heartbeat\n\nid: {number}\nevent: {kind}\ndata: {json.dumps({'job': job, 'preview': None})}\n\n"


class LossTests(unittest.TestCase):
    def scripted(self, *answers, **named):
        server = Scripted(*answers)
        self.addCleanup(server.close)
        client = Client(server.url, **named)
        self.addCleanup(client.close)
        return server, client

    def asked(self, server):
        return [what.replace("/under/a/prefix/v1", "") for what, _, _ in server.requests]

    def test_a_busy_service_is_asked_again_after_the_time_that_it_states(self):
        server, client = self.scripted(BUSY, (202, {}, JOB), key="secret")
        with self.assertLogs("inversesolver", "WARNING") as logged:
            job = client.submit("m", PLAIN, IMAGE)
        self.assertEqual(["POST /jobs", "POST /jobs"], self.asked(server))
        self.assertGreaterEqual(server.times[1] - server.times[0], 1)
        self.assertEqual(1, len(logged.output))
        self.assertNotIn("secret", logged.output[0])
        (_, first, body), (_, second, again) = server.requests
        self.assertEqual((first["Idempotency-Key"], first["X-API-Key"], body), (second["Idempotency-Key"], "secret", again))
        self.assertGreaterEqual(len(first["Idempotency-Key"]), 32)
        self.assertEqual((math.inf, 950000, 1), (job.progress.residual, job.created.microsecond, job.attempts))
        self.assertEqual("pixel 1/2", str(job.progress))

    def test_a_lost_answer_is_asked_for_again_with_the_same_key(self):
        server, client = self.scripted(DROP, (502, {}, b"<html>"), (202, {}, JOB))
        with self.assertLogs("inversesolver", "WARNING") as logged:
            client.submit("m", PLAIN, IMAGE)
        self.assertEqual(2, len(logged.output))
        self.assertEqual(1, len({(headers["Idempotency-Key"], body) for _, headers, body in server.requests}))
        self.assertIsNone(server.requests[0][1]["X-API-Key"])

    def test_a_connection_that_was_closed_while_idle_is_replaced_at_once(self):
        server, client = self.scripted((200, {"Close": ""}, JOB), (200, {}, JOB), retries=0)
        client.job("7")
        time.sleep(0.1)
        client.job("7")
        self.assertEqual(2, len(server.requests))

    def test_connections_are_kept(self):
        with Client(URL, KEY) as client:
            client.health()
            kept = client._http._idle[0]
            client.models()
            self.assertIs(kept, client._http._idle[0])
            self.assertIsNotNone(kept.sock)
        self.assertIsNone(kept.sock)

    def test_retries_are_bounded_in_number_and_time(self):
        quick = (503, {"Retry-After": "0"}, PROBLEM)
        server, client = self.scripted(*[quick] * 9, retries=3)
        with self.assertLogs("inversesolver"), self.assertRaises(ApiError) as caught:
            client.models()
        self.assertEqual((4, 4, "busy", 503), (len(server.requests), caught.exception.attempts, caught.exception.code, caught.exception.status))
        server, client = self.scripted((429, {"Retry-After": "3600"}, {**PROBLEM, "code": "quotaBytes"}))
        with self.assertRaises(ApiError) as caught:
            client.submit("m", PLAIN, IMAGE)
        self.assertEqual((1, "quotaBytes"), (len(server.requests), caught.exception.code))
        server, client = self.scripted(DROP, DROP, retries=1)
        with self.assertLogs("inversesolver"), self.assertRaisesRegex(ConnectionError, "no answer to 2 requests"):
            client.models()

    def test_a_silent_server_ends_a_wait_in_time(self):
        with socket.create_server(("127.0.0.1", 0)) as listener, Client(f"http://127.0.0.1:{listener.getsockname()[1]}") as client:
            began = time.monotonic()
            with self.assertLogs("inversesolver"), self.assertRaises(TimeoutError):
                client.wait("7", timeout=0.5)
            self.assertLess(time.monotonic() - began, 1.5)

    def test_an_action_whose_answer_was_lost_is_not_taken_for_refused(self):
        server, client = self.scripted(DROP, (404, {}, {**PROBLEM, "code": "notFound"}), (404, {}, {**PROBLEM, "code": "notFound"}))
        with self.assertLogs("inversesolver"):
            client.delete("7")
        with self.assertRaises(ApiError):
            client.delete("7")
        conflict = (409, {}, {**PROBLEM, "code": "alreadyFinal"})
        cancelled = (200, {}, {**JOB, "state": "cancelled"})
        server, client = self.scripted(DROP, conflict, cancelled, DROP, conflict, (200, {}, DONE), conflict)
        with self.assertLogs("inversesolver"):
            self.assertEqual("cancelled", client.cancel("7").state)
            with self.assertRaises(ApiError):
                client.cancel("7")
        with self.assertRaises(ApiError):
            client.cancel("7")
        self.assertEqual(7, len(server.requests))

    def test_a_wait_polls_where_events_do_not_come_through(self):
        empty, running, done = (200, {"Content-Type": "text/event-stream"}, b""), (200, {"Retry-After": "1"}, JOB), (200, {}, DONE)
        for events, polls in [([empty, empty], [running, done]), ([(200, {"Content-Type": "text/html"}, b"<html>")], [done]), ([(403, {}, b"no")], [done])]:
            server, client = self.scripted(*events, *polls)
            seen = []
            with self.assertLogs("inversesolver", "WARNING"):
                job = client.wait("7", progress=seen.append)
            self.assertEqual(["GET /jobs/7/events"] * len(events) + ["GET /jobs/7"] * len(polls), self.asked(server))
            self.assertGreaterEqual(server.times[-1] - server.times[-2], len(polls) - 1)
            self.assertEqual((["running", "succeeded"][-len(polls):], 123456), ([now.state for now in seen], job.finished.microsecond))

    def test_an_event_that_was_cut_off_is_asked_for_again(self):
        stream = {"Content-Type": "text/event-stream"}
        cut = event(1, JOB) + event(2, JOB).rstrip("\n")
        error = {"code": "timeLimit", "field": "f", "detail": "Too long.", "traceId": "t"}
        failed = {**JOB, "state": "failed", "error": error, "progress": None}
        server, client = self.scripted((200, stream, cut.encode()), (200, stream, (event(2, JOB) + event(3, failed, "finished")).encode()))
        seen = []
        with self.assertRaises(JobFailed) as caught:
            client.wait("7", progress=seen.append)
        failure = caught.exception
        self.assertEqual(("timeLimit", "Too long.", "f", "t"), (failure.code, failure.detail, failure.field, failure.trace_id))
        self.assertIn("timeLimit (f): Too long.", str(failure))
        self.assertEqual([None, "1"], [headers["Last-Event-ID"] for _, headers, _ in server.requests])
        self.assertEqual(["running", "failed"], [now.state for now in seen])

    def test_an_error_of_the_caller_ends_a_wait(self):
        server, client = self.scripted((200, {"Content-Type": "text/event-stream"}, event(1, JOB).encode()))

        def broken(_):
            raise BrokenPipeError("the caller's own")

        with self.assertRaisesRegex(BrokenPipeError, "own"):
            client.wait("7", progress=broken)
        self.assertEqual(1, len(server.requests))

    def test_a_file_that_is_not_the_listed_one_is_refused(self):
        objects = npy(np.array([[1]], object))
        for name, data, listed, error in [
            ("result.npy", b"x", hashlib.sha256(b"y").hexdigest(), ChecksumError), ("result.npy", objects, hashlib.sha256(objects).hexdigest(), ValueError),
        ]:
            files = {"items": [{"name": name, "contentType": "x", "bytes": 1, "sha256": listed}]}
            _, client = self.scripted((200, {}, files), (200, {}, data))
            with self.assertRaises(error):
                client.array("7")

    def test_a_certificate_is_checked_at_once(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        key, certificate = f"{folder.name}/key.pem", f"{folder.name}/certificate.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", certificate,
             "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
        server = Scripted((200, {}, JOB), tls=(certificate, key))
        self.addCleanup(server.close)
        with Client(server.url) as stranger, self.assertRaises(ssl.SSLCertVerificationError):
            stranger.job("7")
        self.assertEqual([], server.requests)
        with unittest.mock.patch.dict(os.environ, {"SSL_CERT_FILE": certificate}), Client(server.url) as client:
            self.assertEqual("7", client.job("7").id)

    def test_names_of_files_stay_in_the_folder(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in ("../x", "/x", "..", "a\\b", "", "a/b"):
                _, client = self.scripted((200, {}, {"items": [{"name": name, "contentType": "x", "bytes": 1, "sha256": "0"}]}))
                with self.assertRaises(ValueError):
                    client.save("7", Path(folder, "in"))
            self.assertEqual([], os.listdir(folder))

    def test_an_answer_of_another_server_is_no_answer(self):
        for answer, words in [
            ((200, {}, b"<html>log in"), "log in"), ((301, {"Location": "https://elsewhere/"}, b""), "https://elsewhere/"), ((404, {}, b"none"), "none"),
        ]:
            _, client = self.scripted(answer)
            with self.assertRaises(ApiError) as caught:
                client.models()
            self.assertEqual("unexpectedAnswer", caught.exception.code)
            self.assertIn(words, str(caught.exception))
        for url in ("localhost:8080", "ftp://host", "http://", "http://user:word@host", "http://host/?x=1"):
            with self.assertRaises(ValueError):
                Client(url)

    def test_what_is_not_ready_or_broken_is_said(self):
        report = {"status": "notReady", "checks": {"disk": "failed"}, "figures": {}}
        server, client = self.scripted((503, {}, report), (200, {}, {"items": [], "broken": [{"name": "m", "reason": "no card"}], "devices": []}))
        self.assertEqual(report, client.health())
        with self.assertWarnsRegex(ServiceWarning, "'m'.*no card"):
            self.assertEqual([], client.models())


if __name__ == "__main__":
    unittest.main()
