"""Which engines there are: a table of the built-in ones, and those that other packages bring by entry point.

Reading it imports no engine. A third party names an `EngineSpec` in the entry point group `tts_cli.engines`, under
the engine's own name; it is looked at only when that engine is asked for.
"""

import functools
import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

from tts_cli.engines import emotions
from tts_cli.engines.base import Conditioner, EngineSpec, EngineVoice, Param, State
from tts_cli.engines.kokoro_spec import KOKORO
from tts_cli.engines.pocket_spec import POCKET
from tts_cli.errors import MissingError, UnknownNameError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "tts_cli.engines"

SPEED = Param(doc="factor on the speaking rate", default=1.0, low=0.46, high=2.56)

ESPEAK = EngineSpec(
    name="espeak",
    summary="espeak-ng, embedded: robotic, instant, over a hundred languages, needs no download",
    adapter="tts_cli.engines.espeak:Espeak",
    version=1,
    package="espeakng-loader",
    voices="tts_cli.engines.espeak_voices:voices",
    resolve="tts_cli.engines.espeak_voices:resolve",
    sample_rate=22_050,
    subtype="PCM_16",
    chars_per_second=16.0,
    realtime_factor=0.0015,
    stochastic=False,
    params={
        "speed": SPEED,
        "pitch": Param(doc="factor on the voice's F0; its melody widens with it", default=1.0, low=0.67, high=1.65),
        "range": Param(doc="melody: 0 is monotone, 50 the voice's own; with pitch at most 99", default=50.0, high=99.0),
        "tone": Param(doc="colour: -1 is dark, 1 bright", default=0.0, low=-1.0, high=1.0),
        "breath": Param(doc="breath in the voice: 1 is a whisper", default=0.0),
        "word_gap_ms": Param(doc="extra pause between words in ms, at normal speed", default=0.0, high=500.0),
        "volume": Param(doc="level of the engine, in percent of its own", default=100.0, low=10.0, high=100.0),
    },
    emotions=emotions.ESPEAK,
    conditioner=Conditioner(
        version=1, layout="tts_cli.engines.layouts:espeak", sample_rate=16_000, by_language=True, expected_s=5.0
    ),
    licence="GPL-3.0-or-later (espeak-ng; an unmodified dependency)",
)

TONE = EngineSpec(
    name="tone",
    summary="a sine per character, for dry runs and benchmarks; fails in every way on request",
    adapter="tts_cli.engines.tone:Tone",
    version=1,
    package="numpy",
    voices="tts_cli.engines.tone:voices",
    resolve="tts_cli.engines.tone:resolve",
    sample_rate=16_000,
    subtype="PCM_16",
    chars_per_second=25.0,
    realtime_factor=0.001,
    devices=("cuda", "mps", "cpu"),
    batch=8,
    params={
        "speed": Param(doc="factor on the speaking rate", default=1.0, low=0.25, high=4.0),
        "pitch": Param(doc="factor on the pitch", default=1.0, low=0.25, high=4.0),
        "char_ms": Param(doc="length of a character in ms", default=40.0, low=1.0, high=1000.0),
        "work_ms": Param(doc="time to spend on a line, in ms", default=0.0, high=600_000.0),
        "work": Param(doc="time to spend on a line, in seconds for each second of audio", default=0.0, high=1000.0),
        "leak_mb": Param(doc="memory to keep for good, in MiB for each line", default=0.0, high=10_000.0),
        "fits": Param(doc="the largest batch that fits into memory; 0 is any", default=0.0, high=1000.0),
        "fault": Param(
            doc="what goes wrong",
            default="none",
            choices=(
                *("none", "refuse", "bug", "memory", "hog", "cuda", "crash", "exit", "hang", "noise"),
                *("empty", "stereo", "nan", "silent", "clipped", "dc", "cut"),
            ),
        ),
        "fault_times": Param(doc="how often in a run it goes wrong; 0 is always", default=0.0, high=1000.0),
        "fault_rate": Param(doc="the share of seeds for which it goes wrong", default=1.0),
    },
    licence="Apache-2.0 (part of tts-cli)",
)

RECORDING = EngineSpec(
    name="recording",
    summary="plays a recorded file instead of speaking: what `audio:` on a line uses",
    adapter="tts_cli.engines.recording:Recording",
    version=1,
    package="soundfile",
    voices="tts_cli.engines.recording:voices",
    resolve="tts_cli.engines.recording:resolve",
    sample_rate=0,
    subtype="PCM_24",
    patience_s=900.0,  # a recording may be two hours long, whatever its line says
    reads_files=True,
    stochastic=False,
)

# How the import of somebody's module, or the making of a spec for another version of ours, goes wrong.
_BROKEN = (ImportError, AttributeError, TypeError, ValueError, SyntaxError, LookupError, OSError, RuntimeError)

BUILT_IN = {spec.name: spec for spec in (ESPEAK, TONE, RECORDING, KOKORO, POCKET)}


def engine_names() -> tuple[str, ...]:
    """Name every engine, built-in ones first; the others come unseen, a broken one included."""
    return tuple(dict.fromkeys((*BUILT_IN, *sorted(_entry_points()))))


def get_spec(name: str) -> EngineSpec:
    """Return an engine's spec; raises `UnknownNameError`, or `MissingError` for a third party's broken one."""
    return BUILT_IN.get(name) or _third_party(name)


def list_voices(spec: EngineSpec) -> tuple[EngineVoice, ...]:
    """List the voices that the engine brings."""
    return cast("tuple[EngineVoice, ...]", _function(spec.voices)())


def resolve_voice(spec: EngineSpec, voice: str, language: str) -> str:
    """Return the engine's full voice name; raises `UnknownNameError` of kind "voice" or "language"."""
    return _resolve(spec.resolve, voice, language)


def check_state(conditioner: Conditioner, state: State) -> State:
    """Bring a state into the engine's one form; raises ValueError for what is none of its states."""
    return _function(conditioner.layout)(state)


def lacking_part(conditioner: Conditioner, language: str) -> str:
    """Return the part of the weights that imitating in a language needs and that is not here; empty if none."""
    return cast("str", _function(conditioner.lacks)(language)) if conditioner.lacks else ""


def package_version(spec: EngineSpec) -> str:
    """Return the version of the engine's distribution; raises `MissingError` where it is not installed."""
    return _version(spec.package)


def model_version(spec: EngineSpec) -> str:
    """Return what speaks, for keys: the package's version, the front end and the weights' digest, if it has them.

    Raises `MissingError` where the engine cannot speak before `tts-cli download`.
    """
    if not (spec.requirements or spec.weights):
        return package_version(spec)
    from tts_cli.engines.weights import RECORD, engine_folder

    folder = engine_folder(spec.name)
    return _model_version(spec.name, str(folder), _changed(folder / RECORD), _changed(folder / "venv"))


def front_end(spec: EngineSpec, versions: Mapping[str, str]) -> str:
    """Return what turns text into sounds with those packages; empty for engines that have one way only."""
    return cast("str", _function(spec.front_end)(versions)) if spec.front_end else ""


@functools.lru_cache(maxsize=64)
def _model_version(name: str, folder: str, weights: int, environment: int) -> str:  # noqa: ARG001  a change is a miss
    from tts_cli.engines.environments import usable_environment
    from tts_cli.engines.weights import weights_digest

    spec = get_spec(name)
    versions = usable_environment(spec).versions
    version = versions.get(spec.package, "")
    return " ".join(filter(None, (version, front_end(spec, versions), weights_digest(spec)[:32])))


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


@functools.cache
def _version(package: str) -> str:
    from importlib import metadata

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError as error:
        raise MissingError(f"the package {package} is not installed", hint=f"pip install {package}") from error


@functools.cache
def _function(path: str) -> Callable[..., object]:
    module, _, name = path.partition(":")
    return cast("Callable[..., object]", getattr(importlib.import_module(module), name))


@functools.lru_cache(maxsize=4096)
def _resolve(path: str, voice: str, language: str) -> str:
    return cast("str", _function(path)(voice, language))


@functools.cache
def _entry_points() -> "dict[str, EntryPoint]":
    from importlib.metadata import entry_points

    return {point.name: point for point in entry_points(group=GROUP)}


@functools.cache
def _third_party(name: str) -> EngineSpec:
    point = _entry_points().get(name)
    if point is None:
        raise UnknownNameError("engine", name, engine_names())
    try:
        spec = point.load()
    except _BROKEN as error:
        reason = f"{type(error).__name__}: {error}"
        raise MissingError(f"the engine {name} cannot be used: {reason}", hint=_mend(point)) from error
    if not isinstance(spec, EngineSpec) or spec.name != name:
        wrong = f"{point.value} is not an EngineSpec of the name {name!r}"
        raise MissingError(f"the engine {name} cannot be used: {wrong}", hint=_mend(point))
    return spec


def _mend(point: "EntryPoint") -> str:
    package = point.dist.name if point.dist else point.module
    return f"update or uninstall {package}, which brings this engine"
