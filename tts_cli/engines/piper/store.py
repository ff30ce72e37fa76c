"""Voices cut in three, kept in the home under the digest of their bytes: the cutting costs half a second, once.

`TTS_CLI_HOME/engines/piper/parts/DIGEST-VERSION/` holds the three networks, `voice.json` as it came with the voice, and
`parts.json`, which says what the inputs are called and which bytes the files have.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tts_cli.engines.piper.voices import ENGINE, FullName, config_path, digest_of
from tts_cli.engines.weights import engine_folder
from tts_cli.errors import TakeError

# Counts changes of how voices are cut.
CUT_VERSION = 1
NETWORKS = ("durations", "flow", "decoder")
CONFIG, INDEX = "voice.json", "parts.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class CutVoice:
    """A voice ready to be loaded: its folder, and the names and measures that `graph.Parts` has."""

    folder: Path
    names: Mapping[str, str]
    hop: int
    overlap: int

    @property
    def config(self) -> bytes:
        """The voice's configuration, as it came."""
        return (self.folder / CONFIG).read_bytes()


def find_cut(name: FullName) -> CutVoice:
    """Return a voice cut in three, cut now if it never was; raises `TakeError` for what is no such voice."""
    folder = engine_folder(ENGINE) / "parts" / f"{name.digest}-{CUT_VERSION}"
    return _read(folder) or _make(name, folder)


def forget(cut: CutVoice) -> None:
    """Delete what is kept of a voice, so that it is cut anew."""
    shutil.rmtree(cut.folder, ignore_errors=True)


def _read(folder: Path) -> CutVoice | None:
    """Return what is kept; None where it is not whole."""
    try:
        index = json.loads((folder / INDEX).read_bytes())
        # Read in full each time: a flipped bit would be heard, and cached under the key of the sound voice.
        whole = all(_hash((folder / file).read_bytes()) == sha256 for file, sha256 in index["sha256"].items())
        found = CutVoice(folder=folder, names=index["names"], hop=index["hop"], overlap=index["overlap"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if whole else None


def _make(name: FullName, folder: Path) -> CutVoice:
    from tts_cli.engines.piper.graph import BadGraphError, split

    network, config = _read_sources(name)
    try:
        parts = split(network)
    except BadGraphError as error:
        raise TakeError(
            f"{name.path} {error}", kind="input", hint="Piper's voices are exported by its own tool"
        ) from error
    index: dict[str, Any] = {"names": dict(parts.names), "hop": parts.hop, "overlap": parts.overlap}
    files = {f"{network}.onnx": getattr(parts, network) for network in NETWORKS} | {CONFIG: config}
    index["sha256"] = {file: _hash(data) for file, data in files.items()}
    folder.parent.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        for file, data in {**files, INDEX: json.dumps(index).encode()}.items():
            (new / file).write_bytes(data)
        # A damaged one is in the way; a whole one that another worker has made meanwhile is as good as ours.
        if _read(folder) is None:
            shutil.rmtree(folder, ignore_errors=True)
        try:
            os.rename(new, folder)  # noqa: PTH104  it fails where the target is there
        except OSError:
            if _read(folder) is None:
                raise
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return CutVoice(folder=folder, names=parts.names, hop=parts.hop, overlap=parts.overlap)


def _read_sources(name: FullName) -> tuple[bytes, bytes]:
    """Return the two files of a voice; raises `TakeError` where they are not those that planning saw."""
    path = name.path
    try:
        network, config = path.read_bytes(), config_path(path).read_bytes()
    except OSError as error:
        raise TakeError(f"cannot read {error.filename}: {error.strerror}", kind="input") from error
    if digest_of(_hash(network), _hash(config)) != name.digest:
        raise TakeError(f"{path} was changed while it was used", kind="input", hint="run the command again")
    return network, config


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
