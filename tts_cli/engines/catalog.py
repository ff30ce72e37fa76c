"""Which engines there are: a table of the built-in ones, and those that other packages bring by entry point.

Reading it imports no engine. A third party names an `EngineSpec` in the entry point group `tts_cli.engines`, under
the engine's own name; it is looked at only when that engine is asked for.
"""

import functools
import importlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, cast

from tts_cli.engines.base import EngineSpec
from tts_cli.engines.server import Server
from tts_cli.errors import MissingError, UnknownNameError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "tts_cli.engines"

# How the import of somebody's module, or the making of a spec for another version of ours, goes wrong.
_BROKEN = (ImportError, AttributeError, TypeError, ValueError, SyntaxError, LookupError, OSError, RuntimeError)

# The engines of tts-cli itself, each named as a third party names its own.
BUILT_IN_SPECS = (
    "tts_cli.engines.espeak.spec:ESPEAK",
    "tts_cli.engines.tone.spec:TONE",
    "tts_cli.engines.recording.spec:RECORDING",
    "tts_cli.engines.kokoro.spec:KOKORO",
    "tts_cli.engines.piper.spec:PIPER",
    "tts_cli.engines.pocket_tts.spec:POCKET",
    "tts_cli.engines.tone.spec:TONE_REMOTE",
)


def _load(target: str) -> EngineSpec:
    module, _, name = target.partition(":")
    return cast("EngineSpec", getattr(importlib.import_module(module), name))


# Specs are plain data: to load all of them imports no engine's packages.
BUILT_IN = {spec.name: spec for spec in map(_load, BUILT_IN_SPECS)}


def engine_names() -> tuple[str, ...]:
    """Name every engine, built-in ones first; the others come unseen, a broken one included."""
    return tuple(dict.fromkeys((*BUILT_IN, *sorted(_entry_points()))))


def get_spec(name: str) -> EngineSpec:
    """Return an engine's spec; raises `UnknownNameError`, or `MissingError` for a third party's broken one."""
    # Built-in engines come first: a third party's engine of the same name would get their keys.
    return BUILT_IN.get(name) or _third_party(name)


def resolve_voice(spec: EngineSpec, voice: str, language: str) -> str:
    """Return the engine's full voice name; raises `UnknownNameError` of kind "voice" or "language", or `InputError`."""
    # Files may change at any time, and the engine knows when they have.
    if spec.abilities.voice_files:
        return spec.resolve(voice, language)
    return _resolve(spec.resolve, voice, language)


# A script asks for the same few voices thousands of times.
@functools.lru_cache(maxsize=4096)
def _resolve(resolve: Callable[[str, str], str], voice: str, language: str) -> str:
    return resolve(voice, language)


def package_version(spec: EngineSpec) -> str:
    """Return the version of the engine's distribution; raises `MissingError` where it is not installed."""
    return _version(spec.package)


def model_version(spec: EngineSpec) -> str:
    """Return what speaks, for keys: the package's version, the front end and the weights' digest, if it has them.

    Of an engine on a server it is the server's model. Raises `MissingError` where the engine cannot speak before
    `tts-cli download`, or its server does not answer.
    """
    if spec.execution.server:
        return server_model(spec.execution.server)
    if not (spec.install.requirements or spec.install.weights):
        return package_version(spec)
    from tts_cli.engines.weights import RECORD, engine_folder

    folder = engine_folder(spec.name)
    # The times of change make a download that happens while we run a miss of the cache below.
    return _model_version(spec.name, str(folder), _changed(folder / RECORD), _changed(folder / "venv"))


@functools.lru_cache(maxsize=64)
def _model_version(name: str, folder: str, weights: int, environment: int) -> str:  # noqa: ARG001  a change is a miss
    from tts_cli.engines.environments import usable_environment
    from tts_cli.engines.weights import weights_digest

    spec = get_spec(name)
    versions = usable_environment(spec).versions
    version = versions.get(spec.package, "")
    return " ".join(filter(None, (version, spec.front_end(versions), weights_digest(spec)[:32])))


def server_model(server: Server) -> str:
    """Return the identity of a server's model: as its variable says, else as the server says when it is first asked."""
    given = os.environ.get(server.model, "").strip() if server.model else ""
    return given or _ask_model(server, os.environ.get(server.url, ""))


@functools.lru_cache(maxsize=64)
def _ask_model(server: Server, address: str) -> str:  # noqa: ARG001  another address is another server
    return server.ask_model(server)


def forget_server_models() -> None:
    """Ask servers anew which model they have; a run asks each of them once."""
    _ask_model.cache_clear()


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
    # A spec under another engine's name would share that engine's keys.
    if not isinstance(spec, EngineSpec) or spec.name != name:
        wrong = f"{point.value} is not an EngineSpec of the name {name!r}"
        raise MissingError(f"the engine {name} cannot be used: {wrong}", hint=_mend(point))
    return spec


def _mend(point: "EntryPoint") -> str:
    package = point.dist.name if point.dist else point.module
    return f"update or uninstall {package}, which brings this engine"
