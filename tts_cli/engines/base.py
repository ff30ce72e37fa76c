"""What an engine is: a spec that is plain data, and an adapter with four methods.

An `EngineSpec` is read by the CLI process, so nothing here imports an engine's packages. The adapter that
`EngineSpec.adapter` names is imported in a worker process only, perhaps under another environment's python.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from tts_cli.types import Emotion, Word

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from tts_cli.errors import TakeError

    Samples = npt.NDArray[np.float32]

# The precomputed state of a voice: a tree of dicts with string keys, lists, numpy arrays, numbers, strings and None.
# Each engine has a layout of its own; `Conditioner.layout` checks it.
State = Any

DeviceKind = Literal["cpu", "cuda", "mps"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Param:
    """One engine parameter that a manifest may set under `params`: its range, its default, and what it does."""

    doc: str
    default: float | str
    low: float = 0.0
    high: float = 1.0
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineVoice:
    """A voice that an engine brings by itself."""

    name: str
    language: str
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditioner:
    """How an engine makes conditionals from clips: what it is given, and what comes out.

    Each clip is mono at `sample_rate`, at most `longest_s` long and a multiple of `multiple` samples; there are at
    most `most_clips`, none where all states come from elsewhere. `layout` names a function `(State) -> State` that
    brings a state of this engine, be it our own or another tool's, into the one form that `synthesize` takes, or raises
    ValueError. `version` counts changes of what `condition` computes; `expected_s` is how long that takes. A state that
    is only good `by_line` is made in the language of each line, not of the voice. `lacks` names a function
    `(language) -> str` that returns the part of the engine's weights that listening needs and that is not here, "" if
    there is none; planning calls it.
    """

    version: int
    layout: str
    sample_rate: int
    longest_s: float = 15.0
    most_clips: int = 1
    multiple: int = 1
    uses_transcript: bool = False
    by_language: bool = False
    by_line: bool = False
    lacks: str = ""
    suffix: Literal[".pt", ".safetensors"] = ".pt"
    expected_s: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Files of a model on the hub, at one commit: `revision` is its 40 hex digits, `files` are glob patterns.

    `sha256` holds the hashes (64 hex digits) of those files whose bytes are known beforehand. The part "" is always
    fetched; one with a name and a `doc` only when it is asked for (`tts-cli download ENGINE:PART`). Whoever wants
    `gated` weights has to accept a licence first.
    """

    repo: str
    revision: str
    files: tuple[str, ...] = ("*",)
    sha256: Mapping[str, str] = field(default_factory=dict)
    megabytes: int = 0
    licence: str = ""
    gated: bool = False
    part: str = ""
    doc: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirements:
    """What an engine needs to be imported: `packages` with the versions it was tested with (PEP 508), their `modules`.

    `optional` packages change the sound where they are there. `overrides` win over what the packages themselves ask
    for; `python` says under which versions they run; `extra` is the extra of tts-cli that installs them beside it.
    """

    packages: tuple[str, ...]
    modules: tuple[str, ...]
    optional: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    python: str = ">=3.11"
    extra: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSpec:
    """All that planning needs to know of an engine, without importing it.

    `voices` names a function `() -> tuple[EngineVoice, ...]`; `resolve` a function `(voice, language) -> str` that
    returns the engine's full voice name, "" only where it is given none and has none, or raises `UnknownNameError`.
    Both are "module:function" and may only import what the CLI process may. `package` is the distribution whose version
    is part of every key. An engine without a `conditioner` imitates nobody.

    `devices` are the kinds it runs on, best first. One call may have `batch` requests at most, or `gpu_batch` on a GPU
    if that differs. Loading takes `startup_s`; a worker that takes `patience_s` longer than twenty times what it should
    counts as hung. An engine that `reads_files` by their paths works where the script lies. One that is not
    `expressive` has no emotions of its own: it makes do with pace and level, unless the voice has a clip of one.
    `varies` says how takes of the same key may differ with what is spoken beside them; by no bit, if it says nothing.

    `weights` and `requirements` are what `tts-cli download` fetches and installs; an engine without requirements runs
    in tts-cli's own environment. `front_end` names a function `(versions of packages) -> str`, importable like
    `voices`, that tells what turns text into sounds there.
    """

    name: str
    summary: str
    adapter: str
    version: int
    package: str
    voices: str
    resolve: str
    sample_rate: int
    subtype: Literal["PCM_16", "PCM_24"]
    target_chars: int = 200
    max_chars: int = 300
    chars_per_second: float = 15.0
    realtime_factor: float = 0.01
    patience_s: float = 30.0
    startup_s: float = 0.3
    devices: tuple[DeviceKind, ...] = ("cpu",)
    batch: int = 1
    gpu_batch: int | None = None
    reads_files: bool = False
    stochastic: bool = True
    expressive: bool = True
    varies: str = ""
    params: Mapping[str, Param] = field(default_factory=dict)
    emotions: Mapping[str, Emotion] = field(default_factory=dict)
    conditioner: Conditioner | None = None
    weights: tuple[Weights, ...] = ()
    requirements: Requirements | None = None
    front_end: str = ""
    licence: str = ""

    @property
    def imitates(self) -> bool:
        """Whether it makes conditionals from clips, and does not only take over what other tools have made."""
        return self.conditioner is not None and self.conditioner.most_clips > 0

    def batch_on(self, kind: DeviceKind) -> int:
        """Return how many requests one call may have at most on such a device."""
        return self.gpu_batch or self.batch if kind != "cpu" else self.batch


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptAudio:
    """A clip to imitate: mono float32 samples of shape [frames], and what is said in it, if that is known."""

    samples: "Samples"
    sample_rate: int
    transcript: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What one call is given: `params` holds `speed` and `pitch` as factors beside the engine's own.

    `state` is what `condition` once returned for the voice, None for a voice that the engine brings by itself; an
    adapter may keep what it makes of a state under `state_key`.
    """

    text: str
    language: str
    voice: str
    params: Mapping[str, float | str]
    seed: int
    state: State = None
    state_key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Speech:
    """What one call returns: mono float32 samples of shape [frames] in -1..1, and word times if the engine has them."""

    samples: "Samples"
    sample_rate: int
    words: tuple[Word, ...] = ()


class Engine(Protocol):
    """An adapter. Made without arguments; raises `TakeError` for a line and `MissingError` for itself.

    What the user should know of it once it is loaded, such as that it works but slowly, it may say as `notice: str`.
    """

    def load(self, device: str) -> None:
        """Make ready on "cpu", "mps", or "cuda", of which a worker sees one only."""

    def condition(self, clips: Sequence[PromptAudio], language: str) -> State:
        """Make the state of a voice from clips as its `Conditioner` wants them; the same clips, the same state.

        Never called where the spec has no conditioner.
        """

    def synthesize(self, requests: Sequence[Request]) -> "Sequence[Speech | TakeError]":
        """Speak a batch; the same order, one result per request.

        A returned error costs its own line. One that is raised costs the call, which is done again one by one.
        """

    def close(self) -> None:
        """Give back what `load` took."""


@runtime_checkable
class StreamingEngine(Engine, Protocol):
    """An adapter whose rows of a batch end at different times, and need not wait for each other."""

    def synthesize_stream(self, requests: Sequence[Request]) -> "Iterator[tuple[int, Speech | TakeError]]":
        """Yield each result with the number of its request, in any order, as soon as it is there."""
