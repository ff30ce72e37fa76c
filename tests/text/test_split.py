import time
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tts_cli.text.normalize import normalize
from tts_cli.text.split import FRAGMENT_CHARS, split_text
from tts_cli.types import Boundary

SCRIPTS = st.one_of(
    st.text(max_size=600),
    st.text("ab .,;:!?—…\"'()-1", max_size=600),
    st.text("日本語。！、「」 ", max_size=400),
    st.text("สวัสดีเแำ๑ะ ", max_size=400),
    st.text("क्षि्।\u200d न", max_size=400),
    st.text("👩\u200d🚀🇩🇪🏽e\u0301", max_size=200),
)


def pieces_of(text, target=200, limit=300):
    return [piece for piece, _ in split_text(text, target, limit)]


def without_spaces(text):
    return "".join(text.split())


@given(SCRIPTS, st.integers(1, 120), st.integers(0, 80))
@example("x" * 40, 1, 0)
@example("e" + "\u0301" * 300, 50, 20)
def test_nothing_is_lost_and_nothing_is_too_long(text, target, more):
    text = normalize(text)
    pieces = pieces_of(text, target, target + more)
    assert without_spaces("".join(pieces)) == without_spaces(text)
    assert all(0 < len(piece) <= target + more for piece in pieces)
    assert all(piece == piece.strip() for piece in pieces)


@given(SCRIPTS)
def test_no_fragment_is_left_alone(text):
    pieces = pieces_of(normalize(text), 60, 90)
    if len(pieces) > 1:
        assert min(map(len, pieces)) >= FRAGMENT_CHARS - 1


@given(st.text("éक्षि\u200d👩🚀🏽한ก็", min_size=90, max_size=300))
def test_no_grapheme_is_torn(text):
    # clusters longer than the search back cannot be kept whole
    text = "".join(char for n, char in enumerate(text) if n % 6 == 0 or unicodedata.category(char)[0] != "M")
    pieces = pieces_of(text.replace("\u200d", ""), 40, 80)
    assert all(unicodedata.category(piece[0])[0] != "M" for piece in pieces[1:])


def boundaries_of(text, target=60, limit=90):
    return [(piece, boundary) for piece, boundary in split_text(text, target, limit)][:-1]


def test_the_last_piece_ends_a_paragraph():
    assert split_text("Short.", 200, 300) == (("Short.", Boundary.PARAGRAPH),)
    assert split_text("", 200, 300) == ()
    assert split_text("One sentence is here. " * 20, 200, 300)[-1][1] is Boundary.PARAGRAPH


def test_a_text_within_the_limit_is_not_cut_inside_a_sentence():
    text = "word, " * 40 + "end"
    assert pieces_of(text) == [text]


@pytest.mark.parametrize(
    ("text", "first", "boundary"),
    [
        (
            "The first sentence is this one. " + "And the second goes on and on, as it must. " * 2,
            "this one.",
            Boundary.SENTENCE,
        ),
        (
            "He was told by Dr. Watson and Mr. J. R. Hall. " + "Then nothing happened for a year. " * 2,
            "Hall.",
            Boundary.SENTENCE,
        ),
        (
            "It weighs 3.5 kilograms and costs $4.20 here! " + "Nobody wants to buy the thing. " * 2,
            "here!",
            Boundary.SENTENCE,
        ),
        (
            "Am 3. Mai kam Frau Prof. Meier z.B. nach Ulm. " + "Danach war es wieder sehr still. " * 2,
            "Ulm.",
            Boundary.SENTENCE,
        ),
        (
            '"I shall go at once," and "Not without me." ' + "They looked at each other a while. " * 2,
            'me."',
            Boundary.SENTENCE,
        ),
        (
            "«Ven aquí», dijo. ¿Vienes conmigo ahora? ¡Claro " + "que voy contigo, mi querido amigo! " * 2,
            "ahora?",
            Boundary.SENTENCE,
        ),
        (
            "She waited... but he went on about the old times; " + "and about many other things he knew " * 2,
            "times;",
            Boundary.PHRASE,
        ),
        (
            "no full stop here just a river of words, and so it " + "flows and flows without any stop " * 2,
            "words,",
            Boundary.COMMA,
        ),
        (
            "the quick brown fox jumps over the lazy dog and then " + "over it again and again and again " * 2,
            "over it",
            Boundary.COMMA,
        ),
        (
            "the water-rat was busy all the day — the mole had no " + "idea of what he was about to do " * 2,
            "day —",
            Boundary.PHRASE,
        ),
    ],
)
def test_the_strongest_boundary_wins(text, first, boundary):
    piece, found = split_text(text.strip(), 60, 90)[0]
    assert piece.endswith(first)
    assert found is boundary


@pytest.mark.parametrize(
    ("sentence", "count"),
    [
        ("北京是中华人民共和国的首都，也是全国的政治中心、文化中心！", 12),
        ("吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。", 12),
        ("यह पहला वाक्य है, जो थोड़ा लंबा है। ", 12),
        ("هل تعرف الطريق إلى المدينة القديمة؟ ", 12),
    ],
)
def test_sentences_of_other_scripts_stay_whole(sentence, count):
    text = (sentence * count).strip()
    pieces = pieces_of(text)
    assert len(pieces) > 1
    assert all(piece.endswith(sentence.strip()[-1]) for piece in pieces)


def test_a_script_without_spaces_is_cut_at_graphemes():
    pieces = pieces_of("เด็กน้ำกิน" * 60)
    assert len(pieces) == 3
    assert all(unicodedata.category(piece[0])[0] != "M" and piece[0] != "ำ" for piece in pieces)
    assert all(piece[-1] not in "เแโใไ" for piece in pieces)


def test_flags_and_families_are_not_torn():
    assert all(len(piece) % 2 == 0 for piece in pieces_of("🇩🇪" * 40, 33, 50))
    assert {piece.replace("👩\u200d🚀", "") for piece in pieces_of("👩\u200d🚀" * 40, 40, 50)} == {""}


@pytest.mark.parametrize("text", ["x" * 200_000, "x. " * 60_000, "a, b; c! " * 20_000, "—" * 200_000])
def test_long_texts_take_linear_time(text):
    begun = time.perf_counter()
    pieces = pieces_of(normalize(text))
    assert time.perf_counter() - begun < 5
    assert all(len(piece) <= 300 for piece in pieces)
