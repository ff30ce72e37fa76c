"""Whatever is run in a folder of inputs, and told to write into it, leaves every input as it was."""

import hashlib
import json
import os
from pathlib import Path

import pytest

TONE = "defaults: {engine: tone, params: {char_ms: 5}}\n"
LINES = f"{TONE}lines:\n  - {{id: a, text: Hello there.}}\n  - {{id: b, text: Go away.}}\n"
CUES = "1\n00:00:00,500 --> 00:00:02,000\nHello there.\n"
IDENTICAL = {"id": "book", "text": "Hello"}


def fill(clips: Path) -> None:
    """Lay out a folder in which nearly every output has the name of an input."""
    clip, other = (clips / "ann.wav").read_bytes(), (clips / "bob.wav").read_bytes()
    Path("take.wav").write_bytes(clip)
    Path("take.yaml").write_text("lines:\n  - {id: a, audio: take.wav, text: The fox.}\n  - Hello there.\n")
    Path("dub.srt").write_text(CUES)
    Path("film.dub.srt").write_text(CUES)
    Path("book.yaml").write_text(f"include: cast.yaml\n{LINES}")
    Path("cast.yaml").write_text("emotions: {giddy: {like: happy}}\n")
    Path("timeline.json").write_text(json.dumps({"mine": 1}))
    Path("sheet.csv").write_text("id,text,engine\na,Hello.,tone\n")
    Path("lines").mkdir()
    Path("lines/a.wav").write_bytes(other)
    Path("own.yaml").write_text(f"{TONE}lines:\n  - {{id: a, audio: lines/a.wav, text: Hello.}}\n")
    Path("two").mkdir()
    os.link("take.wav", "two/take.wav")
    Path("three").mkdir()
    Path("three/take.wav").symlink_to(Path("take.wav").resolve())


def hashes() -> dict[str, str]:
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(Path().rglob("*"))
        if path.is_file() and not {"cache", "home"} & set(path.parts)
    }


@pytest.mark.parametrize(
    "command",
    [
        "render take.yaml -o .",
        "render take.yaml -o . --overwrite",
        "render take.yaml -o two",
        "render take.yaml -o three",
        "render dub.srt -o .",
        "render film.dub.srt -o . --overwrite",
        "render book.yaml -o .",
        "render own.yaml -o . --lines --overwrite",
        "render sheet.csv -o out --write-back sheet.csv",
        "render sheet.csv -o out --write-back book.yaml",
        "render sheet.csv -o out --events take.yaml",
        "voices pack ./voices/ann -o take.wav",
    ],
)
def test_an_input_or_a_strangers_file_stops_a_run_before_any_work(cli, clips: Path, command: str) -> None:
    fill(clips)
    before = hashes()
    result = cli(*command.split())
    assert result.code in (2, 3), result.err
    assert hashes() == before
    assert not Path("cache").exists()


@pytest.mark.parametrize(
    "command",
    [
        "export take.yaml --recipe broadcast -o .",
        "export book.yaml --recipe game-lines -o .",
        "export dub.srt --recipe dub --bed take.wav -o .",
        "check book.yaml",
        "report .",
        "voices audition en-gb --engine espeak --emotion happy -o .",
    ],
)
def test_no_command_touches_a_file_that_was_there(cli, clips: Path, command: str) -> None:
    fill(clips)
    before = hashes()
    cli(*command.split())
    after = hashes()
    assert {name: after.get(name) for name in before} == before


def test_a_name_in_other_letters_is_the_same_file_elsewhere(cli, clips: Path) -> None:
    fill(clips)
    Path("Own.wav").write_bytes((clips / "ann.wav").read_bytes())
    Path("own.yaml").write_text("lines:\n  - {id: a, audio: Own.wav, text: Hello.}\n")
    result = cli("render", "own.yaml", "-o", ".")
    assert result.code == 2
    assert "its own input Own.wav (as own.wav)" in result.err


def test_a_strangers_files_are_named_all_at_once_and_replaced_with_overwrite(cli) -> None:
    Path("book.yaml").write_text(LINES)
    Path("out/lines").mkdir(parents=True)
    for name in ("book.wav", "lines/a.wav"):
        Path("out", name).write_bytes(b"theirs")
    refused = cli("render", "book.yaml", "-o", "out", "--lines")
    assert refused.code == 2
    assert "out/book.wav, out/lines/a.wav" in refused.err
    assert "--overwrite" in refused.err
    assert cli("render", "book.yaml", "-o", "out", "--lines", "--dry-run").code == 2
    assert cli("render", "book.yaml", "-o", "out", "--lines", "--overwrite").code == 0
    assert Path("out/book.wav").read_bytes() != b"theirs"
    # From now on they are ours, also what a run in between did not write.
    assert cli("render", "book.yaml", "-o", "out").code == 0
    assert cli("render", "book.yaml", "-o", "out", "--lines", "--force").code == 0


def test_the_copy_of_a_sheet_is_ours_the_second_time_and_another_file_is_not(cli) -> None:
    Path("sheet.csv").write_text("id,text,engine\na,Hello.,tone\n")
    Path("notes.csv").write_text("mine\n")
    for _ in range(2):
        assert cli("render", "sheet.csv", "--write-back", "done.csv").code == 0
    refused = cli("render", "sheet.csv", "--write-back", "notes.csv")
    assert (refused.code, Path("notes.csv").read_text()) == (2, "mine\n")
    assert cli("render", "sheet.csv", "--write-back", "notes.csv", "--overwrite").code == 0
    assert "status" in Path("notes.csv").read_text()


def test_events_are_added_to_events_alone(cli) -> None:
    Path("book.yaml").write_text(LINES)
    Path("notes.txt").write_text("mine\n")
    refused = cli("render", "book.yaml", "--events", "notes.txt")
    assert (refused.code, Path("notes.txt").read_text()) == (2, "mine\n")
    for _ in range(2):
        assert cli("render", "book.yaml", "--events", "events.jsonl").code == 0
    assert Path("events.jsonl").read_text().count('"begin"') == 2


def test_a_page_replaces_nothing_but_a_page(cli) -> None:
    Path("book.yaml").write_text(LINES)
    assert cli("render", "book.yaml", "-o", "out").code == 0
    Path("notes.html").write_text("mine")
    for option, name in (("-o", "notes.html"), ("-o", "out/book.wav"), ("--junit", "book.yaml")):
        before = Path(name).read_bytes()
        assert cli("report", "out", option, name).code == 2
        assert Path(name).read_bytes() == before
    for _ in range(2):
        assert cli("report", "out", "-o", "page.html", "--junit", "junit.xml").code == 0
    assert cli("report", "out", "-o", "notes.html", "--overwrite").code == 0
