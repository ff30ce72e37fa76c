"""Chunks of phonemes, times of words, voices and their blends, and parts of speech by rule: no package needed."""

from itertools import cycle, islice, pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tts_cli.engines.kokoro.chunks import LONGEST, Spoken, cut, phonemes_of, settle_words, time_words
from tts_cli.engines.kokoro.g2p import as_written
from tts_cli.engines.kokoro.tagger import tag
from tts_cli.engines.kokoro.voices import letter_of, parse_blend, resolve, voices, write_blend
from tts_cli.errors import UnknownNameError
from tts_cli.text.english import read_english
from tts_cli.types import Word

VOCABULARY = {letter: number for number, letter in enumerate("abcdefghijklm .,!?", start=1)}
WORDS = st.builds(
    Spoken,
    st.text("abcxyz,.", min_size=1, max_size=8),
    st.text("abcdefghijklm.,!?Ω", max_size=30),
    st.booleans(),
)


@given(st.lists(WORDS, max_size=120))
def test_chunks_hold_every_phoneme_once_in_order(words: list[Spoken]) -> None:
    chunks = cut(words)

    spoken = "".join(phonemes_of(chunk) for chunk in chunks)
    assert spoken.replace(" ", "") == phonemes_of(words).replace(" ", "")
    assert all(0 < len(phonemes_of(chunk)) <= LONGEST for chunk in chunks)


def test_a_line_of_common_length_is_one_chunk() -> None:
    assert len(cut([Spoken("word", "abcde", space=True)] * 40)) == 1


def test_chunks_are_balanced_and_end_with_sentences() -> None:
    sentence = [*[Spoken("word", "abcde", space=True)] * 15, Spoken("end", "abc.", space=True)]
    chunks = cut(sentence * 6)

    lengths = [len(phonemes_of(chunk)) for chunk in chunks]
    assert all(phonemes_of(chunk).endswith(".") for chunk in chunks)
    assert max(lengths) <= 300
    assert min(lengths) >= 150


def test_a_word_beyond_all_measure_is_divided() -> None:
    chunks = cut([Spoken("aaa", "a" * 2000, space=False)])

    assert max(len(phonemes_of(chunk)) for chunk in chunks) <= LONGEST


def test_words_lie_where_the_durations_say() -> None:
    words = [Spoken("Abe", "ab", space=True), Spoken("$", "", space=False), Spoken("cost", "cΩd", space=False)]
    durations = [2, 1, 3, 1, 4, 5, 9]  # start, a, b, space, c, d, end; Ω is unknown

    assert time_words(words, durations, VOCABULARY) == [Word("Abe", 1200, 3600), Word("cost", 4200, 9600)]


UNSPOKEN_FIRST = [Spoken("x", "", space=True), Spoken("b", "b", space=True), Spoken("c", "c", space=False)]


@given(words=st.lists(WORDS, max_size=30), pattern=st.lists(st.integers(1, 9), min_size=1, max_size=9))
@example(words=UNSPOKEN_FIRST, pattern=[1, 2, 3, 4, 5])
@example(words=[*UNSPOKEN_FIRST, Spoken("y", "", space=True)], pattern=[1, 2, 3, 4, 5])
def test_each_word_takes_the_durations_of_its_own_phonemes(words: list[Spoken], pattern: list[int]) -> None:
    known = sum(phoneme in VOCABULARY for phoneme in phonemes_of(words))
    durations = list(islice(cycle(pattern), known + 2))

    assert time_words(words, durations, VOCABULARY) == walk(words, durations)


def walk(words: list[Spoken], durations: list[int]) -> list[Word]:
    """Time words the long way: phoneme by phoneme, each with the number of its word. Spaces and marks have no time."""
    units = [(number, phoneme) for number, word in enumerate(words) for phoneme in word.phonemes + " " * word.space]
    while units and units[0][1] == " ":
        units.pop(0)
    while units and units[-1][1] == " ":
        units.pop()
    spans: dict[int, tuple[int, int]] = {}
    now, left = durations[0], durations[1:]
    for number, phoneme in units:
        if phoneme not in VOCABULARY:
            continue
        start, now = now, now + left.pop(0)
        if phoneme != " ":
            spans[number] = spans.get(number, (start, now))[0], now
    assert len(left) == 1
    timed = ((words[number].text, span) for number, span in spans.items())
    return [Word(text, 600 * start, 600 * end) for text, (start, end) in timed if text.strip(",.")]


# --- voices ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("af_bella", "af_bella"),
        ("af_bella+am_adam", "af_bella(0.500000)+am_adam(0.500000)"),
        ("am_adam, af_bella", "af_bella(0.500000)+am_adam(0.500000)"),
        ("af_bella(2) + am_adam", "af_bella(0.666667)+am_adam(0.333333)"),
        ("af_bella(2)-af_sky", "af_bella(0.666667)-af_sky(0.333333)"),
        ("af_bella+af_bella", "af_bella"),
    ],
)
def test_a_blend_has_one_form(text: str, name: str) -> None:
    assert resolve(text, "en") == name
    assert write_blend(parse_blend(name)) == name


@pytest.mark.parametrize("text", ["af_bela", "af_bella+", "af_bella(x)", "af_bella am_adam", "af_bella-af_bella", "+"])
def test_what_is_no_blend_is_refused(text: str) -> None:
    with pytest.raises(UnknownNameError):
        resolve(text, "en")


def test_every_language_has_a_voice_of_its_own() -> None:
    for voice in voices():
        assert resolve("", voice.language)[0] == voice.name[0]


@pytest.mark.parametrize(
    ("language", "voice", "letter"),
    [("en", "af_bella", "a"), ("en", "bf_emma", "b"), ("en-US", "bf_emma", "a"), ("pt", "", "p"), ("fr-ca", "", "f")],
)
def test_the_language_of_a_line(language: str, voice: str, letter: str) -> None:
    assert letter_of(language, voice) == letter


def test_a_language_that_it_does_not_speak() -> None:
    with pytest.raises(UnknownNameError, match="unknown language 'de'"):
        resolve("", "de")


# --- parts of speech ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "word", "expected"),
    [
        ("I want to record it", "record", "VB"),
        ("the record is old", "record", "NN"),
        ("I have read it", "read", "VBN"),
        ("I read it yesterday", "read", "VBD"),
        ("they really live here", "live", "VBP"),
        ("it cost $ 12.50", "12.50", "CD"),
        ("it cost $ 12.50", "$", "$"),
        ("well , then", ",", ","),
        ("he met Anna", "Anna", "NNP"),
        ('" go " he said', '"', "``"),
        ("it moves slowly", "slowly", "RB"),
    ],
)
def test_tags(text: str, word: str, expected: str) -> None:
    tokens = text.split()

    assert tag(tokens)[tokens.index(word)] == expected


@given(st.lists(st.text(min_size=1, max_size=6), max_size=20))
def test_every_token_gets_a_tag(tokens: list[str]) -> None:
    assert len(tag(tokens)) == len(tokens)
    assert all(tag(tokens))


def test_words_start_where_they_are_heard_and_end_with_their_sound() -> None:
    samples = np.zeros(48_000, np.float32)
    samples[2_400:9_600] = samples[19_200:31_200] = 0.5
    samples[36_000:] = 0.001  # a breath
    predicted = [Word("one", 3_600, 6_000), Word("two", 6_000, 20_400), Word("three", 20_400, 48_000)]

    settled = settle_words(predicted, samples)

    # "one" runs into "two"; silence follows "two" and "three", and is not theirs.
    assert settled == [Word("one", 2_400, 4_800), Word("two", 4_800, 9_600), Word("three", 19_200, 31_200)]


@given(
    st.lists(st.integers(0, 4_000), min_size=2, max_size=12),
    st.lists(st.floats(-1, 1, width=32), min_size=0, max_size=40),
)
def test_settled_words_stay_in_order_and_inside(gaps: list[int], levels: list[float]) -> None:
    edges = np.cumsum(gaps).tolist()
    samples = np.repeat(np.array(levels, np.float32), 600)
    words = [Word(str(at), start, end) for at, (start, end) in enumerate(pairwise(edges)) if end > start]
    words = [word for word in words if word.end <= len(samples) + 1200]

    settled = settle_words(words, samples)

    times = [time for word in settled for time in (word.start, word.end)]
    assert times == sorted(times)
    assert all(0 <= time <= len(samples) for time in times)


def test_signs_are_words_and_stars_are_not() -> None:
    assert tag(["50", "%", "&", "+", "@", "°", "*", "stars", "*"]) == [
        "CD",
        "NN",
        "CC",
        "SYM",
        "IN",
        "NN",
        "NFP",
        "NNS",
        "NFP",
    ]


def test_a_word_is_named_as_it_was_written() -> None:
    reading = read_english("At 10:30 on Baker St. near 5 kg")
    said = reading.spoken.replace(".", " .").split()
    words = [Spoken(word, word.upper(), space=True) for word in said]

    assert [(word.text, word.phonemes) for word in as_written(words, reading)] == [
        *(("At", "AT"), ("10:30", "10 30"), ("on", "ON"), ("Baker", "BAKER")),
        *(("St.", "STREET"), ("near", "NEAR"), ("5", "5"), ("kg", "KILOGRAMS")),
    ]


def test_words_without_a_name_pass_through() -> None:
    words = [Spoken("", sound, space=True) for sound in ("a", "b", "c")]
    assert as_written(words, read_english("etc. to me")) == words
