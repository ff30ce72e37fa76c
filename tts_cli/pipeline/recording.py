"""Plan -> takes, with all that may go wrong between: voices made ready, lines recorded, and what fails handed on."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from tts_cli.cache.store import Cache
from tts_cli.pipeline.conditionals import make_ready
from tts_cli.pipeline.fallback import errors_of_lines, fall_back, optional_engines
from tts_cli.pipeline.jobs import make_jobs
from tts_cli.pipeline.order import Progress, Recorded, Watch
from tts_cli.pipeline.suspects import MOST_RETAKES, Kept, find_retakable, keep_best, plan_retakes
from tts_cli.pipeline.takes import record_takes
from tts_cli.pipeline.tally import Tally
from tts_cli.settings import Crew
from tts_cli.types import Job, Plan, Take
from tts_cli.workers.messages import TakeDone, TakeFailed
from tts_cli.workers.pool import Pool
from tts_cli.workers.stop import Stop


@dataclass(slots=True, kw_only=True)
class Studio:
    """Where a run records, and what it has recorded so far.

    These are keys, errors by key, why lines fell back by id, and which of several takes was kept by its key.
    """

    cache: Cache
    crew: Crew
    watch: Watch
    stop: Stop
    rendered: set[str] = field(default_factory=set)
    errors: dict[str, str] = field(default_factory=dict)
    fallen: dict[str, str] = field(default_factory=dict)
    kept: dict[str, Kept] = field(default_factory=dict)


def record(plan: Plan, studio: Studio) -> tuple[Plan, dict[str, Take]]:
    """Have the missing takes recorded; returns all takes by key, those from the cache included.

    The plan that comes back has the engines that spoke in the end: lines that failed are handed on to the next one of
    their chain. Raises `KeyboardInterrupt` where a stop was asked for and has been heeded.
    """
    takes = dict(plan.takes)
    optional = optional_engines(plan)
    with Pool(studio.crew, studio.cache.root, listen=studio.watch, stop=studio.stop, optional=optional) as pool:
        tried = _record(make_jobs(plan), plan, takes, studio, pool)
        while again := fall_back(plan, takes, studio.errors, studio.cache):
            studio.fallen |= errors_of_lines(plan, studio.errors)
            plan = again
            jobs = [job for job in make_jobs(plan) if job.calls[0].key not in tried]
            tried |= _record(jobs, plan, takes, studio, pool)
        plan = settle_suspects(plan, takes, studio, pool)
    if studio.stop.asked:
        raise KeyboardInterrupt
    return plan, takes


def settle_suspects(plan: Plan, takes: dict[str, Take], studio: Studio, pool: Pool | None) -> Plan:
    """Return the plan with the best take of each suspect; without a `pool`, of those takes that the cache has."""
    retakable = find_retakable(plan, takes)
    if not retakable:
        return plan
    for attempt in range(1, MOST_RETAKES + 1):
        again = plan_retakes(plan, takes, retakable, studio.cache, attempt)
        if again and pool:
            _record(make_jobs(again), again, takes, studio, pool)
    plan, kept = keep_best(plan, takes, retakable)
    studio.kept |= kept
    return plan


def _record(jobs: Iterable[Job], plan: Plan, takes: dict[str, Take], studio: Studio, pool: Pool) -> set[str]:
    """Record what has not failed yet in this run, into `takes`; returns the keys that were tried."""
    jobs = [job for job in jobs if job.calls[0].key not in studio.errors]
    tried = {job.calls[0].key for job in jobs}
    for ready, needed, errors in make_ready(jobs, plan.conditionings, studio.cache, pool):
        studio.watch(Progress(stage="voice", done=ready, total=needed))
        studio.errors |= errors
    jobs = [job for job in jobs if job.calls[0].key not in studio.errors]
    tally = Tally(jobs)
    for result in record_takes(jobs, studio.cache, pool):
        if isinstance(result, TakeDone):
            takes[result.take.key] = result.take
            studio.rendered.add(result.take.key)
        else:
            studio.errors[result.key] = result.error
        _tell(studio.watch, tally, result)
    return tried


def _tell(watch: Watch, tally: Tally, result: TakeDone | TakeFailed) -> None:
    """Say what became of an utterance, and how far the recording is."""
    if isinstance(result, TakeDone):
        take, worker = result.take, result.worker
        call = tally.count(take.key, take, worker)
        said = Recorded(utterance=call, worker=worker, audio_s=take.frames / take.sample_rate, wall_s=take.wall_s)
    else:
        said = Recorded(utterance=tally.count(result.key, None, 0), error=result.error)
    watch(said)
    watch(Progress(stage="record", done=tally.done_s, total=tally.total_s, left_s=tally.left_s))
