"""HTTP on http.client: connections that are kept alive, bounded retries, streams of lines."""
from __future__ import annotations

import http.client
import json
import logging
import random
import ssl
import time
from dataclasses import dataclass
from typing import Any, Dict, Generator, List, Optional
from urllib.parse import urlsplit

from .records import ApiError

FOREVER = float("inf")
# Refusals that pass: the service's own, and those of a proxy while the service starts.
_PASSING = (429, 502, 503, 504, 507)
_LONGEST_PAUSE = 60.0
log = logging.getLogger("inversesolver")


@dataclass
class Answer:
    """The answer to the last of `attempts` requests, with its body or, where it is a stream of events, with its lines as they arrive."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes
    lines: Optional[Generator[bytes, None, None]] = None
    attempts: int = 1

    def json(self) -> Any:
        """The body as JSON. Raises ApiError where it is none, because the address is not that of the service."""
        try:
            return json.loads(self.body)
        except ValueError:
            raise self.error() from None

    def error(self) -> ApiError:
        """The answer as an error: the service's problem+json, or what a proxy or another server said."""
        try:
            problem = json.loads(self.body)
            return ApiError(
                self.status, problem["code"], problem["detail"] or "", problem["field"], problem["traceId"], self.attempts, problem.get("errors", ()))
        except (ValueError, KeyError, TypeError):
            place = self.headers.get("Location")
            said = f"a redirection to {place}" if place else repr(self.body[:200].decode("utf-8", "replace"))
            return ApiError(self.status, "unexpectedAnswer", f"The answer is not the service's but {said}: check the address.", attempts=self.attempts)

    def retry_after(self) -> Optional[float]:
        """The seconds that the answer asks to wait, if any."""
        seconds = self.headers.get("Retry-After", "")
        return float(seconds) if seconds.isdecimal() else None


class Transport:
    """Sends requests to one service. Any request may be sent twice: one that does not bear this needs an Idempotency-Key. Threads may share it."""

    def __init__(self, url: str, key: Optional[str], timeout: float, retries: int) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None or parts.query or parts.fragment:
            raise ValueError(f"'{url}' is no address of a service: give http:// or https://, a host, and the path before /v1 if there is one.")
        self._url, self._prefix, self._host, self._port = url.rstrip("/"), parts.path.rstrip("/"), parts.hostname, parts.port
        self._timeout, self._retries = timeout, retries
        self._headers = {"Accept": "application/json", **({"X-API-Key": key} if key else {})}
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._idle: List[http.client.HTTPConnection] = []

    def close(self) -> None:
        """Closes the idle connections."""
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def send(
            self, method: str, target: str, body: Optional[bytes] = None, headers: Optional[Dict[str, str]] = None, also: int = 0,
            deadline: float = FOREVER) -> Answer:
        """Sends a request, and again after lost connections and passing refusals, `retries` times at most.

        Raises ApiError for a status that is neither 2xx nor `also`, ConnectionError where no answer came, and TimeoutError after the deadline.
        """
        failures = attempts = 0
        while True:
            attempts += 1
            connection = self._connection()
            reused = connection.sock is not None
            pause, cause = None, None
            try:
                answer = self._exchange(connection, method, target, body, {**self._headers, **(headers or {})}, deadline)
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                if isinstance(error, ssl.SSLCertVerificationError):
                    raise
                if reused and isinstance(error, ConnectionError):
                    # The service closed it while it was idle, and may have closed the others: a new one is tried at once.
                    self.close()
                    continue
                cause = error
                why: Exception = ConnectionError(f"{method} {self._url}{target}: no answer to {attempts} requests: {error or type(error).__name__}")
            else:
                answer.attempts = attempts
                if 200 <= answer.status < 300 or answer.status == also:
                    return answer
                why, pause = answer.error(), answer.retry_after()
                if answer.status not in _PASSING:
                    raise why
            failures += 1
            if failures > self._retries or (pause or 0.0) > _LONGEST_PAUSE:
                raise why from cause
            pause = min(2.0 ** (failures - 2), _LONGEST_PAUSE) * random.uniform(0.75, 1) if pause is None else pause
            log.warning("%s; trying again in %.1f s", why, pause)
            self.rest(pause, deadline)

    def rest(self, seconds: float, deadline: float) -> None:
        """Sleeps. Raises TimeoutError at the deadline."""
        time.sleep(max(0.0, min(seconds, deadline - time.monotonic())))
        self._patience(deadline)

    def _patience(self, deadline: float) -> float:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("The time to wait is over; the job goes on.")
        return min(self._timeout, left)

    def _connection(self) -> http.client.HTTPConnection:
        try:
            return self._idle.pop()
        except IndexError:
            tls = self._tls
            return http.client.HTTPSConnection(self._host, self._port, context=tls) if tls else http.client.HTTPConnection(self._host, self._port)

    def _exchange(
            self, connection: http.client.HTTPConnection, method: str, target: str, body: Optional[bytes], headers: Dict[str, str], deadline: float) -> Answer:
        connection.timeout = self._patience(deadline)
        if connection.sock is None:
            connection.connect()
        line: Any = connection.sock
        line.settimeout(connection.timeout)
        is_sent = True
        try:
            connection.request(method, self._prefix + target, body, headers)
        except ConnectionError:
            # A body that is too large is refused before its end, and the answer may be there.
            is_sent = False
        response = connection.getresponse()
        if response.status == 200 and response.headers.get_content_type() == "text/event-stream":
            return Answer(200, response.headers, b"", self._lines(connection, response, line, deadline))
        answer = Answer(response.status, response.headers, response.read())
        if is_sent:
            self._idle.append(connection)
        else:
            connection.close()
        return answer

    def _lines(
            self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse, line: Any, deadline: float) -> Generator[bytes, None, None]:
        try:
            while True:
                line.settimeout(self._patience(deadline))
                text = response.readline()
                if not text:
                    return
                yield text
        finally:
            response.close()
            connection.close()
