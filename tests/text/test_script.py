import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_cli.errors import MarkupError
from tts_cli.text.script import Part, Parts, check_text, make_parts
from tts_cli.types import Boundary


def test_a_short_line_is_one_part():
    assert make_parts(" Hello,  world! ", 200, 300) == Parts(0.0, (Part("Hello, world!", Boundary.PARAGRAPH),))


def test_pauses_lie_between_parts():
    parts = make_parts("[pause:300ms] One. [pause:1s] Two. [break][pause:400ms]", 200, 300)
    assert parts.lead_s == pytest.approx(0.3)
    assert [(part.text, part.pause_s) for part in parts.parts] == [("One.", 1.0), ("Two.", 1.0)]


def test_a_pause_tag_is_not_spoken():
    spoken = " ".join(part.text for part in make_parts("Well [break] then [pause:2] now", 200, 300).parts)
    assert spoken == "Well then now"


def test_a_blank_line_ends_a_paragraph():
    parts = make_parts("One.\n  \nTwo\nlines.\n\n* * *\n\n", 200, 300).parts
    assert [(part.text, part.boundary) for part in parts] == [
        ("One.", Boundary.PARAGRAPH),
        ("Two lines.", Boundary.PARAGRAPH),
    ]


def test_the_last_part_ends_a_paragraph_even_where_its_neighbour_was_silent():
    text = "This one sentence is spoken, and that is all. " * 5 + "—" * 120
    parts = make_parts(text, 200, 300).parts
    assert parts[-1].boundary is Boundary.PARAGRAPH


@pytest.mark.parametrize("text", ["", "  \n ", "...", "[break]", "[pause:1s] —", "\0", "🙂"])
def test_nothing_to_speak_is_an_error(text):
    with pytest.raises(MarkupError, match="nothing to speak"):
        make_parts(text, 200, 300)
    with pytest.raises(MarkupError, match="nothing to speak"):
        check_text(text)


@given(st.text("ab1. \n[]:—pause:breaks\0é\u0301", max_size=80))
def test_the_check_foretells_what_cutting_does(text):
    def outcome(function):
        try:
            function()
        except MarkupError as error:
            return error.message
        return ""

    assert outcome(lambda: check_text(text)) == outcome(lambda: make_parts(text, 20, 30))


@given(st.text(max_size=200), st.text(max_size=200))
def test_no_word_is_lost_around_a_tag(before, after):
    text = f"{before} start [pause:1s] end {after}".replace("[", "(").replace("(pause:1s]", "[pause:1s]")
    words = "".join(part.text for part in make_parts(text, 40, 60).parts)
    assert "start" in words
    assert "end" in words
