"""An environment of its own for an engine: made by uv, or by pip where there is no uv, and renamed when it is whole."""

import re
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from tts_cli.engines.base import EngineSpec
from tts_cli.engines.environments import LOCK, VENV, WORKER_PACKAGES, link_package, python_in, suits_this_python
from tts_cli.engines.weights import engine_folder
from tts_cli.errors import MissingError
from tts_cli.install import package_tools
from tts_cli.install.packages import TORCH_CPU_INDEX, Packages, torch_options

_ARRIVED = re.compile(r" *Downloaded (\S+)")

Log = Callable[[str], None]
Count = Callable[[int, int], None]  # bytes that are here, of how many


def install(spec: EngineSpec, packages: Packages, say: Log, count: Count) -> Path:
    """Make the engine's environment anew, and write down what was installed; raises `MissingError`."""
    from filelock import FileLock

    folder = engine_folder(spec.name)
    folder.mkdir(parents=True, exist_ok=True)
    # Two commands may want the same environment at once.
    with FileLock(folder / "tts-cli.lock"):
        new = folder / f"{VENV}.new"
        shutil.rmtree(new, ignore_errors=True)
        try:
            lock = _make(new, packages, say, count)
            link_package(new)
            # With nothing on its stdin a worker imports what it needs and ends.
            worker = [str(python_in(new)), "-P", "-m", "tts_cli.workers.process"]
            package_tools.run(worker, "its worker does not start", folder)
            # The old environment goes only now that the new one has proved itself.
            shutil.rmtree(folder / VENV, ignore_errors=True)
            new.rename(folder / VENV)
            (folder / LOCK).write_text(lock, encoding="utf-8")
        finally:
            shutil.rmtree(new, ignore_errors=True)
    return folder / VENV


def _make(venv: Path, packages: Packages, say: Log, count: Count) -> str:
    """Install everything; returns the lock, one `name==version` a line."""
    names = ", ".join(packages.requirements.packages)
    if uv := package_tools.uv_path():
        say(f"making an environment with uv: {names}")
        return _make_with_uv(uv, venv, packages, count)
    say(f"uv is not here, pip makes the environment, which takes longer: {names}")
    return _make_with_pip(venv, packages)


def _make_with_uv(uv: str, venv: Path, packages: Packages, count: Count) -> str:
    # Relocatable, as it is renamed when it is whole. uv fetches a Python where none suits.
    make = [uv, "venv", "--quiet", "--relocatable", "--python", packages.python, str(venv)]
    package_tools.run(make, "no environment can be made", venv.parent)
    overrides, pins = venv / "overrides.txt", venv / "pins.txt"
    overrides.write_text("\n".join(packages.requirements.overrides) + "\n", encoding="utf-8")
    # What was announced is what comes.
    pins.write_text("\n".join(packages.pins) + "\n", encoding="utf-8")
    python = ["--python", str(python_in(venv))]
    told = ["--overrides", str(overrides), "--constraints", str(pins), *torch_options(packages.torch)]
    wanted = [*WORKER_PACKAGES, *packages.requirements.packages]
    hear = counter(packages.sizes, count)
    command = [uv, "pip", "install", "--color", "never", *python, *told, *wanted]
    package_tools.run(command, "its packages cannot be installed", venv.parent, hear)
    count(packages.size, packages.size)
    freeze = [uv, "pip", "freeze", "--quiet", *python]
    return package_tools.run(freeze, "what was installed cannot be listed", venv.parent)


def counter(sizes: Mapping[str, int], count: Count) -> Callable[[str], None]:
    """Return what hears uv's lines and counts the packages that have arrived."""
    here, total = 0, sum(sizes.values())

    def hear(line: str) -> None:
        nonlocal here
        if found := _ARRIVED.match(line):
            here += sizes.get(found[1], 0)
            count(here, total)

    return hear


def _make_with_pip(venv: Path, packages: Packages) -> str:
    requirements = packages.requirements
    if not suits_this_python(requirements):
        raise MissingError(
            f"it wants Python {requirements.python}, and without uv only this one is at hand", hint="pip install uv"
        )
    fault, folder = "its packages cannot be installed", venv.parent
    package_tools.run([sys.executable, "-P", "-m", "venv", str(venv)], "no environment can be made", folder)
    pip = [str(python_in(venv)), "-P", "-m", "pip", "--quiet", "--disable-pip-version-check"]
    # Of one version pip takes the build with a name of its own, "+cpu".
    more = ["--extra-index-url", TORCH_CPU_INDEX] if packages.torch == "cpu" else []
    package_tools.run([*pip, "install", *more, *WORKER_PACKAGES, *requirements.packages], fault, folder)
    # pip knows no overrides: what the packages asked for is replaced afterwards.
    if requirements.overrides:
        package_tools.run([*pip, "install", "--no-deps", *requirements.overrides], fault, folder)
    return package_tools.run([*pip, "freeze"], "what was installed cannot be listed", folder)
