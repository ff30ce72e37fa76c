"""A dub over what it is heard with: the original, which is ducked where the dub speaks, or music and effects."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from tts_cli.audio.io.ffmpeg import FfmpegError, run_graph
from tts_cli.audio.io.video import film_demuxer
from tts_cli.errors import OutputError

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
_ATTACK_MS, _RELEASE_MS = 25, 350
# The limiter sees samples alone: oversampled, it also sees the peaks between them.
_OVERSAMPLING = 4
# Without `latency` its look-ahead would delay the sound; `level` would raise every mix to full scale.
_LIMITER = {"attack": 5, "release": 50, "level": "disabled", "latency": 1}


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

    Raises `OutputError` where ffmpeg cannot.
    """
    try:
        run_graph(_graph(dub, bed, path, mixdown))
    except FfmpegError as error:
        raise OutputError(f"cannot mix {dub.name} over {bed.path}: {error}") from error


def _graph(dub: Path, bed: Bed, path: Path, mixdown: Mixdown) -> Any:
    import ffmpeg

    spoken = ffmpeg.input(f"file:{dub}", f="wav", protocol_whitelist="file").audio
    spoken = spoken.filter("aformat", sample_fmts="fltp", channel_layouts="stereo")  # as loud in two channels as in one
    under = ffmpeg.input(f"file:{bed.path}", f=film_demuxer(bed.path), protocol_whitelist="file")["a:0"]
    under = (
        # a sound that begins late, or has holes, keeps its times
        under.filter("aresample", mixdown.sample_rate, **{"async": 1, "first_pts": 0})
        .filter("aformat", sample_fmts="fltp", channel_layouts="stereo")
        .filter("volume", f"{bed.gain_db:.3f}dB", precision="float")
        .filter("apad", whole_len=mixdown.length)
        .filter("atrim", end_sample=mixdown.length)
    )
    if bed.ducking:
        heard = spoken.filter_multi_output("asplit", 2)
        spoken, under = heard[0], _ducked(under, heard[1], DUCKINGS[bed.ducking])
    # Normalised, each input would be halved.
    mixed = ffmpeg.filter([spoken, under], "amix", inputs=2, normalize=0, duration="first")
    return _limited(mixed, mixdown).output(
        f"file:{path}", acodec=f"pcm_s{mixdown.bits}le", f="wav", rf64="auto", fflags="+bitexact", map_metadata=-1
    )


def _ducked(under: Any, key: Any, duck: _Duck) -> Any:
    import ffmpeg

    threshold = 10 ** (duck.threshold_db / 20)
    settings = {"threshold": threshold, "ratio": duck.ratio, "attack": _ATTACK_MS, "release": _RELEASE_MS}
    return ffmpeg.filter([under, key], "sidechaincompress", **settings)


def _limited(mixed: Any, mixdown: Mixdown) -> Any:
    """Hold peaks between samples below the ceiling too, and cut what resampling adds."""
    louder = mixed.filter("volume", f"{mixdown.gain_db:.3f}dB", precision="float")
    fine = louder.filter("aresample", _OVERSAMPLING * mixdown.sample_rate)
    held = fine.filter("alimiter", limit=10 ** (mixdown.ceiling_dbtp / 20), **_LIMITER)
    # The way there and back moves the end by some samples.
    back = held.filter("aresample", mixdown.sample_rate)
    return back.filter("apad", whole_len=mixdown.length).filter("atrim", end_sample=mixdown.length)
