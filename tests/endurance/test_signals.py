"""Ctrl-C once drains, twice stops, SIGTERM stops; finished takes are kept and nobody is left behind."""

import json
import signal
import time
from pathlib import Path

import pytest

from tests.endurance.conftest import finish, masters, run, start, takes, wait_for_takes, workers_with


@pytest.fixture
def slow_book(script) -> Path:
    return script(40, work_ms=150)


def gone(text: str, seconds: float = 5) -> bool:
    deadline = time.monotonic() + seconds
    while workers_with(text):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_ctrl_c_lets_the_lines_in_hand_end(slow_book: Path, tmp_path: Path) -> None:
    process = start("render", slow_book, "--cache", "cache", "--events", "events.jsonl", "--json")
    wait_for_takes(tmp_path / "cache", 3)
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"stopping when the lines in hand are done" in errors
    assert b"finished takes are kept" in errors
    assert json.loads(out) == {"status": "interrupted"}
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert events[-1]["event"] == "stopped"
    assert not [event for event in events if event.get("what") == "died"]
    assert 3 <= takes(tmp_path / "cache") == len([event for event in events if event["event"] == "take"]) < 40
    assert gone(str(tmp_path))


def test_ctrl_c_twice_stops_at_once(script, tmp_path: Path) -> None:
    book = script(6, fault="hang")
    process = start("render", book, "--cache", "cache")
    deadline = time.monotonic() + 30
    while not workers_with(str(tmp_path)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    finish(process, 130)
    assert gone(str(tmp_path))


def test_sigterm_stops_at_once_and_a_second_run_goes_on(slow_book: Path, tmp_path: Path) -> None:
    process = start("render", slow_book, "-o", "out", "--cache", "cache")
    wait_for_takes(tmp_path / "cache", 3)
    process.send_signal(signal.SIGTERM)
    finish(process, 130)
    assert gone(str(tmp_path))
    kept = takes(tmp_path / "cache")
    assert 3 <= kept < 40
    run("render", slow_book, "-o", "out", "--cache", "cache", "--events", "events.jsonl")
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert events[0]["to_render"] == 40 - kept
    assert masters(tmp_path / "out")


def test_a_closed_terminal_stops_at_once_but_not_what_was_to_outlive_it(script, tmp_path: Path) -> None:
    book = script(12, work_ms=150)
    # These tests may run under nohup themselves.
    process = start("render", book, "--cache", "cache", preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL))
    wait_for_takes(tmp_path / "cache", 2)
    process.send_signal(signal.SIGHUP)
    finish(process, 130)
    assert gone(str(tmp_path))
    # As nohup starts it.
    process = start("render", book, "--cache", "other", preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    wait_for_takes(tmp_path / "other", 2)
    process.send_signal(signal.SIGHUP)
    finish(process)


def test_workers_do_not_outlive_a_killed_parent(slow_book: Path, tmp_path: Path) -> None:
    process = start("render", slow_book, "--cache", "cache")
    wait_for_takes(tmp_path / "cache", 3)
    assert workers_with(str(tmp_path))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert gone(str(tmp_path))
