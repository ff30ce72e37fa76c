"""Requests to a server: bounded in number and in time, repeated where that helps, silent about the credential."""

import contextlib
import email.utils
import http.client
import json
import os
import queue
import random
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

from tts_cli.engines.base import Request, Speech
from tts_cli.engines.server import Server
from tts_cli.errors import MissingError, TakeError

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 30.0
# After so many requests in a row that came to nothing, the next ones are tried once each, until one succeeds.
PATIENCE = 5
MOST_BYTES = 1 << 28
CHUNK_BYTES = 1 << 16
SHOWN_CHARS = 200

TIMEOUT, TOO_MANY = 408, 429
UNAUTHORIZED, FORBIDDEN = 401, 403
WRONG_INPUT = frozenset((400, 413, 422))
# What is not implemented today will not be in a second.
_LASTING = frozenset((501, 505))


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server returned with a status of 2xx; the names of `headers` are in lower case."""

    headers: Mapping[str, str]
    data: bytes

    def json(self) -> dict[str, Any]:
        """Return the JSON object that the answer is; raises `TakeError` where it is none."""
        try:
            value = json.loads(self.data)
        except ValueError as error:
            raise TakeError("the server's answer is not JSON") from error
        if not isinstance(value, dict):
            raise TakeError("the server's answer is not a JSON object")
        return value


@dataclass(frozen=True, slots=True)
class _Fault:
    """Why an attempt failed, whether another one may succeed, and how long the server asks us to wait before it."""

    message: str
    passing: bool
    wait_s: float = 0.0
    kind: str = "engine"
    hint: str = ""


class HttpClient:
    """Connections to one server, for many threads; raises `MissingError` where its variables are not set.

    `clock` and `sleep` are those of the `time` module.
    """

    def __init__(
        self,
        server: Server,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._server = server
        self._url = _read_url(server)
        self._credential = _read_credential(server)
        self._clock = clock
        self._sleep = sleep
        self._room = threading.BoundedSemaphore(server.concurrency)
        # The connection that was used last is the least likely to have been closed by the server.
        self._idle: queue.LifoQueue[http.client.HTTPConnection] = queue.LifoQueue()
        self._lock = threading.Lock()
        self._not_before = 0.0
        self._failures = 0

    def ask(self, method: str, path: str, body: object = None) -> Answer:
        """Send a request, `body` as JSON, and return the answer.

        Raises `TakeError` for a refusal, and where no attempt succeeds in time.
        """
        deadline = self._clock() + self._server.total_s
        # A server that is gone would otherwise cost each line of a book all its attempts.
        attempts = self._server.attempts if self._failures < PATIENCE else 1
        fault = _Fault("", passing=True)
        for attempt in range(attempts):
            self._wait(attempt, fault, deadline)
            # Held for an attempt only: a request that waits must not take a place from one that could be sent.
            with self._room:
                outcome = self._try(method, path, body, deadline)
            if isinstance(outcome, Answer):
                self._failures = 0
                return outcome
            fault = outcome
            if not fault.passing:
                raise TakeError(fault.message, kind=fault.kind, hint=fault.hint)
        self._failures += 1
        times = f", {attempts} times" if attempts > 1 else ""
        raise TakeError(f"{fault.message}{times}", kind=fault.kind, hint=fault.hint)

    def close(self) -> None:
        """Close the connections that are not in use."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._idle.get_nowait().close()

    def _wait(self, attempt: int, fault: _Fault, deadline: float) -> None:
        """Wait before an attempt: ever longer, with chance in it, and at least as long as the server asked anybody to.

        Raises `TakeError` where that is beyond the deadline.
        """
        now = self._clock()
        backoff = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** (attempt - 1)) if attempt else 0.0
        with self._lock:
            # A pause that one request is asked for holds for all of them.
            self._not_before = max(self._not_before, now + fault.wait_s)
            until = max(self._not_before, now + backoff * random.uniform(0.5, 1.0))  # noqa: S311  no secret
        if until > deadline:
            said = fault.message or "the server has asked for a pause"
            raise TakeError(f"{said}; the next attempt would be {until - now:.0f} s later, which is too long to wait")
        if until > now:
            self._sleep(until - now)

    def _try(self, method: str, path: str, body: object, deadline: float) -> Answer | _Fault:
        """Send a request once."""
        connection: http.client.HTTPConnection | None = None
        try:
            connection = self._connect()
            data = None if body is None else json.dumps(body).encode()
            connection.request(method, self._url.path.rstrip("/") + path, data, self._headers(data))
            response = connection.getresponse()
            content = self._read(response, deadline)
        except ssl.SSLCertVerificationError as error:
            return _Fault(f"the certificate of {self._place} is not valid: {error.verify_message}", passing=False)
        except TimeoutError:
            # An answer may still be on its way: on the next request it would pass for that one's.
            _close(connection)
            return _Fault(f"{self._place} did not answer in time", passing=True)
        except (OSError, http.client.HTTPException) as error:
            _close(connection)
            reason = getattr(error, "strerror", None) or type(error).__name__
            return _Fault(f"{self._place} cannot be reached: {reason}", passing=True)
        # Kept only if the server keeps it, too.
        if response.will_close:
            _close(connection)
        else:
            self._idle.put(connection)
        if 200 <= response.status < 300:
            return Answer({name.lower(): value for name, value in response.getheaders()}, content)
        return self._judge(response, content)

    def _judge(self, response: http.client.HTTPResponse, content: bytes) -> _Fault:
        """Say what a status other than 2xx means."""
        status = response.status
        said = self._clean(content.decode("utf-8", "replace"))
        message = f"{self._place} answered {status} {self._clean(response.reason)}{f': {said}' if said else ''}"
        if status in (UNAUTHORIZED, FORBIDDEN):
            name = self._server.credential
            return _Fault(message, passing=False, hint=f"look at the credential in ${name}" if name else "")
        passing = status in (TIMEOUT, TOO_MANY) or (status >= 500 and status not in _LASTING)
        wait_s = _read_retry_after(response.getheader("Retry-After", "")) if passing else 0.0
        return _Fault(message, passing, wait_s, kind="input" if status in WRONG_INPUT else "engine")

    def _connect(self) -> http.client.HTTPConnection:
        """Return a connection that stands."""
        try:
            return self._idle.get_nowait()
        except queue.Empty:
            pass
        host, port, limit_s = self._url.hostname or "", self._url.port, self._server.connect_s
        connection = (
            http.client.HTTPSConnection(host, port, timeout=limit_s, context=ssl.create_default_context())
            if self._url.scheme == "https"
            else http.client.HTTPConnection(host, port, timeout=limit_s)
        )
        connection.connect()
        # The short limit was for the connection; an answer may take as long as the speech.
        connection.sock.settimeout(self._server.read_s)
        return connection

    def _read(self, response: http.client.HTTPResponse, deadline: float) -> bytes:
        """Read an answer to its end; raises TimeoutError where it trickles, and HTTPException where it is too long."""
        chunks: list[bytes] = []
        size = 0
        while chunk := response.read1(CHUNK_BYTES):
            chunks.append(chunk)
            size += len(chunk)
            # Counted here, as a server may announce any length, or none.
            if size > MOST_BYTES:
                raise http.client.HTTPException
            if self._clock() > deadline:
                raise TimeoutError
        if response.length:  # `read1` says nothing of an answer that was cut off
            raise http.client.IncompleteRead(b"")
        response.close()  # `read1` leaves it open, and the connection cannot be used again before
        return b"".join(chunks)

    def _headers(self, data: bytes | None) -> dict[str, str]:
        headers = {"Accept": "application/json"}
        if data is not None:
            headers["Content-Type"] = "application/json"
        if self._credential:
            headers["Authorization"] = f"Bearer {self._credential}"
        return headers

    @property
    def _place(self) -> str:
        return f"the server {self._url.scheme}://{self._url.netloc}"

    def _clean(self, said: str) -> str:
        """Return what a server said as one short line, without our credential, which it may have repeated."""
        if self._credential:
            said = said.replace(self._credential, "***")
        # What a server says goes to a terminal, where control characters are commands.
        printable = "".join(letter if letter.isprintable() else " " for letter in said)
        return " ".join(printable.split())[:SHOWN_CHARS]


def ask_model(server: Server, path: str) -> str:
    """Return the `model` that a server tells under a path; raises `MissingError` where it tells none."""
    client = HttpClient(server)
    try:
        model = client.ask("GET", path).json().get("model")
    except TakeError as error:
        raise MissingError(error.message, hint=error.hint) from error
    finally:
        client.close()
    if not isinstance(model, str) or not model:
        raise MissingError("the server does not say which model it has")
    return model


def speak_concurrently(
    requests: Sequence[Request], speak: Callable[[Request], Speech], concurrency: int
) -> Iterator[tuple[int, Speech | TakeError]]:
    """Speak so many requests at a time, and yield each result as it is there; a `TakeError` is one."""
    with ThreadPoolExecutor(max_workers=concurrency) as threads:
        futures = {threads.submit(speak, request): number for number, request in enumerate(requests)}
        try:
            for future in as_completed(futures):
                error = future.exception()
                if error is not None and not isinstance(error, TakeError):
                    raise error
                yield futures[future], future.result() if error is None else error
        finally:
            # A caller that has gone away must not wait for requests that nobody wants.
            threads.shutdown(wait=False, cancel_futures=True)


# --- what the environment says --------------------------------------------------------------------------


def _read_url(server: Server) -> SplitResult:
    """Return the server's address; what is wrong with it is told without its value, which may hold a password."""
    given = os.environ.get(server.url, "").strip()
    hint = f"set {server.url} to its address, such as https://speech.example.com"
    if not given:
        raise MissingError(f"the server's address is not known: {server.url} is not set", hint=hint)
    try:
        url = urlsplit(given)
        usable = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise MissingError(f"{server.url} is no address of a server", hint=hint)
    # Addresses are shown in errors, and a password in one would be shown as well.
    if url.username is not None or url.password is not None:
        raise MissingError(f"{server.url} holds a user or a password", hint="a credential has a variable of its own")
    return url


def _read_credential(server: Server) -> str:
    """Return the credential, "" where none is needed; errors name its variable and never its value."""
    if not server.credential:
        return ""
    credential = os.environ.get(server.credential, "").strip()
    if not credential:
        raise MissingError(
            f"the server's credential is not known: {server.credential} is not set",
            hint=f"set {server.credential} in the environment",
        )
    # A line break in it could add headers of its own.
    if not (credential.isascii() and credential.isprintable()):
        raise MissingError(f"{server.credential} holds characters that no credential has", hint="copy it once more")
    return credential


def _read_retry_after(value: str) -> float:
    """Return how many seconds a server asks us to wait: given as such, or as a date; 0 for what is neither."""
    if value.strip().isdecimal():
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return 0.0


def _close(connection: http.client.HTTPConnection | None) -> None:
    if connection:
        connection.close()
