"""True peaks: fourfold oversampling of just those hops whose samples leave a louder peak possible."""

import numpy as np
import numpy.typing as npt

from tts_cli.audio.samples import Samples

# A power of two, as `_loudest` halves it.
HOP = 32
"""Peaks are found per hop of so many samples; a hop's peaks reach up to the first sample of the next."""

# The oversampling that annex 2 of BS.1770-4 describes for 48 kHz.
_FACTOR = 4
_REACH = 12  # samples on either side that an interpolated point depends on
_KAISER_BETA = 5.0
_ROWS = 48  # hops per matrix product: small enough that no BLAS spreads it over threads


def _interpolator() -> npt.NDArray[np.float32]:
    """Return the windowed sinc's taps, shape [phases, 2 * _REACH]: 1/4, 2/4 and 3/4 of a sample on."""
    phases = np.arange(1, _FACTOR)[:, None] / _FACTOR
    distance = np.arange(1 - _REACH, 1 + _REACH)[None, :] - phases
    window = np.i0(_KAISER_BETA * np.sqrt(1 - (distance / _REACH) ** 2)) / np.i0(_KAISER_BETA)
    taps = np.sinc(distance) * window
    # Each phase adds up to 1, so that a constant signal stays what it is.
    return np.asarray(taps / taps.sum(axis=1, keepdims=True), np.float32)


def _hop_matrix(taps: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the matrix [HOP + 2 * _REACH - 1, phases * HOP] that interpolates one hop and its surroundings."""
    matrix = np.zeros((HOP + 2 * _REACH - 1, taps.shape[0], HOP), np.float32)
    for position in range(HOP):
        matrix[position : position + 2 * _REACH, :, position] = taps.T
    return matrix.reshape(matrix.shape[0], -1)


_TAPS = _interpolator()
_MATRIX = _hop_matrix(_TAPS)
WORST_RATIO = float(np.abs(_TAPS).sum(axis=1).max())
"""No signal's interpolated peak exceeds its sample peak by more than this factor: the taps' L1 norm."""


def hop_peaks(samples: Samples, floor: float) -> npt.NDArray[np.float32]:
    """Return the peak of every hop but the first and last, which are only context; [n * HOP] -> [n - 2].

    Hops that cannot exceed `floor`, in linear amplitude, keep their sample peak; all others get their true peak.
    """
    peaks = _loudest(samples)
    # The interpolator reaches 12 samples to either side: into the next hops and no further.
    around = np.maximum(np.maximum(peaks[:-2], peaks[2:]), peaks[1:-1])
    # A bound that costs nothing spares quiet hops the product of matrices.
    loud = np.flatnonzero(around * WORST_RATIO > floor)
    peaks = peaks[1:-1]
    if loud.size:
        peaks[loud] = np.maximum(peaks[loud], _interpolated_peaks(samples, loud + 1))
    return np.asarray(peaks, np.float32)


def _interpolated_peaks(samples: Samples, hops: npt.NDArray[np.intp]) -> npt.NDArray[np.float32]:
    """Return the peak between the samples of each of these hops."""
    windows = np.lib.stride_tricks.sliding_window_view(samples, _MATRIX.shape[0])
    starts = np.resize(hops, -(-hops.size // _ROWS) * _ROWS) * HOP - (_REACH - 1)  # whole batches only
    between = windows[starts.reshape(-1, _ROWS)] @ _MATRIX
    # Each phase fills a run of `HOP` values, so one reduction serves all of them.
    peaks = _loudest(between.reshape(-1)).reshape(-1, _FACTOR - 1).max(axis=1)
    return np.asarray(peaks[: hops.size], np.float32)


def _loudest(samples: Samples) -> npt.NDArray[np.float32]:
    """Return the largest magnitude of each `HOP` values; halving is six times as fast as reducing short rows."""
    loudest = np.abs(samples)
    for _ in range(HOP.bit_length() - 1):
        loudest = np.maximum(loudest[0::2], loudest[1::2])
    return loudest


class TruePeakMeter:
    """The highest true peak of one channel, from consecutive blocks [n] of any length."""

    def __init__(self) -> None:
        self._peak = 0.0
        # Silence in front: the first hop needs context, too.
        self._rest: Samples = np.zeros(HOP, np.float32)

    def push(self, block: Samples) -> None:
        """Take in one block; its last samples wait for their context."""
        signal = np.concatenate([self._rest, block])
        whole = signal.size // HOP * HOP
        if whole >= 3 * HOP:
            # The peak so far is the floor: hops that cannot exceed it are of no interest.
            self._peak = max(self._peak, float(hop_peaks(signal[:whole], self._peak).max()))
            # The last hop lacks what follows it, and the one before is its context.
            signal = signal[whole - 2 * HOP :]
        self._rest = signal

    def peak(self) -> float:
        """Return the peak so far in linear amplitude, as if silence followed."""
        tail = np.zeros(3 * HOP - self._rest.size % HOP, np.float32)
        return max(self._peak, float(hop_peaks(np.concatenate([self._rest, tail]), self._peak).max()))
