"""What is said: data and results on stdout, talk and errors on stderr; nothing by colour alone.

Here alone text of others (names, paths, messages) meets the terminal: it is filled into sentences of ours, and brings
no markup, no emoji and no control character with it.
"""

import json
import os
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tts_cli.cli import streams
from tts_cli.errors import InputError, Problem, Source, TtsError


@dataclass(slots=True)
class _Mode:
    json: bool = False
    quiet: bool = False
    verbose: bool = False


mode = _Mode()
_WIDEST = 10_000  # no table is wider, and none is stretched to it


def use_json(wanted: bool) -> bool:  # noqa: FBT001  typer calls it so
    """Remember that stdout belongs to one JSON object; raises `UsageError` where it is closed."""
    if wanted:
        streams.require_stdout("--json")
    mode.json = wanted
    return wanted


# What moves a cursor, changes a colour, reverses a line or cannot be encoded. Tabs and line feeds are harmless.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_HOLE = "{}"


class Styled(NamedTuple):
    """A text of others, and the style that it is shown in."""

    text: str
    style: str


class Speaker:
    """A stream, and the one way to print on it."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def say(self, sentence: str = "", *values: object) -> None:
        """Print a sentence of ours, in rich's markup, with the values of others in place of each `{}`, as they are.

        A list becomes its values with commas between them.
        """
        self.console.print(self._fill(sentence, values))

    def _fill(self, sentence: str, values: Sequence[object]) -> Text:
        filled, rest = Text(), list(values)
        for piece in Text.from_markup(sentence, emoji=False).split(_HOLE, include_separator=True):
            if piece.plain.endswith(_HOLE):
                style = piece.get_style_at_offset(self.console, len(piece) - 1)
                piece.right_crop(len(_HOLE))
                filled.append_text(piece)
                value = rest.pop(0)
                for number, one in enumerate(value if isinstance(value, list) else [value]):
                    text, own = one if isinstance(one, Styled) else (str(one), style)
                    filled.append(", " if number else "").append(visible(text), own)
            else:
                filled.append_text(piece)
        return filled


def visible(text: str) -> str:
    """Return a text in which what a terminal would obey is written out as Python escapes it."""
    return _UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def results() -> Speaker:
    """Return who says results."""
    return _speaker(sys.stdout)


def talk() -> Speaker:
    """Return who says everything that is not a result; with `-q` nothing of it is seen."""
    return _speaker(sys.stderr, quiet=mode.quiet)


def alarm() -> Speaker:
    """Return who says errors, which nothing silences."""
    return _speaker(sys.stderr)


def _speaker(stream: Any, *, quiet: bool = False) -> Speaker:
    return Speaker(Console(file=stream, highlight=False, markup=False, emoji=False, soft_wrap=True, quiet=quiet))


def is_live() -> bool:
    """Say whether a person watches stderr on a terminal."""
    return sys.stderr.isatty() and not os.environ.get("CI") and os.environ.get("TERM") != "dumb"


def may_ask(*, yes: bool) -> bool:
    """Say whether a person can be asked before something is done: not with `--yes`, `--json` or without a terminal."""
    return not (yes or mode.json) and sys.stdin is not None and sys.stdin.isatty()


def print_json(data: Any) -> None:
    """Print the one JSON object."""
    text = json.dumps(data, ensure_ascii=False, indent=2)
    # Outside of strings JSON has no such character but the line feed.
    text = _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        # JSON has codes of its own for what an encoding lacks.
        text = json.dumps(data, indent=2)
    sys.stdout.write(text + "\n")


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
        table.add_row(*(Text(visible(cell).replace("\n", "\\n")) for cell in row))
    console = results().console
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


def counted(number: int, noun: str) -> str:
    """Return "1 line", "2 lines"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def print_problems(problems: "Iterable[Problem]") -> None:
    """Print problems, each at its place, with its hint below."""
    for problem, count in fold(problems):
        console = alarm() if problem.severity == "error" else talk()
        style = "red" if problem.severity == "error" else "yellow"
        more = f" (and {count - 1:,} more like it)" if count > 1 else ""
        console.say("{}: {} {}{}", problem.source, Styled(f"{problem.severity}:", style), problem.message, more)
        print_hint(problem.hint, console, indent="  ")
        annotate(problem.severity, problem.message + more, problem.source)


def fold(problems: "Iterable[Problem]") -> "list[tuple[Problem, int]]":
    """Return each warning that is said of several places once, with their number; every error stays."""
    folded: dict[object, tuple[Problem, int]] = {}
    for problem in problems:
        key = problem if problem.severity == "error" else (problem.message, problem.hint)
        first, count = folded.get(key, (problem, 0))
        folded[key] = (first, count + 1)
    return list(folded.values())


def annotate(severity: str, message: str, source: "Source | None" = None) -> None:
    """On GitHub, put a message beside the line of the file that it speaks of."""
    if os.environ.get("GITHUB_ACTIONS") != "true":
        return
    place = {"file": source.path, "line": source.line, "col": source.column} if source else {}
    # Its own escapes: each command is one line, and commas and colons part what it says.
    fields = ",".join(f"{name}={_escaped(str(value), ',:')}" for name, value in place.items())
    sys.stderr.write(f"::{severity}{' ' if fields else ''}{fields}::{_escaped(message)}\n")


def _escaped(text: str, also: str = "") -> str:
    return "".join(f"%{ord(letter):02X}" if letter in f"%\r\n{also}" else letter for letter in text)


def show_error(error: TtsError) -> None:
    """Say an expected error in words, or as the one JSON object."""
    problems = error.problems if isinstance(error, InputError) else ()
    message = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}" if problems else error.message
    if mode.json and not streams.is_stdout_lost():
        listed = {"problems": [problem_json(problem) for problem in problems]} if problems else {}
        print_json({"status": "failed", "error": message, "hint": error.hint} | listed)
        return
    print_problems(problems)
    if mode.verbose:
        alarm().console.print_exception()
    alarm().say("[red]error:[/red] {}", message)
    print_hint(error.hint, alarm())
    if not problems:
        annotate("error", message)


def print_hint(hint: str, speaker: Speaker, indent: str = "") -> None:
    """Print what to do."""
    if hint:
        speaker.say("{}[cyan]hint:[/cyan] {}", indent, hint)


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
