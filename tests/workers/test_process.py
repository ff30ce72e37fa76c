"""The worker's main, driven by hand through its pipes."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tts_cli.cache.records import take_from_json

ROOT = Path(__file__).parents[2]
HELLO = {"op": "hello", "proto": 3, "engine": "faulty", "adapter": "faulty_engine:Faulty", "device": "cpu"}


@pytest.fixture
def worker(tmp_path):
    search = os.pathsep.join([str(ROOT), str(Path(__file__).parent)])
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "tts_cli.workers.process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=(tmp_path / "log").open("wb"),
        env={**os.environ, "PYTHONPATH": search},
        text=True,
    ) as process:
        yield process
        process.kill()


def say(worker, **message):
    worker.stdin.write(json.dumps(message) + "\n")
    worker.stdin.flush()


def hear(worker):
    return json.loads(worker.stdout.readline())


def hello(worker, tmp_path, **other):
    say(worker, **{**HELLO, "cache": str(tmp_path / "cache"), "subtype": "PCM_16", **other})
    return hear(worker)


def render(worker, *texts):
    jobs = [
        {"key": f"{number:064}", "text": text, "language": "en", "voice": "", "params": {}, "seed": 0}
        for number, text in enumerate(texts)
    ]
    say(worker, op="render", jobs=jobs)


def test_a_conversation(worker, tmp_path):
    assert hello(worker, tmp_path) == {"event": "ready", "proto": 3, "pid": worker.pid, "notices": []}
    render(worker, "one", "refuse")
    assert hear(worker) == {"event": "began", "keys": ["0" * 64, f"{1:064}"]}
    answer = hear(worker)
    take = take_from_json(answer)
    assert (answer["event"], take.key, take.frames) == ("take", "0" * 64, 800)
    assert (tmp_path / "cache" / "cas" / take.blob[:2] / f"{take.blob}.flac").stat().st_size == take.size
    assert hear(worker) == {
        "event": "failed",
        "key": f"{1:064}",
        "kind": "input",
        "error": "too hard to say (say something else)",
    }
    done = hear(worker)
    assert (done["event"], done["gpu_memory"]) == ("done", 0)
    assert done["memory"] > 10_000_000
    worker.stdin.close()
    assert worker.wait(5) == 0
    assert worker.stdout.read() == ""


def test_it_shows_signs_of_life_while_it_works_and_only_then(worker, tmp_path):
    hello(worker, tmp_path)
    render(worker, "slow 1.4")
    assert hear(worker) == {"event": "began", "keys": ["0" * 64]}
    heartbeat = hear(worker)
    assert heartbeat["event"] == "heartbeat"
    assert 10_000_000 < heartbeat["memory"] < 2_000_000_000
    assert [hear(worker)["event"], hear(worker)["event"]] == ["take", "done"]
    time.sleep(1.2)
    worker.stdin.close()
    assert worker.stdout.read() == ""


def test_another_protocol_is_refused(worker, tmp_path):
    answer = hello(worker, tmp_path, proto=1)
    assert (answer["event"], answer["error"]) == ("unusable", "the worker speaks protocol 3, the parent 1")
    assert worker.wait(5) == 1


def test_an_engine_that_cannot_be_loaded_says_why(worker, tmp_path):
    answer = hello(worker, tmp_path, adapter="faulty_engine:Unusable")
    assert answer == {"event": "unusable", "error": "no weights here", "hint": "tts-cli download unusable"}
    assert worker.wait(5) == 1


def test_it_ends_when_nobody_says_hello(worker):
    worker.stdin.close()
    assert worker.wait(5) == 0


@pytest.mark.parametrize("text", ["slow 30", "quick"])
def test_the_end_of_stdin_ends_it_also_in_the_middle_of_a_line(worker, tmp_path, text):
    hello(worker, tmp_path)
    render(worker, text)
    time.sleep(0.1)
    worker.stdin.close()
    assert worker.wait(5) == 0


def test_a_parent_that_stops_listening_ends_it(worker, tmp_path):
    hello(worker, tmp_path)
    worker.stdout.close()
    render(worker, "one", "two")
    assert worker.wait(5) == 0


def test_it_imports_nothing_slow():
    code = "import sys, tts_cli.workers.process, tts_cli.engines.espeak.adapter; print(*sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert not loaded & {"scipy", "pandas", "soxr", "torch", "pydantic", "yaml", "typer", "rich", "asyncio"}
