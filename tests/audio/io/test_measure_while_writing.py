"""A file measured while it grows measures the same as when it is finished."""

import itertools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import numpy as np
import pytest

from tts_cli.audio.io.files import open_outputs
from tts_cli.audio.io.measure_while_writing import can_follow, measure_following
from tts_cli.audio.io.outputs import Cover, Output
from tts_cli.audio.io.readback import measure_file
from tts_cli.audio.meters.loudness import FileLevels
from tts_cli.errors import OutputError
from tts_cli.recipe import Recipe


def programme(seconds: float, rate: int) -> np.ndarray:
    chance = np.random.default_rng(0)
    swell = np.interp(np.arange(round(seconds * rate)), np.arange(0, 4_000_000, 5_000), chance.uniform(0, 0.3, 800))
    return (swell * np.convolve(chance.standard_normal(swell.size), [0.3, 0.4, 0.3], "same")).astype(np.float32)


def write(path: Path, recipe: Recipe, samples: np.ndarray) -> bytes:
    with open_outputs([Output(path=path, recipe=recipe)], frames=len(samples)) as writer:
        writer.write(samples)
    return path.read_bytes()


def follow(data: bytes, cuts: Sequence[int], recipe: Recipe, path: Path) -> FileLevels:
    """Let a file grow by the pieces of `data` between the cuts, while it is measured."""
    finished = Event()
    with path.open("wb", buffering=0) as growing, ThreadPoolExecutor(1) as pool:
        measured = pool.submit(measure_following, path.open("rb"), recipe, finished)
        for start, stop in itertools.pairwise([0, *cuts, len(data)]):
            growing.write(data[start:stop])
            finished.wait(0.02)
        finished.set()
        return measured.result()


@pytest.mark.parametrize(("rate", "channels", "kbps"), [(44_100, 1, 192), (48_000, 2, 32), (32_000, 1, 320)])
def test_the_same_as_measured_afterwards(
    rate: int, channels: int, kbps: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    recipe = Recipe(name="test", format="mp3", sample_rate=rate, channels=channels, bitrate_kbps=kbps)
    assert can_follow(recipe)
    data = write(tmp_path / "x.mp3", recipe, programme(31.7, rate))
    followed = follow(data, range(41, len(data), len(data) // 7), recipe, tmp_path / "y.mp3")
    afterwards = measure_file(tmp_path / "x.mp3")
    assert followed.lufs == pytest.approx(afterwards.lufs, abs=0.001)
    assert followed.true_peak_dbtp == pytest.approx(afterwards.true_peak_dbtp, abs=0.001)
    assert (followed.frames, followed.sample_rate) == (afterwards.frames, rate)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("cover_bytes", [0, 300_000, 10_000_000])
def test_what_is_followed_is_sound_from_its_first_byte_on(cover_bytes: int, tmp_path: Path):
    """A head, however large, is laid before the sound when the encoder is done: nobody reads one that grows."""
    recipe = Recipe(name="test", format="mp3")
    cover = Cover(data=np.random.default_rng(1).bytes(cover_bytes), mime="image/jpeg") if cover_bytes else None
    output = Output(path=tmp_path / "x.mp3", recipe=recipe, tags={"copyright": "é" * 1500}, cover=cover)
    samples, finished = programme(12, 44_100), Event()
    with ThreadPoolExecutor(1) as pool:
        with open_outputs([output], frames=samples.size) as writer:
            followed = pool.submit(measure_following, writer.reopen(), recipe, finished)
            for block in np.array_split(samples, 9):
                writer.write(block)
        finished.set()
        levels = followed.result()
    data = output.path.read_bytes()
    assert data.startswith(b"ID3")
    assert len(data) > cover_bytes + 3000
    afterwards = measure_file(output.path)
    assert levels.lufs == pytest.approx(afterwards.lufs, abs=0.001)
    assert levels.frames == afterwards.frames == samples.size
    assert list(tmp_path.iterdir()) == [output.path]


@pytest.mark.parametrize("seconds", [0.001, 0.02, 0.2])
def test_the_shortest_files_too(seconds: float, tmp_path: Path):
    recipe = Recipe(name="test", format="mp3")
    data = write(tmp_path / "x.mp3", recipe, programme(seconds, 44_100))
    followed = follow(data, [], recipe, tmp_path / "y.mp3")
    assert followed.frames == measure_file(tmp_path / "x.mp3").frames
    assert followed.true_peak_dbtp == pytest.approx(measure_file(tmp_path / "x.mp3").true_peak_dbtp, abs=0.5)


def test_what_is_no_mp3_is_refused(tmp_path: Path):
    with pytest.raises(OutputError, match="other than mp3"):
        follow(b"OggS and all that" * 100, [], Recipe(name="test", format="mp3"), tmp_path / "x.mp3")


@pytest.mark.parametrize(("suffix", "rate"), [("mp3", 24_000), ("wav", 44_100), ("m4a", 44_100), ("opus", 48_000)])
def test_other_files_are_measured_when_they_are_finished(suffix: str, rate: int):
    assert not can_follow(Recipe(name="test", format=suffix, sample_rate=rate))
