"""Podcast, broadcast and web: levels by ffmpeg's ebur128, on the engine's speech and on real speech."""

from pathlib import Path
from typing import NamedTuple

import mutagen
import mutagen.id3
import pytest

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
]


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: f"{target.recipe}-{target.suffix}")
def test_levels_of_the_engine(cli, tmp_path: Path, loudness_of, target: Target) -> None:
    (tmp_path / "talk.yaml").write_text(BOOK)

    assert cli("export", "talk.yaml", "--recipe", target.recipe, "-o", "out").code == 0

    path = tmp_path / "out" / target.recipe / f"talk.{target.suffix}"
    check(path, target, loudness_of)
    assert mutagen.File(path).info.channels == target.channels


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: f"{target.recipe}-{target.suffix}")
def test_levels_of_real_speech(cli, real_book: Path, tmp_path: Path, loudness_of, target: Target) -> None:
    assert cli("export", real_book, "--recipe", target.recipe, "-o", "out").code == 0

    check(tmp_path / "out" / target.recipe / f"real.{target.suffix}", target, loudness_of)


def check(path: Path, target: Target, loudness_of) -> None:
    lufs, true_peak = loudness_of(path, target.channels)
    assert abs(lufs - target.lufs) <= target.slack
    assert true_peak <= target.peak


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
