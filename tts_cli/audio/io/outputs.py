"""What an encoded file is to be, as a command line for ffmpeg: composed by ffmpeg-python, run by `audio.ffmpeg`."""

import base64
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tts_cli.audio.io.containers import UNKNOWN, three_letters
from tts_cli.audio.io.id3 import Id3, write_id3

if TYPE_CHECKING:
    from tts_cli.recipe import Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A chapter mark in a file, in samples of its timeline."""

    start: int
    end: int
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cover:
    """A picture as it is put into files: a JPEG or a PNG."""

    data: bytes = field(repr=False)
    mime: str

    @property
    def suffix(self) -> str:
        """How a file of it is called."""
        return ".png" if self.mime == "image/png" else ".jpg"


# Nothing that differs between two runs or two builds goes into the file: no encoder names, no dates.
EXACT = {"fflags": "+bitexact", "flags:a": "+bitexact", "map_metadata": -1}


Tags = Mapping[str, str]
NO_TAGS: Tags = {}
PCM_TAGS = ("title", "artist", "album", "tracknumber", "genre", "date", "copyright", "comment")
"""What a WAV or a FLAC can be tagged with, in the order in which it is."""

_ENCODERS: Mapping[str, Mapping[str, str]] = {
    "mp3": {"c:a": "libmp3lame", "f": "mp3", "id3v2_version": "0"},
    # the default coder shapes its noise by ear, and badly: on speech `fast` is nearer the original in every band
    "m4a": {"c:a": "aac", "aac_coder": "fast", "f": "ipod"},
    "opus": {"c:a": "libopus", "f": "opus"},
}
# Opus counts its time in samples of 48 kHz, whatever goes in.
_OPUS_HZ = 48_000
# The short list of chapters in MPEG-4, beside the full one, counts chapters and the bytes of a title in one byte.
_SHORT_LIST = 255


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
    cover: Cover | None = None
    container: str = ""
    gain_db: float = 0.0
    skip: int = 0
    measured: bool = True

    @property
    def id3(self) -> bytes:
        """The head that is laid before an mp3; ffmpeg's own has frames that players ignore. Empty for all else."""
        if self.recipe.format != "mp3" or not (self.tags or self.marks or self.cover):
            return b""
        rate = self.recipe.sample_rate
        chapters = [(_ms(mark.start, rate), _ms(mark.end, rate), mark.title) for mark in self.marks]
        cover = self.cover or Cover(data=b"", mime="")
        return write_id3(Id3(tags=self.tags, chapters=chapters, cover=cover.data, cover_mime=cover.mime))

    @property
    def has_short_list(self) -> bool:
        """Whether the short list of MPEG-4 can hold the chapters: it is left out where it cannot."""
        titles = [len(mark.title.encode()) for mark in self.marks]
        return 0 < len(titles) <= _SHORT_LIST and max(titles) <= _SHORT_LIST


def _ms(samples: int, sample_rate: int) -> int:
    return round(samples * 1000 / sample_rate)


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
    if options["f"] == "ipod":
        options |= _mpeg4_options(output)
    filters = [f"atrim=start_sample={output.skip}"] if output.skip else []
    filters += [f"volume={output.gain_db:.4f}dB:precision=float"] if output.gain_db else []
    if filters:
        options["af"] = ",".join(filters)
    return options


def _mpeg4_options(output: Output) -> dict[str, Any]:
    """In this unit chapter marks are exact; with the index in front a player can start at once."""
    flags = "+faststart" if output.has_short_list else "+faststart+disable_chpl"
    return {"movie_timescale": output.recipe.sample_rate, "movflags": flags}


def _compiled(parts: Sequence[tuple[Any, Output, dict[str, Any]]], heads: Path) -> list[str]:
    """Return ffmpeg's arguments that write these outputs: each its source's sound, its cover, tags and chapters."""
    import ffmpeg

    headed = [output for _, output, codec in parts if _has_head(output, codec)]
    covers = {output.cover: _write_cover(output.cover, heads) for _, output, _ in parts if output.cover}
    shown = {
        output.cover: _picture(covers[output.cover], output.cover)
        for _, output, codec in parts
        if output.cover and codec["f"] == "ipod"
    }
    written = []
    for source, output, codec in parts:
        options = {**codec, **EXACT, **_tag_options(output, codec["f"])}
        streams = [source.audio]
        if output in headed:
            place = 1 + len(shown) + headed.index(output)
            options |= {"map_chapters": place, "map_metadata": place}
        # MPEG-4 takes a picture as a stream, Ogg as a tag, Matroska as an attachment
        if output.cover and codec["f"] == "ipod":
            streams.append(shown[output.cover])
            options |= {"c:v": "copy", "disposition:v:0": "attached_pic"}
        elif output.cover and codec["f"] == "matroska":
            options |= {"attach": f"file:{covers[output.cover]}", "metadata:s:t": f"mimetype={output.cover.mime}"}
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


def _has_head(output: Output, codec: Mapping[str, Any]) -> bool:
    """Tell whether a file needs ffmetadata; an mp3 gets its head from us, when all of its sound is there."""
    return bool(output.cover if codec["f"] == "opus" else output.marks and codec["f"] != "mp3")


def _tag_options(output: Output, container: str) -> dict[str, Any]:
    if container == "mp3":
        return {}
    tags = {**output.tags, **_ogg_chapters(output)} if container == "opus" else output.tags
    # ffmpeg-python gives each option once, in the order of their names; after the colon ffmpeg takes any number
    options = {f"metadata:g:{index:05}": f"{name}={value}" for index, (name, value) in enumerate(tags.items())}
    language = three_letters(output.tags.get("language", ""), older=container == "matroska")
    if container != "opus" and language != UNKNOWN:  # Ogg has one place for both
        options["metadata:s:a:0"] = f"language={language}"
    if container != "opus":
        # a file of ffmetadata has no way to end a text in a backslash
        odd = {index: mark.title for index, mark in enumerate(output.marks) if mark.title.endswith("\\")}
        options |= {f"metadata:c:{index}": f"title={title}" for index, title in odd.items()}
    return options


def _ogg_chapters(output: Output) -> dict[str, str]:
    """Return chapters as Ogg has them, as tags: ffmpeg itself writes every other mark one second late."""
    chapters = {}
    for index, mark in enumerate(output.marks):
        seconds, ms = divmod(_ms(mark.start, output.recipe.sample_rate), 1000)
        # a reader wants the time before the name
        chapters[f"CHAPTER{index:03}"] = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{ms:03}"
        chapters[f"CHAPTER{index:03}NAME"] = mark.title
    return chapters


def _picture(path: Path, cover: Cover) -> Any:
    import ffmpeg

    demuxer = "png_pipe" if cover.mime == "image/png" else "jpeg_pipe"
    return ffmpeg.input(f"file:{path}", f=demuxer, protocol_whitelist="file")


def _write_cover(cover: Cover, folder: Path) -> Path:
    path = folder / f"cover{cover.suffix}"
    path.write_bytes(cover.data)
    return path


def _write_head(output: Output, path: Path) -> Path:
    """Write an ffmetadata file, whose times are samples: no chapter mark is rounded before the muxer sees it.

    Ogg has its cover in a tag, which is too long for a command line.
    """
    is_ogg = _codec(output)["f"] == "opus"
    lines = [";FFMETADATA1"]
    if output.cover and is_ogg:
        lines.append(f"METADATA_BLOCK_PICTURE={_escaped(_picture_block(output.cover))}")
    for mark in () if is_ogg else output.marks:
        lines += ["[CHAPTER]", f"TIMEBASE=1/{output.recipe.sample_rate}"]
        lines += [f"START={mark.start}", f"END={mark.end}", f"title={_escaped(mark.title.rstrip(chr(92)))}"]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _escaped(text: str) -> str:
    return re.sub(r"([=;#\\\n])", r"\\\1", text)


def _picture_block(cover: Cover) -> str:
    """Return a front cover as FLAC and Ogg have it, in base64; width, height and colours are left to the picture."""
    mime, data = cover.mime.encode(), cover.data
    front_cover, unknown = 3, bytes(20)
    block = struct.pack(">II", front_cover, len(mime)) + mime + unknown + struct.pack(">I", len(data)) + data
    return base64.b64encode(block).decode()


def joining_arguments(output: Output, heads: Path) -> list[str]:
    """Return ffmpeg's arguments for raw AAC from stdin to an MPEG-4 file, nothing encoded again."""
    import ffmpeg

    options = {"c:a": "copy", "f": "ipod", **_mpeg4_options(output)}
    return _compiled([(ffmpeg.input("pipe:0", f="aac"), output, options)], heads)
