"""Dubs over originals and over music: levels, ducking, alignment and length, measured in the files."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tts_cli.audio.io.ffmpeg import ffmpeg_path
from tts_cli.audio.io.readback import measure_file
from tts_cli.audio.mastering.bed import DUCKINGS, Bed, Mixdown, mix_over
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


# --- the sound of ducking, and the last sample ------------------------------------------------------------


@pytest.fixture
def spoken(tmp_path: Path) -> Path:
    """What is like speech: syllables of noise and of a low voice, with pauses, soft and loud."""
    chance = np.random.default_rng(3)
    time = np.arange(LENGTH) / RATE
    voice = sum(np.sin(2 * np.pi * 120 * part * time) / part for part in range(1, 20))
    hiss = np.diff(chance.standard_normal(LENGTH + 1))
    syllables = np.repeat(chance.uniform(0, 1, 60) ** 2, LENGTH // 59)[:LENGTH]
    kinds = np.repeat(chance.integers(0, 2, 60), LENGTH // 59)[:LENGTH]
    pauses = np.repeat(chance.integers(0, 3, 20) > 0, LENGTH // 19)[:LENGTH]
    samples = 0.2 * syllables * pauses * np.where(kinds, voice / 2, hiss)
    soundfile.write(tmp_path / "spoken.wav", samples, RATE, "PCM_24")
    return tmp_path / "spoken.wav"


@pytest.fixture
def hum(tmp_path: Path) -> Path:
    """A bed that is longer than the dub and never silent."""
    tone = 0.1 * np.sin(2 * np.pi * 500 * np.arange(LENGTH + 4_000) / RATE)
    soundfile.write(tmp_path / "hum.wav", np.stack([tone, tone], axis=1), RATE, "PCM_24")
    return tmp_path / "hum.wav"


@pytest.mark.parametrize("ducking", ["gentle", "balanced", "strong"])
def test_it_ducks_as_a_sidechain_compressor_does(spoken: Path, hum: Path, ducking: str, tmp_path: Path) -> None:
    """ffmpeg's compressor, whose settings the presets are, turns the bed down by the same curve, within 0.5 dB."""
    ratio, threshold_db = DUCKINGS[ducking]
    settings = f"threshold={10 ** (threshold_db / 20)}:ratio={ratio}:attack=25:release=350"
    graph = f"[0]pan=stereo|c0=0.70711*c0|c1=0.70711*c0[key];[1][key]sidechaincompress={settings}"
    command = [ffmpeg_path(), "-v", "error", "-i", spoken, "-i", hum, "-filter_complex", graph, "-c:a", "pcm_f32le"]
    subprocess.run([*command, tmp_path / "theirs.wav"], check=True)
    theirs, _ = soundfile.read(tmp_path / "theirs.wav")
    dry, _ = soundfile.read(spoken)
    ours = mixed(spoken, Bed(path=hum, ducking=ducking)) - np.sqrt(0.5) * dry[:, None]
    frames = LENGTH - RATE // 2
    curves = [curve_db(samples[:frames, 0]) for samples in (ours, theirs)]
    assert np.ptp(curves[1]) > 4
    assert np.abs(curves[0] - curves[1]).max() < 0.5


def curve_db(samples: np.ndarray) -> np.ndarray:
    """Return the level of each 20 ms."""
    windows = samples[: samples.size // 960 * 960].reshape(-1, 960)
    return 10 * np.log10((windows**2).mean(axis=1))


def test_a_mix_is_the_same_to_its_last_sample(spoken: Path, hum: Path) -> None:
    bed = Bed(path=hum, ducking="balanced")
    first = mixed(spoken, bed)
    data = spoken.with_name("mix.wav").read_bytes()
    for _ in range(5):
        mixed(spoken, bed)
        assert spoken.with_name("mix.wav").read_bytes() == data
    tail, _ = soundfile.read(hum)
    # nobody speaks at the end, and after half a second nothing is turned down any more
    plain = mixed(spoken, Bed(path=hum))
    dry, _ = soundfile.read(spoken)
    assert np.abs(plain[-5000:] - np.sqrt(0.5) * dry[-5000:, None] - tail[LENGTH - 5000 : LENGTH]).max() < 1e-6
    assert np.abs(first[-1]).max() > 0


@pytest.mark.parametrize("seconds", [0.01, 1.3656, 3])
def test_the_cut_into_blocks_is_not_heard(seconds: float, tmp_path: Path, monkeypatch) -> None:
    """A compressor that forgot its level, or a limiter its context, would show at the seams."""
    from tts_cli.audio.mastering import bed as module

    length = round(seconds * RATE)
    chance = np.random.default_rng(1)
    soundfile.write(tmp_path / "dub.wav", 0.5 * chance.uniform(-1, 1, length), RATE, "PCM_24")
    soundfile.write(tmp_path / "bed.wav", 0.9 * chance.uniform(-1, 1, (length // 2, 2)), RATE, "PCM_24")
    mixdown = Mixdown(length=length, sample_rate=RATE, bits=24, gain_db=6, ceiling_dbtp=-1)
    files = []
    for frames in (1 << 16, 4800, 999):
        monkeypatch.setattr(module, "_BLOCK_FRAMES", frames)
        path = tmp_path / f"{frames}.wav"
        mix_over(tmp_path / "dub.wav", Bed(path=tmp_path / "bed.wav", ducking="strong"), path, mixdown)
        files.append(soundfile.read(path)[0])
    assert all(len(file) == length for file in files)
    assert max(np.abs(file - files[0]).max() for file in files) < 1e-6


def test_a_dub_of_another_rate_is_resampled(original: Path, tmp_path: Path) -> None:
    tone = 0.3 * np.sin(2 * np.pi * 300 * np.arange(24_000 * 5) / 24_000)
    soundfile.write(tmp_path / "dub.wav", tone, 24_000, "PCM_24")
    samples = mixed(tmp_path / "dub.wav", Bed(path=original, gain_db=-60))
    assert level_db(samples, slice(RATE, 4 * RATE), 300) == pytest.approx(20 * np.log10(0.3) - 3, abs=0.1)
