"""Under which python an engine runs: ours, if its packages are here in tested versions, else one of its own.

Nothing of an engine is imported to tell. An environment of its own is `TTS_CLI_HOME/engines/NAME/venv`.
"""

import importlib.util
import platform
import shutil
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from tts_cli.about import PACKAGE
from tts_cli.engines.base import EngineSpec, Requirements
from tts_cli.engines.ownership import check_home
from tts_cli.engines.weights import engine_folder
from tts_cli.errors import MissingError

VENV = "venv"
LOCK = "lock.txt"
# What a worker needs whatever engine it runs.
WORKER_PACKAGES = ("numpy>=1.26", "soundfile>=0.13")


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """Where an engine runs: `here`, in its `own` environment, or nowhere yet (`missing`), which `lacks` explains.

    `versions` are those of the packages that it names, as installed there.
    """

    kind: Literal["here", "own", "missing"]
    python: str = ""
    versions: Mapping[str, str]
    lacks: tuple[str, ...] = ()


def python_of(spec: EngineSpec) -> str:
    """Return the python of an engine's workers; raises `MissingError` where there is none yet."""
    environment = usable_environment(spec)
    if environment.kind == "own":
        link_package(engine_folder(spec.name) / VENV)
    return environment.python


def usable_environment(spec: EngineSpec) -> Environment:
    """Return where the engine runs; raises `MissingError` where it cannot yet."""
    if spec.install.requirements or spec.install.weights:
        check_home(spec.name)
    environment = find_environment(spec)
    if environment.kind == "missing":
        lacks = "; ".join(environment.lacks)
        raise MissingError(f"the engine {spec.name} is not installed: {lacks}", hint=f"tts-cli download {spec.name}")
    return environment


def find_environment(spec: EngineSpec) -> Environment:
    """Look here first, then in the engine's own environment."""
    requirements = spec.install.requirements
    if requirements is None:
        return Environment(kind="here", python=sys.executable, versions=_versions((spec.package,), None))
    named = (spec.package, *_names(requirements.packages), *_names(requirements.optional))
    lacks = _lacks_here(requirements)
    if not lacks:
        return Environment(kind="here", python=sys.executable, versions=_versions(named, None))
    venv = engine_folder(spec.name) / VENV
    packages = site_packages(venv)
    if packages is None:
        return Environment(kind="missing", versions={}, lacks=lacks)
    versions = _versions(named, packages)
    if wrong := _unmet(requirements.packages, versions):
        return Environment(kind="missing", versions=versions, lacks=(f"in its environment {wrong[0]}", *wrong[1:]))
    return Environment(kind="own", python=str(python_in(venv)), versions=versions)


def suits_this_python(requirements: Requirements) -> bool:
    """Return whether the engine's packages run under the python that we run under."""
    return SpecifierSet(requirements.python).contains(platform.python_version(), prereleases=True)


def python_in(venv: Path) -> Path:
    """Return the interpreter of an environment."""
    return venv / "bin/python"


def site_packages(venv: Path) -> Path | None:
    """Return where an environment has its packages, None where there is no environment."""
    return next(iter(sorted(venv.glob("lib/python3.*/site-packages"))), None) if python_in(venv).exists() else None


def link_package(venv: Path) -> None:
    """Let the environment import this very tts-cli, and nothing else of ours; a copy where links cannot be made."""
    packages, ours = site_packages(venv), PACKAGE
    if packages is None:
        return
    link = packages / ours.name
    if link.resolve() == ours.resolve():
        return
    # rmtree refuses a link; unlinking spares what it leads to.
    if link.is_symlink():
        link.unlink()
    elif link.exists():
        shutil.rmtree(link)
    try:
        link.symlink_to(ours, target_is_directory=True)
    except OSError:
        # Some network disks and some systems allow no links.
        shutil.copytree(ours, link, ignore=shutil.ignore_patterns("__pycache__"))


def _lacks_here(requirements: Requirements) -> tuple[str, ...]:
    """Return what keeps an engine from running in this environment."""
    if not suits_this_python(requirements):
        return (f"it wants Python {requirements.python}, this is {platform.python_version()}",)
    versions = _versions(_names(requirements.packages), None)
    absent = tuple(f"no module {name} here" for name in requirements.modules if not _can_find(name))
    # A module that belongs to a missing package says the same again.
    return _unmet(requirements.packages, versions) or absent


def _unmet(packages: Iterable[str], versions: Mapping[str, str]) -> tuple[str, ...]:
    faults = []
    for requirement in map(Requirement, packages):
        found = versions.get(canonicalize_name(requirement.name))
        # A requirement of another Python or system is none here.
        if requirement.marker and not requirement.marker.evaluate():
            continue
        if found is None:
            faults.append(f"{requirement.name} is not installed")
        # Whoever has a prerelease has chosen it.
        elif not requirement.specifier.contains(found, prereleases=True):
            faults.append(f"{requirement.name} {found} is not {requirement.specifier}, which it was tested with")
    return tuple(faults)


def _names(packages: Iterable[str]) -> list[str]:
    return [Requirement(package).name for package in packages]


def _versions(names: Iterable[str], packages: Path | None) -> dict[str, str]:
    """Read versions from the packages' metadata, of this environment or of another's site-packages."""
    found = {}
    for name in map(canonicalize_name, names):
        path = [str(packages)] if packages else sys.path
        if distribution := next(iter(metadata.distributions(name=name, path=path)), None):
            found[str(name)] = distribution.version
    return found


def _can_find(module: str) -> bool:
    try:
        # This imports the packages above a module, and those may be broken.
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False
