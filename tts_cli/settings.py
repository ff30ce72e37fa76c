"""Where things lie and how many workers run, as one frozen value.

Flags go before the environment, that before tts-cli.toml of the working directory, that before the user's own
tts-cli.toml, and that before defaults. The file of a working directory may be a stranger's: it can do no harm.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from tts_cli.about import DEFAULT_ENGINE, PACKAGE
from tts_cli.errors import InputError, Problem, Source, UsageError
from tts_cli.user_files import read_file

FILE_NAME = "tts-cli.toml"
UNITS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?I?B?)", re.ASCII)

Executor = Literal["local", "ray"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOptions:
    """By how many workers a run is done, on which devices, and where.

    `workers` None means one per core or per GPU. A worker is replaced by a fresh one after `recycle_after` calls, or
    once it holds more than `worker_memory` bytes; None means never, and its fair share of the machine.
    """

    workers: int | None = None
    device: str = "auto"
    executor: Executor = "local"
    ray_address: str = ""
    recycle_after: int | None = None
    worker_memory: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """`home` holds voices, recipes and engines; `cache` the takes; `worker_options` say who does the work.

    `engine` and `voice` speak the lines of which nobody says who speaks them.
    """

    home: Path
    cache: Path
    worker_options: WorkerOptions = field(default_factory=WorkerOptions)
    recipe: str = ""
    engine: str = DEFAULT_ENGINE
    voice: str = ""


def load_settings(
    *, cache: Path | None = None, worker_options: WorkerOptions | None = None, engine: str = "", voice: str = ""
) -> Settings:
    """Merge flags, environment, file and defaults; an option at its default leaves the word to the next source.

    The home goes back into our own environment: workers inherit it, and find their weights there. Raises `InputError`
    for a bad tts-cli.toml and `UsageError` for a bad variable.
    """
    import platformdirs

    own = _read_file(user_file(), _OWN_KEYS)
    file = own | _read_file(Path(FILE_NAME), _PROJECT_KEYS)
    home = os.environ.get("TTS_CLI_HOME") or own.get("home") or platformdirs.user_data_dir("tts-cli")
    os.environ["TTS_CLI_HOME"] = str(Path(home).expanduser().absolute())
    takes = cache or os.environ.get("TTS_CLI_CACHE") or file.get("cache") or platformdirs.user_cache_dir("tts-cli")
    said = {
        name: value
        for name, value in asdict(worker_options or WorkerOptions()).items()
        if value != getattr(WorkerOptions(), name)
    }
    return Settings(
        home=Path(home).expanduser(),
        cache=Path(takes).expanduser(),
        worker_options=WorkerOptions(**{**_options_of_file(file), **_options_of_environment(os.environ), **said}),
        recipe=os.environ.get("TTS_CLI_RECIPE") or file.get("recipe", ""),
        engine=engine or os.environ.get("TTS_CLI_ENGINE") or file.get("engine", DEFAULT_ENGINE),
        voice=voice or os.environ.get("TTS_CLI_VOICE") or file.get("voice", ""),
    )


def user_file() -> Path:
    """Return where the user's own settings lie; nobody else writes there."""
    import platformdirs

    return Path(platformdirs.user_config_dir("tts-cli"), FILE_NAME)


def settings_files() -> tuple[Path, ...]:
    """Return the files that settings are read from, which no run may replace."""
    return (Path.cwd() / FILE_NAME, user_file())


def parse_size(text: str) -> int:
    """Read a number of bytes such as 500M or 20G; raises `UsageError`, also for a bare number: few mean bytes."""
    found = _SIZE.fullmatch(text.strip().upper())
    if not found:
        raise UsageError(f"{text!r} is not a size", hint="write it like 500M or 20G")
    number, unit = found.groups()
    if not unit and float(number):
        raise UsageError(f"{text!r} is a number without a unit", hint=f"write {number}G or {number}M, or {number}B")
    return int(float(number) * UNITS[unit.rstrip("IB")])


def packaged(folder: str) -> tuple[Path, ...]:
    """Return where a folder of our own files may lie: inside a wheel's package, or beside it in a clone."""
    package = PACKAGE
    return package / f"_{folder}", package.parent / folder


def _options_of_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    worker_options: dict[str, Any] = {}
    if workers := environment.get("TTS_CLI_WORKERS", ""):
        if not workers.isdecimal() or int(workers) < 1:
            raise UsageError(f"TTS_CLI_WORKERS is {workers!r}", hint="give a whole number from 1 on")
        worker_options["workers"] = int(workers)
    if device := environment.get("TTS_CLI_DEVICE", ""):
        worker_options["device"] = device
    return worker_options


def _options_of_file(file: Mapping[str, Any]) -> dict[str, Any]:
    worker_options = {name: file[name] for name in ("workers", "device", "recycle_after") if name in file}
    return worker_options | ({"worker_memory": parse_size(file["worker_memory"])} if "worker_memory" in file else {})


_PROJECT_KEYS: Mapping[str, type] = {
    "cache": str,
    "workers": int,
    "device": str,
    "recycle_after": int,
    "worker_memory": str,
    "recipe": str,
    "engine": str,
    "voice": str,
}
# The home holds environments, whose programs are run.
_OWN_KEYS: Mapping[str, type] = {"home": str, **_PROJECT_KEYS}
_MOST_BYTES = 1 << 20


def _read_file(path: Path, known: Mapping[str, type]) -> dict[str, Any]:
    import tomllib

    try:
        values = tomllib.loads(read_file(path, _MOST_BYTES).decode())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError([Problem(Source(str(path), 1), f"cannot be read: {reason}")]) from error
    wrong = [found for key, value in values.items() if (found := _fault(path, key, value, known))]
    if wrong:
        raise InputError(wrong)
    own_folder = path.parent if known is _OWN_KEYS else Path()
    places = {key: str(own_folder / Path(values[key]).expanduser()) for key in ("home", "cache") if key in values}
    return values | places


def _fault(path: Path, key: str, value: object, known: Mapping[str, type]) -> Problem | None:
    source = Source(str(path), 1)
    if key not in known and key in _OWN_KEYS:
        hint = f"set {key} in {user_file()}, or TTS_CLI_{key.upper()}: programs are run from there"
        return Problem(source, f"{key}: cannot be set by the file of a folder, which may be a stranger's", hint)
    if type(value) is not known.get(key) or (isinstance(value, int) and value < 1):
        return Problem(source, f"{key}: not a known setting with a usable value", f"known: {', '.join(known)}")
    if known is _PROJECT_KEYS and key == "cache" and _leads_out(str(value)):
        hint = f"name a folder below this one, or set cache in {user_file()}, or TTS_CLI_CACHE, or --cache"
        return Problem(source, f"cache: {str(value)[:80]!r} is not inside the working directory", hint)
    return None


def _leads_out(path: str) -> bool:
    """Say whether a path of a project leads out of its folder, links followed: `cache gc` deletes files there."""
    here = os.path.realpath(".")
    return os.path.commonpath([here, os.path.realpath(Path(path).expanduser())]) != here
