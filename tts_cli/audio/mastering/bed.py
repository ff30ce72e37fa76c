"""A dub over what it is heard with: the original, which is ducked where the dub speaks, or music and effects."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import soundfile

from tts_cli.audio.io.ffmpeg import FfmpegError, decoding_stereo
from tts_cli.audio.io.files import SequentialFile, open_outputs
from tts_cli.audio.io.outputs import Output
from tts_cli.audio.io.video import film_demuxer
from tts_cli.audio.mastering.limiter import make_limiter
from tts_cli.audio.samples import Samples
from tts_cli.errors import OutputError
from tts_cli.recipe import Recipe

Ducking = Literal["gentle", "balanced", "strong"]


class _Duck(NamedTuple):
    ratio: float
    threshold_db: float


DUCKINGS: Mapping[Ducking, _Duck] = {
    "gentle": _Duck(2.5, -24.0),
    "balanced": _Duck(6.0, -28.0),
    "strong": _Duck(12.0, -32.0),
}
"""How far the original is turned down while the dub speaks."""
_ATTACK_S, _RELEASE_S = 0.025, 0.35
_KNEE_DB = 9.03  # so wide is the bend around the threshold

_BLOCK_FRAMES = 1 << 16
_RUN = 1 << 10
_TO_STEREO = np.float32(np.sqrt(0.5))  # as loud in two channels as in one


@dataclass(frozen=True, slots=True, kw_only=True)
class Bed:
    """What lies under a dub: the first sound of a film or a recording, at a gain, ducked or not."""

    path: Path
    gain_db: float = 0.0
    ducking: Ducking | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixdown:
    """How a mix is written: a stereo WAV of exactly `length` samples, below its ceiling."""

    length: int
    sample_rate: int
    bits: int
    gain_db: float
    ceiling_dbtp: float


def mix_over(dub: Path, bed: Bed, path: Path, mixdown: Mixdown) -> None:
    """Write a mono dub over its bed; a bed that is shorter ends in silence, a longer one is cut.

    The same files give the same samples, to the last one. Raises `OutputError` where one cannot be read or written.
    """
    sound = Recipe(name="mix", format="wav", sample_rate=mixdown.sample_rate, channels=2, bits=mixdown.bits)
    limiter = make_limiter(mixdown.sample_rate, mixdown.ceiling_dbtp)
    with open_outputs([Output(path=path, recipe=sound)], frames=mixdown.length) as writer:
        try:
            for block in limiter.stream(_mixed(dub, bed, mixdown), 10 ** (mixdown.gain_db / 20)):
                writer.write(block)
        except (FfmpegError, soundfile.LibsndfileError) as error:
            raise OutputError(f"cannot mix {dub.name} over {bed.path}: {error}") from error


def _mixed(dub: Path, bed: Bed, mixdown: Mixdown) -> Iterator[Samples]:
    """Yield the sum of both, block by block; [n, 2]."""
    rate, length = mixdown.sample_rate, mixdown.length
    gain = np.float32(10 ** (bed.gain_db / 20))
    ducker = _Ducker(DUCKINGS[bed.ducking], rate) if bed.ducking else None
    with decoding_stereo(bed.path, film_demuxer(bed.path), rate) as decoded:
        spoken = _cut(_read_dub(dub, rate), length)
        for voice, under in zip(spoken, _cut(decoded.blocks, length), strict=True):
            heard = voice * _TO_STEREO
            turned = under * gain
            yield heard + (turned * ducker.gains(heard[:, 0])[:, None] if ducker else turned)


def _read_dub(dub: Path, sample_rate: int) -> Iterator[Samples]:
    """Yield the dub at the mix's rate; [n, 1]."""
    import soxr

    with SequentialFile(dub) as file:
        blocks = file.each_block(_BLOCK_FRAMES)
        if file.samplerate == sample_rate:
            yield from blocks
            return
        resampler = soxr.ResampleStream(file.samplerate, sample_rate, file.channels)
        for block in blocks:
            yield resampler.resample_chunk(block)
        yield resampler.resample_chunk(np.zeros((0, file.channels), np.float32), last=True)


def _cut(blocks: Iterable[Samples], length: int) -> Iterator[Samples]:
    """Yield exactly so many samples in blocks of one size (the last one shorter); silence stands for what is lacking.

    So two sounds go side by side, and a mix does not depend on how its sources were handed over.
    """
    coming, channels = iter(blocks), 1
    held: list[Samples] = []
    for start in range(0, length, _BLOCK_FRAMES):
        wanted = min(_BLOCK_FRAMES, length - start)
        while sum(len(block) for block in held) < wanted:
            block = next(coming, None)
            if block is None:
                block = np.zeros((wanted, held[0].shape[1] if held else channels), np.float32)
            held.append(block)
        channels = held[0].shape[1]
        joined = np.concatenate(held)
        held = [joined[wanted:]]
        yield joined[:wanted]


class _Ducker:
    """A compressor that listens to another sound than it turns down, from consecutive blocks.

    The level that it hears is a running mean of the power, quick to rise and slow to fall.
    """

    def __init__(self, duck: _Duck, sample_rate: int) -> None:
        # A quarter of the time is the time constant, as ffmpeg's compressor counts it, whose sound this is.
        self._attack = min(1.0, 4 / (_ATTACK_S * sample_rate))
        self._release = min(1.0, 4 / (_RELEASE_S * sample_rate))
        self._duck = duck
        self._power = 0.0

    def gains(self, key: Samples) -> Samples:
        """Return what to multiply each sample with, by what is heard beside it; [n] -> [n]."""
        powers = np.concatenate([self._follow(key[start : start + _RUN]) for start in range(0, key.size, _RUN)])
        gains = np.ones(key.size, np.float32)
        loud = powers > 10 ** ((self._duck.threshold_db - _KNEE_DB / 2) / 10)
        gains[loud] = 10 ** (self._reduction_db(10 * np.log10(powers[loud])) / 20)
        return gains

    def _follow(self, key: Samples) -> npt.NDArray[np.float64]:
        """Return the power that is heard at each sample."""
        if not key.any():
            # nobody speaks, which is most of a film: the level only falls
            fall = (1 - self._release) ** np.arange(1, key.size + 1, dtype=np.float64)
            powers: npt.NDArray[np.float64] = np.asarray(self._power * fall, np.float64)
            self._power = float(powers[-1])
            return powers
        power, attack, release = self._power, self._attack, self._release
        heard = []
        # sample by sample, as which of both is at work depends on the level itself
        for wanted in (key.astype(np.float64) ** 2).tolist():
            step = wanted - power
            power += step * (attack if step > 0 else release)
            heard.append(power)
        self._power = power
        return np.array(heard)

    def _reduction_db(self, level_db: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the gain at levels from the knee on: a smooth bend, then as the ratio says."""
        ratio, threshold = self._duck
        start, stop = threshold - _KNEE_DB / 2, threshold + _KNEE_DB / 2
        # A cubic that leaves the one line and meets the other with their slopes.
        place = (level_db - start) / _KNEE_DB
        slope, rise = _KNEE_DB / ratio, (stop - threshold) / ratio + threshold - start
        bent = _KNEE_DB * place + (3 * rise - 2 * _KNEE_DB - slope) * place**2
        bent += (_KNEE_DB + slope - 2 * rise) * place**3
        straight = (level_db - threshold) / ratio + threshold
        wanted: npt.NDArray[np.float64] = np.where(level_db >= stop, straight, start + bent)
        return wanted - level_db
