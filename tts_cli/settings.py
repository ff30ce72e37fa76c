"""Where things lie and how many workers run: flags > environment > tts-cli.toml > defaults, as one frozen value."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs

import tts_cli
from tts_cli.errors import InputError, UsageError
from tts_cli.types import Problem, Source

FILE_NAME = "tts-cli.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """`home` holds voices, recipes and engines; `cache` the takes; `workers` None means one per core."""

    home: Path
    cache: Path
    workers: int | None = None
    recipe: str = ""


def load_settings(
    *,
    cache: Path | None = None,
    workers: int | None = None,
    recipe: str | None = None,
    environment: Mapping[str, str] = os.environ,
    folder: Path | None = None,
) -> Settings:
    """Merge the four sources; raises `InputError` for a bad tts-cli.toml and `UsageError` for a bad variable.

    The home goes back into our own environment: workers inherit it, and find their weights there.
    """
    file = _read_file((folder or Path.cwd()) / FILE_NAME)
    home = environment.get("TTS_CLI_HOME") or file.get("home") or platformdirs.user_data_dir("tts-cli")
    if environment is os.environ:
        os.environ["TTS_CLI_HOME"] = str(Path(home).expanduser().absolute())
    takes = cache or environment.get("TTS_CLI_CACHE") or file.get("cache") or platformdirs.user_cache_dir("tts-cli")
    return Settings(
        home=Path(home).expanduser(),
        cache=Path(takes).expanduser(),
        workers=workers or _environment_workers(environment) or file.get("workers"),
        recipe=recipe or environment.get("TTS_CLI_RECIPE") or file.get("recipe", ""),
    )


def packaged(folder: str) -> tuple[Path, ...]:
    """Say where a folder of our own files may lie: inside a wheel's package, or beside it in a clone."""
    package = Path(tts_cli.__file__).parent
    return package / f"_{folder}", package.parent / folder


def _environment_workers(environment: Mapping[str, str]) -> int | None:
    text = environment.get("TTS_CLI_WORKERS", "")
    if not text:
        return None
    if not text.isdecimal() or int(text) < 1:
        raise UsageError(f"TTS_CLI_WORKERS is {text!r}", hint="give a whole number from 1 on")
    return int(text)


_KEYS: Mapping[str, type] = {"home": str, "cache": str, "workers": int, "recipe": str}


def _read_file(path: Path) -> dict[str, Any]:
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
