"""Dubs over originals and over music: levels, ducking, alignment and length, measured in the files."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from tts_cli.audio.io.bed import Bed, Mixdown, mix_over
from tts_cli.audio.io.readback import measure_file
from tts_cli.errors import OutputError

RATE = 48_000
LENGTH = 10 * RATE + 123
SPOKEN = slice(round(2.5 * RATE), round(3.9 * RATE))
BEFORE, AFTER = slice(RATE // 2, 3 * RATE // 2), slice(6 * RATE, 8 * RATE)


@pytest.fixture
def dub(tmp_path: Path) -> Path:
    """A voice of 300 Hz from second 2 to second 4."""
    time = np.arange(LENGTH) / RATE
    path = tmp_path / "dub.wav"
    soundfile.write(path, np.where((time >= 2) & (time < 4), 0.35 * np.sin(2 * np.pi * 300 * time), 0), RATE, "PCM_24")
    return path


@pytest.fixture
def original(tmp_path: Path) -> Path:
    """Nine seconds of 1 kHz, in stereo at another rate."""
    tone = 0.2 * np.sin(2 * np.pi * 1000 * np.arange(9 * 44_100) / 44_100)
    path = tmp_path / "original.flac"
    soundfile.write(path, np.stack([tone, tone], axis=1), 44_100)
    return path


def mixed(dub: Path, bed: Bed, *, gain_db: float = 0.0) -> np.ndarray:
    path = dub.with_name("mix.wav")
    mix_over(dub, bed, path, Mixdown(length=LENGTH, sample_rate=RATE, bits=24, gain_db=gain_db, ceiling_dbtp=-1))
    samples, rate = soundfile.read(path)
    assert (rate, samples.shape, soundfile.info(path).subtype) == (RATE, (LENGTH, 2), "PCM_24")
    return samples


def level_db(samples: np.ndarray, part: slice, hz: float) -> float:
    tone = samples[part, 0] * np.hanning(part.stop - part.start)
    spectrum = np.abs(np.fft.rfft(tone)) * 4 / tone.size
    place = round(hz * tone.size / RATE)
    return float(20 * np.log10(spectrum[place - 3 : place + 4].max()))


def test_over_music_and_effects_nothing_is_turned_down(dub: Path, original: Path) -> None:
    samples = mixed(dub, Bed(path=original))
    assert level_db(samples, BEFORE, 1000) == pytest.approx(-14, abs=0.1)
    assert level_db(samples, SPOKEN, 1000) == pytest.approx(-14, abs=0.1)
    assert level_db(samples, SPOKEN, 300) == pytest.approx(-9.1 - 3, abs=0.1)
    assert not samples[round(9.1 * RATE) :].any()


def test_presets_duck_more_and_more_and_only_while_the_dub_speaks(dub: Path, original: Path) -> None:
    depths = []
    for ducking in ("gentle", "balanced", "strong"):
        samples = mixed(dub, Bed(path=original, ducking=ducking))
        assert level_db(samples, BEFORE, 1000) == pytest.approx(-14, abs=0.1)
        assert level_db(samples, AFTER, 1000) == pytest.approx(-14, abs=0.1)
        depths.append(-14 - level_db(samples, SPOKEN, 1000))
    assert depths == sorted(depths)
    assert 4 < depths[0] < 9
    assert 15 < depths[2] < 24


def test_the_dub_stays_where_it_is(original: Path, tmp_path: Path) -> None:
    click = np.zeros(LENGTH)
    click[5 * RATE] = 0.5
    soundfile.write(tmp_path / "dub.wav", click, RATE, "PCM_24")
    samples = mixed(tmp_path / "dub.wav", Bed(path=original, gain_db=-60, ducking="strong"))
    assert np.argmax(np.abs(samples[:, 0])) == 5 * RATE


def test_peaks_stay_below_the_ceiling(dub: Path, original: Path) -> None:
    mixed(dub, Bed(path=original), gain_db=15)
    levels = measure_file(dub.with_name("mix.wav"))
    assert -1.5 < levels.true_peak_dbtp <= -0.9


def test_what_has_no_sound_cannot_be_a_bed(dub: Path, tmp_path: Path) -> None:
    (tmp_path / "bed.wav").write_bytes(b"no sound")
    with pytest.raises(OutputError, match="cannot mix "):
        mixed(dub, Bed(path=tmp_path / "bed.wav"))
    with pytest.raises(OutputError, match="not a film of a known kind"):
        mixed(dub, Bed(path=tmp_path / "bed.txt"))
