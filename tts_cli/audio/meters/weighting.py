"""K-weighting of ITU-R BS.1770-4 at any sample rate, by numpy alone: it also runs in workers."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from tts_cli.audio.samples import Samples

Sections = npt.NDArray[np.float64]

BINS_PER_SECOND = 10
"""Energies are kept per 100 ms, the step of the standard's overlapping blocks."""

# 3 * 2 ** 12, as FFTs are quick where all factors are small.
_FFT_SIZE = 12_288
_FFTS_AT_ONCE = 4
"""So many of that size are twice as fast as one by one, and all they touch still lies in a core's own cache."""

_MEMORY_S = 0.075
"""After this long the filters' impulse response has fallen below -150 dB."""

# The analogue prototype behind the standard's 48 kHz coefficients: a high shelf (the head) and a high-pass.
_SHELF_HZ, _SHELF_DB, _SHELF_Q = 1681.974450955533, 3.999843853973347, 0.7071752369554196
_SHELF_BAND_EXPONENT = 0.4996667741545416
_PASS_HZ, _PASS_Q = 38.13547087602444, 0.5003270373238773
_PASS_GAIN = 1.004994896  # the standard's high-pass has the numerator 1 -2 1, which is a little above unity


def k_weighting(sample_rate: int) -> Sections:
    """Return the two biquads as second-order sections, shape [2, 6] (b0 b1 b2 1 a1 a2).

    At 48 kHz these are the coefficients printed in the standard; elsewhere the same analogue response.
    """
    return np.array([_shelf(sample_rate), _high_pass(sample_rate)])


def _shelf(sample_rate: int) -> list[float]:
    k = np.tan(np.pi * _SHELF_HZ / sample_rate)
    high = 10 ** (_SHELF_DB / 20)
    band = high**_SHELF_BAND_EXPONENT
    scale = 1 + k / _SHELF_Q + k * k
    b = [high + band * k / _SHELF_Q + k * k, 2 * (k * k - high), high - band * k / _SHELF_Q + k * k]
    a = [scale, 2 * (k * k - 1), 1 - k / _SHELF_Q + k * k]
    return [value / scale for value in b + a]


def _high_pass(sample_rate: int) -> list[float]:
    k = np.tan(np.pi * _PASS_HZ / sample_rate)
    scale = 1 + k / _PASS_Q + k * k
    gain = _PASS_GAIN / scale
    return [gain, -2 * gain, gain, 1.0, 2 * (k * k - 1) / scale, (1 - k / _PASS_Q + k * k) / scale]


@lru_cache(maxsize=8)
def _response(sample_rate: int, fft_size: int) -> npt.NDArray[np.complex64]:
    """Return the complex response of both biquads on the bins of a real FFT."""
    z = np.exp(-2j * np.pi * np.arange(fft_size // 2 + 1) / fft_size)
    powers = np.stack([np.ones_like(z), z, z * z])
    sections = k_weighting(sample_rate)
    shelf, high_pass = (sections[:, :3] @ powers) / (sections[:, 3:] @ powers)
    return np.asarray(shelf * high_pass, np.complex64)


class KWeighting:
    """The filter with its state: feed it consecutive blocks [n] of one channel, get blocks [n] back."""

    def __init__(self, sample_rate: int) -> None:
        self._past: Samples = np.zeros(round(_MEMORY_S * sample_rate), np.float32)
        # At the highest rates the memory alone would fill the usual FFT.
        self._size = max(_FFT_SIZE, 2 * self._past.size)
        self._response = _response(sample_rate, self._size)

    def __call__(self, block: Samples) -> Samples:
        """Filter one block by overlap-save: each FFT sees the filter's whole memory before its first sample."""
        memory = self._past.size
        step = self._size - memory
        count = max(1, -(-block.size // step))
        signal = np.concatenate([self._past, block, np.zeros(count * step - block.size, np.float32)])
        # A view would keep the whole block alive.
        self._past = signal[block.size : block.size + memory].copy()
        windows = np.lib.stride_tricks.sliding_window_view(signal, self._size)[::step]
        weighted = np.empty((count, step), np.float32)
        for first in range(0, count, _FFTS_AT_ONCE):
            some = slice(first, first + _FFTS_AT_ONCE)
            # with the usual norm numpy would calculate in double precision, at twice the cost
            spectra = np.fft.rfft(windows[some], norm="ortho")
            spectra *= self._response
            weighted[some] = np.fft.irfft(spectra, self._size, norm="ortho")[:, memory:]
        return weighted.reshape(-1)[: block.size]


def bin_edges(start: int, stop: int, sample_rate: int) -> npt.NDArray[np.int64]:
    """Return where the 100 ms bins `start` to `stop` begin, in samples: bin i begins at i * rate // 10."""
    # Whole numbers do not drift, not even over days.
    return np.arange(start, stop, dtype=np.int64) * sample_rate // BINS_PER_SECOND
