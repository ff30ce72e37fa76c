"""A manifest's files to one script of validated records: include, extends and sheets are followed from here."""

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import TypeVar

from tts_cli.errors import InputError, Problem, Source
from tts_cli.formats import fields
from tts_cli.formats.decode import Decoded, decode, fault, read_bytes
from tts_cli.formats.fields import LINE, Names
from tts_cli.formats.records import (
    Entry,
    MappingRecord,
    NamedReader,
    Record,
    ScalarLocation,
    merge,
    read_mapping,
    validated,
)
from tts_cli.formats.schema import DefaultFields, PauseFields, ProjectFields, SpeakerFields
from tts_cli.formats.yaml_tree import Marks, Tree, read_yaml
from tts_cli.user_files import is_file, real_path

DEEPEST_REFERENCE = 8
MOST_SHOWN = 100
STDIN = "-"
STDIN_NAME = "stdin"
MANIFEST_SUFFIXES = {".yaml": "yaml", ".yml": "yaml", ".json": "json", ".csv": "csv", ".tsv": "csv"}
MANIFEST_SUFFIXES |= {".xlsx": "xlsx", ".xlsm": "xlsx"}
MANIFEST_SUFFIXES |= {".srt": "srt", ".vtt": "vtt", ".ass": "ass", ".ssa": "ass"}
_SUBTITLES = (
    (re.compile(r"WEBVTT\b"), "vtt"),
    (re.compile(r"\[Script Info\]", re.IGNORECASE), "ass"),
    (re.compile(r"\d+\s+[\d:]+[,.]\d+\s*-->"), "srt"),
)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Member:
    """A speaker as written: what it gives its lines, and its own emotions."""

    entry: Entry
    emotions: Mapping[str, Entry] = field(default_factory=dict)


_NOTHING = Entry({}, ScalarLocation("", Marks(0, 0)))


@dataclass(frozen=True, slots=True)
class Header:
    """All of a manifest but its lines, include and extends worked in; `speakers` None means anybody may speak.

    Where a file it refers to could not be read, it is not `whole`, and unknown names mean nothing.
    """

    project: Entry = _NOTHING
    defaults: Entry = _NOTHING
    pauses: Entry = _NOTHING
    speakers: Mapping[str, Member] | None = None
    emotions: Mapping[str, Entry] = field(default_factory=dict)
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML file: its top level, and the folder that its references start from."""

    name: str
    folder: str
    top: MappingRecord


@dataclass(slots=True)
class Diagnostics:
    """What is wrong or doubtful so far, and the files in the order in which they were opened."""

    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    files: list[str] = field(default_factory=list)

    def complain(self, source: Source, message: str, hint: str = "") -> None:
        """Note a problem."""
        self.problems.append(Problem(source, message, hint))

    def note(self, problem: Problem) -> None:
        """Note a problem or a warning, as it says of itself."""
        (self.problems if problem.severity == "error" else self.warnings).append(problem)

    def in_order(self) -> list[Problem]:
        """Return the problems sorted by file and place, each once, and no more than anybody reads."""
        # Turned round, a file that was opened twice keeps its first rank.
        ranks = {name: rank for rank, name in reversed(list(enumerate(self.files)))}
        problems = sorted(
            dict.fromkeys(self.problems),
            key=lambda problem: (ranks.get(problem.source.path, -1), problem.source.line, problem.source.column),
        )
        more = len(problems) - MOST_SHOWN
        if more <= 0:
            return problems
        return [*problems[:MOST_SHOWN], Problem(problems[MOST_SHOWN].source, f"and {more} more problems from here on")]

    def attempt(self, read: Callable[[], T]) -> T | None:
        """Read a file that another one refers to; what is wrong in it is noted, and the work goes on."""
        try:
            return read()
        except InputError as error:
            self.problems += error.problems
            return None


def sniff_format(path: str, text: str) -> str:
    """Tell "yaml", "json", "csv", "srt", "vtt" or "ass" by the name, else by how it begins."""
    suffix = MANIFEST_SUFFIXES.get(PurePath(path).suffix.lower())
    if suffix:
        return suffix
    beginning = text[:1000].lstrip()
    for pattern, form in _SUBTITLES:
        if pattern.match(beginning):
            return form
    first = next(filter(None, map(str.strip, text.split("\n", 100))), "")
    if first[:1] in ("{", "["):
        return "json"
    cells = [cell.strip(' "') for cell in re.split(r"[,;\t|]", first)]
    return "csv" if any(map(LINE.field_of, cells)) else "yaml"


def read_document(
    decoded: Decoded, name: str, folder: str, diagnostics: Diagnostics, *, is_json: bool = False
) -> Document:
    """Compose a YAML file and look at its top level; raises `InputError` where that is no mapping."""
    diagnostics.files.append(name)
    tree = read_yaml(decoded, name, is_json=is_json)
    if is_json and isinstance(tree.data, list) and isinstance(tree.marks, Marks):
        # What other tools write: the lines, and nothing around them.
        marks = Marks(tree.marks.line, tree.marks.column, {"lines": tree.marks}, {"lines": tree.marks})
        tree = Tree(name, {"lines": tree.data}, marks)
    if not isinstance(tree.data, dict) or not isinstance(tree.marks, Marks):
        kind = "list" if isinstance(tree.data, list) else "single value"
        place = (tree.marks.line + 1, tree.marks.column + 1)
        raise fault(name, *place, f"is a {kind}, not a manifest", "put the lines under `lines:`")
    top = read_mapping(name, tree.data, tree.marks, fields.TOP, diagnostics.problems)
    for key in top.fields:
        if key not in fields.TOP.fields:
            diagnostics.complain(top.place.key(key), f"unknown key {key!r}", fields.TOP.hint(key))
    return Document(name, folder, top)


class FrameReader:
    """Reads a document's frame and follows what it refers to; each file is read once, however often it is named."""

    def __init__(self, diagnostics: Diagnostics) -> None:
        self._findings = diagnostics
        self._read: dict[str, Header | None] = {}

    def read(self, document: Document, chain: tuple[str, ...]) -> Header:
        """Return the document's frame: its own parts over what it includes, over what it extends."""
        header = Header()
        for key in ("extends", "include"):
            for reference, source in self._references(document, key):
                other = self._follow(document, reference, source, chain)
                if other is None:
                    # What is not here may have defined any name, so unknown ones are not held against the script.
                    header = replace(header, whole=False)
                elif key == "extends":
                    header = _lay_over(header, other)
                else:
                    header = _lay_over(
                        header, Header(speakers=other.speakers, emotions=other.emotions, whole=other.whole)
                    )
        # A document's own words are laid over all that it refers to.
        return _lay_over(header, self._own(document))

    # --- what a document refers to ------------------------------------------------------------------------

    def _references(self, document: Document, key: str) -> Iterable[tuple[str, Source]]:
        node = document.top.fields.get(key)
        if node is None:
            return
        marks = document.top.place.mark(key)
        entries = list(enumerate(node)) if isinstance(node, list) else [(None, node)]
        for index, reference in entries:
            mark = marks if index is None or not isinstance(marks, Marks) else marks.items[index]
            source = ScalarLocation(document.name, mark).at()
            if isinstance(reference, str) and reference.strip():
                yield reference.strip(), source
            else:
                self._findings.complain(source, f"{key}: must name a file", f"write {key}: cast.yaml")

    def _follow(self, document: Document, reference: str, source: Source, chain: tuple[str, ...]) -> Header | None:
        path = os.path.join(document.folder, reference)  # noqa: PTH118  keeps the path as the user gave it
        # By its real path, as links can hide a circle.
        real = real_path(path)
        fault = ""
        if real in chain:
            fault = "leads back to a file that it is read from"
        elif len(chain) > DEEPEST_REFERENCE:
            fault = f"is more than {DEEPEST_REFERENCE} files deep"
        elif not is_file(path):
            fault = "no such file"
        if fault:
            self._findings.complain(source, f"{reference!r}: {fault}", "paths are relative to the file they are in")
            return None
        # A file that many others name is read, and complained of, once.
        if real not in self._read:
            self._read[real] = self._findings.attempt(lambda: self._open(path, (*chain, real)))
        return self._read[real]

    def _open(self, path: str, chain: tuple[str, ...]) -> Header:
        decoded = decode(read_bytes(path), path)
        if (form := sniff_format(path, decoded.text)) not in ("yaml", "json"):
            kind = "sheet" if form in ("csv", "xlsx") else "subtitle file"
            raise fault(path, 1, 1, f"is a {kind}, not a manifest", "name it under `lines:`")
        folder = os.path.dirname(path)  # noqa: PTH120
        document = read_document(decoded, path, folder, self._findings, is_json=form == "json")
        return self.read(document, chain)

    # --- a document's own parts ---------------------------------------------------------------------------

    def _own(self, document: Document) -> Header:
        top = document.top
        emotions: Mapping[str, Entry] = {}
        if "emotions" in top.fields:
            reader = NamedReader(document.name, self._findings.problems)
            emotions = reader.emotions(top.fields["emotions"], top.place.mark("emotions"))
        return Header(
            project=self._section(document, "project", fields.PROJECT, ProjectFields),
            defaults=self._section(document, "defaults", fields.DEFAULTS, DefaultFields),
            pauses=self._section(document, "pauses", fields.PAUSES, PauseFields),
            speakers=self._speakers(document) if "speakers" in top.fields else None,
            emotions=emotions,
        )

    def _section(self, document: Document, key: str, names: Names, kind: type) -> Entry:
        if key not in document.top.fields:
            return _NOTHING
        node, marks = document.top.fields[key], document.top.place.mark(key)
        if not isinstance(node, dict) or not isinstance(marks, Marks):
            self._findings.complain(document.top.place.at(key), f"{key}: must be a mapping")
            return _NOTHING
        record = read_mapping(document.name, node, marks, names, self._findings.problems)
        return validated(kind, names, [record], self._findings.problems)[0]

    def _speakers(self, document: Document) -> dict[str, Member]:
        reader = NamedReader(document.name, self._findings.problems)
        node, marks = document.top.fields["speakers"], document.top.place.mark("speakers")
        records, emotions = {}, {}
        for name, record in reader.records("speakers", node, marks, fields.SPEAKER, short="voice").items():
            if "emotions" in record.fields and isinstance(record, MappingRecord):
                emotions[name] = reader.emotions(record.fields["emotions"], record.place.mark("emotions"))
            records[name] = Record(
                {key: item for key, item in record.fields.items() if key != "emotions"}, record.place
            )
        entries = validated(SpeakerFields, fields.SPEAKER, list(records.values()), self._findings.problems)
        return {name: Member(entry, emotions.get(name, {})) for name, entry in zip(records, entries, strict=True)}


def _lay_over(under: Header, over: Header) -> Header:
    """Merge two frames: sections field by field, speakers and emotions by name and then field by field."""
    speakers = under.speakers
    if over.speakers is not None:
        speakers = _merge_named(speakers or {}, over.speakers, _merge_members)
    return Header(
        project=merge(under.project, over.project),
        defaults=merge(under.defaults, over.defaults),
        pauses=merge(under.pauses, over.pauses),
        speakers=speakers,
        emotions=_merge_named(under.emotions, over.emotions, merge),
        whole=under.whole and over.whole,
    )


def _merge_named(under: Mapping[str, T], over: Mapping[str, T], merge_two: Callable[[T, T], T]) -> dict[str, T]:
    both = {name: merge_two(under[name], over[name]) for name in over if name in under}
    return {**under, **over, **both}


def _merge_members(under: Member, over: Member) -> Member:
    return Member(merge(under.entry, over.entry), _merge_named(under.emotions, over.emotions, merge))
