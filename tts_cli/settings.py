"""Where things lie and how many workers run: flags > environment > tts-cli.toml > defaults, as one frozen value."""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from tts_cli.about import DEFAULT_ENGINE, PACKAGE
from tts_cli.errors import InputError, Problem, Source, UsageError

FILE_NAME = "tts-cli.toml"
UNITS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}

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

    file = _read_file(Path.cwd() / FILE_NAME)
    home = os.environ.get("TTS_CLI_HOME") or file.get("home") or platformdirs.user_data_dir("tts-cli")
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


def parse_size(text: str) -> int:
    """Read a number of bytes such as 500M or 20G; raises `UsageError`."""
    number, unit = text.upper().removesuffix("B").rstrip("KMGT"), text.upper().removesuffix("B")[-1:]
    try:
        return int(float(number) * UNITS.get(unit, 1))
    except ValueError:
        raise UsageError(f"{text!r} is not a size", hint="write it like 500M or 20G") from None


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


_KEYS: Mapping[str, type] = {
    "home": str,
    "cache": str,
    "workers": int,
    "device": str,
    "recycle_after": int,
    "worker_memory": str,
    "recipe": str,
    "engine": str,
    "voice": str,
}


def _read_file(path: Path) -> dict[str, Any]:
    import tomllib

    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise InputError([Problem(Source(path.name, 1), f"cannot be read: {error}")]) from error
    wrong = [
        Problem(Source(path.name, 1), f"{key}: not a known setting with a usable value", f"known: {', '.join(_KEYS)}")
        for key, value in values.items()
        if type(value) is not _KEYS.get(key) or (isinstance(value, int) and value < 1)
    ]
    if wrong:
        raise InputError(wrong)
    return values
