"""Peaks between the samples are found, and skipping what cannot matter changes nothing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import resample

from tts_cli.audio.meters.truepeak import HOP, WORST_RATIO, TruePeakMeter, hop_peaks


def bursts(seed: int, frames: int = 4096) -> np.ndarray:
    """Noise that is loud and quiet in turns, and somewhat smooth, like speech."""
    chance = np.random.default_rng(seed)
    loudness = np.repeat(10 ** chance.uniform(-3, 0, frames // 256), 256)
    smooth = np.convolve(chance.standard_normal(frames), [0.25, 0.5, 0.25], mode="same")
    return (0.5 * loudness * smooth).astype(np.float32)


def decibels(value: float) -> float:
    return 20 * float(np.log10(value))


@pytest.mark.parametrize("hertz", [997, 6_000, 12_000, 18_000])
@pytest.mark.parametrize("phase", [0.0, 0.4, np.pi / 4])
def test_a_sine_reads_its_amplitude_whatever_its_phase(hertz: int, phase: float):
    time = np.arange(48_000) / 48_000
    swell = np.hanning(48_000)  # no clicks at the ends, which would overshoot rightly
    meter = TruePeakMeter()
    meter.push((0.5 * swell * np.sin(2 * np.pi * hertz * time + phase)).astype(np.float32))
    # Four points a sample may miss the crest by 1 - cos(pi f / 4 fs).
    missed = decibels(np.cos(np.pi * hertz / 48_000 / 4))
    assert decibels(0.5) + missed - 0.03 <= decibels(meter.peak()) <= decibels(0.5) + 0.03


def test_agrees_with_a_long_interpolator():
    signal = bursts(1)
    quiet_ends = signal * np.hanning(signal.size).astype(np.float32) ** 0.25
    meter = TruePeakMeter()
    meter.push(quiet_ends)
    exact = np.abs(resample(quiet_ends, 4 * quiet_ends.size)).max()
    assert decibels(meter.peak()) == pytest.approx(decibels(exact), abs=0.1)


@given(seed=st.integers(0, 999), floor=st.floats(0.0, 2.0))
def test_hops_below_the_floor_are_left_and_all_others_exact(seed: int, floor: float):
    signal = bursts(seed)
    exact, fast = hop_peaks(signal, 0.0), hop_peaks(signal, floor)
    assert fast.size == signal.size // HOP - 2
    assert np.all(fast <= exact * 1.00001)
    assert fast[exact > floor] == pytest.approx(exact[exact > floor], rel=1e-5)


@given(seed=st.integers(0, 999))
def test_no_hop_exceeds_its_samples_by_more_than_the_stated_ratio(seed: int):
    signal = bursts(seed)
    samples = np.abs(signal).reshape(-1, HOP).max(axis=1)
    around = np.maximum(np.maximum(samples[:-2], samples[2:]), samples[1:-1])
    assert np.all(hop_peaks(signal, 0.0) <= around * WORST_RATIO * 1.00001)


@settings(deadline=None)
@given(seed=st.integers(0, 99), cuts=st.lists(st.integers(0, 4096), max_size=8))
def test_the_meter_hears_across_cuts(seed: int, cuts: list[int]):
    signal = bursts(seed)
    whole, cut = TruePeakMeter(), TruePeakMeter()
    whole.push(signal)
    for piece in np.split(signal, sorted(cuts)):
        cut.push(piece)
    assert cut.peak() == pytest.approx(whole.peak(), rel=1e-6)


def test_asking_twice_changes_nothing():
    meter = TruePeakMeter()
    meter.push(np.ones(10, np.float32))
    assert meter.peak() == meter.peak() > 1.0
