"""Names of engines -> environments and weights: what is here is checked, what lacks is made or fetched."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

from tts_cli.engines.base import EngineSpec, Weights
from tts_cli.engines.catalog import engine_names, get_spec
from tts_cli.engines.environments import find_environment
from tts_cli.engines.recording.spec import RECORDING
from tts_cli.engines.weights import engine_folder, find_fetched, hub_folder, parts_of, weights_of, write_record
from tts_cli.errors import MissingError, UsageError
from tts_cli.install.hub_errors import describe_os_error, redact

ALL = "all"
MOST_CARD_BYTES = 1 << 16
_LICENCE = re.compile(r"^[ \t*-]*licen[cs]e:(.{1,200})", re.IGNORECASE | re.MULTILINE)
Conditionals = Literal["ready", "made", "fetched", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadRequest:
    """What to have ready, and from where: a hub (or a mirror's `endpoint`) or a `folder`; `offline` asks nobody."""

    names: tuple[str, ...]
    revision: str = ""
    endpoint: str = ""
    offline: bool = False
    folder: Path | None = None
    weights: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadListener:
    """How a download tells how it is going: `say` takes sentences, `count` (name, bytes here, of how many)."""

    say: Callable[[str], None]
    count: Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Downloaded:
    """What became of an engine's environment, or of one part of its weights; `name` is as the user writes it."""

    name: str
    what: Literal["environment", "weights"]
    state: Conditionals
    detail: str = ""
    size: int = 0
    error: str = ""
    hint: str = ""


def download(request: DownloadRequest, listener: DownloadListener) -> Iterator[Downloaded]:
    """Yield what became of each thing; one that fails does not stop the others.

    Raises `UnknownNameError` and `UsageError` before anything is done.
    """
    wanted = [(spec, parts) for name in request.names for spec, parts in _resolve(name)]
    if (request.revision or request.folder) and len(wanted) > 1:
        raise UsageError("--revision and --from are for one engine at a time", hint="run the command for each")
    for spec, parts in wanted:
        if spec.install.requirements:
            yield _try(spec.name, "environment", partial(_prepare_environment, spec, request, listener))
        for weights in parts if request.weights else ():
            name = f"{spec.name}:{weights.part}" if weights.part else spec.name
            yield _try(name, "weights", partial(_prepare_weights, spec, weights, request, listener))


def downloadable() -> tuple[EngineSpec, ...]:
    """Return the engines that need something."""
    specs = (get_spec(name) for name in engine_names() if name != RECORDING.name)
    return tuple(spec for spec in specs if spec.install.weights or spec.install.requirements)


def _resolve(name: str) -> Iterable[tuple[EngineSpec, tuple[Weights, ...]]]:
    """Return what a name as typed stands for: ENGINE, ENGINE:PART, ENGINE:all (its parts), or all (engines)."""
    if name == ALL:
        return [(spec, parts_of(spec).get("", ())) for spec in downloadable()]
    engine, _, part = name.partition(":")
    spec = get_spec(engine)
    if part == ALL and spec.install.open_parts:
        hint = f"tts-cli download {engine}:{spec.install.open_parts.name} for each"
        raise UsageError(f"{engine} has too many parts to have them all", hint=hint)
    if part == ALL:
        return [(spec, spec.install.weights)]
    return [(spec, weights_of(spec, part) if part else parts_of(spec).get("", ()))]


def _try(name: str, what: Literal["environment", "weights"], do: Callable[[], Downloaded]) -> Downloaded:
    try:
        return do()
    except MissingError as error:
        failed = error
    except OSError as error:
        failed = describe_os_error(error)
    return Downloaded(name=name, what=what, state="failed", error=failed.message, hint=failed.hint)


def _prepare_environment(spec: EngineSpec, request: DownloadRequest, listener: DownloadListener) -> Downloaded:
    environment = find_environment(spec)
    state: Conditionals = "ready"
    if environment.kind == "missing" and spec.install.requirements:
        if request.offline:
            raise MissingError("; ".join(environment.lacks), hint="run the command without --offline")
        from tts_cli.install.environment_maker import install

        install(spec, spec.install.requirements, listener.say)
        environment, state = find_environment(spec), "made"
        if environment.kind == "missing":
            raise MissingError(f"what was installed does not suit: {'; '.join(environment.lacks)}")
    where = str(engine_folder(spec.name)) if environment.kind == "own" else "this environment"
    versions = ", ".join(f"{package} {version}" for package, version in environment.versions.items())
    return Downloaded(name=spec.name, what="environment", state=state, detail=f"{where}: {versions}")


def read_licence(card: Path) -> str:
    """Return what a model's card says of its licence, in one line; empty where it says nothing."""
    try:
        text = card.read_bytes()[:MOST_CARD_BYTES].decode("utf-8", "replace")
    except OSError:
        return ""
    found = _LICENCE.search(text)
    # Others write it, and terminals obey it.
    return " ".join("".join(one if one.isprintable() else " " for one in found[1]).split()) if found else ""


def _prepare_weights(
    spec: EngineSpec, weights: Weights, request: DownloadRequest, listener: DownloadListener
) -> Downloaded:
    from tts_cli.install import hub, hub_files, local_copy

    wanted = hub_files.FetchRequest(
        spec=spec,
        weights=weights,
        revision=request.revision,
        endpoint=request.endpoint,
        offline=request.offline,
        on_progress=lambda done, total: listener.count(wanted.name, done, total),
    )
    found = find_fetched(spec, weights)
    state: Conditionals = "ready"
    if found is None or not hub.is_known(wanted, found):
        source = request.folder or redact(request.endpoint) or "its hub"
        gated = ", gated" if weights.gated else ""
        listener.say(f"{wanted.name}: {weights.repo} from {source}, licence {weights.licence or 'unknown'}{gated}")
        found = local_copy.take_over(wanted, request.folder) if request.folder else hub.fetch(wanted)
        if weights.card:
            found = replace(found, licence=read_licence(hub_folder() / found.folder / weights.card))
        write_record(spec, weights, found)
        state = "fetched"
    licence = f", licence: {found.licence or 'unknown'}" if weights.card else ""
    detail = f"{found.repo} at {found.revision[:12]}, {len(found.files)} files{licence}"
    return Downloaded(name=wanted.name, what="weights", state=state, detail=detail, size=found.size)
