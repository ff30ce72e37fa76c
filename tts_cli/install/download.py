"""Names of engines -> environments and weights: what is here is checked, what lacks is made or fetched."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

from tts_cli.engines.base import EngineSpec, Weights
from tts_cli.engines.catalog import engine_names, get_spec
from tts_cli.engines.environments import find_environment
from tts_cli.engines.recording.spec import RECORDING
from tts_cli.engines.weights import engine_folder, hub_folder, parts_of, weights_of, write_record
from tts_cli.errors import MissingError, UsageError
from tts_cli.install.hub_errors import describe_os_error, redact
from tts_cli.install.hub_files import check_room
from tts_cli.install.plan import DownloadRequest, Room, Step, plan, rooms
from tts_cli.user_files import read_file

ALL = "all"
MOST_CARD_BYTES = 1 << 16
_LICENCE = re.compile(r"^[ \t*-]*licen[cs]e:(.{1,200})", re.IGNORECASE | re.MULTILINE)
State = Literal["ready", "made", "fetched", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadListener:
    """How a download tells how it is going: `say` takes sentences, `count` (name, bytes here, of how many).

    `announce` is told what will be done before anything is fetched; `agree` is asked then, and may raise to leave it.
    """

    say: Callable[[str], None]
    count: Callable[[str, int, int], None]
    announce: Callable[[Sequence[Step], Sequence[Room]], None] = lambda _steps, _rooms: None
    agree: Callable[[Sequence[Step]], None] = lambda _steps: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Downloaded:
    """What became of an engine's environment, or of one part of its weights; `name` is as the user writes it."""

    name: str
    what: Literal["environment", "weights"]
    state: State
    detail: str = ""
    size: int = 0
    error: str = ""
    hint: str = ""


def download(request: DownloadRequest, listener: DownloadListener) -> Iterator[Downloaded]:
    """Yield what became of each thing; one that fails does not stop the others.

    Raises `UnknownNameError`, `UsageError`, and `MissingError` where the disk has no room, before anything is fetched.
    """
    wanted = [(spec, parts) for name in request.names for spec, parts in _resolve(name)]
    if (request.revision or request.folder) and len(wanted) > 1:
        raise UsageError("--revision and --from are for one engine at a time", hint="run the command for each")
    steps = plan(wanted, request, listener.say)
    disks = rooms(steps)
    listener.announce(steps, disks)
    for disk in disks:
        # A size that nobody knows is asked for, and checked, when its turn comes.
        if disk.needed:
            check_room(disk.folder, disk.needed, "the download")
    listener.agree(steps)
    for step in steps:
        yield _do(step, request, listener)


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


def _do(step: Step, request: DownloadRequest, listener: DownloadListener) -> Downloaded:
    try:
        if step.error:
            raise step.error
        return _prepare_weights(step, step.weights, request, listener) if step.weights else _prepare(step, listener)
    except MissingError as error:
        failed = error
    except OSError as error:
        failed = describe_os_error(error)
    what: Literal["environment", "weights"] = "weights" if step.weights else "environment"
    return Downloaded(name=step.name, what=what, state="failed", error=failed.message, hint=failed.hint)


def _prepare(step: Step, listener: DownloadListener) -> Downloaded:
    """Have an engine's environment ready."""
    spec, size = step.spec, 0
    if step.packages:
        from tts_cli.install.environment_maker import install

        install(spec, step.packages, listener.say, partial(listener.count, f"{spec.name} packages"))
        size = step.packages.size
    environment = find_environment(spec)
    if environment.kind == "missing":
        raise MissingError(f"what was installed does not suit: {'; '.join(environment.lacks)}")
    state: State = "made" if step.packages else "ready"
    where = str(engine_folder(spec.name)) if environment.kind == "own" else "this environment"
    versions = ", ".join(f"{package} {version}" for package, version in environment.versions.items())
    return Downloaded(name=spec.name, what="environment", state=state, detail=f"{where}: {versions}", size=size)


def read_licence(card: Path) -> str:
    """Return what a model's card says of its licence, in one line; empty where it says nothing."""
    try:
        text = read_file(card, MOST_CARD_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
    found = _LICENCE.search(text)
    # Others write it, and terminals obey it.
    return " ".join("".join(one if one.isprintable() else " " for one in found[1]).split()) if found else ""


def _prepare_weights(step: Step, weights: Weights, request: DownloadRequest, listener: DownloadListener) -> Downloaded:
    from tts_cli.install import hub, hub_files, local_copy

    spec, found = step.spec, step.found
    wanted = hub_files.FetchRequest(
        spec=spec,
        weights=weights,
        revision=request.revision,
        endpoint=request.endpoint,
        offline=request.offline,
        on_progress=lambda done, total: listener.count(wanted.name, done, total),
    )
    state: State = "ready"
    if found is None:
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
