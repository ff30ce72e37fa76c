"""Shares of a plan: complete, disjoint, balanced, and the same on every machine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_cli.cache.shard_run import ShardRun
from tts_cli.errors import Source, UsageError
from tts_cli.line import Line
from tts_cli.pipeline.model import Plan, PlannedLine, Shard
from tts_cli.pipeline.plan.shards import describe_work, find_absent, read_shard, split_keys, take_share
from tts_cli.pipeline.plan.utterances import estimate_work_s
from tts_cli.types import Manifest, Utterance


def plan_of(lengths, manifest="m"):
    lines = []
    for number, length in enumerate(lengths):
        line = Line(id=f"l{number}", text="a", source=Source("m", number + 1))
        parts = tuple(
            Utterance(
                line_id=line.id,
                part=part,
                text="x" * length,
                language="en",
                voice="",
                engine="tone",
                params={},
                seed=0,
                key=f"{number}-{part}",
            )
            for part in range(1 + number % 2)
        )
        lines.append(PlannedLine(line=line, utterances=parts, reason=None))
    whole = Manifest(name=manifest, path="m", lines=tuple(planned.line for planned in lines))
    return Plan(manifest=whole, lines=tuple(lines), takes={}, selected=frozenset(line.id for line in whole.lines))


@given(st.lists(st.integers(1, 300), max_size=60), st.integers(1, 9))
def test_every_utterance_is_in_one_share(lengths, count):
    plan = plan_of(lengths)
    shares = split_keys(plan, count)
    assert len(shares) == count
    assert sum(map(len, shares)) == len(plan.utterances)
    assert frozenset().union(*shares) == {utterance.key for utterance in plan.utterances}
    assert shares == split_keys(plan, count)


@given(st.lists(st.integers(1, 300), min_size=1, max_size=60), st.integers(1, 9))
def test_no_share_is_longer_than_a_fair_one_and_one_utterance(lengths, count):
    plan = plan_of(lengths)
    work = {utterance.key: estimate_work_s(utterance) for utterance in plan.utterances}
    loads = [sum(work[key] for key in share) for share in split_keys(plan, count)]
    assert max(loads) <= sum(work.values()) / count + max(work.values()) + 1e-9


def test_a_share_has_lines_with_its_own_parts_alone():
    plan = plan_of([10, 200, 30, 40])
    shares = [take_share(plan, Shard(index=index, count=3)) for index in (1, 2, 3)]
    keys = [utterance.key for share in shares for utterance in share.utterances]
    assert sorted(keys) == sorted(utterance.key for utterance in plan.utterances)
    assert all(planned.utterances for share in shares for planned in share.lines)


def test_lines_that_are_not_selected_are_nobodys():
    from dataclasses import replace

    plan = replace(plan_of([1, 2, 3]), selected=frozenset({"l0"}))
    assert frozenset().union(*split_keys(plan, 2)) == {"0-0"}


@pytest.mark.parametrize(
    ("environment", "shard"),
    [
        (
            {"SLURM_ARRAY_TASK_ID": "0", "SLURM_ARRAY_TASK_COUNT": "8", "MIN": "0", "MAX": "7"},
            "1/8",
        ),
        ({"SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_COUNT": "8", "MIN": "1", "MAX": "8"}, "3/8"),
        ({"SLURM_ARRAY_TASK_ID": "30", "SLURM_ARRAY_TASK_COUNT": "8", "MIN": "10", "MAX": "80"}, "3/8"),
        ({"SLURM_ARRAY_TASK_ID": "5", "SLURM_ARRAY_TASK_COUNT": "1", "MIN": "5", "MAX": "5"}, "1/1"),
        ({"AWS_BATCH_JOB_ARRAY_INDEX": "0", "AWS_BATCH_JOB_ARRAY_SIZE": "4"}, "1/4"),
        ({"AWS_BATCH_JOB_ARRAY_INDEX": "3", "AWS_BATCH_JOB_ARRAY_SIZE": "4"}, "4/4"),
        ({"CI_NODE_INDEX": "2", "CI_NODE_TOTAL": "3"}, "2/3"),
        ({"CIRCLE_NODE_INDEX": "2", "CIRCLE_NODE_TOTAL": "3"}, "3/3"),
    ],
)
def test_auto_asks_the_job_array(environment, shard):
    names = {"MIN": "SLURM_ARRAY_TASK_MIN", "MAX": "SLURM_ARRAY_TASK_MAX"}
    assert str(read_shard("auto", {names.get(name, name): value for name, value in environment.items()})) == shard


@pytest.mark.parametrize("text", ["0/3", "4/3", "1/0", "a/3", "3", "1/2/3", "-1/3", "", "Auto"])
def test_what_is_no_share_is_refused(text):
    with pytest.raises(UsageError, match="--shard"):
        read_shard(text, {})


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"AWS_BATCH_JOB_ARRAY_INDEX": "0"},
        {"SLURM_ARRAY_TASK_ID": "1"},
        {"CI_NODE_INDEX": "x", "CI_NODE_TOTAL": "3"},
        {
            "SLURM_ARRAY_TASK_ID": "2",
            "SLURM_ARRAY_TASK_COUNT": "3",
            "SLURM_ARRAY_TASK_MIN": "1",
            "SLURM_ARRAY_TASK_MAX": "9",
        },
    ],
)
def test_auto_without_a_sound_job_array_is_refused(environment):
    with pytest.raises(UsageError, match="--shard auto"):
        read_shard("auto", environment)


# --- the shard_run -----------------------------------------------------------------------------------------


@pytest.fixture
def shard_run(tmp_path):
    return ShardRun(tmp_path, "/books/book.yaml")


def test_shards_of_one_run_agree(shard_run):
    for _ in range(3):
        shard_run.join("work", 3)
    shard_run.finish(2)
    assert shard_run.finished() == {2}
    assert shard_run.count("work") == 3
    assert shard_run.count("other work") == 0


@pytest.mark.parametrize(("work", "count", "said"), [("work", 4, "one of 4"), ("other", 3, "another version")])
def test_another_count_or_other_work_is_refused(shard_run, work, count, said):
    shard_run.join("work", 3)
    shard_run.finish(1)
    with pytest.raises(UsageError, match=rf"3 shards has begun \(1 done\).*{said}") as caught:
        shard_run.join(work, count)
    assert "--stitch-only" in caught.value.hint


def test_a_run_that_is_done_makes_room(shard_run):
    shard_run.join("work", 2)
    shard_run.finish(1)
    shard_run.finish(2)
    shard_run.join("new work", 5)
    assert shard_run.count("new work") == 5
    assert not shard_run.finished()


def test_a_closed_run_is_forgotten_and_finishing_it_is_no_error(shard_run):
    shard_run.join("work", 2)
    shard_run.close()
    shard_run.finish(1)
    assert shard_run.count("work") == 0


def test_a_garbled_record_makes_room(shard_run):
    shard_run.join("work", 2)
    (shard_run.folder / "run.json").write_text("{")
    shard_run.join("work", 3)
    assert shard_run.count("work") == 3


def test_what_is_absent_is_somebodys(shard_run):
    plan = plan_of([5, 6, 7])
    assert set(find_absent(plan, shard_run).values()) == {"it has no take yet"}
    shard_run.join(describe_work(plan), 2)
    shard_run.finish(1)
    said = find_absent(plan, shard_run)
    assert set(said) == {utterance.key for utterance in plan.utterances}
    assert {why.partition(": ")[2] for why in said.values()} == {
        "the work of shard 1/2, its take is gone from the cache",
        "the work of shard 2/2, that is not done",
    }
