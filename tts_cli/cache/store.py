"""The cache of takes: `ac/<2>/<key>.json` says what was recorded, `cas/<2>/<sha256>.flac` holds it.

The record is written last, by the parent alone; files are the only truth. Safe for many writers on one disk.
"""

import contextlib
import json
import os
import time
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from tts_cli.cache.blobs import read_blob, write_atomically
from tts_cli.cache.keys import canonical_json
from tts_cli.cache.records import take_from_json, take_to_json
from tts_cli.errors import DamagedTakeError, OutputError
from tts_cli.types import Take

DAY_S = 86_400


class Missing(Enum):
    """Why a take cannot be had."""

    ABSENT = "absent"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class Cache:
    """A folder of takes; made on the first write."""

    root: Path

    def find(self, key: str) -> Take | Missing:
        """Look a take up: its record must be sound and its blob there in the right size (not read here)."""
        # Strings, not Paths: a re-run of a long script does little else than this, and Paths would double its cost.
        path = f"{self.root}/ac/{key[:2]}/{key}.json"
        try:
            with open(path, "rb", buffering=0) as file:  # noqa: PTH123
                take = take_from_json(json.loads(file.read()))
                modified = os.fstat(file.fileno()).st_mtime
        except FileNotFoundError:
            return Missing.ABSENT
        except (OSError, ValueError, KeyError, TypeError):
            return Missing.DAMAGED
        if take.key != key or _size(f"{self.root}/cas/{take.blob[:2]}/{take.blob}.flac") != take.size:
            return Missing.DAMAGED
        _mark_used(path, modified)
        return take

    def read(self, take: Take) -> bytes:
        """Return a take's FLAC bytes; raises `DamagedTakeError` (and deletes the blob) if its hash is wrong."""
        data = read_blob(self.root, take.blob)
        if data is None:
            raise DamagedTakeError(take.key)
        return data

    def put(self, take: Take) -> None:
        """Commit a take whose blob a worker has written: from now on `find` returns it."""
        try:
            write_atomically(self.record_path(take.key), canonical_json(take_to_json(take)))
        except OSError as error:
            raise OutputError(
                f"the cache {self.root} cannot be written: {error.strerror}", hint="choose another with --cache"
            ) from error

    def record_path(self, key: str) -> Path:
        """Say where the record of a key lies."""
        return self.root / "ac" / key[:2] / f"{key}.json"


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116
    except OSError:
        return -1


def _mark_used(path: str, modified: float) -> None:
    # `gc` drops what was not used for longest; once a day is precise enough and keeps hits free of writes
    if time.time() - modified > DAY_S:
        with contextlib.suppress(OSError):
            os.utime(path)
