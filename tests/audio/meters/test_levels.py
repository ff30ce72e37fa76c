import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_cli.audio.meters.levels import LevelMeter

RATE = 44_100


def measure(samples: np.ndarray, cuts: list[int], channels: int = 1) -> LevelMeter:
    meter = LevelMeter(RATE, channels)
    for block in np.split(samples, sorted(cut % (len(samples) + 1) for cut in cuts)):
        meter.push(block)
    return meter


def speech(head_s: float, tail_s: float) -> np.ndarray:
    sound = 0.1 * np.random.default_rng(0).standard_normal(RATE)
    return np.concatenate([np.zeros(round(head_s * RATE)), sound, np.zeros(round(tail_s * RATE))]).astype(np.float32)


@given(st.lists(st.integers(0, 200_000), max_size=6))
def test_it_is_the_same_however_the_signal_is_cut(cuts):
    samples = speech(0.75, 1.5)
    meter = measure(samples, cuts)
    assert meter.rms_db() == pytest.approx(10 * np.log10(np.mean(samples.astype(np.float64) ** 2)), abs=1e-4)
    assert meter.peak_dbfs() == pytest.approx(20 * np.log10(np.abs(samples).max()), abs=1e-6)
    assert meter.quiet_s() == pytest.approx((0.75, 1.5), abs=0.021)
    assert meter.noise_floor_db() == -120


def test_a_full_scale_sine_reads_minus_three():
    sine = np.sin(2 * np.pi * 997 * np.arange(RATE) / RATE).astype(np.float32)
    assert measure(sine, []).rms_db() == pytest.approx(-3.01, abs=0.01)
    stereo = np.stack([sine, sine], axis=1)
    assert measure(stereo, [], channels=2).rms_db() == pytest.approx(-3.01, abs=0.01)


def test_the_floor_is_the_quietest_half_second():
    samples = speech(0, 0)
    noise = 10 ** (-65 / 20) * np.random.default_rng(1).standard_normal(RATE)
    assert measure(np.concatenate([samples, noise.astype(np.float32)]), []).noise_floor_db() == pytest.approx(
        -65, abs=0.5
    )


def test_silence_and_nothing():
    assert measure(np.zeros(RATE, np.float32), []).quiet_s() == pytest.approx((1.0, 1.0))
    assert LevelMeter(RATE, 1).rms_db() == -120
