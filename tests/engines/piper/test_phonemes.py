"""Texts to the symbols of Piper's voices, by the embedded espeak-ng."""

from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tts_cli.engines.espeak.library import Library
from tts_cli.engines.espeak.voices import find
from tts_cli.engines.piper.phonemes import Sentence, SpokenWord, clean, edges, encode, phonemize, spell

TABLE = {"^": (1,), "_": (0,), "$": (2,), " ": (3,), ",": (8,), "a": (14,), "b": (15, 16)}


@pytest.fixture(scope="module")
def library() -> Iterator[Library]:
    found = Library()
    yield found
    found.close()


def read(library: Library, text: str, language: str = "en-us") -> list[str]:
    return ["".join(sentence.symbols) for sentence in phonemize(library, clean(text), find(language, ""))]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One line.", ["wˈʌn lˈaɪn."]),
        ("Yes! No? Well.", ["jˈɛs!", "nˈoʊ?", "wˈɛl."]),
        ("Yes, no; well: so", ["jˈɛs, nˈoʊ; wˈɛl: sˈoʊ"]),
        ("Really?! Yes.", ["ɹˈiəli?", "jˈɛs."]),  # the first of several marks
        ("Well — no.", ["wˈɛl; nˈoʊ."]),
        ("Wait... what?", ["wˈeɪt wˌʌt?"]),
        ("Wait… what?", ["wˈeɪt wˌʌt?"]),
        ("Mr. Smith left.", ["mˈɪstɚ smˈɪθ lˈɛft."]),
        ('"Yes." No.', ["jˈɛs.", "nˈoʊ."]),
        ("5\u00a0kg\u202fnow", ["fˈaɪv kˌeɪdʒˈiː nˈaʊ"]),
        ("Say [[həlˈoʊ wˈɜːld]] now.", ["sˈeɪ həlˈoʊ wˈɜːld nˈaʊ."]),
        ("[[a]]", ["a"]),
        ("...", []),
        ("", []),
        (" \n ", []),
    ],
)
def test_a_text_becomes_the_sentences_that_voices_know(library: Library, text: str, sentences: list[str]) -> None:
    assert read(library, text) == sentences


def test_other_languages_have_their_own_sounds_and_no_language_flags(library: Library) -> None:
    assert read(library, "Das ist das Computer-Team.", "de") == ["das ɪst das kɔmpjˈuːtɜtˈiːm."]
    # NFD: the nasal vowel is two symbols.
    assert read(library, "un bon vin", "fr") == ["œ\u0303 bˈɔ\u0303 vˈɛ\u0303"]
    [spoken] = read(library, "Le week-end, c'est cool.", "fr")
    assert "(" not in spoken


def test_a_clause_that_espeak_cuts_for_its_length_ends_no_sentence_and_joins_no_words(library: Library) -> None:
    [spoken] = read(library, "wordy " * 400 + "end.")
    assert spoken.count("wˈɜːdi") == 400
    assert spoken.count(" ") == 400


def test_words_know_where_they_were_written(library: Library) -> None:
    text = "In the end, Mr. Smith paid 1987 dollars. So [[həlˈoʊ]] they stay."
    sentences = phonemize(library, text, find("en-us", ""))
    found = [[text[word.place :].split(maxsplit=1)[0] for word in sentence.words] for sentence in sentences]
    assert found[0][:3] == ["In", "end,", "Mr."]
    assert found[1] == ["So", "[[həlˈoʊ]]", "they", "stay."]
    places = [word.place for sentence in sentences for word in sentence.words]
    assert places == sorted(places)


@given(st.text(alphabet="ab .,!?;:-—…\"'()12[]\n", max_size=40))
@example("a]] [[b")
@example("[[]] a")
def test_whatever_is_written_spaces_part_words_and_never_double(library: Library, text: str) -> None:
    cleaned = clean(text)
    for sentence in phonemize(library, cleaned, find("en-us", "")):
        symbols = "".join(sentence.symbols)
        assert "  " not in symbols
        assert not symbols.startswith(" ")
        for word in sentence.words:
            assert 0 <= word.first < word.end <= len(symbols)
            assert word.first == 0 or symbols[word.first - 1] == " "
            assert " " not in symbols[word.first : word.end]
            assert word.place < len(cleaned)


def test_ids_have_a_pad_after_each_symbol_and_unknown_ones_are_told() -> None:
    sentence = Sentence(symbols=list("ab ʃa"), words=[SpokenWord(0, 0, 2), SpokenWord(3, 3, 5)])
    encoded = encode(sentence, TABLE)
    assert encoded.ids == [1, 0, 14, 0, 15, 16, 0, 3, 0, 14, 0, 2]
    assert encoded.spans == [(2, 4), (4, 7), (7, 9), (9, 9), (9, 11)]
    assert encoded.unknown == {"ʃ"}


def test_a_word_begins_with_the_space_before_it_and_after_a_pause_with_its_first_sound() -> None:
    sentence = Sentence(symbols=list("a a, a"), words=[SpokenWord(0, 0, 1), SpokenWord(2, 2, 3), SpokenWord(5, 5, 6)])
    encoded = encode(sentence, TABLE)
    #           ^  _  a  _  sp _  a  _  ,  _  sp _  a  _  $
    assert encoded.ids == [1, 0, 14, 0, 3, 0, 14, 0, 8, 0, 3, 0, 14, 0, 2]
    starts = [100 * number for number in range(16)]
    assert list(edges(sentence, encoded, starts)) == [(0, 200, 400), (2, 400, 800), (5, 1200, 1400)]


def test_characters_are_symbols_where_a_voice_was_trained_on_them() -> None:
    [sentence] = spell(clean("Für  mich"))
    assert "".join(sentence.symbols) == "Fu\u0308r mich"
    assert sentence.words == [SpokenWord(0, 0, 4), SpokenWord(5, 5, 9)]
    assert spell(" ") == []
