"""Lines in a row that are spoken in one take, from the plan to the files."""

import json
from dataclasses import replace

import pytest
import soundfile

from tts_cli.cache.store import Cache
from tts_cli.errors import Source
from tts_cli.line import Line
from tts_cli.pipeline.edit.turns import find_turns, share_by_length
from tts_cli.pipeline.model import Reason
from tts_cli.pipeline.plan.plan import describe_previous, make_jobs, make_plan
from tts_cli.pipeline.takes.fallback import fall_back
from tts_cli.types import Manifest, Measures, SpokenTurn, Take, Word


def line(line_id, text="Hello there.", **values):
    values = {"engine": "tone", "dialogue": "talk", "speaker": line_id, **values}
    return Line(id=line_id, text=text, source=Source("s.yaml", 1), **values)


@pytest.fixture
def plan(tmp_path):
    def make(*lines, past=None):
        script = Manifest(name="s", path="s.yaml", lines=lines)
        selected = frozenset(one.id for one in lines)
        return make_plan(script, Cache(tmp_path), selected=selected, past=lambda: past or {})

    return make


def rows(made):
    """Return the lines that share a take, in rows."""
    takes = {}
    for planned in made.lines:
        takes.setdefault(planned.keys, []).append(planned.line.id)
    return ["".join(ids) for ids in takes.values()]


def test_lines_in_a_row_of_one_dialogue_are_one_take(plan):
    made = plan(line("a"), line("b"), line("c", dialogue=""), line("d"), line("e", dialogue="other"), line("f"))
    assert rows(made) == ["ab", "c", "d", "e", "f"]
    [job, *_] = make_jobs(made)
    assert [turn.line_id for turn in job.calls[0].turns] == ["a", "b"]
    assert [planned.utterances[0].turn for planned in made.lines[:2]] == [0, 1]
    assert len(make_jobs(made)) == 5


@pytest.mark.parametrize(
    "change", [{"engine": "espeak"}, {"language": "de"}, {"chapter": "2"}, {"scene": "2"}, {"audio": __file__}]
)
def test_what_cannot_be_in_the_take_stands_alone(plan, change):
    assert rows(plan(line("a"), line("b"), line("c", **change), line("d"))) == ["ab", "c", "d"]


def test_an_engine_that_cannot_speaks_line_by_line_as_without(plan):
    lines = [line("a", engine="espeak"), line("b", engine="espeak")]
    assert [one.keys for one in plan(*lines).lines] == [
        one.keys for one in plan(*(replace(one, dialogue="") for one in lines)).lines
    ]


def test_a_take_holds_no_more_than_a_request_may(plan):
    assert rows(plan(*(line(name, "x" * 100) for name in "abcd"))) == ["abc", "d"]
    assert rows(plan(*(line(name) for name in "abcdef"))) == ["abcd", "ef"]
    assert rows(plan(line("a"), line("b", "One. [pause:1s] Two."), line("c"), line("d"))) == ["a", "b", "cd"]


@pytest.mark.parametrize(
    "change", [{"text": "Hi."}, {"speaker": "x"}, {"voice": "low"}, {"params": {"char_ms": 30.0}}, {"speed": 2.0}]
)
def test_every_turn_is_in_the_key(plan, change):
    before, after = (plan(line("a"), second, line("c")).lines for second in (line("b"), line("b", **change)))
    assert len({one.keys for one in before}) == 1
    assert before[0].keys != after[0].keys
    past = {one.line.id: describe_previous(one) for one in before}
    again = plan(line("a"), line("b", **change), line("c"), past=past)
    if "text" in change:
        assert [one.reason for one in again.lines] == [Reason.CONTEXT, Reason.TEXT, Reason.CONTEXT]


def test_a_dialogue_that_fails_is_handed_on_line_by_line(plan, tmp_path):
    made = plan(*(line(name, fallback=("espeak",)) for name in "ab"))
    handed = fall_back(made, {made.lines[0].keys[0]: "no"}, Cache(tmp_path))
    assert [one.utterances[0].engine for one in handed.lines] == ["espeak", "espeak"]
    assert not any(one.utterances[0].turns for one in handed.lines)


# --- where the turns lie --------------------------------------------------------------------------------


def take(*words):
    measures = Measures(onset=0, offset=1, energy_lufs=(), peak_dbfs=())
    flat = tuple(part for word in words for part in word)
    return Take(key="k", blob="", size=1, frames=1000, sample_rate=100, measures=measures, flat_words=flat)


TURNS = (SpokenTurn(line_id="a", text="One, two!"), SpokenTurn(line_id="b", text="Three."))


def test_a_turn_ends_between_its_last_word_and_the_next_one():
    words = (Word("One,", 100, 200), Word("two!", 250, 300), Word("Three.", 400, 600))
    assert find_turns(take(*words), TURNS, 90, 640) == [(90, 350), (350, 640)]
    parts = (Word("One", 100, 200), Word(",", 200, 210), Word("two!", 250, 300), Word("Three", 400, 600))
    assert find_turns(take(*parts), TURNS, 90, 640) == [(90, 350), (350, 640)]


@pytest.mark.parametrize("words", [(), ("One,", "two!"), ("One,", "twoThree"), ("One", "two", "four")])
def test_words_that_are_not_those_of_the_turns_tell_nothing(words):
    found = take(*(Word(word, 10 * place, 10 * place + 5) for place, word in enumerate(words)))
    assert find_turns(found, TURNS, 0, 1000) == []


def test_a_guess_goes_by_the_text():
    assert share_by_length(TURNS, 1500) == (("a", 900), ("b", 600))


# --- through the command line ---------------------------------------------------------------------------

TALK = """\
defaults: {engine: tone}
lines:
- {id: a, speaker: ann, voice: low, dialogue: talk, text: "Are you there?"}
- {id: b, speaker: bob, voice: high, dialogue: talk, text: "I am here, as ever."}
- {id: c, speaker: ann, voice: low, text: "Good."}
"""


@pytest.fixture
def render(cli, tmp_path):
    def run(text, *options):
        path = tmp_path / "s.yaml"
        path.write_text(text)
        return cli("render", path, "-o", "out", "--json", *options)

    return run


def timeline_of(tmp_path):
    return json.loads((tmp_path / "out" / "timeline.json").read_text())


def test_a_take_is_cut_into_its_lines_without_a_gap(render, cli, tmp_path):
    result = render(TALK, "--lines")
    assert result.code == 0, result.out
    first, second, third = timeline_of(tmp_path)["clips"]
    assert [clip["line"] for clip in (first, second, third)] == ["a", "b", "c"]
    assert first["take"] == second["take"] != third["take"]
    assert first["trim"] + first["trim_length"] == second["trim"]
    assert first["start"] + first["length"] == second["start"]
    assert second["trim"] == pytest.approx((14 * 0.04 + 0.1) * 16000, abs=1)
    names = {path.stem for path in (tmp_path / "out" / "lines").iterdir()}
    assert names == {"a", "b", "c"}
    assert soundfile.info(tmp_path / "out" / "lines" / "b.wav").frames == second["length"]
    assert cli("export", "out", "--recipe", "podcast", "-o", "ship").code == 0
    assert render(TALK).json["lines"]["cached"] == 3


def test_a_locked_line_stays_its_part_of_the_take(render, tmp_path):
    render(TALK)
    before = timeline_of(tmp_path)["clips"][1]
    assert render(TALK.replace("id: b,", "id: b, lock: true,").replace("Are you", "Were you")).code == 0
    after = timeline_of(tmp_path)["clips"]
    assert {**after[1], "start": 0} == {**before, "start": 0}
    assert after[0]["take"] != before["take"]


def test_without_word_times_there_is_one_clip_and_files_are_refused(render, tmp_path, cli):
    text = TALK.replace("dialogue: talk,", "dialogue: talk, params: {fault: wordless},")
    refused = render(text, "--lines")
    assert refused.code == 3
    assert "line 'a' has no file: the engine tone has spoken its dialogue in one take" in refused.out
    assert not list((tmp_path / "out").glob("*.wav"))
    assert render(text).code == 0
    first, third = timeline_of(tmp_path)["clips"]
    assert [name for name, _ in first["estimated"]] == ["a", "b"]
    assert sum(length for _, length in first["estimated"]) == first["length"]
    assert "estimated" not in third
    assert [row["id"] for row in timeline_of(tmp_path)["lines"]] == ["a", "b", "c"]


@pytest.mark.parametrize("wordless", [False, True])
def test_subtitles_name_every_line(render, cli, tmp_path, wordless):
    text = TALK.replace("dialogue: talk,", "dialogue: talk, params: {fault: wordless},") if wordless else TALK
    render(text)
    recipe = tmp_path / "r.yaml"
    recipe.write_text("deliver:\n- {kind: subtitles, file: s.srt}\n- {kind: programme, file: s.wav}\n")
    assert cli("export", "out", "--recipe", recipe, "-o", "ship", "--json").code == 0
    cues = next((tmp_path / "ship").rglob("s.srt")).read_text().strip().split("\n\n")
    assert [cue.splitlines()[-1] for cue in cues] == ["Are you there?", "I am here, as ever.", "Good."]
    starts = [cue.splitlines()[1].partition(" --> ")[0] for cue in cues]
    assert starts == sorted(starts)
    assert len(set(starts)) == 3


def test_an_engine_that_cannot_says_so_once(render):
    said = render(TALK.replace("tone", "espeak").replace("voice: low,", "").replace("voice: high,", ""))
    assert sum("speaks no dialogues" in warning for warning in said.json["warnings"]) == 1


def test_without_text_it_is_the_text(tmp_path):
    from tts_cli.pipeline.script.resolve import load_manifest

    sheet = tmp_path / "a.csv"
    sheet.write_text("id,Dialogue\n1,Hello\n")
    assert [(one.text, one.dialogue) for one in load_manifest(str(sheet)).lines] == [("Hello", "")]
    sheet.write_text("id,text,Dialogue\n1,Hello,talk\n")
    assert [(one.text, one.dialogue) for one in load_manifest(str(sheet)).lines] == [("Hello", "talk")]
