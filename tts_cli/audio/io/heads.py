"""What stands in a written file beside its sound, read back: tags, chapters, the cover, streams, the language."""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import soundfile

from tts_cli.audio.io.containers import UNKNOWN, three_letters
from tts_cli.audio.io.ffmpeg import DEMUXERS, FfmpegError
from tts_cli.audio.io.files import SequentialFile
from tts_cli.audio.io.id3 import Id3, id3_length, read_id3
from tts_cli.audio.io.outputs import PCM_TAGS, Output
from tts_cli.audio.io.probe import read_picture, read_sections
from tts_cli.errors import OutputError

_MPEG4_LACKS = frozenset(("publisher", "language"))
_MARK_SLACK_S = 0.002  # an mp3 counts its marks in milliseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What a file holds beside its sound: tags by their names, (start in seconds, title) per chapter, a cover.

    `short_list` is the second list of chapters that MPEG-4 may have; `streams` counts sound, pictures and text.
    """

    tags: Mapping[str, str] = field(default_factory=dict)
    chapters: tuple[tuple[float, str], ...] = ()
    short_list: tuple[tuple[float, str], ...] = ()
    cover: bytes = field(default=b"", repr=False)
    streams: int = 1
    language: str = ""


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that was written and does not read back: so much is right, of so much, and the first that is not."""

    name: str
    right: int
    wanted: int
    note: str


def wanted_head(output: Output) -> Head:
    """Return what should stand in a file, as far as its format can hold it."""
    tags = dict(output.tags)
    language = three_letters(tags.get("language", ""), older=output.container == "matroska")
    known_language = "" if language == UNKNOWN else language
    marks = tuple((mark.start / output.recipe.sample_rate, mark.title) for mark in output.marks)
    cover = output.cover.data if output.cover else b""
    streams = 1 + bool(cover)
    match output.recipe.format:
        case "wav" | "flac":
            return Head(tags={name: value for name, value in tags.items() if name in PCM_TAGS})
        case "mp3":
            tags |= {"language": known_language} if known_language else {}
            return Head(tags=tags, chapters=marks, cover=cover, streams=streams)
        case "m4a":
            held = {name: value for name, value in tags.items() if name not in _MPEG4_LACKS}
            short = marks if output.has_short_list else ()
            streams += bool(marks)  # the full list of chapters is a track of texts
            return Head(
                tags=held, chapters=marks, short_list=short, cover=cover, streams=streams, language=known_language
            )
        case _ if output.container == "matroska":
            return Head(tags=tags, chapters=marks, cover=cover, streams=streams, language=known_language)
        case _:
            # both go under the one name that Ogg has for them, and a text that is twice there is read once
            texts = dict.fromkeys(tags.pop(name) for name in ("comment", "description") if name in tags)
            tags |= {"comment": ";".join(texts)} if texts else {}
            return Head(tags=tags, chapters=marks, cover=cover, streams=streams)


def read_head(path: Path, output: Output) -> Head:
    """Read a file's head; raises OutputError where it cannot be read."""
    try:
        match output.recipe.format:
            case "wav" | "flac":
                with SequentialFile(path) as file:
                    return Head(tags={name: getattr(file, name) for name in PCM_TAGS})
            case "mp3":
                return _id3_head(path)
            case _:
                return _container_head(path, has_cover=output.cover is not None)
    except (OSError, ValueError, struct.error, FfmpegError, soundfile.LibsndfileError) as error:
        raise OutputError(f"cannot read {path} back: {error}") from error


def find_differences(wanted: Head, found: Head) -> Iterator[Difference]:
    """Yield what does not read back as it was written."""
    yield from _compare_chapters("chapters", wanted.chapters, found.chapters)
    yield from _compare_chapters("short_chapters", wanted.short_list, found.short_list)
    wrong = [name for name, value in wanted.tags.items() if found.tags.get(name, "") != value]
    if wrong:
        note = f"{wrong[0]} reads {found.tags.get(wrong[0], '')!r}"
        yield Difference("tags", len(wanted.tags) - len(wrong), len(wanted.tags), note)
    if wanted.cover != found.cover:
        yield Difference("cover", 0, 1, "there is none" if not found.cover else "it is another picture")
    if wanted.streams != found.streams:
        yield Difference("streams", found.streams, wanted.streams, "")
    if wanted.language and wanted.language != found.language:
        yield Difference("language", 0, 1, f"it reads {found.language!r}")


def _compare_chapters(
    name: str, wanted: tuple[tuple[float, str], ...], found: tuple[tuple[float, str], ...]
) -> Iterator[Difference]:
    pairs = list(zip(wanted, found, strict=False))
    wrong = [
        index
        for index, ((start, title), (read_start, read_title)) in enumerate(pairs)
        if title != read_title or abs(start - read_start) > _MARK_SLACK_S
    ]
    if len(found) != len(wanted) or wrong:
        first = wrong[0] if wrong else len(pairs)
        reads = f"{found[first][1]!r} at {found[first][0]:.3f} s" if first < len(found) else "nothing"
        yield Difference(name, len(found) - len(wrong), len(wanted), f"chapter {first + 1} reads {reads}")


# --- mp3 ------------------------------------------------------------------------------------------------


def _id3_head(path: Path) -> Head:
    with path.open("rb") as file:
        length = id3_length(file.read(10))
        file.seek(0)
        found = read_id3(file.read(length)) or Id3()
    chapters = tuple((start / 1000, title) for start, _, title in found.chapters)
    return Head(tags=found.tags, chapters=chapters, cover=found.cover, streams=1 + bool(found.cover))


# --- containers, as ffmpeg reads them ---------------------------------------------------------------------


def _container_head(path: Path, *, has_cover: bool) -> Head:
    """Read what ffmpeg tells of a container, and the short list of MPEG-4, which it does not tell apart."""
    demuxer = DEMUXERS[path.suffix.lower()]
    sections = list(read_sections(path, demuxer))
    streams = [fields for name, fields in sections if name == "STREAM"]
    sound = streams[0] if streams else {}
    # Ogg has its tags in the stream
    tags = {name.lower(): value for fields in (sound, sections[0][1]) for name, value in fields.items()}
    chapters = []
    for name, fields in sections:
        if name == "CHAPTER":
            above, below = map(int, fields["TIMEBASE"].split("/"))
            chapters.append((int(fields["START"]) * above / below, fields.get("title", "")))
    is_mpeg4 = path.suffix.lower() in (".m4a", ".m4b")
    return Head(
        tags=tags,
        chapters=tuple(chapters),
        short_list=_read_short_list(path) if is_mpeg4 else (),
        cover=read_picture(path, demuxer) if has_cover and len(streams) > 1 else b"",
        streams=len(streams),
        language=sound.get("language", ""),
    )


# --- the short list of MPEG-4 -----------------------------------------------------------------------------


def _read_short_list(path: Path) -> tuple[tuple[float, str], ...]:
    """Read the list of chapters that Nero thought up: a byte for their number, a time in 100 ns and a title each."""
    with path.open("rb") as file:
        end = path.stat().st_size
        for name in (b"moov", b"udta", b"chpl"):
            span = _find_atom(file, name, end)
            if span is None:
                return ()
            end = span
        data = file.read(end - file.tell())
    chapters = []
    position = 9
    for _ in range(data[8]):
        start, length = struct.unpack_from(">QB", data, position)
        position += 9
        chapters.append((start / 1e7, data[position : position + length].decode()))
        position += length
    return tuple(chapters)


def _find_atom(file: IO[bytes], wanted: bytes, end: int) -> int | None:
    """Go to what an atom between here and `end` holds; returns where that ends, None where there is no such atom."""
    while file.tell() + 8 <= end:
        start = file.tell()
        size, name = int.from_bytes(file.read(4)), file.read(4)
        if size == 1:
            size = int.from_bytes(file.read(8))
        if name == wanted:
            return start + size
        # a size of 0 means up to the end
        file.seek(start + size if size else end)
    return None
