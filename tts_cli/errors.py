"""The errors a user can meet; each knows its message, its hint and its exit code.

TtsError
├── UsageError            2   an option or argument makes no sense
├── InputError            3   a manifest, recipe or audio file is invalid; lists every Problem
│   └── RunFileError      3   a file that a run wrote is absent, of another version or damaged
├── UnknownNameError      3   a name that nobody defines, with what was probably meant
├── MarkupError           3   a line's text has a broken tag, or nothing to speak
├── MissingError          4   an engine, a tool or its data is not there
├── TakeError             5   one utterance could not be spoken (translated at the adapter)
├── DamagedTakeError      5   a cached take fails its hash or cannot be decoded
└── OutputError           5   a file could not be written
"""

import errno
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import ClassVar, Literal


class ExitCode(IntEnum):
    """What the process says when it ends."""

    DONE = 0
    BUG = 1
    USAGE = 2
    INPUT = 3
    MISSING = 4
    PARTIAL = 5
    CHECK_FAILED = 6
    INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Source:
    """Where a value was written: a file's name as the user gave it, and a 1-based line (CSV: row) and column."""

    path: str
    line: int
    column: int = 1

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong (or, as a warning, doubtful) in an input file."""

    source: Source
    message: str
    hint: str = ""
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        hint = f"\n  hint: {self.hint}" if self.hint else ""
        return f"{self.source}: {self.message}{hint}"


_PLACE = re.compile(r"\S+:\d+:\d+: ")


def fold_warnings(warnings: Iterable[str]) -> list[str]:
    """Return each warning that is said of several places once, with their number."""
    folded: dict[str, tuple[str, int]] = {}
    for warning in warnings:
        key = _PLACE.sub("", warning, count=1)
        first, count = folded.get(key, (warning, 0))
        folded[key] = (first, count + 1)
    return [f"{first} (and {count - 1:,} more like it)" if count > 1 else first for first, count in folded.values()]


class TtsError(Exception):
    """Base of all expected errors; never raised itself."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(TtsError):
    """The command line asks for something that cannot be done."""

    exit_code = 2


class InputError(TtsError):
    """Input files are invalid; `problems` holds all of them, each with its place."""

    exit_code = 3

    def __init__(self, problems: Sequence["Problem"]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


class RunFileError(InputError):
    """A JSON file that an earlier run wrote is absent, of another version or damaged."""

    def __init__(self, path: Path, reason: str, *, hint: str) -> None:
        super().__init__([Problem(Source(str(path), 1), reason, hint)])


class UnknownNameError(TtsError):
    """A name that nobody defines; the hint names the nearest known one."""

    exit_code = 3

    def __init__(self, kind: str, name: str, known: Iterable[str], *, hint: str = "") -> None:
        import difflib

        names = sorted(set(known))
        near = difflib.get_close_matches(name, names, n=1)
        if near:
            hint = f"did you mean {near[0]!r}?"
        elif not hint and names:
            hint = f"known: {', '.join(names[:12])}{' ...' if len(names) > 12 else ''}"
        super().__init__(f"unknown {kind} {name!r}", hint=hint)


class MarkupError(TtsError):
    """A line's text has a tag that cannot be read, or nothing to speak."""

    exit_code = 3


class MissingError(TtsError):
    """An engine, a program or a data file that the run needs is not there."""

    exit_code = 4


class TakeError(TtsError):
    """One utterance could not be spoken; `kind` is input, unsound, oom, engine or internal.

    "unsound" is what another seed may mend: the engine made nothing, or what is no number.
    """

    exit_code = 5

    def __init__(self, message: str, *, kind: str = "engine", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.kind = kind


class DamagedTakeError(TtsError):
    """A cached take does not match its hash; it was deleted and counts as missing."""

    exit_code = 5

    def __init__(self, key: str) -> None:
        super().__init__(f"cached take {key[:12]} is damaged", hint="run the command again to render it anew")
        self.key = key


class OutputError(TtsError):
    """An output file could not be written."""

    exit_code = 5


_FULL = "free some space, or choose a place on another disk"
_DENIED = "choose a place where you may write, or change its permissions"
_HINTS = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EFBIG: "raise the limit (ulimit -f), or choose another disk",
    errno.EACCES: _DENIED,
    errno.EPERM: _DENIED,
    errno.EROFS: _DENIED,
    errno.ENOTDIR: "a part of the path is a file; choose another place",
    errno.EISDIR: "a folder is there; choose another name",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EMFILE: "raise the limit (ulimit -n), or use fewer --workers",
    errno.ENOMEM: "use fewer --workers",
}


def refused(what: object, wanted: str, error: OSError) -> OutputError:
    """Make the error for what the system refuses: a path or a stream, what was wanted of it, the reason, what to do."""
    reason = error.strerror or str(error) or type(error).__name__
    return OutputError(f"{what} cannot {wanted}: {reason}", hint=_HINTS.get(error.errno or 0, ""))
