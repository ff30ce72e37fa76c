"""Where an engine's weights lie, and which they are: read by planning and by the workers, so without any library.

They lie in the layout of a hub client's cache, `TTS_CLI_HOME/weights/models--OWNER--NAME/snapshots/COMMIT/`; what was
fetched, and found to be sound, is written in `TTS_CLI_HOME/engines/NAME/weights.json`.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tts_cli.engines.base import EngineSpec, Weights
from tts_cli.errors import MissingError, UnknownNameError

RECORD = "weights.json"
RECORD_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedFile:
    """A file as it was when it was checked."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What was fetched for one `Weights`: the commit, the revision as it was `asked` for, and the one that is `pinned`.

    `folder` is the snapshot's, below `hub_folder()`; `licence` is what only the files themselves say.
    """

    repo: str
    pinned: str
    asked: str
    revision: str
    folder: str
    files: Mapping[str, FetchedFile]
    licence: str = ""

    @property
    def size(self) -> int:
        """Bytes in all."""
        return sum(file.size for file in self.files.values())


def home() -> Path:
    """Return the home that the process was started with; workers inherit it."""
    if found := os.environ.get("TTS_CLI_HOME"):
        return Path(found).expanduser().absolute()
    from tts_cli.settings import load_settings

    return load_settings().home.absolute()


def hub_folder() -> Path:
    """Return the folder of all weights, which is laid out like a hub client's cache."""
    return home() / "weights"


def engine_folder(name: str) -> Path:
    """Return the folder that an engine has for itself."""
    return home() / "engines" / name


def parts_of(spec: EngineSpec) -> dict[str, tuple[Weights, ...]]:
    """Return the engine's weights by the name of the part."""
    names = dict.fromkeys(weights.part for weights in spec.install.weights)
    return {name: tuple(weights for weights in spec.install.weights if weights.part == name) for name in names}


def weights_of(spec: EngineSpec, part: str) -> tuple[Weights, ...]:
    """Return the weights of a part, listed or open; raises `UnknownNameError` where there is no such part."""
    parts = parts_of(spec)
    if part in parts:
        return parts[part]
    if part and spec.install.open_parts:
        return (spec.install.open_parts.find(part),)
    raise UnknownNameError(f"part of {spec.name}", part, filter(None, parts))


def known_weights(spec: EngineSpec) -> tuple[Weights, ...]:
    """Return the engine's weights that are listed, and those of its open parts that were fetched."""
    listed = parts_of(spec)
    opened = (part for part in read_record(spec.name) if part not in listed) if spec.install.open_parts else ()
    return (*spec.install.weights, *(weights for part in opened for weights in weights_of(spec, part)))


def find_fetched(spec: EngineSpec, weights: Weights) -> Fetched | None:
    """Return what was fetched for these weights, whether it is still there or not."""
    found = read_record(spec.name).get(weights.part, ())
    return next((one for one in found if (one.repo, one.pinned) == (weights.repo, weights.revision)), None)


def find_weights(spec: EngineSpec, part: str = "") -> Path:
    """Return the folder of the part's files, the first one's if it has several; raises `MissingError` if any lack."""
    folders = []
    for weights in weights_of(spec, part):
        fetched = find_fetched(spec, weights)
        if fetched is None:
            raise _missing(spec, part, "not here")
        if absent := absent_files(fetched):
            raise _missing(spec, part, f"not complete: {absent[0]} is missing or has changed")
        folders.append(hub_folder() / fetched.folder)
    return folders[0]


def is_here(spec: EngineSpec, weights: Weights) -> bool:
    """Return whether these weights were fetched and are still there."""
    fetched = find_fetched(spec, weights)
    return fetched is not None and not absent_files(fetched)


def has_weights(spec: EngineSpec, part: str = "") -> bool:
    """Return whether `find_weights` would find them."""
    return all(is_here(spec, weights) for weights in weights_of(spec, part))


def absent_files(fetched: Fetched) -> list[str]:
    """Name the files that are gone or have another size; their bytes are read by `tts-cli download` only."""
    folder = hub_folder() / fetched.folder
    return [path for path, file in fetched.files.items() if _size(folder / path) != file.size]


def weights_digest(spec: EngineSpec) -> str:
    """Return the name of what speaks: empty for an engine without weights; raises `MissingError` where they lack.

    The part "" counts by its bytes, wherever they came from. Another part counts by its commit whether it is here or
    not, so that fetching one more changes nothing, unless other bytes were fetched in its place.
    """
    if not spec.install.weights:
        return ""
    # A key must not name weights that nobody could speak with.
    if "" in parts_of(spec):
        find_weights(spec)
    names = [[weights.part, weights.repo, _identity(spec, weights)] for weights in spec.install.weights]
    return hashlib.sha256(json.dumps(names).encode()).hexdigest()


def read_record(engine: str) -> dict[str, tuple[Fetched, ...]]:
    """Return what was fetched for an engine, by part; nothing where the record cannot be read."""
    try:
        data = json.loads((engine_folder(engine) / RECORD).read_bytes())
        if data["version"] != RECORD_VERSION:
            return {}
        return {part: tuple(map(_from_json, fetched)) for part, fetched in data["parts"].items()}
    # A lost record loses no weights: the next download finds and checks the files that are here.
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def write_record(spec: EngineSpec, weights: Weights, fetched: Fetched) -> None:
    """Keep what was fetched, whole or not at all; what other specs wanted of the part is forgotten."""
    record = dict(read_record(spec.name))
    others = (find_fetched(spec, other) for other in weights_of(spec, weights.part) if other != weights)
    record[weights.part] = (fetched, *(other for other in others if other))
    data = {part: [asdict(one) for one in found] for part, found in record.items()}
    path = engine_folder(spec.name) / RECORD
    path.parent.mkdir(parents=True, exist_ok=True)
    # With the process's number in it, two downloads never write into one file.
    new = path.with_name(f"{RECORD}.{os.getpid()}")
    new.write_text(json.dumps({"version": RECORD_VERSION, "parts": data}, indent=1) + "\n", encoding="utf-8")
    new.replace(path)


def _from_json(data: dict[str, Any]) -> Fetched:
    files = {path: FetchedFile(**file) for path, file in data.pop("files").items()}
    return Fetched(**data, files=files)


def _identity(spec: EngineSpec, weights: Weights) -> str | list[tuple[str, str]]:
    fetched = find_fetched(spec, weights)
    if fetched is None or (weights.part and fetched.revision == weights.revision):
        return weights.revision
    return sorted((path, file.sha256) for path, file in fetched.files.items())


def _missing(spec: EngineSpec, part: str, how: str) -> MissingError:
    name = f"{spec.name}:{part}" if part else spec.name
    return MissingError(f"the weights of {name} are {how}", hint=f"tts-cli download {name}")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1
