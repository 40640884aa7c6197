"""The client: a method for each thing that the service does."""
from __future__ import annotations

import base64
import contextlib
import hashlib
import http.client
import io
import json
import os
import re
import time
import uuid
import warnings
from datetime import datetime
from pathlib import Path
from typing import Any, Callable, Dict, Generator, Iterator, List, Mapping, Optional, Tuple, Union
from urllib.parse import quote, urlencode

import numpy as np

from .records import ApiError, Artefact, ChecksumError, Event, Job, JobCancelled, JobFailed, JsonObject, ServiceWarning, parse
from .transport import FOREVER, Transport, log

File = Union[str, "os.PathLike[str]", bytes, np.ndarray]
JobOrId = Union[Job, str]
_PICTURES = ("measurement", "truth", "image")


class Client:
    """A client of the service at `url`, which may have a path before `/v1`. `key` is sent as X-API-Key.

    `timeout` is the time in seconds that a connection may be silent. Requests are repeated, `retries` times at most, where the connection is lost and where
    the service is busy or short of disk; each pause is 60 s at most, and is logged as a warning. Submissions carry a key that makes this safe.
    Files are paths, bytes, or arrays, which are sent as .npy in single precision: bool and floating point as float32, complex as complex64, images of
    uint8 and uint16 divided by 255 and 65535; other integers are refused. The rounding of an 8-bit image is noise that only the file itself tells.
    Errors: ApiError for what the service refuses, ConnectionError where it cannot be reached. Threads may share a client.
    """

    def __init__(self, url: str, key: Optional[str] = None, timeout: float = 60.0, retries: int = 6) -> None:
        self._http = Transport(url, key, timeout, retries)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections that are kept alive."""
        self._http.close()

    def submit(
            self, model: str, problem: Mapping[str, Any], measurement: File, sigma: Optional[float] = None,
            solver: Optional[Mapping[str, Any]] = None, files: Optional[Mapping[str, File]] = None, idempotency_key: Optional[str] = None,
            **options: Any) -> Job:
        """Queues a reconstruction. `options` are further members of the request by the service's names: seed=1, baselines=["leastSquares"].

        `files` are those beside the measurement by name: truth, mask, reference. A sigma of None is estimated from the measurement. The same idempotency
        key with the same content gives the same job; None makes a new key.
        """
        body, headers = _form({"model": model, "problem": problem, "sigma": sigma, "solver": solver, **options}, "measurement", measurement, files)
        return Job.parse(self._http.send("POST", "/v1/jobs", body, {**headers, "Idempotency-Key": idempotency_key or str(uuid.uuid4())}).json())

    def estimate(
            self, model: str, problem: Mapping[str, Any], measurement: File, sigma: Optional[float] = None,
            solver: Optional[Mapping[str, Any]] = None, files: Optional[Mapping[str, File]] = None, **options: Any) -> JsonObject:
        """Time and memory that a job would take, as the service's JobEstimate: seconds, secondsLow, secondsHigh, memoryBytes, wait. Stores nothing."""
        body, headers = _form({"model": model, "problem": problem, "sigma": sigma, "solver": solver, **options}, "measurement", measurement, files)
        return self._http.send("POST", "/v1/jobs/estimate", body, headers).json()

    def simulate(
            self, problem: Mapping[str, Any], image: File, sigma: float, seed: int = 0, files: Optional[Mapping[str, File]] = None,
            **options: Any) -> np.ndarray:
        """A measurement of a clean image with noise of `sigma`: float32, or complex64 for k-space. Warnings of the service are ServiceWarning."""
        body, headers = _form({"problem": problem, "sigma": sigma, "seed": seed, **options}, "image", image, files)
        answer = self._http.send("POST", "/v1/measurements/simulate", body, {**headers, "Accept": "application/octet-stream"})
        if "Measurement-Warnings" in answer.headers:
            warnings.warn(answer.headers["Measurement-Warnings"], ServiceWarning, stacklevel=2)
        return _read(answer.body)

    def wait(self, job: JobOrId, timeout: Optional[float] = None, progress: Optional[Callable[[Job], object]] = None) -> Job:
        """Waits until a job has succeeded. Its warnings are ServiceWarning.

        Follows its events, and polls where these do not come through. `progress` is called with the job at each change; its `progress` is None until it
        runs. Raises JobFailed, JobCancelled, and TimeoutError after `timeout` seconds, which leaves the job as it is.
        """
        previous: Optional[Job] = None
        with contextlib.closing(self._changes(job, FOREVER if timeout is None else time.monotonic() + timeout)) as changes:
            while True:
                now = next(changes)
                if progress is not None and now != previous:
                    progress(now)
                previous = now
                if now.state == "failed":
                    raise JobFailed(now)
                if now.state == "cancelled":
                    raise JobCancelled(now)
                if now.state == "succeeded":
                    for sentence in now.warnings:
                        warnings.warn(sentence, ServiceWarning, stacklevel=2)
                    return now

    def events(self, job: JobOrId, after: Optional[int] = None) -> Iterator[Event]:
        """The job's changes until it is final, over lost connections and restarts of the service. `after` is the number of the last event that was seen; 0
        gives all that are stored, None begins with the current state. Raises ConnectionError where no events come through."""
        return self._events(job, after, FOREVER)

    def _changes(self, job: JobOrId, deadline: float) -> Generator[Job, None, None]:
        try:
            for event in self._events(job, None, deadline):
                yield event.job
        except (ConnectionError, ApiError) as error:
            if isinstance(error, ApiError) and error.code != "unexpectedAnswer":
                raise
            log.warning("%s; polling", error)
        while True:
            answer = self._http.send("GET", _path(job), deadline=deadline)
            yield Job.parse(answer.json())
            self._http.rest(answer.retry_after() or 2.0, deadline)

    def _events(self, job: JobOrId, after: Optional[int], deadline: float) -> Generator[Event, None, None]:
        silent, is_final = 0, False
        while not is_final:
            if silent == 2:
                raise ConnectionError("The events of the job do not come through: two streams of them ended before one was whole.")
            headers = {"Accept": "text/event-stream", **({} if after is None else {"Last-Event-ID": str(after)})}
            answer = self._http.send("GET", _path(job, "events"), headers=headers, deadline=deadline)
            if answer.status == 204:
                return
            if answer.lines is None:
                raise answer.error()
            silent += 1
            try:
                with contextlib.closing(answer.lines) as lines:
                    fields: Dict[str, str] = {}
                    for line in lines:
                        name, _, value = line.decode().rstrip("\r\n").partition(":")
                        if name:
                            fields[name] = value.strip()
                        elif value:
                            # A heartbeat.
                            silent = 0
                        elif "data" in fields:
                            data = json.loads(fields["data"])
                            preview = data["preview"] and base64.b64decode(data["preview"].partition(",")[2])
                            event = Event(int(fields["id"]), fields["event"], Job.parse(data["job"]), preview)
                            silent, after, is_final, fields = 0, event.id, event.job.is_final, {}
                            yield event
            except (OSError, http.client.HTTPException) as error:
                log.info("The stream of events broke: %r", error)
            if not is_final:
                self._http.rest(0.25, deadline)

    def jobs(
        self, state: Optional[str] = None, limit: int = 100, model: Optional[str] = None, problem: Optional[str] = None,
        created_from: Optional[datetime] = None, created_to: Optional[datetime] = None,
    ) -> Iterator[Job]:
        """All jobs, or those in one state, of one model, of one kind of problem, accepted at `created_from` or later and before `created_to` (both with a
        time zone), newest first, without their requests and results; `limit` (1 to 200) of them are fetched at a time."""
        for moment in (created_from, created_to):
            if moment is not None and moment.tzinfo is None:
                raise ValueError(f"{moment} has no time zone: pass datetime.now(timezone.utc) or the like.")
        words = {"state": state, "model": model, "problem": problem, "createdFrom": created_from and created_from.isoformat("T", "milliseconds"),
                 "createdTo": created_to and created_to.isoformat("T", "milliseconds")}
        query: Dict[str, Any] = {"limit": limit, **{name: word for name, word in words.items() if word is not None}}
        while "cursor" not in query or query["cursor"] is not None:
            page = self._http.send("GET", "/v1/jobs?" + urlencode(query)).json()
            yield from (Job.parse(item) for item in page["items"])
            query["cursor"] = page["next"]

    def job(self, job: JobOrId) -> Job:
        """The job as it is now."""
        return Job.parse(self._http.send("GET", _path(job)).json())

    def cancel(self, job: JobOrId) -> Job:
        """Cancels a job: at once where it waits, at its next step where it runs. Raises ApiError (409) where it is final."""
        try:
            return Job.parse(self._http.send("POST", _path(job, "cancel")).json())
        except ApiError as error:
            # The answer to an earlier request may have been lost.
            if error.status != 409 or error.attempts == 1 or (now := self.job(job)).state != "cancelled":
                raise
            return now

    def delete(self, job: JobOrId) -> None:
        """Deletes a final job and its files. Raises ApiError (409) where it is not final."""
        try:
            self._http.send("DELETE", _path(job))
        except ApiError as error:
            if error.status != 404 or error.attempts == 1:
                raise

    def retain(self, job: JobOrId, days: int) -> Job:
        """Keeps a job for `days` (1 to 36500) from now, or from its end."""
        return Job.parse(self._http.send("POST", _path(job, "retain") + "?" + urlencode({"days": days})).json())

    def artefacts(self, job: JobOrId) -> List[Artefact]:
        """The files of a job; none before it has succeeded."""
        return [parse(Artefact, item) for item in self._http.send("GET", _path(job, "artefacts")).json()["items"]]

    def download(self, job: JobOrId, name: str) -> bytes:
        """One of the files of a job. Raises LookupError where there is none of this name, ChecksumError where its SHA-256 is not the listed one."""
        listed = {artefact.name: artefact for artefact in self.artefacts(job)}
        if name not in listed:
            raise LookupError(f"The job has no file '{name}'. Its files: {', '.join(listed) or 'none, as it has not succeeded'}.")
        return self._fetch(job, listed[name])

    def array(self, job: JobOrId, name: str = "result.npy") -> np.ndarray:
        """A .npy file of a job. `result.npy` is float32 (channels, height, width), of a stack with its frames first, on [0,1] and not clipped."""
        return _read(self.download(job, name))

    def save(self, job: JobOrId, folder: Union[str, "os.PathLike[str]"]) -> List[Path]:
        """Downloads all files of a job into a folder, which is made if it is missing. Files of the same names are replaced."""
        artefacts = self.artefacts(job)
        for artefact in artefacts:
            if not re.fullmatch(r"[\w-][\w.-]*", artefact.name):
                raise ValueError(f"'{artefact.name}' is no name of a file: nothing is saved.")
        os.makedirs(folder, exist_ok=True)
        for artefact in artefacts:
            Path(folder, artefact.name).write_bytes(self._fetch(job, artefact))
        return [Path(folder, artefact.name) for artefact in artefacts]

    def models(self) -> List[JsonObject]:
        """The models, as the service's Model. One that cannot be used is a ServiceWarning."""
        document = self._http.send("GET", "/v1/models").json()
        for broken in document["broken"]:
            warnings.warn(f"The model '{broken['name']}' cannot be used: {broken['reason']}", ServiceWarning, stacklevel=2)
        return document["items"]

    def problems(self) -> List[JsonObject]:
        """The kinds of problems, with the schema of their parameters, the recommended solver and an example."""
        return self._http.send("GET", "/v1/problems").json()["items"]

    def solvers(self) -> List[JsonObject]:
        """The solvers, with their presets and the schema of their parameters."""
        return self._http.send("GET", "/v1/solvers").json()["items"]

    def health(self) -> JsonObject:
        """The service's report on itself: `status` is ready or notReady, `checks` and `figures` say why."""
        return self._http.send("GET", "/health/ready", also=503).json()

    def _fetch(self, job: JobOrId, artefact: Artefact) -> bytes:
        data = self._http.send("GET", _path(job, "artefacts", artefact.name), headers={"Accept": "*/*"}).body
        if hashlib.sha256(data).hexdigest() != artefact.sha256:
            raise ChecksumError(f"'{artefact.name}' arrived with {len(data)} bytes that are not those which the service lists: download it again.")
        return data


def _path(job: JobOrId, *rest: str) -> str:
    id = job.id if isinstance(job, Job) else job
    if not id:
        raise ValueError("The id of the job is empty.")
    return "/v1/jobs/" + "/".join(quote(part, safe="") for part in (id, *rest))


def _form(request: Mapping[str, Any], main: str, first: File, others: Optional[Mapping[str, File]]) -> Tuple[bytes, Dict[str, str]]:
    """A request and its files as multipart/form-data. Names of local files are not sent."""
    if main in (others or {}):
        raise ValueError(f"The file '{main}' is given twice.")
    document = json.dumps({name: value for name, value in request.items() if value is not None}, allow_nan=False, default=_plain)
    parts = {"request": document.encode(), **{name: _bytes(name, file) for name, file in {main: first, **(others or {})}.items()}}
    boundary = uuid.uuid4().hex
    body = b"".join(
        f"--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{name}\"\r\n\r\n".encode() + data + b"\r\n"
        for name, data in parts.items())
    return body + f"--{boundary}--\r\n".encode(), {"Content-Type": f"multipart/form-data; boundary={boundary}"}


def _plain(value: object) -> object:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"A member of the request is a {type(value).__name__}, which JSON does not have; arrays are sent as files.")


def _bytes(name: str, file: File) -> bytes:
    if not name.isidentifier():
        raise ValueError(f"'{name}' is no name of a file of a request.")
    if isinstance(file, np.ndarray):
        return _npy(name, file)
    if isinstance(file, (bytes, bytearray, memoryview)):
        data = bytes(file)
    elif isinstance(file, (str, os.PathLike)):
        data = Path(file).read_bytes()
    else:
        raise TypeError(f"The file '{name}' is a {type(file).__name__}: give a path, bytes or a numpy array.")
    if not data:
        raise ValueError(f"The file '{name}' is empty.")
    return data


def _npy(name: str, array: np.ndarray) -> bytes:
    """An array in single precision as .npy. Raises TypeError or ValueError where that would lose more than digits."""
    kind = array.dtype.kind
    if isinstance(array, np.ma.MaskedArray):
        raise TypeError(f"'{name}' is a masked array, and .npy holds no mask: fill it, and send the mask as a file of its own.")
    if kind not in "bfc" and not (kind == "u" and array.dtype.itemsize <= 2 and name in _PICTURES):
        raise TypeError(f"'{name}' is an array of {array.dtype}: convert it to bool, floats or complex numbers. Only images may be uint8 or uint16.")
    with np.errstate(over="ignore", under="ignore"):
        single = (array / np.iinfo(array.dtype).max if kind == "u" else array).astype(np.complex64 if kind == "c" else np.float32)
    if not np.isfinite(single).all():
        raise ValueError(f"'{name}' holds values that are not finite in single precision.")
    if array.any() and np.abs(single).max() < np.finfo(np.float32).tiny:
        raise ValueError(f"'{name}' holds values too small for single precision: scale them.")
    file = io.BytesIO()
    np.lib.format.write_array(file, single, allow_pickle=False)
    return file.getvalue()


def _read(data: bytes) -> np.ndarray:
    return np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
