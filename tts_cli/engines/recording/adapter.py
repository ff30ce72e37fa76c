"""The engine `recording`: "speaks" by reading a file that somebody recorded, for lines that have `audio:`."""

import hashlib
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tts_cli.engines.base import Request, Speech
from tts_cli.engines.kit.batching import speak_each
from tts_cli.errors import TakeError
from tts_cli.user_files import open_file


class Recording:
    """The adapter: `Request.params` holds the file's `path` and the `sha256` that planning read."""

    def load(self, device: str) -> Sequence[str]:  # noqa: ARG002  it decodes on the CPU
        """Return no notices: there is nothing to make ready."""
        return ()

    def speak(self, requests: Sequence[Request]) -> Iterator[tuple[int, Speech | TakeError]]:
        """Decode each file to mono; one that cannot be, or has changed, is a `TakeError` of kind "input"."""
        return speak_each(requests, _play_request)

    def close(self) -> None:
        """Nothing to give back."""


def _play_request(request: Request) -> Speech:
    return _play(Path(str(request.params["path"])), str(request.params["sha256"]))


def _play(path: Path, sha256: str) -> Speech:
    """Decode exactly the bytes that the hash names: a copy of them, as the file itself may be edited meanwhile."""
    from tts_cli.audio.io.recordings import decode_audio

    with tempfile.TemporaryDirectory(prefix="tts-cli-") as folder:
        # The suffix decides which decoder reads it.
        copy = Path(folder, f"recording{path.suffix}")
        if _copy(path, copy) != sha256:
            raise TakeError(f"{path} was changed while it was used", kind="input", hint="run the command again")
        try:
            samples, sample_rate = decode_audio(copy)
        except TakeError as error:
            raise TakeError(error.message.replace(str(copy), str(path)), kind=error.kind, hint=error.hint) from error
    return Speech(samples=samples, sample_rate=sample_rate)


def _copy(path: Path, copy: Path) -> str:
    """Copy a file, and return the sha256 of the copy."""
    try:
        with open_file(path) as source, copy.open("wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
        with copy.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (FileNotFoundError, IsADirectoryError) as error:
        raise TakeError(f"{path} is not a file", kind="input") from error
    except OSError as error:
        raise TakeError(f"cannot read {path}: {error.strerror}", kind="input") from error
