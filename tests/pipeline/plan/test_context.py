"""Lines that hear what was said before them in their scene."""

import json
from dataclasses import replace

import pytest

from tts_cli.cache.store import Cache
from tts_cli.errors import Source
from tts_cli.line import Line
from tts_cli.pipeline.model import Reason, Shard
from tts_cli.pipeline.plan.plan import describe_previous, leave_out, make_jobs, make_plan
from tts_cli.pipeline.plan.shards import split_keys, take_share
from tts_cli.pipeline.plan.utterances import with_seed
from tts_cli.pipeline.takes.fallback import fall_back
from tts_cli.types import Manifest


def line(line_id, text="Hello there.", **values):
    values = {"engine": "tone", "context": 2, "speaker": "Ann", **values}
    return Line(id=line_id, text=text, source=Source("s.yaml", 1), **values)


@pytest.fixture
def plan(tmp_path):
    def make(*lines, past=None):
        script = Manifest(name="s", path="s.yaml", lines=lines)
        selected = frozenset(one.id for one in lines)
        return make_plan(script, Cache(tmp_path), selected=selected, past=lambda: past or {})

    return make


def heard(planned):
    return [[turn.text for turn in one.context] for one in planned.utterances]


def test_a_line_hears_the_last_turns_of_its_scene(plan):
    lines = [line(f"l{number}", f"Text {number}.", speaker=f"s{number}") for number in range(4)]
    made = plan(*lines, line("m", scene="two"), line("n", "Last.", scene="two"), line("o", scene="two", chapter="2"))
    assert [heard(one)[0] for one in made.lines] == [
        [],
        ["Text 0."],
        ["Text 0.", "Text 1."],
        ["Text 1.", "Text 2."],
        [],
        ["Hello there."],
        [],
    ]
    turn = made.lines[1].utterances[0].context[0]
    assert (turn.speaker, turn.take) == ("s0", made.lines[0].keys[0])


def test_the_parts_of_a_line_hear_one_another(plan):
    made = plan(line("a"), line("b", "One. [pause:1s] Two. [pause:1s] Three."))
    assert heard(made.lines[1]) == [["Hello there."], ["Hello there.", "One."], ["One.", "Two."]]


def test_an_edited_line_changes_the_keys_after_it_in_its_scene_and_no_others(plan):
    def keys(text, **values):
        scene = [line("a", text), line("b"), line("c"), line("d", context=0), line("e", scene="two")]
        return [one.keys for one in plan(*(replace(one, **values) for one in scene)).lines]

    before, after = keys("One."), keys("Two.")
    assert [one != other for one, other in zip(before, after, strict=True)] == [True, True, True, False, False]
    assert keys("One.", speaker="Bob")[1] != before[1]


def test_without_context_keys_are_what_they_were(plan):
    alone = plan(line("b", context=0)).lines[0]
    assert plan(line("a"), line("b", context=0)).lines[1].keys == alone.keys
    assert plan(line("a"), line("b")).lines[1].keys != alone.keys
    assert plan(line("a", engine="espeak"), line("b", engine="espeak")).lines[1].keys == (
        plan(line("b", engine="espeak", context=0)).lines[0].keys
    )


def test_the_reason_is_told(plan):
    past = {one.line.id: describe_previous(one) for one in plan(line("a"), line("b"), line("c", context=0)).lines}
    made = plan(line("a", "Edited."), line("b"), line("c", context=0), past=past)
    assert [one.reason for one in made.lines][:2] == [Reason.TEXT, Reason.CONTEXT]
    changed = plan(line("a"), line("b", params={"char_ms": 30.0}), past=past)
    assert changed.lines[1].reason is Reason.PARAMS


def test_another_seed_hears_the_same(plan):
    hearing = plan(line("a"), line("b")).lines[1].utterances[0]
    assert with_seed(hearing, hearing.seed) == hearing
    assert with_seed(replace(hearing, context=()), hearing.seed).key != hearing.key


def test_a_line_that_is_handed_on_still_hears(plan, tmp_path):
    made = plan(line("a"), line("b", engine="espeak", fallback=("tone",)))
    handed = fall_back(made, {made.lines[1].keys[0]: "no"}, Cache(tmp_path))
    assert handed.lines[1].keys == plan(line("a"), line("b")).lines[1].keys


def test_the_lines_of_a_scene_are_one_job_in_order(plan):
    short, long = "One.", "A text that is much longer than the other one."
    made = plan(
        line("a", short, context=0),
        line("b", long, context=1),
        line("x", long, context=0),
        line("c", scene="two"),
        line("d", scene="two"),
    )
    jobs = make_jobs(made)
    assert [([call.line_id for call in job.calls], job.in_order) for job in jobs] == [
        (["a", "b"], True),
        (["x"], False),
        (["c", "d"], True),
    ]
    left = leave_out(jobs, {made.lines[0].keys[0], made.lines[2].keys[0]})
    assert [[call.line_id for call in job.calls] for job in left] == [["b"], ["c", "d"]]
    assert left[0].estimated_s == jobs[0].estimated_s / 2


def test_a_shard_has_whole_scenes(plan):
    made = plan(*(line(f"{scene}{number}", scene=scene) for scene in "abcd" for number in range(5)))
    shares = split_keys(made, 2)
    assert [len(share) for share in shares] == [10, 10]
    for index in (1, 2):
        share = take_share(made, Shard(index=index, count=2))
        assert all(len(job.calls) == 5 for job in make_jobs(share))


# --- through the command line ---------------------------------------------------------------------------

SCENE = """\
defaults: {engine: tone, context: 3}
lines:
- {id: a, text: First line}
- {id: b, text: Second line}
- {id: c, text: Third line}
- {id: d, text: "Another scene", scene: two}
"""


def test_an_edited_line_redoes_those_that_heard_it(cli, tmp_path):
    path = tmp_path / "s.yaml"
    path.write_text(SCENE)
    first = cli("render", path, "-o", "out", "--json", "--workers", "2")
    assert first.json["lines"]["rendered"] == 4
    assert cli("render", path, "-o", "out", "--json").json["lines"]["cached"] == 4
    path.write_text(SCENE.replace("First", "1st"))
    assert [
        row.split()[:2] for row in cli("render", path, "-o", "out", "--dry-run", "--explain").out.splitlines()[:3]
    ] == [
        ["text", "a"],
        ["context", "b"],
        ["context", "c"],
    ]
    assert cli("render", path, "-o", "out", "--json").json["lines"]["rendered"] == 3


def test_a_line_that_fails_costs_those_after_it_nothing(cli, tmp_path):
    path = tmp_path / "s.yaml"
    path.write_text(SCENE.replace("Second line", "Second line, params: {fault: crash}"))
    result = cli("render", path, "-o", "out", "--json", "--workers", "1")
    assert result.code == 5
    assert [failure["line"] for failure in result.json["failures"]] == ["b"]
    assert result.json["lines"]["rendered"] == 3


def test_an_engine_that_hears_nothing_says_so_once(cli, tmp_path):
    path = tmp_path / "s.yaml"
    path.write_text(SCENE.replace("tone", "espeak"))
    said = json.loads(cli("render", path, "-o", "out", "--json").out)
    assert sum("hears no earlier turns" in warning for warning in said["warnings"]) == 1
    assert '"context"' not in (tmp_path / "out" / "timeline.json").read_text()
    path.write_text(SCENE.replace("context: 3", "context: 50"))
    assert "the engine tone hears 8 earlier turns at most" in cli("check", path).err


def test_free_words_under_context_are_a_direction(tmp_path):
    from tts_cli.pipeline.script.resolve import load_manifest

    sheet, script = tmp_path / "a.csv", tmp_path / "a.yaml"
    sheet.write_text("text,context\nHello,3 friends meet\nYou,\n")
    script.write_text("lines:\n- {text: Hello, context: friends meet}\n- {text: You, context: 2}\n")
    assert [(one.direction, one.context) for one in load_manifest(str(sheet)).lines] == [("3 friends meet", 0), ("", 0)]
    assert [(one.direction, one.context) for one in load_manifest(str(script)).lines] == [("friends meet", 0), ("", 2)]
    sheet.write_text("text,context\nHello,3\nYou,\n")
    assert [one.context for one in load_manifest(str(sheet)).lines] == [3, 0]
