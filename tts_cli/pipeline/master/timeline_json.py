"""timeline.json: where every clip lies in which master, and what each line was made from."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, make_dataclass
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

from pydantic import Field

from tts_cli.errors import RunFileError
from tts_cli.line import LINE_FIELDS, Line
from tts_cli.pipeline.master.json_files import json_file, read_file, to_json, to_utf8
from tts_cli.types import Boundary, Pauses, SpokenTurn

TIMELINE_VERSION = 2
"""The form of timeline.json."""

_ABSENT = "name a manifest, or a folder that `tts-cli render` has written, such as out/book"
_AGAIN = "render the manifest again, which costs little: its takes are cached"

Samples = Annotated[int, Field(ge=0, lt=2**53)]
"""A count of samples, in bounds within which it is exact as a float, too."""

# Lines and clips are not frozen: frozen ones take three times as long to make, and a long script has 100,000 of each.


@dataclass(kw_only=True)
class _LineRow:
    """A line, and what it was made from: `spoken` by `voice` in `parts`, each (key, boundary, authored pause in s).

    `cast` is the voice that the script names. `edit` is gain in dB, lead-in in s, and the authored pauses before and
    after the line in s. `context` is the digest of the turns that the engine heard before it.
    `dialogue` says which turn the line is of its dialogue, and (line, text) of all turns. `columns` are a sheet's own.
    """

    id: str
    chapter: str
    speaker: str
    text: str
    spoken: str
    engine: str
    voice: str
    language: str
    emotion: str
    parts: Annotated[tuple[tuple[str, Boundary, float | None], ...], Field(min_length=1)]
    cast: str
    scene: str
    edit: tuple[float, float, float | None, float | None]
    effect: str
    file: str
    tags: tuple[str, ...]
    direction: str
    context: str = ""
    dialogue: tuple[int, tuple[tuple[str, str], ...]] = (0, ())
    columns: Mapping[str, str] = field(default_factory=dict)

    @property
    def turns(self) -> tuple[SpokenTurn, ...]:
        """All turns of the dialogue that the line is a turn of; none where it is in none."""
        return tuple(SpokenTurn(line_id=line_id, text=text) for line_id, text in self.dialogue[1])


KEPT = {one.timeline: one.attribute for one in LINE_FIELDS if one.timeline}
"""What a row keeps of a line as it is: the line's attribute, by the row's key."""

if TYPE_CHECKING:
    LineRow = _LineRow
else:
    # The table of line fields decides what a row keeps. A newer field stands at the end, and older files lack it.
    _NEWER = [one for one in LINE_FIELDS if one.timeline and one.timeline not in _LineRow.__annotations__]
    _TYPES = get_type_hints(Line)
    LineRow = make_dataclass(
        "LineRow",
        [(one.timeline, _TYPES[one.attribute], field(default=one.default)) for one in _NEWER],
        bases=(_LineRow,),
        kw_only=True,
    )


@dataclass(kw_only=True)
class ClipRow:
    """A stretch of a take in a master: `start` and `length` in the master's samples, the trims in the take's.

    Where several lines share it and nobody knows their turns, `estimated` guesses the length of each.
    """

    master: str
    line: str
    part: int
    start: Samples
    length: Samples
    take: str
    trim: Samples
    trim_length: Samples
    take_rate: int
    gain_db: float
    tempo: float
    estimated: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, kw_only=True)
class MasterRow:
    """A master; `path` is relative to the output folder, `length` in samples."""

    path: str
    id: str
    title: str
    sample_rate: Annotated[Samples, Field(gt=0)]
    length: Samples


@json_file
@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineFile:
    """What timeline.json says; the cover in `metadata` is relative to the output folder.

    `chapters` are (id, title), `voices` (name in the script, engine, name, licence, consent). `levels` are the gains
    in dB that many files share.
    """

    version: Annotated[int, Field(ge=TIMELINE_VERSION, le=TIMELINE_VERSION)]
    manifest: str
    metadata: Mapping[str, str]
    chapters: tuple[tuple[str, str], ...]
    pauses: Pauses
    voices: tuple[tuple[str, str, str, str, str], ...]
    masters: tuple[MasterRow, ...]
    clips: tuple[ClipRow, ...]
    lines: tuple[LineRow, ...]
    levels: Mapping[str, float] = field(default_factory=dict)


_SAID_OF_FEW = {"context": "", "dialogue": (0, ()), "columns": {}, "estimated": ()}
_LISTS = ("masters", "clips", "lines")
_LINE_KEYS = [one.name for one in fields(LineRow)]
_JSON = json.JSONEncoder(ensure_ascii=False, check_circular=False)

line_values = attrgetter(*_LINE_KEYS)
"""Return the values of a line, in the order of its keys."""


def read_timeline(path: Path) -> TimelineFile:
    """Read a timeline.json; raises `RunFileError` for one that is absent, of another version or damaged."""
    timeline = read_file(path, TimelineFile, absent=_ABSENT, again=_AGAIN)
    known = {master.path for master in timeline.masters}
    if strays := {clip.master for clip in timeline.clips} - known:
        raise RunFileError(path, f"is damaged: it has clips of {min(strays)!r}, which is no master", hint=_AGAIN)
    return timeline


def encode_timeline(timeline: TimelineFile) -> bytes:
    """Lay a timeline out so that a person can read it and a diff shows one changed item as one line."""
    data = {one.name: getattr(timeline, one.name) for one in fields(timeline)}
    parts = [
        f"{_JSON.encode(name)}: {_rows(value) if name in _LISTS else _JSON.encode(to_json(value))}"
        for name, value in data.items()
    ]
    return to_utf8("{" + ",\n".join(parts) + "}\n")


def _rows(rows: Sequence[Any]) -> str:
    items = ",\n".join(_JSON.encode(_said(row)) for row in rows)
    return f"[\n{items}\n]"


def _said(row: Any) -> dict[str, Any]:
    """Return what a row says; what few rows have, the others leave out."""
    said = dict(vars(row))
    for key, nothing in _SAID_OF_FEW.items():
        # Not a comprehension over all keys: that takes as long as the encoding.
        if key in said and said[key] == nothing:
            del said[key]
    return said
