"""Phonemes and the words they came from: cut to what Kokoro speaks well at once, and timed by what it predicts."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tts_cli.engines.kit.pieces import cut_evenly
from tts_cli.types import Word

if TYPE_CHECKING:
    from numpy.typing import NDArray

SAMPLE_RATE = 24_000
FRAME_SAMPLES = 600  # of one unit of predicted duration
# The network takes 510 phonemes, but hurries through so many; 175 to 250 sound best.
TARGET = 250
LONGEST = 450
EDGE_LATE = 2 * FRAME_SAMPLES  # what fits the starts of words best, as a recogniser hears them
BIN = SAMPLE_RATE // 100
SILENCE = SAMPLE_RATE * 80 // 1000
QUIET = 10 ** (-40 / 20)
NEAR = SAMPLE_RATE * 80 // 1000
SENTENCE_END, CLAUSE_END = frozenset("!.?…"), frozenset(":;,—")


class Spoken(NamedTuple):
    """A word, or what else is between spaces: as written, its phonemes, and whether a space follows."""

    text: str
    phonemes: str
    space: bool

    @property
    def sound(self) -> str:
        """The phonemes, with the space that follows."""
        return self.phonemes + " " * self.space


def phonemes_of(words: Iterable[Spoken]) -> str:
    """Return the phonemes of words in a row, without space around them."""
    return "".join(word.sound for word in words).strip()


def cut(words: Sequence[Spoken]) -> list[list[Spoken]]:
    """Cut into chunks of much the same length, at most 250 phonemes if words allow it, never more than 450.

    A chunk ends after a sentence if one ends near by, else after a clause, else after a word.
    """
    pieces = [piece for word in words for piece in _divide(word)]
    sizes, weaknesses = [len(piece.sound) for piece in pieces], [_weakness(piece) for piece in pieces]
    chunks = [pieces[first:end] for first, end in cut_evenly(sizes, weaknesses, target=TARGET, longest=LONGEST)]
    return [chunk for chunk in chunks if phonemes_of(chunk)]


def time_words(words: Sequence[Spoken], durations: Sequence[int], vocabulary: Mapping[str, int]) -> list[Word]:
    """Return where each word lies, in samples: `durations` are those of the start, each known phoneme, and the end.

    Words without a phoneme (such as `$`, which is read elsewhere) have no place of their own and are left out.
    """
    edges = list(accumulate((duration * FRAME_SAMPLES for duration in durations), initial=0))
    sounds = "".join(word.sound for word in words)
    # `phonemes_of` strips: the spaces before the first phoneme and after the last are never spoken
    first, end = len(sounds) - len(sounds.lstrip()), len(sounds.rstrip())
    spoken = (first <= at < end and phoneme in vocabulary for at, phoneme in enumerate(sounds))
    places = list(accumulate(spoken, initial=1))  # of each phoneme, among the durations
    found, at = [], 0
    for word in words:
        start, stop = places[at], places[at + len(word.phonemes)]
        if stop > start and any(letter.isalnum() for letter in word.text):
            found.append(Word(word.text, edges[start], edges[stop]))
        at += len(word.sound)
    return found


def settle_words(words: Sequence[Word], samples: "NDArray[np.float32]") -> list[Word]:
    """Move predicted times to where the words are heard, in `samples` at full scale 1.0.

    The network's edges lie about two frames behind its sound, and its last phoneme before a pause holds most of the
    silence. So words lie earlier; before a pause they end with their sound, and after one they begin with it.
    """
    edges = [(max(0, word.start - EDGE_LATE), max(0, word.end - EDGE_LATE)) for word in words]
    starts, ends = [start for start, _ in edges], [end for _, end in edges]
    for first, last in _pauses(samples):
        # The word after the pause is the first that begins in it, or hardly later.
        after = bisect_left(starts, first)
        if after < len(words) and starts[after] <= last + NEAR:
            starts[after] = last
        elif last < len(samples):
            continue
        if after:
            ends[after - 1] = min(ends[after - 1], first) if first > starts[after - 1] else ends[after - 1]
    limits = [*starts, len(samples)][1:]
    return [
        Word(word.text, start, min(max(end, start + 1), limit))
        for word, start, end, limit in zip(words, starts, ends, limits, strict=True)
    ]


def _pauses(samples: "NDArray[np.float32]") -> list[tuple[int, int]]:
    """Return the stretches [first, last) of silence: 40 dB below the loudest, and longer than a stop inside a word."""
    padded = np.abs(np.pad(samples, (0, -len(samples) % BIN))).reshape(-1, BIN).max(axis=1)
    quiet = np.concatenate(([0], padded <= padded.max(initial=0.0) * QUIET, [0]))
    edges = np.flatnonzero(np.diff(quiet)).reshape(-1, 2) * BIN
    return [(first, min(last, len(samples))) for first, last in edges.tolist() if last - first > SILENCE]


def _weakness(piece: Spoken) -> float:
    last = piece.phonemes.rstrip("”\"')")[-1:]
    return 0.0 if last in SENTENCE_END else 0.35 if last in CLAUSE_END else 0.8


def _divide(word: Spoken) -> Iterable[Spoken]:
    """Divide what is longer than any chunk may be."""
    if len(word.phonemes) <= LONGEST:
        return [word]
    parts = [word.phonemes[at : at + TARGET] for at in range(0, len(word.phonemes), TARGET)]
    last = len(parts) - 1
    # The text goes with the first part, so that the word is timed once.
    return [Spoken(word.text if not at else "", part, word.space and at == last) for at, part in enumerate(parts)]
