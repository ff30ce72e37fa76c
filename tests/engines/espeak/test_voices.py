"""Voice names and language codes, as people write them, become one canonical name or a helpful refusal."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_cli.engines.espeak.voices import find, resolve, voices
from tts_cli.errors import UnknownNameError


@pytest.mark.parametrize(
    ("language", "name"),
    [
        ("en", "en-us"),
        ("en-GB", "en-gb"),
        ("en_gb", "en-gb"),
        ("en-AU", "en-gb"),
        ("en-CA", "en-us"),
        ("zh", "cmn"),
        ("zh-CN", "cmn"),
        ("zh-Hant-TW", "cmn"),
        ("zh-HK", "yue"),
        ("zh-Hant-HK", "yue"),
        ("yue", "yue"),
        ("pt", "pt"),
        ("pt-PT", "pt"),
        ("pt_BR", "pt-br"),
        ("de-AT", "de"),
        ("fr-FR", "fr"),
        ("fr-CA", "fr"),
        ("es", "es"),
        ("es-MX", "es-419"),
        ("ja-JP", "ja"),
        ("hi", "hi"),
        ("it", "it"),
        ("no", "nb"),
        ("nn-NO", "nb"),
        ("iw", "he"),
        ("sr-Latn-RS", "sr"),
        ("hy", "hy"),
    ],
)
def test_a_language_has_its_voice(language, name):
    assert resolve("", language) == name


@pytest.mark.parametrize(
    ("voice", "name"),
    [
        ("f3", "de+f3"),
        ("+f3", "de+f3"),
        (" +F3 ", "de+f3"),
        ("Mr serious", "de+Mr serious"),
        ("alex", "de+Alex"),
        ("en-us", "en-us"),
        ("en", "en-us"),
        ("EN_US+F3", "en-us+f3"),
        ("en-us+whisper", "en-us+whisper"),
        ("zh+f2", "cmn+f2"),
    ],
)
def test_a_variant_joins_the_language_and_a_full_name_wins_over_it(voice, name):
    assert resolve(voice, "de-DE") == name


@pytest.mark.parametrize(
    ("voice", "hint"),
    [
        ("en-us+whispr", "did you mean 'en-us+whisper'?"),
        ("+whispr", "did you mean '+whisper'?"),
        ("whispr", "did you mean 'whisper'?"),
        ("en-uss+f3", "did you mean 'en-us+f3'?"),
        ("en-xx", "did you mean"),
        ("en-us+", "did you mean"),
        ("+", "known: +Alex"),
        ("en-us+f3+f4", "did you mean"),
        ("../../etc/passwd", "known:"),
        ("en-us+../f3", "did you mean"),
    ],
)
def test_an_unknown_voice_is_refused_with_a_hint(voice, hint):
    with pytest.raises(UnknownNameError, match=re.escape(f"unknown voice {voice!r}")) as caught:
        resolve(voice, "en")
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("language", "hint"),
    [
        ("en-usa", "did you mean 'en-us'?"),
        ("german", "did you mean 'de'?"),
        ("English", "did you mean 'en'?"),
        ("tlh-!", "known:"),
        ("", "known: af"),
        ("en us", "did you mean 'en-us'?"),
    ],
)
def test_an_unknown_language_is_refused_with_a_hint(language, hint):
    with pytest.raises(UnknownNameError, match="unknown language") as caught:
        resolve("", language)
    assert hint in caught.value.hint


def test_every_listed_voice_resolves_to_itself():
    listed = voices()
    spoken = [voice for voice in listed if voice.language]
    joined = [voice for voice in listed if not voice.language]
    assert len(spoken) > 120
    assert len(joined) > 80
    for voice in spoken:
        assert resolve("", voice.language) == resolve(voice.name, "en") == voice.name
    for voice in joined:
        assert resolve(voice.name, "en") == f"en-us{voice.name}"


def test_no_variant_is_hidden_by_a_language_of_the_same_name():
    listed = voices()
    tags = {voice.name for voice in listed if voice.language}
    assert not tags & {voice.name.removeprefix("+").lower() for voice in listed if not voice.language}


def test_a_variant_decides_the_pitch_of_the_voice():
    assert find("", "en").pitch == (82, 118)
    assert find("", "vi").pitch == (95, 175)
    assert find("f3", "vi").pitch == (140, 240)


@given(voice=st.text(max_size=12), language=st.text(max_size=12))
def test_any_text_is_a_name_or_a_refusal(voice, language):
    try:
        name = resolve(voice, language)
    except UnknownNameError:
        return
    assert resolve(name, "en") == name
