"""What files in an output folder are called: safe, unlike one another, and never outside of it."""

import hashlib
import re
import secrets
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path, PurePath, PurePosixPath

from tts_cli.errors import InputError, OutputError, Problem, UsageError, refused
from tts_cli.formats.fields import fold
from tts_cli.formats.values import DELIVERY_FIELDS, TEMPLATE_FIELD, unknown_field
from tts_cli.line import Line
from tts_cli.recipe import Delivery, Recipe
from tts_cli.types import Manifest

TIMELINE_FILE = "timeline.json"
REPORT_FILE = "report.json"
EXPORT_FILE = "export.json"

LONGEST_NAME_BYTES = 220
"""File systems take 255 bytes; a sidecar's `.json`, and what a file is called while it is written, are longer."""
_LONGEST_FIELD = 80
_DIGEST = 9  # a hyphen and eight digits

_NUMBER = re.compile(r"^\d{1,4}\s*[-.:)]\s+(?=\S)")
_LINE_SUFFIXES = (".wav", ".flac")
_NOBODY = {"id": "", "speaker": "narrator", "chapter": "script", "language": "und", "emotion": "neutral"}


def list_parts(manifest: Manifest, recipe: Recipe) -> list[str]:
    """Return what a recipe makes files of, in their order: chapters' ids, and "" for lines without, or for all."""
    return list(dict.fromkeys(line.chapter if recipe.split == "chapter" else "" for line in manifest.lines))


def master_names(manifest: Manifest, recipe: Recipe) -> dict[str, str]:
    """Name the master of each part (a chapter's id, or "" for the rest): `book.wav`, or `01-the-river.wav`."""
    parts = list_parts(manifest, recipe)
    digits = max(2, len(str(len(parts))))
    chapters = {part: number for number, part in enumerate(filter(None, parts), 1)}
    names = {
        part: f"{number:0{digits}}-{safe_name(chapter_name(manifest, part, numbered=True))}"
        for part, number in chapters.items()
    }
    return {
        part: _shortened(f"{names.get(part) or programme_name(manifest.name, recipe)}.{recipe.format}")
        for part in parts
    }


def chapter_name(manifest: Manifest, part: str, *, numbered: bool) -> str:
    """Say what a chapter's file is called: its title in small letters, else its id.

    In a name that is `numbered` anyway, a title leaves its own number out: `1. The River` is `the river`.
    """
    chapter = manifest.chapters.get(part)
    title = chapter.title.strip().lower() if chapter else ""
    return (_NUMBER.sub("", title) if numbered else title) or part


def programme_name(manifest_name: str, recipe: Recipe) -> str:
    """Name what is one file in all; that of a dub says that it is one."""
    name = safe_name(manifest_name)
    return f"{name}.dub" if recipe.fit and "dub" not in name.lower() else name


def delivery_file(delivery: Delivery, manifest: Manifest, **fields: str) -> str:
    """Fill in the template of a delivered file's name; every field becomes a safe part of a path."""
    if unknown := unknown_field(delivery.file, [*DELIVERY_FIELDS, *fields]):
        raise UsageError(f"the recipe's file {unknown[0]}", hint=unknown[1])
    known = {"name": manifest.name, "title": manifest.metadata.get("title", "").lower() or manifest.name}
    language = manifest.metadata.get("language", "") or "und"
    blank = {"id": "", "speaker": "", "chapter": "", "emotion": "", "number": "", "language": language}
    values = {**blank, **known, **fields}
    filled = TEMPLATE_FIELD.sub(lambda found: safe_name(values[found[1]]), delivery.file)
    return "/".join(map(_shortened, filled.split("/")))


def chapter_file(delivery: Delivery, manifest: Manifest, part: str, order: Sequence[str]) -> str:
    """Name a chapter's file by its number and its title; lines without a chapter have the work's name."""
    number = order.index(part) + 1
    padded = f"{number:0{max(2, len(str(len(order))))}}"
    name = chapter_name(manifest, part, numbered="{number}" in delivery.file) if part else manifest.name
    return delivery_file(delivery, manifest, number=padded, chapter=name)


def line_file(delivery: Delivery, manifest: Manifest, line: Line) -> str:
    """Name a line's file: by its own `file` where it has one, else by the template."""
    own = delivery
    if line.file:
        suffix = "" if PurePath(line.file).suffix.lower() in _LINE_SUFFIXES else PurePath(delivery.file).suffix
        own = replace(delivery, file=f"{line.file}{suffix}")
    fields = {name: getattr(line, name) or nobody for name, nobody in _NOBODY.items()}
    if line.chapter:
        fields["chapter"] = chapter_name(manifest, line.chapter, numbered=False)
    return delivery_file(own, manifest, **{**_of_columns(own.file, line), **fields})


def _of_columns(template: str, line: Line) -> dict[str, str]:
    """Return what a line has in the sheet's own columns, by the names that a template gives them."""
    own = {fold(column): value for column, value in line.columns.items()}
    return {
        field: own[fold(field)] or f"no-{field.lower()}"
        for field in TEMPLATE_FIELD.findall(template)
        if fold(field) in own
    }


def line_files(
    delivery: Delivery, manifest: Manifest, lines: Iterable[Line], taken: Iterable[str] = ()
) -> dict[str, str]:
    """Name each line's own file, by the line's id; `taken` are names of other files.

    Raises `InputError` for every name that is given twice.
    """
    names: dict[str, str] = {}
    owners = {name.casefold(): f"{name} is a file of the whole" for name in taken}
    lines = list(lines)
    problems = []
    for line in lines:
        name = names[line.id] = line_file(delivery, manifest, line)
        if owner := owners.get(name.casefold()):
            problem = f"file {name!r} is written twice"
            problems.append(Problem(line.source, problem, f"{owner}; put {{id}} into the name"))
        owners[name.casefold()] = f"line {line.id!r} at {line.source} has the same"
    for line in lines:
        for folder in PurePosixPath(names[line.id]).parents:
            if owner := owners.get(str(folder).casefold()):
                problem = f"file {names[line.id]!r} would lie in {str(folder)!r}, which is a file"
                problems.append(Problem(line.source, problem, f"{owner.replace('the same', 'that name')}; rename one"))
    if problems:
        raise InputError(problems)
    return names


def safe_name(text: str) -> str:
    """Turn any text into one file name: letters, digits, `.`, `_` and `-`; never empty, hidden or reserved."""
    plain = unicodedata.normalize("NFKC", text)
    name = re.sub(r"[^\w.-]+", "-", plain).strip("-._ ")
    if len(name) > _LONGEST_FIELD or len(name.encode()) > LONGEST_NAME_BYTES // 2:
        name = _with_digest(name[: _LONGEST_FIELD - _DIGEST], LONGEST_NAME_BYTES // 2 - _DIGEST, name)
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


def _shortened(name: str) -> str:
    """Cut a name that no file system takes; its suffix stays."""
    if len(name.encode()) <= LONGEST_NAME_BYTES:
        return name
    suffix = PurePath(name).suffix
    return _with_digest(name, LONGEST_NAME_BYTES - _DIGEST - len(suffix.encode()), name) + suffix


def _with_digest(text: str, most_bytes: int, whole: str) -> str:
    """Return as many characters as fit, and a digest that keeps the cut name unlike others."""
    begin = text.encode()[:most_bytes].decode(errors="ignore").rstrip("-._ ")
    return f"{begin}-{hashlib.sha256(whole.encode()).hexdigest()[: _DIGEST - 1]}"


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
