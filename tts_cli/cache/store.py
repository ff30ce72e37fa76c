"""The cache: `ac/<2>/<key>.json` says what was recorded or computed, `cas/<2>/<sha256>.flac` (or `.pt`) holds it.

The record is written last, by the parent alone; files are the only truth. Safe for many writers on one disk.
"""

import contextlib
import json
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from tts_cli.cache.blobs import AUDIO, STATE, blob_path, read_blob, write_atomically, write_blob
from tts_cli.cache.keys import canonical_json
from tts_cli.cache.records import (
    CachedConditionals,
    conditionals_from_json,
    conditionals_to_json,
    take_from_json,
    take_to_json,
)
from tts_cli.errors import DamagedTakeError, OutputError, refused
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
            data, modified = _read(path)
            # Records are written with lone surrogates let through, so they are read in the same way.
            take = take_from_json(json.loads(data.decode("utf-8", "surrogatepass")))
        except FileNotFoundError:
            return Missing.ABSENT
        except (OSError, ValueError, KeyError, TypeError):
            return Missing.DAMAGED
        # A record under another key's name would pass for that key's take.
        if take.key != key or _size(f"{self.root}/cas/{take.blob[:2]}/{take.blob}{AUDIO}") != take.size:
            return Missing.DAMAGED
        _mark_used(path, modified)
        return take

    def look_up(self, keys: Iterable[str], takes: dict[str, Take]) -> list[Missing]:
        """Put into `takes` what it lacks of these keys; returns an entry for each that is not to be had."""
        missing = []
        for key in keys:
            if key in takes:
                continue
            found = self.find(key)
            if isinstance(found, Missing):
                missing.append(found)
            else:
                takes[key] = found
        return missing

    def read(self, take: Take) -> bytes:
        """Return a take's FLAC bytes; raises `DamagedTakeError` (and deletes the blob) if its hash is wrong."""
        data = read_blob(self.root, take.blob)
        if data is None:
            raise DamagedTakeError(take.key)
        return data

    def put(self, record: Take | CachedConditionals) -> None:
        """Commit what a worker has written: from now on it is found under its key."""
        data = take_to_json(record) if isinstance(record, Take) else conditionals_to_json(record)
        with self._writing():
            write_atomically(self.record_path(record.key), canonical_json(data))

    def put_blob(self, data: bytes, suffix: str) -> str:
        """Store bytes for a worker to read, and return their sha256."""
        with self._writing():
            return write_blob(self.root, data, suffix)

    def find_conditionals(self, key: str) -> CachedConditionals | Missing:
        """Look conditionals up as `find` does a take."""
        try:
            found = conditionals_from_json(json.loads(self.record_path(key).read_bytes()))
            modified = self.record_path(key).stat().st_mtime
        except FileNotFoundError:
            return Missing.ABSENT
        except (OSError, ValueError, KeyError, TypeError):
            return Missing.DAMAGED
        if found.key != key or _size(str(blob_path(self.root, found.blob, STATE))) != found.size:
            return Missing.DAMAGED
        _mark_used(str(self.record_path(key)), modified)
        return found

    def read_conditionals(self, conditionals: CachedConditionals) -> bytes | None:
        """Return the bytes of the `.pt`, or None (and the blob is deleted) if their hash is wrong."""
        return read_blob(self.root, conditionals.blob, STATE)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            told = refused(f"the cache {self.root}", "be written", error)
            raise OutputError(told.message, hint="free some space, or choose another with --cache") from error

    def record_path(self, key: str) -> Path:
        """Return where the record of a key lies."""
        return self.root / "ac" / key[:2] / f"{key}.json"


def _read(path: str) -> tuple[bytes, float]:
    """Return a record's bytes and when it was last used; a file object would cost twice as much as these calls."""
    file = os.open(path, os.O_RDONLY)
    try:
        status = os.fstat(file)
        return os.read(file, status.st_size), status.st_mtime
    finally:
        os.close(file)


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
