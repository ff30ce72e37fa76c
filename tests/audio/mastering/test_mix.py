"""Clips land on their samples, overlaps add up, and what is read ahead is bounded."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tts_cli.audio.io.files import encode_take
from tts_cli.audio.mastering.mix import BLOCK_FRAMES, in_order, mix
from tts_cli.audio.meters.measure import measure_take
from tts_cli.errors import DamagedTakeError
from tts_cli.types import Clip, Take, Timeline

RATE = 8_000


class Shelf:
    """Takes and their bytes."""

    def __init__(self) -> None:
        self.bytes: dict[str, bytes] = {}

    def record(self, samples: np.ndarray, rate: int = RATE) -> Take:
        data = encode_take(samples.astype(np.float32), rate, "PCM_24")
        key = f"{len(self.bytes):064}"
        self.bytes[key] = data
        measures = measure_take(samples.astype(np.float32), rate)
        return Take(key=key, blob=key, size=len(data), frames=len(samples), sample_rate=rate, measures=measures)

    def read(self, take: Take) -> bytes:
        return self.bytes[take.key]


def place(take: Take, start: int, trim: int = 0, length: int | None = None, gain_db: float = 0.0) -> Clip:
    length = take.frames - trim if length is None else length
    return Clip(
        line_id="x", part=0, take=take, start=start, length=length, trim=trim, trim_length=length, gain_db=gain_db
    )


def mixed(shelf: Shelf, length: int, *clips: Clip, fade_ms: float = 0.0) -> np.ndarray:
    timeline = Timeline(id="x", title="x", sample_rate=RATE, items=clips, length=length)
    with ThreadPoolExecutor(2) as pool:
        return np.concatenate([np.zeros(0), *mix(timeline, fade_ms, shelf.read, pool)])


def test_a_clip_lands_on_its_samples_with_its_gain_and_cut():
    shelf = Shelf()
    ramp = np.arange(1000) / 2000
    programme = mixed(shelf, 3000, place(shelf.record(ramp), 500, trim=100, length=300, gain_db=-6.0))
    assert programme.size == 3000
    assert programme[500:800] == pytest.approx(ramp[100:400] * 10 ** (-6 / 20), abs=1e-6)
    assert not programme[:500].any()
    assert not programme[800:].any()


@settings(max_examples=12, deadline=None)
@given(starts=st.lists(st.integers(0, 2 * BLOCK_FRAMES), min_size=1, max_size=6), tail=st.integers(-400, 5000))
def test_any_clips_overlapping_or_not_are_summed(starts: list[int], tail: int):
    shelf = Shelf()
    length = max(starts) + 500 + tail
    expected = np.zeros(length + 1000)
    clips = []
    for number, start in enumerate(starts):
        samples = np.full(500, 0.01 * (number + 1))
        clips.append(place(shelf.record(samples), start))
        expected[start : start + 500] += samples
    assert mixed(shelf, length, *clips) == pytest.approx(expected[:length], abs=1e-6)


def test_a_clip_longer_than_many_blocks_is_whole():
    shelf = Shelf()
    samples = 0.1 * np.sin(np.arange(3 * BLOCK_FRAMES + 77))
    programme = mixed(shelf, samples.size + 50, place(shelf.record(samples), 11))
    assert programme[11 : 11 + samples.size] == pytest.approx(samples, abs=1e-6)


def test_edges_are_faded():
    shelf = Shelf()
    programme = mixed(shelf, 2000, place(shelf.record(np.full(1000, 0.5)), 0), fade_ms=5.0)
    assert abs(programme[0]) < 0.001
    assert programme[40:960] == pytest.approx(np.full(920, 0.5), abs=1e-6)
    assert abs(programme[999]) < 0.001


def test_a_programme_of_gaps_is_silence():
    programme = mixed(Shelf(), 3 * BLOCK_FRAMES + 5)
    assert programme.size == 3 * BLOCK_FRAMES + 5
    assert not programme.any()


def test_a_take_that_cannot_be_decoded_is_damaged():
    shelf = Shelf()
    take = shelf.record(np.ones(100))
    shelf.bytes[take.key] = b"fLaC and no more"
    with pytest.raises(DamagedTakeError):
        mixed(shelf, 100, place(take, 0))


def test_no_more_is_read_ahead_than_two_minutes():
    take = Shelf().record(np.zeros(30 * RATE))
    done: list[int] = []

    def work(clip: Clip) -> int:
        done.append(clip.start)
        return clip.start

    def drained(results: Iterator[int]) -> Iterator[int]:
        for start in results:
            threading.Event().wait(0.01)
            assert len(done) <= start + 4 + 1
            yield start

    with ThreadPoolExecutor(4) as pool:
        assert list(drained(in_order(pool, work, [place(take, start) for start in range(30)]))) == list(range(30))
