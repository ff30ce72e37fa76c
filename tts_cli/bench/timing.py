"""Time a command as a whole process: wall and CPU seconds, and the peak memory of its largest process."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tts_cli.errors import MissingError

Log = Callable[[str], None]
"""Is told what is being done now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """What one run cost; `cpu_s` includes the processes it waited for."""

    wall_s: float
    cpu_s: float
    peak_mb: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of a result table: who did it, what it cost, and the ratio to the row it is compared with."""

    what: str
    timing: Timing
    ratio: float
    note: str = ""


def time_command(
    argv: Sequence[str], *, log: Path, out: Path | None = None, env: Mapping[str, str] | None = None
) -> Timing:
    """Run a command to its end, its output in `log`; raises `MissingError` with the log's end if it fails.

    What it prints on stdout goes to `out`, if that is given.
    """
    with log.open("wb") as said, (out or log).open("ab") as printed:
        started = time.perf_counter()
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=printed, stderr=said, env=env)
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        tail = log.read_text(errors="replace")[-800:]
        raise MissingError(f"{' '.join(argv[:4])} ... failed with exit {process.returncode}", hint=tail)
    kilobytes = usage.ru_maxrss / (1024 if sys.platform == "darwin" else 1)
    return Timing(wall_s=wall_s, cpu_s=usage.ru_utime + usage.ru_stime, peak_mb=kilobytes / 1024)


def best_of(runs: int, argv: Sequence[str], *, log: Path) -> Timing:
    """Run a command several times and keep the quickest: these machines are shared, noise only ever adds."""
    return min((time_command(argv, log=log) for _ in range(runs)), key=lambda timing: timing.wall_s)


def this_tool(*arguments: str | Path) -> list[str]:
    """Return the command line that runs this very tts-cli."""
    return [sys.executable, "-m", "tts_cli", *map(str, arguments)]


# --- results that are single numbers with units of their own, in titled tables ------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of a table: what was measured, and the ratio to the table's first line, or as the note says."""

    what: str
    value: float
    unit: str
    ratio: float | None = None
    note: str = ""


Tables = Mapping[str, Sequence[Figure]]
