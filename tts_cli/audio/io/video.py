"""Films: how long one is, what streams it has, and a copy with one more track in which nothing else is changed."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from tts_cli.audio.io.containers import three_letters
from tts_cli.audio.io.ffmpeg import DEMUXERS, FfmpegError, run_graph
from tts_cli.audio.io.probe import read_packets, read_picture, read_sections
from tts_cli.errors import OutputError

_CONTAINERS: Mapping[str, str] = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
_FILM_DEMUXERS: Mapping[str, str] = {**DEMUXERS, ".m4v": "mov"}
_MOV_KBPS = 192
SUFFIXES = tuple(_CONTAINERS)
"""The kinds of films that a dub can be put into."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """A film as far as dubbing goes: its length, the kinds of its streams in order (video, audio, subtitle, data ...).

    `titles` are the streams in which QuickTime keeps the titles of chapters; a copy gets its own. `pictures` are those
    that are not played but attached to a Matroska file as files: (place, name, kind).
    """

    path: Path
    streams: tuple[str, ...]
    titles: tuple[int, ...]
    length_s: Fraction
    pictures: tuple[tuple[int, str, str], ...] = ()

    @property
    def kept(self) -> tuple[str, ...]:
        """The kinds of the streams that a copy has too, as they are."""
        return tuple(kind for index, kind in enumerate(self.streams) if index not in self.titles)

    def count(self, kind: str) -> int:
        """Return how many streams of a kind there are."""
        return self.streams.count(kind)


def read_film(path: Path) -> Film:
    """Look a film over, without decoding it; its length is that of its picture, or of its sound if it has none.

    Raises `OutputError` where ffmpeg cannot read it.
    """
    try:
        head = dict(_read_head(path))
        streams = tuple(value for name, value in head.items() if name.startswith("#media_type"))
        if not {"video", "audio"} & set(streams):
            raise OutputError(f"{path} has neither picture nor sound")
        return Film(
            path=path,
            streams=streams,
            titles=tuple(index for index in range(len(streams)) if head.get(f"#codec_id {index}") == "bin_data"),
            pictures=tuple(_attached_pictures(path, streams)),
            length_s=_length_s(path, "0:v:0" if "video" in streams else "0:a:0"),
        )
    except FfmpegError as error:
        raise OutputError(f"cannot read {path}: {error}", hint="is it a film or a recording?") from error


def _attached_pictures(path: Path, streams: Sequence[str]) -> Iterator[tuple[int, str, str]]:
    """Yield the attached files that ffmpeg takes for films of one picture: copied as such, they would be played."""
    sections = read_sections(path, film_demuxer(path)) if film_demuxer(path) == "matroska" else ()
    played = [index for index, kind in enumerate(streams) if kind != "attachment"]
    found = [fields for name, fields in sections if name == "STREAM"]
    for index, fields in zip(played, found, strict=False):
        if streams[index] == "video" and "mimetype" in fields:
            yield index, fields.get("filename", "cover"), fields["mimetype"]


def has_sound(path: Path) -> bool:
    """Tell whether a film or a recording has a sound; raises `OutputError` where it cannot be read."""
    try:
        return any(name.startswith("#media_type") and value == "audio" for name, value in _read_head(path))
    except FfmpegError as error:
        raise OutputError(f"cannot read {path}: {error}", hint="is it a film or a recording?") from error


def film_demuxer(path: Path) -> str:
    """Return the demuxer for a film or a recording; raises `OutputError` for a kind that nobody knows."""
    demuxer = _FILM_DEMUXERS.get(path.suffix.lower())
    if demuxer is None:
        raise OutputError(f"{path} is not a film of a known kind", hint=f"known: {' '.join(sorted(_FILM_DEMUXERS))}")
    return demuxer


def _read_head(path: Path) -> Iterator[tuple[str, str]]:
    """Yield what is said of all streams, such as ("#media_type 0", "video")."""
    for line in read_packets(path, film_demuxer(path), "0"):
        # The head is enough: packets go on to the end of the film.
        if not line.startswith("#"):
            return
        name, _, value = line.partition(": ")
        yield name, value


def _length_s(path: Path, stream: str) -> Fraction:
    """Return where the last packet ends; a packet line is `stream, dts, pts, duration, size, checksum`."""
    # Fractions, as no float is exactly 1001 / 30000.
    base, end = Fraction(1), 0
    for line in read_packets(path, film_demuxer(path), stream):
        if line.startswith("#tb "):
            base = Fraction(line.rpartition(": ")[2])
        elif not line.startswith("#"):
            _, _, pts, duration, *_ = line.split(",")
            # Packets come in the order of decoding: the last one need not be shown last.
            end = max(end, int(pts) + int(duration))
    return end * base


# --- one more track -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """What is added to a film: a sound file, perhaps subtitles (SRT), and how both are labelled."""

    audio: Path
    language: str
    title: str
    subtitles: Path | None = None

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of the streams that are added."""
        return ("audio", "subtitle") if self.subtitles else ("audio",)


def add_track(film: Film, track: Track, path: Path) -> None:
    """Write the film with one more sound track, which players choose by default, and subtitles if there are some.

    All streams of the film are copied as they are. The kind of the copy is the film's, whatever `path` is called.
    Raises `OutputError` where that cannot be.
    """
    import ffmpeg

    container = _CONTAINERS.get(film.path.suffix.lower())
    if container is None:
        hint = f"put it into a film of one of the kinds {' '.join(SUFFIXES)}"
        raise OutputError(f"a dub cannot be put into {film.path}", hint=hint)
    streams = [
        ffmpeg.input(f"file:{film.path}", f=film_demuxer(film.path), protocol_whitelist="file"),
        ffmpeg.input(f"file:{track.audio}", f="wav", protocol_whitelist="file").audio,
    ]
    if track.subtitles:
        streams.append(ffmpeg.input(f"file:{track.subtitles}", f="srt", protocol_whitelist="file"))
    try:
        graph = ffmpeg.output(*streams, f"file:{path}", **_options(film, track, container))
        with tempfile.TemporaryDirectory(prefix="tts-cli-") as folder:
            run_graph(graph, [*_labels(film, track), *_attachments(film, Path(folder))])
    except FfmpegError as error:
        raise OutputError(f"cannot write {path}: {error}") from error


def _options(film: Film, track: Track, container: str) -> dict[str, Any]:
    """Return how each stream is written: the new ones are encoded, and the sound is first choice."""
    audio, subtitle = film.count("audio"), film.count("subtitle")
    is_matroska = container == "matroska"
    options: dict[str, Any] = {
        "c": "copy",
        f"c:a:{audio}": "flac" if is_matroska else "aac",
        # A player takes the first default track, so the film's own must not be one.
        **{f"disposition:a:{index}": "-default" for index in range(audio)},
        f"disposition:a:{audio}": "default",
        "map_metadata": 0,
        "map_chapters": 0,
        "f": container,
    }
    if not is_matroska:
        options[f"b:a:{audio}"] = f"{_MOV_KBPS}k"
    if track.subtitles:
        options[f"c:s:{subtitle}"] = "srt" if is_matroska else "mov_text"
    return options


def _attachments(film: Film, folder: Path) -> Iterator[str]:
    """Yield the options that put a film's attached files behind all that is played, where Matroska wants them."""
    count = film.count("attachment")
    if count:
        yield from ("-map", "-0:t", "-map", "0:t")
    for number, (index, name, mime) in enumerate(film.pictures, count):
        picture = folder / str(number)
        picture.write_bytes(read_picture(film.path, film_demuxer(film.path), index))
        about = f"-metadata:s:t:{number}"
        yield from ("-map", f"-0:{index}", "-attach", f"file:{picture}")
        yield from (about, f"mimetype={mime}", about, f"filename={name}")


def _labels(film: Film, track: Track) -> Iterator[str]:
    """Yield the options that say what the new streams are, and which one of the film's is made anew."""
    for index in film.titles:
        yield from ("-map", f"-0:{index}")
    language = three_letters(track.language, older=film.path.suffix.lower() not in (".mp4", ".m4v"))
    kinds = ("a", "audio"), ("s", "subtitle")
    for letter, kind in kinds if track.subtitles else kinds[:1]:
        name = f"-metadata:s:{letter}:{film.count(kind)}"
        yield from (name, f"language={language}", name, f"title={track.title}")
        yield from (name, f"handler_name={track.title}")  # what MP4 has in place of a title
