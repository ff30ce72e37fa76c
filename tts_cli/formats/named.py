"""Mappings from names to records: speakers, emotions, and what a voice is for each engine."""

from dataclasses import dataclass

from tts_cli.errors import Problem
from tts_cli.formats import fields
from tts_cli.formats.fields import Names
from tts_cli.formats.records import Entry, Location, Record, ScalarLocation, read_mapping, validated
from tts_cli.formats.schema import EmotionFields
from tts_cli.formats.values import BadValueError, parse_name
from tts_cli.formats.yaml_tree import Mark, Marks, Node


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
