"""Measures an mp3 while ffmpeg still writes it, so that measuring an hour does not come on top of encoding it."""

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import IO

import numpy as np

from tts_cli.audio.io.containers import MP3_KBPS, MP3_LOW_KBPS
from tts_cli.audio.io.files import SequentialFile
from tts_cli.audio.io.id3 import ID3_HEADER_BYTES, id3_length
from tts_cli.audio.meters.loudness import FileLevels, measure_blocks
from tts_cli.audio.samples import Samples
from tts_cli.errors import OutputError
from tts_cli.recipe import Recipe

_LOWEST_HZ = 32_000  # below it is MPEG-2, whose decoder complains when it starts within a stream
_FRAME_SAMPLES = 1152
_BATCH_FRAMES = 512
_CONTEXT_FRAMES = 12  # a frame may draw bits from 511 bytes before it: ten frames, at the lowest bitrate
_DELAY_SAMPLES = 1105  # what the file's header tells players to skip: LAME's 576 and the decoder's 529
_READ_BYTES = 1 << 16
_PIECES = 4  # a batch in pieces of a usual block's size: what is measured takes several times its memory
_POLL_S = 0.05


def can_follow(recipe: Recipe) -> bool:
    """Return whether a file of that kind can be decoded piece by piece before it is finished."""
    return recipe.format == "mp3" and recipe.sample_rate >= _LOWEST_HZ


def measure_following(file: IO[bytes], recipe: Recipe, finished: Event) -> FileLevels:
    """Measure a file that is growing, until `finished` is set and its end is reached; closes it.

    It begins with a frame, as heads are laid before the sound when all of it is there. The encoder writes the first
    frame again at the end; of that one only its length is used, which stays.

    Every frame is read back from the file and decoded once, as `measure_file` would after the fact.
    """
    with file:
        levels = measure_blocks(_decoded(file, recipe, finished), recipe.sample_rate, recipe.channels)
        file.seek(0)
        with SequentialFile(file) as whole:
            # The header knows the true length; the last block also holds the padding of the last frame.
            return replace(levels, frames=whole.frames)


def _decoded(file: IO[bytes], recipe: Recipe, finished: Event) -> Iterator[Samples]:
    """Yield blocks [n, channels]: what a player would hear, and the few samples that pad its end."""
    context: list[bytes] = []
    skip = _DELAY_SAMPLES
    for frames in _batches(file, recipe.sample_rate, finished):
        # Without its header a decoder guesses the stream's length, and a little short: hence frames after the last.
        stream = b"".join([*context, *frames, *frames[-_CONTEXT_FRAMES:]])
        known = len(context) * _FRAME_SAMPLES
        # A new decoder for each batch: the frames of context fill its bit reservoir again.
        with SequentialFile(io.BytesIO(stream)) as decoder:
            samples = decoder.read(known + len(frames) * _FRAME_SAMPLES, dtype="float32", always_2d=True)
        yield from np.array_split(samples[known + skip :], _PIECES)
        skip = max(0, skip - len(samples))
        context = frames[-_CONTEXT_FRAMES:]


def _batches(file: IO[bytes], sample_rate: int, finished: Event) -> Iterator[list[bytes]]:
    """Yield the frames after the header, many at a time, as they reach the file."""
    held = b""
    frames: list[bytes] = []
    # The first frame is LAME's header, which holds no sound.
    header = 1
    while True:
        over = finished.is_set()  # asked before reading: afterwards nothing can be missing
        data = file.read(_READ_BYTES)
        held += data
        whole = list(_frames(held, sample_rate))
        held = held[sum(map(len, whole)) :]
        frames += whole[header:]
        header = 0 if whole else header
        if len(frames) >= _BATCH_FRAMES or (over and not data and frames):
            yield frames
            frames = []
        if over and not data:
            return
        if not data:
            finished.wait(_POLL_S)


def constant_kbps(path: Path) -> int:
    """Return the bitrate that every frame of a finished mp3 has, or 0 where they differ; its header frame is one."""
    finished = Event()
    finished.set()
    with path.open("rb") as file:
        sample_rate = SequentialFile(path).samplerate
        file.seek(id3_length(file.read(ID3_HEADER_BYTES)))
        rates = {_kbps(frame) for frames in _batches(file, sample_rate, finished) for frame in frames}
    return rates.pop() if len(rates) == 1 else 0


def _kbps(frame: bytes) -> int:
    return (MP3_LOW_KBPS if _is_low(frame) else MP3_KBPS)[(frame[2] >> 4) - 1]


def _is_low(frame: bytes) -> bool:
    """Tell whether a frame is one of MPEG-2: half as long, with bitrates of its own."""
    return not frame[1] & 0x08


def _frames(data: bytes, sample_rate: int) -> Iterator[bytes]:
    """Yield the whole frames that data begins with; each says its own bitrate, and whether a byte pads it.

    Raises OutputError where no frame begins.
    """
    position = 0
    while position + 4 <= len(data):
        if data[position] != 0xFF:
            raise OutputError("the encoder wrote something other than mp3 frames")
        head = data[position : position + 4]
        samples = _FRAME_SAMPLES // 2 if _is_low(head) else _FRAME_SAMPLES
        # The standard's length of a frame: 144 (or 72) times bitrate over rate, and a byte of padding.
        end = position + samples * 1000 // 8 * _kbps(head) // sample_rate + (head[2] >> 1 & 1)
        if end > len(data):
            return
        yield data[position:end]
        position = end
