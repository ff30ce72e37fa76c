import contextlib

import pytest

from tts_cli.errors import MarkupError
from tts_cli.text.markup import BREAK_S, display_text, parse_markup


@pytest.mark.parametrize(
    ("tag", "seconds"),
    [
        ("[pause:500ms]", 0.5),
        ("[pause:1.5s]", 1.5),
        ("[pause:2]", 2.0),
        ("[PAUSE : .25 s]", 0.25),
        ("[break]", BREAK_S),
        ("[ Break ]", BREAK_S),
        ("[pause:0]", 0.0),
    ],
)
def test_each_form_of_a_pause_is_read(tag, seconds):
    assert parse_markup(f"One {tag} two") == [("One ", seconds), (" two", None)]


@pytest.mark.parametrize(
    "text",
    [
        "a [pause:soon] b",
        "a [pause:] b",
        "a [pause] b",
        "a [pause=1s] b",
        "a [pause 500ms] b",
        "a [pause:-1] b",
        "a [pause:1,5s] b",
        "a [pause:61] b",
        "a [pause:nan] b",
        "a [pause:1e999] b",
        "a [break:1s] b",
        "a [pause:1.5s",
        "a [pause:1 [x]",
        "[pause",
    ],
)
def test_a_broken_tag_is_an_error_with_a_hint(text):
    with pytest.raises(MarkupError) as caught:
        parse_markup(text)
    assert "[pause:500ms]" in caught.value.hint


@pytest.mark.parametrize(
    "text", ["[laughs] Hello", "[pauses to think] So", "[break into song] La", "[1] [a:b] x[0]", "]["]
)
def test_other_brackets_are_plain_text(text):
    assert parse_markup(text) == [(text, None)]
    assert display_text(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Well [pause:1s] then", "Well then"),
        ("Well [break], then[pause:2].", "Well, then."),
        ("[pause:1] Hello [pause:1] [break]", "Hello"),
        ("a [break] [break] b", "a b"),
        ("你[break]好", "你好"),
        ("one\n\n[pause:1s]\ntwo", "one\n\ntwo"),
        ("plain", "plain"),
    ],
)
def test_tags_are_not_shown(text, shown):
    assert display_text(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a [break] b", "a b"),
        ("a[break]b", "ab"),
        ("a[pause:1s] b", "a b"),
        ("a [pause:1s], b", "a, b"),
        ("[break] a [break]", "a"),
        ("a [break] [pause: 2 ] b", "a b"),
        ("a [Pause:5ms][BREAK]. b", "a. b"),
        ("a [pauses] b", "a [pauses] b"),
        ("[[break]] x", "[] x"),
        ("a\n[break]\nb", "a\nb"),
    ],
)
def test_what_is_shown_where_a_pause_was(text: str, shown: str) -> None:
    assert display_text(text) == shown


def test_a_text_of_many_pauses_and_spaces_takes_no_time() -> None:
    for text in ("hi [pause:" + " " * 100_000, "[pause:1ms] " * 20_000 + "x", " " * 100_000 + "[", "[pause: " * 20_000):
        display_text(text)
        with contextlib.suppress(MarkupError):
            parse_markup(text)
