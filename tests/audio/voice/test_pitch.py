"""F0 of tones whose pitch is known, and of real speech where a change of it is known."""

import numpy as np
import pytest
import soundfile as sf
from hypothesis import given, settings
from hypothesis import strategies as st

from tts_cli.audio.voice.pitch import HIGHEST_HZ, LOWEST_HZ, periodicity, track

RATE = 16_000
# (clip, its median F0 in Hz by another tracker, librosa's pyin)
MEDIANS = [("1688-142285-0006", 177), ("1998-15444-0000", 189), ("2414-128291-0005", 121), ("3005-163389-0003", 92)]


def voice(f0_hz, rate=RATE, *, formant_hz=700.0):
    """Harmonics up to 6 kHz under one resonance; `f0_hz` is F0 at each sample."""
    turns = np.cumsum(f0_hz / rate)
    harmonics = np.arange(1, int(min(6000, 0.45 * rate) / f0_hz.max()) + 1)
    levels = 1 / (1 + ((harmonics * f0_hz.mean() - formant_hz) / 200) ** 2)
    sound = sum(level * np.cos(2 * np.pi * number * turns) for number, level in zip(harmonics, levels, strict=True))
    return (0.3 * sound / np.abs(sound).max()).astype(np.float32)


def steady(hz, rate=RATE, seconds=1.0):
    return voice(np.full(round(seconds * rate), hz), rate)


def noise(length, level=0.1, seed=1):
    return (level * np.random.default_rng(seed).standard_normal(length)).astype(np.float32)


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100])
@pytest.mark.parametrize("hz", [70, 110, 163, 250, 400])
def test_a_steady_voice(hz, rate):
    pitch = track(steady(hz, rate), rate)
    inner = pitch.f0_hz[5:-5]
    assert (inner > 0).all()
    assert np.abs(inner / hz - 1).max() < 0.01


def test_a_glide_is_followed_frame_by_frame():
    wanted = 100 * 2 ** np.linspace(0, 1.5, 2 * RATE)
    pitch = track(voice(wanted), RATE)
    at = (np.arange(len(pitch.f0_hz)) * pitch.hop_s * RATE).astype(int)
    assert np.abs(pitch.f0_hz / wanted[at] - 1)[5:-5].max() < 0.02


@pytest.mark.parametrize("formant_hz", [240, 360, 480])
def test_a_strong_harmonic_is_not_taken_for_the_pitch(formant_hz):
    pitch = track(voice(np.full(RATE, 120.0), formant_hz=formant_hz), RATE)
    assert np.abs(pitch.f0_hz[5:-5] / 120 - 1).max() < 0.01


def test_hum_is_neither_a_voice_nor_in_its_way():
    hum = (0.2 * np.sin(2 * np.pi * 50 * np.arange(RATE) / RATE)).astype(np.float32)
    assert track(hum + noise(RATE, 0.01), RATE).voiced.mean() < 0.05
    spoken = track(steady(190) + hum, RATE)
    assert np.median(spoken.f0_hz) == pytest.approx(190, rel=0.01)


@pytest.mark.parametrize("samples", [noise(RATE), np.zeros(RATE, np.float32)], ids=["noise", "silence"])
def test_what_has_no_period_is_unvoiced(samples):
    assert track(samples, RATE).voiced.mean() < 0.03


def test_the_level_does_not_matter_and_the_input_stays():
    samples = steady(140) + noise(RATE, 0.01)
    kept = samples.copy()
    loud = track(samples, RATE)
    assert np.array_equal(samples, kept)
    np.testing.assert_allclose(track(samples / 100, RATE).f0_hz, loud.f0_hz, rtol=1e-4)


@settings(max_examples=30, deadline=None)
@given(length=st.integers(0, 6000), rate=st.sampled_from([8_000, 16_000, 22_050]), hop_s=st.sampled_from([0.005, 0.01]))
def test_one_frame_for_each_hop_begun(length, rate, hop_s):
    pitch = track(noise(length), rate, hop_s)
    assert pitch.f0_hz.shape == pitch.strength.shape == (int(np.ceil(length / (rate * hop_s) - 1e-9)),)
    assert pitch.f0_hz.dtype == pitch.strength.dtype == np.float32
    voiced = pitch.f0_hz[pitch.voiced]
    assert ((voiced > 0.95 * LOWEST_HZ) & (voiced < 1.05 * HIGHEST_HZ)).all()
    assert ((pitch.strength >= 0) & (pitch.strength <= 1)).all()


@pytest.mark.parametrize(("clip", "median_hz"), MEDIANS)
def test_real_speech_agrees_with_another_tracker(speech, clip, median_hz):
    samples, rate = sf.read(speech / f"{clip}.flac", dtype="float32")
    pitch = track(samples, rate)
    assert np.median(pitch.f0_hz[pitch.voiced]) == pytest.approx(median_hz, rel=0.05)
    assert 0.2 < pitch.voiced.mean() < 0.8


def test_real_speech_played_faster_is_higher_by_as_much(speech):
    samples, rate = sf.read(speech / "2033-164914-0009.flac", dtype="float32")
    slow, fast = track(samples, rate, 0.0125), track(samples, round(1.25 * rate), 0.01)
    both = slow.voiced & fast.voiced
    assert both.sum() > 0.8 * slow.voiced.sum()
    assert np.median(fast.f0_hz[both] / slow.f0_hz[both]) == pytest.approx(1.25, rel=0.01)


def test_periodicity_falls_with_noise_and_is_0_where_unvoiced():
    clean = np.concatenate([steady(150), noise(RATE, 0.01, seed=2)])
    pitch = track(clean, RATE)
    found = [periodicity(clean + noise(len(clean), level), RATE, pitch, 2500, 5000) for level in (0, 0.002, 0.01, 0.05)]
    means = [part[pitch.voiced].mean() for part in found]
    assert means[0] > 0.94
    assert means == sorted(means, reverse=True)
    assert means[-1] < 0.4
    assert not found[0][~pitch.voiced].any()


@pytest.mark.parametrize("rate", [12_000, 22_050, 48_000])
def test_periodicity_is_the_same_at_every_rate(rate):
    samples = steady(137, rate)
    assert periodicity(samples, rate, track(samples, rate), 2500, 5000)[5:-5].min() > 0.95
