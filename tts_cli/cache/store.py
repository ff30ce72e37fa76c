"""The cache: `ac/<2>/<key>.json` says what was recorded or computed, `cas/<2>/<sha256>.flac` (or `.pt`) holds it.

The record is written last, by the parent alone; files are the only truth. Safe for many writers on one disk.
"""

import contextlib
import os
import stat
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from tts_cli.cache.blobs import AUDIO, STATE, blob_path, read_blob, read_regular, write_blob, write_in_cache
from tts_cli.cache.records import (
    CachedConditionals,
    conditionals_from_json,
    decode_record,
    encode_record,
    take_from_json,
)
from tts_cli.errors import DamagedTakeError, OutputError, refused
from tts_cli.types import Take

DAY_S = 86_400
# How reading a record goes wrong that somebody else has written.
_DAMAGE = (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError)


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
            data, modified = read_regular(path)
            take = take_from_json(decode_record(data))
        except FileNotFoundError:
            return Missing.ABSENT
        except _DAMAGE:
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

    def forget(self, key: str) -> None:
        """Drop the record of a key, so that its take counts as missing."""
        with contextlib.suppress(OSError):
            self.record_path(key).unlink()

    def put(self, record: Take | CachedConditionals) -> None:
        """Commit what a worker has written: from now on it is found under its key."""
        with self._writing():
            write_in_cache(self.record_path(record.key), encode_record(record))

    def put_blob(self, data: bytes, suffix: str) -> str:
        """Store bytes for a worker to read, and return their sha256."""
        with self._writing():
            return write_blob(self.root, data, suffix)

    def find_conditionals(self, key: str) -> CachedConditionals | Missing:
        """Look conditionals up as `find` does a take."""
        try:
            data, modified = read_regular(str(self.record_path(key)))
            found = conditionals_from_json(decode_record(data))
        except FileNotFoundError:
            return Missing.ABSENT
        except _DAMAGE:
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


def _size(path: str) -> int:
    """Return the size of a file; -1 for what is missing or no file of the cache's own making, as a link."""
    try:
        status = os.lstat(path)
    except OSError:
        return -1
    return status.st_size if stat.S_ISREG(status.st_mode) else -1


def _mark_used(path: str, modified: float) -> None:
    # `gc` drops what was not used for longest; once a day is precise enough and keeps hits free of writes
    if time.time() - modified > DAY_S:
        with contextlib.suppress(OSError):
            os.utime(path)
