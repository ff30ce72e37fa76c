"""What a download will do, before it does anything: what lacks, how many bytes that is, and on which disks."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tts_cli.engines.base import EngineSpec, Weights
from tts_cli.engines.environments import find_environment
from tts_cli.engines.weights import Fetched, engine_folder, find_fetched, home, hub_folder
from tts_cli.errors import MissingError
from tts_cli.install import package_tools
from tts_cli.install.hub_errors import describe_os_error

if TYPE_CHECKING:
    from tts_cli.install.packages import Packages, Torch

MB = 10**6


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadRequest:
    """What to have ready, and from where: a hub (or a mirror's `endpoint`) or a `folder`; `offline` asks nobody."""

    names: tuple[str, ...]
    revision: str = ""
    endpoint: str = ""
    offline: bool = False
    folder: Path | None = None
    weights: bool = True
    torch: "Torch | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing to have ready: an engine's packages, or one part of its weights, named as the user writes it.

    `fetch` and `disk` are bytes, the weights' as their spec says. What is `ready` takes none; `error` is why a step
    will fail.
    """

    spec: EngineSpec
    name: str
    weights: Weights | None = None
    ready: bool = False
    packages: "Packages | None" = None
    found: Fetched | None = None
    fetch: int = 0
    disk: int = 0
    error: MissingError | None = None

    @property
    def is_due(self) -> bool:
        """Whether something will be fetched or copied."""
        return not self.ready and self.error is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """A disk that gets bytes: `folder` lies or will lie on it, `free` is what it has now."""

    folder: Path
    needed: int
    free: int


def plan(
    wanted: Iterable[tuple[EngineSpec, Sequence[Weights]]], request: DownloadRequest, say: Callable[[str], None]
) -> tuple[Step, ...]:
    """Look what lacks; indexes of packages are asked, hubs are not."""
    steps: dict[tuple[object, ...], Step] = {}
    for spec, parts in wanted:
        if spec.install.requirements and (spec.name,) not in steps:
            steps[(spec.name,)] = _try(Step(spec=spec, name=spec.name), _plan_packages, request, say)
        for weights in parts if request.weights else ():
            name = f"{spec.name}:{weights.part}" if weights.part else spec.name
            # A part may need files of one repository at several commits.
            key = (name, weights.repo, weights.revision, weights.files)
            if key not in steps:
                steps[key] = _try(Step(spec=spec, name=name, weights=weights), _plan_weights, request, say)
    return tuple(steps.values())


def rooms(steps: Iterable[Step]) -> tuple[Room, ...]:
    """Return the disks that the steps will fill, the home's first."""
    from tts_cli.install.hub_files import free_bytes

    needed: dict[int, int] = defaultdict(int)
    folders: dict[int, Path] = {}
    for step in steps:
        if not step.is_due:
            continue
        # uv keeps packages unpacked in a cache of its own, and links them where it is on the same disk.
        places = [home() if step.packages else hub_folder(), *([cache] if (cache := _uv_cache(step)) else [])]
        for disk, folder in {_disk(place): place for place in reversed(places)}.items():
            needed[disk] += step.disk
            folders.setdefault(disk, folder)
    return tuple(
        Room(folder=folders[disk], needed=size, free=free_bytes(folders[disk])) for disk, size in needed.items()
    )


def _try(step: Step, look: Callable[..., Step], request: DownloadRequest, say: Callable[[str], None]) -> Step:
    try:
        return look(step, request, say)
    except MissingError as error:
        return replace(step, error=error)
    except OSError as error:
        return replace(step, error=describe_os_error(error))


def _plan_packages(step: Step, request: DownloadRequest, say: Callable[[str], None]) -> Step:
    environment, requirements = find_environment(step.spec), step.spec.install.requirements
    if environment.kind != "missing" or requirements is None:
        return replace(step, ready=True)
    if request.offline:
        raise MissingError("; ".join(environment.lacks), hint="run the command without --offline")
    from tts_cli.install.packages import resolve

    say(f"{step.name}: looking up the packages that it needs")
    packages = resolve(step.spec, requirements, request.torch)
    return replace(step, packages=packages, fetch=packages.size, disk=packages.disk)


def _plan_weights(step: Step, request: DownloadRequest, _: Callable[[str], None]) -> Step:
    from tts_cli.install import hub
    from tts_cli.install.hub_files import FetchRequest

    if step.weights is None:
        return step
    found = find_fetched(step.spec, step.weights)
    wanted = FetchRequest(spec=step.spec, weights=step.weights, revision=request.revision)
    if found and hub.is_known(wanted, found):
        return replace(step, ready=True, found=found)
    size = step.weights.megabytes * MB
    return replace(step, fetch=0 if request.offline or request.folder else size, disk=0 if request.offline else size)


def _uv_cache(step: Step) -> Path | None:
    uv = package_tools.uv_path() if step.packages else None
    if uv is None:
        return None
    asked = package_tools.run([uv, "cache", "dir"], "uv's cache cannot be found", engine_folder(step.spec.name))
    return Path(asked.strip())


def _disk(place: Path) -> int:
    """Return the device of a place, or of the nearest folder above it that is there."""
    return next(folder.stat().st_dev for folder in (place, *place.parents) if folder.exists())
