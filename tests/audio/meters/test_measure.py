"""What is measured with a take is what a meter would say of it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tts_cli.audio.meters.loudness import LoudnessMeter
from tts_cli.audio.meters.measure import measure_take

RATE = 22_050


def tone(seconds: float, rate: int = RATE, level_db: float = -20.0, hertz: float = 440.0) -> np.ndarray:
    time = np.arange(round(seconds * rate)) / rate
    return (10 ** (level_db / 20) * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


@settings(max_examples=20, deadline=None)
@given(
    rate=st.sampled_from([8_000, 11_025, 22_050, 24_000, 48_000]),
    seconds=st.floats(0.4, 3.0),
    seed=st.integers(0, 9),
)
def test_the_bins_agree_with_the_streaming_meter(rate: int, seconds: float, seed: int):
    chance = np.random.default_rng(seed)
    level = np.repeat(chance.uniform(0.001, 0.3, 40), rate // 10)[: round(seconds * rate)]
    samples = (level * chance.standard_normal(level.size)).astype(np.float32)
    meter = LoudnessMeter(rate, 1)
    for block in np.array_split(samples, 5):
        meter.push(block)
    powers = meter.bin_powers()
    stored = np.array(measure_take(samples, rate).energy_lufs[: len(powers)])
    assert stored == pytest.approx(-0.691 + 10 * np.log10(powers), abs=0.011)


def test_levels_are_rounded_up_to_a_hundredth():
    measures = measure_take(tone(1.0), RATE)
    assert len(measures.peak_dbfs) == len(measures.energy_lufs) == 10
    assert all(-20.0 <= peak <= -19.99 for peak in measures.peak_dbfs)
    assert all(level == round(level, 2) for level in measures.energy_lufs)


def test_the_last_bin_may_be_shorter_and_counts_by_its_own_length():
    measures = measure_take(tone(1.03), RATE)
    assert len(measures.energy_lufs) == 11
    assert measures.energy_lufs[10] == pytest.approx(measures.energy_lufs[5], abs=0.3)


@pytest.mark.parametrize(("lead", "tail"), [(0.0, 0.0), (0.25, 0.1), (0.013, 0.777)])
def test_onset_and_offset_bound_the_speech(lead: float, tail: float):
    silence = [np.zeros(round(seconds * RATE), np.float32) for seconds in (lead, tail)]
    samples = np.concatenate([silence[0], tone(0.5), silence[1]])
    measures = measure_take(samples, RATE)
    window = 0.005 * RATE + 1
    assert silence[0].size - window <= measures.onset <= silence[0].size
    assert samples.size - silence[1].size <= measures.offset <= samples.size - silence[1].size + window


def test_a_faint_hiss_is_not_speech():
    hiss = 10 ** (-66 / 20) * np.random.default_rng(0).standard_normal(RATE)
    samples = np.concatenate([hiss, tone(0.5), hiss]).astype(np.float32)
    measures = measure_take(samples, RATE)
    assert measures.onset == pytest.approx(RATE, abs=0.006 * RATE)
    assert measures.offset == pytest.approx(1.5 * RATE, abs=0.006 * RATE)


@pytest.mark.parametrize("frames", [1, 100, 2205, 50_000])
def test_silence_is_minus_120_and_has_no_speech(frames: int):
    measures = measure_take(np.zeros(frames, np.float32), RATE)
    assert (measures.onset, measures.offset) == (0, 0)
    assert set(measures.energy_lufs) == set(measures.peak_dbfs) == {-120.0}


def test_nothing_at_all_has_no_bins():
    measures = measure_take(np.zeros(0, np.float32), RATE)
    assert measures.energy_lufs == measures.peak_dbfs == ()
