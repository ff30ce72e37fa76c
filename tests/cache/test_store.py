"""The cache never serves wrong bytes, and heals."""

import os
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from tts_cli.cache import prune
from tts_cli.cache.blobs import STATE, blob_path, read_blob, write_blob
from tts_cli.cache.records import CachedConditionals
from tts_cli.cache.store import Cache, Missing
from tts_cli.errors import DamagedTakeError, OutputError
from tts_cli.types import Measures, Take, Word

KEY = "ab" * 32


def make_take(cache: Cache, data: bytes = b"sound", key: str = KEY) -> Take:
    blob = write_blob(cache.root, data)
    measures = Measures(onset=3, offset=90, energy_lufs=(-23.45, -120.0), peak_dbfs=(-3.01, -120.0))
    return Take(
        key=key,
        blob=blob,
        size=len(data),
        frames=100,
        sample_rate=22050,
        measures=measures,
        flat_words=("un", 3, 40, "café", 41, 90),
    )


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def test_what_was_put_is_found(cache: Cache) -> None:
    take = make_take(cache)
    cache.put(take)

    found = cache.find(KEY)
    assert isinstance(found, Take)
    assert found == take
    assert found.words == (Word("un", 3, 40), Word("café", 41, 90))
    assert cache.read(take) == b"sound"


def test_a_blob_without_a_record_is_absent(cache: Cache) -> None:
    make_take(cache)

    assert cache.find(KEY) is Missing.ABSENT


@pytest.mark.parametrize("garbage", [b"", b"{", b"[]", b"null", b'{"version": 99}', b"\xff\xfe", b'{"version": 1}'])
def test_a_garbled_record_is_damaged(cache: Cache, garbage: bytes) -> None:
    cache.put(make_take(cache))
    cache.record_path(KEY).write_bytes(garbage)

    assert cache.find(KEY) is Missing.DAMAGED


def test_a_record_under_another_key_is_damaged(cache: Cache) -> None:
    cache.put(make_take(cache))
    other = cache.record_path("cd" * 32)
    other.parent.mkdir(parents=True)
    other.write_bytes(cache.record_path(KEY).read_bytes())

    assert cache.find("cd" * 32) is Missing.DAMAGED


def test_a_truncated_blob_is_damaged_without_reading_it(cache: Cache) -> None:
    take = make_take(cache)
    cache.put(take)
    blob_path(cache.root, take.blob).write_bytes(b"sou")

    assert cache.find(KEY) is Missing.DAMAGED


def test_a_flipped_bit_is_found_on_reading_and_heals_by_writing(cache: Cache) -> None:
    take = make_take(cache)
    cache.put(take)
    blob_path(cache.root, take.blob).write_bytes(b"soune")

    with pytest.raises(DamagedTakeError):
        cache.read(take)
    assert cache.find(KEY) is Missing.DAMAGED
    write_blob(cache.root, b"sound")
    assert cache.read(take) == b"sound"


def test_writing_replaces_a_damaged_blob_of_the_right_size(cache: Cache) -> None:
    take = make_take(cache)
    blob_path(cache.root, take.blob).write_bytes(b"soune")

    write_blob(cache.root, b"sound")

    assert read_blob(cache.root, take.blob) == b"sound"


def test_a_read_only_cache_is_reported_with_a_hint(cache: Cache, tmp_path: Path) -> None:
    cache.root.mkdir()
    (cache.root / "ac").write_bytes(b"a file where the folder should be")

    with pytest.raises(OutputError, match="cannot be written"):
        cache.put(make_take(Cache(tmp_path / "other")))


def test_a_writer_killed_at_any_moment_leaves_no_wrong_take(cache: Cache) -> None:
    script = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from tts_cli.cache.store import Cache
        from tts_cli.cache.blobs import write_blob
        from tts_cli.types import Measures, Take
        cache, number = Cache(Path(sys.argv[1])), 0
        measures = Measures(onset=0, offset=1, energy_lufs=(), peak_dbfs=())
        print("ready", flush=True)
        while True:
            number += 1
            data = f"{number % 50}".encode() * 20000
            blob = write_blob(cache.root, data)
            cache.put(Take(key=f"{number % 50:064}", blob=blob, size=len(data), frames=1, sample_rate=1,
                           measures=measures))
        """
    )
    for wait_s in (0.01, 0.03, 0.07, 0.11):
        with subprocess.Popen([sys.executable, "-c", script, cache.root], stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            time.sleep(wait_s)
            writer.kill()
    found = [cache.find(f"{number:064}") for number in range(50)]
    takes = [take for take in found if isinstance(take, Take)]

    assert takes
    assert all(cache.read(take) == f"{int(take.key)}".encode() * 20000 for take in takes)
    assert Missing.DAMAGED not in found


def test_gc_removes_orphans_and_leftovers_but_not_what_is_new(cache: Cache) -> None:
    kept = make_take(cache)
    cache.put(kept)
    orphan = blob_path(cache.root, write_blob(cache.root, b"orphan"))
    young = blob_path(cache.root, write_blob(cache.root, b"young"))
    leftover = orphan.with_name(".tmp-123")
    leftover.write_bytes(b"half")
    for path in (orphan, leftover):
        os.utime(path, (0, 0))

    pruned = prune.collect(cache)

    assert (pruned.takes, pruned.blobs, pruned.temporary, pruned.bytes) == (0, 1, 1, len(b"orphanhalf"))
    assert young.exists()
    assert cache.read(kept) == b"sound"


def test_gc_keeps_the_takes_used_last_within_a_size(cache: Cache) -> None:
    for number, day in enumerate((1, 2, 3)):
        take = make_take(cache, f"take {number}".encode(), key=f"{number:064}")
        cache.put(take)
        os.utime(cache.record_path(take.key), (day * 86400, day * 86400))
        os.utime(blob_path(cache.root, take.blob), (day * 86400, day * 86400))

    pruned = prune.collect(cache, max_bytes=12)

    assert (pruned.takes, pruned.blobs) == (1, 1)
    assert cache.find(f"{0:064}") is Missing.ABSENT
    assert isinstance(cache.find(f"{2:064}"), Take)


def test_two_collections_and_a_reader_at_once(cache: Cache) -> None:
    """Whatever another process removes between a look and the next step is gone, and no error."""
    for number in range(60):
        take = make_take(cache, f"take {number}".encode(), key=f"{number:064}")
        cache.put(take)
        for path in (cache.record_path(take.key), blob_path(cache.root, take.blob)):
            os.utime(path, (0, 0))
    jobs = [lambda: prune.collect(cache, max_bytes=0)] * 2
    jobs += [lambda: prune.stat(cache), lambda: prune.verify(cache)] * 2
    with ThreadPoolExecutor(len(jobs)) as pool:
        done = [found.result() for found in [pool.submit(job) for job in jobs]]
    assert [damaged for _, damaged in (found for found in done if isinstance(found, tuple))] == [(), ()]
    assert prune.stat(cache).takes == prune.stat(cache).blobs == 0


@pytest.mark.parametrize("kind", ["take", "conditionals"])
def test_a_hit_is_noted_once_a_day(cache: Cache, kind: str) -> None:
    make, find = (make_take, cache.find) if kind == "take" else (make_conditionals, cache.find_conditionals)
    cache.put(make(cache))
    record = cache.record_path(KEY)
    now = time.time()
    for age_s, noted in ((23 * 3600, False), (25 * 3600, True)):
        os.utime(record, (now - age_s, now - age_s))
        find(KEY)
        assert (record.stat().st_mtime > now - 60) == noted


def test_gc_keeps_what_was_used_within_an_age(cache: Cache) -> None:
    for number, hours in enumerate((1, 47, 49)):
        take = make_take(cache, f"take {number}".encode(), key=f"{number:064}")
        cache.put(take)
        then = time.time() - hours * 3600
        os.utime(cache.record_path(take.key), (then, then))

    assert prune.collect(cache, max_age_s=48 * 3600).takes == 1
    assert [isinstance(cache.find(f"{number:064}"), Take) for number in range(3)] == [True, True, False]


def test_stat_and_verify_count_what_is_there(cache: Cache) -> None:
    take = make_take(cache)
    cache.put(take)
    cache.put(replace(make_take(cache, b"other", key="cd" * 32), frames=22050))
    blob_path(cache.root, take.blob).write_bytes(b"souNd")

    before = prune.stat(cache)
    checked, damaged = prune.verify(cache)
    after = prune.stat(cache)

    assert (before.takes, before.blobs, before.bytes, before.unusable) == (2, 2, 10, 0)
    assert (checked, damaged) == (2, (take.blob,))
    assert (after.takes, after.blobs, after.unusable) == (1, 1, 1)


def make_conditionals(cache: Cache, data: bytes = b"state", key: str = KEY) -> CachedConditionals:
    blob = cache.put_blob(data, STATE)
    return CachedConditionals(
        key=key, blob=blob, size=len(data), engine="e", model="e 1.0", made_from=("aa", "bb"), wall_s=0.5
    )


def test_conditionals_are_kept_beside_takes(cache: Cache) -> None:
    found = make_conditionals(cache)
    cache.put(found)

    assert cache.find_conditionals(KEY) == found
    assert cache.read_conditionals(found) == b"state"
    assert cache.find(KEY) is Missing.DAMAGED
    assert cache.find_conditionals("cd" * 32) is Missing.ABSENT


@pytest.mark.parametrize("garbage", [b"", b"{", b"[]", b'{"version": 1}', b'{"version": 1, "kind": "conditionals"}'])
def test_a_garbled_record_of_conditionals_is_damaged(cache: Cache, garbage: bytes) -> None:
    cache.put(make_conditionals(cache))
    cache.record_path(KEY).write_bytes(garbage)

    assert cache.find_conditionals(KEY) is Missing.DAMAGED


def test_conditionals_under_another_key_are_damaged(cache: Cache) -> None:
    cache.put(make_conditionals(cache))
    other = cache.record_path("cd" * 32)
    other.parent.mkdir(parents=True)
    other.write_bytes(cache.record_path(KEY).read_bytes())

    assert cache.find_conditionals("cd" * 32) is Missing.DAMAGED


def test_damaged_conditionals_are_deleted_and_missing(cache: Cache) -> None:
    found = make_conditionals(cache)
    cache.put(found)
    blob_path(cache.root, found.blob, STATE).write_bytes(b"stabe")

    assert cache.read_conditionals(found) is None
    assert cache.find_conditionals(KEY) is Missing.DAMAGED


def test_looking_after_a_cache_counts_checks_and_drops_conditionals_too(cache: Cache) -> None:
    kept = make_conditionals(cache)
    cache.put(kept)
    orphan = blob_path(cache.root, cache.put_blob(b"orphan", STATE), STATE)
    for path in cache.root.rglob("*.*"):
        os.utime(path, (0, 0))

    assert (prune.stat(cache).conditionals, prune.stat(cache).unusable) == (1, 0)
    assert prune.verify(cache) == (2, ())
    assert prune.collect(cache).blobs == 1
    assert not orphan.exists()
    assert cache.read_conditionals(kept) == b"state"
