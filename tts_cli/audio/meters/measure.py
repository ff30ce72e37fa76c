"""What is measured when a take is made, so that mastering need not decode it again; numpy alone, for workers."""

import numpy as np
import numpy.typing as npt

from tts_cli.audio.meters.weighting import BINS_PER_SECOND, KWeighting, bin_edges
from tts_cli.audio.samples import Samples
from tts_cli.types import Measures

SILENCE_DB = -120.0
LUFS_OF_FULL_SCALE_POWER = -0.691
"""The constant of BS.1770-4: a mean square of 1 after K-weighting reads so many LUFS."""

_SPEECH_DBFS = -60.0
_WINDOW_S = 0.005
# Full scale in 16 bits is 0.99997, so a little less than that counts as well.
_FULL_SCALE = 0.999
_TAIL_S = 0.003
_LEAST_OFFSET = 0.003  # -50 dBFS
_BINS_AT_ONCE = 600  # a minute: a recording of an hour is measured in little more memory than a sentence


def take_out_offset(samples: Samples) -> tuple[Samples, float]:
    """Return samples [frames] around zero, and the DC offset that they had: 0 where it is too small to matter.

    It is not heard, but peaks are measured from zero: a limiter would turn the whole recording down for it.
    """
    offset = float(samples.mean(dtype=np.float64)) if samples.size else 0.0
    if not abs(offset) >= _LEAST_OFFSET:  # nor is one that is no number
        return samples, 0.0
    return (samples - np.float32(offset)).astype(np.float32), offset


def measure_take(samples: Samples, sample_rate: int) -> Measures:
    """Measure a mono take [frames]: where its speech begins and ends, and its 100 ms bins."""
    onset, offset = speech_bounds(samples, sample_rate)
    bins = -(-samples.size * BINS_PER_SECOND // sample_rate)
    edges = np.append(bin_edges(0, bins, sample_rate), samples.size)
    # One filter for all pieces, as it carries its memory across the cuts.
    weigh = KWeighting(sample_rate)
    powers, peaks = np.zeros(bins), np.zeros(bins)
    for first in range(0, bins, _BINS_AT_ONCE):
        last = min(first + _BINS_AT_ONCE, bins)
        piece = samples[edges[first] : edges[last]]
        starts = edges[first:last] - edges[first]
        weighted = weigh(piece)
        powers[first:last] = np.add.reduceat(weighted * weighted, starts, dtype=np.float64)
        peaks[first:last] = np.maximum.reduceat(np.abs(piece), starts)
    return Measures(
        onset=onset,
        offset=offset,
        # Rounded up: a stored level may promise too much, but never too little.
        energy_lufs=_rounded_up(LUFS_OF_FULL_SCALE_POWER + _decibels(powers / np.diff(edges))),
        # Peaks are amplitudes, and `_decibels` takes powers.
        peak_dbfs=_rounded_up(2 * _decibels(peaks)),
        clipped=int(np.count_nonzero(np.abs(samples) >= _FULL_SCALE)),
        dc=round(float(samples.mean(dtype=np.float64)), 4) if samples.size else 0.0,
        tail_dbfs=_rms_dbfs(samples[-max(1, round(_TAIL_S * sample_rate)) :]),
    )


def speech_bounds(samples: Samples, sample_rate: int) -> tuple[int, int]:
    """Return onset and offset of the speech in samples, by 5 ms windows above -60 dBFS RMS; silence is (0, 0)."""
    window = max(1, round(_WINDOW_S * sample_rate))
    whole = samples[: samples.size // window * window].reshape(-1, window)
    rest = samples[whole.size :]
    # Energies are compared, not levels: no window needs a logarithm.
    energy = np.append(np.einsum("ws,ws->w", whole, whole), rest @ rest)
    loud = np.flatnonzero(energy > window * 10 ** (_SPEECH_DBFS / 10))
    if not loud.size:
        return 0, 0
    return int(loud[0]) * window, min(int(loud[-1] + 1) * window, samples.size)


def _rms_dbfs(samples: Samples) -> float:
    power = samples @ samples / samples.size if samples.size else 0.0
    return round(float(_decibels(np.array([power]))[0]), 2)


def _decibels(power: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Return 10 log10 of power, silence as -120."""
    return np.asarray(10 * np.log10(np.maximum(power, 10 ** (SILENCE_DB / 10))), np.float64)


def _rounded_up(levels_db: npt.NDArray[np.float64]) -> tuple[float, ...]:
    """Round up to 0.01 dB, never below silence."""
    # Without the small term, rounding would push up a level that is exact already.
    raised = np.round(np.ceil(levels_db * 100 - 1e-6) / 100, 2)
    return tuple(float(level) for level in np.maximum(raised, SILENCE_DB))
