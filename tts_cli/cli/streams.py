"""The three standard streams, whatever the caller made of them: closed, full, or of an encoding with few letters."""

import os
import sys
from collections.abc import Sequence
from typing import Any

from tts_cli.errors import UsageError, refused

_closed: set[str] = set()


class _Output:
    """Standard output or standard error; what the system refuses is an `OutputError`, or is not said at all."""

    def __init__(self, stream: Any, name: str) -> None:
        self._stream = stream
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        self._do("write", text)
        return len(text)

    def flush(self) -> None:
        self._do("flush")

    def _do(self, what: str, *arguments: str) -> None:
        try:
            getattr(self._stream, what)(*arguments)
        except OSError as error:
            # A reader that goes away, as `head` does, has what it wanted.
            if isinstance(error, BrokenPipeError) and self._name:
                raise
            # Python flushes once more at its end, and would complain again.
            with open(os.devnull, "wb") as nowhere:  # noqa: PTH123
                os.dup2(nowhere.fileno(), self._stream.fileno())
            _closed.add("stdout" if self._name else "stderr")
            if self._name:
                raise refused(self._name, "be written", error) from error


def prepare() -> None:
    """Make the streams usable: those that are closed lead nowhere, and what an encoding lacks is written as a code."""
    # A file that is opened later must not get the number of a closed stream: what is said would be written into it.
    while (handle := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(handle)
    # Nobody reads the talk of a run for its own sake: a log that is full does not stop it.
    for name, title in (("stdout", "standard output"), ("stderr", "")):
        stream = getattr(sys, name)
        if isinstance(stream, _Output):
            continue
        if stream is None:
            _closed.add(name)
            stream = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
        setattr(sys, name, _Output(stream, title))


def is_stdout_lost() -> bool:
    """Say whether nobody gets what is written to standard output."""
    return "stdout" in _closed


def require_stdout(why: str) -> None:
    """Raise `UsageError` where standard output, which is needed for something, is closed."""
    if is_stdout_lost():
        raise UsageError(f"{why} needs standard output, which is closed", hint="give it a place: > FILE")


def read_stdin(sources: Sequence[str]) -> bytes | None:
    """Return the bytes of standard input if a source is `-`; raises `UsageError` where it is closed."""
    if "-" not in sources:
        return None
    if sys.stdin is None:
        raise UsageError("`-` means standard input, which is closed", hint="pipe the manifest in, or name its file")
    return sys.stdin.buffer.read()
