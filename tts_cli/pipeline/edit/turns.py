"""A dialogue's take -> its lines: where each turn lies in it, by the times of its words."""

from collections.abc import Sequence
from itertools import accumulate, pairwise

from tts_cli.types import SpokenTurn, Take, Word


def find_turns(take: Take, turns: Sequence[SpokenTurn], first: int, end: int) -> list[tuple[int, int]]:
    """Return first and end of each turn, in samples of the take, which cover it from `first` to `end` without gaps.

    A turn ends in the middle between its last word and the next one's first. Empty where the words of the take are not
    those of the turns, so that nobody knows where they lie.
    """
    letters = list(accumulate(_letters(turn.text) for turn in turns))
    reached = list(accumulate(_letters(word.text) for word in take.words))
    if not reached or reached[-1] != letters[-1] or not set(letters) <= set(reached):
        return []
    last_words = [reached.index(count) for count in letters]
    cuts = [_cut(take.words[last], take.words[last + 1]) for last in last_words[:-1]]
    bounds = [first, *(min(max(cut, first), end) for cut in cuts), end]
    return list(pairwise(bounds))


def share_by_length(turns: Sequence[SpokenTurn], length: int) -> tuple[tuple[str, int], ...]:
    """Guess how long each turn is, by its text; returns each line's id with it. They are `length` together."""
    letters = [0, *accumulate(max(1, len(turn.text)) for turn in turns)]
    places = [length * count // letters[-1] for count in letters]
    return tuple((turn.line_id, end - start) for turn, (start, end) in zip(turns, pairwise(places), strict=True))


def _letters(text: str) -> int:
    return sum(map(str.isalnum, text))


def _cut(before: Word, after: Word) -> int:
    return (before.end + after.start) // 2
