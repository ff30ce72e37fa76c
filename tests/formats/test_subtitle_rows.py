"""SubRip, WebVTT and ASS: what is spoken, by whom, when, and where it is written."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_cli.formats.decode import Decoded
from tts_cli.formats.subtitle_rows import read_subtitles
from tts_cli.formats.values import parse_time

TIMES = "00:00:01,000 --> 00:00:02,500"


def read(text, form="srt", cast=()):
    return read_subtitles(Decoded(text.removeprefix("\ufeff")), f"s.{form}", form, cast)


def spoken(text, form="srt", cast=()):
    return [record.fields for record in read(text, form, cast).records]


def texts(cue, cast=()):
    return [(fields.get("speaker", ""), fields["text"]) for fields in spoken(f"1\n{TIMES}\n{cue}\n", cast=cast)]


def test_a_subrip_file_becomes_lines_with_their_places():
    first = "\ufeff1\r\n00:00:01,000 --> 00:00:02,500 X1:0 X2:9\r\n<i>Hello</i>,\r\nmy friend.\r\n\r\n\r\n"
    result = read(f"{first}2\r\n0:3.5 --> 0:04\r\n  So.\r\n")
    first, second = result.records
    assert first.fields == {"text": "Hello, my friend.", "start": "00:00:01,000", "end": "00:00:02,500", "cue": "1"}
    assert [str(first.place.at(name)) for name in ("", "start", "end", "text")] == [
        "s.srt:2:1",
        "s.srt:2:1",
        "s.srt:2:18",
        "s.srt:3:1",
    ]
    assert str(second.place.at("text")) == "s.srt:9:3"
    assert not result.problems
    assert not result.warnings


@pytest.mark.parametrize(
    ("cue", "expected"),
    [
        ("MOLE: Bother!", [("MOLE", "Bother!")]),
        ("MR. TOAD:\nPoop, poop!", [("", "MR. TOAD: Poop, poop!")]),
        ("Remember: never row alone.", [("", "Remember: never row alone.")]),
        ("It is 10:30 now.", [("", "It is 10:30 now.")]),
        ("- Who is it?\n- It is I.", [("", "Who is it?"), ("", "It is I.")]),
        ("RAT: Hullo!\nMOLE: Hullo,\nRat!", [("RAT", "Hullo!"), ("MOLE", "Hullo, Rat!")]),
        ("{\\an8}[sighs] Well, [pause:500ms] yes.", [("", "Well, [pause:500ms] yes.")]),
        ("A < b &amp; c &lt;i&gt;", [("", "A < b & c <i>")]),
        ("x - y", [("", "x - y")]),
        ("THE TRAIN LEAVES AT 10:30.", [("", "THE TRAIN LEAVES AT 10:30.")]),
        ("IT'S 7:15, GET UP!", [("", "IT'S 7:15, GET UP!")]),
        ("GO TO HTTP://EXAMPLE.COM", [("", "GO TO HTTP://EXAMPLE.COM")]),
        ("FINAL SCORE 3:1 TO US", [("", "FINAL SCORE 3:1 TO US")]),
        ("GUARD 2: Halt!\nMOLE:Bother!", [("GUARD 2", "Halt!"), ("MOLE", "Bother!")]),
        ("It will be\n-5 degrees tonight.", [("", "It will be -5 degrees tonight.")]),
        ("-40 is cold.", [("", "-40 is cold.")]),
        ("\u2013.5 is more.", [("", "\u2013.5 is more.")]),
        ("- How cold?\n-5 degrees.", [("", "How cold? -5 degrees.")]),
        ("- How cold?\n- 5 degrees.", [("", "How cold?"), ("", "5 degrees.")]),
        ("-How many?\n-5, I think.", [("", "How many?"), ("", "5, I think.")]),
    ],
)
def test_who_says_what(cue, expected):
    assert texts(cue) == expected


@pytest.mark.parametrize("cue", ["[door slams]", "♪ La la ♪", "(birdsong)", "...", "♪♪", "<i></i>"])
def test_what_nobody_speaks_is_left_out_and_said_once(cue):
    result = read(f"1\n{TIMES}\n{cue}\n\n2\n{TIMES}\n[wind]\n\n3\n{TIMES}\nWords.\n")
    assert [record.fields["text"] for record in result.records] == ["Words."]
    assert [str(warning) for warning in result.warnings] == [
        "s.srt:3:1: 2 cues hold only sounds, music or nothing; left out"
    ]


def test_with_a_cast_a_name_must_be_of_it():
    cast = ["Mole", "Mr Toad"]
    assert texts("mole: Bother!", cast) == [("Mole", "Bother!")]
    assert texts("MR TOAD: Poop!", cast) == [("Mr Toad", "Poop!")]
    assert texts("WARNING: Keep out.", cast) == [("", "WARNING: Keep out.")]
    [warning] = read(f"1\n{TIMES}\nWARNING: Keep out.\n", cast=cast).warnings
    assert warning.message == "'WARNING:' looks like a speaker, but is none of the cast: it is spoken"
    assert str(warning.source) == "s.srt:3:1"


def warned(*cues):
    text = "\n\n".join(f"{number}\n{TIMES}\n{cue}" for number, cue in enumerate(cues, 1))
    return [(warning.source.line, warning.message) for warning in read(text).warnings]


def test_who_may_be_a_speaker_is_said():
    assert warned("LOOK: HE IS HERE.", "MOLE: Bother!") == [
        (3, "'LOOK:' is taken for a speaker, but all is in capitals here")
    ]
    assert warned("Boris: We leave.", "Remember: run.", "Boris: Now.") == [
        (3, "'Boris:' looks like a speaker 2 times, but is spoken")
    ]
    assert not warned("Boris: We leave.", "Remember: run.", "So it was: so.")


def test_two_people_in_a_cue_share_its_time_by_their_characters():
    lines = spoken("1\n00:00:10,000 --> 00:00:14,000\n- Abc.\n- Abcdefgh jk.\n")
    assert [(line["start"], line["end"]) for line in lines] == [("00:00:10,000", "11.000"), ("11.000", "00:00:14,000")]


def test_webvtt_voices_notes_and_entities():
    text = (
        "WEBVTT - A title\nKind: captions\n\nNOTE\na --> b\n\nSTYLE\n::cue {}\n\nintro\n"
        "00:01.000 --> 00:02.500 align:start\n<v.loud Mary Jane>Hello &amp; <c.x>welcome</c> <00:01.500>all</v>\n\n"
        "00:03.000 --> 00:04.000\n<v Bob>Thanks.\n<v Mary Jane>Not at all.\n"
    )
    assert spoken(text, "vtt") == [
        {
            "text": "Hello & welcome all",
            "start": "00:01.000",
            "end": "00:02.500",
            "cue": "intro",
            "speaker": "Mary Jane",
        },
        {"text": "Thanks.", "start": "00:03.000", "end": "3.389", "cue": "2", "speaker": "Bob"},
        {"text": "Not at all.", "start": "3.389", "end": "00:04.000", "cue": "2", "speaker": "Mary Jane"},
    ]


ASS = """\
[Script Info]
Title: x
[V4+ Styles]
Format: Name, Fontname
Style: Default,Arial
[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Comment: 0,0:00:00.00,0:00:01.00,Default,,0,0,0,,not this
Dialogue: 0,0:00:01.00,0:00:03.50,Default,Rat,0,0,0,,{\\an8}Hullo,\\NMole, {\\i1}you{\\i0}!
Dialogue: 0,0:00:04.00,0:00:05.00,Default,,0,0,0,,{\\p1}m 0 0 l 1 1
Dialogue: 0,0:00:06.00,0:00:07.00,Default,,0,0,0,,MOLE: So.
"""


def test_ass_dialogue_has_its_speaker_in_the_name_field():
    result = read(ASS, "ass")
    first, second = result.records
    assert first.fields == {
        "text": "Hullo, Mole, you!",
        "start": "0:00:01.00",
        "end": "0:00:03.50",
        "cue": "1",
        "speaker": "Rat",
    }
    assert second.fields["speaker"] == "MOLE"
    assert [str(first.place.at(name)) for name in ("start", "end", "speaker", "text")] == [
        "s.ass:9:13",
        "s.ass:9:24",
        "s.ass:9:43",
        "s.ass:9:54",
    ]


def test_all_problems_come_at_once():
    text = f"Stray.\n\n1\n{TIMES}\nOne.\n2\n{TIMES}\nTwo.\n\nMore.\nStray.\n"
    assert [str(problem).partition("\n")[0] for problem in read(text).problems] == [
        "s.srt:1:1: text that belongs to no cue",
        "s.srt:7:1: a cue begins in the middle of another",
        "s.srt:10:1: text that belongs to no cue",
    ]
    bad = ASS + "Dialogue: 0,0:00:04.00\nDialogue: 0,1\n"
    assert [str(problem).partition("\n")[0] for problem in read(bad, "ass").problems] == [
        "s.ass:12:1: has 2 fields, but the format has 10",
        "s.ass:13:1: has 2 fields, but the format has 10",
    ]
    assert read("[Events]\nFormat: Layer, Text\n", "ass").problems[0].source.line == 2
    assert "has no cue" in str(read("", "srt").problems[0])


@given(st.text("1\n-> :,<>vV{}\\[]♪-AbC:", max_size=80), st.sampled_from(["srt", "vtt", "ass"]))
def test_any_text_is_read_or_refused_with_a_place(text, form):
    head = {"srt": "", "vtt": "WEBVTT\n\n", "ass": "[Events]\n"}[form]
    result = read(head + text, form)
    assert result.records or result.problems
    for problem in (*result.problems, *result.warnings):
        assert 1 <= problem.source.line <= text.count("\n") + 4
    for record in result.records:
        assert record.fields["text"].strip()


@given(st.lists(st.text("abc ", min_size=1, max_size=9).filter(str.strip), min_size=1, max_size=5))
def test_shared_times_are_without_gaps_and_in_order(sayings):
    cue = "\n".join(f"- {said}" for said in sayings)
    lines = spoken(f"1\n00:00:10,000 --> 00:00:11,000\n{cue}\n")
    times = [(parse_time(line["start"]), parse_time(line["end"])) for line in lines]
    assert times[0][0] == 10
    assert times[-1][1] == 11
    assert all(before[1] == after[0] for before, after in pairwise(times))
    assert all(start < end for start, end in times)
