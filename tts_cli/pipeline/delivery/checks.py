"""What a delivered file measures, and whether that is what its recipe requires."""

from collections.abc import Mapping
from pathlib import Path

from tts_cli.audio.io.measure_while_writing import constant_kbps
from tts_cli.audio.meters.loudness import FileLevels
from tts_cli.pipeline.model import Check
from tts_cli.recipe import Bounds

_TOLERANCE = 1e-6


def describe_file(path: Path, levels: FileLevels) -> dict[str, float]:
    """Return all that is measured in a file, by name, rounded to what a reader wants.

    An mp3 has its constant bitrate, which is 0 where its frames differ.
    """
    seconds = levels.frames / levels.sample_rate
    size = path.stat().st_size
    constant = {"cbr_kbps": float(constant_kbps(path))} if path.suffix.lower() == ".mp3" else {}
    return constant | {
        "seconds": round(seconds, 3),
        "sample_rate": levels.sample_rate,
        "channels": levels.channels,
        "bitrate_kbps": round(size * 8 / 1000 / seconds, 1) if seconds else 0.0,
        "lufs": round(levels.lufs, 2),
        "true_peak_dbtp": round(levels.true_peak_dbtp, 2),
        "peak_dbfs": round(levels.peak_dbfs, 2),
        "rms_db": round(levels.rms_db, 2),
        "noise_floor_db": round(levels.noise_floor_db, 1),
        "head_s": round(levels.head_s, 2),
        "tail_s": round(levels.tail_s, 2),
    }


def check(measures: Mapping[str, float], require: Mapping[str, Bounds]) -> tuple[Check, ...]:
    """Hold measured values against their bounds; one that was not measured has failed."""
    return tuple(_check(name, measures.get(name, float("nan")), bounds) for name, bounds in require.items())


def _check(name: str, value: float, bounds: Bounds) -> Check:
    low, high = bounds
    above = low is None or value >= low - _TOLERANCE
    below = high is None or value <= high + _TOLERANCE
    return Check(name=name, value=value, low=low, high=high, passed=above and below)
