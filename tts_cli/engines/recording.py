"""The engine `recording`: "speaks" by reading a file that somebody recorded, for lines that have `audio:`."""

import hashlib
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tts_cli.engines.base import EngineVoice, Request, Speech
from tts_cli.errors import TakeError


class Recording:
    """The adapter: `Request.params` holds the file's `path` and the `sha256` that planning read."""

    def load(self, device: str) -> None:
        """Nothing to make ready."""

    def synthesize(self, requests: Sequence[Request]) -> list[Speech]:
        """Decode each file to mono; raises `TakeError` of kind "input" where it cannot be, or has changed."""
        return [_play(Path(str(request.params["path"])), str(request.params["sha256"])) for request in requests]

    def close(self) -> None:
        """Nothing to give back."""


def voices() -> tuple[EngineVoice, ...]:
    """A recording has the voice it has."""
    return ()


def resolve(voice: str, language: str) -> str:  # noqa: ARG001  every engine resolves like this
    """Return the empty name: whatever the line says, a recording has the voice it has."""
    return ""


def _play(path: Path, sha256: str) -> Speech:
    """Decode exactly the bytes that the hash names: a copy of them, as the file itself may be edited meanwhile."""
    from tts_cli.audio.io.files import decode_audio

    data = _read(path)
    if hashlib.sha256(data).hexdigest() != sha256:
        raise TakeError(f"{path} was changed while it was used", kind="input", hint="run the command again")
    with tempfile.TemporaryDirectory(prefix="tts-cli-") as folder:
        copy = Path(folder, f"recording{path.suffix}")
        copy.write_bytes(data)
        try:
            samples, sample_rate = decode_audio(copy)
        except TakeError as error:
            raise TakeError(error.message.replace(str(copy), str(path)), kind=error.kind, hint=error.hint) from error
    return Speech(samples=samples, sample_rate=sample_rate)


def _read(path: Path) -> bytes:
    if not path.is_file():
        raise TakeError(f"{path} is not a file", kind="input")
    try:
        return path.read_bytes()
    except OSError as error:
        raise TakeError(f"cannot read {path}: {error.strerror}", kind="input") from error
