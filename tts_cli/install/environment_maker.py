"""An environment of its own for an engine: made by uv, or by pip where there is no uv, and renamed when it is whole."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tts_cli.engines.base import EngineSpec, Requirements
from tts_cli.engines.environments import (
    LOCK,
    VENV,
    WORKER_PACKAGES,
    link_package,
    python_in,
    suits_this_python,
)
from tts_cli.engines.weights import engine_folder
from tts_cli.errors import MissingError

LAST_LINES = 12
# Where uv and pip are told to look for packages; a relative path there is meant from the working directory.
_FOLDERS = {"UV_FIND_LINKS", "PIP_FIND_LINKS"}

Log = Callable[[str], None]


def install(spec: EngineSpec, requirements: Requirements, say: Log) -> Path:
    """Make the engine's environment anew, and write down what was installed; raises `MissingError`."""
    from filelock import FileLock

    folder = engine_folder(spec.name)
    folder.mkdir(parents=True, exist_ok=True)
    # Two commands may want the same environment at once.
    with FileLock(folder / "tts-cli.lock"):
        new = folder / f"{VENV}.new"
        shutil.rmtree(new, ignore_errors=True)
        try:
            lock = _make(new, requirements, say)
            link_package(new)
            # With nothing on its stdin a worker imports what it needs and ends.
            _run([str(python_in(new)), "-P", "-m", "tts_cli.workers.process"], "its worker does not start", new)
            # The old environment goes only now that the new one has proved itself.
            shutil.rmtree(folder / VENV, ignore_errors=True)
            new.rename(folder / VENV)
            (folder / LOCK).write_text(lock, encoding="utf-8")
        finally:
            shutil.rmtree(new, ignore_errors=True)
    return folder / VENV


def uv_path() -> str | None:
    """Return the uv that came with us, or the machine's own; None without one."""
    try:
        import uv

        return str(uv.find_uv_bin())
    except (ImportError, FileNotFoundError):
        return shutil.which("uv")


def _make(venv: Path, requirements: Requirements, say: Log) -> str:
    """Install everything; returns the lock, one `name==version` a line."""
    if uv := uv_path():
        say(f"making an environment with uv: {', '.join(requirements.packages)}")
        return _make_with_uv(uv, venv, requirements)
    say(f"uv is not here, pip makes the environment, which takes longer: {', '.join(requirements.packages)}")
    return _make_with_pip(venv, requirements)


def _make_with_uv(uv: str, venv: Path, requirements: Requirements) -> str:
    # uv can fetch another Python where this one does not suit.
    python = sys.executable if suits_this_python(requirements) else requirements.python
    # Relocatable, as it is renamed when it is whole.
    make = [uv, "venv", "--quiet", "--relocatable", "--python", python, str(venv)]
    _run(make, "no environment can be made", venv)
    overrides = venv / "overrides.txt"
    overrides.write_text("\n".join(requirements.overrides) + "\n", encoding="utf-8")
    target = ["--quiet", "--python", str(python_in(venv))]
    packages = [*WORKER_PACKAGES, *requirements.packages]
    install = [uv, "pip", "install", *target, "--overrides", str(overrides), *packages]
    _run(install, "its packages cannot be installed", venv)
    return _run([uv, "pip", "freeze", *target], "what was installed cannot be listed", venv)


def _make_with_pip(venv: Path, requirements: Requirements) -> str:
    if not suits_this_python(requirements):
        raise MissingError(
            f"it wants Python {requirements.python}, and without uv only this one is at hand", hint="pip install uv"
        )
    _run([sys.executable, "-P", "-m", "venv", str(venv)], "no environment can be made", venv)
    pip = [str(python_in(venv)), "-P", "-m", "pip", "--quiet", "--disable-pip-version-check"]
    _run([*pip, "install", *WORKER_PACKAGES, *requirements.packages], "its packages cannot be installed", venv)
    # pip knows no overrides: what the packages asked for is replaced afterwards.
    if requirements.overrides:
        _run([*pip, "install", "--no-deps", *requirements.overrides], "its packages cannot be installed", venv)
    return _run([*pip, "freeze"], "what was installed cannot be listed", venv)


def _run(command: Sequence[str], fault: str, venv: Path) -> str:
    """Run a command to its end, in the engine's folder; raises `MissingError` with the last that it said.

    Not in the working directory: a stranger's `uv.toml` or `pyproject.toml` there could name another index of packages.
    """
    # Paths that are meant for this python must not lead another one astray.
    environment = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONHOME"}}
    for name in _FOLDERS & environment.keys():
        environment[name] = " ".join(map(_absolute, environment[name].split()))
    try:
        done = subprocess.run(
            command,
            cwd=venv.parent,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError as error:
        raise MissingError(f"{fault}: {error}") from error
    if done.returncode:
        said = "\n".join((done.stderr or done.stdout).strip().splitlines()[-LAST_LINES:])
        raise MissingError(f"{fault}: {said}", hint="check the network, or set UV_INDEX_URL or UV_FIND_LINKS")
    return done.stdout


def _absolute(place: str) -> str:
    return str(Path(place).absolute()) if Path(place).exists() else place
