"""A line of the script: its fields, how an author writes each of them, and where each goes.

`Line` is the one table of line fields. A new field is one more attribute, with `metadata=written(...)`. The schema,
the columns of a sheet, what is inherited, `check`, timeline.json and the documentation follow from it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Literal, TypedDict, TypeVar, Unpack

from tts_cli.about import DEFAULT_ENGINE, DEFAULT_LANGUAGE
from tts_cli.errors import Source

Fit = Literal["none", "pad", "stretch", "natural", "error"]
Level = Literal["project", "speaker", "chapter"]
Kind = Literal[
    "engines",
    "file",
    "fit",
    "fraction",
    "id",
    "language",
    "name",
    "params",
    "path",
    "pause",
    "pitch",
    "seed",
    "speed",
    "switch",
    "tags",
    "take",
    "text",
    "time",
    "turns",
    "volume",
]

Levels = tuple[Level, ...]
INHERITED: Levels = ("project", "speaker", "chapter")
_WRITTEN = "written"
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class LineField:
    """How a field is written, and where it goes.

    Authors call it `name`, and other tools by one of the `aliases` (parted by spaces); `units` tells the unit of a bare
    number under an alias. Its value must be of a `kind`. It may stand at the `levels` too, and lines inherit it.
    `in_key` tells that another value asks the engine for another take. `timeline` is its key in timeline.json; a field
    without one is kept there in another form, or not at all. `attribute` and `default` are those of `Line` or of its
    `Slot`.
    """

    name: str
    kind: Kind
    doc: str
    aliases: str = ""
    units: Mapping[str, str] = field(default_factory=dict)
    levels: Levels = ()
    in_key: bool = False
    timeline: str = ""
    attribute: str = ""
    default: object = None


class _More(TypedDict, total=False):
    """What few fields say of themselves; see `LineField`."""

    name: str
    aliases: str
    units: Mapping[str, str]
    in_key: bool
    timeline: str


def written(kind: Kind, doc: str, levels: Levels = (), **more: Unpack[_More]) -> Mapping[str, LineField]:
    """Return the metadata of an attribute that an author writes; a `name` is given where it is not the attribute's."""
    return {_WRITTEN: replace(LineField(name="", kind=kind, doc=doc, levels=levels), **more)}


def line_field(default: T, kind: Kind, doc: str, levels: Levels = (), **more: Unpack[_More]) -> T:
    """Make an attribute that an author writes, and may leave out."""
    return field(default=default, metadata=written(kind, doc, levels, **more))


_NO_COLUMNS: Mapping[str, str] = MappingProxyType({})


def no_columns() -> Mapping[str, str]:
    """Return that there are none: one object for all lines, as a long script has 100,000 of them."""
    return _NO_COLUMNS


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """The time a dubbed line may take, in seconds of the programme; None means open."""

    fit: Fit | None = line_field(
        None, "fit", "what happens to a dubbed line that is too long: `none pad stretch natural error`", INHERITED
    )
    start_s: float | None = line_field(
        None, "time", "when the line begins: `1:02.5`, `00:01:02,500`", name="start", aliases="start_time"
    )
    end_s: float | None = line_field(None, "time", "when it ends", name="end", aliases="end_time")
    duration_s: float | None = line_field(None, "time", "how long its slot is", name="duration")
    max_duration_s: float | None = line_field(None, "time", "how long it may be at most", name="max_duration")
    cue: str = line_field(
        "", "name", "the number of its cue, for messages and `timing.csv`; subtitles have it", aliases="cue_number"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the script with all defaults (project, speaker, chapter) already applied.

    `text` is shown, `say` is spoken where given. `audio` is a recorded file used instead of an engine; `fallback` are
    the engines to try, in this order, where `engine` fails. `columns` are a sheet's own, by their headers.
    """

    source: Source
    id: str = field(
        metadata=written(
            "id",
            "a stable name; without one it is made from the content, never from the row's number",
            aliases="line_id number index serial localization_key",
            in_key=True,
            timeline="id",
        )
    )
    text: str = field(
        metadata=written(
            "text",
            "what is shown, and spoken; the one field that a line needs, unless it has `audio`",
            aliases="line spoken_dialogue input text_content",
            in_key=True,
        )
    )
    say: str | None = line_field(
        None,
        "text",
        "what is spoken instead of `text`",
        aliases="optimized_text sanitized_text spoken tts_text",
        in_key=True,
    )
    speaker: str = line_field(
        "",
        "name",
        "who speaks",
        ("project", "chapter"),
        aliases="character voice_name role speaking_voice character_voice",
        timeline="speaker",
    )
    emotion: str = line_field(
        "", "name", "how: a name of [emotions](emotions.md)", INHERITED, aliases="style mood", in_key=True
    )
    intensity: float = line_field(
        1.0, "fraction", "how much of the emotion, from 0 to 1 (or `50%`)", INHERITED, in_key=True
    )
    direction: str = line_field(
        "",
        "text",
        "free words for engines that take them",
        INHERITED,
        aliases="instruct instructions voice_actor_direction note",
        timeline="direction",
    )
    voice: str = line_field(
        "",
        "name",
        "a name of [voices](voices.md), or a path",
        INHERITED,
        aliases="reference_audio ref_audio",
        in_key=True,
        timeline="cast",
    )
    engine: str = line_field(
        DEFAULT_ENGINE,
        "engines",
        "an engine, or several in the order in which they are tried",
        INHERITED,
        aliases="model",
        in_key=True,
    )
    fallback: tuple[str, ...] = ()
    language: str = line_field(
        DEFAULT_LANGUAGE, "language", "a code such as `en`, `pt-BR`", INHERITED, aliases="lang culture", in_key=True
    )
    scene: str = line_field("", "name", "a name; where it changes, the pause is longer", INHERITED, timeline="scene")
    context: int = line_field(
        0,
        "turns",
        "how many earlier turns of its scene the engine hears; free words are a `direction`",
        INHERITED,
        in_key=True,
    )
    dialogue: str = line_field(
        "",
        "name",
        "a name; lines in a row that share it are one take where the engine can. Without `text`, it is the `text`",
        in_key=True,
    )
    slot: Slot | None = None
    chapter: str = line_field(
        "",
        "name",
        "a chapter's id or title; each chapter has a master of its own",
        aliases="section part",
        timeline="chapter",
    )
    pause_before_s: float | None = line_field(
        None, "pause", "silence before the line: `300ms`, `1.5s`", INHERITED, name="pause_before"
    )
    pause_after_s: float | None = line_field(
        None,
        "pause",
        "silence after the line",
        INHERITED,
        name="pause_after",
        aliases="silence_after_ms pause_between_turns",
        units={"silence_after_ms": "ms"},
    )
    speed: float = line_field(
        1.0,
        "speed",
        "a factor on the pace: `1.1`, `110%`, `+10%`",
        INHERITED,
        aliases="rate speed_factor voice_rate",
        in_key=True,
    )
    pitch: float = line_field(
        1.0, "pitch", "a factor on the pitch, or semitones: `1.1`, `+10%`, `+2st`", INHERITED, in_key=True
    )
    volume_db: float = line_field(
        0.0,
        "volume",
        "a level: `-3dB`, `0.8`, `-20%`",
        INHERITED,
        name="volume",
        aliases="volume_db",
        units={"volume_db": "dB"},
    )
    seed: int | None = line_field(None, "seed", "a whole number that chooses a reading", in_key=True)
    take: int = line_field(1, "take", "1, 2, 3 ...: another reading by the same seed", in_key=True)
    lock: bool = line_field(
        False,
        "switch",
        "`true` keeps the take that is there, whatever else changes",
        INHERITED,
    )
    params: Mapping[str, float | str] = field(
        default_factory=dict,
        metadata=written(
            "params", "the engine's own parameters, as a mapping or as columns `params.NAME`", INHERITED, in_key=True
        ),
    )
    file: str = line_field(
        "",
        "file",
        "the name of the line's own file in the output folder (with `--lines`)",
        INHERITED,
        aliases="filename audio_file_name output file_url out",
        timeline="file",
    )
    audio: str = line_field(
        "", "path", "a recorded file that is used instead of an engine", aliases="recorded override", in_key=True
    )
    effect: str = line_field(
        "", "name", "a sound by name, see [recipes](recipes.md)", INHERITED, aliases="fx effects", timeline="effect"
    )
    tags: tuple[str, ...] = line_field((), "tags", "words for `--only tag=`", INHERITED, aliases="tag", timeline="tags")
    notes: str = line_field("", "text", "yours; nothing reads them")
    columns: Mapping[str, str] = field(default_factory=no_columns)

    @property
    def spoken(self) -> str:
        """The text an engine is given, before normalisation."""
        return self.text if self.say is None else self.say


# --- the table ------------------------------------------------------------------------------------------


def _written_fields(kind: type[Line | Slot]) -> Iterator[LineField]:
    """Yield what authors write of a class, each with its attribute; those of the slot stand where the slot stands."""
    for found in fields(kind):
        if found.name == "slot":
            yield from SLOT_FIELDS
        elif facts := found.metadata.get(_WRITTEN):
            yield replace(facts, name=facts.name or found.name, attribute=found.name, default=found.default)


SLOT_FIELDS: tuple[LineField, ...] = tuple(_written_fields(Slot))
_SKIP = LineField(name="skip", kind="switch", doc="`true` leaves the line out", levels=INHERITED)
LINE_FIELDS: tuple[LineField, ...] = (*_written_fields(Line), _SKIP)
"""All that an author may write of a line, in the order in which it is told; a skipped line is never made."""
