"""Plan -> Jobs: what must be recorded, grouped by engine and longest first, so that all workers end together."""

from collections import defaultdict
from collections.abc import Container, Iterable, Sequence
from dataclasses import replace

from tts_cli.pipeline.model import Plan, Reason
from tts_cli.pipeline.plan.conversation import find_scenes
from tts_cli.pipeline.plan.estimates import estimate_s
from tts_cli.types import Job, Utterance


def make_jobs(plan: Plan) -> tuple[Job, ...]:
    """Return a job for each take that a selected line misses; the engine with most work comes first.

    Takes of a scene that hear one another are one job, in the order of the script.
    """
    scenes = find_scenes(plan.lines)
    groups: defaultdict[str, list[Job]] = defaultdict(list)
    conversations: defaultdict[tuple[str, int], list[Utterance]] = defaultdict(list)
    for utterance in _wanted(plan):
        if utterance.key in scenes:
            conversations[utterance.engine, scenes[utterance.key]].append(utterance)
        else:
            groups[utterance.engine].append(_make_job([utterance]))
    for (engine, _), utterances in conversations.items():
        groups[engine].append(_make_job(utterances, in_order=True))
    largest_first = sorted(groups.values(), key=lambda jobs: -sum(job.estimated_s for job in jobs))
    return tuple(job for jobs in largest_first for job in sorted(jobs, key=lambda job: -job.estimated_s))


def _make_job(utterances: Sequence[Utterance], *, in_order: bool = False) -> Job:
    seconds = sum(map(estimate_s, utterances))
    return Job(engine=utterances[0].engine, calls=tuple(utterances), estimated_s=seconds, in_order=in_order)


def leave_out(jobs: Iterable[Job], keys: Container[str]) -> list[Job]:
    """Return jobs without the calls that have one of these keys."""
    left = []
    for job in jobs:
        calls = tuple(call for call in job.calls if call.key not in keys)
        if len(calls) == len(job.calls):
            left.append(job)
        elif calls:
            left.append(replace(job, calls=calls, estimated_s=job.estimated_s * len(calls) / len(job.calls)))
    return left


def _wanted(plan: Plan) -> Iterable[Utterance]:
    """Yield each take to record once, however many lines share it."""
    seen: set[str] = set()
    for planned in plan.to_render:
        for utterance in planned.utterances:
            known = utterance.key in plan.takes and planned.reason is not Reason.FORCED
            if utterance.key not in seen and not known:
                seen.add(utterance.key)
                yield utterance
