"""Plan -> takes, with all that may go wrong between: voices made ready, lines recorded, and what fails handed on."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from tts_cli.cache.store import Cache, Missing
from tts_cli.errors import DamagedTakeError
from tts_cli.pipeline.plan.jobs import make_jobs
from tts_cli.pipeline.request import EventSink, Progress, Recorded
from tts_cli.pipeline.takes.commit import record_takes
from tts_cli.pipeline.takes.eta import EtaEstimator
from tts_cli.pipeline.takes.fallback import errors_of_lines, fall_back, optional_engines
from tts_cli.pipeline.takes.quality_check import (
    MOST_RETAKES,
    TakeChoice,
    find_quality_issues,
    find_retakable,
    keep_best,
    plan_retakes,
    plan_unsound,
)
from tts_cli.pipeline.takes.voice_states import make_ready
from tts_cli.settings import WorkerOptions
from tts_cli.types import Job, Plan, Take
from tts_cli.workers.events import WorkerEvent
from tts_cli.workers.messages import TakeDone, TakeFailed
from tts_cli.workers.pool import Pool
from tts_cli.workers.stop import Stop


@dataclass(slots=True, kw_only=True)
class RecordingState:
    """Where a run records, and what it has recorded so far.

    That is keys, the seconds of audio in them, errors by key, why lines have fallen back on another engine, by id, the
    takes that are suspect and those made in their place, which of them was kept, what engines want to be known, and
    why engines made no take, by key, where another seed may mend it.
    """

    cache: Cache
    worker_options: WorkerOptions
    on_event: EventSink
    stop: Stop
    rendered: set[str] = field(default_factory=set)
    audio_s: float = 0.0
    errors: dict[str, str] = field(default_factory=dict)
    fell_back: dict[str, str] = field(default_factory=dict)
    flagged: dict[str, Take] = field(default_factory=dict)
    kept: dict[str, TakeChoice] = field(default_factory=dict)
    notices: dict[str, None] = field(default_factory=dict)
    unsound: dict[str, str] = field(default_factory=dict)

    def hear(self, event: WorkerEvent) -> None:
        """Hand a worker's event on, and keep what its engine wants the user to know, once."""
        if event.what == "ready":
            self.notices |= {f"{event.engine}: {notice}": None for notice in event.detail.splitlines()}
        self.on_event(event)


def record_plan(plan: Plan, studio: RecordingState) -> Plan:
    """Have the missing takes recorded, into the cache alone: however many there are, this takes no memory for them.

    The plan that comes back has the engines that spoke in the end: lines that failed are handed on to the next one of
    their chain. Raises `KeyboardInterrupt` where a stop was asked for and has been heeded.
    """
    optional = optional_engines(plan)
    with Pool(
        studio.worker_options, studio.cache.root, listen=studio.hear, stop=studio.stop, optional=optional
    ) as pool:
        tried = _record(make_jobs(plan), plan, studio, pool)
        tried |= _mend_unsound(plan, studio, pool)
        while again := fall_back(plan, studio.errors, studio.cache):
            studio.fell_back |= errors_of_lines(plan, studio.errors)
            plan = again
            jobs = [job for job in make_jobs(plan) if job.calls[0].key not in tried]
            tried |= _record(jobs, plan, studio, pool)
            tried |= _mend_unsound(plan, studio, pool)
        plan = settle_quality_issues(plan, studio, pool)
    if studio.stop.asked:
        raise KeyboardInterrupt
    return plan


def load_takes(plan: Plan, studio: RecordingState) -> dict[str, Take]:
    """Return all takes by key: those that the plan knew, and those recorded since.

    Raises `DamagedTakeError` where one of the new ones is gone from the cache already.
    """
    takes = dict(plan.takes)
    for key in studio.rendered:
        found = studio.cache.find(key)
        if isinstance(found, Missing):
            raise DamagedTakeError(key)
        takes[key] = found
    return takes


def settle_quality_issues(plan: Plan, studio: RecordingState, pool: Pool | None) -> Plan:
    """Return the plan with the best take of each suspect; without a `pool`, of those takes that the cache has."""
    retakable = find_retakable(plan, {**plan.takes, **studio.flagged})
    if not retakable:
        return plan
    takes = {key: studio.flagged.get(key) or plan.takes[key] for key in retakable}
    for attempt in range(1, MOST_RETAKES + 1):
        again = plan_retakes(plan, takes, retakable, studio.cache, attempt)
        if again and pool:
            _record(make_jobs(again), again, studio, pool)
            studio.cache.look_up((utterance.key for utterance in again.utterances), takes)
    plan, kept = keep_best(plan, takes, retakable)
    studio.kept |= kept
    studio.flagged |= takes
    return replace(plan, takes={**plan.takes, **{key: takes[key] for key in kept}})


def _mend_unsound(plan: Plan, studio: RecordingState, pool: Pool) -> set[str]:
    """Try other seeds where an engine made no take; the first take that comes is kept under the first one's key.

    So that key has the same sound in every run. Returns the keys that were tried.
    """
    tried: set[str] = set()
    for attempt in range(1, MOST_RETAKES + 1):
        again, firsts = plan_unsound(plan, studio.unsound, attempt)
        found: dict[str, Take] = {}
        studio.cache.look_up(firsts, found)
        tried |= _record([job for job in make_jobs(again) if job.calls[0].key not in found], again, studio, pool)
        studio.cache.look_up(firsts, found)
        for key, take in found.items():
            _keep_instead(firsts[key], take, attempt, studio)
        for key in firsts.keys() - found.keys():
            studio.unsound.pop(key, None)
            if attempt == MOST_RETAKES:
                studio.errors[firsts[key]] = f"{studio.unsound[firsts[key]]}, {attempt + 1} times"
    return tried


def _keep_instead(key: str, take: Take, attempt: int, studio: RecordingState) -> None:
    """Commit the take of a later attempt as that of the key that has none."""
    instead = replace(take, key=key)
    studio.cache.put(instead)
    studio.rendered.add(key)
    if studio.flagged.pop(take.key, None):
        studio.flagged[key] = instead
    because = f"came to nothing ({studio.unsound.pop(key)})"
    studio.kept[key] = TakeChoice(take=attempt + 1, of=attempt + 1, because=because)
    del studio.errors[key]


def _record(jobs: Iterable[Job], plan: Plan, studio: RecordingState, pool: Pool) -> set[str]:
    """Record what has not failed yet in this run; returns the keys that were tried."""
    jobs = [job for job in jobs if job.calls[0].key not in studio.errors]
    tried = {job.calls[0].key for job in jobs}
    for ready, needed, errors in make_ready(jobs, plan.conditionals_requests, studio.cache, pool):
        studio.on_event(Progress(stage="voice", done=ready, total=needed))
        studio.errors |= errors
    jobs = [job for job in jobs if job.calls[0].key not in studio.errors]
    eta = EtaEstimator(jobs)
    for result in record_takes(jobs, studio.cache, pool):
        recorded = _count(eta, result)
        if isinstance(result, TakeFailed):
            studio.errors[result.key] = result.error
            if result.kind == "unsound":
                studio.unsound[result.key] = result.error
        else:
            if find_quality_issues(result.take, recorded.utterance):
                studio.flagged[result.take.key] = result.take
            studio.rendered.add(recorded.utterance.key)
            studio.audio_s += recorded.audio_s
        studio.on_event(recorded)
        studio.on_event(Progress(stage="record", done=eta.done_s, total=eta.total_s, eta_s=eta.eta_s))
    return tried


def _count(eta: EtaEstimator, result: TakeDone | TakeFailed) -> Recorded:
    if isinstance(result, TakeFailed):
        return Recorded(utterance=eta.count(result.key, None, 0), error=result.error)
    take, worker = result.take, result.worker
    call = eta.count(take.key, take, worker)
    return Recorded(utterance=call, worker=worker, audio_s=take.frames / take.sample_rate, wall_s=take.wall_s)
