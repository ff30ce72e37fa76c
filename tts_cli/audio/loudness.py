"""Programme loudness by ITU-R BS.1770-4 and true peak, streaming: memory grows by 80 bytes a second."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from tts_cli.audio.ffmpeg import DEMUXERS, FfmpegError, decoding
from tts_cli.audio.measure import LUFS_OF_FULL_SCALE_POWER, SILENCE_DB
from tts_cli.audio.truepeak import TruePeakMeter
from tts_cli.audio.weighting import BINS_PER_SECOND, KWeighting, Samples, bin_edges
from tts_cli.errors import OutputError

Powers = npt.NDArray[np.float64]

ABSOLUTE_GATE_LUFS = -70.0
_RELATIVE_GATE_LU = -10.0
_BINS_PER_BLOCK = 4

_BLOCK_FRAMES = 1 << 17
_PART_S = 600
_CONTEXT_S = 0.1
"""What a part of a file is given before it, so that its filters have settled, and after it, for the last peak."""


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

    def settle(self, block: Samples) -> None:
        """Hear what came before the measured part: it moves the filters and counts for the peak alone."""
        self._weighted_power(block)
        self.hear(block)

    def push(self, block: Samples) -> None:
        """Measure one block."""
        self.hear(block)
        power = np.concatenate([self._rest, self._weighted_power(block)])
        begun = self._count * self._sample_rate // BINS_PER_SECOND
        whole = ((begun + power.size) * BINS_PER_SECOND + BINS_PER_SECOND - 1) // self._sample_rate - self._count
        edges = bin_edges(self._count, self._count + whole + 1, self._sample_rate) - begun
        if whole:
            sums = np.add.reduceat(power[: edges[-1]], edges[:-1], dtype=np.float64)
            self._bins.append(sums / np.diff(edges))
        self._rest = power[edges[-1] :]
        self._count += whole

    def hear(self, block: Samples) -> None:
        """Take a block into account for the true peak alone."""
        for channel, meter in zip(_channels(block), self._peaks, strict=True):
            meter.push(channel)

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
    return [np.ascontiguousarray(block[:, index]) for index in range(block.shape[1])]


# --- files ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLevels:
    """What a written file measures: silence reads -70 LUFS (the absolute gate) and -120 dBTP."""

    lufs: float
    true_peak_dbtp: float
    frames: int
    sample_rate: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    powers: Powers
    peak: float


def measure_file(path: Path) -> FileLevels:
    """Measure a master as it lies on the disk, streaming; formats that soundfile lacks are decoded by ffmpeg.

    Raises OutputError when it cannot be decoded.
    """
    try:
        if path.suffix.lower() in (".m4a", ".opus"):
            return _measure_by_ffmpeg(path)
        return _measure_by_soundfile(path)
    except (FfmpegError, soundfile.LibsndfileError) as error:
        raise OutputError(f"cannot measure {path}: {error}") from error


def _measure_by_soundfile(path: Path) -> FileLevels:
    """Measure parts of ten minutes side by side: always the same parts, so that the result never depends on threads."""
    with soundfile.SoundFile(path) as file:
        frames, sample_rate = file.frames, file.samplerate
    starts = range(0, max(1, frames), _PART_S * sample_rate)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        parts = list(pool.map(lambda start: _measure_part(path, start), starts))
    return _levels(parts, frames, sample_rate)


def _measure_part(path: Path, start: int) -> _Part:
    with soundfile.SoundFile(path) as file:
        meter = LoudnessMeter(file.samplerate, file.channels)
        context = round(_CONTEXT_S * file.samplerate)
        stop = min(start + _PART_S * file.samplerate, file.frames)
        before = min(start, context)
        file.seek(start - before)
        meter.settle(file.read(before, dtype="float32"))
        for block in _read_until(file, stop):
            meter.push(block)
        meter.hear(file.read(min(context, file.frames - stop), dtype="float32"))
        return _Part(powers=meter.bin_powers(), peak=meter.true_peak())


def _read_until(file: soundfile.SoundFile, stop: int) -> Iterator[Samples]:
    while (count := min(stop - file.tell(), _BLOCK_FRAMES)) > 0:
        yield file.read(count, dtype="float32")


def _measure_by_ffmpeg(path: Path) -> FileLevels:
    with decoding(path, DEMUXERS[path.suffix.lower()]) as decoded:
        meter = LoudnessMeter(decoded.sample_rate, decoded.channels)
        frames = 0
        for block in decoded.blocks:
            meter.push(block)
            frames += block.shape[0]
        part = _Part(powers=meter.bin_powers(), peak=meter.true_peak())
        return _levels([part], frames, decoded.sample_rate)


def _levels(parts: list[_Part], frames: int, sample_rate: int) -> FileLevels:
    lufs = gated_loudness(np.concatenate([part.powers for part in parts]))
    peak_db = 20 * np.log10(max(10 ** (SILENCE_DB / 20), *(part.peak for part in parts), 0.0))
    return FileLevels(
        lufs=max(lufs, ABSOLUTE_GATE_LUFS),
        true_peak_dbtp=float(peak_db),
        frames=frames,
        sample_rate=sample_rate,
    )
