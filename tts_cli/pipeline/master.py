"""Timeline -> Master: find the gain; then mix, limit and encode in one pass; then measure the file that was written."""

import hashlib
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from tts_cli.audio.containers import headroom_db, level_shift_db
from tts_cli.audio.files import open_master
from tts_cli.audio.gain import Aim, Gain, find_gain
from tts_cli.audio.limiter import make_limiter
from tts_cli.audio.loudness import FileLevels, measure_file
from tts_cli.audio.mix import mix
from tts_cli.types import Master, Recipe, Take, Timeline

_THREADS = 2  # they keep well ahead of any encoder
_SLACK_LU = 0.2
_CORRECTION_HEADROOM_DB = 0.1


ReadTake = Callable[[Take], bytes]


def find_programme_gain(timeline: Timeline, recipe: Recipe, read_take: ReadTake) -> float:
    """Return the gain in dB that a programme needs before the limiter, for files that are to share it."""
    with ThreadPoolExecutor(_THREADS) as pool:
        return find_gain(timeline, _aim(recipe), read_take, pool).gain_db


def make_master(
    timeline: Timeline, recipe: Recipe, path: Path, read_take: ReadTake, gain_db: float | None = None
) -> Master:
    """Write one programme, as long as its timeline to the sample; the memory it takes does not grow with it.

    Without `gain_db` it is brought to the recipe's loudness; with it, it gets that gain and the ceiling alone.
    `read_take` is called from several threads. A file that misses its loudness or ceiling is corrected once.
    Silence stays silence: it reads -70 LUFS. Raises OutputError, and what `read_take` raises; `path` is then as before.
    """
    aim = _aim(recipe)
    with ThreadPoolExecutor(_THREADS) as pool:

        def attempt(aim: Aim) -> tuple[Gain | None, FileLevels]:
            found = find_gain(timeline, aim, read_take, pool) if gain_db is None else None
            limiter = make_limiter(timeline.sample_rate, aim.ceiling_dbtp)
            mixed = mix(timeline, recipe.fade_ms, read_take, pool)
            factor = 10 ** ((found.gain_db if found else gain_db) / 20)
            with open_master(path, recipe, frames=timeline.length) as writer:
                for block in limiter.stream(mixed, factor):
                    writer.write(block)
            return found, measure_file(path)

        found, levels = attempt(aim)
        better = _corrected(aim, recipe, found, levels)
        if better != aim:
            _, levels = attempt(better)
    return Master(
        path=str(path),
        kind="master",
        frames=levels.frames,
        sample_rate=levels.sample_rate,
        lufs=levels.lufs,
        true_peak_dbtp=levels.true_peak_dbtp,
        sha256=_sha256(path),
    )


def _corrected(aim: Aim, recipe: Recipe, gain: Gain, levels: FileLevels) -> Aim:
    """Return what to aim at instead, judged by the file: the same aim when the file is as it should be."""
    over_db = levels.true_peak_dbtp - recipe.true_peak_dbtp
    if over_db > 0:
        aim = replace(aim, ceiling_dbtp=aim.ceiling_dbtp - over_db - _CORRECTION_HEADROOM_DB)
    error_lu = levels.lufs - (gain.loudness_lufs + level_shift_db(recipe))
    if math.isfinite(gain.loudness_lufs) and abs(error_lu) > _SLACK_LU:
        aim = replace(aim, loudness_lufs=aim.loudness_lufs - error_lu)
    return aim


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
