"""Timeline -> Master: find the gain; then mix, limit and encode in one pass; then measure the file that was written."""

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event

from tts_cli.audio.containers import headroom_db, level_shift_db
from tts_cli.audio.ffmpeg import NO_TAGS, Tags
from tts_cli.audio.files import open_master
from tts_cli.audio.follow import can_follow, measure_following
from tts_cli.audio.gain import Aim, Gain, find_gain
from tts_cli.audio.limiter import make_limiter
from tts_cli.audio.loudness import FileLevels, measure_file
from tts_cli.audio.mix import mix
from tts_cli.audio.weighting import Samples
from tts_cli.types import Master, Recipe, Take, Timeline

_THREADS = 2  # they keep well ahead of any encoder
_SLACK_LU = 0.2
_CORRECTION_HEADROOM_DB = 0.1
_MOST_CORRECTIONS = 2

ReadTake = Callable[[Take], bytes]
Heard = Callable[[int], None]


def make_master(
    timeline: Timeline,
    recipe: Recipe,
    path: Path,
    read_take: ReadTake,
    heard: Heard = lambda _: None,
    *,
    tags: Tags = NO_TAGS,
) -> Master:
    """Write one loudness-normalised programme, as long as its timeline to the sample; memory does not grow with it.

    `read_take` is called from several threads; `heard` is told how many samples were mixed, block by block.
    A file that misses its loudness or ceiling is written again.
    Silence stays silence: it reads -70 LUFS. Raises OutputError, and what `read_take` raises; `path` is then as before.
    """
    studio = _Studio(timeline=timeline, recipe=recipe, path=path, read_take=read_take, tags=tags, heard=heard)
    aim = _first_aim(recipe)
    gain = studio.find_gain(aim)
    written = studio.write(gain.gain_db, aim.ceiling_dbtp)
    expected_lufs = gain.loudness_lufs + level_shift_db(recipe)
    for _ in range(_MOST_CORRECTIONS):
        better = _corrected(aim, written.levels, expected_lufs, recipe.true_peak_dbtp)
        if better == aim:
            break
        aim = better
        written = studio.write(studio.find_gain(aim).gain_db, aim.ceiling_dbtp)
    return studio.describe("master", written)


def find_programme_gain(timeline: Timeline, recipe: Recipe, read_take: ReadTake) -> float:
    """Return the gain in dB that brings a programme to its loudness, for files that are to share it."""
    studio = _Studio(timeline=timeline, recipe=recipe, path=Path(), read_take=read_take, tags=NO_TAGS)
    return studio.find_gain(_first_aim(recipe)).gain_db


def make_line_file(
    timeline: Timeline, recipe: Recipe, path: Path, read_take: ReadTake, gain_db: float, tags: Tags = NO_TAGS
) -> Master:
    """Write one line at a given gain: limited, but not normalised by itself; raises like `make_master`."""
    studio = _Studio(timeline=timeline, recipe=recipe, path=path, read_take=read_take, tags=tags)
    return studio.describe("line", studio.write(gain_db, _first_aim(recipe).ceiling_dbtp))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Studio:
    """What is mastered, how, to where, and from which takes."""

    timeline: Timeline
    recipe: Recipe
    path: Path
    read_take: ReadTake
    tags: Tags
    heard: Heard = lambda _: None

    def find_gain(self, aim: Aim) -> Gain:
        with ThreadPoolExecutor(_THREADS) as pool:
            return find_gain(self.timeline, aim, self.read_take, pool)

    def write(self, gain_db: float, ceiling_dbtp: float) -> "_Written":
        """Mix, limit and encode in one pass, and measure the file."""
        limiter = make_limiter(self.timeline.sample_rate, ceiling_dbtp)
        finished = Event()
        levels: Future[FileLevels] | None = None
        with ThreadPoolExecutor(_THREADS) as pool, ThreadPoolExecutor(1) as listener, ThreadPoolExecutor(1) as scribe:
            mixed = mix(self.timeline, self.recipe.fade_ms, self.read_take, pool)
            try:
                with open_master(self.path, self.recipe, frames=self.timeline.length, tags=self.tags) as writer:
                    if can_follow(self.recipe):
                        levels = listener.submit(measure_following, writer.reopen(), self.recipe, finished)
                    blocks = limiter.stream(mixed, 10 ** (gain_db / 20))
                    _write_behind(self._counted(blocks), writer.write, scribe)
            finally:
                finished.set()
            sha256 = scribe.submit(_sha256, self.path)
            return _Written(levels.result() if levels else measure_file(self.path), sha256.result())

    def describe(self, kind: str, written: "_Written") -> Master:
        return Master(
            path=str(self.path),
            kind=kind,
            frames=written.levels.frames,
            sample_rate=written.levels.sample_rate,
            lufs=written.levels.lufs,
            true_peak_dbtp=written.levels.true_peak_dbtp,
            sha256=written.sha256,
        )

    def _counted(self, blocks: Iterable[Samples]) -> Iterator[Samples]:
        for block in blocks:
            self.heard(block.size)
            yield block


@dataclass(frozen=True, slots=True)
class _Written:
    """What a written file measures, and its hash."""

    levels: FileLevels
    sha256: str


def _write_behind(blocks: Iterable[Samples], write: Callable[[Samples], None], scribe: ThreadPoolExecutor) -> None:
    """Write each block while the next one is made; whatever happens, no write is under way at the end."""
    pending: Future[None] | None = None
    try:
        for block in blocks:
            if pending:
                pending.result()
            pending = scribe.submit(write, block)
    finally:
        wait([pending] if pending else [])
    if pending:
        pending.result()


def _first_aim(recipe: Recipe) -> Aim:
    """Aim so that the file will be right after its codec has moved its level and its peaks."""
    return Aim(
        loudness_lufs=recipe.loudness_lufs - level_shift_db(recipe),
        ceiling_dbtp=recipe.true_peak_dbtp - level_shift_db(recipe) - headroom_db(recipe),
        channels=recipe.channels,
    )


def _corrected(aim: Aim, levels: FileLevels, expected_lufs: float, ceiling_dbtp: float) -> Aim:
    """Return what to aim at instead, judged by the file: the same aim when the file is as it should be."""
    over_db = levels.true_peak_dbtp - ceiling_dbtp
    if over_db > 0:
        aim = replace(aim, ceiling_dbtp=aim.ceiling_dbtp - over_db - _CORRECTION_HEADROOM_DB)
    error_lu = levels.lufs - expected_lufs
    if math.isfinite(expected_lufs) and abs(error_lu) > _SLACK_LU:
        aim = replace(aim, loudness_lufs=aim.loudness_lufs - error_lu)
    return aim


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
