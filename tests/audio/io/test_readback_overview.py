"""A programme at a glance: peaks and short-term loudness in columns, and every block told to a listener."""

import io
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tts_cli.audio.io.readback import encode_snippet, make_overview
from tts_cli.errors import OutputError

RATE = 48_000


@pytest.fixture
def steps(tmp_path: Path) -> Path:
    """Ten seconds at -20 dBFS, then ten at -40: a sine of 1 kHz, whose LUFS are its level in one channel."""
    time = np.arange(20 * RATE) / RATE
    level = np.where(time < 10, 0.1, 0.01) * np.sqrt(2)
    path = tmp_path / "steps.wav"
    soundfile.write(path, level * np.sin(2 * np.pi * 997 * time), RATE)
    return path


def test_peaks_and_loudness_are_where_they_are(steps: Path) -> None:
    found = make_overview(steps, 100)
    assert (found.seconds, found.sample_rate, len(found.peaks), len(found.lufs)) == (20, RATE, 100, 100)
    assert found.peaks[20] == pytest.approx(0.1414, abs=0.001)
    assert found.peaks[80] == pytest.approx(0.0141, abs=0.001)
    assert found.lufs[20] == pytest.approx(-20, abs=0.2)
    assert found.lufs[80] == pytest.approx(-40, abs=0.2)


@pytest.mark.parametrize("suffix", ["wav", "flac", "mp3", "ogg"])
def test_listeners_hear_every_sample_of_every_format(steps: Path, tmp_path: Path, suffix: str) -> None:
    samples, _ = soundfile.read(steps)
    path = tmp_path / f"copy.{suffix}"
    soundfile.write(path, samples, RATE)
    heard: list[tuple[int, int]] = []
    found = make_overview(path, 10, lambda start, block, _rate: heard.append((start, len(block))))
    assert heard[0][0] == 0
    assert all(start + count == after for (start, count), (after, _) in pairwise(heard))
    assert found.seconds == pytest.approx(20, abs=0.1)


def test_a_very_short_programme_has_fewer_columns(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.full(100, 0.5), RATE)
    assert make_overview(tmp_path / "a.wav", 900).peaks == pytest.approx((0.5,), abs=0.001)


def test_what_is_no_audio_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"nothing")
    with pytest.raises(OutputError, match="cannot read"):
        make_overview(tmp_path / "a.wav", 10)


def test_a_snippet_is_a_small_mp3_of_the_same_length() -> None:
    time = np.arange(2 * 44_100) / 44_100
    data = encode_snippet((0.3 * np.sin(2 * np.pi * 440 * time)).astype(np.float32), 44_100)
    samples, rate = soundfile.read(io.BytesIO(data))
    assert samples.size / rate == pytest.approx(2, abs=0.15)
    assert len(data) < 12_000
