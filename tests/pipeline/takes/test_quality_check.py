"""Signal checks: each fault in samples that have it, none in what is sound, and gentle on what is short."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_cli.audio.meters.measure import measure_take
from tts_cli.cache.records import take_from_json, take_to_json
from tts_cli.errors import Source
from tts_cli.line import Line
from tts_cli.pipeline.model import Plan, PlannedLine, PreviousLine
from tts_cli.pipeline.takes.quality_check import find_outliers, find_quality_issues, find_retakable
from tts_cli.types import Manifest, Measures, Take, Utterance

RATE = 16_000


def utterance(text="x" * 40, engine="espeak", **more):
    values = {"line_id": "a", "part": 0, "language": "en", "voice": "en", "params": {}, "seed": 1, "key": text}
    return Utterance(**{**values, "text": text, "engine": engine, **more})


def take(samples, key="k"):
    samples = np.asarray(samples, np.float32)
    return Take(
        key=key,
        blob="b",
        size=1,
        frames=samples.size,
        sample_rate=RATE,
        measures=measure_take(samples, RATE),
    )


def speech(seconds=2.0, level=0.3):
    """Bursts of 200 Hz, four in a second, that begin and end softly."""
    time = np.arange(round(seconds * RATE)) / RATE
    return level * np.sin(2 * np.pi * 200 * time) * np.sin(4 * np.pi * time) ** 2


def issues(samples, text="x" * 32, **more):
    return [fault.message for fault in find_quality_issues(take(samples), utterance(text, **more))]


def test_what_is_sound_is_not_flagged():
    assert issues(speech()) == []
    assert issues(speech(0.25), "Oh") == []


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros(0), "is empty"),
        (np.zeros(100), "is empty"),
        (np.zeros(RATE), "is silent"),
        (speech(level=0.002), "is silent"),
        (np.clip(speech() * 20, -1, 1), "is clipped ("),
        (speech() + 0.1, "had a DC offset of +0.10, which was taken out"),
        (speech()[: round(1.63 * RATE)], "ends in the middle of a sound ("),
        (np.concatenate([speech(1), np.zeros(3 * RATE), speech(1)]), "is silent for 3."),
        (speech(0.2), "lasts only 0.2 s, where its text should last 2.0 s"),
        (speech(9), "lasts 9.0 s, where its text should last 2.0 s"),
    ],
)
def test_each_fault_is_found(samples, message):
    found = issues(samples)
    assert any(said.startswith(message) for said in found), found


def test_silence_before_and_after_is_no_silence_inside():
    assert issues(np.concatenate([np.zeros(3 * RATE), speech(), np.zeros(3 * RATE)])) == []


def test_numbers_and_dense_scripts_may_last_longer_than_their_characters():
    assert issues(speech(6), "12,345,678") == []
    assert issues(speech(6), "今天天气很好我们去公园散步") == []
    assert issues(speech(6), "FBI, NASA") == []


def test_speed_counts_and_recordings_say_what_they_say():
    assert issues(speech(1), "x" * 80, params={"speed": 2.0}) == []
    assert issues(speech(1), "x" * 80) != []
    assert issues(speech(12), "x", engine="recording") == []


@pytest.mark.parametrize(("text", "seconds", "short"), [(16, 0.16, False), (16, 0.14, True), (160, 2.3, True)])
def test_short_lines_may_be_a_tenth_of_a_second_shorter_than_a_quarter(text, seconds, short):
    measures = Measures(onset=0, offset=round(seconds * RATE), energy_lufs=(-20.0,), peak_dbfs=(-3.0,))
    one = Take(key="k", blob="b", size=1, frames=4 * RATE, sample_rate=RATE, measures=measures)
    found = [fault.message for fault in find_quality_issues(one, utterance("x" * text))]
    assert any(said.startswith("lasts only") for said in found) == short


@given(st.floats(0.1, 2.9), st.text("ab 1", max_size=40))
def test_what_is_shorter_than_three_seconds_is_never_too_long(seconds, text):
    measures = Measures(onset=0, offset=round(seconds * RATE), energy_lufs=(-20.0,), peak_dbfs=(-3.0,))
    one = Take(key="k", blob="b", size=1, frames=4 * RATE, sample_rate=RATE, measures=measures)
    assert not [
        fault
        for fault in find_quality_issues(one, utterance(text))
        if fault.message.startswith("lasts ") and "only" not in fault.message
    ]


def test_a_take_of_an_older_cache_is_judged_by_what_it_has():
    data = take_to_json(take(np.clip(speech() * 20, -1, 1) + 0.0))
    for name in ("clipped", "dc", "tail"):
        del data[name]
    old = take_from_json(data)
    assert (old.measures.clipped, old.measures.dc, old.measures.tail_dbfs) == (None, None, None)
    assert find_quality_issues(old, utterance("x" * 32)) == []
    assert take_from_json(take_to_json(take(speech()))) == take(speech())


# --- levels among others --------------------------------------------------------------------------------


def plan_of(levels, **lines):
    """A plan of one speaker's lines, and their takes of two seconds at these levels in dB."""
    planned, takes = [], {}
    for number, level_db in enumerate(levels):
        key = f"k{number}"
        line = Line(id=key, text="x", source=Source("a", 1), speaker="mole", **lines.get(key, {}))
        planned.append(PlannedLine(line=line, utterances=(utterance(key=key),), reason=None))
        takes[key] = take(speech() * 10 ** (level_db / 20), key)
    manifest = Manifest(name="m", path="m", lines=tuple(one.line for one in planned))
    return Plan(manifest=manifest, lines=tuple(planned), takes=takes, selected=frozenset()), takes


def test_a_take_far_from_its_speakers_others_is_an_outlier():
    found = find_outliers(*plan_of([0, -1, 1, 0, -0.5, 0.5, 1, -1, -12]))
    assert {key: fault.message for key, fault in found.items()} == {
        "k8": "is 12 dB quieter than most of its speaker's takes"
    }


def test_few_takes_lively_ones_and_whispers_tell_nothing():
    assert find_outliers(*plan_of([0, 0, 0, 0, 0, 0, -12])) == {}
    assert find_outliers(*plan_of([0, -4, 4, 2, -6, 6, 1, -5, -12])) == {}
    whispered = {"k8": {"emotion": "whisper"}}
    assert find_outliers(*plan_of([0, -1, 1, 0, -0.5, 0.5, 1, -1, -12], **whispered)) == {}


def test_short_takes_are_as_loud_as_they_are():
    plan, takes = plan_of([0, -1, 1, 0, -0.5, 0.5, 1, -1, -12])
    for seconds, found in ((0.99, set()), (1.0, {"k8"})):
        takes["k8"] = replace(takes["k8"], frames=round(seconds * RATE))
        assert set(find_outliers(plan, takes)) == found


# --- other takes ----------------------------------------------------------------------------------------


def test_another_seed_may_mend_what_is_flagged_and_neither_locked_nor_always_the_same():
    plan, _ = plan_of([0, 0, 0, 0])
    engines = {"k0": "tone", "k1": "tone", "k2": "tone", "k3": "espeak"}
    lines = [
        replace(planned, utterances=(utterance(key=key, engine=engines[key]),))
        for planned in plan.lines
        for key in planned.keys
    ]
    locked = PreviousLine(id="k2", text="x", voice="", language="en", emotion="", engine="tone", parts=())
    plan = replace(plan, lines=(*lines[:2], replace(lines[2], locked=locked), lines[3]))
    takes = {key: take(speech() if key == "k1" else np.zeros(RATE), key) for key in engines}
    assert find_retakable(plan, takes) == {"k0"}
    assert find_retakable(plan, {}) == frozenset()
