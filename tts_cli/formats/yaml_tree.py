"""YAML (and JSON, which is YAML) to plain data in which every scalar is a string, with the place of each.

An own composer over libyaml's events: nothing is ever constructed from a tag, and hostile files (recursive,
exploding, endlessly deep ones) end with a place and a reason.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

import yaml

from tts_cli.errors import InputError, Problem, Source
from tts_cli.formats.decode import Decoded, fault, has_control

# libyaml reads many times faster, but not every build of PyYAML has it.
LOADER: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
MAX_DEPTH = 40
MAX_NODES = 1_000_000
MAX_ALIASED_NODES = 250_000

Node = Any  # str | list[Node] | dict[str, Node]

_STANDARD_TAGS = {f"tag:yaml.org,2002:{name}" for name in "str int float bool null seq map timestamp".split()}  # noqa: SIM905
_MERGE = "<<"
_QUOTE_IT = "quote a text that contains `: ` or ` #`, or that begins with - ? : [ ] { } , & * ! | > % @ or `"
_SAME_COLUMN = "lines of a list or a mapping must begin in the same column; "
_HINTS = {
    "unexpected end of stream": "a quote is not closed",
    "expected ',' or": "a bracket is not closed, or a comma is missing",
    "expected <document start>": _SAME_COLUMN + _QUOTE_IT,
    "block collection": _SAME_COLUMN + _QUOTE_IT,
    "block mapping": _SAME_COLUMN + _QUOTE_IT,
}


class Mark(Protocol):
    """A place, counted from 0."""

    line: int
    column: int


@dataclass(slots=True)
class Marks:
    """Where a mapping or a list was written, and each of its entries: `keys` of a mapping, `items` of either."""

    line: int
    column: int
    keys: dict[str, Mark] = field(default_factory=dict)
    items: dict[str | int, "Mark | Marks"] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tree:
    """A document: its data, and the places in the same shape (a plain `Mark` for a scalar)."""

    name: str
    data: Node
    marks: "Mark | Marks"


def read_yaml(decoded: Decoded, name: str, *, is_json: bool = False) -> Tree:
    """Compose one document; raises `InputError` for one that is empty, broken, doubled, recursive or exploding."""
    text = _from_json(decoded.text) if is_json else decoded.text
    composer = _Composer(name)
    try:
        composer.feed(yaml.parse(text, Loader=LOADER))
    except yaml.MarkedYAMLError as error:
        composer.problems.append(_syntax_problem(name, text, error))
    except yaml.YAMLError as error:
        composer.problems.append(Problem(Source(name, 1), f"is not YAML: {error}"))
    if composer.problems:
        raise InputError(composer.problems)
    if composer.root is None:
        raise fault(name, 1, 1, "is empty", "a manifest needs at least `lines:`")
    return Tree(name, *composer.root)


def _syntax_problem(name: str, text: str, error: yaml.MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    message = " ".join(filter(None, (error.context, error.problem))) or "cannot be read"
    if "nesting depth" in message:  # libyaml has a limit of its own, since 0.2.6
        return Problem(Source(name, line, column), f"is nested deeper than {MAX_DEPTH} levels")
    hint = next((hint for part, hint in _HINTS.items() if part in message), _QUOTE_IT)
    if "".join(text.split("\n")[line - 1 : line])[column - 1 : column] == "\t":
        hint = "indent with spaces, not with tabs"
    return Problem(Source(name, line, column), f"is not YAML: {message}", hint)


# JSON writes characters beyond U+FFFF as two escapes, which YAML refuses.
# An escaped backslash is taken whole, or the second half of it would begin an escape.
_JSON_ESCAPE = re.compile(r"\\\\|\\u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})", re.IGNORECASE)


def _from_json(text: str) -> str:
    # a JSON string holds no bare tab, so that every tab is mere layout, which YAML would refuse
    return _JSON_ESCAPE.sub(_join_surrogates, text.replace("\t", " "))


def _join_surrogates(escape: re.Match[str]) -> str:
    if not escape[1]:
        return escape[0]
    return chr(0x10000 + ((int(escape[1], 16) - 0xD800) << 10) + int(escape[2], 16) - 0xDC00)


@dataclass(slots=True)
class _Frame:
    """A mapping or list that is not complete yet; `size` counts its nodes with aliases expanded."""

    data: dict[str, Node] | list[Node]
    marks: Marks
    anchor: str | None
    size: int = 1
    key: str | None = None
    key_mark: Mark | None = None
    is_merge: bool = False
    merges: list[tuple[Node, Mark | Marks]] = field(default_factory=list)


class _Composer:
    """Builds the tree from events, with a stack of its own so that depth costs no recursion."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.problems: list[Problem] = []
        self.root: tuple[Node, Mark | Marks] | None = None
        self._frames: list[_Frame] = []
        self._anchors: dict[str, tuple[Node, Mark | Marks, int]] = {}
        self._nodes = 0
        self._aliased = 0
        self._documents = 0

    def feed(self, events: Iterable[yaml.Event]) -> None:
        """Take in a stream of events; raises `InputError` where going on makes no sense."""
        handlers = {
            yaml.ScalarEvent: self._scalar,
            yaml.MappingStartEvent: self._start,
            yaml.SequenceStartEvent: self._start,
            yaml.MappingEndEvent: self._end,
            yaml.SequenceEndEvent: self._end,
            yaml.AliasEvent: self._alias,
            yaml.DocumentStartEvent: self._document,
        }
        for event in events:
            handler = handlers.get(type(event))
            if handler:
                handler(event)

    def _document(self, event: Any) -> None:
        self._documents += 1
        if self._documents > 1:
            raise self._fault(event.start_mark, "a second document begins here", "keep one manifest per file")

    def _scalar(self, event: Any) -> None:
        if event.tag is not None:
            self._check_tag(event)
        # Only here can one hide: everywhere else `decode` has seen it.
        if event.style == '"' and has_control(event.value):
            self._complain(event.start_mark, "the text contains an escaped control character", "remove the escape")
        if event.anchor:
            self._anchors[event.anchor] = (event.value, event.start_mark, 1)
        # libyaml hands on an empty document as one empty scalar.
        if not self._frames and not event.value and not event.style:
            return
        self._add(event.value, event.start_mark, 1, is_plain=not event.style)

    def _start(self, event: Any) -> None:
        if event.tag is not None:
            self._check_tag(event)
        if len(self._frames) >= MAX_DEPTH:
            raise self._fault(event.start_mark, f"is nested deeper than {MAX_DEPTH} levels")
        is_mapping = type(event) is yaml.MappingStartEvent
        marks = Marks(event.start_mark.line, event.start_mark.column)
        self._frames.append(_Frame({} if is_mapping else [], marks, event.anchor))
        if event.anchor:
            # From here on the anchor means this part, which is not complete: an alias to it is a circle.
            self._anchors.pop(event.anchor, None)

    def _end(self, _: Any) -> None:
        header = self._frames.pop()
        # At the end, as the mapping's own entries win wherever they stand.
        for merged, mark in header.merges:
            self._merge(header, merged, mark)
        if header.anchor:
            self._anchors[header.anchor] = (header.data, header.marks, header.size)
        self._add(header.data, header.marks, header.size)

    def _alias(self, event: Any) -> None:
        if event.anchor in self._anchors:
            value, mark, size = self._anchors[event.anchor]
        elif any(header.anchor == event.anchor for header in self._frames):
            raise self._fault(event.start_mark, f"*{event.anchor} contains itself", "write the part out instead")
        else:
            raise self._fault(
                event.start_mark, f"*{event.anchor} is not defined above", f"mark it with &{event.anchor}"
            )
        # Counted as if written out: a few lines of aliases can mean billions of values.
        self._aliased += size
        if self._aliased > MAX_ALIASED_NODES:
            raise self._fault(event.start_mark, f"aliases expand to more than {MAX_ALIASED_NODES:,} values")
        self._add(value, mark, size)

    def _add(self, value: Node, mark: "Mark | Marks", size: int, *, is_plain: bool = False) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise self._fault(mark, f"holds more than {MAX_NODES:,} values")
        if not self._frames:
            self.root = (value, mark)
            return
        header = self._frames[-1]
        header.size += size
        if isinstance(header.data, list):
            header.marks.items[len(header.data)] = mark
            header.data.append(value)
        elif header.key is None:
            self._add_key(header, value, mark, is_plain=is_plain)
        else:
            self._add_value(header, header.data, value, mark)

    def _add_key(self, header: _Frame, key: Node, mark: "Mark | Marks", *, is_plain: bool) -> None:
        if not isinstance(key, str):
            raise self._fault(mark, "a key must be plain text")
        header.key, header.key_mark, header.is_merge = key, mark, is_plain and key == _MERGE

    def _add_value(self, header: _Frame, data: dict[str, Node], value: Node, mark: "Mark | Marks") -> None:
        key, key_mark = header.key, header.key_mark
        assert key is not None and key_mark is not None  # noqa: PT018, S101  set together by _add_key
        header.key = None
        if header.is_merge:
            header.merges.append((value, mark))
        elif key in data:
            first = header.marks.keys[key].line + 1
            self._complain(key_mark, f"{key!r} is given twice", f"it is first given in line {first}")
        else:
            data[key] = value
            header.marks.keys[key] = key_mark
            header.marks.items[key] = mark

    def _merge(self, header: _Frame, merged: Node, mark: "Mark | Marks") -> None:
        """Take over the entries of `<<: *other` or `<<: [*one, *two]` that the mapping does not give itself."""
        assert isinstance(header.data, dict)  # noqa: S101  only mappings have keys
        entries = list(enumerate(merged)) if isinstance(merged, list) else [(None, merged)]
        for index, entry in entries:
            source = mark if index is None or not isinstance(mark, Marks) else mark.items[index]
            if not isinstance(entry, dict) or not isinstance(source, Marks):
                self._complain(mark, "`<<` takes a mapping or a list of mappings")
                return
            for key, value in entry.items():
                if key not in header.data:
                    header.data[key] = value
                    header.marks.keys[key] = source.keys[key]
                    header.marks.items[key] = source.items[key]

    def _check_tag(self, event: Any) -> None:
        if event.tag not in _STANDARD_TAGS and event.tag != "!":
            self._complain(event.start_mark, f"the tag {event.tag} means nothing here", "remove it, or quote the text")

    def _complain(self, mark: "Mark | Marks", message: str, hint: str = "") -> None:
        self.problems.append(Problem(Source(self.name, mark.line + 1, mark.column + 1), message, hint))

    def _fault(self, mark: "Mark | Marks", message: str, hint: str = "") -> InputError:
        self._complain(mark, message, hint)
        return InputError(self.problems)
