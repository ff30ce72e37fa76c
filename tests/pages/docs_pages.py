"""Pages of the documentation as a reader follows them: files to write, commands to run, in their order.

A fenced block of `sh` is run in a fresh folder, line by line. A comment before a block says what a reader cannot see:

- `<!-- file: NAME -->` before any block: its text is the file of that name;
- `<!-- parse only: WHY -->`: its commands must be sound, and are not run;
- `<!-- exits N: WHY -->`: so its commands end;
- `<!-- run: from a clone -->`: they are run where a clone's files are.
"""

import json
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from tts_cli.cli import app

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md")))
_BLOCK = re.compile(
    r"(?:^<!-- (?P<key>file|parse only|exits \d+|run)(?:: (?P<value>[^>]*?))? -->\n)?"
    r"^```(?P<kind>\w+)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_JQ = re.compile(r"\.[\w.]+")


@dataclass(frozen=True)
class Block:
    """A fenced block and what the comment before it says."""

    kind: str
    text: str
    key: str = ""
    value: str = ""

    @property
    def exits(self) -> int:
        """How its commands end."""
        return int(self.key.removeprefix("exits ")) if self.key.startswith("exits") else 0


@dataclass(frozen=True)
class Command:
    """One program and its arguments; `then` is what its output goes through, `out` where to."""

    words: tuple[str, ...]
    stdin: str = ""
    then: tuple[str, ...] = ()
    out: str = ""


def blocks(page: Path) -> Iterator[Block]:
    """Yield every block of a page."""
    for found in _BLOCK.finditer(page.read_text(encoding="utf-8")):
        yield Block(found["kind"], found["text"], found["key"] or "", (found["value"] or "").strip())


def commands(block: Block) -> Iterator[Command]:
    """Yield the commands of a shell block: one a line, or several joined by `&&`."""
    for line in block.text.splitlines():
        words: list[str] = []
        for word in (*shlex.split(line, comments=True), "&&"):
            if word != "&&":
                words.append(word)
            elif words:
                yield _command(words)
                words = []


def _command(words: Sequence[str]) -> Command:
    """Read `cat FILE | COMMAND`, `COMMAND | jq .x` and `COMMAND > FILE`; the shell does no more here."""
    out = ""
    if len(words) > 2 and words[-2] == ">":
        words, out = words[:-2], words[-1]
    parts = " ".join(shlex.quote(word) if word != "|" else word for word in words).split(" | ")
    split = [tuple(shlex.split(part)) for part in parts]
    stdin = split.pop(0)[1] if split[0][0] == "cat" else ""
    return Command(split[0], stdin, split[1] if len(split) > 1 else (), out)


def expand(words: Sequence[str], folder: Path) -> list[str]:
    """Return the arguments with patterns of file names filled in, as a shell does."""
    names = [sorted(folder.glob(word)) if "*" in word else [word] for word in words]
    assert all(names), f"nothing matches in {words}"
    return [str(name) for found in names for name in found]


def filtered(text: str, then: Sequence[str]) -> Any:
    """Return what `jq .x.y` makes of a text."""
    program, path = then
    assert program == "jq"
    assert _JQ.fullmatch(path), path
    value = json.loads(text)
    for name in path.split(".")[1:]:
        value = value[name]
    return value


def parse(words: Sequence[str]) -> None:
    """Raise where tts-cli would not understand these arguments; nothing is run."""
    command, rest, name = typer.main.get_command(app.app), list(words), "tts-cli"
    while rest and rest[0] in getattr(command, "commands", {}):
        name = rest.pop(0)
        command = command.commands[name]
    if rest != ["--install-completion"]:
        command.make_context(name, rest)
    else:
        assert any("--install-completion" in option.opts for option in command.params)
