"""Text to Kokoro's phonemes, on the best way at hand; nothing is ever downloaded.

English is put into words first (`text.english`). Misaki's lexicon then speaks it, with spaCy's tagger where that is
installed, else with our rules (`tagger`); espeak-ng says what the lexicon does not know. Without spaCy, and in other
languages, espeak-ng says it all, in the notation that the model was trained on. Words keep their place, so that they
can be timed, and are named as they were written.
"""

import re
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import metadata, util
from typing import Any, Literal

from tts_cli.engines.kokoro.chunks import Spoken
from tts_cli.engines.kokoro.spec import KOKORO, tagger_version
from tts_cli.engines.kokoro.tagger import tag
from tts_cli.engines.weights import find_weights, has_weights
from tts_cli.errors import MissingError
from tts_cli.text.english import Reading, read_english

Way = Literal["auto", "lexicon", "espeak"]
G2p = Callable[[str], list[Spoken]]

# espeak-ng's names of Kokoro's languages.
ESPEAK = {"a": "en-us", "b": "en-gb", "e": "es", "f": "fr-fr", "h": "hi", "i": "it", "p": "pt-br"}
# Two look-behinds, as each must have a fixed width in Python.
_SENTENCE_END = re.compile(r"(?:(?<=[.!?…])|(?<=[.!?…][\"”’')]))\s+")
_SIGNS = re.compile(r"^\W++|(?<!\W)\W++$")


def spare_spacy() -> None:
    """Let kokoro be imported where spaCy is not installed: its own pipeline imports it, its network does without."""
    if util.find_spec("spacy") is None and "misaki.en" not in sys.modules:
        sys.modules["misaki.en"] = stub = types.ModuleType("misaki.en")
        vars(stub).update(MToken=object, G2P=object)  # annotations name them


@cache
def make_g2p(letter: str, way: Way = "auto") -> G2p:
    """Return the function from text to words with their phonemes; raises `MissingError` for a way that is not here."""
    if letter not in "ab" or way == "espeak":
        return _Espeak(letter)
    if util.find_spec("spacy") is None:
        if way == "lexicon":
            raise MissingError("the lexicon needs spaCy", hint="pip install spacy, or leave `g2p` out")
        return _Espeak(letter)
    return _Lexicon(letter, tagger=_load_tagger() if way == "auto" else None)


def _versions() -> Mapping[str, str]:
    found = {}
    for name in ("spacy", "en-core-web-sm"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _load_tagger() -> Any | None:
    """Return spaCy's pipeline, from the weights or installed as a package; None where there is none."""
    if not tagger_version(_versions()):
        return None
    import spacy

    source = find_weights(KOKORO, "tagger") if has_weights(KOKORO, "tagger") else "en_core_web_sm"
    try:
        # The lexicon asks for tags alone; the other parts would only take time.
        return spacy.load(source, exclude=["parser", "ner", "senter", "attribute_ruler", "lemmatizer"])
    except (OSError, ValueError, ImportError) as error:
        raise MissingError(
            f"spaCy's tagger cannot be loaded: {error}", hint="tts-cli download kokoro:tagger"
        ) from error


class _Lexicon:
    """English by misaki's lexicon; `tagger` is a spaCy pipeline, or None for our rules."""

    def __init__(self, letter: str, *, tagger: Any | None) -> None:
        import spacy
        from misaki import en, espeak

        # `en.G2P` itself would download a tagger that it does not find.
        self._g2p = en.G2P.__new__(en.G2P)
        self._g2p.version, self._g2p.british, self._g2p.unk = None, letter == "b", ""
        self._g2p.lexicon = en.Lexicon(letter == "b")
        self._g2p.fallback = espeak.EspeakFallback(british=letter == "b")
        self._g2p.nlp = tagger or _tag_by_rule(spacy.blank("en"))

    def __call__(self, text: str) -> list[Spoken]:
        reading = read_english(text)
        _, tokens = self._g2p(reading.spoken)
        words = [
            Spoken(token.text, (token.phonemes or "").strip(), bool(token.whitespace) or _ends_in_space(token.phonemes))
            for token in tokens
        ]
        return as_written(words, reading)


def _tag_by_rule(tokenize: Any) -> Callable[[str], Any]:
    def pipeline(text: str) -> Any:
        document = tokenize(text)
        for token, name in zip(document, tag([token.text for token in document]), strict=True):
            token.tag_ = name
        return document

    return pipeline


class _Espeak:
    """Any language by espeak-ng, a sentence at a time; English in the notation of the lexicon."""

    def __init__(self, letter: str) -> None:
        from misaki import espeak

        self._english = letter in "ab"
        if self._english:
            fallback = espeak.EspeakFallback(british=letter == "b")
            # The fallback wants one of misaki's tokens, but reads only its text.
            self._say: Callable[[str], str] = lambda text: fallback(types.SimpleNamespace(text=text))[0] or ""
        else:
            g2p = espeak.EspeakG2P(language=ESPEAK[letter])
            self._say = lambda text: g2p(text)[0]

    def __call__(self, text: str) -> list[Spoken]:
        reading = read_english(text) if self._english else Reading(text, ())
        words = [word for sentence in _SENTENCE_END.split(reading.spoken.strip()) for word in self._speak(sentence)]
        return as_written(words, reading)

    def _speak(self, sentence: str) -> list[Spoken]:
        """Give each word its phonemes; where espeak-ng joined or added words, none is told, so none is timed."""
        words, sounds = sentence.split(), self._say(sentence).split()
        if len(words) == len(sounds):
            pairs = zip(words, sounds, strict=True)
            return [Spoken(_SIGNS.sub("", word), sound, space=True) for word, sound in pairs]
        return [Spoken("", sound, space=True) for sound in sounds]


def as_written(words: Sequence[Spoken], reading: Reading) -> list[Spoken]:
    """Join the words that stand for what was written otherwise: they are one word, named as it was written."""
    found: list[Spoken] = []
    spans = iter(reading.spans)
    span = next(spans, None)
    at, inside = 0, False
    for word in words:
        start = reading.spoken.find(word.text, at) if word.text else -1
        at = start + len(word.text) if start >= 0 else at
        while span and start >= span.end:
            span, inside = next(spans, None), False
        if span and span.start <= start and at <= span.end:
            if inside:
                found[-1] = Spoken(span.written, found[-1].sound + word.phonemes, word.space)
            else:
                found.append(Spoken(span.written, word.phonemes, word.space))
            inside = True
        else:
            found.append(word)
    return found


def _ends_in_space(phonemes: str | None) -> bool:
    return (phonemes or "")[-1:].isspace()
