"""What there is of each engine on this machine, and its removal."""

import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tts_cli.engines.base import EngineSpec
from tts_cli.engines.catalog import engine_names, get_spec
from tts_cli.engines.environments import find_environment
from tts_cli.engines.weights import engine_folder, has_weights, hub_folder, known_weights
from tts_cli.errors import MissingError


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """An engine as it is here: `lacks` says why it is not `ready`; `disk` counts its bytes under our home."""

    spec: EngineSpec
    ready: bool
    environment: str
    weights: str
    versions: Mapping[str, str]
    voices: int
    languages: tuple[str, ...]
    abilities: tuple[str, ...]
    disk: int
    lacks: tuple[str, ...] = ()


def describe_all() -> list[Installed]:
    """Describe every engine; one of a third party that is broken raises `MissingError`."""
    return [describe(get_spec(name)) for name in engine_names()]


def describe(spec: EngineSpec) -> Installed:
    """Return what there is of an engine, without importing anything of it."""
    environment = find_environment(spec)
    weights, lacking = _weights(spec)
    lacks = (*environment.lacks, *lacking)
    voices = spec.voices()
    return Installed(
        spec=spec,
        ready=not lacks,
        environment={"here": "this one", "own": "its own", "missing": "missing"}[environment.kind],
        weights=weights,
        versions=environment.versions,
        voices=len(voices),
        languages=tuple(sorted({voice.language for voice in voices if voice.language})),
        abilities=_abilities(spec, environment.versions),
        disk=sum(map(_size, _belongings(spec))),
        lacks=lacks,
    )


def remove(name: str) -> int:
    """Delete an engine's environment and the weights that no other engine uses; returns how many bytes were freed."""
    spec = get_spec(name)
    belongings = [path for path in _belongings(spec) if path.exists()]
    freed = sum(map(_size, belongings))
    try:
        for path in belongings:
            shutil.rmtree(path)
    except OSError as error:
        raise MissingError(f"{error.filename}: cannot be deleted: {error.strerror}") from error
    return freed


def _weights(spec: EngineSpec) -> tuple[str, tuple[str, ...]]:
    """Return which parts are here, and what is missing that every line needs."""
    if not (spec.install.weights or spec.install.open_parts):
        return "none needed", ()
    parts = dict.fromkeys(weights.part for weights in known_weights(spec))
    here = [part or "yes" for part in parts if has_weights(spec, part)]
    needed = "" in parts and "yes" not in here
    return ", ".join(here) or ("missing" if spec.install.weights else "none yet"), (
        "its weights are not here",
    ) if needed else ()


def _abilities(spec: EngineSpec, versions: Mapping[str, str]) -> tuple[str, ...]:
    found = {
        "imitates": spec.imitates,
        "emotions": bool(spec.emotions),
        "batches": max(spec.batch_on("cpu"), spec.batch_on("cuda")) > 1,
        "deterministic": not spec.execution.stochastic,
    }
    rung = spec.front_end(versions) if versions else ""
    return tuple(name for name, has in {**found, rung: bool(rung)}.items() if has)


def _belongings(spec: EngineSpec) -> list[Path]:
    """Return the folders of ours that are this engine's alone."""
    others = (get_spec(name) for name in engine_names() if name != spec.name)
    # Another engine may speak with the same repository.
    shared = {repo for other in others for repo in _repos(other)}
    repos = [repo for repo in _repos(spec) if repo not in shared]
    return [engine_folder(spec.name), *(hub_folder() / f"models--{repo.replace('/', '--')}" for repo in repos)]


def _repos(spec: EngineSpec) -> dict[str, None]:
    opened = [spec.install.open_parts.repo] if spec.install.open_parts else []
    return dict.fromkeys([*(weights.repo for weights in spec.install.weights), *opened])


def _size(folder: Path) -> int:
    """Count the bytes of a folder's files; what is linked is counted where it lies."""
    return sum(_sizes(os.walk(folder)))


def _sizes(tree: Iterable[tuple[str, list[str], list[str]]]) -> Iterable[int]:
    for root, _, names in tree:
        for name in names:
            path = Path(root, name)
            if not path.is_symlink():
                yield path.stat().st_size
