"""Cutting a shown text into captions: short lines, broken where one would breathe."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, islice, pairwise

# What ends a caption best, and second best.
_SENTENCE = re.compile(r"(?<![.!?…。!?])[.!?…。!?]++[\"'”’»)\]]*+$")  # noqa: RUF001
_CLAUSE = re.compile(r"(?<![,;:—–、,;:-])[,;:—–、,;:-]++[\"'”’»)\]]*+$")  # noqa: RUF001
# In shares of a full caption: ending with a sentence is worth half of one, with a clause a quarter.
_SENTENCE_BONUS, _CLAUSE_BONUS = 0.5, 0.25
# After a few words not even a sentence's end is worth a caption of its own.
_LEAST_SHARE = 0.35
# With less than two full captions to come, this one and the next are the last.
_LAST_TWO = 1.8


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptionRules:
    """How captions are set: columns and lines of each (a wide character counts two), and how fast they may be read."""

    columns: int = 42
    lines: int = 2
    chars_per_second: float = 20.0
    shortest_s: float = 1.0
    gap_s: float = 0.08


@dataclass(frozen=True, slots=True)
class Chunk:
    """A caption's text, its lines parted by newlines, and where it lies in the whole text: characters [start, end)."""

    text: str
    start: int
    end: int


def split_captions(text: str, rules: CaptionRules) -> tuple[Chunk, ...]:
    """Cut a text into captions that fit the rules; a single word that is wider than a line stays whole."""
    pieces = _pieces(text)
    chunks = []
    first = 0
    while first < len(pieces):
        last = _best_end(pieces, first, rules)
        start, end = pieces[first].start, pieces[last - 1].end
        chunks.append(Chunk("\n".join(_wrap(pieces[first:last], rules.columns)), start, end))
        first = last
    return tuple(chunks)


def width(text: str) -> int:
    """Return how many columns a text takes."""
    return len(text) if text.isascii() else sum(map(_char_width, text))


# A text has few different characters, and each is measured dozens of times.
@lru_cache(maxsize=4096)
def _char_width(char: str) -> int:
    return 0 if unicodedata.combining(char) else 2 if _is_wide(char) else 1


@dataclass(frozen=True, slots=True)
class _Piece:
    """What is never broken: a word, or one wide character; `spaced` if a space stands before it."""

    text: str
    start: int
    end: int
    spaced: bool


def _pieces(text: str) -> list[_Piece]:
    pieces: list[_Piece] = []
    for token in re.finditer(r"\S+", text):
        place = token.start()
        for part in _unbroken(token.group()):
            spaced = place == token.start() and bool(pieces)
            pieces.append(_Piece(part, place, place + len(part), spaced))
            place += len(part)
    return pieces


def _unbroken(word: str) -> list[str]:
    """Part a word at its wide characters: each may begin a line, but punctuation stays with what it follows."""
    if word.isascii():
        return [word]
    wide = list(map(_is_wide, word))
    starts = [
        place
        for place in range(1, len(word))
        if (wide[place] or wide[place - 1]) and unicodedata.category(word[place])[0] not in "PM"
    ]
    return [word[start:end] for start, end in pairwise([0, *starts, len(word)])]


def _is_wide(char: str) -> bool:
    return unicodedata.east_asian_width(char) in "WF"


def _wrap(pieces: Sequence[_Piece], columns: int) -> list[str]:
    """Set pieces in as few lines as possible, these as even as possible."""
    count = len(_filled(pieces, columns))
    # From the evenest width up: the first one that needs no more lines is the most even.
    for narrower in range(_joined_width(pieces) // count, columns):
        lines = _filled(pieces, narrower)
        if len(lines) <= count and max(map(width, lines)) <= narrower:
            return lines
    return _filled(pieces, columns)


def _filled(pieces: Sequence[_Piece], columns: int) -> list[str]:
    lines = [pieces[0].text]
    for piece in pieces[1:]:
        longer = f"{lines[-1]}{' ' if piece.spaced else ''}{piece.text}"
        if width(longer) <= columns:
            lines[-1] = longer
        else:
            lines.append(piece.text)
    return lines


def _joined_width(pieces: Sequence[_Piece]) -> int:
    return sum(width(piece.text) + piece.spaced for piece in pieces)


def _best_end(pieces: Sequence[_Piece], first: int, rules: CaptionRules) -> int:
    """Choose where a caption ends: as late as fits, but rather after a sentence or a clause."""
    # Piece by piece, as `_filled` sets them: to set all of them again for each would cost the square.
    lines, used, fitting = 1, width(pieces[first].text), first + 1
    while fitting < len(pieces):
        wide = width(pieces[fitting].text)
        longer = used + pieces[fitting].spaced + wide
        lines, used = (lines, longer) if longer <= rules.columns else (lines + 1, wide)
        if lines > rules.lines:
            break
        fitting += 1
    if fitting == len(pieces):
        return fitting
    capacity = rules.columns * rules.lines
    # No further than matters: the whole rest would be measured anew for each caption.
    sums = accumulate(width(piece.text) + piece.spaced for piece in islice(pieces, first, None))
    left = 0
    for left in sums:
        if left > _LAST_TWO * capacity:
            break
    rest = left / capacity
    shares = [wide / capacity for wide in accumulate(width(one.text) + one.spaced for one in pieces[first:fitting])]

    def worth(end: int) -> float:
        share = shares[end - first - 1]
        text = pieces[end - 1].text
        bonus = _SENTENCE_BONUS if _SENTENCE.search(text) else _CLAUSE_BONUS if _CLAUSE.search(text) else 0.0
        # the last two share evenly: nobody reads a caption of one word
        fullness = -abs(rest - 2 * share) if rest <= _LAST_TWO else share
        return fullness + (bonus if share >= _LEAST_SHARE else 0.0)

    return max(range(first + 1, fitting + 1), key=worth)
