"""How well work is shared out, in simulated time: the very hand-out that a pool uses, and the very split of shards."""

import heapq
import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import replace

from tts_cli.bench.timing import Figure
from tts_cli.engines.base import EngineSpec
from tts_cli.engines.tone.spec import TONE
from tts_cli.errors import Source
from tts_cli.line import Line
from tts_cli.pipeline.model import Plan, PlannedLine
from tts_cli.pipeline.plan.shards import split_keys
from tts_cli.types import Job, Manifest, Utterance
from tts_cli.workers.backlog import Backlog

WORKERS = 8
TRIALS = 40
MEDIAN_CHARS, SIGMA = 60.0, 0.6
# Estimates go by the number of characters; speech is off by about so much.
ESTIMATE_SIGMA = 0.1

EVEN, MIXED = (1.0,) * WORKERS, (1.0,) * (WORKERS // 2) + (0.5,) * (WORKERS // 2)


def bench_makespan() -> list[Figure]:
    """Give the time until the last worker ends over the ideal, in the mean of many made-up scripts."""
    cases = {
        "200 lines, longest first": (200, EVEN, _queue),
        "200 lines, half of the workers at half speed": (200, MIXED, _queue),
        "2,000 lines, longest first": (2000, EVEN, _queue),
        "2,000 lines, half of the workers at half speed": (2000, MIXED, _queue),
        "200 lines, 8 shards": (200, EVEN, _shards),
        "2,000 lines, 8 shards": (2000, EVEN, _shards),
        "200 lines, in the script's order (what a plain queue does)": (200, EVEN, _in_order),
        "200 lines, every eighth line (what a plain split does)": (200, EVEN, _every_eighth),
    }
    return [_figure(what, *case) for what, case in cases.items()]


Schedule = Callable[[Plan, Sequence[float], Sequence[float]], float]


def _figure(what: str, lines: int, speeds: Sequence[float], schedule: Schedule) -> Figure:
    ratios = []
    for trial in range(TRIALS):
        plan, seconds = _make_script(lines, trial)
        ratios.append(schedule(plan, seconds, speeds) / (sum(seconds) / sum(speeds)))
    return Figure(
        what=what, value=statistics.mean(ratios), unit="x ideal", note=f"worst of {TRIALS}: {max(ratios):.3f}"
    )


def _make_script(lines: int, seed: int) -> tuple[Plan, list[float]]:
    """Make a plan of lognormal lines, and how many seconds each really takes: not quite what its length says."""
    chance = random.Random(seed)
    manifest = Manifest(name="script", path="script", lines=())
    planned, seconds = [], []
    for number in range(lines):
        length = max(1, round(MEDIAN_CHARS * chance.lognormvariate(0.0, SIGMA)))
        line = Line(id=str(number), text="", source=Source("script", number + 1))
        utterance = Utterance(
            line_id=line.id,
            part=0,
            text="x" * length,
            language="en",
            voice="mid",
            engine=TONE.name,
            params={},
            seed=0,
            key=str(number),
        )
        planned.append(PlannedLine(line=line, utterances=(utterance,), reason=None))
        seconds.append(length * chance.lognormvariate(0.0, ESTIMATE_SIGMA))
    selected = frozenset(one.line.id for one in planned)
    return Plan(manifest=manifest, lines=tuple(planned), takes={}, selected=selected), seconds


def _queue(plan: Plan, seconds: Sequence[float], speeds: Sequence[float]) -> float:
    """Hand jobs out longest first, as a pool does."""
    jobs = [
        Job(engine=TONE.name, calls=(utterance,), estimated_s=float(len(utterance.text)))
        for utterance in plan.utterances
    ]
    return _work_off(sorted(jobs, key=lambda job: -job.estimated_s), seconds, speeds)


def _in_order(plan: Plan, seconds: Sequence[float], speeds: Sequence[float]) -> float:
    return _work_off(
        [Job(engine=TONE.name, calls=(call,), estimated_s=1.0) for call in plan.utterances], seconds, speeds
    )


def _work_off(jobs: Sequence[Job], seconds: Sequence[float], speeds: Sequence[float]) -> float:
    """Let workers take from a pool's backlog whenever they are free; returns when the last one ends."""
    backlog = Backlog(jobs, _one_by_one, kind="cpu", workers=len(speeds))
    free = [(0.0, number, "") for number in range(len(speeds))]
    ends = 0.0
    while free:
        now, number, engine = heapq.heappop(free)
        job = backlog.take(engine)
        if job:
            took = sum(seconds[int(call.key)] for call in job.calls) / speeds[number]
            ends = max(ends, now + took)
            heapq.heappush(free, (now + took, number, job.engine))
    return ends


def _one_by_one(_: str) -> EngineSpec:
    return replace(TONE, execution=replace(TONE.execution, batch=1))


def _shards(plan: Plan, seconds: Sequence[float], speeds: Sequence[float]) -> float:
    """Split once, as machines do that do not talk to each other."""
    shares = split_keys(plan, len(speeds))
    return max(sum(seconds[int(key)] for key in share) / speed for share, speed in zip(shares, speeds, strict=True))


def _every_eighth(plan: Plan, seconds: Sequence[float], speeds: Sequence[float]) -> float:  # noqa: ARG001  one signature
    return max(sum(seconds[number :: len(speeds)]) / speed for number, speed in enumerate(speeds))
