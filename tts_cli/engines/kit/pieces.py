"""A text that is too long for one go: where it is cut, and how its pieces become one take again."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tts_cli.engines.base import Speech

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Samples = npt.NDArray[np.float32]


def cut_evenly(
    sizes: Sequence[int], weaknesses: Sequence[float], *, target: int, longest: int
) -> list[tuple[int, int]]:
    """Cut items in a row (words, sentences) into pieces of much the same size.

    `sizes` are what each item adds to its piece, `weaknesses` what a cut after it costs: 0 after a sentence, 1 inside
    a phrase. Returns (first, end) of each piece, which is about as large as `target` and larger than `longest` only
    where one item is.
    """
    pieces: list[tuple[int, int]] = []
    left, start = sum(sizes), 0
    while start < len(sizes):
        # What is left is shared out anew each time, so a piece that is too long makes the later ones shorter.
        number = math.ceil(left / target)
        end = len(sizes) if number <= 1 else _find_end(sizes, weaknesses, start, left / number, longest)
        pieces.append((start, end))
        left -= sum(sizes[start:end])
        start = end
    return pieces


def _find_end(sizes: Sequence[int], weaknesses: Sequence[float], start: int, target: float, longest: int) -> int:
    """Return where the piece that begins at `start` ends best: near the target, at the strongest boundary there."""
    best, best_cost, length = start + 1, math.inf, 0
    for end in range(start + 1, len(sizes) + 1):
        length += sizes[end - 1]
        # A single item that is too long is still spoken.
        if length > longest and end > start + 1:
            break
        cost = abs(length - target) / target + weaknesses[end - 1]
        if cost < best_cost:
            best, best_cost = end, cost
    return best


def join_pieces(pieces: Sequence[Speech], *, pause_s: float = 0.0) -> Speech:
    """Put pieces of one sample rate one after the other, with a pause between them; the times of words move along.

    The whole has ended by itself if each piece has.
    """
    import numpy as np

    sample_rate = pieces[0].sample_rate
    pause = np.zeros(round(pause_s * sample_rate), np.float32)
    parts, words, start = [], [], 0
    for number, piece in enumerate(pieces):
        if number and len(pause):
            parts.append(pause)
            start += len(pause)
        words += [word._replace(start=word.start + start, end=word.end + start) for word in piece.words]
        parts.append(piece.samples)
        start += len(piece.samples)
    return Speech(
        samples=np.concatenate(parts),
        sample_rate=sample_rate,
        words=tuple(words),
        ended=all(piece.ended for piece in pieces),
    )
