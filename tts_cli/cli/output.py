"""What is said: data and results on stdout, talk and errors on stderr; nothing by colour alone."""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tts_cli.errors import InputError, Problem, TtsError


@dataclass(slots=True)
class _Mode:
    json: bool = False


mode = _Mode()
_WIDEST = 10_000  # no table is wider, and none is stretched to it


def use_json(wanted: bool) -> bool:  # noqa: FBT001  typer calls it so
    """Remember that stdout belongs to one JSON object."""
    mode.json = wanted
    return wanted


def results() -> Console:
    """Return the console for results."""
    return Console(file=sys.stdout, highlight=False, soft_wrap=True)


def talk() -> Console:
    """Return the console for everything that is not a result."""
    return Console(file=sys.stderr, highlight=False, soft_wrap=True)


def is_live() -> bool:
    """Say whether a person watches stderr on a terminal."""
    return sys.stderr.isatty() and not os.environ.get("CI") and os.environ.get("TERM") != "dumb"


def print_json(data: Any) -> None:
    """Print the one JSON object."""
    sys.stdout.write(json.dumps(data, ensure_ascii=False, indent=2) + "\n")


def with_paths(report: dict[str, Any]) -> dict[str, Any]:
    """Let every file of a report carry a path that opens from the working directory; its `name` is from `out` on."""
    out = Path(report["out"])

    def opened(file: dict[str, Any] | None) -> dict[str, Any] | None:
        return file and {**file, "name": file["path"], "path": str(out / file["path"])}

    return report | {"outputs": [opened(file) for file in report["outputs"]], "timeline": opened(report["timeline"])}


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[str] = ()) -> None:
    """Print a table without frames; the columns named in `right` are aligned to the right.

    A terminal folds what is too wide for it; in a pipe or a log each row is one line.
    """
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    console = results()
    console.soft_wrap = False
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _WIDEST
    console.print(table)


def size(number: int) -> str:
    """Write a number of bytes as 812 kB, 327 MB or 6.1 GB."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6)):
        if number >= scale:
            return f"{number / scale:.{1 if number < 10 * scale else 0}f} {unit}"
    return f"{number / 1e3:.0f} kB"


def print_problems(problems: "Iterable[Problem]") -> None:
    """Print problems, each at its place, with its hint below."""
    for problem in problems:
        style = "red" if problem.severity == "error" else "yellow"
        talk().print(f"{escape(str(problem.source))}: [{style}]{problem.severity}:[/{style}] {escape(problem.message)}")
        print_hint(problem.hint, indent="  ")


def show_error(error: TtsError) -> None:
    """Say an expected error in words, or as the one JSON object."""
    problems = error.problems if isinstance(error, InputError) else ()
    message = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}" if problems else error.message
    if mode.json:
        listed = {"problems": [problem_json(problem) for problem in problems]} if problems else {}
        print_json({"status": "failed", "error": message, "hint": error.hint} | listed)
        return
    print_problems(problems)
    talk().print(f"[red]error:[/red] {escape(message)}")
    print_hint(error.hint)


def print_hint(hint: str, indent: str = "") -> None:
    """Print what to do."""
    if hint:
        talk().print(f"{indent}[cyan]hint:[/cyan] {escape(hint)}")


def problem_json(problem: "Problem") -> dict[str, str | int]:
    """Flatten a problem."""
    return {
        "severity": problem.severity,
        "path": problem.source.path,
        "line": problem.source.line,
        "column": problem.source.column,
        "message": problem.message,
        "hint": problem.hint,
    }
