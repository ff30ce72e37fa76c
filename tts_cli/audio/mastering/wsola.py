"""Speech made faster or slower at the same pitch, with numpy alone: an engine's own environment has no ffmpeg.

Waveform similarity overlap-add (Verhelst and Roelands, 1993): overlapping windows are taken from the input at another
pace than they are laid down, each moved by up to 10 ms to where it continues the last one best.
"""

import numpy as np

from tts_cli.audio.samples import Samples

WINDOW_S = 0.03
SEARCH_S = 0.01


def change_pace(samples: Samples, sample_rate: int, pace: float) -> Samples:
    """Return mono samples [n] as [round(n / pace)]; 1.25 is a quarter faster."""
    length = round(len(samples) / pace)
    hop = round(WINDOW_S * sample_rate / 2)
    search = round(SEARCH_S * sample_rate)
    if pace == 1.0 or len(samples) <= 2 * hop:
        return samples
    padded = np.concatenate((np.zeros(search, np.float32), samples, np.zeros(3 * hop + 2 * search, np.float32)))
    window = (0.5 - 0.5 * np.cos(np.pi * np.arange(2 * hop) / hop)).astype(np.float32)
    window[:hop], first = window[:hop], window.copy()
    first[:hop] = 1.0
    made = np.zeros(length + 2 * hop, np.float32)
    place = 0  # where the last window began in the input, from its own start on
    for start in range(0, length, hop):
        if start:
            around = min(round(start * pace), len(samples))
            place = around + _best_shift(padded, search, around, place + hop, 2 * hop) if around else 0
        at = place + search
        made[start : start + 2 * hop] += padded[at : at + 2 * hop] * (window if start else first)
    return made[:length]


def _best_shift(padded: Samples, search: int, around: int, continued: int, size: int) -> int:
    """Return by how much (-search to search) a window around a place must move to be most like what would follow."""
    target = padded[continued + search :][:size]
    candidates = padded[around : around + 2 * search + len(target)]
    likeness = np.correlate(candidates, target, "valid")
    energy = np.concatenate(([0.0], np.cumsum(candidates.astype(np.float64) ** 2)))
    energy = energy[len(target) :] - energy[: -len(target)]
    return int(np.argmax(likeness / np.sqrt(energy[: len(likeness)] + 1e-9))) - search
