"""What goes into a file's head comes out of it again, and what does not is a failed check."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import mutagen.id3
import mutagen.mp4
import numpy as np
import pytest

from tts_cli.audio.io import outputs
from tts_cli.audio.io.cover import read_cover
from tts_cli.audio.io.ffmpeg import ffmpeg_path
from tts_cli.audio.io.id3 import Id3, write_id3

RECIPE = """\
split: programme
sample_rate: 22050
deliver:
  - {kind: programme, file: "{name}.m4b", bitrate_kbps: 64}
  - {kind: programme, file: "{name}.mp3", bitrate_kbps: 64}
"""
BOOK = """\
project: {title: 'Back\\', cover: cover.png, language: de}
defaults: {engine: tone}
chapters:
  - {id: a, title: 'Path C:\\', lines: [One is here.]}
  - {id: b, title: "x\\ry", lines: [Two is here.]}
  - {id: c, title: "\\t", lines: [Three is here.]}
"""


def picture(path: Path, size: str, *options: str) -> Path:
    argv = [ffmpeg_path(), "-v", "error", "-y", "-f", "lavfi", "-i", f"testsrc=s={size}", "-frames:v", "1"]
    subprocess.run([*argv, *options, str(path)], check=True)
    return path


PRINTED = (200, 30, 250, 220)
"""Cyan, magenta, yellow and black of a picture, turned round as files of print have them."""


def cmyk(path: Path) -> Path:
    """Make a JPEG of four components and one colour: no encoder at hand does."""
    quantised = b"\xff\xdb\x00\x43\x00" + bytes([8] * 64)
    frame = b"\xff\xc0\x00\x14\x08\x00\x40\x00\x40\x04" + b"".join(bytes([place, 0x11, 0]) for place in range(1, 5))
    # two codes for the first value of a block: 0 means as before, 10 that 7 bits follow; and one for its end
    codes = b"\xff\xc4\x00\x15\x00" + bytes([1, 1, *[0] * 14]) + b"\x00\x07"
    ends = b"\xff\xc4\x00\x14\x10" + bytes([1, *[0] * 15]) + b"\x00"
    scan = b"\xff\xda\x00\x0e\x04" + b"".join(bytes([place, 0]) for place in range(1, 5)) + b"\x00\x3f\x00"
    levels = [level - 128 for level in PRINTED]
    bits = "".join(f"10{level if level > 0 else level + 127:07b}0" for level in levels) + "00" * 4 * 63
    bits += "1" * (-len(bits) % 8)
    sound = bytes(int(bits[place : place + 8], 2) for place in range(0, len(bits), 8)).replace(b"\xff", b"\xff\x00")
    adobe = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00"
    path.write_bytes(b"\xff\xd8" + adobe + quantised + frame + codes + ends + scan + sound + b"\xff\xd9")
    return path


@pytest.fixture
def book(tmp_path: Path) -> Path:
    (tmp_path / "r.yaml").write_text(RECIPE)
    picture(tmp_path / "cover.png", "64x64")
    path = tmp_path / "book.yaml"
    path.write_text(BOOK)
    return path


def export(cli, book: Path):
    return cli("export", book, "--recipe", "r.yaml", "-o", "out")


def test_no_title_swallows_a_chapter(cli, book: Path, tmp_path: Path) -> None:
    result = export(cli, book)

    assert result.code == 0, result.err
    titles = ["Path C:\\", "x y", "c"]
    m4b = mutagen.mp4.MP4(tmp_path / "out" / "r" / "book.m4b")
    assert [chapter.title for chapter in m4b.chapters] == titles
    assert m4b["\xa9nam"] == ["Back\\"]
    mp3 = mutagen.id3.ID3(tmp_path / "out" / "r" / "book.mp3")
    assert [mark.sub_frames["TIT2"].text for mark in mp3.getall("CHAP")] == [[title] for title in titles]
    assert mp3.getall("COMM")[0].text[0].startswith("AI voice")


def test_what_does_not_read_back_fails_the_export(cli, book: Path, tmp_path: Path, monkeypatch) -> None:
    def forgetful(head: Id3) -> bytes:
        return write_id3(replace(head, chapters=head.chapters[:1], cover=b"", tags={**head.tags, "album": "?"}))

    with monkeypatch.context() as patched:
        patched.setattr(outputs, "write_id3", forgetful)
        result = export(cli, book)

    assert result.code == 6
    assert "book.mp3: read_back_chapters is 1 (chapter 2 reads nothing), not 3" in result.err
    assert "book.mp3: read_back_cover is 0 (there is none), not 1" in result.err
    assert "read_back_tags" in result.err
    assert "book.m4b:" not in result.err
    checks = json.loads((tmp_path / "out" / "r" / "export.json").read_text())["outputs"][1]["checks"]
    assert [check["name"] for check in checks] == [
        "read_back_chapters",
        "read_back_tags",
        "read_back_cover",
        "read_back_streams",
    ]

    # it is not kept
    assert export(cli, book).code == 0
    assert len(mutagen.id3.ID3(tmp_path / "out" / "r" / "book.mp3").getall("CHAP")) == 3


def test_a_length_that_is_not_what_went_in_fails(cli, book: Path, monkeypatch) -> None:
    from tts_cli.audio.meters import loudness

    measured = loudness.measure_blocks
    shorter = lambda *of: replace(found := measured(*of), frames=found.frames - 400)  # noqa: E731
    monkeypatch.setattr("tts_cli.audio.io.readback.measure_blocks", shorter)
    result = export(cli, book)
    assert result.code == 6
    assert "book.m4b: read_back_s is" in result.err


# --- covers ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.02, 0.5, 0.95])
@pytest.mark.parametrize("name", ["cover.png", "cover.jpg"])
def test_a_damaged_cover_is_found_before_any_work(cli, book: Path, name: str, share: float, tmp_path: Path) -> None:
    data = picture(tmp_path / name, "300x300").read_bytes()
    (tmp_path / name).write_bytes(data[: round(len(data) * share)])
    book.write_text(BOOK.replace("cover.png", name))

    result = cli("check", book)

    assert result.code == 3
    assert "book.yaml:1:" in result.err
    assert "damaged" in result.err


def test_a_cover_that_players_show_is_put_in_as_it_is(cli, book: Path, tmp_path: Path) -> None:
    result = export(cli, book)
    assert "cover" not in result.err
    cover = bytes(mutagen.mp4.MP4(tmp_path / "out" / "r" / "book.m4b")["covr"][0])
    assert cover == (tmp_path / "cover.png").read_bytes()


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("deep.png", ("64x64", "-pix_fmt", "rgb48be"), "of 16 bits a colour"),
        ("large.png", ("3001x600",), "3001 x 600 pixels large"),
        ("large.jpg", ("600x3001", "-pix_fmt", "yuvj420p"), "600 x 3001 pixels large"),
        ("print.jpg", (), "in CMYK"),
    ],
)
def test_other_covers_are_converted_and_it_is_said(cli, book: Path, name: str, options, said: str, tmp_path) -> None:
    before = picture(tmp_path / name, *options) if options else cmyk(tmp_path / name)
    book.write_text(BOOK.replace("cover.png", name))

    result = export(cli, book)

    assert result.code == 0, result.err
    assert f"notice: the cover is {said}" in result.err
    checked = cli("check", book).err
    assert f"{name} is {said}" in checked
    assert "warning: cover:" in checked
    [embedded] = mutagen.mp4.MP4(tmp_path / "out" / "r" / "book.m4b")["covr"]
    (tmp_path / "embedded").write_bytes(bytes(embedded))
    _, changes = read_cover(tmp_path / "embedded")
    assert not changes
    assert np.abs(pixels(tmp_path / "embedded") - pixels(before)).mean() < 4
    if not options:
        black = PRINTED[3] / 255
        assert pixels(tmp_path / "embedded")[:3] == pytest.approx([colour * black for colour in PRINTED[:3]], abs=4)
    assert bytes(mutagen.id3.ID3(tmp_path / "out" / "r" / "book.mp3").getall("APIC")[0].data) == bytes(embedded)


def pixels(path: Path) -> np.ndarray:
    """Return a picture made very small, in RGB."""
    argv = [
        ffmpeg_path(),
        "-v",
        "error",
        "-i",
        str(path),
        "-vf",
        "scale=16:16:flags=area,format=rgb24",
        "-f",
        "rawvideo",
        "-",
    ]
    said = subprocess.run(argv, capture_output=True, check=True).stdout
    return np.frombuffer(said, np.uint8).astype(float)
