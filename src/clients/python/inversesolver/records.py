"""The service's documents as objects, and its errors. Members that a later service adds are passed over."""
from __future__ import annotations

import re
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Dict, Mapping, Optional, Sequence, Tuple, Type, TypeVar

JsonObject = Dict[str, Any]
T = TypeVar("T")


def parse(kind: Type[T], document: Mapping[str, Any], **converted: Any) -> T:
    """An object whose fields are the document's members: elapsed_seconds is elapsedSeconds."""
    return kind(**{
        name: converted[name] if name in converted else document[re.sub("_(.)", lambda letter: letter[1].upper(), name)]
        for name in (field.name for field in fields(kind))})  # type: ignore[arg-type]


@dataclass(frozen=True)
class Progress:
    """The progress of a job: `step` of `of` steps are done. `residual` is the squared residual over what noise explains; times are in seconds."""

    stage: str
    step: int
    of: int
    residual: Optional[float]
    elapsed_seconds: float
    eta_seconds: Optional[float]
    frames: Optional[JsonObject]

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> Progress:
        residual = document["residual"]  # JSON has no NaN and no infinity: they come in quotes
        return parse(cls, document, residual=None if residual is None else float(residual))

    def __str__(self) -> str:
        return f"{self.stage} {self.step}/{self.of}"


@dataclass(frozen=True)
class Artefact:
    """A file that a job made: its name, media type, size in bytes and SHA-256 in lower-case hexadecimals."""

    name: str
    content_type: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Job:
    """A job as the service described it at one moment.

    `state` is queued, running, succeeded, failed or cancelled; `progress` is None until it runs. `request`, `result`, `error` and `webhook` are the service's
    documents with its names; request and result are None in lists. `warnings` are sentences to be shown with the result.
    """

    id: str
    state: str
    cancel_requested: bool
    created: datetime
    started: Optional[datetime]
    finished: Optional[datetime]
    expires: Optional[datetime]
    attempts: int
    request: Optional[JsonObject]
    progress: Optional[Progress]
    result: Optional[JsonObject]
    error: Optional[JsonObject]
    warnings: Tuple[str, ...]
    webhook: Optional[JsonObject]

    @property
    def is_final(self) -> bool:
        """True where the job does not change any more."""
        return self.state in ("succeeded", "failed", "cancelled")

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> Job:
        times = {name: document[name] and _time(document[name]) for name in ("created", "started", "finished", "expires")}
        return parse(cls, document, progress=document["progress"] and Progress.parse(document["progress"]), warnings=tuple(document["warnings"]), **times)


@dataclass(frozen=True)
class Event:
    """A change of a job: its number, its type (progress, finished, expiring, snapshot), the job at that moment, and a preview as PNG where there is one."""

    id: int
    type: str
    job: Job
    preview: Optional[bytes]


class InverseSolverError(Exception):
    """An answer of the service that is not the one that was asked for. A lost connection is a ConnectionError."""


class ApiError(InverseSolverError):
    """An answer with an error: HTTP status, stable code, the fault in words, offending field, trace id; `attempts` requests were sent.

    `errors` has all faults that were found in the request, each a dict of field, code and detail.
    """

    def __init__(
        self, status: int, code: str, detail: str, field: Optional[str] = None, trace_id: Optional[str] = None, attempts: int = 1,
        errors: Sequence[Mapping[str, str]] = (),
    ) -> None:
        super().__init__(status, code, detail, field, trace_id, attempts, errors)
        self.status, self.code, self.detail, self.field, self.trace_id, self.attempts = status, code, detail, field, trace_id, attempts
        self.errors = tuple(errors)

    def __str__(self) -> str:
        others = "".join(f"; {fault['field']}: {fault['detail']}" for fault in self.errors[1:])
        trace = f" [trace {self.trace_id}]" if self.trace_id else ""
        return f"{self.status} {self.code}{f' ({self.field})' if self.field else ''}: {self.detail}{others}{trace}"


class JobFailed(InverseSolverError):
    """The job failed: code, detail, field and trace id say why."""

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        error = job.error or {}
        self.job, self.code, self.detail = job, str(error.get("code")), str(error.get("detail"))
        self.field, self.trace_id = error.get("field"), error.get("traceId")

    def __str__(self) -> str:
        return f"The job {self.job.id} failed, {self.code}{f' ({self.field})' if self.field else ''}: {self.detail}"


class JobCancelled(InverseSolverError):
    """The job was cancelled."""

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self.job = job

    def __str__(self) -> str:
        return f"The job {self.job.id} was cancelled."


class ChecksumError(InverseSolverError):
    """A file arrived with another SHA-256 than the one that the service lists."""


class ServiceWarning(UserWarning):
    """A sentence of the service on a possible fault of a result or of the files sent."""


# Python before 3.11 reads fractions of three or six digits only, and the service leaves out trailing zeros.
def _time(text: str) -> datetime:
    return datetime.fromisoformat(re.sub(r"\.(\d+)", lambda fraction: f".{fraction[1]:0<6.6}", text).replace("Z", "+00:00"))
