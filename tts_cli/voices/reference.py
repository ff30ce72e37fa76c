"""Clips to imitate: what is wrong with one, in measured numbers, and which passage of it serves best."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from tts_cli.audio.io.recordings import LONGEST_CLIP_S, decode_audio
from tts_cli.audio.mastering.edit import fade_edges
from tts_cli.audio.meters.measure import take_out_offset
from tts_cli.audio.meters.quality import (
    FRAME_S,
    Decibels,
    Mask,
    Quality,
    find_clipped,
    find_speech,
    frame_levels,
    measure_quality,
)
from tts_cli.audio.samples import Samples
from tts_cli.errors import InputError, Problem, Source, TakeError

SHORTEST_S, BEST_S, LONGEST_S = 5.0, 12.0, 15.0
"""Engines want 5 to 15 seconds; beyond 12 they gain little."""
USABLE_S = 1.0
MARGIN_S = 0.1
FADE_S = 0.01
PAUSE_S = 0.2

LOWEST_RATE_HZ = 16_000
NARROW_HZ = 6_000
LOWEST_SNR_DB = 20.0
LOUDEST_HUM_DB = 20.0
WIDEST_SPREAD_DB = 8.0
QUIETEST_DBFS = -40.0
MOST_CLIPPED = 1e-4
MOST_SILENCE = 0.5
LARGEST_OFFSET = 0.01

_ADDRESS = re.compile(r"\[[^\s\[\]]+ @ 0x[0-9a-f]+\] ")

Kind = Literal["short", "long", "silence", "clipping", "noise", "hum", "levels", "quiet", "rate", "offset"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is not as it should be; `measured` and `wanted` are in `unit`."""

    kind: Kind
    message: str
    measured: float
    wanted: float
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedClip:
    """A checked clip: its best passage as mono samples [frames], taken from `start_s` of the file."""

    path: str
    samples: Samples
    sample_rate: int
    start_s: float
    quality: Quality
    diagnostics: tuple[Finding, ...]

    @property
    def seconds(self) -> float:
        """The length of the passage."""
        return len(self.samples) / self.sample_rate


def check_clip(path: Path) -> CheckedClip:
    """Decode a clip of any format, measure it, and cut out its best passage.

    Raises `InputError` for one that cannot be read or holds no speech.
    """
    return check_samples(path, *read_clip(path))


def check_samples(path: Path, samples: Samples, sample_rate: int) -> CheckedClip:
    """Do so for a clip that is decoded already; `path` is only its name."""
    samples, offset = take_out_offset(samples)
    quality = measure_quality(samples, sample_rate)
    if quality.speech_s < USABLE_S:
        said = f"holds {quality.speech_s:.1f} s of speech in {quality.seconds:.1f} s"
        raise _refusal(
            path, said, f"a voice needs {SHORTEST_S:.0f} to {LONGEST_S:.0f} s, and {USABLE_S:.0f} s at least"
        )
    start, end = best_passage(samples, sample_rate)
    # A copy, as the fades must not reach into the clip itself.
    passage = samples[start:end].copy()
    fade_edges(passage, round(FADE_S * sample_rate))
    return CheckedClip(
        path=str(path),
        samples=passage,
        sample_rate=sample_rate,
        start_s=start / sample_rate,
        quality=quality,
        diagnostics=(*find_faults(quality), *_offset_faults(offset)),
    )


def read_clip(path: Path) -> tuple[Samples, int]:
    """Return a clip as mono float32 [frames] and its sample rate; raises `InputError`."""
    try:
        samples, sample_rate = decode_audio(path, LONGEST_CLIP_S)
    except TakeError as error:
        # ffmpeg says it in several lines, each with addresses of its own
        said = _ADDRESS.sub("", error.message.removeprefix(f"{path} ").partition("\n")[0])
        raise _refusal(path, said, error.hint) from error
    if not np.isfinite(samples).all():
        raise _refusal(path, "holds samples that are not numbers (NaN or infinite)")
    return samples, sample_rate


def find_faults(quality: Quality) -> Iterable[Finding]:
    """Compare what was measured with what engines want; the clip as a whole, not its best passage."""
    yield from _length_faults(quality)
    yield from _sound_faults(quality)
    if quality.sample_rate < LOWEST_RATE_HZ or quality.bandwidth_hz < NARROW_HZ:
        said = (
            f"sampled at {quality.sample_rate} Hz, with nothing above {quality.bandwidth_hz} Hz: dull voices come of it"
        )
        yield Finding(kind="rate", message=said, measured=quality.bandwidth_hz, wanted=LOWEST_RATE_HZ / 2, unit="Hz")


def _length_faults(quality: Quality) -> Iterable[Finding]:
    seconds, silent = quality.seconds, 1 - quality.speech_s / quality.seconds
    if quality.speech_s < SHORTEST_S:
        said = f"too short: {quality.speech_s:.1f} s of speech, {SHORTEST_S:.0f} to {LONGEST_S:.0f} s are best"
        yield Finding(kind="short", message=said, measured=quality.speech_s, wanted=SHORTEST_S, unit="s")
    if seconds > LONGEST_S:
        said = f"too long: {seconds:.1f} s, of which the best passage is kept"
        yield Finding(kind="long", message=said, measured=seconds, wanted=LONGEST_S, unit="s")
    if silent > MOST_SILENCE:
        said = f"mostly silence: {silent:.0%} of {seconds:.1f} s"
        yield Finding(kind="silence", message=said, measured=100 * silent, wanted=100 * MOST_SILENCE, unit="%")


def _offset_faults(offset: float) -> Iterable[Finding]:
    if abs(offset) >= LARGEST_OFFSET:
        said = f"DC offset: {offset:+.2f} of full scale, which was taken out"
        yield Finding(kind="offset", message=said, measured=offset, wanted=0.0, unit="")


def _sound_faults(quality: Quality) -> Iterable[Finding]:
    snr_db = quality.speech_dbfs - quality.noise_dbfs
    if quality.clipped > MOST_CLIPPED:
        said = f"clipped: {quality.clipped:.2%} of the samples are cut off at {quality.peak_dbfs:.1f} dBFS"
        yield Finding(kind="clipping", message=said, measured=100 * quality.clipped, wanted=0.0, unit="%")
    if snr_db < LOWEST_SNR_DB:
        said = f"noisy: the noise floor is {quality.noise_dbfs:.1f} dBFS, only {snr_db:.0f} dB below the speech"
        yield Finding(kind="noise", message=said, measured=snr_db, wanted=LOWEST_SNR_DB, unit="dB")
    if quality.hum_db > LOUDEST_HUM_DB:
        said = f"hum: {quality.hum_hz} Hz stands out by {quality.hum_db:.0f} dB; a high-pass at 75 Hz removes it"
        yield Finding(kind="hum", message=said, measured=quality.hum_db, wanted=LOUDEST_HUM_DB, unit="dB")
    if quality.level_spread_db > WIDEST_SPREAD_DB:
        said = f"several levels: the speech differs by {quality.level_spread_db:.0f} dB within the clip"
        yield Finding(kind="levels", message=said, measured=quality.level_spread_db, wanted=WIDEST_SPREAD_DB, unit="dB")
    if quality.speech_dbfs < QUIETEST_DBFS:
        said = f"very quiet: the speech is at {quality.speech_dbfs:.1f} dBFS"
        yield Finding(kind="quiet", message=said, measured=quality.speech_dbfs, wanted=QUIETEST_DBFS, unit="dBFS")


def compare_levels(clips: Sequence[CheckedClip]) -> Finding | None:
    """Return where clips of one voice differ in level: an engine that joins them would hear two distances."""
    levels = [clip.quality.speech_dbfs for clip in clips]
    spread = max(levels) - min(levels)
    if spread <= WIDEST_SPREAD_DB:
        return None
    said = f"several levels: the clips' speech lies between {min(levels):.1f} and {max(levels):.1f} dBFS"
    return Finding(kind="levels", message=said, measured=spread, wanted=WIDEST_SPREAD_DB, unit="dB")


# --- the best passage -----------------------------------------------------------------------------------


def best_passage(samples: Samples, sample_rate: int) -> tuple[int, int]:
    """Return start and end, in samples, of the 5 to 15 s that hold most sound speech; it begins and ends in pauses."""
    levels = frame_levels(samples, sample_rate)
    speech = find_speech(levels)
    worth = _worth(samples, sample_rate, levels, speech)
    starts, ends = _cuts(speech)
    # With a running sum, each of many windows is judged by one subtraction.
    totals = np.concatenate(([0.0], np.cumsum(worth)))
    best = max(
        ((_score(totals, start, end), start, end) for start, end in _windows(starts, ends)),
        default=(0.0, starts[0], ends[-1]),
        key=lambda found: found[0],
    )
    # The margin is half of the shortest pause: a passage never reaches into the next word.
    margin, frame = round(MARGIN_S * sample_rate), round(FRAME_S * sample_rate)
    return max(0, best[1] * frame - margin), min(len(samples), best[2] * frame + margin)


def _worth(samples: Samples, sample_rate: int, levels: Decibels, speech: Mask) -> Decibels:
    """Give each frame [n] its seconds of speech, less where its level is unusual, and minus where it is clipped."""
    # The median, as a few shouted words must not decide what is usual.
    off_db = np.abs(levels - np.median(levels[speech])) - WIDEST_SPREAD_DB
    worth = np.where(speech, FRAME_S * np.clip(1 - off_db / 40, 0.3, 1), 0.0)
    frame = round(FRAME_S * sample_rate)
    clipped = find_clipped(samples)[: len(levels) * frame].reshape(-1, frame).any(axis=1)
    # One clipped frame outweighs five good ones, as engines imitate the crackle.
    return np.asarray(np.where(clipped, -5 * FRAME_S, worth))


def _cuts(speech: Mask) -> tuple[list[int], list[int]]:
    """Return the frames where speech begins after a pause, and where it ends before one; of each at least one."""
    # Zeros at both ends give every run of speech two edges.
    runs = np.flatnonzero(np.diff(speech.astype(np.int8), prepend=0, append=0))
    starts, ends = runs[::2].tolist(), runs[1::2].tolist()
    pause = round(PAUSE_S / FRAME_S)
    kept = [number for number in range(1, len(starts)) if starts[number] - ends[number - 1] >= pause]
    return [starts[0], *(starts[number] for number in kept)], [*(ends[number - 1] for number in kept), ends[-1]]


def _windows(starts: Sequence[int], ends: Sequence[int]) -> Iterable[tuple[int, int]]:
    """Yield every passage from a start to an end of 5 to 15 s; speech without pauses is cut after 12 s."""
    shortest, best, longest = (round(seconds / FRAME_S) for seconds in (SHORTEST_S, BEST_S, LONGEST_S))
    for start in starts:
        fitting = [end for end in ends if shortest <= end - start <= longest]
        yield from ((start, end) for end in fitting)
        if not fitting and ends[-1] - start > longest:
            yield start, start + best


def _score(totals: Decibels, start: int, end: int) -> float:
    """Count the seconds of sound speech up to 12, less a little for the pauses in between."""
    sound = float(totals[end] - totals[start])
    return min(sound, BEST_S) - 0.2 * ((end - start) * FRAME_S - sound)


def _refusal(path: Path, message: str, hint: str = "") -> InputError:
    return InputError([Problem(Source(str(path), 1), message, hint)])
