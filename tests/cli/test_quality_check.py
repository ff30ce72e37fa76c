"""Takes that do not sound right, end to end: spoken again where that may help, the best kept, all of it told."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

LINES = """\
defaults: {engine: tone}
lines:
  - {id: good, text: "A good line of text."}
  - {id: mended, text: "A silent line of text.", params: {fault: silent, fault_rate: 0.6}}
  - {id: clipped, text: "A clipped line of text.", params: {fault: clipped}}
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "script.yaml"
    path.write_text(LINES)
    return path


def test_a_flagged_is_spoken_again_and_the_best_take_is_kept(cli, script: Path, tmp_path: Path) -> None:
    result = cli("render", script, "-o", "out")

    assert result.code == 0, result.err
    assert "script.yaml:5:5: flagged: line clipped: " in result.err
    assert "is clipped (" in result.err
    assert "take 1 of 3 is the best and was kept" in result.err
    assert "retaken: line mended: take 3 of 3: the first is silent" in result.err
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert [flagged["line"] for flagged in report["quality_issues"]] == ["clipped"]
    assert [retaken["line"] for retaken in report["retaken"]] == ["mended"]
    assert len(list((tmp_path / "cache" / "ac").glob("*/*.json"))) == 1 + 3 + 3


def test_the_second_run_finds_the_same_takes_and_records_nothing(cli, script: Path, tmp_path: Path) -> None:
    first = cli("render", script, "-o", "out", "--json").json
    master = (tmp_path / "out" / "script.wav").stat().st_mtime_ns

    again = cli("render", script, "-o", "out", "--json").json

    assert again["lines"]["rendered"] == 0
    assert (again["quality_issues"], again["retaken"]) == (first["quality_issues"], first["retaken"])
    assert (tmp_path / "out" / "script.wav").stat().st_mtime_ns == master
    stitched = cli("render", script, "-o", "stitched", "--stitch-only", "--json").json
    assert [output["sha256"] for output in stitched["outputs"]] == [output["sha256"] for output in first["outputs"]]


def test_an_engine_without_chance_is_not_asked_again(cli, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "hum.wav", 0.2 + 0.1 * np.sin(np.arange(16_000) / 10), 16_000)
    (tmp_path / "script.yaml").write_text("lines:\n  - {id: hum, audio: hum.wav, text: Hm.}\n")
    result = cli("render", "script.yaml", "--json").json
    assert result["quality_issues"][0]["error"].endswith("had a DC offset of +0.20, which was taken out")
    assert len(list((tmp_path / "cache" / "ac").glob("*/*.json"))) == 1


def test_only_flagged_selects_them(cli, script: Path) -> None:
    none = cli("render", script, "-o", "out", "--only", "flagged")
    assert none.code == 2
    assert "the last run of this folder flagged no line" in none.err

    cli("render", script, "-o", "out")
    forced = cli("render", script, "-o", "out", "--only", "flagged", "--force", "--dry-run", "--json").json
    assert [line["line"] for line in forced["to_render"]] == ["clipped"]


def test_a_flagged_is_on_the_page_and_passes_in_junit(cli, script: Path, tmp_path: Path) -> None:
    cli("render", script, "-o", "out")
    data = cli("report", "out", "--json", "--junit", "junit.xml").json
    assert [(problem["kind"], problem["name"]) for problem in data["problems"]] == [("flagged", "clipped")]
    junit = (tmp_path / "junit.xml").read_text()
    assert 'failures="0"' in junit
    assert "flagged: ends in the middle" in junit or "flagged: is clipped" in junit


def test_shards_make_the_takes_that_one_machine_would(cli, script: Path) -> None:
    whole = cli("render", script, "-o", "whole", "--json").json
    for shard in ("1/2", "2/2"):
        assert cli("render", script, "-o", "parts", "--cache", "shared", "--shard", shard).code == 0
    parts = cli("render", script, "-o", "parts", "--cache", "shared", "--stitch-only", "--json").json
    assert [output["sha256"] for output in parts["outputs"]] == [output["sha256"] for output in whole["outputs"]]


def test_what_is_no_take_is_asked_for_again_and_kept_as_the_first(cli, tmp_path: Path) -> None:
    """An engine that makes nothing of one seed is given others; the key of the line has that take from then on."""
    (tmp_path / "script.yaml").write_text(
        "defaults: {engine: tone}\nlines:\n"
        "  - {id: five, text: A first line of text., params: {fault: nan, fault_rate: 0.6}}\n"
        "  - {id: two, text: A third line of text., params: {fault: empty, fault_rate: 0.6}}\n"
    )
    first = cli("render", "script.yaml", "-o", "out", "--json").json
    again = cli("render", "script.yaml", "-o", "out", "--json").json
    stitched = cli("render", "script.yaml", "-o", "stitched", "--stitch-only", "--json").json

    assert first["status"] == "ok"
    told = {entry["line"]: entry["kept"] for entry in first["retaken"]}
    assert told == {
        "five": "take 2 of 2: the first came to nothing "
        "(the engine returned samples that are not numbers (NaN or infinite))",
        "two": "take 3 of 3: the first came to nothing (the engine returned no audio)",
    }
    assert again["lines"]["rendered"] == 0
    shas = [[output["sha256"] for output in run["outputs"]] for run in (first, stitched)]
    assert shas[0] == shas[1]


@pytest.mark.parametrize(
    ("fault", "message"), [("nan", "not numbers (NaN or infinite), 3 times"), ("empty", "3 times")]
)
def test_what_is_no_take_three_times_fails_its_line(cli, tmp_path: Path, fault: str, message: str) -> None:
    (tmp_path / "script.yaml").write_text(
        "defaults: {engine: tone}\n"
        f"lines: [{{id: bad, text: No., params: {{fault: {fault}}}}}, {{id: good, text: Yes.}}]\n"
    )
    result = cli("render", "script.yaml", "--json")
    assert result.code == 5
    [failure] = result.json["failures"]
    assert failure["line"] == "bad"
    assert failure["error"].endswith(message)


def test_what_never_came_to_an_end_is_flagged(cli, tmp_path: Path) -> None:
    (tmp_path / "script.yaml").write_text(
        "defaults: {engine: tone}\nlines: [{id: a, text: A line that goes on., params: {fault: endless}}]\n"
    )
    first = cli("render", "script.yaml", "--json").json
    again = cli("render", "script.yaml", "--json").json
    assert first["quality_issues"][0]["error"].startswith("came to no end by itself; take 1 of 3 is the best")
    assert again["quality_issues"] == first["quality_issues"]
    assert again["lines"]["rendered"] == 0


def test_recordings_with_a_fault_are_flagged_and_sound_ones_are_not(cli, tmp_path: Path) -> None:
    made = Path(__file__).parents[1] / "data"
    rows = "".join(f"{name},x,{made / name}.flac\n" for name in ("ann", "bob", "dc", "clipping", "hum"))
    (tmp_path / "takes.csv").write_text(f"id,text,audio\n{rows}")

    report = cli("render", "takes.csv", "--json").json

    found = {flagged["line"]: flagged["error"] for flagged in report["quality_issues"]}
    assert found.keys() == {"dc", "clipping"}
    assert "DC offset of +0.10" in found["dc"]
    assert "is clipped" in found["clipping"]


def test_a_dc_offset_costs_a_recording_no_loudness(cli, tmp_path: Path) -> None:
    """Peaks are measured from zero: with its offset the limiter would turn this one down by 4 dB."""
    speech, rate = soundfile.read(Path(__file__).parents[1] / "data" / "ann.flac")
    for name, offset in (("plain", 0.0), ("offset", 0.4)):
        soundfile.write(tmp_path / f"{name}.wav", 0.3 * speech + offset, rate, "PCM_24")
        (tmp_path / f"{name}.yaml").write_text(f"lines:\n  - {{id: a, audio: {name}.wav, text: As it is.}}\n")
    plain = cli("render", "plain.yaml", "-o", "plain", "--json").json
    offset = cli("render", "offset.yaml", "-o", "offset", "--json").json
    assert offset["outputs"][0]["lufs"] == pytest.approx(plain["outputs"][0]["lufs"], abs=0.1)
    assert "DC offset of +0.40, which was taken out" in offset["quality_issues"][0]["error"]
    master, _ = soundfile.read(tmp_path / "offset" / "offset.wav")
    assert abs(master.mean()) < 0.001
