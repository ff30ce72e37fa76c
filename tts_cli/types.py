"""Every word of tts-cli as frozen data, in the order in which it flows.

    manifest -> plan -> jobs -> takes -> timeline -> master -> deliverables

Positions and lengths are counts of samples at a stated `sample_rate`; authored times are seconds and say so;
levels carry their unit (`_db`, `_lufs`, `_dbtp`). `speed` and `pitch` are factors, 1.0 means unchanged.
"""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, NamedTuple

from tts_cli import DEFAULT_ENGINE, DEFAULT_LANGUAGE

# --- the script as authored -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Source:
    """Where a value was written: a file's name as the user gave it, and a 1-based line (CSV: row) and column."""

    path: str
    line: int
    column: int = 1

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong (or, as a warning, doubtful) in an input file."""

    source: Source
    message: str
    hint: str = ""
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        hint = f"\n  hint: {self.hint}" if self.hint else ""
        return f"{self.source}: {self.message}{hint}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Emotion:
    """A named way of speaking: factors on speed and pitch, a level, and engine parameters at full intensity.

    `intensity` (0 to 1) is how much of it a line has that says no more; `exaggeration` (0 to 1) is a lever of some
    engines; `reference` is a clip in which the voice speaks this way, for engines that imitate.
    """

    name: str
    description: str = ""
    intensity: float = 1.0
    exaggeration: float | None = None
    speed: float = 1.0
    pitch: float = 1.0
    volume_db: float = 0.0
    params: Mapping[str, float | str] = field(default_factory=dict)
    reference: "Reference | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A clip to imitate, and what is said in it, if that is known; `path` is from the working directory."""

    path: str
    transcript: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """A sound identity as one engine has it.

    The engine speaks with a voice of its `own`, or imitates the `references`, or goes by a `state` file made earlier.
    Speed, pitch, level and engine parameters come on top, and so do the voice's own emotions.
    """

    name: str
    engine: str
    folder: str = ""
    description: str = ""
    language: str = ""
    own: str = ""
    references: tuple[Reference, ...] = ()
    state: str = ""
    speed: float = 1.0
    pitch: float = 1.0
    volume_db: float = 0.0
    params: Mapping[str, float | str] = field(default_factory=dict)
    emotions: Mapping[str, Emotion] = field(default_factory=dict)
    licence: str = ""
    consent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker:
    """One member of the cast; what it leaves open comes from the project's defaults."""

    id: str
    name: str = ""
    gain_db: float = 0.0
    emotions: Mapping[str, Emotion] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """A part of the programme with a master of its own."""

    id: str
    title: str = ""


Fit = Literal["none", "pad", "stretch", "natural", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """The time a dubbed line may take, in seconds of the programme; None means open."""

    start_s: float | None = None
    end_s: float | None = None
    duration_s: float | None = None
    max_duration_s: float | None = None
    fit: Fit | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the script with all defaults (project, speaker, chapter) already applied.

    `text` is shown, `say` is spoken where given. `audio` is a recorded file used instead of an engine; `fallback` are
    the engines to try, in this order, where `engine` fails.
    """

    id: str
    text: str
    source: Source
    say: str | None = None
    speaker: str = ""
    emotion: str = ""
    intensity: float = 1.0
    direction: str = ""
    voice: str = ""
    engine: str = DEFAULT_ENGINE
    fallback: tuple[str, ...] = ()
    language: str = DEFAULT_LANGUAGE
    chapter: str = ""
    scene: str = ""
    slot: Slot | None = None
    pause_before_s: float | None = None
    pause_after_s: float | None = None
    speed: float = 1.0
    pitch: float = 1.0
    volume_db: float = 0.0
    seed: int | None = None
    take: int = 1
    lock: bool = False
    params: Mapping[str, float | str] = field(default_factory=dict)
    file: str = ""
    audio: str = ""
    effect: str = ""
    tags: tuple[str, ...] = ()
    notes: str = ""

    @property
    def spoken(self) -> str:
        """The text an engine is given, before normalisation."""
        return self.text if self.say is None else self.say


@dataclass(frozen=True, slots=True, kw_only=True)
class Pauses:
    """Silence in seconds after each kind of boundary; `speaker_change` None means like `paragraph`."""

    comma: float = 0.15
    phrase: float = 0.4
    sentence: float = 0.6
    paragraph: float = 0.9
    scene: float = 1.5
    chapter: float = 2.0
    speaker_change: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A script and its cast, checked: every name in it resolves.

    `voices` holds the voices that are not an engine's own, by the name that lines give and the engine. `length_s` is
    how long the programme is, where lines have their times in it.
    """

    name: str
    path: str
    lines: tuple[Line, ...]
    voices: Mapping[tuple[str, str], Voice] = field(default_factory=dict)
    speakers: Mapping[str, Speaker] = field(default_factory=dict)
    emotions: Mapping[str, Emotion] = field(default_factory=dict)
    chapters: Mapping[str, Chapter] = field(default_factory=dict)
    pauses: Pauses = field(default_factory=Pauses)
    metadata: Mapping[str, str] = field(default_factory=dict)
    seed: int = 0
    recipe: str = ""
    length_s: float | None = None
    warnings: tuple[Problem, ...] = ()


# --- what must be done, and why -------------------------------------------------------------------------


class Boundary(StrEnum):
    """What follows an utterance; decides the pause after it (the names are those of `Pauses`)."""

    COMMA = "comma"
    PHRASE = "phrase"
    SENTENCE = "sentence"
    PARAGRAPH = "paragraph"


class Reason(StrEnum):
    """Why a line must be rendered."""

    NEW = "new"
    TEXT = "text"
    VOICE = "voice"
    EMOTION = "emotion"
    ENGINE = "engine"
    PARAMS = "params"
    FORCED = "forced"
    DAMAGED = "damaged"
    SUSPECT = "suspect"


@dataclass(frozen=True, slots=True, kw_only=True)
class Utterance:
    """One engine call. `key` names everything that can change its sound; `conditionals` is the key of a voice's.

    `pause_s` is an authored pause after it ([pause:1s]) and None leaves the pause to `boundary`.
    """

    line_id: str
    part: int
    text: str
    language: str
    voice: str
    engine: str
    params: Mapping[str, float | str]
    seed: int
    key: str
    conditionals: str = ""
    boundary: Boundary = Boundary.PARAGRAPH
    pause_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceClip:
    """A reference as an engine is given it: mono float32 PCM, little-endian, named by its sha256; `data` is it."""

    pcm: str
    sample_rate: int
    transcript: str = ""
    data: bytes = field(default=b"", repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionalsRequest:
    """One engine call that makes conditionals. `key` names everything that can change them.

    Where another tool has made them already, they are the `.pt` bytes of `state`, and only have to be kept.
    """

    key: str
    engine: str
    voice: Voice
    language: str
    prompts: tuple[ReferenceClip, ...] = ()
    state: bytes = field(default=b"", repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviousLine:
    """What the last timeline says of a line: enough to tell what changed, and to keep a locked take.

    Each part is an utterance's (key, boundary, authored pause in seconds).
    """

    id: str
    text: str
    voice: str
    language: str
    emotion: str
    engine: str
    parts: tuple[tuple[str, str, float | None], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedLine:
    """A line, what it becomes, and why it must be rendered (None: every take of it is in the cache).

    `locked` is what a locked line was when it was recorded, which it stays.
    """

    line: Line
    utterances: tuple[Utterance, ...]
    reason: Reason | None
    gain_db: float = 0.0
    lead_s: float = 0.0
    locked: PreviousLine | None = None

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of its utterances, in order."""
        return tuple([utterance.key for utterance in self.utterances])

    def is_complete(self, takes: Container[str]) -> bool:
        """Whether none of its takes is missing, by key."""
        return all(utterance.key in takes for utterance in self.utterances)

    def first_error(self, errors: Mapping[str, str]) -> str | None:
        """Return the error, by key, of its first utterance that has one."""
        for utterance in self.utterances:
            if utterance.key in errors:
                return errors[utterance.key]
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All lines in order; `takes` holds what the cache already has, by key; `selected` are the lines to render.

    `conditionings` are what the lines' voices are made by, of those that imitate, by the key of the conditionals.
    """

    manifest: Manifest
    lines: tuple[PlannedLine, ...]
    takes: "dict[str, Take]"
    selected: frozenset[str]
    conditionals_requests: Mapping[str, ConditionalsRequest] = field(default_factory=dict)

    @property
    def utterances(self) -> tuple[Utterance, ...]:
        """All engine calls, in the order of the script."""
        return tuple(utterance for planned in self.lines for utterance in planned.utterances)

    @property
    def to_render(self) -> tuple[PlannedLine, ...]:
        """The selected lines that miss a take, or are to be recorded anew."""
        return tuple(planned for planned in self.lines if planned.reason and planned.line.id in self.selected)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Calls of one engine for one worker, with the seconds of audio (or of work) they are expected to make."""

    engine: str
    calls: tuple[Utterance | ConditionalsRequest, ...]
    estimated_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """A share of a plan, for one of `count` machines; `index` counts from 1."""

    index: int
    count: int

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


# --- what was recorded ----------------------------------------------------------------------------------


class Word(NamedTuple):
    """A spoken word and where it lies in its take, in samples."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """What was measured when a take was made, so that mastering need not decode it again.

    `onset` and `offset` bound the speech in samples. Each 100 ms bin (the last one may be shorter) has its
    K-weighted energy as LUFS of that bin alone (`energy_lufs`) and its sample peak in dBFS (`peak_dbfs`),
    both rounded up to 0.01 dB; silence is -120. `clipped` samples lie at full scale, `dc` is the mean of all samples
    and `tail_dbfs` the RMS of the last 3 ms; takes of an older version lack these three.
    """

    onset: int
    offset: int
    energy_lufs: tuple[float, ...]
    peak_dbfs: tuple[float, ...]
    clipped: int | None = None
    dc: float | None = None
    tail_dbfs: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Take:
    """One kept recording of an utterance: mono FLAC in the cache, named by the sha256 of its bytes.

    `flat_words` holds the text, start and end of each word in turn: a long script has a million of them.
    """

    key: str
    blob: str
    size: int
    frames: int
    sample_rate: int
    measures: Measures
    flat_words: tuple[str | int, ...] = ()
    wall_s: float = 0.0

    @property
    def words(self) -> tuple[Word, ...]:
        """The words that the engine said it spoke, in order; empty where it does not say."""
        flat = self.flat_words
        return tuple(map(Word._make, zip(flat[::3], flat[1::3], flat[2::3], strict=True)))


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedConditionals:
    """The precomputed engine state of a voice: a `.pt` in the cache, named by the sha256 of its bytes.

    `model` is the engine's package, version and adapter; `made_from` names the PCM of each clip, or the file that it
    was imported from, by sha256.
    """

    key: str
    blob: str
    size: int
    engine: str
    model: str
    made_from: tuple[str, ...]
    wall_s: float = 0.0


# --- the edit list --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """A stretch of a take, placed: `start` and `length` in samples of the timeline, `trim` in samples of the take.

    The take's samples from `trim` on, `trim_length` of them, resampled to exactly `length` samples; before that they
    are made `tempo` times as fast at the same pitch. An `effect` may ring on after them.
    """

    line_id: str
    part: int
    take: Take
    start: int
    length: int
    trim: int
    trim_length: int
    gain_db: float = 0.0
    tempo: float = 1.0
    stretcher: "Stretcher" = "atempo"
    effect: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Silence between clips, in samples of the timeline."""

    start: int
    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """The edit list of one master: clips and gaps in order, `length` samples in all."""

    id: str
    title: str
    sample_rate: int
    items: tuple[Clip | Gap, ...]
    length: int

    @property
    def clips(self) -> tuple[Clip, ...]:
        """The sounding part of the edit list."""
        return tuple(item for item in self.items if isinstance(item, Clip))


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where a line of a dub lies, in samples of the programme, and what was done so that it does.

    It may last from `start` to `limit`; `slot` is how long its cue is. `natural` is its length as the engine first
    spoke it, `rate` how much faster it is now, and `tempo` the part of that which is time-stretch. `late` is how much
    after its cue it begins, `over` how far it runs past its limit, and `lost` what was cut off. `excess_chars` is how
    much shorter its text should be.
    """

    line_id: str
    cue: int
    slot: int
    limit: int
    start: int
    length: int
    natural: int
    rate: float
    tempo: float
    late: int
    over: int
    lost: int
    actions: tuple[str, ...]
    excess_chars: int
    is_over_budget: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Cue:
    """Timed text: from when to when it is shown, in samples of the programme, and its words if they are known.

    The lines of `text` are parted by newlines.
    """

    start: int
    end: int
    sample_rate: int
    text: str
    speaker: str = ""
    line_id: str = ""
    words: tuple[Word, ...] = ()


# --- what is shipped ------------------------------------------------------------------------------------


AudioFormat = Literal["wav", "flac", "mp3", "m4a", "opus"]
Stretcher = Literal["atempo", "rubberband"]
Overflow = Literal["shift", "overlap", "truncate", "fail"]
MeasureName = Literal[
    "lufs",
    "true_peak_dbtp",
    "peak_dbfs",
    "rms_db",
    "noise_floor_db",
    "head_s",
    "tail_s",
    "seconds",
    "sample_rate",
    "channels",
    "bitrate_kbps",
    "cbr_kbps",
    "cues",
    "columns",
    "chars_per_second",
    "over_budget",
    "drift_s",
]
DeliveryKind = Literal[
    "programme",
    "chapters",
    "sample",
    "lines",
    "subtitles",
    "index",
    "unreal",
    "wwise",
    "labels",
    "timing",
    "mix",
    "film",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class FitRules:
    """How dubbed lines are fitted to their slots.

    Rates are factors on a line's natural pace, the engine's own speed included: up to `max_rate` where a line needs
    it, up to `absolute_max_rate` rather than being later than `drift_s`. `engine_speed` is the part that the engine is asked
    for, where it has a speed. Neighbours of one speaker differ by at most `rate_step`.
    """

    min_gap_s: float = 0.08
    overhang_s: float = 1.5
    engine_speed: float = 1.15
    max_rate: float = 1.25
    absolute_max_rate: float = 1.4
    min_rate: float = 0.95
    rate_step: float = 0.1
    drift_s: float = 0.8
    overflow: Overflow = "shift"
    stretcher: Stretcher = "atempo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a master must be, and what is delivered of it: targets as data, read from a file in `recipes/`.

    `rms_db` takes the place of the loudness where it is given; `room_tone_db` is the RMS of what is heard instead of
    digital silence. `opening` and `closing` are credits to be spoken, `notice` is to be read before shipping.
    """

    name: str
    description: str = ""
    format: AudioFormat = "wav"
    split: Literal["chapter", "programme"] = "chapter"
    sample_rate: int = 44_100
    channels: int = 1
    bits: int = 24
    bitrate_kbps: int = 192
    loudness_lufs: float = -19.0
    true_peak_dbtp: float = -1.5
    fade_ms: float = 5.0
    head_s: float = 0.5
    tail_s: float = 1.0
    fit: FitRules | None = None
    rms_db: float | None = None
    room_tone_db: float | None = None
    notice: str = ""
    opening: str = ""
    closing: str = ""
    deliver: "tuple[Delivery, ...]" = ()


class Bounds(NamedTuple):
    """Between what a measured value must lie; None is no bound."""

    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One kind of file that a recipe delivers: its name as a template, how it must sound, and what is checked in it.

    `sound` is the recipe with what the delivery says otherwise. `require` bounds measured values by their names.
    `seconds` is how long a sample may be.
    """

    kind: DeliveryKind
    file: str
    sound: Recipe
    require: Mapping[str, Bounds] = field(default_factory=dict)
    seconds: float = 180.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A chapter mark in a file, in samples of its timeline."""

    start: int
    end: int
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Master:
    """A finished, loudness-normalised programme; its levels are measured on the written file."""

    path: str
    kind: str
    frames: int
    sample_rate: int
    lufs: float
    true_peak_dbtp: float
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliverable:
    """A shipped file and its measured values; `path` is relative to the output folder.

    A file that was joined has `pieces`: of each, the digest of what it was made from, and its length in samples.
    """

    path: str
    kind: str
    seconds: float
    lufs: float | None
    true_peak_dbtp: float | None
    sha256: str
    inputs: str
    size: int
    mtime_ns: int
    measures: Mapping[str, float] = field(default_factory=dict)
    checks: "tuple[Check, ...]" = ()
    pieces: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A measured value of a deliverable against what its recipe requires."""

    name: str
    value: float
    low: float | None
    high: float | None
    passed: bool


# --- what happened --------------------------------------------------------------------------------------


class Outcome(StrEnum):
    """What became of a line."""

    RENDERED = "rendered"
    CACHED = "cached"
    FAILED = "failed"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A line that could not be spoken, and why."""

    line: str
    error: str
    source: Source | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fallback:
    """A line that another engine than the first of its chain has spoken, and why."""

    line: str
    engine: str
    instead_of: str
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a render did; `report.json` is its plain form.

    `incomplete` names the masters that were not written, with the number of lines each still misses; `voices` are
    those of the lines that are not an engine's own, `engines` all that speak. `suspects` do not sound right, and
    `retaken` says of lines with another take than the first which one. `over_budget` names the lines of a dub that do
    not fit, and `reasons` say why a line was rendered in this run. A `shard` makes takes alone: no outputs, no
    timeline.
    """

    manifest: str
    out: str
    status: Literal["ok", "partial", "failed"]
    outcomes: Mapping[str, Outcome]
    outputs: tuple[Deliverable, ...]
    timeline: Deliverable | None
    failures: tuple[Failure, ...]
    incomplete: Mapping[str, int]
    warnings: tuple[str, ...]
    audio_seconds: float
    wall_seconds: float
    voices: tuple[Voice, ...] = ()
    engines: tuple[str, ...] = ()
    quality_issues: tuple[Failure, ...] = ()
    retaken: Mapping[str, str] = field(default_factory=dict)
    over_budget: tuple[Failure, ...] = ()
    reasons: Mapping[str, Reason] = field(default_factory=dict)
    recipe: Recipe | None = None
    fallbacks: tuple[Fallback, ...] = ()
    shard: Shard | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportReport:
    """What an export did for one recipe; `export.json` is its plain form.

    A `partial` one lacks files, as so many lines are `missing`; a `failed` one has files that miss a requirement.
    `notices` are what a person must know before shipping.
    """

    manifest: str
    recipe: str
    out: str
    status: Literal["ok", "partial", "failed"]
    outputs: tuple[Deliverable, ...]
    failures: tuple[Failure, ...] = ()
    missing: int = 0
    notices: tuple[str, ...] = ()
    wall_seconds: float = 0.0
