"""Plan -> Jobs: what must be recorded, grouped by engine and longest first, so that all workers end together."""

from collections import defaultdict
from collections.abc import Iterable

from tts_cli.pipeline.model import Plan, Reason
from tts_cli.pipeline.plan.estimates import estimate_s
from tts_cli.types import Job, Utterance


def make_jobs(plan: Plan) -> tuple[Job, ...]:
    """Return a job for each take that a selected line misses; the engine with most work comes first."""
    groups: defaultdict[str, list[Job]] = defaultdict(list)
    for utterance in _wanted(plan):
        job = Job(engine=utterance.engine, calls=(utterance,), estimated_s=estimate_s(utterance))
        groups[utterance.engine].append(job)
    largest_first = sorted(groups.values(), key=lambda jobs: -sum(job.estimated_s for job in jobs))
    return tuple(job for jobs in largest_first for job in sorted(jobs, key=lambda job: -job.estimated_s))


def _wanted(plan: Plan) -> Iterable[Utterance]:
    """Yield each take to record once, however many lines share it."""
    seen: set[str] = set()
    for planned in plan.to_render:
        for utterance in planned.utterances:
            known = utterance.key in plan.takes and planned.reason is not Reason.FORCED
            if utterance.key not in seen and not known:
                seen.add(utterance.key)
                yield utterance
