"""What must be rendered, and why."""

from dataclasses import replace
from pathlib import Path

import pytest

from tts_cli.cache.blobs import blob_path, write_blob
from tts_cli.cache.store import Cache
from tts_cli.errors import InputError, Source, UsageError
from tts_cli.line import Line
from tts_cli.pipeline.model import Plan, PreviousLine, Reason
from tts_cli.pipeline.plan.plan import describe_previous, make_jobs, make_plan, select_lines
from tts_cli.types import Chapter, Emotion, Manifest, Measures, Speaker, Take

LONG = "The mole had been working very hard all the morning, spring-cleaning his little home. " * 6


def make_line(line_id: str, text: str = "Hello there.", **values: object) -> Line:
    return Line(
        id=line_id, text=text, source=Source("book.yaml", int("0" + "".join(filter(str.isdigit, line_id)))), **values
    )


def make_script(*lines: Line, **values: object) -> Manifest:
    return Manifest(name="book", path="book.yaml", lines=lines, **values)


def record(plan: Plan, cache: Cache) -> dict[str, PreviousLine]:
    """Pretend that all jobs were done; returns what the next run knows of this one."""
    measures = Measures(onset=0, offset=1, energy_lufs=(), peak_dbfs=())
    for job in make_jobs(plan):
        (utterance,) = job.calls
        data = utterance.key.encode()
        blob = write_blob(cache.root, data)
        cache.put(Take(key=utterance.key, blob=blob, size=len(data), frames=9, sample_rate=22050, measures=measures))
    return {planned.line.id: describe_previous(planned) for planned in plan.lines}


def plan_it(script: Manifest, cache: Cache, past: dict[str, PreviousLine] | None = None, **options: object) -> Plan:
    return make_plan(script, cache, selected=select_lines(script, ()), past=lambda: past or {}, **options)


def reasons(plan: Plan) -> dict[str, Reason]:
    return {planned.line.id: planned.reason for planned in plan.lines if planned.reason}


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path)


def test_everything_is_new_at_first_and_nothing_later(cache: Cache) -> None:
    script = make_script(make_line("l1"), make_line("l2", LONG))

    first = plan_it(script, cache)
    past = record(first, cache)
    second = plan_it(script, cache, past)

    assert reasons(first) == {"l1": Reason.NEW, "l2": Reason.NEW}
    assert len(first.lines[1].utterances) >= 2
    assert reasons(second) == {}
    assert make_jobs(second) == ()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"text": "Hello here."}, Reason.TEXT),
        ({"say": "Hullo."}, Reason.TEXT),
        ({"text": "Hello here.", "engine": "tone", "emotion": "sad"}, Reason.TEXT),
        ({"engine": "tone"}, Reason.ENGINE),
        ({"engine": "tone", "language": "de"}, Reason.ENGINE),
        ({"voice": "f3", "emotion": "sad"}, Reason.VOICE),
        ({"emotion": "sad", "speed": 1.2}, Reason.EMOTION),
        ({"voice": "f3"}, Reason.VOICE),
        ({"language": "de"}, Reason.VOICE),
        ({"emotion": "sad"}, Reason.EMOTION),
        ({"speed": 1.2}, Reason.PARAMS),
        ({"params": {"range": 70.0}}, Reason.PARAMS),
        ({"take": 2}, Reason.PARAMS),
        ({"seed": 7}, Reason.PARAMS),
    ],
)
def test_one_change_renders_one_line_and_says_why(cache: Cache, change: dict, reason: Reason) -> None:
    script = make_script(make_line("l1"), make_line("l2", "Second."))
    past = record(plan_it(script, cache), cache)

    plan = plan_it(make_script(replace(script.lines[0], **change), script.lines[1]), cache, past)

    assert reasons(plan) == {"l1": reason}


@pytest.mark.parametrize(
    "change",
    [
        {"volume_db": -3.0},
        {"pause_after_s": 2.0},
        {"params": {"range": 50.0}},
        {"speed": 1.0},
        {"notes": "louder?"},
        {"chapter": "two"},
        {"tags": ("a",)},
        {"file": "a/b"},
    ],
)
def test_what_does_not_change_the_sound_renders_nothing(cache: Cache, change: dict) -> None:
    script = make_script(make_line("l1"))
    past = record(plan_it(script, cache), cache)

    assert reasons(plan_it(make_script(replace(script.lines[0], **change)), cache, past)) == {}


def test_an_edited_line_with_an_automatic_id_is_known_by_its_place(cache: Cache) -> None:
    script = make_script(make_line("a1"), make_line("b2", "Second."), make_line("c3", "Third."))
    past = record(plan_it(script, cache), cache)

    edited = plan_it(make_script(script.lines[0], make_line("x9", "Other words."), script.lines[2]), cache, past)
    inserted = plan_it(make_script(script.lines[0], make_line("x9", "Other words."), *script.lines[1:]), cache, past)

    assert reasons(edited) == {"x9": Reason.TEXT}
    assert reasons(inserted) == {"x9": Reason.NEW}


def test_moving_and_deleting_lines_renders_nothing(cache: Cache) -> None:
    script = make_script(make_line("a1"), make_line("b2", "Second."), make_line("c3", "Third."))
    past = record(plan_it(script, cache), cache)

    assert reasons(plan_it(make_script(*reversed(script.lines)), cache, past)) == {}
    assert reasons(plan_it(make_script(script.lines[2]), cache, past)) == {}


def test_a_damaged_take_is_the_reason(cache: Cache) -> None:
    script = make_script(make_line("l1"))
    plan = plan_it(script, cache)
    past = record(plan, cache)
    take = cache.find(plan.lines[0].utterances[0].key)
    assert isinstance(take, Take)
    blob_path(cache.root, take.blob).write_bytes(b"x")

    assert reasons(plan_it(script, cache, past)) == {"l1": Reason.DAMAGED}


def test_force_renders_what_is_selected_but_not_what_is_locked(cache: Cache) -> None:
    script = make_script(make_line("l1"), make_line("l2", "Second.", lock=True), make_line("l3", "Third."))
    past = record(plan_it(script, cache), cache)
    selected = select_lines(script, ("id=l1,l2",))

    plan = make_plan(script, cache, selected=selected, past=lambda: past, force=True)

    assert reasons(plan) == {"l1": Reason.FORCED}
    assert [job.calls[0].line_id for job in make_jobs(plan)] == ["l1"]


def test_a_locked_line_keeps_its_take_whatever_changes(cache: Cache) -> None:
    script = make_script(make_line("l1", lock=True))
    first = plan_it(script, cache)
    past = record(first, cache)

    plan = plan_it(make_script(make_line("l1", "Quite other words.", voice="f3", lock=True)), cache, past)

    assert reasons(plan) == {}
    assert [u.key for u in plan.lines[0].utterances] == [u.key for u in first.lines[0].utterances]
    assert describe_previous(plan.lines[0]) == past["l1"]


def test_a_locked_line_whose_take_is_gone_is_refused_with_its_place(cache: Cache) -> None:
    script = make_script(make_line("l7", lock=True))
    past = record(plan_it(script, cache), cache)
    for path in cache.root.glob("ac/*/*.json"):
        path.unlink()

    with pytest.raises(InputError, match=r"book\.yaml:7:1: line 'l7' is locked"):
        plan_it(script, cache, past)


def test_lines_that_sound_the_same_share_a_take(cache: Cache) -> None:
    plan = plan_it(make_script(make_line("l1"), make_line("l2")), cache)

    assert len(make_jobs(plan)) == 1


def test_jobs_are_longest_first(cache: Cache) -> None:
    plan = plan_it(make_script(make_line("l1"), make_line("l2", LONG), make_line("l3", "Second line.")), cache)

    lengths = [len(job.calls[0].text) for job in make_jobs(plan)]

    assert lengths == sorted(lengths, reverse=True)


def test_emotions_come_from_the_speaker_then_the_project_then_the_engine(cache: Cache) -> None:
    own = Emotion(name="angry", speed=1.5)
    script = make_script(
        make_line("l1", speaker="mole", emotion="angry"),
        make_line("l2", emotion="angry"),
        make_line("l3", emotion="sad"),
        make_line("l4", emotion="sad", intensity=0.0),
        speakers={"mole": Speaker(id="mole", gain_db=2.0, emotions={"angry": own})},
        emotions={"angry": replace(own, speed=1.25, volume_db=1.0)},
    )

    lines = plan_it(script, cache).lines

    assert lines[0].utterances[0].params == {"speed": 1.5}
    assert lines[0].gain_db == 2.0
    assert lines[1].utterances[0].params == {"speed": 1.25}
    assert lines[1].gain_db == 1.0
    assert lines[2].utterances[0].params["speed"] < 1
    assert lines[3].utterances[0].params == {}


class TestSelectLines:
    """`--only` chooses lines."""

    SCRIPT = make_script(
        make_line("l1", speaker="mole", chapter="bank", tags=("x",)),
        make_line("l2", speaker="rat", chapter="wood", emotion="sad"),
        make_line("l3", speaker="mole", chapter="wood"),
        chapters={"bank": Chapter(id="bank", title="The Bank"), "wood": Chapter(id="wood")},
    )

    @pytest.mark.parametrize(
        ("expressions", "ids"),
        [
            ((), {"l1", "l2", "l3"}),
            (("speaker=mole",), {"l1", "l3"}),
            (("chapter=2",), {"l2", "l3"}),
            (("chapter=The Bank",), {"l1"}),
            (("chapter=wood", "speaker=mole"), {"l3"}),
            (("id=l1,l2",), {"l1", "l2"}),
            (("tag=x",), {"l1"}),
            (("emotion=sad",), {"l2"}),
        ],
    )
    def test_it_matches(self, expressions: tuple[str, ...], ids: set[str]) -> None:
        assert select_lines(self.SCRIPT, expressions) == ids

    @pytest.mark.parametrize(
        ("expression", "hint"), [("speaker=moll", "mole"), ("spaeker=mole", "speaker"), ("mole", "fields"), ("id=", "")]
    )
    def test_what_matches_nothing_is_a_mistake(self, expression: str, hint: str) -> None:
        with pytest.raises(UsageError) as caught:
            select_lines(self.SCRIPT, (expression,))
        assert hint in caught.value.hint
