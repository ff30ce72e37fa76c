"""What a user names -> a manifest to edit: the same lines by the same ids, so that it is rendered to the same takes."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tts_cli.cache.blobs import write_atomically
from tts_cli.errors import OutputError, Problem, UsageError
from tts_cli.formats.decode import decode, read_bytes
from tts_cli.formats.records import Entry
from tts_cli.formats.script import Script
from tts_cli.line import Line
from tts_cli.pipeline.importing.manifest_merge import MergeCounts, merge_sheet, merge_yaml
from tts_cli.pipeline.importing.manifest_text import LINE_KEYS, ImportedLine, ImportedScript, write_sheet, write_yaml
from tts_cli.pipeline.master.file_names import safe_name
from tts_cli.pipeline.request import RenderRequest
from tts_cli.pipeline.session import load_with_script
from tts_cli.settings import Settings
from tts_cli.types import Manifest

SHEET = ".csv"
SUFFIXES = (".yaml", ".yml", SHEET)
_NOT_PROJECT = frozenset(("cover",))


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRequest:
    """What is to be imported, and the manifest to write: YAML, or a sheet, which gets a frame in YAML beside it.

    With `update`, a manifest that is there gets what is new; with `overwrite`, it is written anew.
    """

    source: RenderRequest
    out: Path | None = None
    update: bool = False
    overwrite: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What was written: the files, how much is in them, and what was merged, if there was something to merge with."""

    files: tuple[str, ...]
    lines: int
    chapters: int
    merged: MergeCounts | None = None
    warnings: tuple[Problem, ...] = ()


def import_source(request: ImportRequest, settings: Settings) -> ImportReport:
    """Write the manifest of a source, and its cover beside it.

    Raises `UsageError` for a manifest that is there already, and `InputError` for what cannot be read.
    """
    script, manifest = load_with_script(request.source, settings)
    if script.form in ("yaml", "json"):
        raise UsageError(f"{script.path} is a manifest already", hint="it can be edited and rendered as it is")
    out = request.out or Path(f"{safe_name(manifest.name)}.yaml")
    if out.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{out} is no manifest's name", hint=f"known: {', '.join(SUFFIXES)}")
    is_sheet = out.suffix.lower() == SHEET
    frame = out.with_suffix(".yaml") if is_sheet else out
    there = [path for path in dict.fromkeys((out, frame)) if path.exists()]
    if there and not (request.update or request.overwrite):
        hint = "--update merges what is new into it; --overwrite writes it anew"
        raise UsageError(f"{there[0]} is there already", hint=hint)
    cover = _cover(manifest, out)
    imported = _imported(script, manifest, request.source.manifest, {"cover": cover[0].name} if cover else {})
    files: dict[Path, bytes] = {}
    merged: MergeCounts | None = None
    if request.update and there:
        files, merged = _merge(imported, out, frame, is_sheet=is_sheet)
    elif is_sheet:
        files = {out: write_sheet(imported.lines).encode(), frame: write_yaml(imported, sheet=out.name).encode()}
    else:
        files = {out: write_yaml(imported).encode()}
    if cover and not (request.update and cover[0].exists()):
        files[cover[0]] = cover[1]
    _write(files)
    return ImportReport(
        files=tuple(map(str, files)),
        lines=len(imported.lines),
        chapters=len(imported.chapters),
        merged=merged,
        warnings=manifest.warnings,
    )


def _imported(script: Script, manifest: Manifest, origin: str, more: Mapping[str, str]) -> ImportedScript:
    """Return what is written down: of a line, what its document says, and nothing that it only inherits."""
    entries = [entry for entry, _ in script.lines if not entry.values.get("skip")]
    written = [
        ImportedLine(line.id, line.chapter, _fields(line, entry))
        for line, entry in zip(manifest.lines, entries, strict=True)
    ]
    project = {key: value for key, value in manifest.metadata.items() if key not in _NOT_PROJECT}
    if manifest.recipe:
        project["recipe"] = manifest.recipe
    return ImportedScript(
        origin=Path(origin).name if origin != "-" else "standard input",
        project={**project, **more},
        chapters={name: chapter.title or name for name, chapter in manifest.chapters.items()},
        lines=written,
    )


def _fields(line: Line, entry: Entry) -> dict[str, str]:
    """Return a line's own fields as they are written, in the order in which an import writes them."""
    values = {key: value for key, value in entry.values.items() if key not in ("id", "chapter", "params")}
    if "language" in values and line.language != values["language"]:
        del values["language"]
    order = (*(key for key in LINE_KEYS if key in values), *(key for key in values if key not in LINE_KEYS))
    return {key: _written(key, values[key]) for key in order}


def _written(key: str, value: object) -> str:
    """Return a validated value as an author would write it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.10g}dB" if key == "volume" else f"{value:.10g}"
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _cover(manifest: Manifest, out: Path) -> tuple[Path, bytes] | None:
    cover = manifest.metadata.get("cover")
    if not cover:
        return None
    return out.with_name(f"{out.stem}-cover{Path(cover).suffix}"), Path(cover).read_bytes()


def _merge(
    imported: ImportedScript, out: Path, frame: Path, *, is_sheet: bool
) -> tuple[dict[Path, bytes], MergeCounts]:
    """Return the files with the new edition in them."""
    files: dict[Path, bytes] = {}
    counts = MergeCounts()
    if is_sheet and out.exists():
        files[out], counts = merge_sheet(decode(read_bytes(str(out)), str(out)), str(out), imported)
    elif is_sheet:
        files[out] = write_sheet(imported.lines).encode()
    if frame.exists():
        decoded = decode(read_bytes(str(frame)), str(frame))
        text, in_frame = merge_yaml(decoded.text, str(frame), imported, with_lines=not is_sheet)
        files[frame] = decoded.encode(text)
        counts = counts if is_sheet else in_frame
    else:
        files[frame] = write_yaml(imported, sheet=out.name if is_sheet else "").encode()
    return files, counts


def _write(files: Mapping[Path, bytes]) -> None:
    for path, data in files.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists() or path.read_bytes() != data:
                write_atomically(path, data)
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise OutputError(f"{path} cannot be written: {reason}") from error
