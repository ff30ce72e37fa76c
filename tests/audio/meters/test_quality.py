from pathlib import Path

import numpy as np
import pytest
import soxr

from tts_cli.audio.io.recordings import decode_audio
from tts_cli.audio.meters.quality import Samples, find_speech, frame_levels, measure_quality

RATE = 16_000


def talk(seconds: float = 8.0, *, pause_s: float = 0.6, seed: int = 1) -> Samples:
    """Syllables of noise at -20 dBFS, a pause every two seconds, and room noise at -70 dBFS throughout."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE)) / RATE
    syllables = 0.5 - 0.5 * np.cos(2 * np.pi * 4 * time)
    talking = (time % 2.0) < 2.0 - pause_s
    voice = np.diff(rng.standard_normal(len(time) + 1)) / np.sqrt(2) * syllables * talking * 0.16
    return (voice + rng.standard_normal(len(time)) * 10 ** (-70 / 20)).astype(np.float32)


def tone(hz: float, dbfs: float, frames: int) -> Samples:
    return (np.sqrt(2) * 10 ** (dbfs / 20) * np.sin(2 * np.pi * hz * np.arange(frames) / RATE)).astype(np.float32)


def test_a_clean_clip_has_the_levels_it_was_made_with() -> None:
    found = measure_quality(talk(), RATE)
    assert found.seconds == 8.0
    assert found.speech_s == pytest.approx(5.6, abs=0.4)
    assert found.speech_dbfs == pytest.approx(-20, abs=1.5)
    assert found.noise_dbfs == pytest.approx(-70, abs=1.5)
    assert found.clipped == 0
    assert found.hum_db < 12
    assert found.level_spread_db < 3
    assert found.bandwidth_hz == RATE // 2


@pytest.mark.parametrize("noise_dbfs", [-60, -45, -35])
def test_the_noise_floor_is_found_between_the_words(noise_dbfs: float) -> None:
    noise = np.random.default_rng(2).standard_normal(8 * RATE) * 10 ** (noise_dbfs / 20)
    assert measure_quality((talk() + noise).astype(np.float32), RATE).noise_dbfs == pytest.approx(noise_dbfs, abs=1.5)


def test_clipping_grows_with_the_gain_and_a_loud_peak_alone_is_none() -> None:
    shares = [measure_quality(np.clip(talk() * gain, -0.5, 0.5), RATE).clipped for gain in (1, 3, 6, 12)]
    assert shares[0] < 1e-3
    assert shares == sorted(shares)
    assert shares[-1] > 0.1
    peaky = talk()
    peaky[1000] = 1.0
    assert measure_quality(peaky, RATE).clipped == 0


@pytest.mark.parametrize("hz", [50, 60])
def test_mains_hum_is_found_at_its_frequency(hz: int) -> None:
    found = measure_quality(talk() + tone(hz, -50, 8 * RATE), RATE)
    assert found.hum_hz == hz
    assert found.hum_db > 20


def test_a_low_voice_is_no_hum() -> None:
    assert measure_quality(talk() + tone(100, -25, 8 * RATE), RATE).hum_db < 15


def test_two_distances_to_the_microphone_are_several_levels() -> None:
    clip = talk(12)
    clip[6 * RATE :] *= 10 ** (-12 / 20)
    assert measure_quality(clip, RATE).level_spread_db == pytest.approx(12, abs=2)


def test_telephone_sound_is_told_from_its_sample_rate() -> None:
    phone = soxr.resample(soxr.resample(talk(), RATE, 8000), 8000, 44_100).astype(np.float32)
    found = measure_quality(phone, 44_100)
    assert found.sample_rate == 44_100
    assert found.bandwidth_hz == pytest.approx(4000, abs=250)


def test_silence_and_the_shortest_clips_have_no_speech() -> None:
    for clip in (np.zeros(RATE, np.float32), np.zeros(400, np.float32), talk()[:330] * 0):
        found = measure_quality(clip, RATE)
        assert (found.speech_s, found.clipped, found.hum_db) == (0, 0, 0)


def test_speech_bridges_the_gaps_inside_words_but_not_the_pauses() -> None:
    speech = find_speech(frame_levels(talk(), RATE))
    changes = int(np.abs(np.diff(speech.astype(int))).sum())
    assert changes == 8  # four stretches of two seconds, each ended by its pause


def test_real_speech_is_measured_like_the_ear_says(speech: Path) -> None:
    hums = {path.stem[:4]: measure_quality(*decode_audio(path)).hum_db for path in speech.glob("*000[26].flac")}
    assert hums["2609"] > 30  # this reader's room hums at 60 Hz
    assert hums["3005"] < 6
