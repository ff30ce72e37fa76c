"""Podcast, broadcast and web: levels by ffmpeg's ebur128, on the engine's speech and on real speech."""

import base64
import subprocess
from pathlib import Path
from typing import NamedTuple

import mutagen
import mutagen.flac
import mutagen.id3
import pytest

from tts_cli.audio.io.ffmpeg import ffmpeg_path

BOOK = """\
project: {title: A Talk}
chapters:
  - {id: one, title: The First, lines: ["The mole had been working very hard all the morning.", "Up above it called."]}
  - {id: two, title: The Second, lines: ["Good morning, gentlemen. What a day this is, to be sure."]}
"""


class Target(NamedTuple):
    """What a recipe promises of one of its files."""

    recipe: str
    suffix: str
    channels: int
    lufs: float
    slack: float
    peak: float


TARGETS = [
    Target("podcast", "mp3", 2, -16, 0.5, -1),
    Target("podcast", "m4a", 2, -16, 0.5, -1),
    Target("podcast-mono", "mp3", 1, -19, 0.5, -1),
    Target("broadcast", "wav", 1, -23, 0.2, -1),
    Target("broadcast-us", "wav", 1, -24, 0.5, -2),
    Target("web", "opus", 1, -16, 0.5, -1),
    Target("audiobook", "m4b", 1, -19, 0.5, -3),
    Target("audiobook-opus", "mka", 1, -19, 0.5, -2),
    Target("game-lines", "wav", 1, -23, 0.5, -1),
]


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: f"{target.recipe}-{target.suffix}")
def test_levels_of_the_engine(cli, tmp_path: Path, loudness_of, target: Target) -> None:
    (tmp_path / "talk.yaml").write_text(BOOK)

    assert cli("export", "talk.yaml", "--recipe", target.recipe, "-o", "out").code == 0

    path = file_of(target, tmp_path)
    check(path, target, loudness_of)
    if target.suffix != "mka":  # which mutagen does not read
        assert mutagen.File(path).info.channels == target.channels


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: f"{target.recipe}-{target.suffix}")
def test_levels_of_real_speech(cli, real_book: Path, tmp_path: Path, loudness_of, target: Target) -> None:
    assert cli("export", real_book, "--recipe", target.recipe, "-o", "out").code == 0

    check(file_of(target, tmp_path), target, loudness_of)


def file_of(target: Target, folder: Path) -> Path:
    [path] = (folder / "out" / target.recipe).glob(f"*.{target.suffix}")
    return path


def check(path: Path, target: Target, loudness_of) -> None:
    lufs, true_peak = loudness_of(path, target.channels)
    assert abs(lufs - target.lufs) <= target.slack
    assert true_peak <= target.peak + 0.05  # it is told to a tenth


def test_a_programme_has_its_chapters_inside(cli, tmp_path: Path, chapters_of) -> None:
    (tmp_path / "talk.yaml").write_text(BOOK)

    cli("export", "talk.yaml", "--recipe", "podcast", "-o", "out")

    exact = chapters_of(tmp_path / "out" / "podcast" / "talk.m4a")
    assert [title for *_, title in exact] == ["The First", "The Second"]
    marks = mutagen.id3.ID3(tmp_path / "out" / "podcast" / "talk.mp3").getall("CHAP")
    assert [mark.sub_frames["TIT2"].text[0] for mark in marks] == ["The First", "The Second"]
    assert [mark.start_time / 1000 for mark in marks] == pytest.approx([start for start, *_ in exact], abs=0.001)
    assert marks[0].start_time == 0


def test_opus_in_matroska_and_flac_have_chapters_of_their_own(cli, tmp_path: Path, chapters_of, decode) -> None:
    (tmp_path / "talk.yaml").write_text(BOOK)
    (tmp_path / "r.yaml").write_text(
        "split: chapter\nsample_rate: 48000\nbitrate_kbps: 64\nhead_s: 0.4\ndeliver:\n"
        "  - {kind: programme, file: '{name}.mka'}\n  - {kind: programme, file: '{name}.flac'}\n"
    )

    assert cli("export", "talk.yaml", "--recipe", "r.yaml", "-o", "out").code == 0

    marks = chapters_of(tmp_path / "out" / "r" / "talk.mka")
    assert [title for *_, title in marks] == ["The First", "The Second"]
    lossless, opus = decode(tmp_path / "out" / "r" / "talk.flac"), decode(tmp_path / "out" / "r" / "talk.mka")
    assert lossless.size == round(marks[1][1] * 48_000)
    assert abs(opus.size - lossless.size) <= 1
    start = round(marks[1][0] * 48_000)
    size = min(opus.size, lossless.size) - start
    assert float(opus[start : start + size] @ lossless[start : start + size]) > 0.9 * float(
        lossless[start:] @ lossless[start:]
    )


@pytest.mark.parametrize("suffix", ["opus", "mka", "m4a", "mp3", "flac", "wav"])
@pytest.mark.parametrize("kind", ["mjpeg", "png"])
def test_a_cover_goes_into_every_kind_of_file_that_has_one(cli, tmp_path: Path, suffix: str, kind: str) -> None:
    """Large enough to be no command line's argument; whatever its suffix says."""
    cover = tmp_path / "cover.jpg"
    argv = [ffmpeg_path(), "-v", "error", "-f", "lavfi", "-i", "nullsrc=s=400x400,geq=random(1)*255", "-frames:v", "1"]
    subprocess.run([*argv, "-c:v", kind, "-q:v", "2", "-f", "image2", str(cover)], check=True)
    assert cover.stat().st_size > 140_000
    (tmp_path / "talk.yaml").write_text(BOOK.replace("title: A Talk", "title: A Talk, cover: cover.jpg"))
    (tmp_path / "r.yaml").write_text(
        f"split: chapter\nsample_rate: 48000\nbitrate_kbps: 64\ndeliver: [{{kind: programme, file: a.{suffix}}}]\n"
    )

    result = cli("export", "talk.yaml", "--recipe", "r.yaml", "-o", "out")

    assert result.code == 0, result.err
    path = tmp_path / "out" / "r" / f"a.{suffix}"
    found = mutagen.File(path)
    if suffix == "opus":
        block = mutagen.flac.Picture(base64.b64decode(found["metadata_block_picture"][0]))
        assert (block.data, block.type) == (cover.read_bytes(), 3)
        assert block.mime == ("image/png" if kind == "png" else "image/jpeg")
    elif suffix in ("m4a", "mp3"):
        data = found["covr"][0] if suffix == "m4a" else found.tags.getall("APIC")[0].data
        assert bytes(data) == cover.read_bytes()
    elif suffix == "mka":
        assert cover.read_bytes() in path.read_bytes()
        argv = [ffmpeg_path(), "-hide_banner", "-i", str(path)]
        said = subprocess.run(argv, capture_output=True, text=True, check=False).stderr
        assert said.count("Stream #") == 2
        assert "Attachment" in said or "attached pic" in said
