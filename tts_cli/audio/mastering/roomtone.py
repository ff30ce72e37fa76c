"""Room tone: the quiet of a room instead of digital silence, the same samples every time."""

import functools
from collections.abc import Iterable, Iterator

import numpy as np

from tts_cli.audio.samples import Samples

EDGE = 1024
"""So many samples at either end of a programme stay silent, and over as many the tone rises and falls."""

_LOOP = 1 << 18
_LOWEST_HZ, _HIGHEST_HZ = 50.0, 6_000.0


@functools.lru_cache(maxsize=4)
def _loop(sample_rate: int) -> Samples:
    """Return pink noise of RMS 1 that is periodic: made by its spectrum, so its end runs into its beginning."""
    frequencies = np.fft.rfftfreq(_LOOP, 1 / sample_rate)
    chance = np.random.default_rng(1)
    spectrum = np.zeros(frequencies.size, np.complex128)
    heard = (frequencies >= _LOWEST_HZ) & (frequencies <= _HIGHEST_HZ)
    spectrum[heard] = np.exp(2j * np.pi * chance.random(heard.sum())) / np.sqrt(frequencies[heard])
    noise = np.fft.irfft(spectrum, _LOOP)
    return np.asarray(noise / np.sqrt(np.mean(noise * noise)), np.float32)


def add_room_tone(blocks: Iterable[Samples], length: int, sample_rate: int, level_db: float) -> Iterator[Samples]:
    """Lay room tone of that RMS under consecutive mono blocks of a programme of `length` samples."""
    loop = _loop(sample_rate) * np.float32(10 ** (level_db / 20))
    start = 0
    for block in blocks:
        places = np.arange(start, start + block.size)
        fade = np.clip(np.minimum(places, length - 1 - places) / EDGE - 1, 0, 1).astype(np.float32)
        yield block + loop[places % _LOOP] * fade
        start += block.size
