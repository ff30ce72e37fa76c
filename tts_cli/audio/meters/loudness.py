"""Programme loudness by ITU-R BS.1770-4 and true peak, streaming: memory grows by 80 bytes a second."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from tts_cli.audio.meters.levels import LevelMeter
from tts_cli.audio.meters.measure import LUFS_OF_FULL_SCALE_POWER, SILENCE_DB
from tts_cli.audio.meters.truepeak import TruePeakMeter
from tts_cli.audio.meters.weighting import BINS_PER_SECOND, KWeighting, bin_edges
from tts_cli.audio.samples import Samples

Powers = npt.NDArray[np.float64]

# The gates of BS.1770-4: an absolute one, then one relative to the mean of what passed the first.
ABSOLUTE_GATE_LUFS = -70.0
_RELATIVE_GATE_LU = -10.0
# Blocks of 400 ms in steps of 100 ms are the standard's overlap of 75 %.
_BINS_PER_BLOCK = 4


def gated_loudness(powers: Powers) -> float:
    """Return the integrated loudness in LUFS of consecutive 100 ms bins: K-weighted mean squares, summed over channels.

    Blocks of 400 ms overlap by three quarters; a programme shorter than one block counts as one. What lies wholly
    below the absolute gate has no loudness: -inf.
    """
    if not powers.size:
        return -np.inf
    width = min(_BINS_PER_BLOCK, powers.size)
    blocks = np.lib.stride_tricks.sliding_window_view(powers, width).mean(axis=1)
    blocks = blocks[blocks > _power(ABSOLUTE_GATE_LUFS)]
    if not blocks.size:
        return -np.inf
    # The standard averages powers, not levels.
    threshold = _power(_lufs(blocks.mean()) + _RELATIVE_GATE_LU)
    return _lufs(blocks[blocks > threshold].mean())


def _lufs(power: float) -> float:
    return LUFS_OF_FULL_SCALE_POWER + 10 * float(np.log10(power))


def _power(lufs: float) -> float:
    return float(10 ** ((lufs - LUFS_OF_FULL_SCALE_POWER) / 10))


class LoudnessMeter:
    """Loudness and true peak of a mono or stereo programme, from consecutive blocks [n] or [n, channels]."""

    def __init__(self, sample_rate: int, channels: int) -> None:
        self._sample_rate = sample_rate
        self._filters = [KWeighting(sample_rate) for _ in range(channels)]
        self._peaks = [TruePeakMeter() for _ in range(channels)]
        self._rest = np.zeros(0, np.float32)
        self._bins: list[Powers] = []
        self._count = 0

    def push(self, block: Samples) -> None:
        """Measure one block."""
        self.push_peaks(block)
        self.push_power(block)

    def push_peaks(self, block: Samples) -> None:
        """Measure one block's true peak alone."""
        for channel, meter in zip(_channels(block), self._peaks, strict=True):
            meter.push(channel)

    def push_power(self, block: Samples) -> None:
        """Measure one block's loudness alone; it shares nothing with the true peak, so both may run at once."""
        power = np.concatenate([self._rest, self._weighted_power(block)])
        # Bins are placed by their number: at a rate that 10 does not divide, adding up lengths would drift.
        begun = self._count * self._sample_rate // BINS_PER_SECOND
        # How many bins end within what is here: `bin_edges` turned round, with the same rounding.
        whole = ((begun + power.size) * BINS_PER_SECOND + BINS_PER_SECOND - 1) // self._sample_rate - self._count
        edges = bin_edges(self._count, self._count + whole + 1, self._sample_rate) - begun
        if whole:
            sums = np.add.reduceat(power[: edges[-1]], edges[:-1], dtype=np.float64)
            self._bins.append(sums / np.diff(edges))
        # What no whole bin holds waits for the next block; at the end it is left out, as the standard wants whole
        # blocks.
        self._rest = power[edges[-1] :]
        self._count += whole

    def _weighted_power(self, block: Samples) -> Samples:
        """Return the K-weighted squares, summed over the channels; [n]."""
        power = np.zeros(block.shape[0], np.float32)
        for channel, weigh in zip(_channels(block), self._filters, strict=True):
            weighted = weigh(channel)
            power += weighted * weighted
        return power

    def bin_powers(self) -> Powers:
        """Return the mean squares of the 100 ms bins that are complete; of all there is, when none is."""
        if self._bins:
            return np.concatenate(self._bins)
        return np.array([self._rest.mean(dtype=np.float64)]) if self._rest.size else np.zeros(0)

    def integrated_lufs(self) -> float:
        """Return the gated loudness so far; -inf for silence."""
        return gated_loudness(self.bin_powers())

    def true_peak(self) -> float:
        """Return the highest true peak so far in linear amplitude."""
        return max(meter.peak() for meter in self._peaks)


def _channels(block: Samples) -> list[Samples]:
    if block.ndim == 1:
        return [block]
    # The filters want a channel's samples side by side.
    return [np.ascontiguousarray(block[:, index]) for index in range(block.shape[1])]


# --- files ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLevels:
    """What a written file measures: silence reads -70 LUFS (the absolute gate) and -120 dBTP.

    `powers` are the K-weighted mean squares of its whole 100 ms bins.
    """

    lufs: float
    true_peak_dbtp: float
    frames: int
    sample_rate: int
    channels: int
    peak_dbfs: float
    rms_db: float
    noise_floor_db: float
    head_s: float
    tail_s: float
    powers: Powers = field(default_factory=lambda: np.zeros(0), repr=False, compare=False)


def measure_blocks(blocks: Iterator[Samples], sample_rate: int, channels: int) -> FileLevels:
    """Measure blocks while the next one is decoded, loudness and true peak side by side."""
    meter, levels = LoudnessMeter(sample_rate, channels), LevelMeter(sample_rate, channels)
    frames = 0
    # numpy lets go of the interpreter: one thread decodes ahead, one looks for peaks, and this one weighs.
    with ThreadPoolExecutor(2) as pool:
        for block in _decoded_ahead(blocks, pool):
            peaks = pool.submit(meter.push_peaks, block)
            meter.push_power(block)
            levels.push(block)
            # Blocks must come in order, and an error in the other thread must not get lost.
            peaks.result()
            frames += block.shape[0]
    head_s, tail_s = levels.quiet_s()
    return FileLevels(
        lufs=max(meter.integrated_lufs(), ABSOLUTE_GATE_LUFS),
        true_peak_dbtp=max(20 * float(np.log10(max(meter.true_peak(), 1e-9))), SILENCE_DB),
        frames=frames,
        sample_rate=sample_rate,
        channels=channels,
        peak_dbfs=levels.peak_dbfs(),
        rms_db=levels.rms_db(),
        noise_floor_db=levels.noise_floor_db(),
        head_s=head_s,
        tail_s=tail_s,
        powers=meter.bin_powers(),
    )


def joined_levels(parts: Sequence[FileLevels]) -> FileLevels:
    """Return what files measure that are joined one after the other, each of which ends in silence."""
    frames = sum(part.frames for part in parts)
    energy = sum(part.frames * 10 ** (part.rms_db / 10) for part in parts)
    return replace(
        parts[0],
        lufs=max(gated_loudness(np.concatenate([part.powers for part in parts])), ABSOLUTE_GATE_LUFS),
        # No peak between samples lies across a join, as one side of it is silent.
        true_peak_dbtp=max(part.true_peak_dbtp for part in parts),
        frames=frames,
        peak_dbfs=max(part.peak_dbfs for part in parts),
        rms_db=max(10 * float(np.log10(energy / frames)), SILENCE_DB),
        noise_floor_db=min(part.noise_floor_db for part in parts),
        tail_s=parts[-1].tail_s,
    )


def _decoded_ahead(blocks: Iterator[Samples], pool: ThreadPoolExecutor) -> Iterator[Samples]:
    coming = pool.submit(next, blocks, None)
    while (block := coming.result()) is not None:
        coming = pool.submit(next, blocks, None)
        yield block
