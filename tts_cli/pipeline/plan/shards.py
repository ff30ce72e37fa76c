"""A plan in equal shares: every machine computes the same split, by itself, from the script alone."""

import heapq
import re
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import replace

from tts_cli.cache.keys import digest
from tts_cli.cache.shard_run import ShardRun
from tts_cli.errors import UsageError
from tts_cli.pipeline.model import Plan, Shard
from tts_cli.pipeline.plan.conversation import find_scenes
from tts_cli.pipeline.plan.utterances import estimate_work_s
from tts_cli.types import Utterance

# Variables that hold an index and a count, and the number of the first index.
ARRAYS = (
    ("AWS_BATCH_JOB_ARRAY_INDEX", "AWS_BATCH_JOB_ARRAY_SIZE", 0),
    ("CI_NODE_INDEX", "CI_NODE_TOTAL", 1),
    ("CIRCLE_NODE_INDEX", "CIRCLE_NODE_TOTAL", 0),
)
HINT = "write it like 3/8; `auto` reads what Slurm, AWS Batch, GitLab or CircleCI say in the environment"


def read_shard(text: str, environment: Mapping[str, str]) -> Shard:
    """Read `3/8`, or for `auto` what a job array says in the environment; raises `UsageError`."""
    if text == "auto":
        return _from_environment(environment)
    found = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text)
    if not found:
        raise UsageError(f"--shard {text!r} is not a share", hint=HINT)
    return _shard(int(found[1]), int(found[2]))


def split_keys(plan: Plan, count: int) -> list[frozenset[str]]:
    """Share the selected lines' utterances out by longest processing time first: the keys of each shard.

    All of them, also those that the cache has: what it has changes while the shards work. Takes of a scene that hear
    one another stay together.
    """
    utterances: dict[str, Utterance] = {}
    for planned in plan.lines:
        if planned.line.id in plan.selected and not planned.locked:
            for utterance in planned.utterances:
                utterances[utterance.key] = utterance
    scenes = find_scenes(plan.lines)
    groups: defaultdict[int | str, list[str]] = defaultdict(list)
    for key in utterances:
        groups[scenes.get(key, key)].append(key)
    longest_first = sorted(
        (-sum(estimate_work_s(utterances[key]) for key in keys), keys[0], keys) for keys in groups.values()
    )
    loads = [(0.0, number) for number in range(count)]
    shares: list[set[str]] = [set() for _ in range(count)]
    for negative_s, _, keys in longest_first:
        load_s, number = loads[0]
        shares[number].update(keys)
        heapq.heapreplace(loads, (load_s - negative_s, number))
    return [frozenset(share) for share in shares]


def take_share(plan: Plan, shard: Shard) -> Plan:
    """Return the plan of one shard: the lines that it has a part in, each with its own parts alone."""
    share = split_keys(plan, shard.count)[shard.index - 1]
    lines = [
        planned if len(own) == len(planned.utterances) else replace(planned, utterances=own)
        for planned in plan.lines
        if (own := tuple([utterance for utterance in planned.utterances if utterance.key in share]))
    ]
    return replace(plan, lines=tuple(lines))


def find_absent(plan: Plan, shard_run: ShardRun) -> dict[str, str]:
    """Return the keys of the selected lines that have no take, and which shard owes each, where that is known."""
    absent = [utterance.key for utterance in plan.utterances if utterance.key not in plan.takes]
    owners: dict[str, int] = {}
    count = shard_run.count(describe_work(plan)) if absent else 0
    if count:
        owners = {key: number for number, share in enumerate(split_keys(plan, count), start=1) for key in share}
    finished = shard_run.finished()
    return {key: _absence(owners.get(key), count, finished) for key in absent}


def _absence(number: int | None, count: int, finished: Collection[int]) -> str:
    if number is None:
        return "it has no take yet"
    state = "its take is gone from the cache" if number in finished else "that is not done"
    return f"it has no take yet: the work of shard {number}/{count}, {state}"


def describe_work(plan: Plan) -> str:
    """Name what is shared out: equal on all machines that see the same script with the same engines."""
    return digest([utterance.key for planned in plan.lines if not planned.locked for utterance in planned.utterances])


def _from_environment(environment: Mapping[str, str]) -> Shard:
    if "SLURM_ARRAY_TASK_ID" in environment:
        return _from_slurm(environment)
    for index, count, first in ARRAYS:
        if index in environment and count in environment:
            return _shard(_number(environment, index) - first + 1, _number(environment, count))
    raise UsageError("--shard auto: no job array is to be seen in the environment", hint=HINT)


def _from_slurm(environment: Mapping[str, str]) -> Shard:
    """Count from the array's first task on, in its steps: --array=10-80:10 is as good as --array=0-7."""
    task, count = _number(environment, "SLURM_ARRAY_TASK_ID"), _number(environment, "SLURM_ARRAY_TASK_COUNT")
    first = _number(environment, "SLURM_ARRAY_TASK_MIN")
    last = _number(environment, "SLURM_ARRAY_TASK_MAX")
    step, rest = divmod(last - first, count - 1) if count > 1 else (1, 0)
    if rest or (task - first) % step:
        raise UsageError(f"--shard auto: the tasks {first} to {last} are not {count} equal steps", hint=HINT)
    return _shard((task - first) // step + 1, count)


def _number(environment: Mapping[str, str], name: str) -> int:
    value = environment.get(name, "")
    if not value.isdecimal():
        raise UsageError(f"--shard auto: {name} is {value!r}, not a number", hint=HINT)
    return int(value)


def _shard(index: int, count: int) -> Shard:
    if not 1 <= index <= count:
        raise UsageError(f"--shard {index}/{count}: shards are numbered from 1 to {max(1, count)}", hint=HINT)
    return Shard(index=index, count=count)
