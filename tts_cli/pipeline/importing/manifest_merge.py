"""A new edition of a book into a manifest that people have edited: what they wrote stays, comments and all."""

import csv
import difflib
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import yaml

from tts_cli.errors import InputError
from tts_cli.formats.decode import Decoded, fault
from tts_cli.formats.fields import CHAPTER, LINE, TOP, column_of
from tts_cli.formats.sheets.csv_rows import read_csv
from tts_cli.formats.sheets.sheet import Sheet
from tts_cli.pipeline.importing.manifest_text import (
    LINE_KEYS,
    ImportedLine,
    ImportedScript,
    chapter_text,
    line_text,
    scalar,
)

CHANGED, REMOVED = "changed", "removed"
"""The tags of lines that a new edition of the book has otherwise, or no longer."""
_AUTOMATIC = re.compile(r"[0-9a-f]{12}")
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_HINT = "write lines as a list, each with a dash before it, or import into another file"


@dataclass(frozen=True, slots=True)
class MergeCounts:
    """How many lines were put in, changed, or marked as removed."""

    added: int = 0
    changed: int = 0
    removed: int = 0


@dataclass(frozen=True, slots=True)
class _Changes:
    """What becomes of the old ids: a new line in its place, or none; and the new lines after an old id (or none)."""

    replaced: Mapping[str, ImportedLine]
    removed: frozenset[str]
    added: Mapping[str, str]

    def count(self) -> MergeCounts:
        return MergeCounts(len(self.added), len(self.replaced), len(self.removed))


def _compare(old_ids: Sequence[str], script: ImportedScript) -> _Changes:
    """Match the lines by their ids; of what differs in one place, one line stands for another.

    Lines of somebody's own have ids of another kind, and are none of the book's business.
    """
    old = [line_id for line_id in old_ids if _AUTOMATIC.fullmatch(line_id)]
    known, lines = set(old), {line.id: line for line in script.lines}
    new = list(lines)
    replaced: dict[str, ImportedLine] = {}
    for kind, first, last, start, end in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "replace":
            gone = [line_id for line_id in old[first:last] if line_id not in lines]
            come = [line_id for line_id in new[start:end] if line_id not in known]
            replaced |= {one: lines[other] for one, other in zip(gone, come, strict=False)}
    came = {line.id for line in replaced.values()}
    place = {line.id: line_id for line_id, line in replaced.items()}
    added: dict[str, str] = {}
    for before, line_id in zip(["", *new], new, strict=False):
        if line_id not in known and line_id not in came:
            added[line_id] = place.get(before, before)
    removed = frozenset(line_id for line_id in old if line_id not in lines and line_id not in replaced)
    return _Changes(replaced, removed, added)


# --- YAML -----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _OldLine:
    """A line of the manifest: its fields as they are written, and its place in the text, in lines from 0."""

    id: str
    start: int
    end: int
    column: int
    fields: dict[str, str]
    values: dict[str, str]


@dataclass(slots=True)
class _OldChapter:
    """A chapter, its place in the text, and its lines."""

    id: str
    start: int
    end: int
    column: int
    lines: list[_OldLine] = field(default_factory=list)


def merge_yaml(text: str, name: str, script: ImportedScript, *, with_lines: bool = True) -> tuple[str, MergeCounts]:
    """Return the manifest with the new edition in it; `with_lines` False leaves the lines to its sheet.

    Raises `InputError` for a manifest that cannot be read, or is written so that nothing can be put between its lines.
    """
    rows = text.split("\n")
    old = _Reader(name, text, rows)
    chapters = old.chapters()
    lines = [line for chapter in chapters for line in chapter.lines] if with_lines else []
    changes = _compare([line.id for line in lines], script) if with_lines else _Changes({}, frozenset(), {})
    edits = [*_line_edits(lines, changes), *_chapter_edits(chapters, script, changes, with_lines=with_lines)]
    if with_lines:
        edits += _added_edits(chapters, script, changes, name)
    # From the end, so that the places before stay what they are; what goes in first comes last.
    for start, end, new in sorted(edits, key=lambda edit: (edit[0], edit[1]), reverse=True):
        rows[start:end] = new
    return "\n".join(rows), changes.count()


_Edit = tuple[int, int, list[str]]


def _line_edits(lines: Sequence[_OldLine], changes: _Changes) -> Iterator[_Edit]:
    for line in lines:
        own = {key: value for key, value in line.fields.items() if LINE.field_of(key) not in ("id", *LINE_KEYS)}
        dash = f"{' ' * line.column}- "
        if new := changes.replaced.get(line.id):
            own = _tagged(own, CHANGED, line.values) | {"notes": scalar(f"was: {line.values.get('text', '')}")}
            yield line.start, line.end, [dash + line_text(new, own)]
        elif line.id in changes.removed:
            kept = {key: value for key, value in line.fields.items() if LINE.field_of(key) != "skip"}
            fields = ", ".join(
                f"{key}: {value}" for key, value in (_tagged(kept, REMOVED, line.values) | {"skip": "true"}).items()
            )
            yield line.start, line.end, [f"{dash}{{{fields}}}"]


def _tagged(fields: Mapping[str, str], tag: str, values: Mapping[str, str]) -> dict[str, str]:
    """Return the fields with one more tag."""
    others = {key: value for key, value in fields.items() if LINE.field_of(key) != "tags"}
    return {**others, "tags": scalar(_with_tag(values.get("tags", ""), tag))}


def _with_tag(tags: str, tag: str) -> str:
    kept = [word.strip() for word in tags.split(",") if word.strip() not in ("", CHANGED, REMOVED)]
    return ", ".join([*kept, tag])


def _chapter_edits(
    chapters: Sequence[_OldChapter], script: ImportedScript, changes: _Changes, *, with_lines: bool
) -> Iterator[_Edit]:
    """Put in chapters that are new, each after the one before it."""
    known = {chapter.id: chapter for chapter in chapters if chapter.id}
    if not known:
        return
    here = {line.id for chapter in chapters for line in chapter.lines}
    moved = {line.id for line in changes.replaced.values()} | here
    after = next(iter(known.values()))
    is_first = True
    for name in script.chapters:
        if name in known:
            after, is_first = known[name], False
            continue
        own = replace(script, lines=[line for line in script.lines if line.id not in moved])
        text = chapter_text(own, name, with_lines=with_lines, indent=" " * after.column).rstrip("\n")
        place = after.start if is_first else after.end
        yield place, place, text.split("\n")


def _added_edits(
    chapters: Sequence[_OldChapter], script: ImportedScript, changes: _Changes, name: str
) -> Iterator[_Edit]:
    """Put in lines that are new in chapters that are not."""
    known = {chapter.id: chapter for chapter in chapters}
    places = {line.id: line for chapter in chapters for line in chapter.lines}
    groups: dict[tuple[int, int], list[str]] = {}
    lines = {line.id: line for line in script.lines}
    at: dict[str, tuple[int, int]] = {}
    for line_id, before in changes.added.items():
        chapter = known.get(lines[line_id].chapter)
        if chapter is None:
            continue
        if not chapter.lines:
            raise fault(name, chapter.start + 1, 1, f"chapter {chapter.id!r} has no lines yet, and needs one", _HINT)
        same = before in places and places[before] in chapter.lines
        place = at.get(before) or (
            (places[before].end, places[before].column) if same else (chapter.lines[0].start, chapter.lines[0].column)
        )
        at[line_id] = place
        groups.setdefault(place, []).append(f"{' ' * place[1]}- {line_text(lines[line_id])}")
    for (row, _), new in groups.items():
        yield row, row, new


class _Reader:
    """Finds chapters and lines in the text of a manifest, with their places."""

    def __init__(self, name: str, text: str, rows: Sequence[str]) -> None:
        self._name, self._text, self._rows = name, text, rows
        try:
            root: Any = yaml.compose(text, Loader=_LOADER)
        except yaml.YAMLError as error:
            raise fault(name, 1, 1, f"is not YAML: {error}") from None
        if not isinstance(root, yaml.MappingNode):
            raise fault(name, 1, 1, "is no manifest", _HINT)
        self._root: Any = root

    def chapters(self) -> list[_OldChapter]:
        """Return the chapters, and the lines outside of them as a chapter without a name."""
        found = []
        for key, node in self._root.value:
            kind = TOP.field_of(str(key.value))
            if kind == "lines" and isinstance(node, yaml.SequenceNode):
                found.append(
                    _OldChapter("", node.start_mark.line, self._end(node), node.start_mark.column, self._lines(node))
                )
            elif kind == "chapters" and isinstance(node, yaml.SequenceNode):
                self._check(node)
                found += [self._chapter(entry, node.start_mark.column) for entry in node.value]
        return found

    def _chapter(self, node: Any, column: int) -> _OldChapter:
        if not isinstance(node, yaml.MappingNode):
            raise fault(self._name, node.start_mark.line + 1, 1, "this chapter is no mapping", _HINT)
        values = {CHAPTER.field_of(str(key.value)): value for key, value in node.value}
        name = values.get("id") or values.get("title")
        lines = values.get("lines")
        return _OldChapter(
            str(name.value) if name is not None else "",
            node.start_mark.line,
            self._end(node),
            column,
            self._lines(lines) if isinstance(lines, yaml.SequenceNode) else [],
        )

    def _lines(self, node: Any) -> list[_OldLine]:
        self._check(node)
        return [self._line(entry, node.start_mark.column) for entry in node.value]

    def _line(self, node: Any, column: int) -> _OldLine:
        fields: dict[str, str] = {}
        values: dict[str, str] = {}
        for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
            written = self._text[value.start_mark.index : value.end_mark.index].strip()
            plain = isinstance(value, yaml.ScalarNode) and value.style in ("|", ">")
            fields[str(key.value)] = scalar(str(value.value)) if plain else " ".join(written.split("\n"))
            values[LINE.field_of(str(key.value)) or str(key.value)] = str(value.value)
        return _OldLine(values.get("id", ""), node.start_mark.line, self._end(node), column, fields, values)

    def _check(self, node: Any) -> None:
        if node.flow_style and node.value:
            raise fault(
                self._name, node.start_mark.line + 1, node.start_mark.column + 1, "is a list in brackets", _HINT
            )

    def _end(self, node: Any) -> int:
        """Return the row after a node: a block's end is where the next thing begins, with comments before it."""
        end: int = node.end_mark.line + (1 if node.end_mark.column else 0)
        while end > node.start_mark.line + 1 and (
            not self._rows[end - 1].strip() or self._rows[end - 1].lstrip().startswith("#")
        ):
            end -= 1
        return end


# --- sheets ---------------------------------------------------------------------------------------------


def merge_sheet(decoded: Decoded, name: str, script: ImportedScript) -> tuple[bytes, MergeCounts]:
    """Return the sheet with the new edition in it; columns of somebody's own stay as they are."""
    sheet = read_csv(decoded, name)
    columns = _columns(sheet)
    if "id" not in columns or "text" not in columns:
        raise InputError(fault(name, sheet.header_row, 1, "has no columns `id` and `text`", _HINT).problems)
    header = list(sheet.header)
    for more in ("tags", "skip", "notes"):
        if more not in columns:
            columns[more] = len(header)
            header.append(more)
    rows = [[*row, *[""] * (len(header) - len(row))] for _, row in sheet.numbered()]
    changes = _compare([row[columns["id"]] for row in rows], script)
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=sheet.delimiter if sheet.delimiter in ",;\t|" else ",", lineterminator="\n")
    writer.writerow(header)
    writer.writerows(_merged_rows(rows, columns, len(header), script, changes))
    return decoded.encode(out.getvalue()), changes.count()


def _merged_rows(
    rows: Sequence[list[str]], columns: Mapping[str, int], width: int, script: ImportedScript, changes: _Changes
) -> Iterator[list[str]]:
    lines = {line.id: line for line in script.lines}
    following: dict[str, list[str]] = {}
    for line_id, before in changes.added.items():
        following.setdefault(before, []).append(line_id)

    def added(before: str) -> Iterator[list[str]]:
        for line_id in following.pop(before, []):
            row = [""] * width
            _fill(row, columns, lines[line_id])
            yield row
            yield from added(line_id)

    yield from added("")
    for row in rows:
        old = row[columns["id"]]
        if new := changes.replaced.get(old):
            row[columns["notes"]] = f"was: {row[columns['text']]}"
            _tag(row, columns["tags"], CHANGED)
            _fill(row, columns, new)
        elif old in changes.removed:
            row[columns["skip"]] = "true"
            _tag(row, columns["tags"], REMOVED)
        yield row
        yield from added(old)


def _fill(row: list[str], columns: Mapping[str, int], line: ImportedLine) -> None:
    for key, value in {**dict.fromkeys(LINE_KEYS, ""), "id": line.id, "chapter": line.chapter, **line.fields}.items():
        if key in columns:
            row[columns[key]] = value


def _tag(row: list[str], column: int, tag: str) -> None:
    row[column] = _with_tag(row[column], tag)


def _columns(sheet: Sheet) -> dict[str, int]:
    return {known: place for place, header in enumerate(sheet.header) if (known := column_of(header))}
