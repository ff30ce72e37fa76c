"""Plain levels of a programme, streaming: RMS, sample peak, noise floor, and the quiet before and after the sound."""

import numpy as np
import numpy.typing as npt

from tts_cli.audio.meters.measure import SILENCE_DB
from tts_cli.audio.samples import Samples

QUIET_DBFS = -50.0
"""A window of a louder RMS is sound: room tone lies well below, and the softest beginning of a word above."""

_WINDOWS_PER_SECOND = 50
_FLOOR_WINDOWS = 25  # the noise floor is that of the quietest half second, as the acceptance tools of shops find it


class LevelMeter:
    """Levels of a mono or stereo programme from consecutive blocks [n] or [n, channels]; 200 bytes a second."""

    def __init__(self, sample_rate: int, channels: int) -> None:
        self._window = sample_rate // _WINDOWS_PER_SECOND
        # At a rate that 50 does not divide, a window is a little shorter than 20 ms.
        self._seconds = self._window / sample_rate
        self._channels = channels
        self._rest = np.zeros(0, np.float32)
        self._powers: list[npt.NDArray[np.float32]] = []
        self._peak = 0.0

    def push(self, block: Samples) -> None:
        """Measure one block."""
        # Channels stay interleaved, as these levels are over all of them together.
        samples = block.reshape(-1)
        if not samples.size:
            return
        self._peak = max(self._peak, float(samples.max()), -float(samples.min()))
        width = self._window * self._channels
        if self._rest.size:  # fill up the window that was begun; the rest is never copied
            begun = np.concatenate([self._rest, samples[: width - self._rest.size]])
            samples = samples[width - self._rest.size :]
            self._rest = self._add(begun)
        if samples.size:
            # A view would keep the whole block alive.
            self._rest = self._add(samples).copy()

    def _add(self, samples: Samples) -> Samples:
        """Take in whole windows; returns what is left of the samples."""
        width = self._window * self._channels
        windows = samples[: samples.size // width * width].reshape(-1, width)
        self._powers.append(np.einsum("ws,ws->w", windows, windows) / np.float32(width))
        return samples[windows.size :]

    def peak_dbfs(self) -> float:
        """Return the sample peak."""
        return max(20 * float(np.log10(max(self._peak, 1e-9))), SILENCE_DB)

    def rms_db(self) -> float:
        """Return the RMS of all of it, pauses included: a sine at full scale reads -3."""
        powers = self._all()
        energy = float(powers.sum(dtype=np.float64)) * self._window * self._channels
        energy += float(self._rest @ self._rest)
        count = powers.size * self._window * self._channels + self._rest.size
        return _decibels(energy / count) if count else SILENCE_DB

    def noise_floor_db(self) -> float:
        """Return the RMS of the quietest half second; digital silence reads -120."""
        powers = self._all().astype(np.float64)
        if not powers.size:
            return SILENCE_DB
        # A recording of less than half a second is judged as a whole.
        width = min(_FLOOR_WINDOWS, powers.size)
        return _decibels(float(np.lib.stride_tricks.sliding_window_view(powers, width).mean(axis=1).min()))

    def quiet_s(self) -> tuple[float, float]:
        """Return the seconds before the first sound and after the last one, to 20 ms; all of it where none is."""
        powers = self._all()
        loud = np.flatnonzero(powers > 10 ** (QUIET_DBFS / 10))
        if not loud.size:
            return powers.size * self._seconds, powers.size * self._seconds
        rest_s = self._rest.size / self._channels / self._window * self._seconds
        return int(loud[0]) * self._seconds, (powers.size - 1 - int(loud[-1])) * self._seconds + rest_s

    def _all(self) -> npt.NDArray[np.float32]:
        return np.concatenate(self._powers) if self._powers else np.zeros(0, np.float32)


def _decibels(power: float) -> float:
    return max(10 * float(np.log10(max(power, 1e-30))), SILENCE_DB)
