"""A take brought to its place: resampled to an exact length, faded, made faster or slower at the same pitch."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from tts_cli.audio.io.ffmpeg import FfmpegError, filtered
from tts_cli.audio.samples import Samples
from tts_cli.errors import OutputError

if TYPE_CHECKING:
    from tts_cli.types import Stretcher


def fit_length(samples: Samples, length: int, source_hz: int, target_hz: int) -> Samples:
    """Resample mono samples [n] so that they fill exactly `length` samples of the target rate.

    A length within a sample of n * target / source is plain resampling; any other stretches time and pitch alike.
    """
    import soxr

    if not samples.size or not length:
        return np.zeros(length, np.float32)
    # More than a sample of difference is meant: the resampler is then told the two lengths as if they were rates.
    if abs(length - samples.size * target_hz / source_hz) > 1:
        source_hz, target_hz = samples.size, length
    # Without a change of rate the samples keep their bits.
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
    # Half a sample in, the rise and its mirror add up to 1, and no sample is spent on a zero.
    rise = (0.5 - 0.5 * np.cos(np.pi * (np.arange(frames) + 0.5) / frames)).astype(np.float32)
    samples[:frames] *= rise
    samples[samples.size - frames :] *= rise[::-1]


# --- another pace at the same pitch, by ffmpeg: as long as it should be, to the sample --------------------


# Of rubberband's ways only this one keeps both the pitch and the beginnings of sounds.
_OPTIONS: Mapping["Stretcher", Mapping[str, str]] = {
    "atempo": {},
    "rubberband": {"transients": "mixed"},
}
_AFTER_S = 0.2  # atempo ends up to 35 ms early or late; with silence behind it, nothing of the speech is missing


def stretch(samples: Samples, sample_rate: int, tempo: float, stretcher: "Stretcher") -> Samples:
    """Return mono samples [n] as [round(n / tempo)]; raises OutputError where ffmpeg cannot.

    Both keep the beginning where it is; atempo moves what follows by some 5 ms at most, rubberband by 15 ms.
    """
    length = round(samples.size / tempo)
    padded = np.append(samples, np.zeros(round(_AFTER_S * sample_rate), np.float32))
    try:
        faster = filtered(padded, sample_rate, stretcher, tempo=tempo, **_OPTIONS[stretcher])
    except FfmpegError as error:
        raise OutputError(f"a line cannot be stretched by {stretcher}: {error}") from error
    fitted = np.zeros(length, np.float32)
    # The filter ends some milliseconds early or late; the timeline needs exactly so many samples.
    fitted[: faster.size] = faster[:length]
    return fitted


# --- and by numpy alone: an engine's own environment has no ffmpeg ----------------------------------------


# A window holds two periods of a voice of 67 Hz; a search to either side covers a whole period down to 50 Hz.
WINDOW_S = 0.03
SEARCH_S = 0.01


def change_pace(samples: Samples, sample_rate: int, pace: float) -> Samples:
    """Return mono samples [n] as [round(n / pace)]; 1.25 is a quarter faster."""
    length = round(len(samples) / pace)
    hop = round(WINDOW_S * sample_rate / 2)
    search = round(SEARCH_S * sample_rate)
    if pace == 1.0 or len(samples) <= 2 * hop:
        return samples
    # Zeros on both sides keep every window and every search inside the array.
    padded = np.concatenate((np.zeros(search, np.float32), samples, np.zeros(3 * hop + 2 * search, np.float32)))
    window = (0.5 - 0.5 * np.cos(np.pi * np.arange(2 * hop) / hop)).astype(np.float32)
    window[:hop], first = window[:hop], window.copy()
    # The first window has nothing in front of it to fade over from.
    first[:hop] = 1.0
    made = np.zeros(length + 2 * hop, np.float32)
    place = 0  # where the last window began in the input, from its own start on
    for start in range(0, length, hop):
        if start:
            # Rounded anew from the start each time: adding up rounded steps would drift.
            around = min(round(start * pace), len(samples))
            # Compared is what would follow the last window in the input: the join sounds as if nothing were left out.
            place = around + _best_shift(padded, search, around, place + hop, 2 * hop) if around else 0
        at = place + search
        # Hann windows that overlap by half add up to 1, so no level has to be restored.
        made[start : start + 2 * hop] += padded[at : at + 2 * hop] * (window if start else first)
    return made[:length]


def _best_shift(padded: Samples, search: int, around: int, continued: int, size: int) -> int:
    """Return by how much (-search to search) a window around a place must move to be most like what would follow."""
    target = padded[continued + search :][:size]
    candidates = padded[around : around + 2 * search + len(target)]
    likeness = np.correlate(candidates, target, "valid")
    # A running sum gives each candidate's energy in one pass; in float32 its differences would lose their digits.
    energy = np.concatenate(([0.0], np.cumsum(candidates.astype(np.float64) ** 2)))
    energy = energy[len(target) :] - energy[: -len(target)]
    # Without the division a loud candidate beats a similar one; the small term is for silence.
    return int(np.argmax(likeness / np.sqrt(energy[: len(likeness)] + 1e-9))) - search
