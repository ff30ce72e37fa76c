"""Look after a cache: count it, verify every hash, drop what is old or no record names."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

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
    """What `collect` removed."""

    takes: int
    blobs: int
    temporary: int
    bytes: int


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
    sizes = [path.stat().st_size for path in _files(cache.root / "cas")]
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
    paths = [path for path in _files(cache.root / "cas") if is_name(path.stem)]
    damaged = tuple(path.stem for path in paths if read_blob(cache.root, path.stem, path.suffix) is None)
    return len(paths), damaged


def collect(cache: Cache, *, max_bytes: int | None = None, max_age_s: float | None = None) -> Pruned:
    """Drop unusable records, takes unused for `max_age_s`, the longest unused over `max_bytes`, and orphans."""
    kept, dropped = _choose(_usable(cache), max_bytes, max_age_s)
    # Records go first: a crash after this leaves blobs that nobody names, which the next run finds.
    for key in dropped | _unusable(cache, kept | dropped):
        cache.record_path(key).unlink(missing_ok=True)
    # Read again: some records are gone, and workers may have added others.
    named = {blob for _, _, blob, _ in _usable(cache)}
    orphans = [path for path in _files(cache.root / "cas") if path.name not in named and _old(path)]
    leftovers = [path for path in _files(cache.root, prefix=".tmp-") if _old(path)]
    freed = sum(_remove(path) for path in orphans + leftovers)
    return Pruned(takes=len(dropped), blobs=len(orphans), temporary=len(leftovers), bytes=freed)


_Entry = tuple[float, str, str, int]  # last use, key, the blob's file, bytes


def _record(cache: Cache, key: str) -> Take | CachedConditionals | Missing:
    found = cache.find(key)
    return cache.find_conditionals(key) if isinstance(found, Missing) else found


def _usable(cache: Cache) -> list[_Entry]:
    entries = []
    for path in _files(cache.root / "ac", ".json"):
        # Before the look-up, which marks the record as used.
        used = path.stat().st_mtime
        found = _record(cache, path.stem)
        if not isinstance(found, Missing):
            suffix = AUDIO if isinstance(found, Take) else STATE
            entries.append((used, found.key, f"{found.blob}{suffix}", found.size))
    return entries


def _choose(entries: list[_Entry], max_bytes: int | None, max_age_s: float | None) -> tuple[set[str], set[str]]:
    """Split keys into kept and dropped, newest use first."""
    oldest = time.time() - max_age_s if max_age_s is not None else 0.0
    kept: set[str] = set()
    dropped: set[str] = set()
    total = 0
    for used, key, _, size in sorted(entries, reverse=True):
        # What does not fit counts as well, so that all older ones go with it.
        total += size
        fits = max_bytes is None or total <= max_bytes
        (kept if fits and used >= oldest else dropped).add(key)
    return kept, dropped


def _unusable(cache: Cache, usable: set[str]) -> set[str]:
    return {path.stem for path in _files(cache.root / "ac", ".json") if path.stem not in usable and _old(path)}


def _files(root: Path, suffix: str = "", prefix: str = "") -> Iterator[Path]:
    for folder, _, names in os.walk(root):
        for name in names:
            # Files that are being written are no part of the cache yet.
            hidden = name.startswith(".tmp-")
            if name.endswith(suffix) and name.startswith(prefix) and hidden == bool(prefix):
                yield Path(folder, name)


def _old(path: Path) -> bool:
    return time.time() - path.stat().st_mtime > GRACE_S


def _remove(path: Path) -> int:
    size = path.stat().st_size
    path.unlink(missing_ok=True)
    return size
