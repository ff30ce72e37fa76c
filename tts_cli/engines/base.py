"""What an engine is: a spec that is plain data, and an adapter with three methods, or four where it clones voices.

An `EngineSpec` is read by the CLI process, so nothing here imports an engine's packages. The adapter that
`EngineSpec.adapter` names is imported in a worker process only, perhaps under another environment's python.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from tts_cli.engines.server import Server
from tts_cli.types import Emotion, Turn, Word

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from tts_cli.errors import TakeError

    Samples = npt.NDArray[np.float32]

# The state of a voice: dicts with string keys, lists, numpy arrays, numbers, strings, None; `layout` checks it.
Conditionals = Any

DeviceKind = Literal["cpu", "cuda", "mps"]
Params = Mapping[str, float | str]

# --- the spec -------------------------------------------------------------------------------------------


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


def lacks_nothing(language: str) -> str:  # noqa: ARG001  what `missing_part` is given
    """Return "": an engine that needs no more to clone than to speak."""
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditioner:
    """How an engine makes conditionals from clips: what it is given, and what comes out.

    Each clip is mono at `sample_rate`, at most `longest_s` long and a multiple of `multiple` samples. There are at
    most `max_clips`, none where all states come from elsewhere. `layout` brings a state of this engine, be it our own
    or another tool's, into the one form that `speak` takes, or raises ValueError. `version` counts changes of what
    `condition` computes; `expected_s` is how long that takes. A `per_language` state depends on the language; one
    that is `per_line` is made in the language of each line, not of the voice. `missing_part` returns the part of the
    engine's weights that cloning in a language needs and that is not here, "" if there is none; planning calls it.
    An engine that `matches` does not imitate: it takes the one of its own voices that is nearest to the clip.
    """

    version: int
    layout: Callable[[Conditionals], Conditionals]
    sample_rate: int
    longest_s: float = 15.0
    max_clips: int = 1
    multiple: int = 1
    uses_transcript: bool = False
    per_language: bool = False
    per_line: bool = False
    missing_part: Callable[[str], str] = lacks_nothing
    suffix: Literal[".pt", ".safetensors"] = ".pt"
    expected_s: float = 10.0
    matches: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Files of a model on the hub, at one commit: `revision` is its 40 hex digits, `files` are glob patterns.

    `sha256` holds the hashes (64 hex digits) of those files whose bytes are known beforehand. The part "" is always
    fetched; one with a name and a `doc` only when it is asked for (`tts-cli download ENGINE:PART`). Whoever wants
    `gated` weights has to accept a licence first. A `card` among the files may say the licence, which is then kept.
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
    card: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenParts:
    """Parts too many to be listed, under one `name`: `find` returns one's weights, or raises `UnknownNameError`."""

    name: str
    find: Callable[[str], Weights]
    repo: str
    megabytes: int
    licence: str
    doc: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirements:
    """What an engine needs to be imported: `packages` with the versions it was tested with (PEP 508), their `modules`.

    `optional` packages change the sound where they are there. `overrides` win over what the packages ask for; `python`
    is what they run under. About `megabytes` are fetched in all, `megabytes_cpu` with torch for the CPU.
    """

    packages: tuple[str, ...]
    modules: tuple[str, ...]
    optional: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    python: str = ">=3.11"
    megabytes: int = 0
    megabytes_cpu: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TextLimits:
    """What one request may hold: planning cuts lines near `target_chars`, and never leaves more than `max_chars`."""

    target_chars: int = 200
    max_chars: int = 300
    chars_per_second: float = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What speaking takes: `realtime_factor` seconds of work for a second of audio, `startup_s` until it is loaded.

    A worker that takes `timeout_slack_s` longer than twenty times what it should counts as hung.
    """

    realtime_factor: float = 0.01
    startup_s: float = 0.3
    timeout_slack_s: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """Where and how an engine runs.

    `devices` are the kinds it runs on, best first. One call may have `batch` requests at most, or `gpu_batch` on a
    GPU if that differs. An engine with a `server` speaks there: its `placement` is "remote", and one worker holds
    connections instead of weights. One that `needs_local_files` reads files by paths, and works where the script lies.
    A `stochastic` engine speaks otherwise with another seed. `nondeterminism` says how takes of the same key may
    differ with what is spoken beside them; by no bit, if it says nothing.
    """

    devices: tuple[DeviceKind, ...] = ("cpu",)
    batch: int = 1
    gpu_batch: int | None = None
    server: Server | None = None
    needs_local_files: bool = False
    stochastic: bool = True
    nondeterminism: str = ""

    @property
    def placement(self) -> Literal["local", "remote"]:
        """Where it speaks."""
        return "remote" if self.server else "local"


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """What an engine can do beyond speaking a text.

    It makes conditionals as `clones` says, or imitates nobody. One that is not `expressive` makes do with pace and
    level, but for a voice's own clips. It may tell where each word lies (`word_times`), keep to a `wanted_duration`
    (at speed s exactly 1/s of the take's length), hear `context_turns` earlier turns, speak a dialogue of
    `dialogue_speakers`, and obey `tags` ("[laughs]"). Files that end like one of `voice_files` are its own voices.
    """

    clones: Conditioner | None = None
    expressive: bool = True
    word_times: bool = False
    wanted_duration: bool = False
    context_turns: int = 0
    dialogue_speakers: int = 0
    tags: tuple[str, ...] = ()
    voice_files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Install:
    """What `tts-cli download` installs and fetches.

    An engine without requirements runs in tts-cli's own environment; `open_parts` are weights that are not listed.
    """

    requirements: Requirements | None = None
    weights: tuple[Weights, ...] = ()
    open_parts: OpenParts | None = None


def has_one_front_end(versions: Mapping[str, str]) -> str:  # noqa: ARG001  what `front_end` is given
    """Return "": an engine that turns text into sounds in one way only."""
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSpec:
    """All that planning needs to know of an engine, without importing it.

    `adapter` is "module:Class". The other functions may only import what the CLI process may, and should import
    numpy only when they are called. `voices` lists what the engine brings. `resolve` takes a voice and a language and
    returns the engine's full voice name, "" only where it is given none and has none, or raises `UnknownNameError`, or
    `InputError` for a file. `voice_identity` returns what of a full name is in keys, or raises `MissingError`.
    `cast` names voices for speakers of whom nobody says how they sound; empty means all that speak the language.
    `front_end` takes the versions of the engine's packages and tells what turns text into sounds there. `package` is
    the distribution whose version is part of every key, `version` counts changes of the adapter that are heard.
    """

    name: str
    summary: str
    adapter: str
    version: int
    package: str
    voices: Callable[[], tuple[EngineVoice, ...]]
    resolve: Callable[[str, str], str]
    sample_rate: int
    subtype: Literal["PCM_16", "PCM_24"]
    text: TextLimits = TextLimits()
    cost: Cost = Cost()
    execution: Execution = Execution()
    abilities: Abilities = Abilities()
    install: Install = Install()
    front_end: Callable[[Mapping[str, str]], str] = has_one_front_end
    voice_identity: Callable[[str], str] = str
    params: Mapping[str, Param] = field(default_factory=dict)
    emotions: Mapping[str, Emotion] = field(default_factory=dict)
    cast: tuple[str, ...] = ()
    licence: str = ""

    @property
    def imitates(self) -> bool:
        """Whether it makes conditionals from clips, and does not only take over what other tools have made."""
        return self.abilities.clones is not None and self.abilities.clones.max_clips > 0

    def batch_on(self, kind: DeviceKind) -> int:
        """Return how many requests one call may have at most on such a device."""
        execution = self.execution
        return execution.gpu_batch or execution.batch if kind != "cpu" else execution.batch


# --- the calls ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptAudio:
    """A clip to imitate: mono float32 samples of shape [frames], and what is said in it, if that is known."""

    samples: "Samples"
    sample_rate: int
    transcript: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DialogueTurn:
    """One turn of a dialogue that is spoken in one take; voice, `params` and state are as in a `Request`."""

    text: str
    speaker: str
    voice: str = ""
    params: Params = field(default_factory=dict)
    state: Conditionals = None
    state_key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One text to speak: `params` holds `speed` and `pitch` as factors beside the engine's own.

    `state` is what `condition` once returned for the voice, None for a voice that the engine brings by itself; an
    adapter may keep what it makes of a state under `state_key`. `context` holds earlier turns, the latest last, for
    engines with that ability. `turns`, where there are any, are spoken instead of `text`, one after the other; then
    `params` holds what all of them have in common, and the words of the `Speech` are those of all turns. `model`
    is what planning has found on the engine's server: an answer of another model is a `TakeError`.
    """

    text: str
    language: str
    voice: str
    params: Params
    seed: int
    state: Conditionals = None
    state_key: str = ""
    context: tuple[Turn, ...] = ()
    turns: tuple[DialogueTurn, ...] = ()
    model: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Speech:
    """What a request became: mono float32 samples of shape [frames] in -1..1, and word times if the engine has them.

    `ended` is False where the engine stopped at its limit. `notices` are what the user should know, each told once.
    """

    samples: "Samples"
    sample_rate: int
    words: tuple[Word, ...] = ()
    ended: bool = True
    notices: tuple[str, ...] = ()


class Engine(Protocol):
    """An adapter. Made without arguments. What makes it useless as a whole is a `MissingError`."""

    def load(self, device: str) -> Sequence[str]:
        """Make ready on "cpu", "mps", or "cuda", of which a worker sees one only.

        Returns what the user should know of it, such as that it works but slowly; mostly nothing.
        """

    def speak(self, requests: Sequence[Request]) -> "Iterator[tuple[int, Speech | TakeError]]":
        """Yield what became of each request, once, with its number, in any order, as soon as it is there.

        A `TakeError` that is yielded costs its own request. An exception costs the call: the requests that are still
        open are asked for again, one by one.
        """

    def close(self) -> None:
        """Give back what `load` took."""


class CloningEngine(Engine, Protocol):
    """An adapter whose spec has the ability `clones`, with `max_clips` of at least one."""

    def condition(self, clips: Sequence[PromptAudio], language: str) -> Conditionals:
        """Make the state of a voice from clips as its `Conditioner` wants them; the same clips, the same state.

        Raises `TakeError` for clips that no voice can be made of.
        """
