"""The engine `tone-remote`: the sines of `tone`, sung by a server.

    GET  /v1/model   -> {"model"}
    POST /v1/speech  {"model", "text", "language", "voice", "params", "seed"}
                     -> {"model", "sample_rate", "samples", "words": [[text, start, end], ...]}

`samples` are base64 of little-endian float32. It shows how an engine on a server is written; tests start the server.
"""

import base64
import binascii
from collections.abc import Iterator, Sequence

import numpy as np

from tts_cli.engines.base import Request, Speech
from tts_cli.engines.kit.http_client import Answer, HttpClient, speak_concurrently
from tts_cli.engines.tone.spec import SERVER, ask_model
from tts_cli.errors import TakeError
from tts_cli.types import Word


class RemoteTone:
    """The adapter: it holds connections instead of weights."""

    def load(self, device: str) -> Sequence[str]:  # noqa: ARG002  the server has its own
        """Try the server and the credential once; raises `MissingError` where they are of no use."""
        ask_model(SERVER)
        self._client = HttpClient(SERVER)
        return ()

    def speak(self, requests: Sequence[Request]) -> Iterator[tuple[int, Speech | TakeError]]:
        """Have several requests spoken at a time."""
        return speak_concurrently(requests, self._speak_one, SERVER.concurrency)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _speak_one(self, request: Request) -> Speech:
        answer = self._client.ask(
            "POST",
            "/v1/speech",
            {
                "model": request.model,
                "text": request.text,
                "language": request.language,
                "voice": request.voice,
                "params": dict(request.params),
                "seed": request.seed,
            },
        )
        return _read_speech(answer, request.model)


def _read_speech(answer: Answer, model: str) -> Speech:
    """Read what was spoken, by the model that was planned and by no other."""
    found = answer.json()
    # The key names the model: another one's speech must not be kept under it.
    if found.get("model") != model:
        raise TakeError(
            f"the server spoke with the model {str(found.get('model'))[:80]!r}, and {model!r} was planned",
            hint="run the command again, if the new one is wanted",
        )
    try:
        samples = np.frombuffer(base64.b64decode(found["samples"], validate=True), "<f4").astype(np.float32)
        words = tuple(Word(str(text), int(start), int(end)) for text, start, end in found["words"])
        return Speech(samples=samples, sample_rate=int(found["sample_rate"]), words=words)
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        raise TakeError("the server's answer cannot be read") from error
