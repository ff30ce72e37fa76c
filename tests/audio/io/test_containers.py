"""Language codes for containers."""

import pytest

from tts_cli.audio.io.containers import three_letters


@pytest.mark.parametrize(
    ("language", "code", "older"),
    [
        ("de", "deu", "ger"),
        ("pt-BR", "por", "por"),
        ("zh_Hant", "zho", "chi"),
        ("EN", "eng", "eng"),
        ("yue", "yue", "yue"),
        ("deu", "deu", "ger"),
        ("", "und", "und"),
        ("x1", "und", "und"),
        ("klingon", "und", "und"),
    ],
)
def test_codes_of_three_letters(language, code, older):
    assert three_letters(language) == code
    assert three_letters(language, older=True) == older
