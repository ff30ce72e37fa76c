"""SubRip, WebVTT and ASS files to lines: times as written, who speaks where the file says so, and every place.

A cue in which two people speak becomes two lines, which share its time by their characters. What nobody speaks
(sounds in brackets, songs between notes, drawings) is left out, and said once.
"""

import html
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise

from tts_cli.errors import Problem, Source
from tts_cli.formats.decode import Decoded
from tts_cli.formats.fields import fold
from tts_cli.formats.records import Record
from tts_cli.formats.values import BadValueError, parse_time

SUBTITLE_FORMS = ("srt", "vtt", "ass")

LONGEST_SPEAKER = 32
_MOST_SPEAKER_WORDS = 3
_SURELY_A_SPEAKER = 2
"""So often a name stands before a colon before that is worth a warning."""

_ARROW = "-->"
_TIMES = re.compile(r"\s*+(?P<start>(?:(?!-->).)*+)-->\s*+(?P<end>\S*+)")
_VOICE = re.compile(r"<v(?:\.[^\s<>]*+)?\s++([^<>]++)>", re.IGNORECASE)
# Known tags only, as a text may hold `<3` or a name in angle brackets.
_TAG = re.compile(r"</?(?:b|i|u|s|c|v|font|lang|ruby|rt|span)(?:[\s.][^<>]*)?>|<\d[\d:.]*>|\{\\[^{}]*\}", re.IGNORECASE)
_OVERRIDE = re.compile(r"\{[^{}]*\}")
_DRAWING = re.compile(r"\{[^{}]*\\p[1-9]")
_ENTITY = re.compile(r"&(?:amp|lt|gt|nbsp|lrm|rlm|quot|apos|#\d{1,6});")
# Marks of writing direction are invisible, and would hide who is named at a line's beginning.
_MARKS = dict.fromkeys(map(ord, "\u200e\u200f\u202a\u202b\u202c\u2066\u2067\u2068\u2069"))
# Our own pauses are no sounds.
_SOUND = re.compile(r"\[(?!\s*(?:pause|break)\b)[^\[\]]*\]", re.IGNORECASE)
_SONG = re.compile(r"[♪♫].*[♪♫]|[♪♫]+|\([^()]*\)", re.DOTALL)
_TIGHT_DASH = re.compile(r"^[-\u2010-\u2015]\s*(?=\S)")
_LOOSE_DASH = re.compile(r"^[-\u2010-\u2015](?![.,]?\d)\s*(?=\S)")
_SPEECH_DASH = re.compile(r"[-\u2010-\u2015][^\s\d.,]")
# Neither a time, a score nor an address: 10:30, 3:1, HTTP://X.
_PREFIX = re.compile(r"([^:\uff1a\n]+)(?::(?=[^\d/])|\uff1a)\s*(?=\S)")
_ASS_FIELDS = ("layer", "start", "end", "style", "name", "marginl", "marginr", "marginv", "effect", "text")
_ASS_NEEDED = ("start", "end", "text")


@dataclass(frozen=True, slots=True)
class CuePlace:
    """The place of a cue; `places` tells the line and column of each of its fields."""

    path: str
    line: int
    places: Mapping[str, tuple[int, int]]

    def at(self, name: str = "") -> Source:
        """Return where a field was written, or the cue's times."""
        return Source(self.path, *self.places.get(name, (self.line, 1)))

    key = at


@dataclass(frozen=True, slots=True)
class _Cue:
    """A cue as written: times still text, markup still in it."""

    start: str
    end: str
    text: str
    place: CuePlace
    speaker: str = ""
    number: str = ""


@dataclass(slots=True)
class _Reading:
    """A file on the way to lines: whom its cast knows (by folded name), and what was found wrong or doubtful."""

    name: str
    cast: Mapping[str, str]
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    unspoken: list[Source] = field(default_factory=list)
    strangers: dict[str, Source] = field(default_factory=dict)
    shouted: dict[str, Source] = field(default_factory=dict)
    lower: dict[str, list[Source]] = field(default_factory=dict)

    def complain(self, line: int, column: int, message: str, hint: str = "") -> None:
        self.problems.append(Problem(Source(self.name, line, column), message, hint))

    def warn(self, source: Source, message: str, hint: str = "") -> None:
        self.warnings.append(Problem(source, message, hint, "warning"))


@dataclass(frozen=True, slots=True)
class Subtitles:
    """A subtitle file's lines, in its order, and what is wrong and what is doubtful in it."""

    records: tuple[Record, ...]
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()


def read_subtitles(decoded: Decoded, name: str, form: str, cast: Iterable[str] = ()) -> Subtitles:
    """Read a subtitle file of a form of `SUBTITLE_FORMS`; `cast` are the speakers that a manifest knows, if any.

    Times stay text, for the schema to judge.
    """
    reading = _Reading(name, {fold(member): member for member in cast})
    lines = decoded.text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    cues = _read_ass(lines, reading) if form == "ass" else _read_blocks(lines, reading)
    records = [record for number, cue in enumerate(cues, 1) for record in _speak(cue, str(number), reading)]
    if not records and not reading.problems:
        reading.complain(1, 1, "has no cue that anybody speaks", "a cue is a line of times and the text under it")
    _sum_up(reading)
    return Subtitles(tuple(records), tuple(reading.problems), tuple(reading.warnings))


def _sum_up(reading: _Reading) -> None:
    """Say once what was left out, and who is named but not of the cast."""
    if reading.unspoken:
        count = len(reading.unspoken)
        cues = "cue holds" if count == 1 else "cues hold"
        message = f"{count} {cues} only sounds, music or nothing; left out"
        reading.warn(reading.unspoken[0], message)
    for stranger, source in reading.strangers.items():
        hint = "add the name to `speakers:`, or take it out of the text"
        reading.warn(source, f"'{stranger}:' looks like a speaker, but is none of the cast: it is spoken", hint)
    for name, source in reading.shouted.items():
        hint = "where it is to be spoken, name the cast in a manifest: `speakers:`, and `lines:` with this file"
        reading.warn(source, f"'{name}:' is taken for a speaker, but all is in capitals here", hint)
    for name, sources in reading.lower.items():
        if len(sources) >= _SURELY_A_SPEAKER:
            hint = "write the name in capitals, or in `speakers:` of a manifest whose `lines:` is this file"
            reading.warn(sources[0], f"'{name}:' looks like a speaker {len(sources)} times, but is spoken", hint)


# --- SubRip and WebVTT ----------------------------------------------------------------------------------


def _read_blocks(lines: Sequence[str], reading: _Reading) -> Iterator[_Cue]:
    """Read cues from blocks that blank lines part: perhaps a number or a name, the times, and text."""
    numbered = enumerate(lines, 1)
    for blank, group in groupby(numbered, key=lambda pair: not pair[1].strip()):
        if not blank:
            block = list(group)
            if not _is_header(block, lines):
                yield from _read_block(block, reading)


def _is_header(block: Sequence[tuple[int, str]], lines: Sequence[str]) -> bool:
    """Tell what is no cue: the head of a WebVTT file, its notes, styles and regions."""
    number, first = block[0]
    words = first.split()
    is_vtt = lines[0].startswith("WEBVTT")
    return is_vtt and (number == 1 or (words[0] in ("NOTE", "STYLE", "REGION") and _ARROW not in first))


def _read_block(block: Sequence[tuple[int, str]], reading: _Reading) -> Iterator[_Cue]:
    times = [place for place, (_, line) in enumerate(block) if _ARROW in line]
    # A number or a name may stand above the times, and no more.
    if not times or times[0] > 1:
        hint = "a cue begins with its times, 00:00:01,000 --> 00:00:02,500, and ends with a blank line"
        reading.complain(block[0][0], 1, "text that belongs to no cue", hint)
        return
    for place in times[1:]:
        hint = "cues are parted by a blank line"
        reading.complain(block[place][0], 1, "a cue begins in the middle of another", hint)
    number, line = block[times[0]]
    match = _TIMES.match(line)
    text = block[times[0] + 1 :]
    if match and len(times) == 1:
        places = {"start": (number, match.start("start") + 1), "end": (number, match.start("end") + 1)}
        if text:
            first, written = text[0]
            places["text"] = places["speaker"] = (first, len(written) - len(written.lstrip()) + 1)
        place_of = CuePlace(reading.name, number, places)
        name = "" if times[0] == 0 else " ".join(block[0][1].split())[:LONGEST_SPEAKER]
        said = "\n".join(written for _, written in text)
        yield _Cue(match["start"].rstrip(), match["end"], said, place_of, number=name)


# --- ASS ------------------------------------------------------------------------------------------------


def _read_ass(lines: Sequence[str], reading: _Reading) -> Iterator[_Cue]:
    """Read the dialogue of the section [Events]; comments are not spoken."""
    section = ""
    fields: Sequence[str] = _ASS_FIELDS
    for number, line in enumerate(lines, 1):
        stripped = line.strip()
        if stripped.startswith("[") and stripped.endswith("]"):
            section = stripped.lower()
        if section != "[events]":
            continue
        kind, _, rest = line.partition(":")
        if kind.strip() == "Format":
            fields = [name.strip().lower() for name in rest.split(",")]
            missing = [name for name in _ASS_NEEDED if name not in fields]
            # Only the last field may hold commas of its own.
            if missing or fields[-1] != "text":
                reading.complain(number, 1, "the format lacks Start or End, or does not end with Text")
                return
        elif kind.strip() == "Dialogue":
            yield from _read_dialogue(number, len(kind) + 1, rest, fields, reading)


def _read_dialogue(number: int, offset: int, rest: str, fields: Sequence[str], reading: _Reading) -> Iterator[_Cue]:
    cells = rest.split(",", len(fields) - 1)
    if len(cells) < len(fields):
        message = f"has {len(cells)} fields, but the format has {len(fields)}"
        reading.complain(number, 1, message, f"the fields are {','.join(fields)}")
        return
    places: dict[str, tuple[int, int]] = {}
    column = offset
    for name, cell in zip(fields, cells, strict=True):
        places[name] = (number, column + len(cell) - len(cell.lstrip()) + 1)
        column += len(cell) + 1
    row = dict(zip(fields, map(str.strip, cells), strict=True))
    places["speaker"] = places.get("name", places["text"])
    place = CuePlace(reading.name, number, places)
    if _DRAWING.search(row["text"]):
        reading.unspoken.append(place.at())
        return
    text = _OVERRIDE.sub("", row["text"]).replace("\\N", "\n").replace("\\n", "\n").replace("\\h", " ")
    yield _Cue(row["start"], row["end"], text, place, row.get("name", row.get("actor", "")))


# --- what is spoken, and by whom ------------------------------------------------------------------------


def _speak(cue: _Cue, number: str, reading: _Reading) -> Iterator[Record]:
    """Turn a cue, of a number in the file, into the lines that are spoken in it: one for each of its speakers."""
    source = cue.place.at("text")
    turns = [(who, said) for who, text in _turns(cue, reading) if (said := _spoken(text))]
    if not turns:
        reading.unspoken.append(source)
        return
    for (speaker, text), (start, end) in zip(turns, _share(cue, [len(text) for _, text in turns]), strict=True):
        fields = {"text": text, "start": start, "end": end, "cue": cue.number or number}
        yield Record(fields | {"speaker": speaker} if speaker else fields, cue.place)


def _turns(cue: _Cue, reading: _Reading) -> list[tuple[str, str]]:
    """Part a cue's text where somebody else begins to speak: (speaker or "", text), one line after another."""
    turns: list[tuple[str, str]] = []
    cast = reading.cast
    speaker = _known(cue.speaker, cast)
    named = bool(speaker)
    lines = [line.rpartition("\0") for line in _mark_voices(cue.text).split("\n")]
    written = [_plain(rest) for *_, rest in lines]
    # A dash before a figure is a minus, unless the cue's other dashes stand as close to what is said.
    dash = _TIGHT_DASH if any(map(_SPEECH_DASH.match, written)) else _LOOSE_DASH
    for (voice, *_), line in zip(lines, written, strict=True):
        said = dash.sub("", line, count=1)
        begins = bool(voice) or said != line
        if voice:
            speaker, named = _known(voice.strip("\0"), cast), True
        # Where the cue itself names who speaks, a colon is part of the text.
        elif not named and (prefix := _PREFIX.match(said)):
            rest = said[prefix.end() :]
            if who := _speaker_of(prefix[1].strip(), rest, cue.place.at("text"), reading):
                speaker, said, begins = who, rest, True
        if begins or not turns:
            turns.append((speaker, said))
        else:
            turns[-1] = (turns[-1][0], f"{turns[-1][1]} {said}")
    return turns


def _mark_voices(text: str) -> str:
    """Put each `<v Name>` on a line of its own beginning, the name before a NUL."""
    # No text holds a NUL, as `decode` refuses it, so it can mark a name.
    return _VOICE.sub(lambda match: f"\n{html.unescape(match[1]).strip()}\0", text).strip()


def _speaker_of(name: str, said: str, source: Source, reading: _Reading) -> str:
    """Return who is named before a colon, "" where that may as well be text; what is doubtful is noted.

    With a cast it must be of the cast. Without one it must be written in capitals: `MOLE: Bother!`.
    """
    if len(name) > LONGEST_SPEAKER or len(name.split()) > _MOST_SPEAKER_WORDS:
        return ""
    if known := reading.cast.get(fold(name)):
        return known
    if not _in_capitals(name):
        if not reading.cast and name.istitle():
            reading.lower.setdefault(name, []).append(source)
        return ""
    if reading.cast:
        reading.strangers.setdefault(name, source)
        return ""
    if _in_capitals(said):
        reading.shouted.setdefault(name, source)
    return name


def _in_capitals(text: str) -> bool:
    return text == text.upper() != text.lower()


def _known(name: str, cast: Mapping[str, str]) -> str:
    """Return a speaker as the cast spells it."""
    name = " ".join(name.split())
    return cast.get(fold(name), name)


def _plain(text: str) -> str:
    """Return text without markup, on one line."""
    text = _ENTITY.sub(lambda match: html.unescape(match[0]), _TAG.sub("", text))
    return " ".join(text.translate(_MARKS).split())


def _spoken(text: str) -> str:
    """Return what of a text is spoken; "" for a song or a sound."""
    said = " ".join(_SOUND.sub(" ", text).split())
    return "" if _SONG.fullmatch(said) or not any(map(str.isalnum, said)) else said


def _share(cue: _Cue, sizes: Sequence[int]) -> list[tuple[str, str]]:
    """Give each line of a cue its part of the time, by its characters; one line has it all, as it was written."""
    if len(sizes) == 1:
        return [(cue.start, cue.end)]
    try:
        start, end = parse_time(cue.start), parse_time(cue.end)
    except BadValueError:
        # The schema refuses these times, and knows their place.
        return [(cue.start, cue.end)] * len(sizes)
    borders = [start]
    for size in sizes:
        # A cue that ends before it begins is refused later.
        borders.append(borders[-1] + max(0.0, end - start) * size / sum(sizes))
    # The outer times stay as they were written.
    times = [cue.start, *(f"{border:.3f}" for border in borders[1:-1]), cue.end]
    return list(pairwise(times))
