"""What a file says of itself, asked of ffmpeg; nothing is decoded."""

import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tts_cli.audio.io.ffmpeg import QUIET, FfmpegProcess, ffmpeg_path

_SECTION = re.compile(r"\[(STREAM|CHAPTER)\]")


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


def read_sections(path: Path, demuxer: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield what a file is tagged with, part by part: its own, whose name is empty, then each STREAM's and CHAPTER's.

    Attached files are left out. Raises FfmpegError when it cannot be read.
    """
    import ffmpeg

    source = ffmpeg.input(f"file:{path}", f=demuxer, protocol_whitelist="file")
    # one packet of each stream is enough; attached files have none, and ffmpeg stumbles over what follows them
    graph = source.output("pipe:1", map=0, c="copy", f="ffmetadata", frames=1, copy_unknown=None)
    said = _said(graph, ("-map", "-0:t"))
    name = ""
    fields: dict[str, str] = {}
    # a backslash takes the sign after it along, the end of a line too
    for line in re.findall(r"((?:[^\\\n]|\\.)*)(?:\n|\Z)", said.decode("utf-8", "replace"), re.DOTALL):
        if found := _SECTION.fullmatch(line):
            yield name, fields
            name, fields = found[1], {}
        elif pair := re.fullmatch(r"((?:[^\\=]|\\.)*)=(.*)", line, re.DOTALL):
            fields[_plain(pair[1])] = _plain(pair[2])
    yield name, fields


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)


def read_picture(path: Path, demuxer: str, stream: int | str = "v:0") -> bytes:
    """Return a picture that a file holds, the first one, as it was put in; raises FfmpegError without one."""
    import ffmpeg

    source = ffmpeg.input(f"file:{path}", f=demuxer, protocol_whitelist="file")
    return _said(source.output("pipe:1", map=f"0:{stream}", c="copy", f="image2pipe", **{"frames:v": 1}))


def _said(graph: Any, more: Sequence[str] = ()) -> bytes:
    """Run a graph, with more options of its output, and return what it writes to its standard output."""
    *argv, path = graph.compile(cmd=[ffmpeg_path(), *QUIET])
    process = FfmpegProcess([*argv, *more, path], stdout=subprocess.PIPE)
    try:
        data = process.stdout.read()
        process.finish()
        return data
    finally:
        process.kill()
