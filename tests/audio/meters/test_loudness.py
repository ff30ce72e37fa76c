"""Our meter against EBU Tech 3341, against pyloudnorm and ffmpeg, and on files of every format."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyloudnorm
import pytest
import soundfile

from tts_cli.audio.io.files import open_outputs
from tts_cli.audio.io.outputs import Output
from tts_cli.audio.io.readback import measure_file
from tts_cli.audio.meters.loudness import LoudnessMeter, gated_loudness
from tts_cli.recipe import Recipe

RATE = 48_000


def tone(level_db: float, seconds: float, rate: int = RATE) -> np.ndarray:
    time = np.arange(round(seconds * rate)) / rate
    return (10 ** (level_db / 20) * np.sin(2 * np.pi * 1000 * time)).astype(np.float32)


def read_loudness(signal: np.ndarray, rate: int = RATE, blocks: int = 7) -> float:
    meter = LoudnessMeter(rate, 1 if signal.ndim == 1 else signal.shape[1])
    for block in np.array_split(signal, blocks):
        meter.push(block)
    return meter.integrated_lufs()


# EBU Tech 3341, table 1: level in dBFS and duration in seconds of each part of a stereo 1 kHz sine.
EBU_CASES = {
    1: ([(-23, 20)], -23.0),
    2: ([(-33, 20)], -33.0),
    3: ([(-36, 10), (-23, 60), (-36, 10)], -23.0),
    4: ([(-72, 10), (-36, 10), (-23, 60), (-36, 10), (-72, 10)], -23.0),
    5: ([(-26, 20), (-20, 20.1), (-26, 20)], -23.0),
}


@pytest.mark.parametrize(("parts", "expected"), EBU_CASES.values(), ids=EBU_CASES)
@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_ebu_tech_3341(parts: Sequence[tuple[float, float]], expected: float, rate: int):
    mono = np.concatenate([tone(level, seconds, rate) for level, seconds in parts])
    assert read_loudness(np.stack([mono, mono], axis=1), rate) == pytest.approx(expected, abs=0.1)


def test_two_equal_channels_are_three_units_louder_than_one():
    mono = tone(-20, 2)
    louder = read_loudness(np.stack([mono, mono], axis=1)) - read_loudness(mono)
    assert louder == pytest.approx(10 * math.log10(2), abs=1e-6)


def test_agrees_with_pyloudnorm_on_speech(any_speech: Path):
    for path in sorted(any_speech.glob("[!d]*.flac"))[:6]:
        samples, rate = soundfile.read(path, dtype="float32")
        # pyloudnorm normalises the high-pass, which makes it read up to 0.13 LU lower at this rate.
        judged = pyloudnorm.Meter(rate).integrated_loudness(samples)
        assert read_loudness(samples, rate) == pytest.approx(judged + 0.05, abs=0.15)


@pytest.mark.parametrize("blocks", [1, 2, 997])
def test_the_length_of_blocks_does_not_matter(blocks: int):
    signal = np.concatenate([tone(-30, 1.03), tone(-20, 1.77)])
    assert read_loudness(signal, blocks=blocks) == pytest.approx(read_loudness(signal), abs=1e-6)


def test_silence_has_no_loudness():
    assert read_loudness(np.zeros(RATE, np.float32)) == -math.inf
    assert gated_loudness(np.zeros(0)) == -math.inf


@pytest.mark.parametrize("seconds", [0.05, 0.25, 0.39])
def test_a_programme_shorter_than_a_block_counts_as_one(seconds: float):
    assert read_loudness(tone(-20, seconds)) == pytest.approx(read_loudness(tone(-20, 4)), abs=0.5)


def test_quiet_parts_below_the_relative_gate_do_not_count():
    loud = [10 ** (-2.0)] * 100
    assert gated_loudness(np.array(loud + [1e-6] * 500)) == pytest.approx(gated_loudness(np.array(loud)), abs=0.1)


# --- files ----------------------------------------------------------------------------------------------


@pytest.fixture
def programme() -> np.ndarray:
    parts = [tone(-30, 0.7, 44_100), tone(-14, 2.011, 44_100), np.zeros(9_000, np.float32), tone(-20, 1.5, 44_100)]
    return np.concatenate(parts)


def write(path: Path, recipe: Recipe, samples: np.ndarray) -> Path:
    with open_outputs([Output(path=path, recipe=recipe)], frames=len(samples)) as master:
        master.write(samples)
    return path


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("suffix", ["wav", "flac", "mp3", "m4a", "opus"])
def test_a_file_of_any_format_is_measured(suffix: str, channels: int, programme: np.ndarray, tmp_path: Path):
    recipe = Recipe(name="test", format=suffix, channels=channels, bitrate_kbps=256)
    levels = measure_file(write(tmp_path / f"x.{suffix}", recipe, programme))
    expected = read_loudness(programme, 44_100) + 10 * math.log10(channels)
    assert levels.lufs == pytest.approx(expected, abs=0.05)
    assert levels.true_peak_dbtp == pytest.approx(-14, abs=0.7)
    assert levels.sample_rate == (48_000 if suffix == "opus" else 44_100)
    # ffmpeg can note no more than one frame of padding in an mp3: at some lengths a millisecond of silence remains.
    assert levels.frames == pytest.approx(
        programme.size * levels.sample_rate / 44_100, abs=48 if suffix == "mp3" else 1
    )


def test_silence_reads_the_absolute_gate(tmp_path: Path):
    silent = write(tmp_path / "x.wav", Recipe(name="test"), np.zeros(44_100, np.float32))
    levels = measure_file(silent)
    assert (levels.lufs, levels.true_peak_dbtp, levels.frames) == (-70.0, -120.0, 44_100)


def test_a_low_rate_mp3_is_decoded_without_a_word_on_stderr(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    # Seeking in such a file makes libsndfile's decoder complain, and err.
    recipe = Recipe(name="test", format="mp3", sample_rate=24_000, bitrate_kbps=64)
    noise = 0.1 * np.random.default_rng(0).standard_normal(24_000 * 12).astype(np.float32)
    levels = measure_file(write(tmp_path / "x.mp3", recipe, noise))
    assert levels.frames == noise.size
    assert capfd.readouterr().err == ""
