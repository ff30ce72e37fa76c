"""The file schema: what each kind of record may say, validated by pydantic, many records at a time.

A validated record is a plain dict of the fields it gives; what it leaves open is decided in the pipeline.
"""

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import PlainValidator, TypeAdapter, ValidationError, with_config
from pydantic.types import StringConstraints
from typing_extensions import TypedDict

from tts_cli.formats import values
from tts_cli.formats.fields import Names
from tts_cli.line import LINE_FIELDS, Fit, Kind, Level, LineField
from tts_cli.recipe import AudioFormat, Bounds, DeliveryKind, MeasureName, Overflow
from tts_cli.types import Stretcher

LONGEST_TEXT = 100_000
MOST_REMEMBERED = 1000


def _repeated(parse: Callable[[object], Any]) -> PlainValidator:
    """Read a text that many lines have in common once, and share what it means; that depends on the text alone."""
    parse_text = functools.lru_cache(MOST_REMEMBERED)(parse)
    return PlainValidator(lambda value: parse_text(value) if isinstance(value, str) else parse(value))


Text = Annotated[str, StringConstraints(max_length=LONGEST_TEXT)]
Name = Annotated[str, _repeated(values.parse_name)]
Language = Annotated[str, _repeated(values.parse_language)]
Id = Annotated[str, PlainValidator(values.parse_id)]
File = Annotated[str, PlainValidator(values.parse_file)]
Tags = Annotated[tuple[str, ...], _repeated(values.parse_tags)]
Engines = Annotated[tuple[str, ...], _repeated(values.parse_engines)]
Switch = Annotated[bool, PlainValidator(values.parse_switch)]
Time = Annotated[float, PlainValidator(values.parse_time)]
Pause = Annotated[float, PlainValidator(values.within(values.parse_time, 0, values.LONGEST_PAUSE_S, " s"))]
Speed = Annotated[float, _repeated(values.parse_speed)]
Pitch = Annotated[float, _repeated(values.parse_pitch)]
Volume = Annotated[float, PlainValidator(values.within(values.parse_level, -60, 24, " dB"))]
Gain = Annotated[float, PlainValidator(values.within(values.parse_gain_db, -60, 24, " dB"))]
Fraction = Annotated[float, PlainValidator(values.parse_fraction)]
Seed = Annotated[int, PlainValidator(values.whole(0, 2**63 - 1))]
Params = dict[str, Name]

_strict = with_config(extra="forbid", str_strip_whitespace=True)


KINDS: Mapping[Kind, Any] = {
    "engines": Engines,
    "file": File,
    "fit": Fit,
    "fraction": Fraction,
    "id": Id,
    "language": Language,
    "name": Name,
    "params": Params,
    "path": Text,
    "pause": Pause,
    "pitch": Pitch,
    "seed": Seed,
    "speed": Speed,
    "switch": Switch,
    "tags": Tags,
    "take": Annotated[int, PlainValidator(values.whole(1, 9999))],
    "text": Text,
    "time": Time,
    "turns": Annotated[int, PlainValidator(values.whole(0, 99))],
    "volume": Volume,
}
"""What a line's field may be."""


def _line_record(title: str, fields: Iterable[LineField], /, **own: Any) -> Any:
    """Make the schema of records that say something of lines, and something of their `own`."""
    types = {field.name: KINDS[field.kind] for field in fields}
    return _strict(TypedDict(title, {**types, **own}, total=False))  # type: ignore[operator]


def _inherited(level: Level) -> Iterator[LineField]:
    return (field for field in LINE_FIELDS if level in field.levels)


# The emotions of a speaker and the lines of a chapter are read apart.
LineFields = _line_record("LineFields", LINE_FIELDS)
DefaultFields = _line_record("DefaultFields", _inherited("project"))
SpeakerFields = _line_record("SpeakerFields", _inherited("speaker"), name=Name, gain_db=Gain)
ChapterFields = _line_record("ChapterFields", _inherited("chapter"), id=Name, title=Text)


@_strict
class EmotionFields(TypedDict, total=False):
    """A project's, a speaker's or a voice's own emotion, perhaps made from another one."""

    description: Text
    like: Name
    intensity: Fraction
    exaggeration: Fraction
    speed: Speed
    pitch: Pitch
    volume: Volume
    params: Params
    reference: Text
    transcript: Text


@_strict
class VoiceFields(TypedDict, total=False):
    """A voice of the library; its engines, references and emotions are read apart."""

    name: Name
    description: Text
    language: Language
    licence: Text
    consent: Text
    speed: Speed
    pitch: Pitch
    volume: Volume


@_strict
class DefinitionFields(TypedDict, total=False):
    """What a voice is for one engine: a voice that the engine brings, and how it is set."""

    voice: Name
    speed: Speed
    pitch: Pitch
    volume: Volume
    params: Params


@_strict
class ReferenceFields(TypedDict, total=False):
    """A clip to imitate."""

    file: Text
    transcript: Text


@_strict
class ProjectFields(TypedDict, total=False):
    """What the work is called and who made it; free text, but for the first four."""

    language: Language
    seed: Seed
    recipe: Text
    length: Time
    title: Text
    subtitle: Text
    author: Text
    narrator: Text
    translator: Text
    publisher: Text
    series: Text
    cover: Text
    opening: Text
    closing: Text
    genre: Text
    date: Text
    year: Text
    copyright: Text
    description: Text
    comment: Text
    isbn: Text
    url: Text
    version: Text


@_strict
class PauseFields(TypedDict, total=False):
    """Silence after each kind of boundary."""

    comma: Pause
    phrase: Pause
    sentence: Pause
    paragraph: Pause
    scene: Pause
    chapter: Pause
    speaker_change: Pause


def _number(low: float, high: float, unit: str = "") -> PlainValidator:
    return PlainValidator(values.within(values.parse_number, low, high, unit))


@_strict
class FitFields(TypedDict, total=False):
    """How a dub's lines are fitted to their slots."""

    min_gap_s: Annotated[float, _number(0, 5, " s")]
    overhang_s: Annotated[float, _number(0, 60, " s")]
    engine_speed: Annotated[float, _number(1, 2)]
    max_rate: Annotated[float, _number(1, 1.4)]
    absolute_max_rate: Annotated[float, _number(1, 1.4)]
    min_rate: Annotated[float, _number(0.95, 1)]
    smooth: Switch
    rate_step: Annotated[float, _number(0.01, 1)]
    drift_s: Annotated[float, _number(0, 60, " s")]
    overflow: Overflow
    stretcher: Stretcher


class SoundFields(TypedDict, total=False):
    """How a file must sound; bounds are those of the formats and of loudness practice."""

    sample_rate: Annotated[int, PlainValidator(values.whole(8_000, 192_000))]
    channels: Annotated[int, PlainValidator(values.whole(1, 2))]
    bits: Annotated[int, PlainValidator(values.whole(16, 24))]
    bitrate_kbps: Annotated[int, PlainValidator(values.whole(32, 512))]
    loudness_lufs: Annotated[float, _number(-50, -5, " LUFS")]
    true_peak_dbtp: Annotated[float, _number(-20, 0, " dBTP")]
    fade_ms: Annotated[float, _number(0, 1000, " ms")]
    head_s: Annotated[float, _number(0, 60, " s")]
    tail_s: Annotated[float, _number(0, 60, " s")]
    rms_db: Annotated[float, _number(-50, -5, " dB")]
    room_tone_db: Annotated[float, _number(-96, -60, " dB")]


@_strict
class RecipeFields(SoundFields, total=False):
    """How masters must be, and what is said beside the script; what is delivered is read apart."""

    description: Text
    format: AudioFormat
    split: Literal["chapter", "programme"]
    notice: Text
    opening: Text
    closing: Text
    fit: FitFields


@_strict
class DeliveryFields(SoundFields, total=False):
    """One kind of file that a recipe delivers; where it says nothing itself, the recipe's sound holds."""

    kind: DeliveryKind
    file: Annotated[str, PlainValidator(values.parse_delivered_file)]
    require: dict[MeasureName, Annotated[Bounds, PlainValidator(values.parse_bounds)]]
    seconds: Annotated[float, _number(1, 36_000, " s")]
    formulas: Switch


@dataclass(frozen=True, slots=True)
class SchemaProblem:
    """Something wrong in a record: which field (empty: the record), whether its name is at fault, and why."""

    record: int
    field: str
    is_key: bool
    message: str
    hint: str = ""


def validate(
    kind: type, names: Names, records: Sequence[Mapping[str, Any]]
) -> tuple[list[dict[str, Any]], list[SchemaProblem]]:
    """Validate a batch of records whose fields have their own names already; a bad field is left out."""
    adapter = _adapter(kind)
    try:
        return adapter.validate_python(records), []
    except ValidationError as error:
        errors = error.errors(include_url=False)
    # pydantic returns nothing of a batch with faults: it is validated again without the bad fields.
    bad = {tuple(error["loc"][:2]) for error in errors}
    sound = [
        {name: value for name, value in record.items() if (index, name) not in bad}
        for index, record in enumerate(records)
    ]
    return adapter.validate_python(sound), [_explain(error, names) for error in errors]


@functools.cache
def _adapter(kind: type) -> TypeAdapter[Any]:
    return TypeAdapter(list[kind])  # type: ignore[valid-type]


def _explain(error: Any, names: Names) -> SchemaProblem:
    """Say in plain words what pydantic found."""
    record, *path = error["loc"]
    field = ".".join(str(step) for step in path[:2] if step != "[key]")
    message, hint = error["msg"], ""
    match error["type"]:
        case "extra_forbidden":
            return SchemaProblem(record, field, True, f"unknown key {field!r}", names.hint(field))
        case "value_error":
            bad = error["ctx"]["error"]
            message, hint = str(bad), getattr(bad, "hint", "")
        case "literal_error":
            message, hint = f"{error['input']!r} is not a {field}", f"known: {error['ctx']['expected']}"
        case "string_type":
            message = f"must be one value, not a {'list' if isinstance(error['input'], list) else 'mapping'}"
        case "string_too_long":
            message = f"is longer than {error['ctx']['max_length']:,} characters"
        case "dict_type":
            message = "must be a mapping"
    return SchemaProblem(record, field, False, f"{field}: {message}" if field else message, hint)
