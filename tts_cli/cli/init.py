"""`tts-cli init`: a small script that runs, to change into one's own."""

from enum import StrEnum
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from tts_cli.cli import output
from tts_cli.cli.options import JsonOpt
from tts_cli.errors import UsageError

EXAMPLE = "Example: [bold]tts-cli init book[/bold]"


class Kind(StrEnum):
    """The jobs there are examples of."""

    BOOK = "book"
    GAME = "game"
    DUB = "dub"
    PODCAST = "podcast"


_FILES = {
    Kind.BOOK: ("book.yaml",),
    Kind.GAME: ("game.yaml", "game-lines.csv"),
    Kind.DUB: ("dub.yaml", "film.srt"),
    Kind.PODCAST: ("podcast.yaml",),
}
_NEXT = {
    Kind.BOOK: "tts-cli export book.yaml --recipe audiobook",
    Kind.GAME: "tts-cli export game.yaml --recipe game-lines",
    Kind.DUB: "tts-cli export dub.yaml --recipe dub",
    Kind.PODCAST: "tts-cli export podcast.yaml --recipe podcast",
}


def init(
    kind: Annotated[Kind, typer.Argument(help="What the example is of.")] = Kind.BOOK,
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="Where to write it.")] = Path(),
    as_json: JsonOpt = False,
) -> None:
    """Write a small example that runs: a book, a game's lines, a dub or a podcast. No file is replaced."""
    from tts_cli.cache.blobs import write_atomically

    paths = [to / name for name in _FILES[kind]]
    if there := [str(path) for path in paths if path.exists() or path.is_symlink()]:
        raise UsageError(f"{', '.join(there)}: there already", hint="choose another folder with --to")
    examples = resources.files("tts_cli.cli") / "examples"
    for path in paths:
        write_atomically(path, examples.joinpath(path.name).read_bytes())
    command = _NEXT[kind] if to == Path() else f"cd {to} && {_NEXT[kind]}"
    if as_json:
        output.print_json({"status": "ok", "files": [str(path) for path in paths], "next": command})
        return
    for path in paths:
        output.results().say("{}", path)
    output.talk().say("try it: {}", command)
