"""uv and pip as processes: where they are, in what environment they run, and how they fail."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from tts_cli.errors import MissingError

LAST_LINES = 12
# Where uv and pip are told to look for packages; a relative path there is meant from the working directory.
_FOLDERS = {"UV_FIND_LINKS", "PIP_FIND_LINKS"}
# A network that stumbles is tried again without a word, for about a minute.
_PATIENCE = {"UV_HTTP_RETRIES": "6", "PIP_RETRIES": "6"}


def uv_path() -> str | None:
    """Return the uv that came with us, or the machine's own; None without one."""
    try:
        import uv

        return str(uv.find_uv_bin())
    except (ImportError, FileNotFoundError):
        return shutil.which("uv")


def run(command: Sequence[str], fault: str, folder: Path, on_line: Callable[[str], None] = lambda _: None) -> str:
    """Run a command to its end in a folder and return its stdout; `on_line` hears each line of its stderr.

    Not in the working directory: a stranger's `uv.toml` or `pyproject.toml` there could name another index of packages.
    Raises `MissingError` with the last that it said.
    """
    said: list[str] = []
    try:
        with (
            tempfile.TemporaryFile("w+", encoding="utf-8") as out,
            subprocess.Popen(
                command,
                cwd=folder,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.PIPE,
                encoding="utf-8",
                errors="replace",
            ) as process,
        ):
            try:
                for line in process.stderr or ():
                    said.append(line)
                    on_line(line)
            except BaseException:
                process.kill()
                raise
            process.wait()
            out.seek(0)
            answer = out.read()
    except OSError as error:
        raise MissingError(f"{fault}: {error}") from error
    if process.returncode:
        last = "\n".join(("".join(said) or answer).strip().splitlines()[-LAST_LINES:])
        raise MissingError(f"{fault}: {last}", hint="check the network, or set UV_INDEX_URL or UV_FIND_LINKS")
    return answer


def _environment() -> dict[str, str]:
    # Paths that are meant for this python must not lead another one astray.
    kept = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONHOME"}}
    for name in _FOLDERS & kept.keys():
        kept[name] = " ".join(map(_absolute, kept[name].split()))
    return _PATIENCE | kept


def _absolute(place: str) -> str:
    return str(Path(place).absolute()) if Path(place).exists() else place
