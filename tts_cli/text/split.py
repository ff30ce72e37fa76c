"""Cut a text into pieces that an engine can take: at sentences first, then phrases, commas, spaces, graphemes."""

# ruff: noqa: RUF001, SIM905  the punctuation and the words of many languages

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from tts_cli.types import Boundary

# A shorter piece on its own is spoken badly by most engines, so it stays with a neighbour.
FRAGMENT_CHARS = 25

_SENTENCE, _PHRASE, _COMMA, _SPACE = range(4)
_BOUNDARIES = (Boundary.SENTENCE, Boundary.PHRASE, Boundary.COMMA, Boundary.COMMA)

_CLOSERS = r"""["'”’»›)\]}」』）】》〉]*"""
_MARK = re.compile(
    rf"""
      (?P<stop>(?<![.!?‽])[.!?‽]++{_CLOSERS}+) (?=\s)
    | (?P<full>[。！？｡．।॥؟۔։።။។༎]+{_CLOSERS})
    | (?P<phrase>[;:…](?=\s) | [；：؛፤] | —+ | (?<=\s)[–-](?=\s))
    | (?P<comma>,(?=\s) | [、，､،፣])
    | (?P<space>\s)
    """,
    re.VERBOSE,
)
# English, German, French, Spanish, Italian, Portuguese; in lower case, without the last full stop.
_ABBREVIATIONS = frozenset(
    "mr mrs ms messrs dr prof st mt sr jr rev hon gen capt lt sgt vs etc e.g i.e cf inc ltd dept approx "
    "a.m p.m u.s u.k bzw ca d.h z.b u.a usw vgl evtl ggf hr fr inkl bspw s.o s.u mm mme mlle mgr p.ex "
    "sra srta srs dra ud uds ee.uu sig sigg sig.ra sig.na dott dott.ssa avv ing exmo exma".split()
)
# Words of their own, unless a number follows: "the answer is no. Then" and "No. 5".
_BEFORE_NUMBERS = frozenset(
    "no nos nr vol fig ch p pp ed sec art al abb bd str tel av pag pág núm "
    "jan feb mar apr jun jul aug sep sept oct nov dec".split()
)
_LAST_WORD = re.compile(r"[^\s\"'“”‘’«»()\[\]]*$")

_JOINERS = "\u200c\u200d"
# Thai and Lao write some vowels before or after the consonant they belong to, as characters of their own.
_LEADING_VOWELS = "".join(map(chr, (*range(0x0E40, 0x0E45), *range(0x0EC0, 0x0EC5))))
_TRAILING_VOWELS = "\u0e30\u0e32\u0e33\u0e45\u0e46\u0eb0\u0eb2\u0eb3\u0ec6"
_SKIN_TONES = range(0x1F3FB, 0x1F400)
_FLAGS = range(0x1F1E6, 0x1F200)
_JAMO_MEDIAL_FINAL = range(0x1160, 0x1200)
# The combining class of signs that join consonants, as in Hindi.
_VIRAMA_CLASS = 9


def split_text(text: str, target: int, limit: int) -> tuple[tuple[str, Boundary], ...]:
    """Cut normalised text into pieces of about `target` and at most `limit` characters, with what follows each.

    Only white space at the cuts is lost. The last piece is followed by a paragraph's end.
    """
    target = min(target, limit)
    if len(text) <= target:
        return ((text, Boundary.PARAGRAPH),) if text else ()
    cuts = _find_cuts(text)
    pieces: list[tuple[str, Boundary]] = []
    start = 0
    while start < len(text):
        end, boundary = _choose_cut(text, start, cuts, target, limit)
        pieces.append((text[start:end].strip(), boundary))
        start = _after_spaces(text, end)
    return (*pieces[:-1], (pieces[-1][0], Boundary.PARAGRAPH))


def is_abbreviated(text: str, place: int) -> bool:
    """Return whether the full stop at that place belongs to a word ("Dr. Grimesby") and ends no sentence."""
    mark = _MARK.match(text, place)
    return mark is not None and mark.lastgroup == "stop" and _kind_of_stop(text, mark) is None


def _after_spaces(text: str, place: int) -> int:
    while text[place : place + 1].isspace():
        place += 1
    return place


def _choose_cut(text: str, start: int, cuts: Sequence[Sequence[int]], target: int, limit: int) -> tuple[int, Boundary]:
    """Return where the piece from `start` on ends: the strongest kind of cut wins, then the nearest to `target`."""
    rest = len(text) - start
    if rest <= target:
        return len(text), Boundary.PARAGRAPH
    # With a small target there must still be room to cut.
    fragment = min(FRAGMENT_CHARS, target // 2)
    # Neither this piece nor what is left of the text may be a fragment.
    first, last = start + max(1, fragment), min(start + limit, len(text) - fragment)
    for kind, places in enumerate(cuts):
        # What fits is cut at sentences only: a piece that is a little long sounds better than a phrase that is torn.
        if kind > _SENTENCE and rest <= limit:
            return len(text), Boundary.PARAGRAPH
        low, high = bisect_left(places, first), bisect_right(places, last)
        if low < high:
            # The last place up to the target, or else the first one beyond it.
            best = bisect_right(places, start + target, low, high)
            return places[max(best - 1, low)], _BOUNDARIES[kind]
    return _grapheme_cut(text, start, min(start + target, max(last, start + 1))), Boundary.COMMA


def _find_cuts(text: str) -> tuple[list[int], list[int], list[int], list[int]]:
    """Return the places after each sentence, phrase, comma and word, ascending."""
    cuts: tuple[list[int], list[int], list[int], list[int]] = ([], [], [], [])
    for mark in _MARK.finditer(text):
        kind = _kind_of(text, mark)
        if kind is not None:
            cuts[kind].append(mark.start() if kind == _SPACE else mark.end())
    return cuts


def _kind_of(text: str, mark: re.Match[str]) -> int | None:
    if mark.lastgroup == "stop":
        return _kind_of_stop(text, mark)
    return {"full": _SENTENCE, "phrase": _PHRASE, "comma": _COMMA, "space": _SPACE}[str(mark.lastgroup)]


def _kind_of_stop(text: str, mark: re.Match[str]) -> int | None:
    """Tell a sentence's end from "Dr. Grimesby", "J. R. R.", "3. Mai", "Wait ... what" and '"Stop!" he said'."""
    following = text[mark.end() : mark.end() + 8].lstrip(" \"'“‘«(¿¡—-")[:1]
    # One full stop may end an abbreviation; several are an ellipsis.
    if mark["stop"][0] == "." and mark["stop"][:2] != "..":
        # No abbreviation is longer than 20 characters, and the whole text would be searched for each stop.
        before = _LAST_WORD.search(text, max(0, mark.start() - 20), mark.start())
        if following.islower() or _is_abbreviation(before[0] if before else "", following):
            return None
    return _PHRASE if following.islower() else _SENTENCE


def _is_abbreviation(word: str, following: str) -> bool:
    if word.isdecimal():
        return len(word) <= 2  # an ordinal, unlike a year
    if len(word) == 1:
        return word.isalpha() and word != "I"
    word = word.lower()
    return word in _ABBREVIATIONS or (word in _BEFORE_NUMBERS and following.isdecimal())


def _grapheme_cut(text: str, start: int, end: int) -> int:
    """Move a cut back to where no cluster is torn; where all of it is one cluster, keep the cut."""
    # A text of nothing but combining marks must not cost the square of its length.
    for place in range(end, max(start, end - 64), -1):
        if not _is_inside_cluster(text, start, place):
            return place
    return end


def _is_inside_cluster(text: str, start: int, place: int) -> bool:
    before, after = text[place - 1], text[place]
    code = ord(after)
    if unicodedata.category(after)[0] == "M" or after in _JOINERS or before in _JOINERS:
        return True
    if code in _SKIN_TONES or code in _JAMO_MEDIAL_FINAL or unicodedata.combining(before) == _VIRAMA_CLASS:
        return True
    if code in _FLAGS and ord(before) in _FLAGS:
        # A flag is a pair of letters: an odd number in front means that the pair is not complete.
        return _flags_before(text, start, place) % 2 == 1
    return before in _LEADING_VOWELS or after in _TRAILING_VOWELS


def _flags_before(text: str, start: int, place: int) -> int:
    count = 0
    while place - count > start and ord(text[place - count - 1]) in _FLAGS:
        count += 1
    return count
