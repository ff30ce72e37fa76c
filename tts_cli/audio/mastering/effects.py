"""Effects by name: a band of frequencies, some overload, and a room, made of numbers alone."""

import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from tts_cli.audio.samples import Samples

_FILTER_SAMPLES = 1023  # an odd length, so that its middle is a sample
_BLOCK = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What is heard of a voice: the band that passes, how hard it is driven, and a room that rings for `decay_s`.

    `wet` is the room's RMS against the voice's; the decay is by 60 dB.
    """

    summary: str
    low_hz: float = 20.0
    high_hz: float = 20_000.0
    drive: float = 0.0
    decay_s: float = 0.0
    wet: float = 0.0
    predelay_s: float = 0.0


EFFECTS: Mapping[str, Effect] = {
    "phone": Effect(summary="a telephone", low_hz=300, high_hz=3_400, drive=1.5),
    "radio": Effect(summary="a hand-held radio", low_hz=450, high_hz=3_000, drive=5.0),
    "intercom": Effect(
        summary="a loudspeaker in a corridor", low_hz=350, high_hz=4_500, drive=2.5, decay_s=0.5, wet=0.25
    ),
    "megaphone": Effect(summary="a megaphone", low_hz=600, high_hz=4_000, drive=8.0, decay_s=0.3, wet=0.15),
    "muffled": Effect(summary="behind a door", high_hz=700),
    "room": Effect(summary="a small room", decay_s=0.35, wet=0.3, predelay_s=0.004),
    "hall": Effect(summary="a large hall", decay_s=1.8, wet=0.35, predelay_s=0.02),
    "cave": Effect(summary="a cave", high_hz=9_000, decay_s=3.0, wet=0.6, predelay_s=0.04),
    "thought": Effect(summary="a voice in one's head", low_hz=120, high_hz=8_000, decay_s=0.9, wet=0.5),
}
"""Every effect by the name that a line gives it."""


def effect_tail_s(name: str) -> float:
    """Return how long an effect rings on after its voice."""
    return EFFECTS[name].decay_s if name in EFFECTS else 0.0


def apply_effect(samples: Samples, sample_rate: int, name: str) -> Samples:
    """Return mono samples with their effect, as loud as before, and longer by its tail: [n] -> [n + tail]."""
    effect = EFFECTS[name]
    response = _response(name, sample_rate)
    driven = _driven(samples, effect.drive)
    # A linear-phase filter delays by half its length: cut off here, the voice stays in time.
    heard = _convolved(driven, response)[_FILTER_SAMPLES // 2 :]
    tail = round(effect.decay_s * sample_rate)
    heard = heard[: samples.size + tail]
    # The level is compared where the voice sounds: its tail must not turn it down.
    before, after = _energy(samples), _energy(heard[: samples.size])
    return heard * np.float32(np.sqrt(before / after) if after > 0 else 1.0)


def _driven(samples: Samples, drive: float) -> Samples:
    """Overload: the louder, the flatter; the peak stays where it is."""
    peak = float(np.abs(samples).max(initial=0.0))
    if not drive or not peak:
        return samples
    # tanh comes close to 1 and never reaches it: the division brings the peak back to where it was.
    return np.asarray(np.tanh(samples * (drive / peak)) * (peak / np.tanh(drive)), np.float32)


@functools.lru_cache(maxsize=16)
def _response(name: str, sample_rate: int) -> Samples:
    """Return the impulse response: the band's filter, and the room behind it; the same numbers every time."""
    effect = EFFECTS[name]
    band = _band(effect, sample_rate)
    if not effect.wet:
        return band
    length, delay = round(effect.decay_s * sample_rate), round(effect.predelay_s * sample_rate)
    time = np.arange(length) / effect.decay_s / sample_rate
    # The seed is fixed, as the same line must give the same bytes in every run. 60 dB are a factor of 10 ** 3.
    noise = np.random.default_rng(1).standard_normal(length) * 10 ** (-3 * time)
    room = np.zeros(delay + length)
    room[delay:] = noise * effect.wet / np.sqrt((noise * noise).sum())
    # The direct sound stays whole, so `wet` is relative to it.
    room[0] += 1.0
    return np.asarray(np.convolve(band, room), np.float32)


def _band(effect: Effect, sample_rate: int) -> Samples:
    """Return a linear-phase band-pass filter: the difference of two windowed sincs."""
    half = _FILTER_SAMPLES // 2
    places = np.arange(-half, half + 1)
    nyquist = sample_rate / 2
    # A low sample rate ends before some bands do.
    high, low = min(effect.high_hz / nyquist, 1.0), effect.low_hz / nyquist
    taps = high * np.sinc(high * places) - low * np.sinc(low * places)
    return np.asarray(taps * np.blackman(_FILTER_SAMPLES), np.float32)


def _convolved(samples: Samples, response: Samples) -> Samples:
    """Convolve block by block, so that a long recording takes no more memory than a short one."""
    # So large that the circular convolution of an FFT never wraps around.
    size = 1 << (_BLOCK + response.size - 2).bit_length()
    spectrum = np.fft.rfft(response, size)
    result = np.zeros(samples.size + response.size - 1, np.float32)
    for start in range(0, samples.size, _BLOCK):
        block = samples[start : start + _BLOCK]
        end = start + block.size + response.size - 1
        result[start:end] += np.fft.irfft(np.fft.rfft(block, size) * spectrum, size)[: end - start]
    return result


def _energy(samples: Samples) -> float:
    return float(np.dot(samples, samples))


# --- room tone: the quiet of a room instead of digital silence --------------------------------------------


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
    # Only the phases are random: a loop has the same level at every frequency, whatever its seed.
    spectrum[heard] = np.exp(2j * np.pi * chance.random(heard.sum())) / np.sqrt(frequencies[heard])
    noise = np.fft.irfft(spectrum, _LOOP)
    return np.asarray(noise / np.sqrt(np.mean(noise * noise)), np.float32)


def add_room_tone(blocks: Iterable[Samples], length: int, sample_rate: int, level_db: float) -> Iterator[Samples]:
    """Lay room tone of that RMS under consecutive mono blocks of a programme of `length` samples."""
    loop = _loop(sample_rate) * np.float32(10 ** (level_db / 20))
    start = 0
    for block in blocks:
        # Counted from the programme's start, so that its cut into blocks is not heard.
        places = np.arange(start, start + block.size)
        fade = np.clip(np.minimum(places, length - 1 - places) / EDGE - 1, 0, 1).astype(np.float32)
        yield block + loop[places % _LOOP] * fade
        start += block.size
