import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_cli.formats.values import (
    TEMPLATE_FIELD,
    BadValueError,
    parse_file,
    parse_fraction,
    parse_gain_db,
    parse_id,
    parse_language,
    parse_level,
    parse_name,
    parse_number,
    parse_pitch,
    parse_speed,
    parse_switch,
    parse_tags,
    parse_time,
    whole,
    within,
)

PARSERS = [
    parse_time, parse_speed, parse_pitch, parse_level, parse_gain_db, parse_fraction, parse_number, whole(0, 10),
    parse_switch, parse_name, parse_language, parse_tags, parse_id, parse_file,
]  # fmt: skip


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("500ms", 0.5),
        ("1.5s", 1.5),
        ("2", 2.0),
        ("2 sec", 2.0),
        (" .5 ", 0.5),
        ("1,5s", 1.5),
        ("00:01:02,500", 62.5),
        ("1:02.5", 62.5),
        ("01:00:00.000", 3600.0),
        ("0", 0.0),
    ],
)
def test_times(written, seconds):
    assert parse_time(written) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("written", "factor"), [("1.1", 1.1), ("110%", 1.1), ("+10%", 1.1), ("-10%", 0.9), ("1,25", 1.25)]
)
def test_speeds_and_pitches_are_factors(written, factor):
    assert parse_speed(written) == pytest.approx(factor)
    assert parse_pitch(written) == pytest.approx(factor)


@pytest.mark.parametrize(("written", "factor"), [("+12st", 2.0), ("-12 st", 0.5), ("+1 semitone", 2 ** (1 / 12))])
def test_pitch_takes_semitones_and_speed_does_not(written, factor):
    assert parse_pitch(written) == pytest.approx(factor)
    with pytest.raises(BadValueError):
        parse_speed(written)


@pytest.mark.parametrize(
    ("written", "db"), [("-3dB", -3.0), ("+2 db", 2.0), ("0dB", 0.0), ("1.0", 0.0), ("50%", -6.0206), ("+10%", 0.8279)]
)
def test_volumes_become_decibels(written, db):
    assert parse_level(written) == pytest.approx(db, abs=1e-4)


@pytest.mark.parametrize(("written", "db"), [("-3", -3.0), ("2.5dB", 2.5)])
def test_gains_are_decibels_with_or_without_the_unit(written, db):
    assert parse_gain_db(written) == db


@pytest.mark.parametrize("written", ["true", "Yes", "1", "x", "X", "on"])
def test_yes(written):
    assert parse_switch(written) is True


@pytest.mark.parametrize("written", ["false", "No", "0", "off"])
def test_no(written):
    assert parse_switch(written) is False


@pytest.mark.parametrize(("written", "number"), [("0.5", 0.5), ("50%", 0.5), ("1", 1.0), ("0", 0.0)])
def test_fractions(written, number):
    assert parse_fraction(written) == number


@pytest.mark.parametrize(
    ("parse", "written"),
    [
        *(
            (parse_time, text)
            for text in ("", "soon", "-1", "nan", "inf", "1e5", "1:2:3:4", "9" * 30, "999999999", "1.2.3")
        ),
        *((parse_speed, text) for text in ("", "nan", "inf", "0", "-1", "5", "10%", "fast", "1.1x", "+1.1")),
        *((parse_pitch, text) for text in ("+99st", "nan", "0")),
        *((parse_level, text) for text in ("-3", "0", "nandB", "loud", "-200%")),
        *((parse_fraction, text) for text in ("1.1", "-0.1", "101%", "half", "nan")),
        *((parse_switch, text) for text in ("", "maybe", "2")),
        *((parse_language, text) for text in ("", "english", "e", "en_", "de--AT", "de/AT", "x" * 99)),
        *((parse_number, text) for text in ("", "nan", "Infinity", "1e3", "٣", "0x10")),
        *((whole(1, 9999), text) for text in ("0", "1.0", "10000", "9" * 5000, "one")),
        (within(parse_number, 0, 1), "2"),
        (parse_name, "a\nb"),
        (parse_name, "x" * 201),
    ],
)
def test_nonsense_is_refused(parse, written):
    with pytest.raises(BadValueError):
        parse(written)


@pytest.mark.parametrize("parse", PARSERS)
@pytest.mark.parametrize("value", [[["a"]], {"a": "b"}, [{}]])
def test_structures_are_refused(parse, value):
    with pytest.raises(BadValueError):
        parse(value)


@given(
    st.sampled_from(PARSERS),
    st.text(max_size=40) | st.from_regex(r"[-+]?[0-9.,:%]{1,12}(ms|s|dB|st|%)?", fullmatch=True),
)
def test_any_text_is_either_finite_or_refused(parse, text):
    try:
        value = parse(text)
    except BadValueError:
        return
    assert not isinstance(value, float) or math.isfinite(value)


def test_tags_come_as_a_list_or_in_one_cell():
    assert parse_tags(["a", "b"]) == parse_tags("a, b,,a") == parse_tags("a;b") == ("a", "b")


# --- names of files -------------------------------------------------------------------------------------


@pytest.mark.parametrize("written", ["L001", "sc1.l-2_b", "Zeile 7", "सुप्रभात", "你好-1", "_x"])
def test_an_id_has_letters_of_any_script(written):
    assert parse_id(written) == written


def test_an_id_has_one_form_only():
    assert parse_id("cafe\u0301") == "café"


HOSTILE = [
    *("", ".", "..", "/etc/passwd", "a/../b", "../x", "C:/x", "C:\\x", "\\\\host\\x", "a\0b", "-rf", "CON", "nul.wav"),
    *("com1", "Lpt9.txt", "a/AUX/b", "x.", "x/ y", "a//b", "a\nb", "a:b", "a*b", "x" * 300, "é" * 150),
]


@pytest.mark.parametrize("written", [*HOSTILE, "a/b", "a\\b", "\u202ea", "🙂", "~", "${x}"])
def test_an_id_cannot_lead_astray(written):
    with pytest.raises(BadValueError):
        parse_id(written)


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ("a.wav", "a.wav"),
        ("en/mole/{id}.wav", "en/mole/{id}.wav"),
        ("VO\\mole\\1.wav", "VO/mole/1.wav"),
        ("{speaker}-{emotion}/x", "{speaker}-{emotion}/x"),
    ],
)
def test_a_file_is_a_relative_path_with_fields(written, path):
    assert parse_file(written) == path


@pytest.mark.parametrize(
    "written",
    [
        *HOSTILE,
        "{id",
        "id}",
        "{id.__class__}",
        "{id!r}",
        "{0}",
        "{}",
        "{{id}}",
        "a/" * 300 + "b",
    ],
)
def test_a_file_cannot_lead_astray(written):
    with pytest.raises(BadValueError):
        parse_file(written)


@given(st.text(st.sampled_from("ab/\\.:-{}idCON \0é"), max_size=20))
def test_no_accepted_file_leaves_its_folder(text):
    try:
        path = parse_file(text)
    except BadValueError:
        return
    parts = TEMPLATE_FIELD.sub("x", path).split("/")
    assert parts
    assert not {"", ".", ".."}.intersection(parts)
    assert "\0" not in path
