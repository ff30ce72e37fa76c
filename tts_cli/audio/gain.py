"""Finds the gain that gives a limited programme its loudness, from stored measures and the few clips that matter."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tts_cli.audio.limiter import make_limiter
from tts_cli.audio.loudness import gated_loudness
from tts_cli.audio.measure import LUFS_OF_FULL_SCALE_POWER, SILENCE_DB
from tts_cli.audio.mix import ReadTake, in_order, read_samples
from tts_cli.audio.truepeak import HOP, hop_peaks
from tts_cli.audio.weighting import BINS_PER_SECOND, Samples
from tts_cli.types import Clip, Timeline

Powers = npt.NDArray[np.float32]

MOST_GAIN_DB = 40.0
"""A quieter programme stays quieter than its target; noise is not raised without end."""

_STEPS_DB = (0.0, 0.5, 1.0, 2.0, 3.0)
_ROUNDS = 4
_BETWEEN_SAMPLES_DB = 1.0  # by so much may speech peak above its samples; the render itself trusts no such number


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """What a programme shall measure: loudness, true peak, and over how many equal channels."""

    loudness_lufs: float
    ceiling_dbtp: float
    channels: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """The gain in dB before the limiter, and the loudness it will give: the aim's, or as near as it gets."""

    gain_db: float
    loudness_lufs: float


def find_gain(timeline: Timeline, aim: Aim, read_take: ReadTake, pool: ThreadPoolExecutor) -> Gain:
    """Return the gain that brings the limited programme to the aim's loudness.

    Silence gets 0 dB (and has a loudness of -inf). No programme gets more than 40 dB, nor more than 12 dB beyond
    what it would need without a limiter.
    """
    programme = _Programme(timeline)
    for clip in timeline.clips:
        programme.add(clip, _stored_powers(clip)[None, :])
    # Judged as loud as it may become: the absolute gate then means what it will mean after the gain.
    loudness = programme.loudness(aim.channels, np.array([MOST_GAIN_DB]))[0] - MOST_GAIN_DB
    if np.isinf(loudness):
        return Gain(gain_db=0.0, loudness_lufs=-np.inf)
    gain_db = min(aim.loudness_lufs - float(loudness), MOST_GAIN_DB)
    for _ in range(_ROUNDS):
        gains_db = np.minimum(gain_db + np.array(_STEPS_DB), MOST_GAIN_DB)
        reached = _survey(timeline, aim, gains_db, read_take, pool)
        if reached[-1] >= aim.loudness_lufs or gains_db[-1] == MOST_GAIN_DB:
            break
        gain_db = float(gains_db[-1])
    reached = np.maximum.accumulate(reached)
    return Gain(
        gain_db=float(np.interp(aim.loudness_lufs, reached, gains_db)),
        loudness_lufs=min(aim.loudness_lufs, float(reached[-1])),
    )


def _survey(
    timeline: Timeline, aim: Aim, gains_db: npt.NDArray[np.float64], read_take: ReadTake, pool: ThreadPoolExecutor
) -> npt.NDArray[np.float64]:
    """Return the loudness that the limited programme would have at each gain; decodes only clips near the ceiling."""
    programme = _Programme(timeline, len(gains_db))
    for clip in timeline.clips:
        if not _is_near(clip, aim, gains_db[-1]):
            programme.add(clip, _stored_powers(clip)[None, :])

    def kept(clip: Clip) -> tuple[Clip, Powers]:
        samples, sample_rate = read_samples(clip.take, read_take)
        return clip, kept_power(samples, sample_rate, gains_db + clip.gain_db, aim.ceiling_dbtp)

    near = (clip for clip in timeline.clips if _is_near(clip, aim, gains_db[-1]))
    for clip, share in in_order(pool, kept, near):
        programme.add(clip, share * _stored_powers(clip))
    return programme.loudness(aim.channels, gains_db)


def _is_near(clip: Clip, aim: Aim, gain_db: float) -> bool:
    """Say whether the limiter may touch the clip at that gain."""
    loudest = max(clip.take.measures.peak_dbfs, default=SILENCE_DB)
    return loudest + clip.gain_db + gain_db + _BETWEEN_SAMPLES_DB > aim.ceiling_dbtp


def kept_power(samples: Samples, sample_rate: int, gains_db: npt.NDArray[np.float64], ceiling_dbtp: float) -> Powers:
    """Return the share of each 100 ms bin's power that the limiter leaves at each gain; [gains, bins].

    Heard before resampling and alone, which is near enough for a loudness.
    """
    limiter = make_limiter(sample_rate, ceiling_dbtp)
    context = limiter.context_samples
    padded = np.zeros(2 * context + -(-samples.size // HOP) * HOP, np.float32)
    padded[context : context + samples.size] = samples
    gains = 10 ** (gains_db / 20)
    peaks = hop_peaks(padded, limiter.ceiling / float(gains.max()))
    hops = padded[context : padded.size - context].reshape(-1, HOP)
    power = np.einsum("hs,hs->h", hops, hops)
    bins = -(-samples.size * BINS_PER_SECOND // sample_rate)
    starts = np.minimum(np.arange(bins) * sample_rate // BINS_PER_SECOND // HOP, len(hops) - 1)
    whole = np.maximum(np.add.reduceat(power, starts), np.finfo(np.float32).tiny)
    rows = []
    for gain in gains:
        borders = limiter.border_gains(peaks, float(gain))
        middle = (borders[1:] + borders[:-1]) / 2
        rows.append(np.minimum(np.add.reduceat(power * middle * middle, starts) / whole, 1))
    return np.stack(rows)


def _stored_powers(clip: Clip) -> Powers:
    """Return the K-weighted mean squares of the take's 100 ms bins; [bins]."""
    levels = np.array(clip.take.measures.energy_lufs, np.float32)
    return np.where(levels > SILENCE_DB, 10 ** ((levels - LUFS_OF_FULL_SCALE_POWER) / 10), 0).astype(np.float32)


class _Programme:
    """The K-weighted power of a programme on its own 100 ms bins, at several gains; [gains, bins]."""

    def __init__(self, timeline: Timeline, gains: int = 1) -> None:
        self._rate = timeline.sample_rate
        bins = -(-timeline.length * BINS_PER_SECOND // self._rate)
        self._powers = np.zeros((gains, bins), np.float32)

    def add(self, clip: Clip, powers: Powers) -> None:
        """Add a clip's power, given on the bins of its take [gains or 1, bins], where the clip lies."""
        if not powers.size or not clip.length:
            return
        first = clip.start * BINS_PER_SECOND // self._rate
        last = min(-(-(clip.start + clip.length) * BINS_PER_SECOND // self._rate), self._powers.shape[1])
        borders = np.arange(first, last + 1) * (self._rate / BINS_PER_SECOND)
        inside = np.clip(borders - clip.start, 0, clip.length) * (clip.trim_length / clip.length)
        take_bins = (clip.trim + inside) * (BINS_PER_SECOND / clip.take.sample_rate)
        stretch = clip.length * clip.take.sample_rate / (clip.trim_length * self._rate)
        gain = 10 ** (clip.gain_db / 10)
        self._powers[:, first:last] += np.diff(_running_energy(powers, take_bins)) * (gain * stretch)

    def loudness(self, channels: int, gains_db: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the integrated loudness of each row at its gain."""
        rows = np.broadcast_to(self._powers, (len(gains_db), self._powers.shape[1]))
        scales = channels * 10 ** (gains_db / 10)
        return np.array([gated_loudness(row * scale) for row, scale in zip(rows, scales, strict=True)])


def _running_energy(powers: Powers, positions: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the energy before each position, counted in bins, of power that is even within a bin; [gains, n]."""
    whole = np.minimum(positions.astype(np.intp), powers.shape[1] - 1)
    before = np.zeros((powers.shape[0], powers.shape[1] + 1))
    np.cumsum(powers, axis=1, dtype=np.float64, out=before[:, 1:])
    energy: npt.NDArray[np.float64] = before[:, whole] + powers[:, whole] * (positions - whole)
    return energy
