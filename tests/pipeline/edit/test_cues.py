"""How long a cue is shown: with its words, long enough to be read, and never into the next one."""

import pytest

from tts_cli.errors import Source
from tts_cli.formats.subtitles import Cue
from tts_cli.line import Line
from tts_cli.pipeline.edit.cues import fastest, make_cues, widest
from tts_cli.pipeline.model import PlannedLine
from tts_cli.text.captions import CaptionRules
from tts_cli.types import Clip, Measures, Take, Timeline, Utterance, Word

RATE = 1000
RULES = CaptionRules(columns=42, lines=2, chars_per_second=20.0, shortest_s=1.0, gap_s=0.08)


def planned(name: str, text: str) -> PlannedLine:
    call = Utterance(
        line_id=name, part=0, text=text, language="en", voice="", engine="espeak", params={}, seed=0, key=name
    )
    return PlannedLine(line=Line(id=name, text=text, source=Source("b.yaml", 1)), utterances=(call,), reason=None)


def timeline(*spans: tuple[str, int, int], length: int, words: tuple[Word, ...] = ()) -> Timeline:
    measures = Measures(onset=0, offset=1, energy_lufs=(), peak_dbfs=())
    flat = tuple(part for word in words for part in word)
    take = Take(key="k", blob="k", size=1, frames=9999, sample_rate=RATE, measures=measures, flat_words=flat)
    clips = tuple(
        Clip(line_id=name, part=0, take=take, start=start, length=end - start, trim=0, trim_length=end - start)
        for name, start, end in spans
    )
    return Timeline(id="t", title="", sample_rate=RATE, items=clips, length=length)


def shown(*spans: tuple[str, int, int], length: int = 60_000, text: str = "Hello.") -> list[tuple[int, int]]:
    lines = {name: planned(name, text) for name, _, _ in spans}
    return [(cue.start, cue.end) for cue in make_cues([timeline(*spans, length=length)], lines, RULES)]


def test_a_short_cue_stays_for_the_shortest_time() -> None:
    assert shown(("a", 500, 900), ("b", 5000, 7000)) == [(500, 1500), (5000, 7000)]


def test_a_cue_stays_as_long_as_its_text_takes_to_read() -> None:
    assert shown(("a", 500, 900), ("b", 5000, 5100), text="x" * 40) == [(500, 2500), (5000, 7000)]


def test_a_cue_stays_only_as_far_as_the_next_leaves_room() -> None:
    assert shown(("a", 0, 500), ("b", 900, 2900)) == [(0, 820), (900, 2900)]


def test_words_are_shown_to_their_end_also_in_the_gap() -> None:
    assert shown(("a", 0, 880), ("b", 900, 2900)) == [(0, 880), (900, 2900)]


def test_no_cue_reaches_into_the_next() -> None:
    assert shown(("a", 0, 1500), ("b", 900, 2900)) == [(0, 900), (900, 2900)]
    assert shown(("a", 0, 1500), ("b", 0, 2900)) == [(0, 1), (0, 2900)]


def test_the_last_cue_ends_with_the_programme() -> None:
    assert shown(("a", 500, 900), length=1200) == [(500, 1200)]


def test_programmes_follow_one_another() -> None:
    lines = {name: planned(name, "Hello.") for name in "ab"}
    parts = [timeline(("a", 100, 2000), length=3000), timeline(("b", 100, 2000), length=3000)]
    assert [(cue.line_id, cue.start, cue.end) for cue in make_cues(parts, lines, RULES)] == [
        ("a", 100, 2000),
        ("b", 3100, 5000),
    ]


def test_a_cue_has_the_words_that_begin_in_it() -> None:
    words = (Word("One.", 0, 500), Word("Two.", 500, 900))
    part = timeline(("a", 1000, 2000), length=3000, words=words)
    narrow = CaptionRules(columns=5, lines=1, shortest_s=0.0, chars_per_second=1e9)

    cues = make_cues([part], {"a": planned("a", "One. Two.")}, narrow)

    assert [(cue.text, cue.start, cue.end) for cue in cues] == [("One.", 1000, 1500), ("Two.", 1500, 1900)]
    assert [cue.words for cue in cues] == [(Word("One.", 1000, 1500),), (Word("Two.", 1500, 1900),)]


def test_a_text_that_is_not_what_is_spoken_is_shown_by_its_share() -> None:
    words = (Word("Half", 0, 400), Word("past", 500, 900), Word("nine.", 1000, 1400))
    part = timeline(("a", 0, 2000), length=3000, words=words)
    narrow = CaptionRules(columns=5, lines=1, shortest_s=0.0, chars_per_second=1e9)

    first, second = make_cues([part], {"a": planned("a", "9:30. sharp")}, narrow)

    assert first.start == 0
    assert first.end < second.start <= first.end + 200
    assert second.end == 1400


def test_reading_speed_and_width_are_those_of_the_worst_cue() -> None:
    cues = [
        Cue(start=0, end=1000, sample_rate=RATE, text="ab\ncdefg"),
        Cue(start=1000, end=1500, sample_rate=RATE, text="abcde"),
    ]
    assert fastest(cues) == pytest.approx(10.0)
    assert widest(cues) == 5
    assert (fastest([]), widest([])) == (0.0, 0)
