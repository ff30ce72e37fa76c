"""What files in an output folder are called: safe, unlike one another, and never outside of it."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path

from tts_cli.errors import InputError, OutputError, Problem
from tts_cli.line import Line
from tts_cli.recipe import Recipe

TIMELINE_FILE = "timeline.json"
REPORT_FILE = "report.json"


def master_names(manifest_name: str, parts: Sequence[str], recipe: Recipe) -> dict[str, str]:
    """Name the master of each part (a chapter's id, or "" for the rest): `book.wav`, or `01-river-bank.wav`."""
    digits = max(2, len(str(len(parts))))
    chapters = [part for part in parts if part]
    names = {part: f"{chapters.index(part) + 1:0{digits}}-{safe_name(part)}" for part in chapters}
    return {part: f"{names.get(part) or programme_name(manifest_name, recipe)}.{recipe.format}" for part in parts}


def programme_name(manifest_name: str, recipe: Recipe) -> str:
    """Name what is one file in all; that of a dub says that it is one."""
    name = safe_name(manifest_name)
    return f"{name}.dub" if recipe.fit and "dub" not in name.lower() else name


def line_names(lines: Iterable[Line], masters: Iterable[str]) -> dict[str, str]:
    """Name each line's own file by id: its `file`, or `lines/<id>.wav`; a name that is taken is refused."""
    names: dict[str, str] = {}
    owners = {name.casefold(): f"{name} is a file of the whole" for name in (*masters, TIMELINE_FILE, REPORT_FILE)}
    problems = []
    for line in lines:
        name = names[line.id] = _line_file(line)
        if owner := owners.get(name.casefold()):
            problems.append(
                Problem(line.source, f"file {name!r} is written twice", f"{owner}; put {{id}} into the name")
            )
        owners[name.casefold()] = f"line {line.id!r} at {line.source} has the same"
    if problems:
        raise InputError(problems)
    return names


def _line_file(line: Line) -> str:
    if not line.file:
        return f"lines/{line.id}.wav"
    fields = {name: safe_name(getattr(line, name)) for name in ("speaker", "chapter", "language", "emotion")}
    name = line.file.format(id=line.id, **fields)
    return name if Path(name).suffix.lower() in (".wav", ".flac") else f"{name}.wav"


def safe_name(text: str) -> str:
    """Turn any text into one file name: letters, digits, `.`, `_` and `-`; never empty, hidden or reserved."""
    plain = unicodedata.normalize("NFKC", text)
    name = re.sub(r"[^\w.-]+", "-", plain).strip("-._ ")[:80]
    reserved = re.fullmatch(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?", name)
    return f"_{name}" if reserved or not name else name


def output_path(out: Path, relative: str) -> Path:
    """Return where a file goes and make its folder; raises `OutputError` if that would lie outside of `out`."""
    path = out / relative
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        inside = path.parent.resolve().is_relative_to(out.resolve())
    except OSError as error:
        raise OutputError(f"{path.parent} cannot be made: {error.strerror}") from error
    if not inside or path.is_symlink() or path.is_dir():
        raise OutputError(f"{path} leads elsewhere or is a folder", hint="remove it, or choose another folder with -o")
    return path
