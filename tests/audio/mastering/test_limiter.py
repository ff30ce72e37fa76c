"""The ceiling holds, what is far from it is left alone, and cutting the signal changes nothing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tts_cli.audio.mastering.limiter import make_limiter
from tts_cli.audio.meters.truepeak import TruePeakMeter

RATE = 44_100


def pulses(seed: int, frames: int = 30_000) -> np.ndarray:
    """Decaying bursts at irregular times over a quiet floor: peaky, like speech."""
    chance = np.random.default_rng(seed)
    signal = 0.01 * chance.standard_normal(frames)
    for start in chance.integers(0, frames - 600, 25):
        decay = np.exp(-np.arange(600) / chance.uniform(20, 200))
        signal[start : start + 600] += (
            chance.uniform(0.1, 1.0) * decay * np.sin(np.arange(600) * chance.uniform(0.05, 2))
        )
    return signal.astype(np.float32)


def limit(signal: np.ndarray, gain_db: float, ceiling_db: float, cuts: list[int] | None = None) -> np.ndarray:
    limiter = make_limiter(RATE, ceiling_db)
    return np.concatenate(list(limiter.stream(np.split(signal, sorted(cuts or [])), 10 ** (gain_db / 20))))


def true_peak_db(signal: np.ndarray) -> float:
    meter = TruePeakMeter()
    meter.push(signal)
    return 20 * float(np.log10(meter.peak()))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 9999), gain_db=st.floats(-10, 30), ceiling_db=st.sampled_from([-1.0, -3.0, -9.0]))
def test_the_true_peak_stays_under_the_ceiling(seed: int, gain_db: float, ceiling_db: float):
    assert true_peak_db(limit(pulses(seed), gain_db, ceiling_db)) <= ceiling_db + 0.02


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 9999), gain_db=st.floats(0, 20), cuts=st.lists(st.integers(0, 30_000), max_size=8))
def test_cutting_the_signal_changes_nothing(seed: int, gain_db: float, cuts: list[int]):
    signal = pulses(seed)
    whole = limit(signal, gain_db, -3.0)
    assert whole.size == signal.size
    assert limit(signal, gain_db, -3.0, cuts) == pytest.approx(whole, abs=2e-6)


@given(frames=st.integers(0, 3_000))
def test_as_many_samples_come_out_as_went_in(frames: int):
    assert limit(np.ones(frames, np.float32), 0.0, -6.0).size == frames


def test_the_gain_is_exact_where_nothing_is_near_the_ceiling():
    signal = 0.05 * np.random.default_rng(0).standard_normal(RATE).astype(np.float32).clip(-3, 3)
    signal[20_000] = 0.9
    limited = limit(signal, 6.0, -6.0)
    far = np.abs(np.arange(RATE) - 20_000) > 0.02 * RATE
    assert np.array_equal(limited[far], (signal * np.float32(10 ** (6 / 20)))[far])
    assert abs(limited[20_000]) <= 10 ** (-6 / 20)


def test_the_gain_moves_smoothly():
    signal = np.full(RATE, 0.1, np.float32)
    signal[RATE // 2 : RATE // 2 + 100] = 0.8
    gains = limit(signal, 0.0, -12.0) / signal
    assert np.abs(np.diff(gains)).max() < 0.005
    assert gains.min() < 0.32


def test_silence_passes():
    assert not limit(np.zeros(1000, np.float32), 40.0, -1.0).any()
