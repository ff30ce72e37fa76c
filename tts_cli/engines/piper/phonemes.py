"""Text to the symbols that a Piper voice was trained on, sentence by sentence, and where each word lies in them.

espeak-ng says how clauses sound, and the marks between them are read back from the text that it took. The rules are
those by which voices are trained; but an abbreviation's full stop ends no sentence, and no two words run together.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from tts_cli.engines.espeak.library import Clause, Library, plain
from tts_cli.engines.espeak.voices import EspeakVoice
from tts_cli.engines.piper.config import END, PAD, START
from tts_cli.text.split import is_abbreviated

# What a clause's last mark becomes, and whether a sentence ends there.
_MARKS: Mapping[str, tuple[str, bool]] = {
    **dict.fromkeys(".۔።", (".", True)),
    **dict.fromkeys("?\u037e؟፧⁇", ("?", True)),
    **dict.fromkeys("!‼", ("!", True)),
    **dict.fromkeys(",،՝፣", (",", False)),
    **dict.fromkeys(":፥", (":", False)),
    **dict.fromkeys(";—–⸺⸻\u0387؛፤", (";", False)),
    # Voices know no mark for these.
    **dict.fromkeys("։।॥。！？", ("", True)),
    **dict.fromkeys("…¡¿、，：；", ("", False)),
}
_LAST_MARKS = re.compile(f"[{re.escape(''.join(_MARKS))}]*$")
_WITH_SPACE = frozenset(",:;")
_PAUSES = frozenset(",:;.!?")
_LANGUAGE = re.compile(r"\([^)]+\)")  # "(en)": espeak-ng reads a word in another language
_RAW = re.compile(r"\[\[(.*?)\]\]", re.DOTALL)
_NO_BREAK = str.maketrans("\u00a0\u202f", "  ")


class SpokenWord(NamedTuple):
    """What is spoken in one go: the character at which it begins in the text, its first symbol, the one after it."""

    place: int
    first: int
    end: int


@dataclass(slots=True)
class Sentence:
    """The symbols of a sentence, each a codepoint, and its words in order."""

    symbols: list[str] = field(default_factory=list)
    words: list[SpokenWord] = field(default_factory=list)

    def add_word(self, phonemes: str, place: int) -> None:
        """Add a word, after a space where something else stands before it."""
        if self.symbols and self.symbols[-1] != " ":
            self.symbols.append(" ")
        first = len(self.symbols)
        self.symbols += unicodedata.normalize("NFD", phonemes)
        self.words.append(SpokenWord(place, first, len(self.symbols)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """A sentence as a network takes it.

    Its ids hold a pad after each symbol; `spans` are each symbol's first id and the one after its pad, both the same
    for a symbol that the voice does not know. `unknown` are those.
    """

    ids: Sequence[int]
    spans: Sequence[tuple[int, int]]
    unknown: frozenset[str]


def clean(text: str) -> str:
    """Return the text as it is read; characters keep their order."""
    return plain(text).translate(_NO_BREAK)


def phonemize(library: Library, text: str, voice: EspeakVoice) -> list[Sentence]:
    """Return the sentences of a cleaned text; what stands in [[...]] is taken for phonemes as it is."""
    sentences = [Sentence()]
    start = 0
    for raw in _RAW.finditer(text):
        _read(library, text[start : raw.start()], start, voice, sentences)
        for word in re.finditer(r"\S+", raw[1]):
            sentences[-1].add_word(word[0], raw.start())
        start = raw.end()
    _read(library, text[start:], start, voice, sentences)
    return [sentence for sentence in sentences if sentence.words]


def spell(text: str) -> list[Sentence]:
    """Return a cleaned text as one sentence of its own characters, for voices that were trained on those."""
    sentence = Sentence()
    for word in re.finditer(r"\S+", text):
        sentence.add_word(word[0], word.start())
    return [sentence] if sentence.words else []


def encode(sentence: Sentence, table: Mapping[str, Sequence[int]]) -> Encoded:
    """Turn symbols into ids; what the table does not have is left out, and told."""
    pad = table[PAD]
    ids, spans, unknown = [*table[START], *pad], [], set()
    for symbol in sentence.symbols:
        first = len(ids)
        if symbol in table:
            ids += [*table[symbol], *pad]
        else:
            unknown.add(symbol)
        spans.append((first, len(ids)))
    return Encoded(ids=[*ids, *table[END]], spans=spans, unknown=frozenset(unknown))


def edges(sentence: Sentence, encoded: Encoded, starts: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Yield each word's place in the text and its first sample and end; `starts` are the samples at which ids begin.

    Measured on real voices: in a phrase a word is heard from the space before it on, after a pause from its first
    sound; it ends with the pad after its last one.
    """
    for word in sentence.words:
        first, end = encoded.spans[word.first][0], encoded.spans[word.end - 1][1]
        if first < end:
            in_phrase = word.first > 1 and sentence.symbols[word.first - 2] not in _PAUSES
            begin = encoded.spans[word.first - 1][0] if in_phrase else first
            yield word.place, starts[begin], starts[end]


def _read(library: Library, text: str, offset: int, voice: EspeakVoice, sentences: list[Sentence]) -> None:
    """Add what espeak-ng makes of a stretch of the text that begins at `offset`."""
    if not text.strip():
        return
    reading = library.read(text, voice)
    spoken = [_LANGUAGE.sub("", clause.phonemes).split() for clause in reading.clauses]
    count = sum(map(len, spoken))
    # Where the two do not go together one to one, words share the time of the stretch.
    places = reading.words if count == len(reading.words) else [0, *[-1] * count]
    words = iter(zip((word for clause in spoken for word in clause), places, strict=False))
    end = 0
    for number, clause in enumerate(reading.clauses):
        end += len(clause.text)
        for phonemes, place in (next(words) for _ in spoken[number]):
            sentences[-1].add_word(phonemes, offset + place if place >= 0 else -1)
        last = number + 1 == len(reading.clauses)
        if spoken[number]:
            _end_clause(clause, text[:end] if last else text[: end - 1], text, sentences, last=last)


def _end_clause(clause: Clause, before: str, text: str, sentences: list[Sentence], *, last: bool) -> None:
    """Add the mark that ends a clause, and begin a sentence where one ends; `before` is the text up to there."""
    body = before.rstrip()
    marks = _LAST_MARKS.search(body[-len(clause.text) :] if clause.text else "")
    run = marks[0] if marks else ""
    if run.startswith("...") or (run == "." and is_abbreviated(text, len(body) - 1)):
        return
    # Without a mark espeak-ng has cut a clause that was too long for it.
    mark, ends = _MARKS[run[0]] if run else ("", False)
    symbols = sentences[-1].symbols
    symbols += [mark] if mark else []
    symbols += [" "] if mark in _WITH_SPACE else []
    if ends and not last:
        sentences.append(Sentence())
