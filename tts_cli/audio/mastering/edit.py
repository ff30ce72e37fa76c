"""Cutting a take to its place: resampling to an exact length, and short fades."""

import numpy as np

from tts_cli.audio.samples import Samples


def fit_length(samples: Samples, length: int, source_hz: int, target_hz: int) -> Samples:
    """Resample mono samples [n] so that they fill exactly `length` samples of the target rate.

    A length within a sample of n * target / source is plain resampling; any other stretches time and pitch alike.
    """
    import soxr

    if not samples.size or not length:
        return np.zeros(length, np.float32)
    if abs(length - samples.size * target_hz / source_hz) > 1:
        source_hz, target_hz = samples.size, length
    if source_hz == target_hz:
        return _padded(samples, length)
    return _padded(soxr.resample(samples, source_hz, target_hz, quality="HQ"), length)


def _padded(samples: Samples, length: int) -> Samples:
    """Cut or fill with silence: what is left of a rounding, a sample at most."""
    fitted = np.zeros(length, np.float32)
    count = min(length, samples.size)
    fitted[:count] = samples[:count]
    return fitted


def fade_edges(samples: Samples, frames: int) -> None:
    """Fade the first and last `frames` samples in place, as raised cosines; never more than half of each."""
    frames = min(frames, samples.size // 2)
    if frames <= 0:
        return
    rise = (0.5 - 0.5 * np.cos(np.pi * (np.arange(frames) + 0.5) / frames)).astype(np.float32)
    samples[:frames] *= rise
    samples[samples.size - frames :] *= rise[::-1]
