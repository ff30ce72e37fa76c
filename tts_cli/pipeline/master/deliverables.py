"""Written files -> Deliverables: what each is made from, what it measures, and whether its recipe wants it so."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from tts_cli.about import __version__
from tts_cli.audio.io.measure_while_writing import constant_kbps
from tts_cli.audio.meters.loudness import FileLevels
from tts_cli.cache.blobs import write_atomically
from tts_cli.cache.keys import digest
from tts_cli.pipeline.master.output_guard import OutputGuard
from tts_cli.pipeline.model import Check, Deliverable
from tts_cli.recipe import Bounds, Recipe
from tts_cli.types import Timeline


def describe_inputs(timeline: Timeline, recipe: Recipe, tags: Mapping[str, str]) -> str:
    """Return the digest of all that a master is made from: the edit list, the takes' content, the recipe, the tags."""
    clips = [
        (
            *(clip.take.blob, clip.start, clip.length, clip.trim, clip.trim_length, clip.gain_db),
            *(clip.tempo, clip.effect),
        )
        for clip in timeline.clips
    ]
    sound = asdict(replace(recipe, deliver=()))
    return digest([__version__, sound, timeline.sample_rate, timeline.length, clips, dict(tags)])


def describe_output(  # noqa: PLR0913  all that a file is known by
    out: Path,
    name: str,
    kind: str,
    *,
    sha256: str,
    inputs: str = "",
    measures: Mapping[str, float],
    require: Mapping[str, Bounds] | None = None,
    misread: Sequence[Check] = (),
    pieces: Sequence[tuple[str, int]] = (),
    line: str = "",
) -> Deliverable:
    """Describe a file that lies in the output folder, as it was written: the one place where a Deliverable is made.

    Raises `OSError` where there is none.
    """
    stat = (out / name).stat()
    return Deliverable(
        path=name,
        kind=kind,
        seconds=measures.get("seconds", 0.0),
        lufs=measures.get("lufs"),
        true_peak_dbtp=measures.get("true_peak_dbtp"),
        sha256=sha256,
        inputs=inputs,
        size=stat.st_size,
        mtime_ns=stat.st_mtime_ns,
        measures=measures,
        checks=(*check_measures(measures, require or {}), *misread),
        pieces=tuple(pieces),
        line=line,
    )


def write_text(guard: OutputGuard, name: str, kind: str, data: bytes, inputs: str) -> Deliverable:
    """Write a small file, whole or not at all, and describe it; raises `OutputError` where it may not lie there."""
    write_atomically(guard.path(name), data)
    return describe_output(guard.out, name, kind, sha256=hashlib.sha256(data).hexdigest(), inputs=inputs, measures={})


_TOLERANCE = 1e-6


def measure_output(path: Path, levels: FileLevels) -> dict[str, float]:
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


def check_measures(measures: Mapping[str, float], require: Mapping[str, Bounds]) -> tuple[Check, ...]:
    """Hold measured values against their bounds; one that was not measured has failed."""
    return tuple(_check(name, measures.get(name), bounds) for name, bounds in require.items())


def _check(name: str, value: float | None, bounds: Bounds) -> Check:
    low, high = bounds
    if value is None:
        return Check(name=name, value=None, low=low, high=high, passed=False)
    above = low is None or value >= low - _TOLERANCE
    below = high is None or value <= high + _TOLERANCE
    return Check(name=name, value=value, low=low, high=high, passed=above and below)
