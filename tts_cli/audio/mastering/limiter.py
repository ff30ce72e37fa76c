"""A look-ahead true-peak limiter whose gain depends on the samples nearby and on nothing else.

Each hop's peak says how much gain it can bear. The least of these over a window, smoothed by a kernel no longer
than the window, is the gain at the hop's borders, and straight lines join the borders. So every hop gets what it
needs, the gain is exactly 1 where nothing is near the ceiling, and the result is the same however the signal is cut.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tts_cli.audio.meters.truepeak import HOP, hop_peaks
from tts_cli.audio.samples import Samples

Gains = npt.NDArray[np.float32]

# It stops short of 1, as the next border belongs to the next hop.
_RAMP = np.arange(HOP, dtype=np.float32)[None, :] / np.float32(HOP)
_REACH_S = 0.015
"""The gain moves so long before a peak and returns as long after it: longer than a low voice's pitch period."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limiter:
    """The ceiling in linear amplitude, and the reach in hops."""

    ceiling: float
    reach: int

    @property
    def context(self) -> int:
        """Return how many hops on each side a hop's gain depends on."""
        # A border's gain needs `reach + 1` hops on each side, and `hop_peaks` one more for its own context.
        return self.reach + 2

    @property
    def context_samples(self) -> int:
        """Return the same in samples: what `limit` wants before and after the samples it returns."""
        return self.context * HOP

    def stream(self, blocks: Iterable[Samples], gain: float) -> Iterator[Samples]:
        """Amplify and limit consecutive blocks [n] or [n, channels]; as many samples come out as went in."""
        context = self.context_samples
        window = np.zeros(0, np.float32)
        for block in blocks:
            # Silence stands for what comes before the programme.
            window = np.concatenate([window if window.size else _silence(context, block), block])
            # Hops count from the programme's start: its cut into blocks must not move them.
            ready = (len(window) - 2 * context) // HOP * HOP
            if ready > 0:
                yield self.limit(window[: ready + 2 * context], gain)
                window = window[ready:]
        if window.size:
            rest = len(window) - context
            end = _silence(context + -rest % HOP, window)
            yield self.limit(np.concatenate([window, end]), gain)[:rest]

    def limit(self, samples: Samples, gain: float) -> Samples:
        """Amplify and limit; [context + n * HOP + context] samples -> [n * HOP], all channels by one gain."""
        # A peak that stays below the ceiling at this gain needs no oversampling.
        channels = [samples] if samples.ndim == 1 else [np.ascontiguousarray(channel) for channel in samples.T]
        peaks = np.maximum.reduce([hop_peaks(channel, self.ceiling / gain) for channel in channels])
        inner = samples[self.context_samples : len(samples) - self.context_samples]
        # Nothing to limit: the samples are amplified and nothing else, bit by bit.
        if peaks.max() * gain <= self.ceiling:
            return inner * np.float32(gain)
        borders = self.border_gains(peaks, gain) * np.float32(gain)
        envelope = np.diff(borders)[:, None] * _RAMP
        envelope += borders[:-1, None]
        return np.asarray(inner * envelope.reshape(-1, *[1] * (samples.ndim - 1)), np.float32)

    def border_gains(self, peaks: npt.NDArray[np.float32], gain: float) -> Gains:
        """Return the limiter's own gain at the borders of the inner hops.

        `peaks` are those of consecutive hops at unit gain, the first and last `reach + 1` of them only context:
        [reach + 1 + n + reach + 1] -> [n + 1].
        """
        # The inner maximum makes the quotient 1 for quiet hops, and never divides by zero.
        bearable = np.minimum(1, self.ceiling / np.maximum(peaks * np.float32(gain), self.ceiling))
        # The minimum reaches one hop further than the kernel: all windows that are averaged at a border contain both of
        # its hops, so the average is never more than either of them can bear.
        least = _least(bearable, self.reach + 2)
        if least.min() == 1:
            return np.ones(peaks.size - 2 * self.reach - 1, np.float32)
        # The reduction is smoothed and not the gain: zeros stay zeros exactly, where ones might not stay ones.
        return 1 - _smoothed(1 - least, self.reach + 1)


def _silence(frames: int, like: Samples) -> Samples:
    return np.zeros((frames, *like.shape[1:]), np.float32)


def make_limiter(sample_rate: int, ceiling_db: float) -> Limiter:
    """Make a limiter for signals of that rate; the ceiling is in dBTP."""
    return Limiter(ceiling=10 ** (ceiling_db / 20), reach=max(1, round(_REACH_S * sample_rate / HOP)))


def _smoothed(values: Gains, width: int) -> Gains:
    """Return the running mean of `width` values under a Hann window; [n] -> [n - width + 1].

    Value by value in a fixed order: np.convolve rounds differently depending on where an array begins.
    """
    # np.hanning begins and ends with a zero, which would be two wasted taps.
    kernel = np.hanning(width + 2)[1:-1]
    kernel = (kernel / kernel.sum()).astype(np.float32)
    count = values.size - width + 1
    smooth = np.zeros(count, np.float32)
    for position, weight in enumerate(kernel):
        smooth += weight * values[position : position + count]
    return smooth


def _least(values: Gains, width: int) -> Gains:
    """Return the minimum of each window of `width` values, by doubling; [n] -> [n - width + 1]."""
    done = 1
    while done < width:
        # A minimum does not mind windows that overlap, so the last step may be a short one.
        step = min(done, width - done)
        values = np.minimum(values[:-step], values[step:])
        done += step
    return values
