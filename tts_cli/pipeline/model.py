"""The words of the pipeline's stages, in the order of the flow: plan, edit, master, report."""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from tts_cli.errors import Source
from tts_cli.line import Line
from tts_cli.recipe import Recipe
from tts_cli.types import Boundary, ConditionalsRequest, Manifest, SpokenTurn, Take, Turn, Utterance, Voice


class Reason(StrEnum):
    """Why a line must be rendered."""

    NEW = "new"
    TEXT = "text"
    VOICE = "voice"
    EMOTION = "emotion"
    ENGINE = "engine"
    CONTEXT = "context"
    PARAMS = "params"
    FORCED = "forced"
    DAMAGED = "damaged"
    FLAGGED = "flagged"


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviousLine:
    """What the last timeline says of a line: enough to tell what changed, and to keep a locked take.

    Each part is an utterance's (key, boundary, authored pause in seconds). `context` is a digest of what the engine
    heard before it, "" where it heard nothing. A line of a dialogue has the `turns` of its take, and says which
    one is its own.
    """

    id: str
    text: str
    voice: str
    language: str
    emotion: str
    engine: str
    parts: tuple[tuple[str, Boundary, float | None], ...]
    context: str = ""
    turns: tuple[SpokenTurn, ...] = ()
    turn: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedLine:
    """A line, what it becomes, and why it must be rendered (None: every take of it is in the cache).

    `locked` is what a locked line was when it was recorded, which it stays. `heard` are the turns before it that it
    asks for, whatever its engine hears of them.
    """

    line: Line
    utterances: tuple[Utterance, ...]
    reason: Reason | None
    gain_db: float = 0.0
    lead_s: float = 0.0
    locked: PreviousLine | None = None
    heard: tuple[Turn, ...] = ()

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
class Shard:
    """A share of a plan, for one of `count` machines; `index` counts from 1."""

    index: int
    count: int

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


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
class Deliverable:
    """A shipped file and its measured values; `path` is relative to the output folder.

    A file that was joined has `pieces`: of each, the digest of what it was made from, and its length in samples. One
    that is a single `line`'s says which.
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
    measures: Mapping[str, int | float] = field(default_factory=dict)
    checks: "tuple[Check, ...]" = ()
    pieces: tuple[tuple[str, int], ...] = ()
    line: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A measured value of a deliverable against what its recipe requires; one that was not measured is None.

    What was written and does not read back is a failed check too, with a `note` of what reads otherwise.
    """

    name: str
    value: float | None
    low: float | None
    high: float | None
    passed: bool
    note: str = ""

    @property
    def measured(self) -> str:
        """The value as people read it."""
        note = f" ({self.note})" if self.note else ""
        return "not measured" if self.value is None else f"{self.value:g}{note}"


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
class SpokenBy:
    """Who spoke so many lines of a speaker: an engine, and its voice by its full name; `dealt` if nobody chose it."""

    speaker: str
    engine: str
    voice: str
    lines: int
    dealt: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a render did; `report.json` is its plain form.

    `incomplete` names the masters that were not written, with the number of lines each still misses; `voices` are
    those of the lines that are not an engine's own, `engines` all that speak, and `spoken_by` says of each speaker
    with which engine and voice. `quality_issues` do not sound right,
    and `retaken` says of lines with another take than the first which one. `over_budget` names the lines of a dub that
    do not fit, and `reasons` say why a line was rendered in this run. A `shard` makes takes alone: no outputs, no
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
    spoken_by: tuple["SpokenBy", ...] = ()
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
    Of its files so many were `made`, and so many `kept` as the last export wrote them. `over_budget` names the
    lines of a dub that do not fit. `notices` are what a person must know before shipping.
    """

    manifest: str
    recipe: str
    out: str
    status: Literal["ok", "partial", "failed"]
    outputs: tuple[Deliverable, ...]
    timeline: Deliverable | None = None
    made: int = 0
    kept: int = 0
    failures: tuple[Failure, ...] = ()
    quality_issues: tuple[Failure, ...] = ()
    over_budget: tuple[Failure, ...] = ()
    missing: int = 0
    notices: tuple[str, ...] = ()
    wall_seconds: float = 0.0
