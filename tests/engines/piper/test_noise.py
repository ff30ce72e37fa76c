"""The noise of a seed, which must never change: keys name what was made of it."""

import hashlib

import numpy as np

from tts_cli.engines.piper.noise import draw

GOLDEN = [[0.7443747520446777, 2.1715190410614014, -0.15798839926719666, 1.277743935585022]]
SHA256 = "b46406c49b18674dd878d968693871997e8a0e34d972441cc3c8cd8db9829a03"


def test_it_is_what_it_was() -> None:
    assert draw(1, "sound", 1, 4).tolist() == GOLDEN
    assert hashlib.sha256(draw(7, "durations", 2, 50_000).tobytes()).hexdigest() == SHA256


def test_it_is_normal() -> None:
    numbers = draw(3, "sound", 192, 2_000)
    assert numbers.dtype == np.float32
    assert abs(numbers.mean()) < 0.01
    assert abs(numbers.std() - 1) < 0.01
    assert abs((np.abs(numbers) > 1.959964).mean() - 0.05) < 0.002


def test_more_columns_leave_the_first_ones_alone() -> None:
    assert np.array_equal(draw(3, "sound", 5, 40)[:, :9], draw(3, "sound", 5, 9))


def test_seeds_and_purposes_have_their_own() -> None:
    drawn = [draw(seed, purpose, 1, 8).tobytes() for seed in (1, 2, 12) for purpose in ("sound", "durations")]
    assert len(set(drawn)) == 6
