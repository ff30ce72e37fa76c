"""Clips -> programme: takes are decoded and resampled ahead by a few threads, and summed block by block."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from tts_cli.audio.io.files import decode_take
from tts_cli.audio.mastering.edit import fade_edges, fit_length, stretch
from tts_cli.audio.mastering.effects import apply_effect
from tts_cli.audio.samples import Samples
from tts_cli.errors import DamagedTakeError, TakeError
from tts_cli.types import Clip, Take, Timeline

ReadTake = Callable[[Take], bytes]
Result = TypeVar("Result")

BLOCK_FRAMES = 1 << 17
_AHEAD_S = 120
"""So much sound is prepared ahead, or one clip if that is longer: this bounds the memory."""


def mix(timeline: Timeline, fade_ms: float, read_take: ReadTake, pool: ThreadPoolExecutor) -> Iterator[Samples]:
    """Yield the programme as mono blocks of `BLOCK_FRAMES` (the last one shorter); clips that overlap are summed.

    `read_take` is called in the pool's threads. Raises what it raises, and DamagedTakeError for undecodable takes.
    """
    rate = timeline.sample_rate
    fade = round(fade_ms * rate / 1000)
    # Blocks are made from left to right, while an edit list may name a later clip first.
    clips = sorted(timeline.clips, key=lambda clip: clip.start)
    recorded = in_order(pool, lambda clip: (clip, clip_samples(clip, read_take, rate, fade)), clips)
    coming = next(recorded, None)
    sounding: list[tuple[Clip, Samples]] = []
    for start in range(0, timeline.length, BLOCK_FRAMES):
        block = np.zeros(min(BLOCK_FRAMES, timeline.length - start), np.float32)
        while coming is not None and coming[0].start < start + block.size:
            sounding.append(coming)
            coming = next(recorded, None)
        for clip, samples in sounding:
            _add(block, start, clip.start, samples)
        # A clip is dropped as soon as it has ended: memory holds what sounds now, and no more.
        sounding = [pair for pair in sounding if pair[0].start + pair[1].size > start + block.size]
        yield block


def _add(block: Samples, block_start: int, start: int, samples: Samples) -> None:
    """Add to the block that part of the samples which falls into it."""
    first = max(start, block_start)
    last = min(start + samples.size, block_start + block.size)
    block[first - block_start : last - block_start] += samples[first - start : last - start]


def clip_samples(clip: Clip, read_take: ReadTake, sample_rate: int, fade: int) -> Samples:
    """Return a clip as it sounds: cut, at its tempo, as long as it must be, with its gain, its fades and its effect."""
    samples, take_rate = read_samples(clip.take, read_take)
    cut = samples[clip.trim : clip.trim + clip.trim_length]
    # Before the resampling, so that ffmpeg has fewer samples to work on.
    if clip.tempo != 1:
        cut = stretch(cut, take_rate, clip.tempo, clip.stretcher)
    fitted = fit_length(cut, clip.length, take_rate, sample_rate)
    if clip.gain_db:
        fitted *= np.float32(10 ** (clip.gain_db / 20))
    # Before the effect, whose tail must ring on over the end.
    fade_edges(fitted, fade)
    return apply_effect(fitted, sample_rate, clip.effect) if clip.effect else fitted


def read_samples(take: Take, read_take: ReadTake) -> tuple[Samples, int]:
    """Return a take's mono samples and its rate; raises DamagedTakeError where they are not as the take says."""
    try:
        samples, sample_rate = decode_take(read_take(take), take.frames)
    except TakeError as error:
        raise DamagedTakeError(take.key) from error
    if (samples.size, sample_rate) != (take.frames, take.sample_rate):
        raise DamagedTakeError(take.key)
    return samples, sample_rate


def in_order(pool: ThreadPoolExecutor, work: Callable[[Clip], Result], clips: Iterable[Clip]) -> Iterator[Result]:
    """Do the work on each clip in the pool, some way ahead of the reader; yield the results in the clips' order."""
    running: deque[tuple[float, Future[Result]]] = deque()
    ahead_s = 0.0
    try:
        for clip in clips:
            seconds = clip.trim_length / clip.take.sample_rate
            # One clip is always under way, however long it is.
            while running and ahead_s + seconds > _AHEAD_S:
                done_s, future = running.popleft()
                ahead_s -= done_s
                yield future.result()
            running.append((seconds, pool.submit(work, clip)))
            ahead_s += seconds
        while running:
            yield running.popleft()[1].result()
    finally:
        # The reader has given up, or a clip has failed: what has not begun need not begin.
        for _, future in running:
            future.cancel()
