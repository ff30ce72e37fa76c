"""Parents and workers killed at random moments, again and again: complete in the end, byte for byte."""

import json
import os
import random
import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.endurance.conftest import finish, masters, run, start, takes, workers_with


def storm(book: Path, folder: Path, *, kills: int, lines: int, seed: int) -> int:
    """Kill the parent or a worker at random moments, restart the parent each time; returns the kills."""
    chance = random.Random(seed)
    cache, done = folder / "storm-cache", 0
    process = start("render", book, "-o", "storm", "--cache", cache, "--workers", 2)
    while done < kills:
        time.sleep(chance.uniform(0.05, 0.6))
        victims = workers_with(str(folder))
        if process.poll() is not None:
            process.communicate()
            if takes(cache) >= lines:  # it got through: go back, or the storm has nothing left to disturb
                for record in chance.sample(sorted(cache.glob("ac/*/*.json")), lines // 2):
                    record.unlink()
        elif victims and chance.random() < 0.5:
            os.kill(chance.choice(victims), signal.SIGKILL)
            done += 1
            continue
        else:
            process.kill()
            process.communicate()
            done += 1
        process = start("render", book, "-o", "storm", "--cache", cache, "--workers", 2)
    process.kill()
    process.communicate()
    return done


def check(book: Path, tmp_path: Path, kills: int, lines: int, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    run("render", book, "-o", "plain", "--cache", "plain-cache")
    assert storm(book, tmp_path, kills=kills, lines=lines, seed=7) == kills

    run("render", book, "-o", "storm", "--cache", "storm-cache")
    assert masters(tmp_path / "storm") == masters(tmp_path / "plain")
    report = json.loads((tmp_path / "storm" / "report.json").read_text())
    assert report["status"] == "ok"
    assert report["lines"]["total"] == lines

    deadline = time.monotonic() + 5
    while workers_with(str(tmp_path)):
        assert time.monotonic() < deadline, "orphans"
        time.sleep(0.05)
    run("cache", "verify", "--cache", "storm-cache")
    old = time.time() - 7200
    for leftover in (tmp_path / "storm-cache").rglob(".tmp-*"):
        os.utime(leftover, (old, old))
    run("cache", "gc", "--cache", "storm-cache")
    assert not list((tmp_path / "storm-cache").rglob(".tmp-*"))
    assert not list(scratch.iterdir())
    run("render", book, "-o", "storm", "--cache", "storm-cache", "--events", "after.jsonl")
    assert json.loads((tmp_path / "after.jsonl").read_text().splitlines()[0])["to_render"] == 0


def test_a_small_storm(script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check(script(60, work_ms=15), tmp_path, 8, 60, monkeypatch)


@pytest.mark.slow
def test_a_storm(script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check(script(300, work_ms=15), tmp_path, 60, 300, monkeypatch)


def storm_of_workers(book: Path, folder: Path, *, kills: int, between_s: tuple[float, float]) -> int:
    """Kill two workers of one run at random moments, also while they start; returns the kills.

    A run that gets through has to begin again without its takes, so that a fast machine has as many kills to bear.
    """
    chance, done = random.Random(11), 0
    while done < kills:
        shutil.rmtree(folder / "storm-cache", ignore_errors=True)
        process = start("render", book, "-o", "storm", "--cache", "storm-cache", "--workers", 2)
        while done < kills and process.poll() is None:
            time.sleep(chance.uniform(*between_s))
            if victims := workers_with(str(folder)):
                os.kill(chance.choice(victims), signal.SIGKILL)
                done += 1
        finish(process)
    return done


def check_workers(book: Path, tmp_path: Path, *, kills: int, lines: int, between_s: tuple[float, float]) -> None:
    run("render", book, "-o", "plain", "--cache", "plain-cache")
    assert storm_of_workers(book, tmp_path, kills=kills, between_s=between_s) == kills
    report = json.loads((tmp_path / "storm" / "report.json").read_text())
    assert (report["status"], report["lines"]["total"], report["lines"]["failed"]) == ("ok", lines, 0)
    assert masters(tmp_path / "storm") == masters(tmp_path / "plain")


def test_a_small_storm_of_workers(script, tmp_path: Path) -> None:
    check_workers(script(40, work_ms=50), tmp_path, kills=8, lines=40, between_s=(0.1, 0.4))


@pytest.mark.slow
@pytest.mark.parametrize("between_s", [(0.6, 1.4), (0.1, 0.4)])
def test_a_storm_of_workers(script, tmp_path: Path, between_s: tuple[float, float]) -> None:
    """The kills fall on workers that start as well as on those that speak: no line is to blame for either."""
    check_workers(script(400, engine="espeak"), tmp_path, kills=25, lines=400, between_s=between_s)


def test_the_storm_of_shards(script, tmp_path: Path) -> None:
    """A shard that was killed is started again, as an array does it."""
    book = script(40, work_ms=15)
    run("render", book, "-o", "plain", "--cache", "plain-cache")
    for index in (2, 1):
        killed = start("render", book, "-o", "out", "--cache", "cache", "--shard", f"{index}/2")
        time.sleep(0.8)
        killed.kill()
        killed.communicate()
    again = [start("render", book, "-o", "out", "--cache", "cache", "--shard", f"{index}/2") for index in (1, 2)]
    for shard in again:
        finish(shard)
    run("render", book, "-o", "out", "--cache", "cache", "--stitch-only")
    assert masters(tmp_path / "out") == masters(tmp_path / "plain")
