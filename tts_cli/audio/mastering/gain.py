"""Finds the gain that gives a limited programme its loudness, from stored measures and the few clips that matter."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tts_cli.audio.mastering.limiter import make_limiter
from tts_cli.audio.mastering.mix import ReadTake, in_order, read_samples
from tts_cli.audio.meters.loudness import gated_loudness
from tts_cli.audio.meters.measure import LUFS_OF_FULL_SCALE_POWER, SILENCE_DB
from tts_cli.audio.meters.truepeak import HOP, hop_peaks
from tts_cli.audio.meters.weighting import BINS_PER_SECOND
from tts_cli.audio.samples import Samples
from tts_cli.types import Clip, Timeline

Powers = npt.NDArray[np.float32]
Levels = npt.NDArray[np.float64]

MOST_GAIN_DB = 40.0
"""A quieter programme stays quieter than its target; noise is not raised without end."""

# Steps grow, as the harder the limiter works, the less a decibel of gain adds to the loudness.
_STEPS_DB = (0.0, 0.5, 1.0, 2.0, 3.0, 4.5, 6.0, 9.0, 12.0)
# A clip that stays below the ceiling at this step has little to teach about the limiter.
_LIKELY_STEP_DB = 3.0
# Each heard clip has to be decoded, and a book has thousands.
_HEARD_CLIPS = 100
_BETWEEN_SAMPLES_DB = 1.0  # by so much may speech peak above its samples; the render itself trusts no such number
_EXCESS_DB = np.arange(-_BETWEEN_SAMPLES_DB, 30, 0.5)


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
    gains_db = np.minimum(aim.loudness_lufs - loudness + np.array(_STEPS_DB), MOST_GAIN_DB)
    # Guessed shares may dip a little, and np.interp needs numbers that never fall.
    reached = np.maximum.accumulate(_limited_loudness(timeline, aim, gains_db, read_take, pool))
    return Gain(
        gain_db=float(np.interp(aim.loudness_lufs, reached, gains_db)),
        loudness_lufs=min(aim.loudness_lufs, float(reached[-1])),
    )


def _limited_loudness(
    timeline: Timeline, aim: Aim, gains_db: Levels, read_take: ReadTake, pool: ThreadPoolExecutor
) -> Levels:
    """Return the loudness that the limited programme would have at each gain.

    A hundred of the clips near the ceiling are heard. From them is learned what share of a bin's power the limiter
    leaves, by how far the bin's peak lies above the ceiling; the stored measures of all other clips do the rest.
    """

    def heard(clip: Clip) -> tuple[Clip, Powers]:
        samples, sample_rate = read_samples(clip.take, read_take)
        return clip, kept_power(samples, sample_rate, gains_db + clip.gain_db, aim.ceiling_dbtp)

    likely_db = gains_db[0] + _LIKELY_STEP_DB
    near = [clip for clip in timeline.clips if _excess_db(clip, aim, likely_db).max(initial=-np.inf) > 0]
    # Every n-th, as voices and chapters differ; a slice must not have a step of 0 where there is none.
    chosen = near[:: -(-len(near) // _HEARD_CLIPS) or 1]
    # By identity: one take may be placed twice, at different gains.
    kept = {id(clip): share for clip, share in in_order(pool, heard, chosen)}
    learned = _learn(chosen, kept, aim, gains_db)
    programme = _Programme(timeline, len(gains_db))
    for clip in timeline.clips:
        heard_share = kept.get(id(clip))
        guessed = heard_share is None
        share = np.interp(_excess_db(clip, aim, gains_db), _EXCESS_DB, learned) if guessed else heard_share
        programme.add(clip, np.asarray(share, np.float32) * _stored_powers(clip))
    return programme.loudness(aim.channels, gains_db)


def _learn(clips: Sequence[Clip], kept: Mapping[int, Powers], aim: Aim, gains_db: Levels) -> Levels:
    """Return the share of power that bins keep, on average, at each of the excesses of `_EXCESS_DB`."""
    count = len(_EXCESS_DB)
    whole, left = np.zeros(count), np.zeros(count)
    for clip in clips:
        places = np.rint((_excess_db(clip, aim, gains_db) - _EXCESS_DB[0]) / (_EXCESS_DB[1] - _EXCESS_DB[0]))
        # What lies beyond the table counts at its ends.
        places = np.clip(places, 0, count - 1).astype(np.intp).reshape(-1)
        power = np.broadcast_to(_stored_powers(clip), kept[id(clip)].shape)
        whole += np.bincount(places, power.reshape(-1), count)
        left += np.bincount(places, (power * kept[id(clip)]).reshape(-1), count)
    known = whole > 0
    # Bins far below the ceiling keep all of their power, whether one was heard or not: the curve needs a left end.
    known[0], whole[0], left[0] = True, 1, 1
    # An excess that no heard clip has lies on a straight line between its neighbours.
    return np.asarray(np.interp(_EXCESS_DB, _EXCESS_DB[known], left[known] / whole[known]))


def _excess_db(clip: Clip, aim: Aim, gains_db: Levels | float) -> Levels:
    """Return how far above the ceiling each bin of a clip would peak at each gain; [gains, bins] or [bins]."""
    peaks = np.array(clip.take.measures.peak_dbfs) + clip.gain_db - aim.ceiling_dbtp
    excess: Levels = np.add.outer(gains_db, peaks)
    return excess


def kept_power(samples: Samples, sample_rate: int, gains_db: npt.NDArray[np.float64], ceiling_dbtp: float) -> Powers:
    """Return the share of each 100 ms bin's power that the limiter leaves at each gain; [gains, bins].

    Heard before resampling and alone, which is near enough for a loudness.
    """
    limiter = make_limiter(sample_rate, ceiling_dbtp)
    context = limiter.context_samples
    padded = np.zeros(2 * context + -(-samples.size // HOP) * HOP, np.float32)
    padded[context : context + samples.size] = samples
    gains = 10 ** (gains_db / 20)
    # One search serves all gains: what stays below the ceiling at the highest gain does so at every other.
    peaks = hop_peaks(padded, limiter.ceiling / float(gains.max()))
    hops = padded[context : padded.size - context].reshape(-1, HOP)
    power = np.einsum("hs,hs->h", hops, hops)
    bins = -(-samples.size * BINS_PER_SECOND // sample_rate)
    # The last bin may begin behind the last hop, where reduceat takes no start.
    starts = np.minimum(np.arange(bins) * sample_rate // BINS_PER_SECOND // HOP, len(hops) - 1)
    # A silent bin would divide by zero.
    whole = np.maximum(np.add.reduceat(power, starts), np.finfo(np.float32).tiny)
    rows = []
    for gain in gains:
        borders = limiter.border_gains(peaks, float(gain))
        # The gain is a straight line across a hop: its middle is near enough for a power.
        middle = (borders[1:] + borders[:-1]) / 2
        rows.append(np.minimum(np.add.reduceat(power * middle * middle, starts) / whole, 1))
    return np.stack(rows)


def _stored_powers(clip: Clip) -> Powers:
    """Return the K-weighted mean squares of the take's 100 ms bins; [bins]."""
    levels = np.array(clip.take.measures.energy_lufs, np.float32)
    # Silence is stored as -120 dB and has no power at all, or long pauses would add up.
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
        # The programme's bins and the take's never line up, so energy is read off a running sum at any place.
        borders = np.arange(first, last + 1) * (self._rate / BINS_PER_SECOND)
        inside = np.clip(borders - clip.start, 0, clip.length) * (clip.trim_length / clip.length)
        take_bins = (clip.trim + inside) * (BINS_PER_SECOND / clip.take.sample_rate)
        # Energy counts in bins of the take; a clip that lasts longer in the programme has more of it there.
        stretch = clip.length * clip.take.sample_rate / (clip.trim_length * self._rate)
        gain = 10 ** (clip.gain_db / 10)
        self._powers[:, first:last] += np.diff(_running_energy(powers, take_bins)) * (gain * stretch)

    def loudness(self, channels: int, gains_db: Levels) -> Levels:
        """Return the integrated loudness of each row at its gain."""
        rows = np.broadcast_to(self._powers, (len(gains_db), self._powers.shape[1]))
        scales = channels * 10 ** (gains_db / 10)
        return np.array([gated_loudness(row * scale) for row, scale in zip(rows, scales, strict=True)])


def _running_energy(powers: Powers, positions: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the energy before each position, counted in bins, of power that is even within a bin; [gains, n]."""
    # A position at the very end belongs to the last bin.
    whole = np.minimum(positions.astype(np.intp), powers.shape[1] - 1)
    before = np.zeros((powers.shape[0], powers.shape[1] + 1))
    np.cumsum(powers, axis=1, dtype=np.float64, out=before[:, 1:])
    energy: npt.NDArray[np.float64] = before[:, whole] + powers[:, whole] * (positions - whole)
    return energy
