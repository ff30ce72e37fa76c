"""What a line's text becomes: the parts to speak, in order, and the silence around them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tts_cli.errors import MarkupError
from tts_cli.text.foreign_markup import left_out, to_spoken
from tts_cli.text.markup import parse_markup
from tts_cli.text.normalize import is_speakable, normalize
from tts_cli.text.split import split_text
from tts_cli.types import Boundary

# UTF-8 that was once read as Windows-1252, and characters that were lost.
_GARBLED = re.compile("â€|Ã[\x80-\xbf]|\ufffd")
_PARAGRAPH_BREAK = re.compile(r"\n[^\S\n]*\n\s*")


@dataclass(frozen=True, slots=True)
class Part:
    """Text for one engine call; an authored pause after it, or None to leave that to the boundary."""

    text: str
    boundary: Boundary
    pause_s: float | None = None


@dataclass(frozen=True, slots=True)
class Parts:
    """A line cut up: silence before its first word, then at least one part, the last before a paragraph's end."""

    lead_s: float
    parts: tuple[Part, ...]


def make_parts(text: str, target_chars: int, max_chars: int) -> Parts:
    """Cut an authored text into parts of about `target_chars` and at most `max_chars` characters.

    Raises `MarkupError` for a broken tag and where there is nothing to speak.
    """
    text = to_spoken(text)
    # Most lines are one part, and need no cutting.
    if "[" not in text and "\n" not in text and len(text) <= target_chars:
        spoken = normalize(text)
        if len(spoken) <= target_chars and is_speakable(spoken):
            return Parts(0.0, (Part(spoken, Boundary.PARAGRAPH),))
    lead_s = 0.0
    parts: list[Part] = []
    for chunk, pause_s in parse_markup(text):
        parts += _cut(chunk, target_chars, max_chars)
        if pause_s is None:
            continue
        if parts:
            last = parts[-1]
            # Pauses in a row add up.
            parts[-1] = Part(last.text, last.boundary, (last.pause_s or 0.0) + pause_s)
        else:
            lead_s += pause_s
    if not parts:
        raise MarkupError("nothing to speak", hint="give the line a letter or a digit, or `skip: true`")
    last = parts.pop()
    return Parts(lead_s, (*parts, Part(last.text, Boundary.PARAGRAPH, last.pause_s)))


def check_text(text: str) -> None:
    """Raise what `make_parts` would raise for this text, without cutting it up."""
    text = to_spoken(text)
    if "[" in text:
        text = " ".join(chunk for chunk, _ in parse_markup(text))
    if not is_speakable(text):
        raise MarkupError("nothing to speak", hint="give the line a letter or a digit, or `skip: true`")


def find_doubts(text: str) -> Iterator[tuple[str, str]]:
    """Yield a message and a hint for what can be spoken, but hardly as its author meant it."""
    if not text.isascii() and (garbled := _GARBLED.search(text)):
        yield f"{garbled[0]!r} looks like text saved in the wrong encoding", ""
    if tags := left_out(text):
        hint = "of SSML, `<break>` and `<sub>` are obeyed; a line has `speed`, `pitch`, `volume`, `emotion` and `voice`"
        yield f"{', '.join(f'<{tag}>' for tag in tags)}: left out, as no engine is told of it", hint


def _cut(chunk: str, target_chars: int, max_chars: int) -> list[Part]:
    """Cut text without tags; what has nothing to speak (a row of stars, a lone quote) is left out."""
    return [
        Part(piece, boundary)
        for paragraph in _PARAGRAPH_BREAK.split(chunk)
        for piece, boundary in split_text(normalize(paragraph), target_chars, max_chars)
        if is_speakable(piece)
    ]
