"""Look after a cache: count it, verify every hash, drop what is old or no record names."""

import contextlib
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tts_cli.cache.blobs import AUDIO, STATE, is_name, read_blob
from tts_cli.cache.records import CachedConditionals
from tts_cli.cache.store import Cache, Missing
from tts_cli.types import Take

# A worker writes the blob before the parent writes the record; an hour lies safely between.
GRACE_S = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheStat:
    """What a cache holds."""

    takes: int
    conditionals: int
    blobs: int
    bytes: int
    audio_seconds: float
    unusable: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What `collect` removed; `waiting` files of `waiting_bytes` are too young to tell, and go with a later run."""

    takes: int
    blobs: int
    temporary: int
    bytes: int
    waiting: int = 0
    waiting_bytes: int = 0


def stat(cache: Cache) -> CacheStat:
    """Count takes, blobs, bytes and seconds; `unusable` records lack a sound blob."""
    takes = conditionals = unusable = 0
    seconds = 0.0
    for path in _files(cache.root / "ac", ".json"):
        match _record(cache, path.stem):
            case Take() as take:
                takes += 1
                seconds += take.frames / take.sample_rate
            case CachedConditionals():
                conditionals += 1
            case _:
                unusable += 1
    sizes = [found.st_size for path in _files(cache.root / "cas") if (found := _status(path))]
    return CacheStat(
        takes=takes,
        conditionals=conditionals,
        blobs=len(sizes),
        bytes=sum(sizes),
        audio_seconds=seconds,
        unusable=unusable,
    )


def verify(cache: Cache) -> tuple[int, tuple[str, ...]]:
    """Hash every blob; returns how many were read and the names of the damaged ones, which are deleted."""
    checked, damaged = 0, []
    for path in _files(cache.root / "cas"):
        # `gc` may have removed it since it was listed.
        if is_name(path.stem) and path.exists():
            checked += 1
            if read_blob(cache.root, path.stem, path.suffix) is None:
                damaged.append(path.stem)
    return checked, tuple(damaged)


def collect(
    cache: Cache, *, max_bytes: int | None = None, max_age_s: float | None = None, dry_run: bool = False
) -> Pruned:
    """Drop unusable records, takes unused for `max_age_s`, the longest unused over `max_bytes`, and orphans.

    A `dry_run` says what would go, and removes nothing. Others may write, read and collect meanwhile.
    """
    entries = _usable(cache)
    kept, dropped = _choose(entries, max_bytes, max_age_s)
    # Records go first: a crash after this leaves blobs that nobody names, which the next run finds.
    unusable = _unusable(cache, {entry.key for entry in entries})
    if not dry_run:
        for key in {entry.key for entry in dropped} | unusable:
            cache.record_path(key).unlink(missing_ok=True)
        # Read again: some records are gone, and workers may have added others.
        kept = _usable(cache)
    named = {entry.blob for entry in kept}
    released = {entry.blob: entry.used for entry in dropped}
    remove = (lambda _: None) if dry_run else _unlink
    gone: list[tuple[Path, int]] = []
    waiting: list[tuple[Path, int]] = []
    for path in _files(cache.root / "cas"):
        if path.name not in named and (found := _status(path)):
            # What was written since its record was may be somebody's next take, whose record is still to come.
            is_ours = found.st_mtime <= released.get(path.name, 0.0)
            (gone if is_ours or _is_old(found) else waiting).append((path, found.st_size))
    temporary = [(path, found.st_size) for path, found in _leftovers(cache) if _is_old(found)]
    for path, _ in gone + temporary:
        remove(path)
    return Pruned(
        takes=len(dropped),
        blobs=len(gone),
        temporary=len(temporary),
        bytes=sum(size for _, size in gone + temporary),
        waiting=len(waiting),
        waiting_bytes=sum(size for _, size in waiting),
    )


class _Entry(NamedTuple):
    """A sound record: when it was written or last used, its key, and its blob's file and bytes."""

    used: float
    key: str
    blob: str
    size: int


def _record(cache: Cache, key: str) -> Take | CachedConditionals | Missing:
    found = cache.find(key)
    return cache.find_conditionals(key) if isinstance(found, Missing) else found


def _usable(cache: Cache) -> list[_Entry]:
    entries = []
    for path in _files(cache.root / "ac", ".json"):
        # Before the look-up, which marks the record as used.
        status = _status(path)
        found = _record(cache, path.stem) if status else Missing.ABSENT
        if status and not isinstance(found, Missing):
            suffix = AUDIO if isinstance(found, Take) else STATE
            entries.append(_Entry(status.st_mtime, found.key, f"{found.blob}{suffix}", found.size))
    return entries


def _choose(
    entries: Iterable[_Entry], max_bytes: int | None, max_age_s: float | None
) -> tuple[list[_Entry], list[_Entry]]:
    """Split records into kept and dropped, newest use first."""
    oldest = time.time() - max_age_s if max_age_s is not None else 0.0
    kept: list[_Entry] = []
    dropped: list[_Entry] = []
    total = 0
    for entry in sorted(entries, reverse=True):
        # What does not fit counts as well, so that all older ones go with it.
        total += entry.size
        fits = max_bytes is None or total <= max_bytes
        (kept if fits and entry.used >= oldest else dropped).append(entry)
    return kept, dropped


def _unusable(cache: Cache, usable: set[str]) -> set[str]:
    records = ((path, _status(path)) for path in _files(cache.root / "ac", ".json") if path.stem not in usable)
    return {path.stem for path, found in records if found and _is_old(found)}


def _leftovers(cache: Cache) -> Iterator[tuple[Path, os.stat_result]]:
    for path in _files(cache.root, prefix=".tmp-"):
        if found := _status(path):
            yield path, found


def _files(root: Path, suffix: str = "", prefix: str = "") -> Iterator[Path]:
    for folder, _, names in os.walk(root):
        for name in names:
            # Files that are being written are no part of the cache yet.
            hidden = name.startswith(".tmp-")
            if name.endswith(suffix) and name.startswith(prefix) and hidden == bool(prefix):
                yield Path(folder, name)


def _status(path: Path) -> os.stat_result | None:
    """Return what is known of a file, or None where somebody has removed it meanwhile."""
    try:
        return path.stat()
    except OSError:
        return None


def _is_old(found: os.stat_result) -> bool:
    return time.time() - found.st_mtime > GRACE_S


def _unlink(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
