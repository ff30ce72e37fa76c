"""What files in an output folder are called: safe, unlike one another, and never outside of it."""

import re
import secrets
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path, PurePath

from tts_cli.errors import InputError, OutputError, Problem, refused
from tts_cli.line import Line
from tts_cli.recipe import Delivery, Recipe
from tts_cli.types import Manifest

TIMELINE_FILE = "timeline.json"
REPORT_FILE = "report.json"

_LINE_SUFFIXES = (".wav", ".flac")
_NOBODY = {"id": "", "speaker": "narrator", "chapter": "script", "language": "und", "emotion": "neutral"}


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


def delivery_file(delivery: Delivery, manifest: Manifest, **fields: str) -> str:
    """Fill in the template of a delivered file's name; every field becomes a safe part of a path."""
    known = {"name": manifest.name, "title": manifest.metadata.get("title", "") or manifest.name}
    language = manifest.metadata.get("language", "") or "und"
    blank = {"id": "", "speaker": "", "chapter": "", "emotion": "", "number": "", "language": language}
    return delivery.file.format(**{key: safe_name(value) for key, value in {**blank, **known, **fields}.items()})


def chapter_file(delivery: Delivery, manifest: Manifest, part: str, order: Sequence[str]) -> str:
    """Name a chapter's file by its number in the work and its id; lines without a chapter have the work's name."""
    number = f"{order.index(part) + 1:0{max(2, len(str(len(order))))}}"
    return delivery_file(delivery, manifest, number=number, chapter=part or manifest.name)


def line_file(delivery: Delivery, manifest: Manifest, line: Line) -> str:
    """Name a line's file: by its own `file` where it has one, else by the template."""
    own = delivery
    if line.file:
        suffix = "" if PurePath(line.file).suffix.lower() in _LINE_SUFFIXES else PurePath(delivery.file).suffix
        own = replace(delivery, file=f"{line.file}{suffix}")
    fields = {name: getattr(line, name) or nobody for name, nobody in _NOBODY.items()}
    return delivery_file(own, manifest, **fields)


def line_files(
    delivery: Delivery, manifest: Manifest, lines: Iterable[Line], taken: Iterable[str] = ()
) -> dict[str, str]:
    """Name each line's own file, by the line's id; `taken` are names of other files.

    Raises `InputError` for every name that is given twice.
    """
    names: dict[str, str] = {}
    owners = {name.casefold(): f"{name} is a file of the whole" for name in taken}
    problems = []
    for line in lines:
        name = names[line.id] = line_file(delivery, manifest, line)
        if owner := owners.get(name.casefold()):
            problem = f"file {name!r} is written twice"
            problems.append(Problem(line.source, problem, f"{owner}; put {{id}} into the name"))
        owners[name.casefold()] = f"line {line.id!r} at {line.source} has the same"
    if problems:
        raise InputError(problems)
    return names


def safe_name(text: str) -> str:
    """Turn any text into one file name: letters, digits, `.`, `_` and `-`; never empty, hidden or reserved."""
    plain = unicodedata.normalize("NFKC", text)
    name = re.sub(r"[^\w.-]+", "-", plain).strip("-._ ")[:80]
    reserved = re.fullmatch(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?", name)
    return f"_{name}" if reserved or not name else name


def check_writable(path: Path) -> None:
    """Try to write where a file is to be, before the work that fills it; nothing is left. Raises `OutputError`."""
    folder = path.parent
    try:
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        probe = folder / f".tmp-{secrets.token_hex(8)}"
        try:
            probe.write_bytes(b".")  # a disk may be full and still make an empty file
        finally:
            probe.unlink(missing_ok=True)
    except OSError as error:
        raise refused(path, "be written", error) from error
    if path.is_dir():
        raise OutputError(f"{path} cannot be written: it is a folder", hint="choose another name")


def output_path(out: Path, relative: str) -> Path:
    """Return where a file goes and make its folder; raises `OutputError` if that would lie outside of `out`."""
    path = out / relative
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        inside = path.parent.resolve().is_relative_to(out.resolve())
    except OSError as error:
        raise refused(path.parent, "be made", error) from error
    if not inside or path.is_symlink() or path.is_dir():
        raise OutputError(f"{path} leads elsewhere or is a folder", hint="remove it, or choose another folder with -o")
    return path
