"""What is found in an output folder: its files with their checks, its masters at a glance, its lines, its problems."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRow:
    """A requirement of a file, and whether it is met."""

    name: str
    wanted: str
    measured: str
    passed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewedFile:
    """A file that a run wrote, and its checks."""

    path: str
    kind: str
    seconds: float
    lufs: float | None
    true_peak_dbtp: float | None
    checks: tuple[CheckRow, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewedLine:
    """A line as it was made: it lies in `master` from `start_s` on for `seconds`, and is heard best in `audio`.

    That is the master, or the line's own file.
    """

    id: str
    status: str
    problem: str = ""
    source: str = ""
    chapter: str = ""
    speaker: str = ""
    text: str = ""
    emotion: str = ""
    engine: str = ""
    voice: str = ""
    language: str = ""
    reason: str = ""
    master: str = ""
    audio: str = ""
    start_s: float = 0.0
    seconds: float = 0.0
    timing: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """A master at a glance."""

    path: str
    title: str
    seconds: float
    target_lufs: float | None
    peaks: tuple[float, ...]
    lufs: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """What an output folder holds; `sounds` are the lines' own sounds as data URLs, where they were asked for."""

    project: str
    status: str
    counts: Mapping[str, int]
    audio_seconds: float
    files: tuple[ReviewedFile, ...]
    chapters: tuple[Chapter, ...]
    lines: tuple[ReviewedLine, ...]
    incomplete: Mapping[str, int]
    warnings: tuple[str, ...]
    sounds: Mapping[str, str] = field(default_factory=dict)

    @property
    def problems(self) -> list[dict[str, Any]]:
        """All that failed: lines, files, and files that are not there."""
        lines = [
            {"kind": line.status, "name": line.id, "problem": line.problem, "source": line.source}
            for line in self.lines
            if line.status != "ok"
        ]
        files = [
            {
                "kind": "file",
                "name": file.path,
                "problem": f"{check.name}: {check.measured}, not {check.wanted}",
                "source": "",
            }
            for file in self.files
            for check in file.checks
            if not check.passed
        ]
        missing = [
            {"kind": "not written", "name": name, "problem": f"{count} of its lines are missing", "source": ""}
            for name, count in self.incomplete.items()
        ]
        order = {"failed": 0, "not written": 1, "file": 2, "over budget": 3}
        return sorted([*lines, *missing, *files], key=lambda problem: order.get(problem["kind"], 4))
