"""However it is run, the masters are the same bytes: workers, shards in any order, crashes and resumed runs."""

import random
import signal
from pathlib import Path

import pytest

from tests.endurance.conftest import finish, masters, run, start, takes, wait_for_takes, workers_with

LINES = 24


@pytest.fixture(params=["tone", "espeak"])
def book(request, script) -> Path:
    return script(LINES, engine=request.param)


@pytest.fixture
def expected(book: Path, tmp_path: Path) -> dict[str, str]:
    """The masters of an undisturbed run by one worker."""
    run("render", book, "-o", "plain", "--cache", "plain-cache", "--workers", 1)
    return masters(tmp_path / "plain")


def test_two_workers(book: Path, tmp_path: Path, expected: dict[str, str]) -> None:
    run("render", book, "-o", "two", "--cache", "two-cache", "--workers", 2)
    assert masters(tmp_path / "two") == expected


def test_shards_in_any_order_and_a_stitch(book: Path, tmp_path: Path, expected: dict[str, str]) -> None:
    order = [1, 2, 3, 4]
    random.Random(1).shuffle(order)
    for index in order:
        run("render", book, "-o", "shards", "--cache", "shared", "--shard", f"{index}/4", "--workers", 1)
    assert not (tmp_path / "shards").exists()
    assert takes(tmp_path / "shared") == LINES
    run("render", book, "-o", "shards", "--cache", "shared", "--stitch-only")
    assert masters(tmp_path / "shards") == expected


def test_shards_at_the_same_time(book: Path, tmp_path: Path, expected: dict[str, str]) -> None:
    shards = [
        start("render", book, "-o", "shards", "--cache", "shared", "--shard", f"{index}/3", "--workers", 1)
        for index in (1, 2, 3)
    ]
    for shard in shards:
        finish(shard)
    run("render", book, "-o", "shards", "--cache", "shared", "--stitch-only")
    assert masters(tmp_path / "shards") == expected


def test_two_renders_of_one_project_at_once(book: Path, tmp_path: Path, expected: dict[str, str]) -> None:
    renders = [start("render", book, "-o", "both", "--cache", "both-cache") for _ in range(2)]
    for render in renders:
        finish(render)
    assert masters(tmp_path / "both") == expected
    run("cache", "verify", "--cache", "both-cache")


def test_a_run_resumed_after_its_parent_was_killed(script, tmp_path: Path) -> None:
    book = script(LINES, work_ms=30)
    run("render", book, "-o", "plain", "--cache", "plain-cache")
    killed = start("render", book, "-o", "out", "--cache", "cache")
    wait_for_takes(tmp_path / "cache", 5)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert 5 <= takes(tmp_path / "cache") < LINES
    run("render", book, "-o", "out", "--cache", "cache")
    assert masters(tmp_path / "out") == masters(tmp_path / "plain")


def test_a_run_whose_workers_were_killed(script, tmp_path: Path) -> None:
    import os

    book = script(LINES, work_ms=30)
    run("render", book, "-o", "plain", "--cache", "plain-cache")
    disturbed = start("render", book, "-o", "out", "--cache", "cache")
    for count in (3, 10):
        wait_for_takes(tmp_path / "cache", count)
        for worker in workers_with(str(tmp_path)):
            os.kill(worker, signal.SIGKILL)
    finish(disturbed)
    assert masters(tmp_path / "out") == masters(tmp_path / "plain")
