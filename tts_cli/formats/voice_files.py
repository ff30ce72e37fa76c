"""A voice's folder as data: `voice.yaml`, and beside it `emotions/<name>.yaml` for those that want a file each."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tts_cli.errors import InputError, Problem
from tts_cli.formats import fields
from tts_cli.formats.decode import decode, fault, read_bytes
from tts_cli.formats.fields import Names
from tts_cli.formats.records import (
    Entry,
    MappingPlace,
    MappingRecord,
    NamedReader,
    Record,
    ScalarLocation,
    read_mapping,
    validated,
)
from tts_cli.formats.schema import DefinitionFields, EmotionFields, ReferenceFields, VoiceFields
from tts_cli.formats.yaml_tree import Mark, Marks, Node, read_yaml

VOICE_FILE = "voice.yaml"
EMOTIONS_FOLDER = "emotions"
_PARTS = ("engines", "references", "emotions")


@dataclass(frozen=True, slots=True)
class VoiceFile:
    """A voice as written: its own fields, what it is for each engine, its clips, and its emotions."""

    name: str
    folder: Path
    entry: Entry
    definitions: Mapping[str, Entry] = field(default_factory=dict)
    references: tuple[Entry, ...] = ()
    emotions: Mapping[str, Entry] = field(default_factory=dict)


def read_voice(folder: Path) -> VoiceFile:
    """Read a voice's folder; raises `InputError` with every problem of its files, each at its place."""
    problems: list[Problem] = []
    top = _read_mapping(folder / VOICE_FILE, fields.VOICE, "a voice", problems)
    path, place = top.place.path, top.place
    reader = NamedReader(path, problems)
    definitions = _definitions(reader, top) if "engines" in top.fields else {}
    references = _references(path, top.fields["references"], place, problems) if "references" in top.fields else ()
    emotions = reader.emotions(top.fields["emotions"], place.mark("emotions")) if "emotions" in top.fields else {}
    for name, emotion in read_emotions_folder(folder, problems).items():
        if name in emotions:
            problems.append(Problem(emotion.at(), f"the emotion {name!r} is given twice", f"see {emotions[name].at()}"))
        emotions[name] = emotion
    own = Record({key: value for key, value in top.fields.items() if key not in _PARTS}, place)
    [entry] = validated(VoiceFields, fields.VOICE, [own], problems)
    if problems:
        raise InputError(sorted(problems, key=lambda problem: (problem.source.path, problem.source.line)))
    return VoiceFile(folder.name, folder, entry, definitions, references, emotions)


def read_emotions_folder(folder: Path, problems: list[Problem]) -> dict[str, Entry]:
    """Read `emotions/<name>.yaml` of a voice's or a project's folder, by name; there need be none."""
    records = {}
    for path in sorted((folder / EMOTIONS_FOLDER).glob("*.yaml")):
        try:
            records[path.stem] = _read_mapping(path, fields.EMOTION, "an emotion", problems)
        # One bad file must not hide what is wrong in the others.
        except InputError as error:
            problems += error.problems
    return dict(zip(records, validated(EmotionFields, fields.EMOTION, list(records.values()), problems), strict=True))


def format_yaml(values: Mapping[str, Any]) -> str:
    """Write plain data as YAML, in the order given; texts stay readable."""
    return yaml.safe_dump(dict(values), sort_keys=False, allow_unicode=True, width=100)


def _read_mapping(path: Path, names: Names, what: str, problems: list[Problem]) -> MappingRecord:
    name = str(path)
    tree = read_yaml(decode(read_bytes(name), name), name)
    if not isinstance(tree.data, dict) or not isinstance(tree.marks, Marks):
        raise fault(name, 1, 1, f"is not {what}", names.hint(""))
    return read_mapping(name, tree.data, tree.marks, names, problems)


def _definitions(reader: NamedReader, top: MappingRecord) -> dict[str, Entry]:
    node, marks = top.fields["engines"], top.place.mark("engines")
    records = reader.records("engines", node, marks, fields.DEFINITION, short="voice")
    entries = validated(DefinitionFields, fields.DEFINITION, list(records.values()), reader.problems)
    return dict(zip(records, entries, strict=True))


def _references(path: str, node: Node, place: MappingPlace, problems: list[Problem]) -> tuple[Entry, ...]:
    """Read a list of clips, each a file or a mapping with its transcript; a single one needs no list."""
    marks = place.mark("references")
    items = list(enumerate(node)) if isinstance(node, list) else [(-1, node)]
    records = []
    for index, item in items:
        mark = marks if index < 0 or not isinstance(marks, Marks) else marks.items[index]
        records.append(_reference(path, item, mark, problems))
    missing = [record for record in records if not record.fields.get("file")]
    problems += [Problem(record.place.at(), "references: must name a file") for record in missing]
    return tuple(validated(ReferenceFields, fields.REFERENCE, records, problems))


def _reference(path: str, item: Node, mark: Mark | Marks, problems: list[Problem]) -> Record:
    if isinstance(item, dict) and isinstance(mark, Marks):
        return read_mapping(path, item, mark, fields.REFERENCE, problems)
    return Record({"file": item}, ScalarLocation(path, mark))
