"""Cover pictures as players show them: opened to see that they are whole, and converted where players could not."""

import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tts_cli.audio.io.ffmpeg import QUIET, ffmpeg_path
from tts_cli.audio.io.outputs import Cover
from tts_cli.errors import OutputError

LARGEST_SIDE = 3000
"""What is wider or higher is made smaller: no shop asks for more, and many players show nothing of it."""
_MOST_PIXELS = 100_000_000  # a few bytes can claim any size, and a decoder would believe them
# The first fault ends it, where ffmpeg would else show what it has.
_STRICT = ("-xerror", "-err_detect", "explode")
_TIMEOUT_S = 60

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
_MIMES = {"jpeg": "image/jpeg", "png": "image/png"}
# Start of frame, in every coding that JPEG has; the gaps are tables.
_JPEG_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    """What a picture's own head says of it."""

    kind: Literal["jpeg", "png"]
    width: int
    height: int
    bits: int
    is_cmyk: bool = False
    has_alpha: bool = False

    def changes(self) -> tuple[str, ...]:
        """Say what players would not show."""
        found = []
        if self.is_cmyk:
            found.append("in CMYK, the colours of print")
        if self.bits > 8:
            found.append(f"of {self.bits} bits a colour")
        if max(self.width, self.height) > LARGEST_SIDE:
            found.append(f"{self.width} x {self.height} pixels large")
        return tuple(found)


def read_cover(path: Path) -> tuple[Cover, tuple[str, ...]]:
    """Return a picture as it goes into files, and why it is not the one at `path`: empty where it is, byte for byte.

    Raises `OutputError` for what is neither a JPEG nor a PNG, cannot be opened, or is damaged.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise OutputError(f"{path} cannot be read: {error.strerror}") from error
    facts = _facts(data)
    if facts is None:
        raise OutputError(f"{path} is damaged, or neither a JPEG nor a PNG picture")
    if facts.width * facts.height > _MOST_PIXELS:
        raise OutputError(f"{path} is too large to be opened: {facts.width} x {facts.height} pixels")
    changes = facts.changes()
    shown = _decoded(data, facts, path, convert=bool(changes))
    return Cover(data=shown if changes else data, mime=_MIMES[facts.kind]), changes


def _decoded(data: bytes, facts: _Facts, path: Path, *, convert: bool) -> bytes:
    """Open a picture to its last line; returns it as players show it where that is asked for."""
    import ffmpeg

    graph: Any = ffmpeg.input("pipe:0", f=f"{facts.kind}_pipe").video
    if convert:
        side = {"w": f"min(iw,{LARGEST_SIDE})", "h": f"min(ih,{LARGEST_SIDE})"}
        how = {"force_original_aspect_ratio": "decrease", "flags": "lanczos+accurate_rnd+full_chroma_int+bitexact"}
        graph = graph.filter("scale", **side, **how)
        # the quality of JPEG counts down from 31
        written = {"c:v": "mjpeg", "q:v": 2, "pix_fmt": "yuvj444p"} if facts.kind == "jpeg" else {"c:v": "png"}
        if facts.kind == "png":
            written["pix_fmt"] = "rgba" if facts.has_alpha else "rgb24"
        exact = {"flags:v": "+bitexact", "fflags": "+bitexact", "threads": 1}
        graph = graph.output("pipe:1", f="image2pipe", **{"frames:v": 1}, **written, **exact)
    else:
        graph = graph.output("pipe:1", f="null")
    argv = graph.compile(cmd=[ffmpeg_path(), *QUIET, *_STRICT])
    try:
        said = subprocess.run(argv, input=data, capture_output=True, check=False, timeout=_TIMEOUT_S, process_group=0)
    except subprocess.TimeoutExpired as error:
        raise OutputError(f"{path} takes too long to open") from error
    if said.returncode or (convert and not said.stdout):
        raise OutputError(f"{path} is damaged: it cannot be opened to its end")
    return said.stdout


def _facts(data: bytes) -> _Facts | None:
    """Read a picture's head; None where there is none that anybody could read."""
    try:
        if data.startswith(_PNG):
            width, height, bits, colours = struct.unpack_from(">IIBB", data, 16)
            has_alpha = colours in (4, 6)
            return _Facts(kind="png", width=width, height=height, bits=bits, has_alpha=has_alpha)
        return _jpeg_facts(data) if data.startswith(_JPEG) else None
    except struct.error:
        return None


def _jpeg_facts(data: bytes) -> _Facts | None:
    """Walk the segments of a JPEG to the one that begins its frame."""
    position = 2
    while True:
        mark, code, length = struct.unpack_from(">BBH", data, position)
        if mark != 0xFF:
            return None
        if code in _JPEG_FRAMES:
            bits, height, width, components = struct.unpack_from(">BHHB", data, position + 4)
            return _Facts(kind="jpeg", width=width, height=height, bits=bits, is_cmyk=components == 4)
        # any number of bytes of 1s may stand before a segment
        position += 1 if code == 0xFF else 2 + length
