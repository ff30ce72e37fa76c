"""Takes are made to fit exactly, and their edges faded."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tts_cli.audio.mastering.edit import fade_edges, fit_length


def tone(frames: int, rate: int, hertz: float = 300.0) -> np.ndarray:
    return np.sin(2 * np.pi * hertz * np.arange(frames) / rate).astype(np.float32)


@settings(deadline=None)
@given(
    frames=st.integers(0, 9_000),
    source=st.sampled_from([8_000, 16_000, 22_050, 24_000, 48_000]),
    target=st.sampled_from([22_050, 44_100, 48_000]),
    extra=st.integers(-1, 400),
)
def test_the_length_is_exact(frames: int, source: int, target: int, extra: int):
    length = max(0, -(-frames * target // source) + extra)
    assert fit_length(np.ones(frames, np.float32), length, source, target).shape == (length,)


@pytest.mark.parametrize(("source", "target"), [(22_050, 44_100), (24_000, 44_100), (48_000, 44_100), (44_100, 44_100)])
def test_resampling_keeps_pitch_and_level(source: int, target: int):
    fitted = fit_length(tone(source, source), target, source, target)
    inner = slice(target // 10, -target // 10)
    assert fitted[inner] == pytest.approx(tone(target, target)[inner], abs=2e-3)


def test_any_other_length_stretches():
    fitted = fit_length(tone(24_000, 24_000), 26_400, 24_000, 24_000)
    inner = slice(2_000, -2_000)
    assert fitted[inner] == pytest.approx(tone(26_400, 26_400)[inner], abs=2e-3)


def test_fades_are_raised_cosines_at_both_ends():
    samples = np.ones(1000, np.float32)
    fade_edges(samples, 100)
    assert samples[0] < 0.001
    assert samples[49:51].mean() == pytest.approx(0.5, abs=0.01)
    assert np.all(samples[100:900] == 1)
    assert np.array_equal(samples, samples[::-1])


@pytest.mark.parametrize("frames", [0, 1, 2, 3, 7])
def test_a_clip_shorter_than_its_fades_survives(frames: int):
    samples = np.ones(frames, np.float32)
    fade_edges(samples, 100)
    assert np.all((samples >= 0) & (samples <= 1))
