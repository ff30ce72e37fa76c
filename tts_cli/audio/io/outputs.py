"""What an encoded file is to be, as a command line for ffmpeg: composed by ffmpeg-python, run by `audio.ffmpeg`."""

import base64
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tts_cli.recipe import Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A chapter mark in a file, in samples of its timeline."""

    start: int
    end: int
    title: str


# Nothing that differs between two runs or two builds goes into the file: no encoder names, no dates.
EXACT = {"fflags": "+bitexact", "flags:a": "+bitexact", "map_metadata": -1}


Tags = Mapping[str, str]
NO_TAGS: Tags = {}

_ENCODERS: Mapping[str, Mapping[str, str]] = {
    "mp3": {"c:a": "libmp3lame", "f": "mp3", "id3v2_version": "0"},
    # the default coder shapes its noise by ear, and badly: on speech `fast` is nearer the original in every band
    "m4a": {"c:a": "aac", "aac_coder": "fast", "f": "ipod"},
    "opus": {"c:a": "libopus", "f": "opus"},
}
# Opus counts its time in samples of 48 kHz, whatever goes in.
_OPUS_HZ = 48_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """A file to be encoded: where, how, and what is written into its head beside the sound.

    `container` is ffmpeg's name for a muxer that is not the format's own. `gain_db` comes before the encoder, which
    does not see the first `skip` samples. What is only a piece of a file is not `measured`.
    """

    path: Path
    recipe: "Recipe"
    tags: Tags = field(default_factory=dict)
    marks: "tuple[Mark, ...]" = ()
    cover: Path | None = None
    container: str = ""
    gain_db: float = 0.0
    skip: int = 0
    measured: bool = True


def encoder_arguments(outputs: Sequence[Output], heads: Path) -> list[str]:
    """Return ffmpeg's arguments for PCM from stdin to these outputs; what they are headed by is written to `heads`."""
    import ffmpeg

    first = outputs[0].recipe
    source = ffmpeg.input("pipe:0", f="f32le", ar=first.sample_rate, ac=first.channels)
    return _compiled([(source, output, _codec(output)) for output in outputs], heads)


def _codec(output: Output) -> dict[str, Any]:
    """Return ffmpeg's options for the sound of a file."""
    options: dict[str, Any] = {**_ENCODERS[output.recipe.format], "b:a": f"{output.recipe.bitrate_kbps}k"}
    if output.container:
        options["f"] = output.container
    if output.recipe.format == "opus":
        options["ar"] = _OPUS_HZ
    # In this unit chapter marks are exact; with the index in front a player can start at once.
    if options["f"] == "ipod":
        options |= {"movie_timescale": output.recipe.sample_rate, "movflags": "+faststart"}
    filters = [f"atrim=start_sample={output.skip}"] if output.skip else []
    filters += [f"volume={output.gain_db:.4f}dB:precision=float"] if output.gain_db else []
    if filters:
        options["af"] = ",".join(filters)
    return options


def _compiled(parts: Sequence[tuple[Any, Output, dict[str, Any]]], heads: Path) -> list[str]:
    """Return ffmpeg's arguments that write these outputs: each its source's sound, its cover, tags and chapters."""
    import ffmpeg

    shown = [output.cover for _, output, codec in parts if output.cover and _has_stream_cover(codec)]
    covers = {cover: _picture(cover) for cover in shown}
    headed = [output for _, output, codec in parts if output.marks or _has_tag_cover(output, codec)]
    written = []
    for source, output, codec in parts:
        options = {**codec, **EXACT, **_tag_options(output)}
        streams = [source.audio]
        if output in headed:
            options["map_chapters"] = options["map_metadata"] = 1 + len(covers) + headed.index(output)
        if output.cover in covers and _has_stream_cover(codec):
            streams.append(covers[output.cover])
            options |= {"c:v": "copy", "disposition:v:0": "attached_pic"}
        elif output.cover and codec["f"] == "matroska":
            options |= {"attach": f"file:{output.cover}", "metadata:s:t": f"mimetype={_mime_type(output.cover)}"}
        written.append(ffmpeg.output(*streams, f"file:{output.path}", **options))
    argv: list[str] = ffmpeg.merge_outputs(*written).get_args(overwrite_output=True)
    # ffmpeg-python has no word for an input that has chapters and no streams: they come after all others
    after = len(argv) - argv[::-1].index("-i") + 1
    files = [_write_head(output, heads / f"{index}.txt") for index, output in enumerate(headed)]
    return [
        *argv[:after],
        *(word for file in files for word in ("-f", "ffmetadata", "-i", f"file:{file}")),
        *argv[after:],
    ]


# MPEG-4 and ID3 take a picture as a stream, Ogg as a tag, Matroska as an attachment.
def _has_stream_cover(codec: Mapping[str, Any]) -> bool:
    return codec["f"] in ("ipod", "mp3")


def _has_tag_cover(output: Output, codec: Mapping[str, Any]) -> bool:
    return output.cover is not None and codec["f"] == "opus"


def _tag_options(output: Output) -> dict[str, Any]:
    has_head = output.tags or output.marks or output.cover
    options: dict[str, Any] = {"id3v2_version": "3"} if has_head and output.recipe.format == "mp3" else {}
    # ffmpeg-python gives each option once; ffmpeg takes the global tags under any number after the colon
    tags = {f"metadata:g:{index}": f"{name}={value}" for index, (name, value) in enumerate(output.tags.items())}
    return options | tags


def _picture(path: Path) -> Any:
    import ffmpeg

    demuxer = "png_pipe" if _mime_type(path) == "image/png" else "jpeg_pipe"
    return ffmpeg.input(f"file:{path}", f=demuxer, protocol_whitelist="file")


def _mime_type(path: Path) -> str:
    with path.open("rb") as file:
        return "image/png" if file.read(4) == b"\x89PNG" else "image/jpeg"


def _write_head(output: Output, path: Path) -> Path:
    """Write an ffmetadata file, whose times are samples: no chapter mark is rounded before the muxer sees it.

    Ogg has its cover in a tag, which is too long for a command line.
    """
    lines = [";FFMETADATA1"]
    if output.cover and output.recipe.format == "opus":
        lines.append(f"METADATA_BLOCK_PICTURE={_escaped(_picture_block(output.cover))}")
    for mark in output.marks:
        lines += ["[CHAPTER]", f"TIMEBASE=1/{output.recipe.sample_rate}"]
        lines += [f"START={mark.start}", f"END={mark.end}", f"title={_escaped(mark.title)}"]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _escaped(text: str) -> str:
    return re.sub(r"([=;#\\\n])", r"\\\1", text)


def _picture_block(path: Path) -> str:
    """Return a front cover as FLAC and Ogg have it, in base64; width, height and colours are left to the picture."""
    mime, data = _mime_type(path).encode(), path.read_bytes()
    front_cover, unknown = 3, bytes(20)
    block = struct.pack(">II", front_cover, len(mime)) + mime + unknown + struct.pack(">I", len(data)) + data
    return base64.b64encode(block).decode()


def joining_arguments(output: Output, heads: Path) -> list[str]:
    """Return ffmpeg's arguments for raw AAC from stdin to an MPEG-4 file, nothing encoded again."""
    import ffmpeg

    rate = output.recipe.sample_rate
    options = {"c:a": "copy", "f": "ipod", "movie_timescale": rate, "movflags": "+faststart"}
    return _compiled([(ffmpeg.input("pipe:0", f="aac"), output, options)], heads)
