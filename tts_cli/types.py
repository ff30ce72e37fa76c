"""The words that more than one room uses, as frozen data, in the order in which they flow.

    source -> script -> plan -> takes -> edit -> master -> delivery

Positions and lengths are counts of samples at a stated `sample_rate`; authored times are seconds and say so;
levels carry their unit (`_db`, `_lufs`, `_dbtp`). `speed` and `pitch` are factors, 1.0 means unchanged.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Literal, NamedTuple

from tts_cli.errors import Problem
from tts_cli.line import Line

Stretcher = Literal["atempo", "rubberband"]

# --- the script as authored -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Emotion:
    """A named way of speaking: factors on speed and pitch, a level, and engine parameters at full intensity.

    `intensity` is how much of it a line has that says no more, `exaggeration` a lever of some engines, both 0 to 1;
    `reference` is a clip in which the voice speaks this way.
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

    `voices` are no engine's own, by name and engine; speakers without one were `dealt` theirs. `length_s` is a dub's.
    `files` are all that it was made of, itself and the clips of voices too; no run writes over them.
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
    dealt: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[Problem, ...] = ()
    files: tuple[str, ...] = ()


# --- what must be done, and why -------------------------------------------------------------------------


class Boundary(StrEnum):
    """What follows an utterance; decides the pause after it (the names are those of `Pauses`)."""

    COMMA = "comma"
    PHRASE = "phrase"
    SENTENCE = "sentence"
    PARAGRAPH = "paragraph"


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """An earlier turn of a conversation: what was said, by whom, and the key of its take as it was planned."""

    text: str
    speaker: str
    take: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpokenTurn:
    """A line's part of a dialogue that is spoken in one take."""

    line_id: str
    text: str
    speaker: str = ""
    voice: str = ""
    params: Mapping[str, float | str] = field(default_factory=dict)
    conditionals: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Utterance:
    """One engine call. `key` names everything that can change its sound; `conditionals` is the key of a voice's.

    `pause_s` is an authored pause after it; None leaves the pause to `boundary`. `model` is what speaks on the engine's
    server, `context` what the engine hears before. A dialogue has `turns`, spoken in one take: each of its lines has
    this same call, and says by `turn` which is its own.
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
    model: str = ""
    context: tuple[Turn, ...] = ()
    turns: tuple[SpokenTurn, ...] = ()
    turn: int = 0

    @property
    def spoken(self) -> str:
        """All that the take says."""
        return " ".join(turn.text for turn in self.turns) if self.turns else self.text

    @property
    def needed_conditionals(self) -> tuple[str, ...]:
        """The keys of the voices' conditionals that it speaks with."""
        return tuple(filter(None, (turn.conditionals for turn in self.turns) if self.turns else (self.conditionals,)))


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceClip:
    """A reference as an engine is given it: mono float32 PCM, little-endian, named by its sha256; `data` is it."""

    pcm: str
    sample_rate: int
    transcript: str = ""
    data: bytes = field(default=b"", repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionalsRequest:
    """One engine call that makes conditionals, named by its `key`; or another tool's, as the `.pt` bytes of `state`."""

    key: str
    engine: str
    voice: Voice
    language: str
    prompts: tuple[ReferenceClip, ...] = ()
    state: bytes = field(default=b"", repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Calls of one engine for one worker, with the seconds of audio (or of work) they are expected to make.

    Those of a job `in_order` are made one after the other, as each hears what was said before.
    """

    engine: str
    calls: tuple[Utterance | ConditionalsRequest, ...]
    estimated_s: float
    in_order: bool = False


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
    rounded up to 0.01 dB; silence is -120. `clipped` samples are at full scale, `tail_dbfs` is the last 3 ms' RMS.
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

    `ended` is False where the engine came to no end by itself, and stopped at its limit.
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
    ended: bool = True

    @property
    def words(self) -> tuple[Word, ...]:
        """The words that the engine said it spoke, in order; empty where it does not say."""
        flat = self.flat_words
        return tuple(map(Word._make, zip(flat[::3], flat[1::3], flat[2::3], strict=True)))


# --- the edit list --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """A stretch of a take, placed: `start` and `length` in samples of the timeline, `trim` in samples of the take.

    The take's samples from `trim` on, `trim_length` of them, resampled to exactly `length` samples; before that they
    are made `tempo` times as fast at the same pitch. An `effect` may ring on after them. A dialogue of which nobody
    knows where its turns lie has `shares`: the id of each line, and a guess at its length by its text.
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
    stretcher: Stretcher = "atempo"
    effect: str = ""
    shares: tuple[tuple[str, int], ...] = ()


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

    @property
    def line_clips(self) -> tuple[Clip, ...]:
        """The clips, each of one line: one that has shares is one for each of them, as long as was guessed."""
        return tuple(part for clip in self.clips for part in _split_shares(clip))


def _split_shares(clip: Clip) -> Iterator[Clip]:
    start = clip.start
    if not clip.shares:
        yield clip
    for line_id, length in clip.shares:
        yield replace(clip, line_id=line_id, start=start, length=length, shares=())
        start += length
