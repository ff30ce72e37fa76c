"""Voices and manifests -> conditionals, before any line is spoken; and out of the cache as files for other tools."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from tts_cli.cache.blobs import write_atomically
from tts_cli.cache.store import Cache, Missing
from tts_cli.engines.base import EngineSpec
from tts_cli.engines.catalog import get_spec
from tts_cli.errors import InputError, OutputError
from tts_cli.formats.documents import Findings
from tts_cli.pipeline.conditionals import find_missing, record_conditionals
from tts_cli.pipeline.conditioning import conditionings_of
from tts_cli.pipeline.manifest import load_manifest
from tts_cli.pipeline.names import safe_name
from tts_cli.pipeline.order import Progress, Watch
from tts_cli.pipeline.plan import make_plan
from tts_cli.pipeline.voices import VoiceFinder
from tts_cli.settings import Settings
from tts_cli.types import Conditionals, Conditioning, Problem, Source, Voice
from tts_cli.voices.conditionals import write_state
from tts_cli.voices.library import open_library
from tts_cli.voices.pt_file import read_pt
from tts_cli.workers.messages import TakeFailed
from tts_cli.workers.pool import Pool

_MANIFESTS = (".yaml", ".yml", ".json", ".csv", ".tsv")


@dataclass(frozen=True, slots=True, kw_only=True)
class Precomputed:
    """What became of one voice's state: `wall_s` is what it took now, and `found` is None where it failed."""

    conditioning: Conditioning
    status: Literal["computed", "cached", "failed"]
    found: Conditionals | None = None
    wall_s: float = 0.0
    error: str = ""


def precompute(targets: Sequence[str], engine: str, settings: Settings, watch: Watch) -> tuple[Precomputed, ...]:
    """Make the states that manifests or voices need and the cache lacks, several at once.

    A voice is meant for `engine`, a manifest's lines for their own engines. Raises `InputError` with every problem.
    """
    conditionings: dict[str, Conditioning] = {}
    for target in targets:
        if target.lower().endswith(_MANIFESTS):
            conditionings |= _of_manifest(target, settings)
        else:
            spec = get_spec(engine)
            conditionings |= conditionings_of(find_voice(target, spec, settings), spec)
    return _compute(conditionings, settings, watch)


def find_voice(name: str, spec: EngineSpec, settings: Settings) -> Voice:
    """Return a voice of the library or of a path as an engine has it, or the engine's own.

    Raises `UnknownNameError`, and `InputError` with what is wrong with the voice.
    """
    findings = Findings()
    finder = VoiceFinder(open_library(settings.home), "", findings)
    voice, fault = finder.find(name, spec)
    if fault:
        findings.problems.append(Problem(Source(name, 1), fault.message, fault.hint))
    if findings.problems:
        raise InputError(findings.problems)
    return voice or finder.own(name, spec)


def export(results: Iterable[Precomputed], folder: Path, settings: Settings) -> tuple[Path, ...]:
    """Write states as files that their engines' own tools read, each beside a JSON that says what it is."""
    cache = Cache(settings.cache)
    paths = []
    for result in results:
        data = cache.read_conditionals(result.found) if result.found else None
        conditioner = get_spec(result.conditioning.engine).conditioner
        if data and conditioner and result.found:
            path = folder / f"{_file_name(result.conditioning)}{conditioner.suffix}"
            _write(path, write_state(read_pt(data), conditioner.suffix))
            sidecar = json.dumps(describe(result.found, result.conditioning.voice), indent=2, ensure_ascii=False)
            _write(path.with_suffix(".json"), f"{sidecar}\n".encode())
            paths.append(path)
    return tuple(paths)


def describe(conditionals: Conditionals, voice: Voice) -> dict[str, Any]:
    """Say what a state is: engine, model, what it was made from, whose it is and under which terms."""
    said = asdict(conditionals)
    del said["wall_s"]
    named = {"voice": voice.name, "language": voice.language, "licence": voice.licence, "consent": voice.consent}
    return named | {"sha256": said.pop("blob"), **said}


def _of_manifest(path: str, settings: Settings) -> dict[str, Conditioning]:
    manifest = load_manifest(path, home=settings.home)
    plan = make_plan(manifest, Cache(settings.cache), selected=frozenset(), past=dict)
    return dict(plan.conditionings)


def _compute(conditionings: dict[str, Conditioning], settings: Settings, watch: Watch) -> tuple[Precomputed, ...]:
    cache = Cache(settings.cache)
    missing = find_missing(conditionings.values(), cache)
    results: dict[str, Precomputed] = {}
    with Pool(settings.crew, cache.root) as pool:
        for count, result in enumerate(record_conditionals(missing, cache, pool), start=1):
            conditioning = conditionings[result.key]
            watch(Progress(stage="voice", done=count, total=len(missing), note=conditioning.voice.name))
            results[result.key] = (
                Precomputed(conditioning=conditioning, status="failed", error=result.error)
                if isinstance(result, TakeFailed)
                else Precomputed(conditioning=conditioning, status="computed", found=result, wall_s=result.wall_s)
            )
    return tuple(results.get(key) or _cached(one, cache) for key, one in conditionings.items())


def _cached(conditioning: Conditioning, cache: Cache) -> Precomputed:
    found = cache.find_conditionals(conditioning.key)
    if isinstance(found, Missing):
        return Precomputed(conditioning=conditioning, status="failed", error="it was removed from the cache meanwhile")
    return Precomputed(conditioning=conditioning, status="cached", found=found)


def _file_name(conditioning: Conditioning) -> str:
    """Name a file by voice and engine, and by key as well where an emotion has a state of its own."""
    return safe_name(f"{conditioning.voice.name}-{conditioning.engine}-{conditioning.key[:8]}")


def _write(path: Path, data: bytes) -> None:
    try:
        write_atomically(path, data)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror}") from error
