import numpy as np

from tts_cli.audio.mastering.effects import EDGE, add_room_tone

RATE = 44_100


def tone(sizes: list[int], level_db: float = -66.0) -> np.ndarray:
    blocks = [np.zeros(size, np.float32) for size in sizes]
    return np.concatenate(list(add_room_tone(blocks, sum(sizes), RATE, level_db)))


def test_it_has_its_level_and_is_no_hum():
    samples = tone([RATE * 20])
    assert abs(10 * np.log10(np.mean(samples[EDGE * 2 : -EDGE * 2].astype(np.float64) ** 2)) + 66) < 0.2
    spectrum = np.abs(np.fft.rfft(samples)) ** 2
    assert spectrum.max() < spectrum.sum() * 0.05


def test_its_ends_are_silent():
    samples = tone([RATE])
    assert not samples[:EDGE].any()
    assert not samples[-EDGE:].any()
    assert samples[EDGE + 200 : EDGE * 3].any()


def test_it_does_not_depend_on_how_it_is_cut():
    assert (tone([50_000, 1, 70_000, 200_000]) == tone([320_001])).all()
