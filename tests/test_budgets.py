"""Each reader gets a megabyte of what is worst for it, and has ten seconds and 500 MB for an answer."""

import contextlib
import struct
from pathlib import Path

import pytest
from mutations import bounded, little_memory

from tts_cli import api
from tts_cli.errors import InputError, MarkupError
from tts_cli.formats.pictures import picture_fault
from tts_cli.settings import load_settings
from tts_cli.text.captions import CaptionRules, split_captions
from tts_cli.text.markup import display_text
from tts_cli.text.script import make_parts
from tts_cli.voices.archive import TooManyMembersError, open_archive
from tts_cli.voices.pack import BadPackError, read_pack
from tts_cli.voices.pt_file import BadStateError, read_pt
from tts_cli.voices.safetensors_file import read_safetensors

MEGABYTE = 1 << 20


def fill(piece: str) -> str:
    return piece * (MEGABYTE // len(piece.encode()))


CUE = "1\n00:00:01,000 --> 00:00:02,000\n"
FILES = {
    "yaml": [
        *(
            "[",
            "{",
            "- ",
            "- [",
            "? ",
            "&a ",
            "*a ",
            "!x ",
            "a: ",
            "'",
            '"',
            "|\n",
            "\n",
            "#",
            "- - ",
            "{a: ",
            "\\",
            ": ",
        ),
        *("- &a [*a]\n", "<<: *a\n", "%", "---\n", "...\n", "- ''\n", "\t"),
    ],
    "csv": [",", ";", '"', "\n", "a,", '""', '"a"\n', "\r", "\t", " ", "=1,", "text\n"],
    "json": ["[", "{", '"', '{"a":', "\\", "\\ud83d", "1,", "[1,", "null,"],
    "srt": [
        CUE,
        "-->",
        "\n",
        "1\n",
        " ",
        "<v ",
        "<",
        "{",
        "{\\",
        "[",
        "(",
        "♪",
        "- ",
        "&",
        "A:",
        "00:",
        "<b>",
        "[pause:",
    ],
    "vtt": ["WEBVTT\n", "NOTE ", "\n\n", "<v ", "<v a>", "<c.", "<1", "-->", "00:01.000 --> ", "&#1;", "{\\p1", " "],
    "ass": ["[Events]\n", "Dialogue: ", ",", "{\\p1}", "{", "\\N", "Format: ", ", ", ":", "0:00:01.00,"],
}
HEADS = {
    "yaml": ["", "lines:\n  - ", "lines:\n  - text: '", "project: {title: ", "lines: [{text: "],
    "csv": ["", "text,speaker\n"],
    "json": ["", '{"lines": [{"text": "'],
    "srt": ["", CUE, "1\n"],
    "vtt": ["", "WEBVTT\n\n00:01.000 --> 00:02.000\n"],
    "ass": ["", "[Events]\nFormat: Start, End, Name, Text\nDialogue: 0:00:01.00,0:00:02.00,,"],
}


# A megabyte of these is hundreds of thousands of sound lines, which have a right to their time.
LINES = ("text\n", "1\n")


@pytest.mark.parametrize("every_head", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", FILES)
def test_scripts(kind: str, every_head: bool) -> None:
    settings, path = load_settings(), Path(f"x.{kind}")
    for head in HEADS[kind] if every_head else HEADS[kind][-1:]:
        for piece in FILES[kind]:
            path.write_text(head + fill(piece)[: MEGABYTE // 4 if piece in LINES else MEGABYTE])
            with bounded(), little_memory(), contextlib.suppress(InputError):
                api.check(str(path), settings=settings)


@pytest.mark.parametrize(
    "piece",
    [
        " ",
        "\n",
        ".",
        "!",
        "a",
        "a ",
        ". ",
        "[pause:",
        "[break]",
        "[",
        "«",
        " »",
        "e\u0301",
        "\U0001f468\u200d",
        "ก",
        "。",
        "-",
        ",",
        "'",
    ],
)
def test_texts(piece: str) -> None:
    text = piece * (MEGABYTE // 4 // len(piece.encode()))
    with bounded(), little_memory():
        display_text(text)
        split_captions(text, CaptionRules())
        with contextlib.suppress(MarkupError):
            make_parts(text, 200, 400)


def entries(count: int, name: bytes) -> bytes:
    """A zip archive that lists one small member very often."""
    local = b"PK\x03\x04" + struct.pack("<HHHHHIIIHH", 20, 0, 0, 0, 33, 0, 0, 0, len(name), 0) + name
    fields = (20, 20, 0, 0, 0, 33, 0, 0, 0, len(name), 0, 0, 0, 0, 0, 0)
    listed = (b"PK\x01\x02" + struct.pack("<HHHHHHIIIHHHHHII", *fields) + name) * count
    end64 = b"PK\x06\x06" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, count, count, len(listed), len(local))
    end64 += b"PK\x06\x07" + struct.pack("<IQI", 0, len(local) + len(listed), 1)
    return (
        local + listed + end64 + b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 0xFFFF, 0xFFFF, 2**32 - 1, 2**32 - 1, 0)
    )


def test_an_archive_of_a_million_members_is_counted_before_it_is_parsed() -> None:
    data = entries(1_200_000, b"x/a")
    assert len(data) < 64 * MEGABYTE
    with bounded(), little_memory(100):
        with pytest.raises(BadPackError, match="more than 200 files"):
            read_pack(data)
        with pytest.raises(BadStateError, match="more than 10,000 files"):
            read_pt(data)
        with pytest.raises(TooManyMembersError):
            open_archive(entries(3, b"x/a"), 2, (0,))


@pytest.mark.parametrize("start", [b"", b"PK\x03\x04", b"PK\x05\x06", b"\xff\xff\x0f\x00\x00\x00\x00\x00{", b"\0" * 8])
@pytest.mark.parametrize("piece", [b"\0", b"PK\x01\x02", b"PK\x05\x06", b"[", b'{"a":', b"\xff", b"("])
def test_states_and_packs(start: bytes, piece: bytes) -> None:
    data = start + piece * (MEGABYTE // len(piece))
    for read in (read_pack, read_pt, read_safetensors):
        with bounded(), little_memory(), pytest.raises((BadPackError, BadStateError)):
            read(data)


def test_a_picture_of_hundreds_of_megabytes_is_refused_by_its_size(tmp_path: Path) -> None:
    path = tmp_path / "cover.jpg"
    with path.open("wb") as file:
        file.write(b"\xff\xd8\xff")
        file.truncate(300 * MEGABYTE)
    with little_memory(50):
        assert "larger than" in picture_fault(path)


def test_a_cue_of_a_hundred_hours_is_refused_before_any_work(cli) -> None:
    Path("main.vtt").write_text("WEBVTT\n\n00:00:00.000 --> 99:59:59,999\nhello there\n")
    Path("long.vtt").write_text("WEBVTT\n\n00:00:00.000 --> 03:00:00.000\nhello there\n")

    result = cli("render", "main.vtt", "-o", "o")

    assert result.code == 3
    assert "main.vtt:3:18: error: end: 100.0 hours after the beginning" in result.err
    assert "3.0 hours after its start" in cli("check", "long.vtt").err
    assert not Path("o").exists()


def test_a_disk_without_room_is_found_before_a_master_is_written(cli, monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil

    usage = shutil.disk_usage(".")
    Path("a.yaml").write_text("defaults: {engine: tone}\nlines: [hi]\n")
    monkeypatch.setattr("tts_cli.audio.io.files.shutil.disk_usage", lambda _: usage._replace(free=10))

    result = cli("render", "a.yaml", "-o", "o")

    assert result.code == 5
    assert "has 0.0 MB free, and 0." in result.err
    assert not list(Path("o").glob("*.wav"))
