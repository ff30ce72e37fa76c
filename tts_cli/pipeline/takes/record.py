"""Plan -> Takes, with all that may go wrong between: voices made ready, lines recorded, and what fails handed on."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from tts_cli.cache.store import Missing
from tts_cli.errors import DamagedTakeError
from tts_cli.pipeline.edit.dub import Dub, fit_to_slots
from tts_cli.pipeline.model import Plan
from tts_cli.pipeline.plan.plan import leave_out, make_jobs, make_plan
from tts_cli.pipeline.plan.shards import find_absent
from tts_cli.pipeline.request import Progress, Recorded
from tts_cli.pipeline.session import RunContext
from tts_cli.pipeline.takes.eta import EtaEstimator
from tts_cli.pipeline.takes.fallback import errors_of_lines, fall_back, optional_engines, use_cached_fallback
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
from tts_cli.types import Job, Manifest, Take
from tts_cli.workers.messages import ConditionalsDone, TakeDone, TakeFailed, WorkerEvent
from tts_cli.workers.pool import Pool


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingState:
    """What a run has recorded so far.

    `rendered` holds the keys of the takes, `audio_s` the seconds of audio in them, and `errors` the keys that failed.
    `fell_back` says, by line id, why a line has another engine. `flagged` takes have quality issues, and `kept` says
    which take of a flagged one is used. `notices` are what engines want the user to know.
    """

    rendered: frozenset[str] = frozenset()
    audio_s: float = 0.0
    errors: Mapping[str, str] = field(default_factory=dict)
    fell_back: Mapping[str, str] = field(default_factory=dict)
    flagged: Mapping[str, Take] = field(default_factory=dict)
    kept: Mapping[str, TakeChoice] = field(default_factory=dict)
    notices: tuple[str, ...] = ()


class Recorder:
    """Records plans of one run, one after the other; what has failed or was flagged once is remembered."""

    def __init__(self, run: RunContext) -> None:
        self._run = run
        self._rendered: set[str] = set()
        self._audio_s = 0.0
        self._errors: dict[str, str] = {}
        self._fell_back: dict[str, str] = {}
        self._flagged: dict[str, Take] = {}
        self._kept: dict[str, TakeChoice] = {}
        self._notices: dict[str, None] = {}
        self._unsound: dict[str, str] = {}  # why engines made no take, by key, where another seed may mend it

    @property
    def has_rendered(self) -> bool:
        """Whether this run has recorded anything yet."""
        return bool(self._rendered)

    @property
    def state(self) -> RecordingState:
        """What has been recorded so far."""
        return RecordingState(
            rendered=frozenset(self._rendered),
            audio_s=self._audio_s,
            errors=dict(self._errors),
            fell_back=dict(self._fell_back),
            flagged=dict(self._flagged),
            kept=dict(self._kept),
            notices=tuple(self._notices),
        )

    def record(self, plan: Plan) -> Plan:
        """Record the missing takes into the cache alone: however many there are, this takes no memory for them.

        The plan that comes back has the engines that spoke in the end: lines that failed are handed on to the next one
        of their chain. Raises `KeyboardInterrupt` where a stop was asked for and has been heeded.
        """
        run = self._run
        with Pool(
            run.worker_options,
            run.cache.root,
            listen=self._on_worker_event,
            stop=run.stop,
            optional=optional_engines(plan),
        ) as pool:
            tried = self._record_jobs(make_jobs(plan), plan, pool)
            tried |= self._mend_unsound(plan, pool)
            while again := fall_back(plan, self._errors, run.cache):
                self._fell_back |= errors_of_lines(plan, self._errors)
                plan = again
                tried |= self._record_jobs(leave_out(make_jobs(plan), tried), plan, pool)
                tried |= self._mend_unsound(plan, pool)
            plan = self._choose_takes(plan, pool)
        if run.stop.asked:
            raise KeyboardInterrupt
        return plan

    def use_cached(self, plan: Plan) -> Plan:
        """Record nothing: lines have the first engine of their chain whose takes are there; what lacks is an error."""
        run = self._run
        found = use_cached_fallback(plan, run.cache)
        for before, now in zip(plan.lines, found.lines, strict=True):
            if now is not before:
                self._fell_back[now.line.id] = "there is no take of it"
        self._errors |= find_absent(found, run.shard_run)
        return self._choose_takes(found, None)

    def load_takes(self, plan: Plan) -> dict[str, Take]:
        """Return all takes by key: those that the plan knew, and those recorded since.

        Raises `DamagedTakeError` where one of the new ones is gone from the cache already.
        """
        takes = dict(plan.takes)
        for key in self._rendered:
            found = self._run.cache.find(key)
            if isinstance(found, Missing):
                raise DamagedTakeError(key)
            takes[key] = found
        return takes

    def _on_worker_event(self, event: WorkerEvent) -> None:
        """Hand a worker's event on, and keep what its engine wants the user to know, once."""
        if event.what in ("ready", "noticed"):
            self._notices |= {f"{event.engine}: {notice}": None for notice in event.detail.splitlines()}
        self._run.on_event(event)

    def _choose_takes(self, plan: Plan, pool: Pool | None) -> Plan:
        """Return the plan with the best take of each flagged one; without a `pool`, of those that the cache has."""
        retakable = find_retakable(plan, {**plan.takes, **self._flagged})
        if not retakable:
            return plan
        takes = {key: self._flagged.get(key) or plan.takes[key] for key in retakable}
        for attempt in range(1, MOST_RETAKES + 1):
            again = plan_retakes(plan, takes, retakable, self._run.cache, attempt)
            if again and pool:
                self._record_jobs(make_jobs(again), again, pool)
                self._run.cache.look_up((utterance.key for utterance in again.utterances), takes)
        plan, kept = keep_best(plan, takes, retakable)
        self._kept |= kept
        self._flagged |= takes
        return replace(plan, takes={**plan.takes, **{key: takes[key] for key in kept}})

    def _mend_unsound(self, plan: Plan, pool: Pool) -> set[str]:
        """Try other seeds where an engine made no take; the first take that comes is kept under the first one's key.

        So that key has the same sound in every run. Returns the keys that were tried.
        """
        tried: set[str] = set()
        for attempt in range(1, MOST_RETAKES + 1):
            if not self._unsound:
                break
            again, firsts = plan_unsound(plan, self._unsound, attempt)
            found: dict[str, Take] = {}
            self._run.cache.look_up(firsts, found)
            tried |= self._record_jobs(leave_out(make_jobs(again), found), again, pool)
            self._run.cache.look_up(firsts, found)
            for key, take in found.items():
                self._keep_instead(firsts[key], take, attempt)
            for key in firsts.keys() - found.keys():
                self._unsound.pop(key, None)
                if attempt == MOST_RETAKES:
                    self._errors[firsts[key]] = f"{self._unsound[firsts[key]]}, {attempt + 1} times"
        return tried

    def _keep_instead(self, key: str, take: Take, attempt: int) -> None:
        """Commit the take of a later attempt as that of the key that has none."""
        instead = replace(take, key=key)
        self._run.cache.put(instead)
        self._rendered.add(key)
        if self._flagged.pop(take.key, None):
            self._flagged[key] = instead
        because = f"came to nothing ({self._unsound.pop(key)})"
        self._kept[key] = TakeChoice(take=attempt + 1, of=attempt + 1, because=because)
        del self._errors[key]

    def _record_jobs(self, jobs: Iterable[Job], plan: Plan, pool: Pool) -> set[str]:
        """Record what has not failed yet in this run; returns the keys that were tried."""
        run = self._run
        jobs = leave_out(jobs, self._errors)
        tried = {call.key for job in jobs for call in job.calls}
        for ready, needed, errors in make_ready(jobs, plan.conditionals_requests, run.cache, pool):
            run.on_event(Progress(stage="voice", done=ready, total=needed))
            self._errors |= errors
        jobs = leave_out(jobs, self._errors)
        eta = EtaEstimator(jobs)
        for result in self._committed(pool, jobs):
            recorded = _count(eta, result)
            if isinstance(result, TakeFailed):
                self._errors[result.key] = result.error
                if result.kind == "unsound":
                    self._unsound[result.key] = result.error
            else:
                if find_quality_issues(result.take, recorded.utterance):
                    self._flagged[result.take.key] = result.take
                self._rendered.add(recorded.utterance.key)
                self._audio_s += recorded.audio_s
            run.on_event(recorded)
            run.on_event(Progress(stage="record", done=eta.done_s, total=eta.total_s, eta_s=eta.eta_s))
        return tried

    def _committed(self, pool: Pool, jobs: list[Job]) -> Iterator[TakeDone | TakeFailed]:
        """Yield what became of each utterance, in the order of completion; what is yielded is safely in the cache."""
        for result in pool.render(jobs):
            if isinstance(result, TakeDone):
                self._run.cache.put(result.take)
            if not isinstance(result, ConditionalsDone):
                yield result


def _count(eta: EtaEstimator, result: TakeDone | TakeFailed) -> Recorded:
    if isinstance(result, TakeFailed):
        return Recorded(utterance=eta.count(result.key, None, 0), error=result.error)
    take, worker = result.take, result.worker
    call = eta.count(take.key, take, worker)
    return Recorded(utterance=call, worker=worker, audio_s=take.frames / take.sample_rate, wall_s=take.wall_s)


# --- all takes of a run -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedScript:
    """A script with the takes that there are by now, by key; `dub` is how its lines were fitted to their slots."""

    plan: Plan
    takes: Mapping[str, Take]
    state: RecordingState
    dub: Dub | None = None


def gather_takes(run: RunContext, recorder: Recorder, plan: Plan) -> RecordedScript:
    """Have the missing takes recorded, and where the recipe says how, the lines fitted to their slots.

    Raises `KeyboardInterrupt` where a stop was asked for, and `DamagedTakeError` for a take that is gone.
    """
    plan, takes = _take_in(run, recorder, plan)
    if not run.recipe.fit:
        return RecordedScript(plan=plan, takes=takes, state=recorder.state)

    def at_other_speeds(manifest: Manifest, changed: frozenset[str]) -> tuple[Plan, dict[str, Take]]:
        selected, force = run.selected & changed, run.request.force
        again = make_plan(manifest, run.cache, selected=selected, past=lambda: run.previous.lines, force=force)
        return _take_in(run, recorder, again)

    dub = fit_to_slots(plan, takes, run.recipe, at_other_speeds)
    return RecordedScript(plan=dub.plan, takes=dict(dub.takes), state=recorder.state, dub=dub)


def _take_in(run: RunContext, recorder: Recorder, plan: Plan) -> tuple[Plan, dict[str, Take]]:
    """Have the missing takes recorded, or where they are only to be stitched, say which are missing."""
    if run.request.stitch_only:
        plan = recorder.use_cached(plan)
        return plan, dict(plan.takes)
    plan = recorder.record(plan)
    return plan, recorder.load_takes(plan)
