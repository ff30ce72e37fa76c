"""Word times from espeak-ng's events, which are merged ("of the": one) and multiplied ("$3.50": five)."""

import bisect
import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from tts_cli.types import Word

if TYPE_CHECKING:
    from tts_cli.engines.base import Samples

# Thai to Myanmar, Khmer, kana and Han, half-width kana: scripts that write no spaces between words.
UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]"
)
SILENCE_DB = -45.0


def align(
    text: str,
    events: Sequence[tuple[int, int]],
    clause_ends: Iterable[int],
    samples: "Samples",
    *,
    measured: bool = False,
) -> tuple[Word, ...]:
    """Give every word of the text its place in the take: none missing, in order, never before the one in front.

    `events` are (0-based character, sample) and `clause_ends` samples, as the library reports them. A word starts at
    the first event inside it; one without any shares the time between its neighbours by its letters. It ends where
    the next one starts, or at the end of sound where a clause ends there; `measured` ends are the end of sound already.
    """
    units = _units(text, events)
    if not units:
        return ()
    starts = _starts(units, events, len(samples))
    ends = _ends(starts, sorted(set(clause_ends)), samples, measured=measured)
    return tuple(
        Word(text=word, start=start, end=end) for (_, word), start, end in zip(units, starts, ends, strict=True)
    )


def _units(text: str, events: Sequence[tuple[int, int]]) -> list[tuple[int, str]]:
    """Split into (character, word) at white space, and scripts without it at the events."""
    heard = sorted({position for position, _ in events})
    units = []
    for token in re.finditer(r"\S+", text):
        first, last = token.span()
        cuts = [first]
        if UNSPACED.search(token.group()):
            inner = heard[bisect.bisect_right(heard, first) : bisect.bisect_left(heard, last)]
            # An event at a punctuation mark begins no word.
            cuts += [cut for cut in inner if text[cut].isalnum()]
        units += [(start, text[start:end]) for start, end in pairwise([*cuts, last])]
    return units


def _starts(units: Sequence[tuple[int, str]], events: Sequence[tuple[int, int]], length: int) -> list[int]:
    """Return each unit's first sample, ascending; weights of the interpolation are letters and digits."""
    known = _known_starts([position for position, _ in units], events, length)
    weights = [max(1, sum(character.isalnum() for character in word)) for _, word in units]
    # The ends of the take stand in where the outer words have no event.
    anchors = [(-1, 0), *sorted(known.items()), (len(units), length)]
    starts = [0] * len(units)
    for (left, sample), (right, limit) in pairwise(anchors):
        total = sum(weights[max(left, 0) : right]) or 1
        spent = 0
        for index in range(max(left, 0), right):
            starts[index] = sample + (limit - sample) * spent // total
            spent += weights[index]
    return starts


def _known_starts(positions: Sequence[int], events: Sequence[tuple[int, int]], length: int) -> dict[int, int]:
    """Map a unit's index to the sample of its first event, leaving out what would run backwards."""
    first: dict[int, int] = {}
    for position, sample in events:
        # A number has an event for each word that is spoken of it; the first one counts.
        first.setdefault(bisect.bisect_right(positions, position) - 1, min(sample, length))
    known, latest = {}, 0
    for index, sample in sorted(first.items()):
        # An event that lies before the one in front would make a word end before it starts.
        if index >= 0 and sample >= latest:
            known[index] = latest = sample
    return known


def _ends(starts: Sequence[int], clause_ends: Sequence[int], samples: "Samples", *, measured: bool) -> list[int]:
    """End each word where the next one starts, less the pause that a clause ends with."""
    ends = [*starts[1:], len(samples)]
    # Relative to the take's peak, as voices differ in level.
    threshold = max(samples.max(), -samples.min()) * 10 ** (SILENCE_DB / 20)
    for index, (start, limit) in enumerate(zip(starts, ends, strict=True)):
        at = bisect.bisect_right(clause_ends, start)
        if at == len(clause_ends) or clause_ends[at] > limit:
            continue
        if measured:
            # The last of them, as a word may be spoken in several.
            ends[index] = clause_ends[bisect.bisect_right(clause_ends, limit) - 1]
        else:
            sounding = np.flatnonzero(np.abs(samples[start:limit]) > threshold)
            ends[index] = start + int(sounding[-1]) + 1 if sounding.size else limit
    return ends
