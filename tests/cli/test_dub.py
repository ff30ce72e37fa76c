"""Subtitles to a dub, through the real command line: as long as the programme, every line at its time."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyloudnorm
import pytest
import soundfile

RATE = 48_000
FILM = """\
1
00:00:01,000 --> 00:00:03,000
RAT: Would you like to come over?

2
00:00:03,200 --> 00:00:05,400
MOLE: It's all very well to talk, but how am I to get across?

3
00:00:08,000 --> 00:00:10,000
So he came across.
"""


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "film.srt"
    path.write_text(FILM)
    return path


def timing(folder: Path) -> list[dict[str, str]]:
    with (folder / "timing.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def tone(path: Path, seconds: float) -> str:
    time = np.arange(round(seconds * 16_000)) / 16_000
    soundfile.write(path, 0.4 * np.sign(np.sin(2 * np.pi * 220 * time + 0.1)), 16_000)
    return path.name


def programme(folder: Path, *, minutes: float, lines_per_minute: int = 12) -> Path:
    """A manifest of tones: some fit, some are too long for their slots."""
    rng = np.random.default_rng(7)
    files = [tone(folder / f"tone{tenths}.wav", tenths / 10) for tenths in range(8, 56, 3)]
    step = 60 / lines_per_minute
    lines = []
    for number in range(round(minutes * lines_per_minute)):
        start = number * step + rng.uniform(0, 0.8)
        end = (number + 1) * step - rng.uniform(0.2, 0.5)
        file = files[rng.integers(len(files))]
        speaker = "ab"[rng.integers(2)]
        lines.append(f"  - {{audio: {file}, start: {start:.4f}, end: {end:.4f}, speaker: {speaker}, text: x}}")
    path = folder / "long.yaml"
    path.write_text(f"project: {{recipe: dub, length: {minutes * 60:.4f}}}\nlines:\n" + "\n".join(lines) + "\n")
    return path


def assert_in_time(out: Path, wav: Path, minutes: float) -> None:
    rows = timing(out)
    info = soundfile.info(wav)
    assert (info.frames, info.samplerate, info.subtype) == (round(minutes * 60 * RATE), RATE, "PCM_24")
    assert {"stretch", "borrow"} <= {action for row in rows for action in row["action"].split("+")}
    for row in rows:
        planned = round(float(row["start_s"]) * RATE)
        before, _ = soundfile.read(wav, start=max(0, planned - RATE // 20), frames=RATE // 20 - 48)
        after, _ = soundfile.read(wav, start=planned, frames=48)
        assert not before.any(), row
        assert np.abs(after).max() > 1e-3, row


def test_subtitles_become_a_dub_in_time(cli, film: Path, tmp_path: Path) -> None:
    result = cli("render", film, "-o", "out")

    assert result.code == 0, result.err
    wav = tmp_path / "out" / "film.dub.wav"
    samples, rate = soundfile.read(wav)
    assert (rate, samples.ndim, samples.size) == (RATE, 1, 10 * RATE)
    assert abs(pyloudnorm.Meter(rate).integrated_loudness(samples) - -16) < 0.5
    rows = timing(tmp_path / "out")
    assert [row["speaker"] for row in rows] == ["RAT", "MOLE", ""]
    assert [row["cue_s"] for row in rows] == ["1.000", "3.200", "8.000"]
    assert rows[1]["action"].startswith("borrow")
    heard = np.flatnonzero(np.abs(samples) > 1e-3)
    assert heard[0] / RATE == pytest.approx(1.0, abs=0.03)
    assert "out/timing.csv" in result.out


def test_what_the_engine_spoke_faster_is_in_the_cache_the_next_time(cli, film: Path, tmp_path: Path) -> None:
    film.write_text(FILM.replace("00:00:05,400", "00:00:04,200").replace("00:00:08,000", "00:00:05,950"))
    first = cli("render", film, "-o", "out", "--json")
    assert timing(tmp_path / "out")[1]["action"].startswith("borrow+speed")
    before = (tmp_path / "out" / "film.dub.wav").stat().st_mtime_ns

    again = cli("render", film, "-o", "out", "--json")

    assert first.json["lines"]["rendered"] == 3
    assert again.json["lines"] == {"total": 3, "rendered": 0, "cached": 3, "failed": 0, "waiting": 0}
    assert (tmp_path / "out" / "film.dub.wav").stat().st_mtime_ns == before
    film.write_text(film.read_text().replace("So he came across.", "So he did."))
    assert cli("render", film, "-o", "out", "--json").json["lines"]["rendered"] == 1


def test_a_line_over_budget_is_named_with_what_to_cut(cli, film: Path, tmp_path: Path) -> None:
    film.write_text(FILM.replace("come over?", f"come over? {'Really and truly, ' * 6}dear."))

    result = cli("render", film, "-o", "out")

    assert result.code == 6
    assert "film.srt:2:1: over budget: cue 1 'Would you like to come over? Really...' runs " in result.err
    assert "characters shorter" in result.err
    row = timing(tmp_path / "out")[0]
    assert row["budget"] == "over"
    assert 0 < int(row["cut_chars"]) < int(row["chars"])
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["over_budget"][0]["line"] == row["line"]
    assert (row["cue"], row["text"][:10]) == ("1", "Would you ")
    assert (tmp_path / "out" / "film.dub.wav").exists()


def test_a_recipe_of_ones_own_can_fail_instead(cli, film: Path, tmp_path: Path) -> None:
    film.write_text(FILM.replace("come over?", f"come over? {'Really and truly, ' * 6}dear."))
    (tmp_path / "strict.yaml").write_text("split: programme\nsample_rate: 48000\nfit: {overflow: fail, drift_s: 0.2}\n")

    result = cli("render", film, "--recipe", "strict.yaml", "-o", "out")

    assert result.code == 6
    assert not (tmp_path / "out" / "film.dub.wav").exists()
    assert "fail" in timing(tmp_path / "out")[0]["action"]


def test_every_line_without_a_place_is_told_at_once(cli, tmp_path: Path) -> None:
    (tmp_path / "film.yaml").write_text(
        "project: {recipe: dub, length: 5}\nlines:\n  - One.\n  - {text: Two., start: 1}\n  - {text: Six., start: 6}\n"
    )

    result = cli("render", "film.yaml")

    assert result.code == 3
    assert "film.yaml:3:5: error: line '" in result.err
    assert "has no `start`, which a dub needs" in result.err
    assert "film.yaml:5:5: error: line '" in result.err
    assert "starts at 6 s, but the programme is 5 s long" in result.err
    assert not (tmp_path / "out").exists()


def test_subtitles_may_come_from_a_pipe_and_go_into_a_manifest(cli, tmp_path: Path) -> None:
    assert cli("check", "-", stdin=FILM.encode()).code == 0
    assert cli("check", "-", stdin=b"WEBVTT\n\n00:01.000 --> 00:02.000\n<v Bob>Hi.\n").code == 0
    (tmp_path / "film.srt").write_text(FILM.replace("RAT:", "Ratty:"))
    (tmp_path / "film.yaml").write_text("speakers: {ratty: {voice: f3}, mole: {}}\nlines: film.srt\n")
    result = cli("render", "film.yaml", "--recipe", "dub", "-o", "out", "--dry-run", "--json")
    assert result.json["lines"]["total"] == 3
    bad = cli("check", "-", "--format", "srt", stdin=b"1\n00:00:0x --> 00:00:02,000\nHi.\n\nStray.\n")
    assert bad.code == 3
    assert "stdin:2:1: error: start: '00:00:0x' is not a time" in bad.err
    assert "stdin:5:1: error: text that belongs to no cue" in bad.err


def test_every_line_of_a_dub_begins_within_a_millisecond_of_its_plan(cli, tmp_path: Path) -> None:
    manifest = programme(tmp_path, minutes=2)

    result = cli("render", manifest, "-o", "out")

    assert result.code in (0, 6), result.err
    assert_in_time(tmp_path / "out", tmp_path / "out" / "long.dub.wav", 2)


@pytest.mark.slow
def test_two_hours_are_exact_to_the_sample_in_little_memory(tmp_path: Path) -> None:
    manifest = programme(tmp_path, minutes=120)
    script = (
        "import sys; from tts_cli.cli.app import main\n"
        f"sys.argv = ['tts-cli', 'render', {str(manifest)!r}, '-o', 'out']\n"
        "try: main()\n"
        # of this program alone: what getrusage says counts the memory of whoever started it
        "finally: print(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')).split()[1])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert done.returncode in (0, 6), done.stderr
    assert int(done.stdout.split()[-1]) < 400_000  # KB
    assert_in_time(tmp_path / "out", tmp_path / "out" / "long.dub.wav", 120)
