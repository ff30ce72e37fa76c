"""Raw AAC (ADTS): frames counted, and taken out of a finished file again without decoding them."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from tts_cli.audio.io.ffmpeg import FfmpegError, copying_adts

AAC_FRAME = 1024
"""Samples in a frame. ffmpeg's encoder begins with one frame that only leads in."""

# An ADTS header without a checksum, as ffmpeg writes it.
_HEADER_BYTES = 7
_COMPARED_BYTES = 1 << 20


def holds_frames(path: Path, pieces: Sequence[Path]) -> bool:
    """Return whether a finished file holds the frames of these raw streams, one after the other, and no others.

    Raises FfmpegError where it cannot be read.
    """
    with copying_adts(path) as stream:
        for piece in pieces:
            with piece.open("rb") as file:
                while block := file.read(_COMPARED_BYTES):
                    if stream.read(len(block)) != block:
                        return False
        return not stream.read(1)


def extract_pieces(path: Path, spans: Sequence[tuple[int, int, Path]]) -> None:
    """Write stretches of a finished file's frames to raw streams: (first frame, count, path), in order, apart.

    Raises FfmpegError when the file ends too early or cannot be read.
    """
    position = 0
    if not spans:
        return
    with copying_adts(path) as stream:
        frames = _frames(stream)
        for first, count, piece in spans:
            _skip(frames, first - position)
            with piece.open("wb") as file:
                for _ in range(count):
                    file.write(_next(frames))
            # The stream is read once and forwards only, so the spans have to be in order.
            position = first + count


def _skip(frames: Iterator[bytes], count: int) -> None:
    for _ in range(count):
        _next(frames)


def _next(frames: Iterator[bytes]) -> bytes:
    frame = next(frames, b"")
    if not frame:
        raise FfmpegError("the file has fewer frames than it should")
    return frame


def _frames(stream: IO[bytes]) -> Iterator[bytes]:
    """Yield frames; each header says how many bytes its frame has, itself included."""
    while header := stream.read(_HEADER_BYTES):
        # The length has 13 bits, which lie in three bytes.
        length = (header[3] & 0x03) << 11 | header[4] << 3 | header[5] >> 5 if len(header) == _HEADER_BYTES else 0
        # Twelve bits of 1 begin each frame: a reader that lost its place would copy nonsense from there on.
        if header[0] != 0xFF or header[1] & 0xF0 != 0xF0 or length < _HEADER_BYTES:
            raise FfmpegError("no AAC frame where one should begin")
        yield header + stream.read(length - _HEADER_BYTES)
