"""Entries -> lines: what a line takes over from its surroundings, and what it becomes."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tts_cli import DEFAULT_ENGINE, DEFAULT_LANGUAGE
from tts_cli.errors import Source
from tts_cli.formats.records import Entry, merge
from tts_cli.formats.script import Script
from tts_cli.pipeline.script.engine_checks import raw_params
from tts_cli.types import Line, Slot

# A speaker's name and level are its own, and so are a chapter's id and title: they are not handed down.
_OWN = frozenset(("name", "gain_db", "id", "title"))


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


def automatic_id(chapter: str, speaker: str, text: str, count: int) -> str:
    """Name a line by its content; `count` tells the first line of this content from the second, and so on."""
    content = "\0".join((chapter, speaker, text, str(count)))
    return hashlib.sha256(content.encode()).hexdigest()[:12]


def project_scope(script: Script) -> Entry:
    """Return the defaults, with the project's language under them."""
    project = script.header.project
    language = {name: value for name, value in project.values.items() if name == "language"}
    return merge(replace(project, values=language), script.header.defaults)


def inherited(entry: Entry) -> Entry:
    """Return what an entry hands down to the lines under it."""
    return replace(entry, values={name: value for name, value in entry.values.items() if name not in _OWN})


def make_line(values: Mapping[str, Any], scope: Scope, line_id: str, source: Source, audio: str = "") -> Line:
    """Make a line of its own and its inherited fields; engine parameters are still as written."""
    get = values.get
    engines = get("engine", (DEFAULT_ENGINE,))
    return Line(
        id=line_id,
        text=get("text", ""),
        source=source,
        say=get("say"),
        speaker=scope.speaker,
        emotion=get("emotion", ""),
        intensity=get("intensity", 1.0),
        direction=get("direction", ""),
        voice=get("voice", ""),
        engine=engines[0],
        fallback=engines[1:],
        language=get("language", DEFAULT_LANGUAGE),
        chapter=scope.chapter,
        scene=get("scene", ""),
        slot=_make_slot(values),
        pause_before_s=get("pause_before"),
        pause_after_s=get("pause_after"),
        speed=get("speed", 1.0),
        pitch=get("pitch", 1.0),
        volume_db=get("volume", 0.0),
        seed=get("seed"),
        take=get("take", 1),
        lock=get("lock", False),
        params=raw_params(values),
        file=get("file", ""),
        audio=audio,
        effect=get("effect", ""),
        tags=get("tags", ()),
        notes=get("notes", ""),
    )


def _make_slot(values: Mapping[str, Any]) -> Slot | None:
    start, end = values.get("start"), values.get("end")
    duration, longest = values.get("duration"), values.get("max_duration")
    if start is end is duration is longest is None:
        return None
    return Slot(start_s=start, end_s=end, duration_s=duration, max_duration_s=longest, fit=values.get("fit"))
