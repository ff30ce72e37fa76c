"""Subtitles, read back by ffmpeg's demuxers."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from tts_cli.audio.io.ffmpeg import ffmpeg_path
from tts_cli.formats.subtitles import Cue, write_subtitles
from tts_cli.types import Word

RATE = 44_100
CUES = [
    Cue(start=1, end=44_100, sample_rate=RATE, text="One, two\nthree", speaker="mole, the", line_id="a"),
    Cue(start=44_101, end=88_222, sample_rate=RATE, text="a --> b & <c> {d}", speaker="<rat>", line_id="b"),
    Cue(
        start=RATE * 36_000 + 22,
        end=RATE * 36_001,
        sample_rate=RATE,
        text="Zehn Stunden später",
        line_id="c",
        words=(Word("Zehn", RATE * 36_000 + 22, RATE * 36_000 + 9_000),),
    ),
]


def through_ffmpeg(text: str, suffix: str, folder: Path) -> list[tuple[str, str, str]]:
    """Let ffmpeg turn any of the formats into SRT: start, end and text of each cue."""
    path = folder / f"x{suffix}"
    path.write_text(text, encoding="utf-8")
    argv = [ffmpeg_path(), "-v", "error", "-i", str(path), "-c:s", "srt", "-f", "srt", "-"]
    said = subprocess.run(argv, capture_output=True, check=True, text=True).stdout
    blocks = [block.split("\n", 2) for block in said.strip().split("\n\n")]
    return [(*times.split(" --> "), re.sub(r"<[^>]*>|\{[^}]*\}", "", words).strip()) for _, times, words in blocks]


def test_srt_reads_back(tmp_path: Path) -> None:
    assert through_ffmpeg(write_subtitles(CUES, ".srt"), ".srt", tmp_path) == [
        ("00:00:00,000", "00:00:01,000", "One, two\nthree"),
        ("00:00:01,000", "00:00:02,000", "a -> b &"),  # what looks like a tag is one to SRT
        ("10:00:00,000", "10:00:01,000", "Zehn Stunden später"),
    ]


def test_vtt_reads_back(tmp_path: Path) -> None:
    text = write_subtitles(CUES, ".vtt")
    assert "<v mole, the>One" in text
    assert "<v rat>a -&gt; b &amp; &lt;c&gt; {d}" in text
    found = through_ffmpeg(text, ".vtt", tmp_path)
    assert [times for *times, _ in found] == [
        ["00:00:00,000", "00:00:01,000"],
        ["00:00:01,000", "00:00:02,000"],
        ["10:00:00,000", "10:00:01,000"],
    ]
    assert found[2][2] == "Zehn Stunden später"


def test_ass_reads_back(tmp_path: Path) -> None:
    found = through_ffmpeg(write_subtitles(CUES, ".ass"), ".ass", tmp_path)
    assert [words for *_, words in found] == ["One, two\nthree", "a --> b &  (d)", "Zehn Stunden später"]
    assert found[2][:2] == ("10:00:00,000", "10:00:01,000")


def test_json_has_the_words(tmp_path: Path) -> None:
    cues = json.loads(write_subtitles(CUES, ".json"))["cues"]
    assert [cue["line"] for cue in cues] == ["a", "b", "c"]
    assert cues[2]["words"] == [["Zehn", 36_000.000499, 36_000.204082]]
    assert "words" not in cues[0]


@pytest.mark.parametrize(("suffix", "text"), [(".srt", ""), (".vtt", "WEBVTT\n"), (".json", '{\n "cues": []\n}\n')])
def test_without_cues_there_is_the_head_alone(suffix: str, text: str) -> None:
    assert write_subtitles([], suffix) == text


def test_without_cues_ass_has_its_styles_and_no_event() -> None:
    *_, events, columns = write_subtitles([], ".ass").splitlines()
    assert events == "[Events]"
    assert columns.startswith("Format: Layer, Start, End, Style,")
