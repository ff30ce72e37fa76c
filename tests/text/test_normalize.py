import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_cli.text.normalize import is_speakable, normalize


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("  two   spaces\tand\nlines ", "two spaces and lines"),
        ("cafe\u0301", "café"),
        ("be\u200bfore\u00ad hand\ufeff", "before hand"),
        ("nul\0 and bell\x07", "nul and bell"),
        ("non\u00a0breaking\u202fspace", "non breaking space"),
        ("“Don’t,” she said…", '"Don\'t," she said...'),
        ("« Bonjour. » Puis", '"Bonjour." Puis'),
        ("sagte »Hallo« zu", 'sagte "Hallo" zu'),
        ("ﬁne ﬂour ﬀ", "fine flour ff"),
        ("ＡＢＣ１２３！", "ABC123！"),
        ("wait .. what ..... so", "wait ... what ... so"),
        ("co\u2011operate", "co-operate"),
        ("\u202eright\u202c", "right"),
    ],
)
def test_text_gets_the_form_engines_are_safe_with(text, spoken):
    assert normalize(text) == spoken


def test_what_hindi_and_persian_need_stays():
    assert normalize("क्\u200dष می\u200cخواهم") == "क्\u200dष می\u200cخواهم"


@given(st.text(st.characters(codec=None), max_size=60))
def test_normalizing_twice_changes_nothing(text):
    once = normalize(text)
    assert normalize(once) == once
    assert not any(unicodedata.category(char) in ("Cc", "Cs") for char in once)
    assert once == once.strip()


@given(st.text(max_size=60))
def test_normalizing_neither_makes_nor_takes_speech(text):
    assert is_speakable(normalize(text)) == is_speakable(text)


@pytest.mark.parametrize("text", ["", " ", "...", "—", "?!", "“”", "_", "* * *", "🙂", "\0", "。"])
def test_punctuation_is_not_speech(text):
    assert not is_speakable(text)


@pytest.mark.parametrize("text", ["a", "7", "你", "न", "ถ", "؟ه"])
def test_a_letter_of_any_script_is_speech(text):
    assert is_speakable(text)
