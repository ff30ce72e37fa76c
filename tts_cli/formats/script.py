"""A manifest file, YAML, JSON, CSV or subtitles, to one script: its frame, its chapters, and its lines in order."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath

from tts_cli.formats import fields
from tts_cli.formats.decode import Decoded, decode, guess_warning, read_bytes
from tts_cli.formats.documents import (
    MANIFEST_SUFFIXES,
    STDIN,
    STDIN_NAME,
    Diagnostics,
    Document,
    FrameReader,
    Header,
    read_document,
    sniff_format,
)
from tts_cli.formats.fields import LINE
from tts_cli.formats.records import Entry, Record, ScalarLocation, near_misses, read_mapping, read_rows, validated
from tts_cli.formats.schema import ChapterFields, LineFields
from tts_cli.formats.sheets.csv_rows import read_csv
from tts_cli.formats.sheets.sheet import Sheet
from tts_cli.formats.subtitle_rows import SUBTITLE_FORMS, read_subtitles
from tts_cli.formats.yaml_tree import Mark, Marks, Node
from tts_cli.user_files import is_file, real_path

EXCEL = "xlsx"


@dataclass(frozen=True, slots=True)
class Script:
    """All records of a manifest, each with its place; a line comes with the chapter it was written in, or "".

    `form` is yaml, json, csv, xlsx, srt, vtt or ass. `sheets` are those that lines come from, by their path.
    """

    path: str
    name: str
    folder: str
    form: str
    header: Header
    chapters: Mapping[str, Entry] = field(default_factory=dict)
    lines: tuple[tuple[Entry, str], ...] = ()
    sheets: Mapping[str, Sheet] = field(default_factory=dict)


@dataclass(slots=True)
class _Draft:
    """Lines and chapters on the way to a script, not yet validated."""

    chapters: dict[str, Record] = field(default_factory=dict)
    lines: list[tuple[Record, str]] = field(default_factory=list)
    sheets: dict[str, Sheet] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptFile:
    """A manifest's file: its path, its form if that is known, and the bytes of `stdin` where the path is `-`.

    `encoding` is that of its text, where it is not UTF-8; empty lets it be guessed. `sheet` is one of a workbook.
    """

    path: str
    format: str | None = None
    stdin: bytes | None = None
    encoding: str = ""
    sheet: str = ""


def read_script(file: ScriptFile, diagnostics: Diagnostics) -> Script:
    """Read a manifest and all it refers to.

    Problems go to `findings` and what is sound is returned; raises `InputError` where the file itself is unreadable.
    """
    path = file.path
    name = STDIN_NAME if path == STDIN else path
    data = (file.stdin or b"") if path == STDIN else read_bytes(path, may_be_pipe=True)
    form = file.format or MANIFEST_SUFFIXES.get(PurePath(path).suffix.lower(), "")
    if form == EXCEL:
        return _read_workbook(file, name, data, diagnostics)
    decoded = decode(data, name, file.encoding)
    diagnostics.warnings += guess_warning(decoded, name)
    form = form or sniff_format(path, decoded.text)
    folder = "" if path == STDIN else os.path.dirname(path)  # noqa: PTH120  "" stays ""
    draft = _Draft()
    header = Header()
    if form not in ("yaml", "json"):
        diagnostics.files.append(name)
        _take_lines(draft, _Lines(name, decoded, form), "", diagnostics)
    else:
        document = read_document(decoded, name, folder, diagnostics, is_json=form == "json")
        header = FrameReader(diagnostics).read(document, (real_path(path),))
        _Reader(document, header, diagnostics, draft).read()
    return _check(draft, Script(path, name, folder, form, header), diagnostics)


def _read_workbook(file: ScriptFile, name: str, data: bytes, diagnostics: Diagnostics) -> Script:
    from tts_cli.formats.sheets.excel import read_excel

    diagnostics.files.append(name)
    draft = _Draft()
    _take_sheet(draft, read_excel(data, name, file.sheet), "", diagnostics)
    folder = "" if file.path == STDIN else os.path.dirname(file.path)  # noqa: PTH120  "" stays ""
    return _check(draft, Script(file.path, name, folder, EXCEL, Header()), diagnostics)


@dataclass(frozen=True, slots=True)
class _Lines:
    """A file that holds lines and nothing else: a sheet, or subtitles, which name speakers of the `cast`."""

    name: str
    decoded: Decoded
    form: str
    cast: Iterable[str] = ()


def _take_lines(draft: _Draft, file: _Lines, chapter: str, diagnostics: Diagnostics) -> None:
    records: Sequence[Record]
    if file.form in SUBTITLE_FORMS:
        subtitles = read_subtitles(file.decoded, file.name, file.form, file.cast)
        diagnostics.warnings += subtitles.warnings
        diagnostics.problems += subtitles.problems
        records = subtitles.records
    else:
        _take_sheet(draft, read_csv(file.decoded, file.name), chapter, diagnostics)
        return
    draft.lines += [(record, chapter) for record in records]


def _take_sheet(draft: _Draft, sheet: Sheet, chapter: str, diagnostics: Diagnostics) -> None:
    draft.sheets[sheet.name] = sheet
    diagnostics.warnings += sheet.warnings
    diagnostics.warnings += near_misses(sheet)
    draft.lines += [(record, chapter) for record in read_rows(sheet, diagnostics.problems)]


def _check(draft: _Draft, script: Script, diagnostics: Diagnostics) -> Script:
    """Validate all chapters and all lines, each kind in one go."""
    cast = script.header.speakers or {}
    problems = diagnostics.problems
    chapters = validated(ChapterFields, fields.CHAPTER, list(draft.chapters.values()), problems)
    lines = validated(LineFields, LINE, [record for record, _ in draft.lines], problems, cast)
    return replace(
        script,
        chapters=dict(zip(draft.chapters, chapters, strict=True)),
        lines=tuple((entry, chapter) for entry, (_, chapter) in zip(lines, draft.lines, strict=True)),
        sheets=draft.sheets,
    )


class _Reader:
    """Walks a document's `lines` and `chapters`, in the order in which they stand, into a draft."""

    def __init__(self, document: Document, header: Header, diagnostics: Diagnostics, draft: _Draft) -> None:
        self._path = document.name
        self._document = document
        self._cast = header.speakers or {}
        self._findings = diagnostics
        self._draft = draft

    def read(self) -> None:
        """Take in everything."""
        for key, node in self._document.top.fields.items():
            if key == "lines":
                self._lines(node, self._document.top.place.mark(key), "")
            elif key == "chapters":
                self._chapters(node, self._document.top.place.mark(key))

    # --- chapters -----------------------------------------------------------------------------------------

    def _chapters(self, node: Node, mark: Mark | Marks) -> None:
        if not isinstance(node, (list, dict)) or not isinstance(mark, Marks):
            self._complain(mark, "chapters: must be a list or a mapping")
            return
        entries = node.items() if isinstance(node, dict) else enumerate(node)
        for number, (key, value) in enumerate(entries, 1):
            self._chapter(key if isinstance(node, dict) else "", number, value, mark.items[key])

    def _chapter(self, key: str, number: int, node: Node, mark: Mark | Marks) -> None:
        """Read a chapter: a mapping, a bare list of lines, or a bare title."""
        record = Record({}, ScalarLocation(self._path, mark))
        lines: tuple[Node, Mark | Marks] | None = None
        if isinstance(node, dict) and isinstance(mark, Marks):
            mapping = read_mapping(self._path, node, mark, fields.CHAPTER, self._findings.problems)
            record = Record({name: value for name, value in mapping.fields.items() if name != "lines"}, mapping.place)
            lines = (mapping.fields["lines"], mapping.place.mark("lines")) if "lines" in mapping.fields else None
        elif isinstance(node, list):
            lines = (node, mark)
        elif node:
            record = Record({"title": node}, record.place)
        chapter = self._name_chapter(key, number, record)
        # A second chapter of this name is complained of already; its lines join the first.
        self._draft.chapters.setdefault(chapter, record)
        if lines:
            self._lines(*lines, chapter)

    def _name_chapter(self, key: str, number: int, record: Record) -> str:
        """Return a chapter's id: its key, its `id`, its title or its number."""
        given = [key, record.fields.get("id"), record.fields.get("title"), str(number)]
        chapter = next(name.strip() for name in given if isinstance(name, str) and name.strip())
        if chapter in self._draft.chapters:
            first = self._draft.chapters[chapter].place.at()
            self._findings.complain(
                record.place.at("id"), f"chapter {chapter!r} is given twice", f"it is first at {first}"
            )
        return chapter

    # --- lines --------------------------------------------------------------------------------------------

    def _lines(self, node: Node, mark: Mark | Marks, chapter: str) -> None:
        if isinstance(node, str) and node.strip():
            self._sheet(node.strip(), mark, chapter)
        elif isinstance(node, list) and isinstance(mark, Marks):
            self._draft.lines += (
                (record, chapter) for index, item in enumerate(node) if (record := self._line(item, mark.items[index]))
            )
        else:
            self._complain(mark, "lines: must be a list, or the path of a sheet", "write lines: script.csv")

    def _sheet(self, reference: str, mark: Mark | Marks, chapter: str) -> None:
        path = os.path.join(self._document.folder, reference)  # noqa: PTH118
        if not is_file(path):
            hint = "paths are relative to the file they are in; lines written here are a list, each begins with a dash"
            self._complain(mark, f"{reference[:80]!r}: no such file", hint)
            return
        self._findings.files.append(path)
        self._findings.attempt(lambda: self._take_file(path, chapter))

    def _take_file(self, path: str, chapter: str) -> None:
        data = read_bytes(path)
        if MANIFEST_SUFFIXES.get(PurePath(path).suffix.lower()) == EXCEL:
            from tts_cli.formats.sheets.excel import read_excel

            _take_sheet(self._draft, read_excel(data, path), chapter, self._findings)
            return
        decoded = decode(data, path, "")
        self._findings.warnings += guess_warning(decoded, path)
        lines = _Lines(path, decoded, sniff_format(path, decoded.text), self._cast)
        _take_lines(self._draft, lines, chapter, self._findings)

    def _line(self, node: Node, mark: Mark | Marks) -> Record | None:
        """Read a line: a mapping, a mapping with the speaker as a key, or a bare text."""
        if isinstance(node, dict) and isinstance(mark, Marks):
            return read_mapping(self._path, node, mark, LINE, self._findings.problems, self._speaker_key(node))
        if isinstance(node, str):
            return Record({"text": node} if node.strip() else {}, ScalarLocation(self._path, mark))
        self._complain(mark, "a line is a text or a mapping, not a list")
        return None

    def _speaker_key(self, node: Mapping[str, Node]) -> str:
        """Return the key that is a speaker's name: the only one that is no field, where text and speaker are open."""
        # Without a cast any typing error in a key would become a speaker.
        if "text" in node or not self._cast:
            return ""
        names = {key: LINE.field_of(key) for key in node}
        unknown = [key for key, name in names.items() if name is None]
        if len(unknown) != 1 or {"text", "speaker"}.intersection(filter(None, names.values())):
            return ""
        return unknown[0] if unknown[0] in self._cast and isinstance(node[unknown[0]], str) else ""

    def _complain(self, mark: Mark | Marks, message: str, hint: str = "") -> None:
        self._findings.complain(ScalarLocation(self._path, mark).at(), message, hint)
