"""Shards, chains of engines, devices and journals, through the real command line."""

import json
import os
import stat
import sys
from pathlib import Path

import pytest

LINES = "lines: [{}]".format(", ".join(f"'Line number {number}, {'very ' * (number % 5)}long.'" for number in range(9)))
BOOK = f"defaults: {{engine: tone, speed: 4, params: {{char_ms: 16}}}}\n{LINES}\n"
CHAIN = """\
defaults: {engine: [tone, espeak]}
lines:
  - {id: fine, text: This one is fine.}
  - {id: refused, text: This one is refused., params: {fault: refuse}}
  - {id: crashed, text: This one crashes., params: {fault: crash}}
"""


@pytest.fixture
def book(tmp_path: Path) -> Path:
    path = tmp_path / "book.yaml"
    path.write_text(BOOK)
    return path


def events_of(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


# --- shards ---------------------------------------------------------------------------------------------


def test_a_shard_fills_the_cache_and_writes_no_file(cli, book: Path, tmp_path: Path) -> None:
    result = cli("render", book, "-o", "out", "--shard", "1/3", "--json")
    assert result.code == 0
    assert result.json["shard"] == "1/3"
    assert result.json["outputs"] == []
    assert result.json["timeline"] is None
    assert result.json["lines"] == {"total": 3, "rendered": 3, "cached": 0, "failed": 0, "waiting": 0}
    assert not (tmp_path / "out").exists()


def test_a_stitch_names_what_is_missing_and_whose_it_is(cli, book: Path, tmp_path: Path) -> None:
    cli("render", book, "-o", "out", "--shard", "1/2")
    result = cli("render", book, "-o", "out", "--stitch-only")
    assert result.code == 5
    assert "it has no take yet: the work of shard 2/2, that is not done" in result.err
    assert "book.yaml:2:" in result.err
    assert not (tmp_path / "out" / "book.wav").exists()

    cli("render", book, "-o", "out", "--shard", "2/2")
    result = cli("render", book, "-o", "out", "--stitch-only", "--json")
    assert result.code == 0
    assert result.json["lines"]["cached"] == 9
    assert (tmp_path / "out" / "book.wav").exists()
    assert not list((tmp_path / "cache" / "shards").iterdir())


def test_a_whole_run_ends_what_shards_began(cli, book: Path) -> None:
    cli("render", book, "--shard", "1/2")
    assert cli("render", book).code == 0
    assert cli("render", book, "--shard", "1/3").code == 0


@pytest.mark.parametrize("change", ["count", "script"])
def test_a_mismatching_shard_is_refused_before_it_begins(cli, book: Path, change: str) -> None:
    cli("render", book, "--shard", "1/3")
    if change == "script":
        book.write_text(BOOK.replace("number 3", "number three"))
    result = cli("render", book, "--shard", "2/4" if change == "count" else "2/3")
    assert result.code == 2
    assert "a run in 3 shards has begun (1 done)" in result.err


def test_a_shard_by_job_array(cli, book: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_BATCH_JOB_ARRAY_INDEX", "1")
    monkeypatch.setenv("AWS_BATCH_JOB_ARRAY_SIZE", "3")
    assert cli("render", book, "--shard", "auto", "--json").json["shard"] == "2/3"
    assert cli("render", book, "--json").json["lines"]["total"] == 9


def test_a_shard_with_failures_is_not_done(cli, tmp_path: Path) -> None:
    book = tmp_path / "bad.yaml"
    book.write_text("defaults: {engine: tone, params: {fault: refuse}}\nlines: [One., Two.]\n")
    assert cli("render", book, "--shard", "1/2").code == 5
    assert not list((tmp_path / "cache" / "shards").glob("*/*.done"))


@pytest.mark.parametrize(
    "options", [("--shard", "1/2", "--lines"), ("--shard", "1/2", "--stitch-only"), ("--stitch-only", "--force")]
)
def test_contradictions_are_refused(cli, book: Path, options: tuple[str, ...]) -> None:
    assert cli("render", book, *options).code == 2


# --- chains of engines ----------------------------------------------------------------------------------


def test_failed_lines_are_handed_on_whole_and_recorded(cli, tmp_path: Path) -> None:
    book = tmp_path / "chain.yaml"
    book.write_text(CHAIN)
    result = cli("render", book, "-o", "out", "--json")
    assert result.code == 0, result.err
    fallbacks = {one["line"]: one for one in result.json["fallbacks"]}
    assert set(fallbacks) == {"refused", "crashed"}
    assert fallbacks["refused"]["engine"] == "espeak"
    assert fallbacks["refused"]["instead_of"] == "tone"
    assert "told to refuse" in fallbacks["refused"]["error"]
    assert "SIGSEGV" in fallbacks["crashed"]["error"]
    timeline = json.loads((tmp_path / "out" / "timeline.json").read_text())
    assert {line["id"]: line["engine"] for line in timeline["lines"]} == {
        "fine": "tone",
        "refused": "espeak",
        "crashed": "espeak",
    }
    stitched = cli("render", book, "-o", "out", "--stitch-only", "--json")
    assert stitched.code == 0
    assert stitched.json["outputs"][0]["sha256"] == result.json["outputs"][0]["sha256"]


def test_without_a_chain_nothing_is_handed_on(cli, tmp_path: Path) -> None:
    book = tmp_path / "chain.yaml"
    book.write_text(CHAIN.replace("[tone, espeak]", "tone"))
    result = cli("render", book, "--json")
    assert result.code == 5
    assert result.json["lines"]["failed"] == 2
    assert result.json["fallbacks"] == []


def test_a_chain_in_a_sheet(cli, tmp_path: Path) -> None:
    (tmp_path / "sheet.csv").write_text('engine,text,params.fault\n"tone, espeak",Hello there.,refuse\n')
    result = cli("render", "sheet.csv", "--json")
    assert result.code == 0, result.err
    assert [one["engine"] for one in result.json["fallbacks"]] == ["espeak"]


def test_a_chain_is_checked_to_its_end(cli, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("lines:\n  - {engine: [espeak, tone], voice: f3, text: Hello.}\n")
    result = cli("check", "a.yaml")
    assert result.code == 3
    assert "a.yaml:2:14: error: falling back on tone: unknown voice 'f3'" in result.err
    (tmp_path / "b.yaml").write_text("lines:\n  - {engine: [espeak, tune], text: Hello.}\n")
    result = cli("check", "b.yaml")
    assert result.code == 3
    assert "did you mean 'tone'" in result.err


# --- devices --------------------------------------------------------------------------------------------


def test_each_worker_sees_its_own_gpu(cli, book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "bin" / "nvidia-smi"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\necho '0, GPU-a, H100, 81559'\necho '1, GPU-b, T4, 15360'\n")
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tool.parent}{os.pathsep}{os.environ['PATH']}")

    assert cli("render", book, "--events", "e.jsonl").code == 0
    ready = [event for event in events_of(tmp_path / "e.jsonl") if event.get("what") == "ready"]
    assert {event["device"] for event in ready} <= {"cuda:0", "cuda:1"}
    assert cli("render", book, "--force", "--device", "cpu", "--events", "cpu.jsonl").code == 0
    ready = [event for event in events_of(tmp_path / "cpu.jsonl") if event.get("what") == "ready"]
    assert {event["device"] for event in ready} == {"cpu"}
    result = cli("render", book, "--force", "--device", "cuda:5")
    assert result.code == 4
    assert "there is no device cuda:5" in result.err
    doctor = cli("doctor")
    assert "cuda:0: H100, 80 GiB; cuda:1: T4, 15 GiB; cpu:" in doctor.out


def test_what_is_no_device_is_a_usage_error(cli, book: Path) -> None:
    assert cli("render", book, "--device", "gpu").code == 2


# --- the journal ----------------------------------------------------------------------------------------


def test_a_journal_tells_the_run(cli, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        "defaults: {engine: tone}\nlines: [One., {id: bad, text: Two., params: {fault: refuse}}]\n"
    )
    assert cli("render", "a.yaml", "--events", "logs/e.jsonl", "--workers", "1").code == 5
    events = events_of(tmp_path / "logs" / "e.jsonl")
    assert [event["event"] for event in events if event["event"] != "worker"] == ["begin", "take", "failed", "end"]
    begin, take, failed, end = (event for event in events if event["event"] != "worker")
    assert (begin["lines"], begin["to_render"]) == (2, 2)
    assert take["engine"] == "tone"
    assert take["audio_s"] > 0
    assert failed["line"] == "bad"
    assert end["status"] == "partial"
    assert end["lines"]["failed"] == 1
    assert all(event["time"].endswith("Z") and event["elapsed_s"] >= 0 for event in events)
    assert cli("render", "a.yaml", "--events", "logs/e.jsonl").code == 5
    assert [event["event"] for event in events_of(tmp_path / "logs" / "e.jsonl")].count("begin") == 2


def test_a_journal_that_cannot_be_written_is_said_first(cli, book: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = cli("render", book, "--events", "file/e.jsonl")
    assert result.code == 5
    assert "cannot be written" in result.err
    assert not (tmp_path / "cache").exists()


def test_without_ray_the_hint_is_a_command_that_installs_it(cli, book: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)

    result = cli("render", book, "--executor", "ray")

    assert result.code == 4
    assert 'hint: pip install "ray>=2.40"' in result.err
