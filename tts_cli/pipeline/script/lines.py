"""Entries -> lines: what a line takes over from its surroundings, and what it becomes."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tts_cli.about import DEFAULT_ENGINE
from tts_cli.errors import Problem, Source
from tts_cli.formats.documents import Diagnostics
from tts_cli.formats.fields import DEFAULTS
from tts_cli.formats.records import Entry, Record, merge, validated
from tts_cli.formats.schema import DefaultFields
from tts_cli.formats.script import Script
from tts_cli.line import LINE_FIELDS, SLOT_FIELDS, Line, Slot
from tts_cli.pipeline.script.engine_checks import raw_params
from tts_cli.types import Chapter

LONGEST_PROGRAMME_S, LONGEST_SLOT_S = 24 * 3600.0, 3600.0
OPTIONS_PLACE = "the command line"
"""Where a default comes from that no file says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineDefaults:
    """What lines have of which nobody says it; `fields` are written as in a manifest.

    The `voice` is one of this `engine`: a line with another engine has that engine's own default.
    """

    engine: str = DEFAULT_ENGINE
    voice: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)


# A speaker's name and level are its own, and so are a chapter's id and title: they are not handed down.
_OWN = frozenset(("name", "gain_db", "id", "title"))
# What a line takes over as it is given; the rest is looked up, or has another form. What is not given has its default.
_LOOKED_UP = frozenset(("id", "text", "speaker", "engine", "chapter", "params", "audio"))
_SLOT = {field.name: field.attribute for field in SLOT_FIELDS}
_LINE = {
    field.name: field.attribute
    for field in LINE_FIELDS
    if field.attribute and field.name not in _SLOT and field.name not in _LOOKED_UP
}


@dataclass(frozen=True, slots=True)
class Scope:
    """What the lines of one speaker in one chapter inherit."""

    speaker: str
    chapter: str
    entry: Entry

    def at(self, field: str, own: Entry) -> Source:
        """Return where a field was given: in the line itself, or where the line has it from."""
        inherited = field in self.entry.values and field not in own.values
        return self.entry.at(field) if inherited else own.at(field)


class ChapterOrder:
    """Keeps the order of a script: a chapter that begins again after another one is a second chapter of its title.

    New chapters are added to those that are given.
    """

    def __init__(self, chapters: dict[str, Chapter], diagnostics: Diagnostics) -> None:
        self._chapters = chapters
        self._diagnostics = diagnostics
        self._taken = {chapter.casefold() for chapter in chapters}
        self._counts: Counter[str] = Counter()
        self._last: str | None = None
        self._now = ""

    def place(self, line: Line, entry: Entry) -> Line:
        """Return a line, which names a chapter, with the one that it lies in; the first of each kind is warned of."""
        name = line.chapter
        if self._last != name:
            self._counts[name] += 1
            self._now = self._begin_again(name, entry) if self._counts[name] > 1 else name
            self._taken.add(name.casefold())
            self._last = name
        return line if self._now == name else replace(line, chapter=self._now)

    def _begin_again(self, name: str, entry: Entry) -> str:
        first_time = self._counts[name] == 2
        stem = name or "part"
        while (chapter := f"{stem}-{self._counts[name]}").casefold() in self._taken:
            self._counts[name] += 1
        self._taken.add(chapter.casefold())
        first = self._chapters.get(name)
        title = (first.title if first else "") or name
        self._chapters[chapter] = Chapter(id=chapter, title=title)
        if first_time:
            message = f"chapter {title!r} begins a second time: this is a chapter of its own, in the script's order"
            hint = "keep a chapter's lines together to have one of them"
            self._diagnostics.note(Problem(entry.at("chapter"), message, hint, "warning"))
        return chapter


def automatic_id(chapter: str, speaker: str, text: str, count: int) -> str:
    """Name a line by its content; `count` tells the first line of this content from the second, and so on."""
    content = "\0".join((chapter, speaker, text, str(count)))
    return hashlib.sha256(content.encode()).hexdigest()[:12]


def project_scope(script: Script, defaults: LineDefaults, problems: list[Problem]) -> Entry:
    """Return the manifest's defaults; under them the project's language, and under that what nobody says."""
    project = script.header.project
    language = {name: value for name, value in project.values.items() if name == "language"}
    given = Record({"engine": defaults.engine, **defaults.fields}, _OptionPlace())
    under = validated(DefaultFields, DEFAULTS, [given], problems)[0]
    return merge(merge(under, replace(project, values=language)), script.header.defaults)


class _OptionPlace:
    """The place of what was given as an option, in the environment or in the settings."""

    def at(self, name: str = "") -> Source:
        """Return the option's name."""
        return Source(f"--{name}" if name else OPTIONS_PLACE, 1)

    key = at


def with_default_voice(values: Mapping[str, Any], defaults: LineDefaults) -> Mapping[str, Any]:
    """Give the default voice to a line that has none, where the default engine speaks it."""
    if not defaults.voice or values.get("voice") or values["engine"][0] != defaults.engine:
        return values
    return {**values, "voice": defaults.voice}


def inherited(entry: Entry) -> Entry:
    """Return what an entry hands down to the lines under it."""
    return replace(entry, values={name: value for name, value in entry.values.items() if name not in _OWN})


def make_line(values: Mapping[str, Any], scope: Scope, line_id: str, source: Source, audio: str = "") -> Line:
    """Make a line of its own and its inherited fields; engine parameters are still as written."""
    engines = values["engine"]
    given = {_LINE[name]: value for name, value in values.items() if name in _LINE}
    return Line(
        source=source,
        id=line_id,
        text=values.get("text", ""),
        speaker=scope.speaker,
        engine=engines[0],
        fallback=engines[1:],
        slot=_make_slot(values),
        chapter=scope.chapter,
        params=raw_params(values),
        audio=audio,
        **given,
    )


def _make_slot(values: Mapping[str, Any]) -> Slot | None:
    """Make the slot of a line that has any time at all."""
    if _SLOT.keys().isdisjoint(values):
        return None
    given = {_SLOT[name]: value for name, value in values.items() if name in _SLOT}
    return Slot(**given) if given.keys() - {"fit", "cue"} else None


def slot_faults(slot: Slot) -> Iterator[tuple[str, str, str]]:
    """Yield the field, what is wrong and a hint, for times that no line has."""
    start, end = slot.start_s, slot.end_s
    if start is not None and end is not None and end <= start:
        yield "end", f"ends at {end:g} s, but starts at {start:g} s", ""
    # One wrong digit would make a file of days, and fill the disk with silence.
    latest = max((time for time in (start, end) if time is not None), default=0.0)
    if latest > LONGEST_PROGRAMME_S:
        name = "start" if start == latest else "end"
        said = f"{latest / 3600:.1f} hours after the beginning, and no programme is longer than 24"
        yield name, f"{name}: {said}", "look for a mistyped time"
    elif start is not None and end is not None and end - start > LONGEST_SLOT_S:
        yield "end", f"end: {(end - start) / 3600:.1f} hours after its start", "a line has an hour at most"
