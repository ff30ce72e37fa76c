"""Voices and manifests -> conditionals, before any line is spoken; and out of the cache as files for other tools."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from tts_cli.cache.blobs import write_atomically
from tts_cli.cache.records import CachedConditionals
from tts_cli.cache.store import Cache, Missing
from tts_cli.engines.base import EngineSpec
from tts_cli.engines.catalog import get_spec
from tts_cli.errors import InputError, Problem, Source, refused
from tts_cli.formats.documents import Diagnostics
from tts_cli.pipeline.master.file_names import safe_name
from tts_cli.pipeline.plan.plan import make_plan
from tts_cli.pipeline.plan.voice_states import conditionals_requests_of
from tts_cli.pipeline.request import EventSink, Progress
from tts_cli.pipeline.script.resolve import load_manifest
from tts_cli.pipeline.script.voice_lookup import VoiceFinder
from tts_cli.pipeline.takes.voice_states import find_missing, record_conditionals
from tts_cli.settings import Settings
from tts_cli.types import ConditionalsRequest, Voice
from tts_cli.voices.conditionals import write_state
from tts_cli.voices.library import open_library
from tts_cli.voices.pt_file import read_pt
from tts_cli.workers.messages import TakeFailed
from tts_cli.workers.pool import Pool

_MANIFESTS = (".yaml", ".yml", ".json", ".csv", ".tsv")


@dataclass(frozen=True, slots=True, kw_only=True)
class Precomputed:
    """What became of one voice's state: `wall_s` is what it took now, and `found` is None where it failed."""

    conditionals_request: ConditionalsRequest
    status: Literal["computed", "cached", "failed"]
    found: CachedConditionals | None = None
    wall_s: float = 0.0
    error: str = ""


def precompute(targets: Sequence[str], engine: str, settings: Settings, on_event: EventSink) -> tuple[Precomputed, ...]:
    """Make the states that manifests or voices need and the cache lacks, several at once.

    A voice is meant for `engine`, a manifest's lines for their own engines. Raises `InputError` with every problem.
    """
    conditionals_requests: dict[str, ConditionalsRequest] = {}
    for target in targets:
        if target.lower().endswith(_MANIFESTS):
            conditionals_requests |= _of_manifest(target, settings)
        else:
            spec = get_spec(engine)
            conditionals_requests |= conditionals_requests_of(find_voice(target, spec, settings), spec)
    return _compute(conditionals_requests, settings, on_event)


def find_voice(name: str, spec: EngineSpec, settings: Settings) -> Voice:
    """Return a voice of the library or of a path as an engine has it, or the engine's own.

    Raises `UnknownNameError`, and `InputError` with what is wrong with the voice.
    """
    diagnostics = Diagnostics()
    finder = VoiceFinder(open_library(settings.home), "", diagnostics)
    voice, fault = finder.find(name, spec)
    if fault:
        diagnostics.problems.append(Problem(Source(name, 1), fault.message, fault.hint))
    if diagnostics.problems:
        raise InputError(diagnostics.problems)
    return voice or finder.own(name, spec)


def export(results: Iterable[Precomputed], folder: Path, settings: Settings) -> tuple[Path, ...]:
    """Write states as files that their engines' own tools read, each beside a JSON that says what it is."""
    cache = Cache(settings.cache)
    paths = []
    for result in results:
        data = cache.read_conditionals(result.found) if result.found else None
        conditioner = get_spec(result.conditionals_request.engine).abilities.clones
        if data and conditioner and result.found:
            path = folder / f"{_file_name(result.conditionals_request)}{conditioner.suffix}"
            _write(path, write_state(read_pt(data), conditioner.suffix))
            sidecar = json.dumps(
                describe(result.found, result.conditionals_request.voice), indent=2, ensure_ascii=False
            )
            _write(path.with_suffix(".json"), f"{sidecar}\n".encode())
            paths.append(path)
    return tuple(paths)


def describe(conditionals: CachedConditionals, voice: Voice) -> dict[str, Any]:
    """Return what a state is: engine, model, what it was made from, whose it is and under which terms."""
    said = asdict(conditionals)
    del said["wall_s"]
    named = {"voice": voice.name, "language": voice.language, "licence": voice.licence, "consent": voice.consent}
    return named | {"sha256": said.pop("blob"), **said}


def _of_manifest(path: str, settings: Settings) -> dict[str, ConditionalsRequest]:
    manifest = load_manifest(path, home=settings.home)
    plan = make_plan(manifest, Cache(settings.cache), selected=frozenset(), past=dict)
    return dict(plan.conditionals_requests)


def _compute(
    conditionals_requests: dict[str, ConditionalsRequest], settings: Settings, on_event: EventSink
) -> tuple[Precomputed, ...]:
    cache = Cache(settings.cache)
    missing = find_missing(conditionals_requests.values(), cache)
    results: dict[str, Precomputed] = {}
    with Pool(settings.worker_options, cache.root) as pool:
        for count, result in enumerate(record_conditionals(missing, cache, pool), start=1):
            conditionals_request = conditionals_requests[result.key]
            on_event(Progress(stage="voice", done=count, total=len(missing), note=conditionals_request.voice.name))
            results[result.key] = (
                Precomputed(conditionals_request=conditionals_request, status="failed", error=result.error)
                if isinstance(result, TakeFailed)
                else Precomputed(
                    conditionals_request=conditionals_request, status="computed", found=result, wall_s=result.wall_s
                )
            )
    return tuple(results.get(key) or _cached(one, cache) for key, one in conditionals_requests.items())


def _cached(conditionals_request: ConditionalsRequest, cache: Cache) -> Precomputed:
    found = cache.find_conditionals(conditionals_request.key)
    if isinstance(found, Missing):
        return Precomputed(
            conditionals_request=conditionals_request, status="failed", error="it was removed from the cache meanwhile"
        )
    return Precomputed(conditionals_request=conditionals_request, status="cached", found=found)


def _file_name(conditionals_request: ConditionalsRequest) -> str:
    """Name a file by voice and engine, and by key as well where an emotion has a state of its own."""
    return safe_name(f"{conditionals_request.voice.name}-{conditionals_request.engine}-{conditionals_request.key[:8]}")


def _write(path: Path, data: bytes) -> None:
    try:
        write_atomically(path, data)
    except OSError as error:
        raise refused(path, "be written", error) from error
