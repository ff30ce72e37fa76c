"""Reads what this tool wrote, as it lies on the disk: to measure it, and to see it at a glance."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from tts_cli.audio.io.ffmpeg import DEMUXERS, Decoded, FfmpegError, decoding_steadily
from tts_cli.audio.io.files import SequentialFile
from tts_cli.audio.meters.loudness import FileLevels, LoudnessMeter, measure_blocks
from tts_cli.audio.meters.measure import LUFS_OF_FULL_SCALE_POWER
from tts_cli.audio.meters.weighting import BINS_PER_SECOND
from tts_cli.audio.samples import Samples
from tts_cli.errors import OutputError

_BLOCK_FRAMES = 1 << 17
# These are read in this process, with no pipe in between.
_BY_LIBSNDFILE = frozenset((".wav", ".flac", ".mp3"))


@contextmanager
def reading_back(path: Path) -> Iterator[Decoded]:
    """Decode a file as far as the caller reads; raises OutputError, also later, where it cannot be decoded."""
    suffix = path.suffix.lower()
    try:
        if suffix in _BY_LIBSNDFILE:
            with SequentialFile(path) as file:
                blocks = file.each_block(_BLOCK_FRAMES)
                yield Decoded(sample_rate=file.samplerate, channels=file.channels, blocks=blocks)
        else:
            with decoding_steadily(path, DEMUXERS[suffix]) as decoded:
                yield decoded
    except (OSError, KeyError, FfmpegError, soundfile.LibsndfileError) as error:
        raise OutputError(f"cannot read {path}: {error}") from error


def measure_file(path: Path) -> FileLevels:
    """Measure a file that this tool wrote, streaming; raises OutputError when it cannot be decoded."""
    with reading_back(path) as decoded:
        return measure_blocks(decoded.blocks, decoded.sample_rate, decoded.channels)


# --- a whole programme at a glance ------------------------------------------------------------------------


SHORT_TERM_S = 3.0
_PEAKS_PER_SECOND = 100
_SNIPPET_HZ = 24_000

BlockListener = Callable[[int, Samples, int], None]
"""Is told of each block: its first frame, its samples [n, channels], and its rate."""
Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """A programme in as many columns as asked for, or fewer: highest peak (0 to 1), and short-term loudness (LUFS)."""

    seconds: float
    sample_rate: int
    peaks: tuple[float, ...]
    lufs: tuple[float, ...]


def make_overview(path: Path, columns: int, listener: BlockListener = lambda _start, _block, _rate: None) -> Overview:
    """Read a file once, for its overview and for whoever listens; raises OutputError where it cannot be decoded."""
    with reading_back(path) as decoded:
        sample_rate = decoded.sample_rate
        meter = LoudnessMeter(sample_rate, decoded.channels)
        bin_frames = max(1, sample_rate // _PEAKS_PER_SECOND)
        peaks: list[Samples] = []
        frames = 0
        for block in decoded.blocks:
            listener(frames, block, sample_rate)
            meter.push_power(block)
            # Reduced at once, as a programme of hours must not stay in memory.
            loud = np.abs(block).max(axis=1)
            peaks.append(np.maximum.reduceat(loud, np.arange(0, loud.size, bin_frames)))
            frames += loud.size
    powers = _short_term(meter.bin_powers())
    return Overview(
        seconds=frames / sample_rate,
        sample_rate=sample_rate,
        peaks=_in_columns(np.concatenate(peaks) if peaks else np.zeros(0), columns, np.maximum),
        lufs=tuple(
            round(LUFS_OF_FULL_SCALE_POWER + 10 * float(np.log10(max(power, 1e-12))), 2)
            for power in _in_columns(powers, columns, np.maximum)
        ),
    )


def _short_term(powers: Values) -> Values:
    """Return the mean power of the 3 s around each 100 ms bin."""
    window = min(len(powers), round(SHORT_TERM_S * BINS_PER_SECOND))
    return np.convolve(powers, np.ones(window) / window, "same") if window else powers


def _in_columns(values: Values, columns: int, reduce: np.ufunc) -> tuple[float, ...]:
    if not values.size:
        return ()
    # A short file has fewer values than columns.
    starts = np.unique(np.arange(columns) * values.size // columns)
    return tuple(float(f"{value:.4g}") for value in reduce.reduceat(values, starts))


def encode_snippet(samples: Samples, sample_rate: int) -> bytes:
    """Return mono samples [n] as a small mp3 for listening, not for shipping."""
    import soxr

    buffer = io.BytesIO()
    # Resampling overshoots full scale a little.
    heard = np.clip(soxr.resample(samples, sample_rate, _SNIPPET_HZ), -1, 1)
    small = {"bitrate_mode": "CONSTANT", "compression_level": 0.85}  # 32 kbit/s
    soundfile.write(buffer, heard, _SNIPPET_HZ, format="MP3", subtype="MPEG_LAYER_III", **small)
    return buffer.getvalue()
