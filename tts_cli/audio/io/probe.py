"""What a file says of itself, asked of ffmpeg; nothing is decoded."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tts_cli.audio.io.ffmpeg import QUIET, FfmpegProcess, ffmpeg_path


def read_packets(path: Path, demuxer: str, stream: str) -> Iterator[str]:
    """Yield what ffmpeg's framecrc tells of a stream: `#name index: value` of its head, then a line per packet.

    Nothing is decoded. Raises FfmpegError when there is no such stream.
    """
    import ffmpeg

    source = ffmpeg.input(f"file:{path}", f=demuxer, protocol_whitelist="file")
    graph = source.output("pipe:1", map=stream, c="copy", f="framecrc", copy_unknown=None)
    process = FfmpegProcess(list(graph.compile(cmd=[ffmpeg_path(), *QUIET])), stdout=subprocess.PIPE)
    try:
        for line in process.stdout:
            yield line.decode("utf-8", "replace").rstrip("\n")
        process.finish()
    finally:
        process.kill()


def read_metadata(path: Path, demuxer: str) -> str:
    """Return what ffmpeg tells of a file, as ffmetadata: its own tags, then those of each stream and each chapter.

    Raises FfmpegError when it cannot be read.
    """
    import ffmpeg

    source = ffmpeg.input(f"file:{path}", f=demuxer, protocol_whitelist="file")
    # one packet of each stream is enough
    return _said(source.output("pipe:1", map=0, c="copy", f="ffmetadata", frames=1, copy_unknown=None)).decode()


def read_picture(path: Path, demuxer: str) -> bytes:
    """Return the first picture that a file of sound holds, as it was put in; raises FfmpegError without one."""
    import ffmpeg

    source = ffmpeg.input(f"file:{path}", f=demuxer, protocol_whitelist="file")
    return _said(source.output("pipe:1", map="0:v:0", c="copy", f="image2pipe", **{"frames:v": 1}))


def _said(graph: Any) -> bytes:
    """Run a graph and return what it writes to its standard output."""
    process = FfmpegProcess(list(graph.compile(cmd=[ffmpeg_path(), *QUIET])), stdout=subprocess.PIPE)
    try:
        data = process.stdout.read()
        process.finish()
        return data
    finally:
        process.kill()
