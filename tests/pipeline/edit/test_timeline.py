"""The edit list is exact to the sample."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_cli.errors import Source
from tts_cli.line import Line
from tts_cli.pipeline.edit.timeline import make_line_timelines, make_timelines
from tts_cli.pipeline.model import Plan, PlannedLine
from tts_cli.recipe import Recipe
from tts_cli.types import Boundary, Chapter, Clip, Gap, Manifest, Measures, Pauses, Take, Utterance

RATE = 22050
RECIPE = Recipe(name="test", sample_rate=44100, head_s=0.5, tail_s=1.0)
AT = Source("test.yaml", 1)


def make_take(key: str, frames: int = RATE, onset: int = 0, offset: int | None = None) -> Take:
    measures = Measures(onset=onset, offset=frames if offset is None else offset, energy_lufs=(), peak_dbfs=())
    return Take(key=key, blob=key, size=1, frames=frames, sample_rate=RATE, measures=measures)


def make_line(
    key: str,
    *,
    parts: int = 1,
    pause_s: float | None = None,
    lead_s: float = 0.0,
    engine: str = "espeak",
    **values: object,
) -> PlannedLine:
    line = Line(id=key, text=key, source=AT, **values)
    utterances = tuple(
        Utterance(
            line_id=key,
            part=part,
            text=key,
            language="en",
            voice="en-us",
            engine=engine,
            params={},
            seed=0,
            key=f"{key}{part}",
            boundary=Boundary.SENTENCE if part < parts - 1 else Boundary.PARAGRAPH,
            pause_s=pause_s if part == parts - 1 else None,
        )
        for part in range(parts)
    )
    return PlannedLine(line=line, utterances=utterances, reason=None, lead_s=lead_s)


def lay_out(*lines: PlannedLine, takes: dict[str, Take] | None = None, recipe: Recipe = RECIPE, **manifest: object):
    known = {u.key: make_take(u.key) for planned in lines for u in planned.utterances} | (takes or {})
    script = Manifest(name="book", path="book.yaml", lines=tuple(planned.line for planned in lines), **manifest)
    plan = Plan(manifest=script, lines=lines, takes={}, selected=frozenset())
    return make_timelines(plan, known, recipe)


def gaps_s(timeline) -> list[float]:
    return [item.length / timeline.sample_rate for item in timeline.items if isinstance(item, Gap)]


def test_lines_are_a_paragraph_apart_between_head_and_tail() -> None:
    timeline = lay_out(make_line("a"), make_line("b"))[""]

    assert gaps_s(timeline) == [0.5, 0.9, 1.0]
    assert [clip.start for clip in timeline.clips] == [22050, 22050 + 44100 + 39690]
    assert timeline.length == round(44100 * (0.5 + 1 + 0.9 + 1 + 1.0))


def test_parts_of_a_line_are_a_sentence_apart() -> None:
    timeline = lay_out(make_line("a", parts=2))[""]

    assert gaps_s(timeline) == [0.5, 0.6, 1.0]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ({"scene": "1"}, {"scene": "2"}, 1.5),
        ({"speaker": "a"}, {"speaker": "b"}, 0.9),
        ({"pause_after_s": 0.2}, {}, 0.2),
        ({}, {"pause_before_s": 0.3}, 0.3),
        ({"pause_after_s": 0.2}, {"pause_before_s": 0.3}, 0.5),
        ({"pause_s": 0.7}, {}, 0.7),
        ({}, {"lead_s": 0.4}, 0.4),
        ({"pause_s": 0.7}, {"lead_s": 0.4}, 1.1),
        ({"scene": "1", "pause_after_s": 0.0}, {"scene": "2", "pause_before_s": 0.1}, 0.1),
    ],
)
def test_the_pause_between_lines(first: dict, second: dict, expected: float) -> None:
    timeline = lay_out(make_line("a", **first), make_line("b", **second))[""]

    assert gaps_s(timeline)[1] == pytest.approx(expected)


def test_a_change_of_speaker_has_its_own_pause_if_the_manifest_says_so() -> None:
    lines = (make_line("a", speaker="x"), make_line("b", speaker="y"))

    timeline = lay_out(*lines, pauses=Pauses(speaker_change=0.3))[""]

    assert gaps_s(timeline)[1] == 0.3


def test_each_chapter_has_a_timeline_and_one_without_its_takes_has_none() -> None:
    lines = (make_line("a", chapter="one"), make_line("b", chapter="two"), make_line("c", chapter="one"))
    chapters = {"one": Chapter(id="one", title="First"), "two": Chapter(id="two")}
    manifest = Manifest(name="book", path="", lines=tuple(planned.line for planned in lines), chapters=chapters)
    plan = Plan(manifest=manifest, lines=lines, takes={}, selected=frozenset())

    timelines = make_timelines(plan, {"a0": make_take("a0"), "c0": make_take("c0")}, RECIPE)

    assert list(timelines) == ["one"]
    assert timelines["one"].title == "First"
    assert [clip.line_id for clip in timelines["one"].clips] == ["a", "c"]


def test_a_programme_puts_a_chapter_pause_between_chapters() -> None:
    lines = (make_line("a", chapter="one"), make_line("b", chapter="two"))

    timeline = lay_out(*lines, recipe=replace(RECIPE, split="programme"))[""]

    assert gaps_s(timeline) == [0.5, 2.0, 1.0]


def test_the_edges_of_a_programme_have_their_pauses_too() -> None:
    timeline = lay_out(make_line("a", lead_s=0.25, pause_before_s=0.5, pause_after_s=2.0, pause_s=1.0))[""]

    assert gaps_s(timeline) == [1.25, 4.0]


def test_a_line_of_its_own_has_only_the_pauses_inside_it() -> None:
    line = make_line("a", parts=2, lead_s=0.25, pause_before_s=0.5, pause_after_s=2.0, pause_s=1.0)
    other = make_line("b")
    manifest = Manifest(name="book", path="", lines=(line.line, other.line))
    plan = Plan(manifest=manifest, lines=(line, other), takes={}, selected=frozenset())

    timelines = make_line_timelines(plan, {key: make_take(key) for key in ("a0", "a1")}, RECIPE)

    assert list(timelines) == ["a"]
    assert gaps_s(timelines["a"]) == [0.6]


def test_silence_around_speech_is_cut_but_a_recording_is_left_whole() -> None:
    quiet = {key: make_take(key, frames=30000, onset=5000, offset=20000) for key in ("a0", "b0")}

    spoken, recorded = lay_out(make_line("a"), make_line("b", engine="recording"), takes=quiet)[""].clips

    assert (spoken.trim, spoken.trim_length) == (5000 - 220, 15000 + 220 + 882)
    assert (recorded.trim, recorded.trim_length) == (0, 30000)


@given(
    st.lists(
        st.tuples(st.integers(1, 200_000), st.floats(0, 3), st.sampled_from([16000, 22050, 24000, 44100])),
        min_size=1,
        max_size=12,
    ),
    st.sampled_from([22050, 44100, 48000]),
)
def test_items_join_without_holes_and_add_up(takes: list[tuple[int, float, int]], rate: int) -> None:
    lines = [make_line(f"l{number}", pause_after_s=pause) for number, (_, pause, _) in enumerate(takes)]
    known = {
        f"l{number}0": replace(make_take(f"l{number}0", frames=frames), sample_rate=take_rate)
        for number, (frames, _, take_rate) in enumerate(takes)
    }

    timeline = lay_out(*lines, takes=known, recipe=replace(RECIPE, sample_rate=rate))[""]

    position = 0
    for item in timeline.items:
        assert item.start == position
        position += item.length
        if isinstance(item, Clip):
            assert 0 <= item.length - item.trim_length * rate / item.take.sample_rate < 1
    assert position == timeline.length
