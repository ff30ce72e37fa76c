"""Pace without pitch: as long as it should be, the same notes, nothing but what went in."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tts_cli.audio.mastering.edit import change_pace

RATE = 24_000


def tone(hz: float, seconds: float) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def loudest_hz(samples: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * RATE / len(samples))


@pytest.mark.parametrize("pace", [0.5, 0.8, 0.93, 1.06, 1.25, 2.0])
def test_a_note_keeps_its_pitch_and_level(pace) -> None:
    changed = change_pace(tone(220, 2.0), RATE, pace)
    assert len(changed) == round(2.0 * RATE / pace)
    middle = changed[2000:-2000]
    assert loudest_hz(middle) == pytest.approx(220, abs=2)
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.05)


@pytest.mark.parametrize("pace", [0.7, 1.4])
def test_what_comes_first_stays_first(pace) -> None:
    samples = np.concatenate([tone(200, 0.6), np.zeros(RATE // 2, np.float32), tone(500, 0.6)])
    changed = change_pace(samples, RATE, pace)
    cut = round(0.85 * RATE / pace)
    assert loudest_hz(changed[: cut - 8000]) == pytest.approx(200, abs=5)
    assert loudest_hz(changed[cut + 8000 :]) == pytest.approx(500, abs=5)
    assert np.abs(changed[cut - 1000 : cut + 1000]).max() < 1e-3


def test_the_usual_pace_changes_no_bit() -> None:
    samples = tone(300, 0.4)
    assert np.array_equal(change_pace(samples, RATE, 1.0), samples)


@given(length=st.integers(0, 30_000), pace=st.floats(0.5, 2.0))
@settings(max_examples=40, deadline=None)
def test_any_length_at_any_pace_is_finite_and_not_louder(length, pace) -> None:
    samples = np.random.default_rng(length).uniform(-0.5, 0.5, length).astype(np.float32)
    changed = change_pace(samples, RATE, pace)
    assert changed.dtype == np.float32
    assert np.isfinite(changed).all()
    assert np.abs(changed).max(initial=0.0) <= 1.01
    if length > 2 * round(0.015 * RATE):
        assert len(changed) == round(length / pace)
