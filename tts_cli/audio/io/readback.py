"""Reads what this tool wrote, as it lies on the disk: libsndfile decodes wav, flac and mp3, ffmpeg the rest."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import soundfile

from tts_cli.audio.io.ffmpeg import DEMUXERS, Decoded, FfmpegError, decoding_steadily
from tts_cli.audio.io.files import SequentialFile
from tts_cli.audio.meters.loudness import FileLevels, measure_blocks
from tts_cli.errors import OutputError

_BLOCK_FRAMES = 1 << 17
_BY_LIBSNDFILE = frozenset((".wav", ".flac", ".mp3"))


@contextmanager
def reading_back(path: Path) -> Iterator[Decoded]:
    """Decode a file as far as the caller reads; raises OutputError, also later, where it cannot be decoded."""
    suffix = path.suffix.lower()
    try:
        if suffix in _BY_LIBSNDFILE:
            with SequentialFile(path) as file:
                blocks = file.each_block(_BLOCK_FRAMES)
                yield Decoded(sample_rate=file.samplerate, channels=file.channels, blocks=blocks)
        else:
            with decoding_steadily(path, DEMUXERS[suffix]) as decoded:
                yield decoded
    except (OSError, KeyError, FfmpegError, soundfile.LibsndfileError) as error:
        raise OutputError(f"cannot read {path}: {error}") from error


def measure_file(path: Path) -> FileLevels:
    """Measure a file that this tool wrote, streaming; raises OutputError when it cannot be decoded."""
    with reading_back(path) as decoded:
        return measure_blocks(decoded.blocks, decoded.sample_rate, decoded.channels)
