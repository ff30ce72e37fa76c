"""A speech server on the loopback interface: it sings as `tone` does, and fails as it is told."""

import base64
import contextlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tts_cli.engines.base import Request
from tts_cli.engines.kit.params import fill_params
from tts_cli.engines.tone.adapter import RATE_HZ, sing
from tts_cli.engines.tone.spec import TONE
from tts_cli.errors import TakeError

KEY = "sk-loopback-0123456789"


class SpeechServer:
    """The server. `faults` are the next answers: a status, headers and a body in place of what was asked for.

    `model` is what it speaks with, `delay_s` how long that takes, `asked` the (method, path, token) of each request,
    and `most` the largest number of them that was open at a time.
    """

    def __init__(self) -> None:
        self.model = "tone-1"
        self.delay_s = 0.0
        self.faults: list[tuple[int, dict[str, str], bytes]] = []
        self.always: tuple[int, dict[str, str], bytes] | None = None
        self.asked: list[tuple[str, str, str]] = []
        self.times: list[float] = []
        self.most = self._open = 0
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def spoken(self) -> int:
        """How many requests for speech came."""
        return sum(method == "POST" for method, _, _ in self.asked)

    def close(self) -> None:
        """Give the port back."""
        self._server.shutdown()
        self._server.server_close()

    def answer(self, method: str, path: str, token: str, body: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        with self._lock:
            self.asked.append((method, path, token))
            self.times.append(time.monotonic())
            self._open += 1
            self.most = max(self.most, self._open)
            fault = self.always or (self.faults.pop(0) if self.faults and method == "POST" else None)
        try:
            time.sleep(self.delay_s if method == "POST" else 0.0)
            if fault:
                return fault
            if token != f"Bearer {KEY}":
                return 401, {}, f"no such key: {token}".encode()
            return self._speak(body) if method == "POST" else (200, {}, json.dumps({"model": self.model}).encode())
        finally:
            with self._lock:
                self._open -= 1

    def _speak(self, body: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        request = Request(**{name: value for name, value in body.items() if name != "model"})
        try:
            samples, words = sing(request, fill_params(TONE, request.params).numbers)
        except TakeError as error:
            return 422, {}, error.message.encode()
        encoded = base64.b64encode(samples.astype("<f4").tobytes()).decode()
        said = {"model": self.model, "sample_rate": RATE_HZ, "samples": encoded, "words": words}
        return 200, {}, json.dumps(said).encode()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _reply(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                body = json.loads(self.rfile.read(length)) if length else {}
                token = self.headers.get("Authorization", "")
                status, headers, data = owner.answer(self.command, self.path, token, body)
                self.send_response(status)
                for name, value in {"Content-Length": str(len(data)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                with contextlib.suppress(ConnectionError):
                    self.wfile.write(data)

            do_GET = do_POST = _reply  # noqa: N815

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler


@contextmanager
def running_speech_server() -> Iterator[SpeechServer]:
    """Run one for the time of a block."""
    server = SpeechServer()
    try:
        yield server
    finally:
        server.close()
