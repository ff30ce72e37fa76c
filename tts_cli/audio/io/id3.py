"""The head of an mp3, ID3v2.3: text, a comment, chapters and a cover in the frames that players read. Bytes alone."""

import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tts_cli.audio.io.containers import UNKNOWN, three_letters

_TEXT_FRAMES = {
    "title": "TIT2",
    "album": "TALB",
    "artist": "TPE1",
    "album_artist": "TPE2",
    "composer": "TCOM",
    "track": "TRCK",
    "grouping": "TIT1",
    "genre": "TCON",
    "publisher": "TPUB",
    "copyright": "TCOP",
}
_NAMES = {**{frame: name for name, frame in _TEXT_FRAMES.items()}, "TLAN": "language", "TYER": "date"}
# No frame of the standard is theirs, so they are texts of users' own, by the names that players look for.
_OWN_TEXTS = {"SERIES": "grouping", "DESCRIPTION": "description", "date": "date", "language": "language"}

_HEADER = struct.Struct(">3sBBB4s")
ID3_HEADER_BYTES = _HEADER.size
"""The length of the header that says how long the tag is."""
_FRAME = struct.Struct(">4sIH")
_CHAPTER = struct.Struct(">IIII")
_NO_OFFSET = 0xFFFF_FFFF
_FRONT_COVER = 3
_MOST_ENTRIES = 255  # a table of contents counts its entries in one byte
_TOP_LEVEL, _ORDERED = 2, 1
_LARGEST = 1 << 28


@dataclass(frozen=True, slots=True, kw_only=True)
class Id3:
    """What the head holds: texts by the names that all formats share, (start ms, end ms, title) per chapter, a cover.

    `language` is the code of three letters of what the comment is written in.
    """

    tags: Mapping[str, str] = field(default_factory=dict)
    chapters: Sequence[tuple[int, int, str]] = ()
    cover: bytes = b""
    cover_mime: str = ""


# --- writing --------------------------------------------------------------------------------------------


def write_id3(head: Id3) -> bytes:
    """Return the head as it stands before the first frame of sound; raises ValueError where it is over 256 MB."""
    language = three_letters(head.tags.get("language", ""))
    frames = [frame for name, value in head.tags.items() for frame in _tag_frames(name, value, language)]
    frames += _chapter_frames(head.chapters)
    if head.cover:
        about = b"\0" + head.cover_mime.encode() + b"\0" + bytes([_FRONT_COVER]) + b"\0"
        frames.append(_frame("APIC", about + head.cover))
    body = b"".join(frames)
    if len(body) >= _LARGEST:
        raise ValueError("an ID3 tag cannot hold 256 MB")
    size = bytes(len(body) >> shift & 0x7F for shift in (21, 14, 7, 0))
    return _HEADER.pack(b"ID3", 3, 0, 0, size) + body


def _tag_frames(name: str, value: str, language: str) -> Iterator[bytes]:
    """Yield the frames of one text: most have one of the standard's, a few what players made their own."""
    if name == "comment":
        # without a description: players show no other comment
        code = b"eng" if language == UNKNOWN else language.encode()
        coding, text = _coded(value)
        yield _frame("COMM", bytes([coding]) + code + _terminated("", coding) + text)
    elif name == "language" and language != UNKNOWN:
        yield _text_frame("TLAN", language)
    elif name == "date" and (found := re.fullmatch(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?", value)):
        yield _text_frame("TYER", found[1])
        if found[2]:
            yield _own_text("date", value)
        if found[3]:
            yield _text_frame("TDAT", found[3] + found[2])
    elif name in _TEXT_FRAMES:
        yield _text_frame(_TEXT_FRAMES[name], value)
        if name == "grouping":
            yield _own_text("SERIES", value)
    else:
        yield _own_text("DESCRIPTION" if name == "description" else name, value)


def _chapter_frames(chapters: Sequence[tuple[int, int, str]]) -> Iterator[bytes]:
    """Yield a table of contents, of tables where it is long, and a frame for each chapter."""
    names = [f"ch{index}" for index in range(len(chapters))]
    tables = [names[start : start + _MOST_ENTRIES] for start in range(0, len(names), _MOST_ENTRIES)]
    if len(tables) == 1:
        yield _table("toc", names, _TOP_LEVEL | _ORDERED)
    elif tables:
        yield _table("toc", [f"toc{index}" for index in range(len(tables))], _TOP_LEVEL | _ORDERED)
        for index, entries in enumerate(tables):
            yield _table(f"toc{index}", entries, _ORDERED)
    for name, (start_ms, end_ms, title) in zip(names, chapters, strict=True):
        times = _CHAPTER.pack(start_ms, end_ms, _NO_OFFSET, _NO_OFFSET)
        yield _frame("CHAP", name.encode() + b"\0" + times + _text_frame("TIT2", title))


def _table(name: str, entries: Sequence[str], flags: int) -> bytes:
    listed = b"".join(entry.encode() + b"\0" for entry in entries)
    return _frame("CTOC", name.encode() + b"\0" + bytes([flags, len(entries)]) + listed)


def _frame(name: str, data: bytes) -> bytes:
    return _FRAME.pack(name.encode(), len(data), 0) + data


def _text_frame(name: str, value: str) -> bytes:
    coding, text = _coded(value)
    return _frame(name, bytes([coding]) + text)


def _own_text(name: str, value: str) -> bytes:
    coding, text = _coded(value)
    return _frame("TXXX", bytes([coding]) + _terminated(name, coding) + text)


def _coded(text: str) -> tuple[int, bytes]:
    """Return a text and its encoding: Latin-1 where ASCII will do, else UTF-16, the only other one of this version."""
    return (0, text.encode("ascii")) if text.isascii() else (1, text.encode("utf-16"))


def _terminated(text: str, coding: int) -> bytes:
    return text.encode("utf-16") + b"\0\0" if coding else text.encode("ascii") + b"\0"


# --- reading --------------------------------------------------------------------------------------------


def read_id3(data: bytes) -> Id3 | None:
    """Read the head that a file begins with back; None where it has none. Raises ValueError for one that is damaged."""
    if not data.startswith(b"ID3"):
        return None
    try:
        return _read(list(_frames(data[_HEADER.size : id3_length(data)])))
    except (struct.error, IndexError, UnicodeError) as error:
        raise ValueError(f"the ID3 tag is damaged: {error}") from error


def id3_length(start: bytes) -> int:
    """Return how long the tag is that a file's first ten bytes announce, 0 for none: 7 bits in each of 4 bytes."""
    if not start.startswith(b"ID3") or len(start) < _HEADER.size:
        return 0
    return _HEADER.size + sum(byte << 7 * place for place, byte in enumerate(reversed(start[6:10])))


def _frames(data: bytes) -> Iterator[tuple[str, bytes]]:
    position = 0
    while position + _FRAME.size <= len(data) and data[position]:
        name, size, _flags = _FRAME.unpack_from(data, position)
        position += _FRAME.size
        yield name.decode("latin-1"), data[position : position + size]
        position += size


def _read(frames: Sequence[tuple[str, bytes]]) -> Id3:
    tags = dict(pair for name, data in frames if (pair := _read_tag(name, data)))
    chapters = dict(_read_chapter(data) for name, data in frames if name == "CHAP")
    tables = dict(_read_table(data) for name, data in frames if name == "CTOC")
    mime, cover = next((_read_picture(data) for name, data in frames if name == "APIC"), ("", b""))
    order = [entry for table in tables.get("toc", ()) for entry in tables.get(table, [table])]
    return Id3(tags=tags, chapters=[chapters[name] for name in order], cover=cover, cover_mime=mime)


def _read_tag(name: str, data: bytes) -> tuple[str, str] | None:
    """Return the name and the text of what is a text; None for all else."""
    if name in _NAMES:
        return _NAMES[name], _text(data)
    if name == "COMM":
        return "comment", _second_text(data[:1] + data[4:])[1]
    if name == "TXXX":
        key, value = _second_text(data)
        return _OWN_TEXTS.get(key, key), value
    return None


def _read_chapter(data: bytes) -> tuple[str, tuple[int, int, str]]:
    name, rest = _cut(data)
    start, end, *_ = _CHAPTER.unpack_from(rest)
    titles = dict(_frames(rest[_CHAPTER.size :]))
    return name, (start, end, _text(titles.get("TIT2", b"")))


def _read_table(data: bytes) -> tuple[str, list[str]]:
    name, listed = _cut(data)
    return name, listed[2:].decode("latin-1").split("\0")[: listed[1]]


def _read_picture(data: bytes) -> tuple[str, bytes]:
    """Return the kind and the bytes of a picture whose description is in Latin-1."""
    mime, picture = _cut(data[1:])
    return mime, picture[picture.index(0, 1) + 1 :]


def _cut(data: bytes) -> tuple[str, bytes]:
    """Split what begins with a name of bytes, a NUL after it."""
    name, _, rest = data.partition(b"\0")
    return name.decode("latin-1"), rest


def _text(data: bytes) -> str:
    return data[1:].decode("utf-16" if data[:1] == b"\1" else "latin-1") if len(data) > 1 else ""


def _second_text(data: bytes) -> tuple[str, str]:
    """Return both texts of a frame that has two, the first one terminated."""
    if data[:1] != b"\1":
        first, _, second = data[1:].partition(b"\0")
        return first.decode("latin-1"), second.decode("latin-1")
    end = next(place for place in range(1, len(data), 2) if data[place : place + 2] == b"\0\0")
    return data[1:end].decode("utf-16"), data[end + 2 :].decode("utf-16")
