"""Mappings and rows with their fields' own names, and the way back from a field to where it was written."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from tts_cli.errors import Problem, Source
from tts_cli.formats import fields
from tts_cli.formats.fields import OWN_COLUMNS, Names, column_of, guess, with_unit
from tts_cli.formats.schema import EmotionFields, validate
from tts_cli.formats.sheets.sheet import Sheet
from tts_cli.formats.values import BadValueError, parse_name
from tts_cli.formats.yaml_tree import Mark, Marks, Node
from tts_cli.line import LINE_FIELDS, no_columns

# What YAML writes for "nothing"; in a text they are words.
_NOTHING = ("", "~", "null", "Null", "NULL")
_WORDS = frozenset(("title", "name", "description", *(field.name for field in LINE_FIELDS if field.kind == "text")))


def _are_counts(values: Iterable[Node]) -> bool:
    return all(isinstance(value, str) and value.strip().lstrip("-").isdecimal() for value in values)


# Names that other tools use for another field of ours, which they stand for where that is not given: the field, and
# what tells from the values that the name is meant as ours all the same.
BORROWED: Mapping[str, tuple[str, Callable[[Iterable[Node]], bool]]] = {
    "context": ("direction", _are_counts),
    "dialogue": ("text", lambda _: False),
}


class Location(Protocol):
    """Where a record was written, and each of its fields."""

    def at(self, name: str = "") -> Source:
        """Return where a field's value is, or the record itself."""

    def key(self, name: str) -> Source:
        """Return where a field's name is."""


@dataclass(frozen=True, slots=True)
class ScalarLocation:
    """The place of a record that is a single value."""

    path: str
    mark: Mark

    def at(self, name: str = "") -> Source:  # noqa: ARG002
        """Return the one place there is."""
        return Source(self.path, self.mark.line + 1, self.mark.column + 1)

    key = at


@dataclass(frozen=True, slots=True)
class MappingPlace:
    """The place of a YAML mapping; `names` tells how a field was called, `speaker` which key is the speaker."""

    path: str
    marks: Marks
    names: Mapping[str, str] = field(default_factory=dict)
    speaker: str = ""

    def at(self, name: str = "") -> Source:
        """Return where a field's value is, or the mapping itself."""
        if name == "speaker" and self.speaker:
            return self.key(name)
        return self._source(self._find(name, keys=False))

    def key(self, name: str) -> Source:
        """Return where a field's name is."""
        return self._source(self._find(name, keys=True))

    def mark(self, name: str) -> Mark | Marks:
        """Return the marks of a field's value."""
        return self.marks.items[self.names[name]]

    def _find(self, name: str, *, keys: bool) -> Mark | Marks:
        """Follow "params.x" into the mapping `params`, as far as it goes."""
        written = self.names.get(name, name)
        marks = self.marks
        if written not in marks.items and "." in name:
            outer, _, written = name.partition(".")
            inner = marks.items.get(self.names.get(outer, outer))
            marks = inner if isinstance(inner, Marks) else marks
        places: Mapping[Any, Mark | Marks] = marks.keys if keys else marks.items
        return places.get(written, marks)

    def _source(self, mark: Mark | Marks) -> Source:
        return Source(self.path, mark.line + 1, mark.column + 1)


@dataclass(frozen=True, slots=True)
class RowPlace:
    """The place of a sheet's row; `columns` tells the column of each field, from 1."""

    path: str
    row: int
    columns: Mapping[str, int]

    def at(self, name: str = "") -> Source:
        """Return a field's cell, or the row's first."""
        return Source(self.path, self.row, self.columns.get(name, 1))

    key = at


@dataclass(frozen=True, slots=True)
class Entry:
    """Validated fields, and where they were written.

    Engine parameters lie flat, as "params.<name>", so that they merge one by one; `params` tells that there are some.
    What could not be read is left out of a faulty record. `columns` are a sheet's own, by their headers.
    """

    values: Mapping[str, Any]
    place: Location
    origins: Mapping[str, Location] = field(default_factory=dict)
    is_faulty: bool = False
    columns: Mapping[str, str] = field(default_factory=no_columns)

    def at(self, name: str = "") -> Source:
        """Return where a field's value was written, or the record."""
        return self.origins.get(name, self.place).at(name)


def merge(under: Entry, over: Entry) -> Entry:
    """Lay one record over another, field by field and parameter by parameter."""
    origins = {name: under.origins.get(name, under.place) for name in under.values}
    origins |= {name: over.origins.get(name, over.place) for name in over.values}
    return Entry({**under.values, **over.values}, over.place, origins)


@dataclass(frozen=True, slots=True)
class Record:
    """Fields under their own names, not yet validated; `columns` are a sheet's own, by their headers."""

    fields: Mapping[str, Node]
    place: Location
    columns: Mapping[str, str] = field(default_factory=no_columns)


@dataclass(frozen=True, slots=True)
class MappingRecord(Record):
    """A record that was written as a YAML mapping."""

    place: MappingPlace


def read_mapping(
    path: str, data: Mapping[str, Node], marks: Marks, names: Names, problems: list[Problem], speaker: str = ""
) -> MappingRecord:
    """Give a YAML mapping's keys their own names; what nobody knows stays, for the schema to refuse.

    A key that is the given `speaker` stands for both the speaker and the text: `mole: Hullo!`.
    """
    fields: dict[str, Node] = {}
    written: dict[str, str] = {}
    place = MappingPlace(path, marks, written, speaker)
    for key, value in data.items():
        if key == speaker:
            fields |= {"speaker": key, "text": value}
            written |= {"speaker": key, "text": key}
            continue
        name = names.field_of(key) or key
        # An empty field says nothing, so that a half-filled template is a valid script.
        if value in _NOTHING and (name not in _WORDS or not value):
            continue
        if name in written:
            message = f"{key!r} means {name!r}, and so does {written[name]!r}"
            problems.append(Problem(Source(path, *_start(marks.keys[key])), message, "remove one of them"))
            continue
        written[name] = key
        fields[name] = with_unit(key, value) if name != key and isinstance(value, str) else value
    _give_borrowed(fields, written, names)
    return MappingRecord(_nest_params(fields) if "params" in names.fields else fields, place)


def _give_borrowed(fields: dict[str, Node], written: dict[str, str], names: Names) -> None:
    """Put values where they belong that other tools write under a name of ours."""
    for name, (owner, is_ours) in BORROWED.items():
        if name in fields and owner in names.fields and owner not in fields and not is_ours([fields[name]]):
            fields[owner] = fields.pop(name)
            written[owner] = written.pop(name)


def read_rows(sheet: Sheet, problems: list[Problem]) -> list[Record]:
    """Turn a sheet's rows into lines; columns that mean nothing to us are carried along, empty cells passed over."""
    columns = _columns(sheet, problems)
    if not {"text", "audio"}.intersection(name for _, name in columns):
        source = Source(sheet.name, sheet.header_row)
        problems.append(Problem(source, "no column is called `text`", guess("text", sheet.header)))
        return []
    places = {name: place + 1 for place, name in columns}
    has_params = any(name.startswith("params.") for name in places)
    # Asked once for a column, not for each of its cells.
    units = {name: sheet.header[place] for place, name in columns if with_unit(sheet.header[place], "1") != "1"}
    own = {header.strip(): place for place, header in enumerate(sheet.header) if _is_own(header)}
    records = []
    for number, row in sheet.numbered():
        cells: dict[str, Node] = {
            name: row[place] for place, name in columns if row[place] and not row[place].isspace()
        }
        for name in units.keys() & cells.keys():
            cells[name] = with_unit(units[name], cells[name])
        fields = _nest_params(cells) if has_params else cells
        carried = {header: row[place].strip() for header, place in own.items()}
        records.append(Record(fields, RowPlace(sheet.name, number, places), carried))
    return records


def _is_own(header: str) -> bool:
    return bool(header.strip()) and column_of(header) is None


def _columns(sheet: Sheet, problems: list[Problem]) -> list[tuple[int, str]]:
    columns: dict[str, int] = {}
    for place, header in enumerate(sheet.header):
        name = column_of(header)
        if name is None or name == "params" or name in OWN_COLUMNS:
            continue
        if name in columns:
            source = Source(sheet.name, sheet.header_row, place + 1)
            first = f"column {columns[name] + 1} ({sheet.header[columns[name]]!r})"
            message = f"column {header!r} means {name!r}, and so does {first}"
            problems.append(Problem(source, message, "rename or remove one of them"))
        columns.setdefault(name, place)
    for name, (owner, is_ours) in BORROWED.items():
        if name in columns and owner not in columns and not is_ours(_column(sheet, columns[name])):
            columns[owner] = columns.pop(name)
    return [(place, name) for name, place in columns.items()]


def near_misses(sheet: Sheet) -> list[Problem]:
    """Warn of columns that mean nothing, and are nearly called like one that does and that the sheet does not have."""
    given = {column_of(header) for header in sheet.header}
    found = []
    for place, header in enumerate(sheet.header, 1):
        if not header.strip() or column_of(header) is not None:
            continue
        near = fields.LINE.nearest(header)
        if near and column_of(near) not in given:
            message = f"the column {header.strip()[:40]!r} means nothing here"
            source = Source(sheet.name, sheet.header_row, place)
            found.append(Problem(source, message, f"did you mean {near!r}?", "warning"))
    return found


def _column(sheet: Sheet, place: int) -> list[Node]:
    return [row[place] for _, row in sheet.numbered() if row[place].strip()]


def validated(
    kind: type, names: Names, records: Sequence[Record], problems: list[Problem], known: Iterable[str] = ()
) -> list[Entry]:
    """Validate a batch; what is wrong is noted and left out. `known` helps to guess at bad keys."""
    result, faults = validate(kind, names, [record.fields for record in records])
    for found in faults:
        place = records[found.record].place
        source = place.key(found.field) if found.is_key else place.at(found.field)
        hint = names.hint(found.field, known) if found.is_key else found.hint
        problems.append(Problem(source, found.message, hint))
    faulty = {found.record for found in faults}
    return [
        Entry(_flatten_params(values), record.place, is_faulty=index in faulty, columns=record.columns)
        for index, (values, record) in enumerate(zip(result, records, strict=True))
    ]


def _nest_params(fields: dict[str, Node]) -> dict[str, Node]:
    """Gather `params.x` under `params`, for the schema."""
    flat = [name for name in fields if name[:7] == "params."]
    if not flat:
        return fields
    given = fields.get("params", {})
    if not isinstance(given, dict):
        return fields
    params = {**given, **{name.partition(".")[2]: fields[name] for name in flat}}
    return {**{name: value for name, value in fields.items() if name not in flat}, "params": params}


def _flatten_params(values: dict[str, Any]) -> dict[str, Any]:
    if "params" not in values:
        return values
    params = values.pop("params")
    return values | {"params": bool(params)} | {f"params.{name}": value for name, value in params.items()}


def _start(mark: Mark | Marks) -> tuple[int, int]:
    return mark.line + 1, mark.column + 1


# --- mappings from names to records -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NamedReader:
    """Reads such mappings of one file; what is wrong goes to `problems`."""

    path: str
    problems: list[Problem]

    def records(self, what: str, node: Node, marks: Mark | Marks, names: Names, short: str = "") -> dict[str, Record]:
        """Read a mapping from names to records; `short` is the field that a single value stands for."""
        if not isinstance(node, dict) or not isinstance(marks, Marks):
            self._complain(marks, f"{what}: must be a mapping from names to {what}")
            return {}
        return {name: self._record(name, value, marks, names, short) for name, value in node.items()}

    def emotions(self, node: Node, marks: Mark | Marks) -> dict[str, Entry]:
        """Read the emotions of a project, a speaker or a voice."""
        records = self.records("emotions", node, marks, fields.EMOTION)
        entries = validated(EmotionFields, fields.EMOTION, list(records.values()), self.problems)
        return dict(zip(records, entries, strict=True))

    def _record(self, name: str, value: Node, marks: Marks, names: Names, short: str) -> Record:
        mark = marks.items[name]
        place: Location = ScalarLocation(self.path, mark)
        try:
            parse_name(name)
        except BadValueError as error:
            self._complain(marks.keys[name], str(error), error.hint)
        if isinstance(value, dict) and isinstance(mark, Marks):
            return read_mapping(self.path, value, mark, names, self.problems)
        if value and not (short and isinstance(value, str)):
            self._complain(mark, f"{name}: must be a mapping", names.hint(""))
        elif value:
            return Record({short: value}, place)
        return Record({}, place)

    def _complain(self, mark: Mark | Marks, message: str, hint: str = "") -> None:
        self.problems.append(Problem(ScalarLocation(self.path, mark).at(), message, hint))
