"""The K-weighting is the standard's, at every sample rate and however the signal is cut."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import freqz_sos, sosfilt

from tts_cli.audio.meters.weighting import KWeighting, bin_edges, k_weighting

# ITU-R BS.1770-4, tables 1 and 2.
SHELF_48K = [1.53512485958697, -2.69169618940638, 1.19839281085285, 1.0, -1.69065929318241, 0.73248077421585]
HIGH_PASS_48K = [1.0, -2.0, 1.0, 1.0, -1.99004745483398, 0.99007225036621]


def noise(frames: int, seed: int = 0) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal(frames)).astype(np.float32)


def test_at_48_khz_the_coefficients_are_those_of_the_standard():
    assert k_weighting(48_000) == pytest.approx(np.array([SHELF_48K, HIGH_PASS_48K]), abs=1e-8)


@pytest.mark.parametrize("rate", [16_000, 22_050, 44_100, 96_000])
def test_at_other_rates_the_response_is_the_same_in_hertz(rate: int):
    hertz = np.array([20, 60, 200, 1000, 3000])
    _, reference = freqz_sos(k_weighting(48_000), hertz, fs=48_000)
    _, response = freqz_sos(k_weighting(rate), hertz, fs=rate)
    assert 20 * np.log10(np.abs(response / reference)) == pytest.approx(np.zeros(5), abs=0.25 if rate < 20_000 else 0.1)


@pytest.mark.parametrize("rate", [8_000, 11_025, 24_000, 44_100, 192_000])
def test_filtering_by_blocks_of_spectra_equals_the_recursive_filter(rate: int):
    signal = noise(2 * rate)
    signal[rate:] *= 1e-3
    expected = sosfilt(k_weighting(rate), signal.astype(np.float64))
    assert np.abs(KWeighting(rate)(signal) - expected).max() < 1e-6


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(0, 50_000), max_size=6), seed=st.integers(0, 99))
def test_cutting_the_signal_changes_nothing(cuts: list[int], seed: int):
    signal = noise(50_000, seed)
    weigh = KWeighting(24_000)
    pieces = [weigh(piece) for piece in np.split(signal, sorted(cuts))]
    assert np.abs(np.concatenate(pieces) - KWeighting(24_000)(signal)).max() < 1e-6


@given(rate=st.integers(4_000, 192_000), first=st.integers(0, 10_000))
def test_bins_follow_each_other_without_drift(rate: int, first: int):
    edges = bin_edges(first, first + 11, rate)
    assert edges[10] - edges[0] == rate
    assert set(np.diff(edges)) <= {rate // 10, rate // 10 + 1}
