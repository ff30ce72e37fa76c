"""SSML, HTML, Markdown and emoji in a line: obeyed or left out, and nothing else is lost."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_cli.errors import MarkupError
from tts_cli.text.foreign_markup import left_out, to_shown, to_spoken
from tts_cli.text.markup import display_text
from tts_cli.text.script import make_parts

TAGS = re.compile("</?[ab]")


@pytest.mark.parametrize(
    ("text", "spoken", "shown"),
    [
        ("<b>Oh</b>, <i class='x'>no</i>!<br/>So.", "Oh, no!\nSo.", "Oh, no!\nSo."),
        ("You *should not* **panic**", "You should not panic", "You should not panic"),
        ("**a *b* c**, *a **b** c* and _so_", "a b c, a b c and so", "a b c, a b c and so"),
        ("Run `make`.", "Run make.", "Run make."),
        ("Act Ⅳ", "Act IV", "Act Ⅳ"),
        ("Hi 😀 there 🎉!", "Hi there!", "Hi 😀 there 🎉!"),
        ("We 👨‍👩‍👧 ❤️ it 👍🏽.", "We it.", "We 👨‍👩‍👧 ❤️ it 👍🏽."),
        ("<sub alias='World Wide Web'>WWW</sub> &amp; so", "World Wide Web & so", "WWW & so"),
        ("<speak><p>One.</p><p>Two.</p></speak>", "One.\n\n\nTwo.", "One.\n\n\nTwo."),
    ],
)
def test_what_is_spoken_and_what_is_shown(text, spoken, shown):
    assert to_spoken(text) == spoken
    assert to_shown(text) == shown
    assert display_text(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "I <3 you",
        "2 * 3 * 4 = 24",
        "a*b*c",
        "snake_case_name",
        "5* hotel",
        "★ ✓ © ™",
        "<Mole> nods",
        "AT&amp;T",
        "____",
    ],
)
def test_what_only_looks_like_a_mark_stays(text):
    assert to_spoken(text) == text
    assert to_shown(text) == text


def test_breaks_are_pauses():
    text = "<speak>One <break time='2s'/> two <break/> three <break strength='strong'></break> four</speak>"
    parts = make_parts(text, 200, 300).parts
    assert [(part.text, part.pause_s) for part in parts] == [
        ("One", 2.0),
        ("two", 0.6),
        ("three", 1.0),
        ("four", None),
    ]
    with pytest.raises(MarkupError, match="has no length"):
        make_parts("One <break time='soon'/> two", 200, 300)


def test_what_is_left_out_is_named():
    assert left_out(
        "<speak>a <prosody rate='slow'>b</prosody> <mstts:express-as x='y'>c</mstts:express-as></speak>"
    ) == [
        "prosody",
        "mstts:express-as",
    ]
    assert not left_out("<speak>a <break/> <sub alias='x'>b</sub> <em>c</em></speak>")


@given(st.text(alphabet="ab <>/*_`;\n😀", max_size=60).filter(lambda text: not TAGS.search(text)))
def test_no_letter_is_lost_outside_of_tags(text):
    assert [letter for letter in to_spoken(text) if letter in "ab;"] == [letter for letter in text if letter in "ab;"]


@pytest.mark.parametrize("unit", ["<", "<p ", "<sub alias='", "*a ", "_a ", "`a", "😀 ", " ,", "* ", "<b>", " "])
def test_time_is_linear(unit):
    text = (unit * 100_000)[:100_000]
    started = time.process_time()
    for work in (to_spoken, to_shown, left_out):
        work(text)
    assert time.process_time() - started < 3


SCRIPT = """\
defaults: {engine: tone}
lines:
  - {id: plain, text: Hello there friend}
  - {id: ssml, text: '<speak>Hello <break time="2s"/> there <prosody rate="slow">friend</prosody></speak>'}
  - {id: emoji, text: Hello 😀 there friend 🎉}
  - {id: stars, text: 'Hello *there friend*'}
"""


def test_markup_is_neither_read_aloud_nor_shown(cli, tmp_path):
    (tmp_path / "m.yaml").write_text(SCRIPT)
    result = cli("render", "m.yaml", "--lines", "-o", "out", "--json")
    seconds = {out["path"]: out["seconds"] for out in result.json["outputs"] if out["kind"] == "lines"}
    plain = seconds["lines/plain.wav"]
    assert seconds["lines/emoji.wav"] == seconds["lines/stars.wav"] == plain
    assert seconds["lines/ssml.wav"] == pytest.approx(plain + 2, abs=0.5)
    assert "m.yaml:4:22: warning: <prosody>: left out" in cli("check", "m.yaml").err
