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
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

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
    """Return who says everything that is not a result."""
    return _speaker(sys.stderr)


def _speaker(stream: Any) -> Speaker:
    return Speaker(Console(file=stream, highlight=False, markup=False, emoji=False, soft_wrap=True))


def is_live() -> bool:
    """Say whether a person watches stderr on a terminal."""
    return sys.stderr.isatty() and not os.environ.get("CI") and os.environ.get("TERM") != "dumb"


def print_json(data: Any) -> None:
    """Print the one JSON object."""
    text = json.dumps(data, ensure_ascii=False, indent=2)
    # Outside of strings JSON has no such character but the line feed.
    sys.stdout.write(_UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n")


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


def print_problems(problems: "Iterable[Problem]") -> None:
    """Print problems, each at its place, with its hint below."""
    for problem in problems:
        style = "red" if problem.severity == "error" else "yellow"
        talk().say("{}: {} {}", problem.source, Styled(f"{problem.severity}:", style), problem.message)
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
    talk().say("[red]error:[/red] {}", message)
    print_hint(error.hint)


def print_hint(hint: str, indent: str = "") -> None:
    """Print what to do."""
    if hint:
        talk().say("{}[cyan]hint:[/cyan] {}", indent, hint)


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
