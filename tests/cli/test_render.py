"""The main job, end to end through the real command line and real files."""

import csv
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyloudnorm
import pytest
import soundfile

from tts_cli.formats.decode import Decoded

BOOK = """\
project: {title: A Small Book, language: en}
speakers:
  narrator: {voice: en-gb}
  mole: {voice: f3}
chapters:
  - id: bank
    title: The River Bank
    lines:
      - {id: n1, speaker: narrator, text: "The mole had been working very hard all the morning."}
      - {id: m1, speaker: mole, emotion: excited, text: "Hang spring-cleaning! [pause:400ms] Up we go!"}
      - {id: n2, speaker: narrator, text: "Something up above was calling him."}
  - id: wood
    lines:
      - {id: m2, speaker: mole, text: "Good morning, gentlemen."}
      - {id: n3, speaker: narrator, emotion: calm, text: "He waited, with little paws folded."}
"""


@pytest.fixture
def book(tmp_path: Path) -> Path:
    path = tmp_path / "book.yaml"
    path.write_text(BOOK)
    return path


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.glob("*.wav"))}


def lines_of(result: Any) -> dict[str, int]:
    return result.json["lines"]


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_book_becomes_a_master_per_chapter(cli, book: Path, tmp_path: Path) -> None:
    result = cli("render", book, "-o", "out", "--json")

    assert result.code == 0
    report = result.json
    kept = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report == {"out": "out"} | kept | {name: report[name] for name in ("outputs", "timeline")}
    assert [output["name"] for output in report["outputs"]] == [output["path"] for output in kept["outputs"]]
    assert report["status"] == "ok"
    assert report["lines"] == {"total": 5, "rendered": 5, "cached": 0, "failed": 0, "waiting": 0}
    assert [output["name"] for output in report["outputs"]] == ["01-the-river-bank.wav", "02-wood.wav"]
    for output in report["outputs"]:
        path = Path(output["path"])
        samples, rate = soundfile.read(path)
        assert rate == 44100
        assert samples.ndim == 1
        assert hashlib.sha256(path.read_bytes()).hexdigest() == output["sha256"]
        assert abs(pyloudnorm.Meter(rate).integrated_loudness(samples) - -19) < 0.3
        assert abs(output["lufs"] - -19) < 0.3
        assert output["true_peak_dbtp"] <= -1.5
        assert output["seconds"] == pytest.approx(len(samples) / rate, abs=0.001)


def test_the_default_folder_is_out_and_the_manifest_name(cli, book: Path, tmp_path: Path) -> None:
    result = cli("render", book)

    assert result.code == 0
    assert (tmp_path / "out" / "book" / "01-the-river-bank.wav").exists()
    assert "5 lines: 5 rendered" in result.out
    assert "out/book/01-the-river-bank.wav" in result.out
    assert "-19.0 LUFS" in result.out


def test_a_second_run_renders_nothing_and_writes_nothing(cli, book: Path, tmp_path: Path) -> None:
    cli("render", book, "-o", "out")
    before = {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in (tmp_path / "out").glob("*[!t].*")}

    result = cli("render", book, "-o", "out", "--json")
    after = {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in (tmp_path / "out").glob("*[!t].*")}

    assert lines_of(result)["cached"] == 5
    assert {name: stamp for name, stamp in after.items() if name != "report.json"} == {
        name: stamp for name, stamp in before.items() if name != "report.json"
    }
    assert {"01-the-river-bank.wav", "02-wood.wav", "timeline.json"} <= set(after)


@pytest.mark.parametrize("workers", [1, 2])
def test_the_same_bytes_from_any_number_of_workers_and_from_nothing(
    cli, book: Path, tmp_path: Path, workers: int
) -> None:
    cli("render", book, "-o", "once")
    cli("render", book, "-o", "again", "--cache", "other", "--workers", workers)

    assert digests(tmp_path / "once") == digests(tmp_path / "again")
    assert len(digests(tmp_path / "once")) == 2


def test_editing_one_line_renders_one_line_and_remakes_one_master(cli, book: Path, tmp_path: Path) -> None:
    cli("render", book, "-o", "out")
    before = digests(tmp_path / "out")
    edit(book, "Good morning, gentlemen.", "Good evening, gentlemen.")

    explained = cli("render", book, "-o", "out", "--dry-run", "--explain")
    result = cli("render", book, "-o", "out", "--json")
    after = digests(tmp_path / "out")

    assert explained.out.startswith("text     m2  mole: Good evening, gentlemen.")
    assert lines_of(result) == {"total": 5, "rendered": 1, "cached": 4, "failed": 0, "waiting": 0}
    assert after["01-the-river-bank.wav"] == before["01-the-river-bank.wav"]
    assert after["02-wood.wav"] != before["02-wood.wav"]


def test_inserting_deleting_and_moving_lines(cli, tmp_path: Path) -> None:
    sheet = tmp_path / "lines.csv"
    rows = ["text", "First line here.", "Second line here.", "Third line here."]

    def render(rows: list[str]) -> int:
        sheet.write_text("\n".join(rows) + "\n")
        return lines_of(cli("render", sheet, "-o", "out", "--json"))["rendered"]

    assert render(rows) == 3
    assert render([*rows[:2], "Between the lines.", *rows[2:]]) == 1
    assert render([rows[0], rows[3], rows[1]]) == 0
    assert render(rows) == 0


def test_a_pipe_is_a_manifest(cli, tmp_path: Path) -> None:
    result = cli("render", "-", "--format", "csv", "-o", "out", "--json", stdin=b"text\nHello from a pipe.\n")

    assert result.code == 0
    assert (tmp_path / "out" / "stdin.wav").exists()


def test_a_dry_run_writes_nothing(cli, book: Path, tmp_path: Path) -> None:
    result = cli("render", book, "--dry-run", "--json")

    assert result.code == 0
    assert result.json["lines"] == {"total": 5, "to_render": 5, "cached": 0}
    assert {item["reason"] for item in result.json["to_render"]} == {"new"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["book.yaml"]


def test_only_renders_what_is_chosen_and_no_master_that_misses_lines(cli, book: Path, tmp_path: Path) -> None:
    part = cli("render", book, "-o", "out", "--only", "chapter=2", "--json")
    line = cli("render", book, "-o", "out", "--only", "id=n1")

    assert lines_of(part) == {"total": 5, "rendered": 2, "cached": 0, "failed": 0, "waiting": 3}
    assert list(digests(tmp_path / "out")) == ["02-wood.wav"]
    assert part.json["incomplete"] == {"01-the-river-bank.wav": 3}
    assert "01-the-river-bank.wav still misses 2 lines" in line.err


def test_force_renders_again_to_the_same_bytes(cli, book: Path, tmp_path: Path) -> None:
    cli("render", book, "-o", "out")
    before = digests(tmp_path / "out")

    result = cli("render", book, "-o", "out", "--force", "--json")

    assert lines_of(result)["rendered"] == 5
    assert digests(tmp_path / "out") == before


def test_line_files_keep_the_levels_between_speakers(cli, book: Path, tmp_path: Path) -> None:
    edit(book, "id: m2, speaker: mole,", "id: m2, speaker: mole, volume: -9dB, file: 'voices/{speaker}/{id}',")
    edit(book, "id: m1, speaker: mole,", "id: m1, speaker: mole, volume: -9dB,")  # all that the mole says is quiet

    result = cli("render", book, "-o", "out", "--lines", "--json")

    names = {output["name"] for output in result.json["outputs"] if output["kind"] == "lines"}
    assert names == {"lines/n1.wav", "lines/m1.wav", "lines/n2.wav", "voices/mole/m2.wav", "lines/n3.wav"}
    loud, rate = soundfile.read(tmp_path / "out" / "lines" / "n1.wav")
    quiet, _ = soundfile.read(tmp_path / "out" / "voices" / "mole" / "m2.wav")
    rms_db = [10 * np.log10(np.mean(samples**2)) for samples in (loud, quiet)]
    assert rate == 44100
    assert 5 < rms_db[0] - rms_db[1] < 13
    assert not list((tmp_path / "out").rglob("*.wav.json"))  # only what is shipped has a sidecar
    again = cli("render", book, "-o", "out", "--lines", "--json")
    assert again.json["outputs"] == result.json["outputs"]


def test_two_lines_may_not_have_one_file(cli, book: Path) -> None:
    edit(book, "id: m1,", "id: m1, file: same,")
    edit(book, "id: m2,", "id: m2, file: Same,")

    result = cli("render", book, "--lines")

    assert result.code == 3
    assert "book.yaml:14:" in result.err
    assert "written twice" in result.err


def test_the_sheet_comes_back_filled_in(cli, tmp_path: Path) -> None:
    sheet = tmp_path / "game.csv"
    sheet.write_bytes(
        "Situation;Text;id\r\nIn the wood;Who goes there?;a\r\nAt sea;Land ho, über alles!;b\r\n".encode()
    )

    result = cli("render", sheet, "--lines", "-o", "out", "--write-back", "done.csv")

    assert result.code == 0
    with (tmp_path / "done.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    assert list(rows[0]) == ["Situation", "Text", "id", "status", "duration", "file", "key"]
    assert [row["Situation"] for row in rows] == ["In the wood", "At sea"]
    assert [row["status"] for row in rows] == ["rendered", "rendered"]
    assert [row["file"] for row in rows] == ["lines/a.wav", "lines/b.wav"]
    assert all(0.3 < float(row["duration"]) < 5 for row in rows)
    assert all(len(row["key"]) >= 12 for row in rows)
    again = cli("render", tmp_path / "done.csv", "-o", "out", "--lines", "--json").json
    assert again["lines"]["cached"] == 2
    assert [output["name"] for output in again["outputs"]] == ["done.wav", "lines/a.wav", "lines/b.wav"]


@pytest.mark.parametrize(("manifest", "copy"), [("book.yaml", "done.csv"), ("game.csv", "game.csv")])
def test_only_a_sheet_can_come_back_and_only_as_a_copy(
    cli, book: Path, tmp_path: Path, manifest: str, copy: str
) -> None:
    (tmp_path / "game.csv").write_text("text\nHello.\n")

    result = cli("render", manifest, "--write-back", copy)

    assert result.code == 2
    assert "--write-back" in result.err
    assert not (tmp_path / "out").exists()


def test_a_sheet_named_by_a_manifest_comes_back(cli, tmp_path: Path) -> None:
    (tmp_path / "game.csv").write_text("text,note\nHello.,x\n")
    (tmp_path / "game.yaml").write_text("lines: game.csv\n")

    assert cli("render", "game.yaml", "--write-back", "done.csv").code == 0
    assert (tmp_path / "done.csv").read_text().startswith("text,note,status,duration,file,key\nHello.,x,rendered,")


@pytest.mark.parametrize("name", ["game.csv", "game.yaml", "game.srt", "-"])
def test_bytes_are_decoded_once(cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    made: list[str] = []

    def count(text: str, *rest: object) -> Decoded:
        made.append(text)
        return Decoded(text, *rest)

    monkeypatch.setattr("tts_cli.formats.decode.Decoded", count)
    sheet, cue = "text\nHello.\n", "1\n00:00:00,500 --> 00:00:02,500\nHello.\n"
    (tmp_path / "game.csv").write_text(sheet)
    (tmp_path / "game.srt").write_text(cue)
    (tmp_path / "game.yaml").write_text("lines: game.csv\n")
    wanted = () if name == "game.srt" else ("--write-back", "done.csv")

    result = cli("render", name, "--recipe", "default", *wanted, stdin=sheet.encode())

    assert result.code == 0, result.err
    assert [text for text in made if text in (sheet, cue)] == [cue if name == "game.srt" else sheet]
    assert (tmp_path / "done.csv").exists() == bool(wanted)


def test_a_recording_is_used_instead_of_an_engine(cli, tmp_path: Path, speech: Path) -> None:
    clip = speech / "2033-164914-0004.flac"
    (tmp_path / "mixed.yaml").write_text(
        f"lines:\n  - {{id: a, text: Spoken by a machine.}}\n  - {{id: b, text: By a person., audio: {clip}}}\n"
    )

    result = cli("render", "mixed.yaml", "-o", "out", "--lines", "--json")

    assert result.code == 0
    samples, rate = soundfile.read(tmp_path / "out" / "lines" / "b.wav")
    original = soundfile.info(clip)
    assert len(samples) / rate == pytest.approx(original.duration, abs=0.001)
    assert result.json["outputs"][0]["lufs"] == pytest.approx(-19, abs=0.3)


def test_a_line_that_fails_costs_that_line_only(cli, tmp_path: Path) -> None:
    (tmp_path / "book.yaml").write_text(
        "chapters:\n"
        "  - id: one\n    lines: [{id: a, text: This is fine.}, {id: b, text: ꠀ}]\n"
        "  - id: two\n    lines: [{id: c, text: This is fine too.}]\n"
    )

    result = cli("render", "book.yaml", "-o", "out", "--json")
    told = cli("render", "book.yaml", "-o", "out")

    assert result.code == 5
    assert result.json["status"] == "partial"
    assert lines_of(result) == {"total": 3, "rendered": 2, "cached": 0, "failed": 1, "waiting": 0}
    assert result.json["failures"][0]["line"] == "b"
    assert "nothing was spoken" in result.json["failures"][0]["error"]
    assert list(digests(tmp_path / "out")) == ["02-two.wav"]
    assert told.code == 5
    assert "book.yaml:3:" in told.err
    assert "01-one.wav still misses 1 line" in told.err


def test_a_damaged_take_is_rendered_anew_to_the_same_bytes(cli, book: Path, tmp_path: Path) -> None:
    cli("render", book, "-o", "out")
    before = digests(tmp_path / "out")
    for blob in (tmp_path / "cache" / "cas").glob("*/*.flac"):
        data = bytearray(blob.read_bytes())
        data[len(data) // 2] ^= 1
        blob.write_bytes(data)
    for master in (tmp_path / "out").glob("*.wav"):
        master.unlink()

    result = cli("render", book, "-o", "out", "--json")

    assert result.code == 0
    assert lines_of(result)["rendered"] == 5
    assert digests(tmp_path / "out") == before


def test_a_master_that_was_touched_is_made_again(cli, book: Path, tmp_path: Path) -> None:
    cli("render", book, "-o", "out")
    before = digests(tmp_path / "out")
    (tmp_path / "out" / "01-the-river-bank.wav").write_bytes(b"not audio")

    cli("render", book, "-o", "out")

    assert digests(tmp_path / "out") == before


def test_a_locked_line_is_never_rendered_again(cli, tmp_path: Path) -> None:
    manifest = tmp_path / "book.yaml"
    manifest.write_text("lines: [{id: a, lock: true, text: The first reading.}]\n")
    cli("render", manifest, "-o", "out")
    before = digests(tmp_path / "out")
    edit(manifest, "The first reading.", "Something else.")

    result = cli("render", manifest, "-o", "out", "--force", "--json")

    assert lines_of(result)["cached"] == 1
    assert digests(tmp_path / "out") == before


@pytest.mark.parametrize(
    "recipe",
    ["format: mp3", "format: flac\nchannels: 2", "format: opus\nsample_rate: 48000", "format: m4a", "split: programme"],
)
def test_recipes_decide_what_is_written(cli, book: Path, tmp_path: Path, recipe: str) -> None:
    (tmp_path / "mine.yaml").write_text(f"{recipe}\nloudness_lufs: -16\ntrue_peak_dbtp: -1\n")

    result = cli("render", book, "-o", "out", "--recipe", "mine.yaml", "--json")

    assert result.code == 0
    for output in result.json["outputs"]:
        assert Path(output["path"]).stat().st_size > 1000
        assert output["lufs"] == pytest.approx(-16, abs=0.3)
        assert output["true_peak_dbtp"] <= -1
    assert len(result.json["outputs"]) == (1 if "programme" in recipe else 2)


def test_a_link_out_of_the_folder_is_refused(cli, book: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out" / "lines").symlink_to(tmp_path / "elsewhere")

    result = cli("render", book, "-o", "out", "--lines")

    assert result.code == 5
    assert "leads elsewhere" in result.err
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_ctrl_c_keeps_the_takes_and_ends_soon(tmp_path: Path) -> None:
    sheet = tmp_path / "long.csv"
    sheet.write_text("text\n" + "".join(f"This is the line of number {n} of many.\n" for n in range(3000)))
    command = [sys.executable, "-m", "tts_cli", "render", str(sheet), "-o", str(tmp_path / "out")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    cache = tmp_path / "cache" / "ac"
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and len(list(cache.glob("*/*.json"))) < 20:
        time.sleep(0.05)

    process.send_signal(signal.SIGINT)
    started = time.monotonic()
    _, err = process.communicate(timeout=20)

    assert process.returncode == 130
    assert time.monotonic() - started < 10
    assert "finished takes are kept" in err
    assert len(list(cache.glob("*/*.json"))) >= 20
    assert not list((tmp_path / "out").glob("*.wav"))


def test_a_run_killed_in_the_middle_ends_the_same(cli, tmp_path: Path) -> None:
    sheet = tmp_path / "some.csv"
    sheet.write_text("text\n" + "".join(f"This is the line of number {n} of some.\n" for n in range(150)))
    cli("render", sheet, "-o", "undisturbed", "--cache", "other")
    command = [sys.executable, "-m", "tts_cli", "render", str(sheet), "-o", str(tmp_path / "out")]
    for wait_s in (0.9, 1.3):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(wait_s)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()

    result = cli("render", sheet, "-o", "out", "--json")

    assert result.code == 0
    assert digests(tmp_path / "out") == digests(tmp_path / "undisturbed")
