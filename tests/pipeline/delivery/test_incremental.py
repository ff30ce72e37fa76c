"""What is written again and what is not; what a full disk or a kill leaves behind."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tts_cli.pipeline.delivery import aac_join as joins
from tts_cli.pipeline.delivery import audio_files as programmes
from tts_cli.pipeline.master.output_guard import INDEX_FILE

BOOK = """\
project: {title: A Book, author: Anon}
chapters:
  - {id: one, lines: ["The mole had been working very hard all the morning.", "Something called him."]}
  - {id: two, lines: ["Good morning, gentlemen.", "What a day this is."]}
  - {id: three, lines: ["He waited, with little paws folded."]}
"""
RECIPE = """\
format: mp3
split: chapter
true_peak_dbtp: -3
deliver:
  - {kind: programme, file: "{name}.m4b", bitrate_kbps: 96}
  - {kind: chapters, file: "{chapter}.mp3"}
"""


@pytest.fixture
def book(tmp_path: Path) -> Path:
    (tmp_path / "r.yaml").write_text(RECIPE)
    path = tmp_path / "book.yaml"
    path.write_text(BOOK)
    return path


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The titles of the timelines that are mastered, in any order."""
    titles: list[str] = []
    make_masters = programmes.make_masters

    def spy(timelines, outputs, *more, **named):
        titles.extend(timeline.title for timeline in timelines)
        return make_masters(timelines, outputs, *more, **named)

    monkeypatch.setattr(programmes, "make_masters", spy)
    monkeypatch.setattr(joins, "make_masters", spy)
    return titles


def export(cli, *more: str):
    result = cli("export", "book.yaml", "--recipe", "r.yaml", "-o", "out", *more)
    assert result.code == 0, result.err


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.m*[!n]")}


def test_one_edited_line_encodes_one_chapter_and_gives_the_bytes_of_a_fresh_export(
    cli, book: Path, tmp_path: Path, encoded: list[str]
) -> None:
    export(cli)
    before = digests(tmp_path / "out" / "r")
    assert sorted(encoded) == ["one", "three", "two"]
    encoded.clear()
    book.write_text(BOOK.replace("What a day this is.", "What a long and windy day this is, to be sure."))

    export(cli)

    assert encoded == ["two"]
    after = digests(tmp_path / "out" / "r")
    assert {name for name in after if after[name] != before[name]} == {"book.m4b", "two.mp3"}
    result = cli("export", "book.yaml", "--recipe", "r.yaml", "-o", "fresh")
    assert result.code == 0
    assert digests(tmp_path / "fresh" / "r") == after


def test_a_new_title_encodes_nothing_but_the_mp3s_heads(cli, book: Path, encoded: list[str], chapters_of) -> None:
    export(cli)
    encoded.clear()
    book.write_text(BOOK.replace("{id: two,", "{id: two, title: The Second,"))

    export(cli)

    assert encoded == ["The Second"]
    assert [title for *_, title in chapters_of(Path("out/r/book.m4b"))] == ["one", "The Second", "three"]


def test_chapters_in_another_order_are_joined_anew(cli, book: Path, encoded: list[str], tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(RECIPE.replace("  - {kind: chapters", "# "))
    export(cli)
    rows = BOOK.splitlines(keepends=True)
    book.write_text("".join([*rows[:2], rows[4], rows[3], rows[2]]))
    encoded.clear()

    export(cli)

    assert encoded == []
    again = digests(tmp_path / "out" / "r")["book.m4b"]
    cli("export", "book.yaml", "--recipe", "r.yaml", "-o", "fresh")
    assert digests(tmp_path / "fresh" / "r")["book.m4b"] == again


@pytest.mark.parametrize("damage", ["gone", "cut"])
def test_a_file_that_somebody_touched_is_made_anew(cli, book: Path, tmp_path: Path, damage: str) -> None:
    export(cli)
    before = digests(tmp_path / "out" / "r")
    path = tmp_path / "out" / "r" / "book.m4b"
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-2000])

    export(cli)

    assert digests(tmp_path / "out" / "r") == before
    paths = [output["path"] for output in json.loads(Path("out/r/export.json").read_text())["outputs"]]
    assert paths == ["book.m4b", "one.mp3", "two.mp3", "three.mp3"]


def test_an_encoder_whose_pieces_do_not_fit_runs_over_the_whole(
    cli, book: Path, encoded: list[str], monkeypatch: pytest.MonkeyPatch, decode, chapters_of
) -> None:
    monkeypatch.setattr(joins, "holds_frames", lambda path, pieces: False)

    export(cli)

    assert len(encoded) == 6  # each chapter, and then all of them in one pass
    path = Path("out/r/book.m4b")
    marks = chapters_of(path)
    assert len(marks) == 3
    # ffmpeg leaves out what the file's edit list says is lead-in, and what fills the last frame
    assert abs(decode(path).size - round(marks[-1][1] * 44_100)) <= 1024


def test_a_chapter_that_peaks_too_high_in_the_joined_file_is_written_again(
    cli, book: Path, encoded: list[str], monkeypatch: pytest.MonkeyPatch, loudness_of
) -> None:
    """As if an encoder raised peaks far more than it is expected to."""
    monkeypatch.setattr("tts_cli.pipeline.master.master.headroom_db", lambda recipe: -1.0)
    text = RECIPE.replace("  - {kind: chapters", "# ").replace("format:", "loudness_lufs: -14\nformat:")
    Path("r.yaml").write_text(text)

    export(cli)

    assert len(encoded) > 3
    assert loudness_of(Path("out/r/book.m4b"))[1] <= -2.95


def start(*more: str) -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-m", "tts_cli", "export", "book.yaml", "--recipe", "r.yaml", "-o", "out", *more]
    return subprocess.Popen(argv, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, process_group=0)


def test_a_kill_in_the_middle_leaves_no_half_file_and_is_made_good(cli, book: Path, tmp_path: Path) -> None:
    out = tmp_path / "out" / "r"
    long = BOOK.replace("Good morning, gentlemen.", "Good morning, gentlemen. " * 40)
    book.write_text(long)
    process = start()
    deadline = time.monotonic() + 60
    while not list(out.glob(".two.mp3.*.part")) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()

    left = {path.name for path in out.iterdir()}
    assert any(name.startswith(".") for name in left)
    assert "two.mp3" not in left
    assert "book.m4b" not in left
    done = {path.name: path.stat().st_mtime_ns for path in out.glob("*.mp3")}
    for name in done:
        soundfile.read(out / name)
    export(cli)
    assert [path.name for path in out.iterdir() if path.name.startswith(".")] == [INDEX_FILE]
    assert {"one.mp3", "two.mp3", "three.mp3", "book.m4b"} <= {path.name for path in out.iterdir()}


def test_an_export_that_was_killed_goes_on_where_it_was(
    cli, book: Path, tmp_path: Path, encoded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed while it described the last file: what was finished before is not written again."""
    (tmp_path / "r.yaml").write_text(RECIPE.replace("  - {kind: programme", "# "))
    with monkeypatch.context() as patch:
        patch.setattr("tts_cli.pipeline.export.make_export_report", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            cli("export", "book.yaml", "--recipe", "r.yaml", "-o", "out")
    assert sorted(encoded) == ["one", "three", "two"]
    (tmp_path / "out" / "r" / "three.mp3").unlink()
    before = digests(tmp_path / "out" / "r")
    stamps = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out" / "r").glob("*.mp3")}
    with (tmp_path / "out" / "r" / ".tts-cli-resume.jsonl").open("ab") as file:
        file.write(b'{"path": "torn')

    export(cli)

    now = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out" / "r").glob("*.mp3")}
    assert {name for name in now if now[name] != stamps.get(name)} == {"three.mp3"}
    assert digests(tmp_path / "out" / "r").items() >= before.items()
    assert not (tmp_path / "out" / "r" / ".tts-cli-resume.jsonl").exists()


def test_chapters_that_begin_at_once_are_not_joined(
    cli, book: Path, tmp_path: Path, encoded: list[str], decode
) -> None:
    """The encoder's first frame needs silence to stand for; without, one encoder runs over everything."""
    text = RECIPE.replace("format:", "head_s: 0\ntail_s: 0.3\nformat:")
    (tmp_path / "r.yaml").write_text(text.replace("deliver:", 'deliver:\n  - {kind: programme, file: "{name}.wav"}'))

    export(cli)

    assert len(encoded) == 9  # the chapters' mp3s, and all chapters for the m4b and for the wav
    m4b, wav = (decode(tmp_path / "out" / "r" / f"book.{suffix}") for suffix in ("m4b", "wav"))
    size = min(m4b.size, wav.size)
    assert float(m4b[:size] @ wav[:size]) > 0.98 * float(np.linalg.norm(m4b[:size]) * np.linalg.norm(wav[:size]))


def test_a_chapter_that_is_gone_is_named(cli, book: Path) -> None:
    export(cli)
    book.write_text("".join(BOOK.splitlines(keepends=True)[:-1]))

    result = cli("export", "book.yaml", "--recipe", "r.yaml", "-o", "out")

    assert "left from an earlier export: out/r/three.mp3" in result.err


def test_names_that_would_be_one_file_are_refused(cli, book: Path, tmp_path: Path) -> None:
    book.write_text(BOOK.replace("{id: two,", "{id: O ne,").replace("{id: three,", "{id: O-ne,"))

    result = cli("export", "book.yaml", "--recipe", "r.yaml", "-o", "out")

    assert result.code == 2
    assert "several files would be called 'O-ne.mp3'" in result.err


def test_a_line_that_fails_leaves_its_chapter_out(cli, book: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.wav").write_bytes(b"no sound")
    book.write_text(BOOK.replace('["Good morning, gentlemen.",', "[{text: x, audio: broken.wav},"))

    result = cli("export", "book.yaml", "--recipe", "r.yaml", "-o", "out", "--json")

    assert result.code == 5
    [report] = result.json["exports"]
    assert (report["status"], report["missing"]) == ("partial", 1)
    assert [output["name"] for output in report["outputs"]] == ["one.mp3", "three.mp3"]
    assert "broken.wav" in report["failures"][0]["error"]


def test_ctrl_c_ends_it_soon_and_leaves_no_half_file(cli, book: Path, tmp_path: Path) -> None:
    book.write_text(BOOK.replace("Good morning, gentlemen.", "Good morning, gentlemen. " * 200))
    cli("render", book, "-o", "takes", "--recipe", "broadcast")
    process = start()
    deadline = time.monotonic() + 60
    while not list((tmp_path / "out" / "r").glob(".two.mp3.*.part")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)

    assert process.returncode == 130, said
    assert b"finished files are kept" in said
    assert b"Traceback" not in said
    left = {path.name for path in (tmp_path / "out" / "r").iterdir()}
    assert not {"two.mp3", "book.m4b"} & left
    assert not [name for name in left if name.endswith(".part") or name.startswith(".parts-")]


def test_a_full_disk_is_an_error_and_leaves_what_was_there(cli, book: Path, tmp_path: Path) -> None:
    export(cli)
    before = digests(tmp_path / "out" / "r")
    book.write_text(BOOK.replace("Good morning, gentlemen.", "Good morning, gentlemen. " * 40))
    cli("render", book, "-o", "takes")
    limit = (
        "import resource, sys\nresource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))\n"
        "from tts_cli.cli.app import main\nsys.argv[0] = 'tts-cli'\nmain()\n"
    )
    argv = [sys.executable, "-c", limit, "export", "book.yaml", "--recipe", "r.yaml", "-o", "out"]

    result = subprocess.run(argv, capture_output=True, text=True, check=False)

    assert result.returncode == 5, result.stderr
    assert "cannot be written" in result.stderr
    after = digests(tmp_path / "out" / "r")
    assert after["two.mp3"] == before["two.mp3"]
    assert after["book.m4b"] == before["book.m4b"]
    assert [path.name for path in (tmp_path / "out" / "r").iterdir() if path.name.startswith(".")] == [INDEX_FILE]
