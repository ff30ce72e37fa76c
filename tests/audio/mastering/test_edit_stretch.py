"""Time-stretch: the asked length to the sample, the same pitch, the beginning where it was."""

import numpy as np
import pytest

from tts_cli.audio.io.ffmpeg import FfmpegError, filtered, has_filter
from tts_cli.audio.mastering.edit import stretch

RATE = 22_050
STRETCHERS = [
    "atempo",
    pytest.param("rubberband", marks=pytest.mark.skipif(not has_filter("rubberband"), reason="not in this ffmpeg")),
]


def syllables(hz=140.0):
    """Three seconds of bursts, the first 10 ms after the start."""
    time = np.arange(3 * RATE) / RATE
    tone = 0.4 * np.sin(2 * np.pi * hz * time) + 0.2 * np.sin(2 * np.pi * 5 * hz * time)
    return (tone * ((time - 0.01) % 0.24 < 0.16) * (time >= 0.01)).astype(np.float32)


def onset(samples):
    return np.flatnonzero(np.abs(samples) > 0.05)[0] / RATE


@pytest.mark.parametrize("stretcher", STRETCHERS)
@pytest.mark.parametrize("tempo", [0.95, 1.01, 1.15, 1.25, 1.4])
def test_the_length_is_exact_and_nothing_moves_far(stretcher, tempo):
    samples = syllables()
    faster = stretch(samples, RATE, tempo, stretcher)
    assert faster.dtype == np.float32
    assert faster.size == round(samples.size / tempo)
    assert onset(faster) == pytest.approx(0.01, abs=0.006)
    last = np.flatnonzero(np.abs(samples) > 0.05)[-1] / RATE / tempo
    assert np.flatnonzero(np.abs(faster) > 0.05)[-1] / RATE == pytest.approx(last, abs=0.02)


@pytest.mark.parametrize("stretcher", STRETCHERS)
def test_the_pitch_stays(stretcher):
    time = np.arange(2 * RATE) / RATE
    tone = (0.5 * np.sin(2 * np.pi * 200 * time)).astype(np.float32)
    faster = stretch(tone, RATE, 1.3, stretcher)
    spectrum = np.abs(np.fft.rfft(faster * np.hanning(faster.size)))
    assert np.argmax(spectrum) * RATE / faster.size == pytest.approx(200, abs=2)


def test_a_very_short_sound_survives():
    assert stretch(np.ones(7, np.float32), RATE, 1.4, "atempo").size == 5
    assert stretch(np.zeros(0, np.float32), RATE, 1.4, "atempo").size == 0


def test_a_filter_that_is_not_there_is_told():
    assert has_filter("atempo")
    assert not has_filter("no-such-filter")
    with pytest.raises(FfmpegError):
        filtered(np.zeros(10, np.float32), RATE, "nosuchfilter", tempo=1.0)
