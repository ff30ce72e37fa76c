"""The audiobook recipe, judged on its files by tools that are not ours: mutagen, ffmpeg, pyloudnorm, libsndfile."""

import hashlib
import json
import subprocess
from pathlib import Path

import mutagen.id3
import mutagen.mp4
import numpy as np
import pyloudnorm
import pytest
import soundfile

from tts_cli.audio.io.ffmpeg import ffmpeg_path

NAME = "der-fluß-und-andere-wege"
BOOK = """\
project:
  title: "Der Fluß; und = andere # Wege"
  author: Änne Öhm
  narrator: 朗読 太郎
  opening: A book about a river.
  series: River Tales
  year: "1908"
  cover: art/cover.png
speakers: {narrator: {voice: en-gb}, mole: {voice: f3}}
chapters:
  - id: bank
    title: "Das Ufer - 岸; a=b #1"
    lines:
      - {id: n1, speaker: narrator, text: "The mole had been working very hard all the morning."}
      - {id: m1, speaker: mole, text: "Up we go!"}
  - id: wood
    title: Second
    lines: [{id: n2, speaker: narrator, text: "Something up above was calling him."}]
  - id: open
    lines: [{id: m2, speaker: mole, text: "Good morning, gentlemen. What a day this is."}]
"""


@pytest.fixture
def book(tmp_path: Path) -> Path:
    (tmp_path / "art").mkdir()
    argv = [ffmpeg_path(), "-v", "error", "-f", "lavfi", "-i", "color=red:s=64x64", "-frames:v", "1"]
    subprocess.run([*argv, str(tmp_path / "art" / "cover.png")], check=True)
    path = tmp_path / "book.yaml"
    path.write_text(BOOK, encoding="utf-8")
    return path


@pytest.fixture
def shipped(cli, book: Path, tmp_path: Path) -> Path:
    result = cli("export", book, "--recipe", "audiobook", "-o", "out")
    assert result.code == 0, result.err
    return tmp_path / "out" / "audiobook"


def test_the_m4b_is_its_timeline_to_the_sample(shipped: Path, decode, chapters_of) -> None:
    """Every chapter begins in the m4b where its mark says, and sounds there as it does in its own mp3."""
    whole = decode(shipped / f"{NAME}.m4b")
    marks = chapters_of(shipped / f"{NAME}.m4b")
    assert [title for _, _, title in marks] == [
        "Opening Credits",
        "Das Ufer - 岸; a=b #1",
        "Second",
        "open",
        "Closing Credits",
    ]
    assert marks[0][0] == 0
    assert round(marks[-1][1] * 44_100) == whole.size
    for (start, end, _), path in zip(marks, sorted((shipped / "chapters").glob("*.mp3")), strict=True):
        alone, _ = soundfile.read(path, dtype="float32")
        first, last = round(start * 44_100), round(end * 44_100)
        assert first % 1024 == 0
        inside = whole[first:last]
        assert abs(alone.size - inside.size) < 64
        frames = min(alone.size, inside.size) - 200
        lags = {lag: float(alone[100:frames] @ inside[100 + lag : frames + lag]) for lag in range(-40, 41)}
        assert max(lags, key=lambda lag: lags[lag]) == 0
        assert lags[0] > 0.98 * float(np.linalg.norm(alone[100:frames]) * np.linalg.norm(inside[100:frames]))


def test_tags_cover_and_titles_read_back(shipped: Path, tmp_path: Path) -> None:
    cover = (tmp_path / "art" / "cover.png").read_bytes()
    book = mutagen.mp4.MP4(shipped / f"{NAME}.m4b")
    assert book["\xa9nam"] == book["\xa9alb"] == ["Der Fluß; und = andere # Wege"]
    assert (book["\xa9ART"], book["\xa9wrt"], book["\xa9grp"]) == (["Änne Öhm"], ["朗読 太郎"], ["River Tales"])
    assert book["\xa9day"] == ["1908"]
    assert "AI voice" in book["\xa9cmt"][0]
    assert book["stik"] == [2]
    assert bytes(book["covr"][0]) == cover

    [_, first, second, *_] = [mutagen.id3.ID3(path) for path in sorted((shipped / "chapters").glob("*.mp3"))]
    assert first["TIT2"].text == ["Das Ufer - 岸; a=b #1"]
    assert (first["TALB"].text, first["TPE1"].text) == (["Der Fluß; und = andere # Wege"], ["Änne Öhm"])
    assert (first["TRCK"].text, second["TRCK"].text) == (["2/5"], ["3/5"])
    assert first.getall("APIC")[0].data == cover
    assert [mark.sub_frames["TIT2"].text for mark in first.getall("CHAP")] == [["Das Ufer - 岸; a=b #1"]]


def test_the_files_measure_what_the_sidecar_says(shipped: Path, decode) -> None:
    files = [shipped / f"{NAME}.m4b", shipped / f"{NAME}-sample.mp3", *(shipped / "chapters").glob("*.mp3")]
    assert len(files) == 7
    for path in files:
        said = json.loads(path.with_name(f"{path.name}.json").read_text())
        samples = decode(path)
        measured = pyloudnorm.Meter(44_100).integrated_loudness(samples.astype(np.float64))
        assert abs(measured - -19) < 0.5
        assert abs(said["measures"]["lufs"] - measured) < 0.2
        assert abs(said["measures"]["rms_db"] - 10 * np.log10(np.mean(samples.astype(np.float64) ** 2))) < 0.05
        assert said["measures"]["peak_dbfs"] == pytest.approx(20 * np.log10(np.abs(samples).max()), abs=0.05)
        assert said["measures"]["true_peak_dbtp"] <= -3
        assert said["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        assert {(voice["engine"], voice["label"]) for voice in said["voices"]} == {("espeak", "AI voice")}


def test_a_render_gives_the_same_bytes_as_its_manifest(cli, book: Path, tmp_path: Path) -> None:
    (tmp_path / "plain.yaml").write_text(
        "split: chapter\nloudness_lufs: -20\nhead_s: 0.25\ndeliver:\n  - {kind: programme, file: '{name}.m4a'}\n"
    )
    cli("export", book, "--recipe", "plain.yaml", "-o", "out")
    cli("render", book, "-o", "rendered", "--recipe", "broadcast")

    result = cli("export", "rendered", "--recipe", "plain.yaml", "--recipe", "audiobook", "--json")

    assert result.code == 0, result.err
    expected = (tmp_path / "out" / "plain" / "book.m4a").read_bytes()
    assert (tmp_path / "rendered" / "plain" / "book.m4a").read_bytes() == expected
    assert "no credits" in result.json["exports"][1]["notices"][0]


def test_lines_without_chapters_stand_between_the_credits(cli, tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(
        "format: mp3\nopening: '{title}.'\nclosing: The end.\ndeliver:\n"
        "  - {kind: chapters, file: '{number}-{chapter}.mp3'}\n  - {kind: subtitles, file: '{number}-{chapter}.ass'}\n"
    )
    (tmp_path / "short.csv").write_text("text\nHello there.\n")

    assert cli("export", "short.csv", "--recipe", "r.yaml", "-o", "out").code == 0

    names = ["01-opening-credits", "02-short", "03-closing-credits"]
    assert sorted(path.stem for path in (tmp_path / "out" / "r").glob("*.mp3")) == names
    assert sorted(path.stem for path in (tmp_path / "out" / "r").glob("*.ass")) == names
    assert "Hello there." in (tmp_path / "out" / "r" / "02-short.ass").read_text()


def test_a_second_export_writes_nothing(cli, book: Path, shipped: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in shipped.rglob("*.m*")}

    cli("export", book, "--recipe", "audiobook", "-o", "out")

    assert {path: path.stat().st_mtime_ns for path in shipped.rglob("*.m*")} == before


def test_a_requirement_that_is_not_met_is_exit_6(cli, book: Path, tmp_path: Path) -> None:
    (tmp_path / "strict.yaml").write_text(
        "split: chapter\ndeliver:\n"
        "  - {kind: chapters, file: '{number}.mp3', require: {seconds: ..1, lufs: -20..-18}}\n"
    )

    result = cli("export", book, "--recipe", "strict.yaml", "-o", "out")

    assert result.code == 6
    assert "01.mp3: seconds is" in result.err
    assert "lufs" not in result.err
    report = json.loads((tmp_path / "out" / "strict" / "export.json").read_text())
    assert report["status"] == "failed"
    assert [check["passed"] for check in report["outputs"][0]["checks"]] == [False, True]


def test_what_delivers_nothing_or_does_not_exist_is_said(cli, book: Path) -> None:
    assert cli("export", book).code == 2
    assert cli("export", book, "--recipe", "default").code == 2
    assert cli("export", book, "--recipe", "audiobok").code == 3
    assert cli("export", "nowhere.yaml", "--recipe", "audiobook").code == 3
    listed = cli("export", "--list", "--json").json
    assert "audiobook" in [recipe["name"] for recipe in listed["recipes"]]


@pytest.mark.parametrize("content", [b"GIF89a", None])
def test_a_bad_cover_is_found_before_any_work(cli, book: Path, tmp_path: Path, content: bytes | None) -> None:
    cover = tmp_path / "art" / "cover.png"
    cover.write_bytes(content) if content else cover.unlink()

    result = cli("export", book, "--recipe", "audiobook")

    assert result.code == 3
    assert "book.yaml:8:10: error: cover:" in result.err


def test_credits_and_sample(cli, book: Path, shipped: Path, decode) -> None:
    """The script's own words win over the recipe's, which leave out what nobody filled in."""
    assert json.loads((shipped / "export.json").read_text())["status"] == "ok"
    lengths = [decode(path).size for path in sorted((shipped / "chapters").glob("*.mp3"))]
    assert [path.stem for path in sorted((shipped / "chapters").glob("*-*-*.mp3"))] == [
        "01-opening-credits",
        "05-closing-credits",
    ]
    assert lengths[0] < lengths[-1]  # "A book about a river" against all that the recipe says
    assert lengths[1] < decode(shipped / f"{NAME}-sample.mp3").size < sum(lengths[1:-1])
