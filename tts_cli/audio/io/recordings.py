"""A user's recordings, of any format: decoded as far as a recording of speech may be long, and no further."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from tts_cli.audio.io.ffmpeg import DEMUXERS, FfmpegError, decoding
from tts_cli.audio.io.files import SequentialFile
from tts_cli.audio.samples import Samples
from tts_cli.errors import TakeError
from tts_cli.user_files import open_file

LONGEST_RECORDING_S = 3600
"""A recorded line may be so long; far smaller files can claim to be far longer."""
LONGEST_CLIP_S = 900
"""A clip to imitate may be so long; a passage of 15 s is taken of it."""
_RATES_HZ = (4_000, 192_000)
_BLOCK_FRAMES = 1 << 16
_MOST_SAMPLES = LONGEST_RECORDING_S * 48_000 * 2
_WAV_START_BYTES = 1 << 12
_WAV_LENGTHS = (bytes(4), b"\xff" * 4)  # what a stream says of itself
_UNKNOWN = 1 << 60  # what libsndfile says of a file whose header does not tell


def decode_audio(path: Path, longest_s: float = LONGEST_RECORDING_S) -> tuple[Samples, int]:
    """Return a user's recording as mono float32 [frames] and its sample rate: the mean of its channels.

    Raises TakeError of kind "input" when it cannot be read, is not audio or is longer than `longest_s`.
    """
    if path.suffix.lower() == ".raw":
        said = f"{path} is raw PCM, which says neither its rate nor its form"
        raise TakeError(said, kind="input", hint="make a WAV of it: ffmpeg -f s16le -ar 48000 -ac 1 -i x.raw x.wav")
    try:
        # libsndfile tells of a system error; the system tells which. And it would wait for the end of a pipe.
        with open_file(path) as file:
            start = file.read(_WAV_START_BYTES)
        return (_decode_by_ffmpeg if _has_no_length(start) else _decode_by_soundfile)(path, longest_s)
    except OSError as error:
        raise TakeError(f"cannot read {path}: {error.strerror}", kind="input") from error
    except soundfile.LibsndfileError:
        # Not damaged yet: AAC, AMR and films are beyond libsndfile.
        return _decode_by_ffmpeg(path, longest_s)


def _has_no_length(start: bytes) -> bool:
    """Tell a WAV that was written as a stream: its length is 0, or as large as can be, and its end is the file's."""
    if not start.startswith(b"RIFF"):
        return False
    _, data, rest = start.partition(b"data")
    return len(rest) > len(_WAV_LENGTHS[0]) and bool(data) and rest.startswith(_WAV_LENGTHS)


def _decode_by_soundfile(path: Path, longest_s: float) -> tuple[Samples, int]:
    with SequentialFile(path) as file:
        form = _Form(path, file.samplerate, file.channels, longest_s)
        # Before anything is decoded: a file of two megabytes can hold an hour of 64 silent channels.
        form.check(file.frames if 0 < file.frames < _UNKNOWN else 0)
        return _collected(form, file.each_block(_BLOCK_FRAMES)), file.samplerate


def _decode_by_ffmpeg(path: Path, longest_s: float) -> tuple[Samples, int]:
    demuxer = DEMUXERS.get(path.suffix.lower())
    if demuxer is None:
        known = " ".join(sorted(DEMUXERS))
        raise TakeError(f"{path} is not audio of a known kind", kind="input", hint=f"known: {known}")
    try:
        with decoding(path, demuxer) as decoded:
            form = _Form(path, decoded.sample_rate, decoded.channels, longest_s)
            return _collected(form, decoded.blocks), decoded.sample_rate
    except FfmpegError as error:
        raise TakeError(f"{path} cannot be decoded: {error}", kind="input") from error


@dataclass(frozen=True, slots=True)
class _Form:
    """What a recording says of itself, and how long it may be."""

    path: Path
    sample_rate: int
    channels: int
    longest_s: float

    @property
    def most_frames(self) -> int:
        """As many as the time allows, and no more samples of all channels than an hour of stereo at 48 kHz has."""
        seconds = int(self.longest_s * self.sample_rate)
        return min(seconds, int(self.longest_s * 48_000), _MOST_SAMPLES // max(1, self.channels))

    def check(self, frames: int) -> None:
        """Refuse what no speech recording is like; raises TakeError."""
        if not _RATES_HZ[0] <= self.sample_rate <= _RATES_HZ[1]:
            said = f"{self.path} has a sample rate of {self.sample_rate} Hz"
            raise TakeError(said, kind="input", hint="resample it to 48000 Hz")
        if frames > self.most_frames:
            minutes = self.longest_s / 60
            said = f"{self.path} is longer than {minutes:.0f} minutes"
            if frames <= self.longest_s * self.sample_rate:
                said = f"{self.path} holds more samples than {minutes:.0f} minutes of stereo at 48000 Hz"
            raise TakeError(said, kind="input", hint="cut it into several files, or make it mono at 48000 Hz")


def _collected(form: _Form, blocks: Iterator[Samples]) -> Samples:
    """Join blocks [n, channels] as mono [frames], refusing what no speech recording is like."""
    form.check(0)
    # Memory is taken as it is written to; pieces that are joined at the end would take it twice.
    mono = np.empty(form.most_frames, np.float32)
    frames = 0
    for block in blocks:
        # Counted while it is decoded, as a header can claim any length.
        form.check(frames + block.shape[0])
        block.mean(axis=1, dtype=np.float32, out=mono[frames : frames + block.shape[0]])
        frames += block.shape[0]
    if not frames:
        raise TakeError(f"{form.path} holds no samples", kind="input")
    mono.resize(frames, refcheck=False)
    return mono
