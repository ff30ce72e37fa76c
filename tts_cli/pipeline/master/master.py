"""Timeline -> Master: find the gain; then mix, limit and encode in one pass; then measure the written files."""

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from threading import Event

from tts_cli.audio.io.containers import headroom_db, level_shift_db
from tts_cli.audio.io.files import MasterWriter, open_outputs
from tts_cli.audio.io.measure_while_writing import can_follow, measure_following
from tts_cli.audio.io.outputs import Output
from tts_cli.audio.io.readback import measure_file
from tts_cli.audio.mastering.effects import add_room_tone
from tts_cli.audio.mastering.gain import Aim, Gain, find_gain
from tts_cli.audio.mastering.limiter import make_limiter
from tts_cli.audio.mastering.mix import mix
from tts_cli.audio.meters.loudness import FileLevels, measure_blocks
from tts_cli.audio.samples import Samples
from tts_cli.pipeline.master.read_back import find_misread
from tts_cli.pipeline.model import Check
from tts_cli.recipe import Recipe
from tts_cli.types import Take, Timeline

_THREADS = 2  # they keep well ahead of any encoder
_SLACK_LU = 0.2
_RMS_SLACK_DB = 0.5
_MOST_QUIET_DB = 2.0
CORRECTION_HEADROOM_DB = 0.1
MOST_CORRECTIONS = 5

ReadTake = Callable[[Take], bytes]
Heard = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Written:
    """A file that was written, what it measures, its hash, and what does not read back from it as written."""

    path: Path
    levels: FileLevels
    sha256: str
    misread: tuple[Check, ...] = ()


def make_masters(
    timelines: Sequence[Timeline],
    outputs: Sequence[Output],
    read_take: ReadTake,
    heard: Heard = lambda _: None,
    *,
    headroom_db: float = 0.0,
) -> tuple[Written, ...]:
    """Write one programme to several files in one pass; memory does not grow with its length.

    The programme is the timelines one after the other, each brought to the loudness (or RMS) of the first output's
    recipe. All outputs have one sample rate and one number of channels. Those that are to be measured are, after they
    were encoded, and are returned; `headroom_db` is kept below the ceiling for those that are not.
    `read_take` is called from several threads; `heard` is told how many samples were mixed, block by block.
    Files that miss their loudness or ceiling are written again.
    Silence stays silence: it reads -70 LUFS. Raises OutputError, and what `read_take` raises; all is then as before.
    """
    job = _MasteringJob(timelines=timelines, outputs=outputs, read_take=read_take, heard=heard)
    aim = job.first_aim()
    aim = replace(aim, ceiling_dbtp=aim.ceiling_dbtp - headroom_db)
    gains = job.find_gains(aim)
    written = job.write([gain.gain_db for gain in gains], aim.ceiling_dbtp)
    reach_lu = max(gain.loudness_lufs for gain in gains) - aim.loudness_lufs
    measured = [output for output in outputs if output.measured]
    best = _Attempt(aim, written, _miss(measured, written, reach_lu) if measured else 0.0)
    for count in range(MOST_CORRECTIONS if measured else 0):
        # What an encoder does to peaks is no rule but a chance: each step leaves more room than the last one.
        better = _corrected(aim, measured, written, reach_lu, CORRECTION_HEADROOM_DB * 2**count)
        if better == aim:
            break
        aim = better
        written = job.write([gain.gain_db for gain in job.find_gains(aim)], aim.ceiling_dbtp)
        best = min(best, _Attempt(aim, written, _miss(measured, written, reach_lu)), key=lambda one: one.miss)
    if best.written is not written:
        written = job.write([gain.gain_db for gain in job.find_gains(best.aim)], best.aim.ceiling_dbtp)
    return job.read_back(written)


def find_programme_gain(timeline: Timeline, recipe: Recipe, read_take: ReadTake) -> float:
    """Return the gain in dB that brings a programme to its loudness, for files that are to share it."""
    job = _MasteringJob(timelines=[timeline], outputs=[Output(path=Path(), recipe=recipe)], read_take=read_take)
    return job.find_gains(job.first_aim())[0].gain_db


def make_line(timeline: Timeline, output: Output, read_take: ReadTake, gain_db: float) -> Written:
    """Write one line at a given gain and measure the file."""
    job = _MasteringJob(timelines=[timeline], outputs=[output], read_take=read_take)
    return job.read_back(job.write([gain_db], job.ceiling_dbtp()))[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class _MasteringJob:
    """What is mastered, to which files, and from which takes."""

    timelines: Sequence[Timeline]
    outputs: Sequence[Output]
    read_take: ReadTake
    heard: Heard = lambda _: None

    @property
    def recipe(self) -> Recipe:
        return self.outputs[0].recipe

    def ceiling_dbtp(self) -> float:
        """Return the ceiling before the encoders, whose level shifts are evened out to the first one's."""
        ceilings = (output.recipe.true_peak_dbtp - headroom_db(output.recipe) for output in self.outputs)
        return min(ceilings) - level_shift_db(self.recipe)

    def first_aim(self) -> Aim:
        """Aim so that the files will be right after their codecs have moved level and peaks."""
        recipe = self.recipe
        aim = Aim(
            loudness_lufs=recipe.loudness_lufs if recipe.rms_db is None else recipe.rms_db,
            ceiling_dbtp=self.ceiling_dbtp(),
            channels=recipe.channels,
        )
        if recipe.rms_db is not None:
            aim = replace(aim, loudness_lufs=aim.loudness_lufs - self._rms_above_lufs(aim))
        return replace(aim, loudness_lufs=aim.loudness_lufs - level_shift_db(recipe))

    def find_gains(self, aim: Aim) -> list[Gain]:
        with ThreadPoolExecutor(_THREADS) as pool:
            return [find_gain(timeline, aim, self.read_take, pool) for timeline in self.timelines]

    def _rms_above_lufs(self, aim: Aim) -> float:
        """Return how far the programme's RMS lies above its loudness once it is limited: heard, not written."""
        gains = [gain.gain_db for gain in self.find_gains(aim)]
        with ThreadPoolExecutor(_THREADS) as pool:
            blocks = iter(self._limited(gains, aim.ceiling_dbtp, pool))
            levels = measure_blocks(blocks, self.recipe.sample_rate, channels=1)
        return _spoken_rms_db(levels) - levels.lufs - 10 * math.log10(self.recipe.channels)

    def _limited(self, gains_db: Sequence[float], ceiling_dbtp: float, pool: ThreadPoolExecutor) -> Iterable[Samples]:
        limiter = make_limiter(self.recipe.sample_rate, ceiling_dbtp)
        return chain.from_iterable(
            self._in_room(
                limiter.stream(mix(timeline, self.recipe.fade_ms, self.read_take, pool), 10 ** (gain_db / 20)), timeline
            )
            for timeline, gain_db in zip(self.timelines, gains_db, strict=True)
        )

    def _in_room(self, blocks: Iterator[Samples], timeline: Timeline) -> Iterator[Samples]:
        level_db = self.recipe.room_tone_db
        return blocks if level_db is None else add_room_tone(blocks, timeline.length, timeline.sample_rate, level_db)

    def write(self, gains_db: Sequence[float], ceiling_dbtp: float) -> "tuple[Written, ...]":
        """Mix, limit and encode in one pass, and measure the files."""
        outputs = [
            replace(output, gain_db=level_shift_db(self.recipe) - level_shift_db(output.recipe))
            for output in self.outputs
        ]
        finished = Event()
        following: dict[int, Future[FileLevels]] = {}
        with (
            ThreadPoolExecutor(_THREADS) as pool,
            ThreadPoolExecutor(len(outputs)) as listeners,
            ThreadPoolExecutor(1) as scribe,
        ):
            frames = sum(timeline.length for timeline in self.timelines)
            try:
                with open_outputs(outputs, frames=frames) as writer:
                    following = _follow(writer, outputs, listeners, finished)
                    blocks = self._limited(gains_db, ceiling_dbtp, pool)
                    _write_behind(self._counted(blocks), writer.write, scribe)
            finally:
                finished.set()
            measured = {index: output.path for index, output in enumerate(outputs) if output.measured}
            hashes = {index: scribe.submit(file_sha256, path) for index, path in measured.items()}
            levels = {
                index: following[index].result() if index in following else measure_file(path)
                for index, path in measured.items()
            }
            return tuple(Written(path, levels[index], hashes[index].result()) for index, path in measured.items())

    def read_back(self, written: "Sequence[Written]") -> "tuple[Written, ...]":
        """Read back from the files what was written into them."""
        seconds = sum(timeline.length for timeline in self.timelines) / self.recipe.sample_rate
        outputs = [output for output in self.outputs if output.measured]
        return tuple(
            replace(file, misread=find_misread(output, file.levels, seconds))
            for file, output in zip(written, outputs, strict=True)
        )

    def _counted(self, blocks: Iterable[Samples]) -> Iterator[Samples]:
        for block in blocks:
            self.heard(block.size)
            yield block


def _follow(
    writer: MasterWriter, outputs: Sequence[Output], listeners: ThreadPoolExecutor, finished: Event
) -> dict[int, Future[FileLevels]]:
    """Begin to measure those files that can be measured while they are written; returns them by their index."""
    return {
        index: listeners.submit(measure_following, writer.reopen(index), output.recipe, finished)
        for index, output in enumerate(outputs)
        if output.measured and can_follow(output.recipe)
    }


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


@dataclass(frozen=True, slots=True)
class _Attempt:
    """Files that were written, what they were aimed at, and by how many decibels the worst of them misses it."""

    aim: Aim
    written: tuple[Written, ...]
    miss: float


def _miss(outputs: Sequence[Output], written: Sequence[Written], reach_lu: float) -> float:
    over_db = _over_db(outputs, written)
    slack_lu = _slack_lu(outputs)
    far_lu = abs(_error_lu(outputs, written, reach_lu)) - slack_lu if math.isfinite(reach_lu) else 0.0
    return max(over_db, 0.0) + max(far_lu, 0.0)


def _over_db(outputs: Sequence[Output], written: Sequence[Written]) -> float:
    """Return by how much the worst file peaks above its ceiling."""
    pairs = zip(outputs, written, strict=True)
    return max(file.levels.true_peak_dbtp - output.recipe.true_peak_dbtp for output, file in pairs)


def _error_lu(outputs: Sequence[Output], written: Sequence[Written], reach_lu: float) -> float:
    """Return how much louder the worst file is than it should be, or as it can be."""
    errors = [
        file.levels.lufs - output.recipe.loudness_lufs
        if output.recipe.rms_db is None
        else _spoken_rms_db(file.levels) - output.recipe.rms_db
        for output, file in zip(outputs, written, strict=True)
    ]
    return max(errors, key=abs) - reach_lu


def _spoken_rms_db(levels: FileLevels) -> float:
    """Return the RMS of a file between the quiet at its two ends: a short one would else come out louder than others.

    A shop measures all of it, so that the whole file stays within 2 dB of this.
    """
    seconds = levels.frames / levels.sample_rate
    spoken_s = seconds - levels.head_s - levels.tail_s
    quiet_db = 10 * math.log10(seconds / spoken_s) if 0 < spoken_s < seconds else 0.0
    return levels.rms_db + min(quiet_db, _MOST_QUIET_DB)


def _slack_lu(outputs: Sequence[Output]) -> float:
    return _SLACK_LU if outputs[0].recipe.rms_db is None else _RMS_SLACK_DB


def _corrected(aim: Aim, outputs: Sequence[Output], written: Sequence[Written], reach_lu: float, room_db: float) -> Aim:
    """Return what to aim at instead, judged by the files: the same aim when they are as they should be.

    A ceiling that was missed is lowered by that and `room_db`. `reach_lu` is how far from its target the programme
    stays for want of gain (0: not at all; silence: -inf).
    """
    over_db = _over_db(outputs, written)
    if over_db > 0:
        aim = replace(aim, ceiling_dbtp=aim.ceiling_dbtp - over_db - room_db)
    error_lu = _error_lu(outputs, written, reach_lu)
    if math.isfinite(reach_lu) and abs(error_lu) > _slack_lu(outputs):
        aim = replace(aim, loudness_lufs=aim.loudness_lufs - error_lu)
    return aim


def file_sha256(path: Path) -> str:
    """Return the hash of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
