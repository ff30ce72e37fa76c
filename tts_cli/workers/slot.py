"""A place for one worker at a time: asks it for one batch after the other, and decides what follows when it fails."""

from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tts_cli.cache.records import take_from_json
from tts_cli.engines.base import EngineSpec
from tts_cli.errors import MissingError, OutputError
from tts_cli.types import ConditionalsRequest, Job, Utterance
from tts_cli.workers.backlog import Backlog
from tts_cli.workers.child import WorkerDied
from tts_cli.workers.devices import Device
from tts_cli.workers.false_starts import FalseStarts
from tts_cli.workers.hosts import Worker
from tts_cli.workers.messages import NEEDS_RESTART, ConditionalsDone, Happening, TakeDone, TakeFailed, WorkerEvent

# A call fails when it has ended its worker so often, begun and alone. Who kills workers from outside may hit the same
# call twice by chance, but hardly five times.
TRIES = 2
KILLS = 5
# A worker is replaced only if it holds so much more than after its first job: a large model is no leak.
GROWTH = 1.2
SLACK = 20.0
FAREWELL_S = 0.5

Call = Utterance | ConditionalsRequest
Result = TakeDone | ConditionalsDone | TakeFailed


class Closed(Exception):  # noqa: N818  not an error
    """The pool is being closed: stop, and say nothing."""


class SlotOwner(Protocol):
    """What a slot needs of its pool."""

    def spec_of(self, job: Job) -> EngineSpec:
        """Find the spec of a job's engine."""

    def may_lack(self, engine: str) -> bool:
        """Whether an engine that does not start costs its own lines only."""

    def launch(self, spec: EngineSpec, slot: "WorkerSlot") -> Worker:
        """Start a worker; raises `Closed` once the pool is closing, so that none can escape it."""

    def start(self, worker: Worker) -> None:
        """Wait until it is ready."""

    def send(self, message: Result | WorkerEvent) -> None:
        """Hand a result or an event to whoever consumes them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """When a worker is replaced by a fresh one: after so many calls, or holding more bytes than that (None: never)."""

    calls: int | None = None
    memory: int | None = None
    gpu_memory: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Left:
    """The calls that a worker has not answered, the keys that it said it began last, and how it failed."""

    calls: tuple[Call, ...]
    begun: tuple[str, ...]
    failure: WorkerDied

    @property
    def suspect(self) -> Call | None:
        """The call to blame: one that was begun alone and not answered."""
        return next((call for call in self.calls if self.begun == (call.key,)), None)


class WorkerSlot:
    """One place, driven by one thread."""

    def __init__(self, owner: SlotOwner, number: int, device: Device, limits: Limits) -> None:
        self.number = number
        self.device = device
        self.worker: Worker | None = None
        self.busy = False
        self._first_memory: tuple[int, int] | None = None
        self._false_starts = FalseStarts()
        self._owner = owner
        self._limits = limits

    def serve(self, backlog: Backlog, may_go_on: Callable[[], bool]) -> None:
        """Work until nothing is left to do here; raises what ends the whole run."""
        engine = self.worker.engine if self.worker else ""
        while may_go_on() and (job := backlog.take(engine)):
            engine = job.engine
            self.busy = True
            try:
                self._do(job, backlog, may_go_on)
            finally:
                self.busy = False
            self._recycle()

    def event(self, what: Happening, *, calls: Sequence[Call] = (), detail: str = "") -> None:
        """Tell what happened to the worker."""
        worker = self.worker
        if worker:
            self._owner.send(
                WorkerEvent(
                    worker=self.number,
                    what=what,
                    engine=worker.engine,
                    device=self.device.name,
                    pid=worker.pid,
                    memory=worker.memory,
                    gpu_memory=worker.gpu_memory,
                    calls=tuple(call.key for call in calls),
                    detail=detail,
                )
            )

    # --- one job ----------------------------------------------------------------------------------------

    def _do(self, job: Job, backlog: Backlog, may_go_on: Callable[[], bool]) -> None:
        """Have a job's calls done, in ever smaller batches where its worker does not survive them.

        Calls in order are batches of one, and none is begun once a stop is asked for.
        """
        spec = self._owner.spec_of(job)
        batches = deque([(call,) for call in job.calls] if job.in_order else [job.calls])
        tries: Counter[tuple[str, bool]] = Counter()
        while batches and (not job.in_order or may_go_on()):
            calls = batches.popleft()
            if why := backlog.why_given_up(spec.name):
                self._fail(calls, "skipped", why)
                continue
            within_s = spec.cost.timeout_slack_s + job.estimated_s * max(1.0, SLACK * spec.cost.realtime_factor)
            try:
                left = self._ask(spec, calls, within_s, backlog)
            except MissingError as error:
                # An engine that every line needs ends the run here.
                if not self._owner.may_lack(spec.name):
                    raise
                backlog.give_up(spec.name, error.message)
                # The next round finds the engine given up, and fails these calls with the reason.
                batches.append(calls)
                continue
            if left.calls and not left.begun:  # the worker never came to them
                batches.appendleft(left.calls)
                continue
            again = self._judge(left, tries, spec.name, backlog)
            # In front of the others and in their own order, which `extendleft` would turn round.
            batches.extendleft(reversed(smaller(again, halve=len(calls) == len(job.calls))))

    def _judge(
        self, left: "_Left", tries: Counter[tuple[str, bool]], engine: str, backlog: Backlog
    ) -> tuple[Call, ...]:
        """Fail a call that has ended its worker too often, begun and alone; returns those to try again."""
        suspect, failure = left.suspect, left.failure
        if suspect is None:
            return left.calls
        # Kills from outside count apart, as they say little of the call.
        tries[suspect.key, failure.outside] += 1
        if tries[suspect.key, failure.outside] < (KILLS if failure.outside else TRIES):
            return left.calls
        self._fail([suspect], failure.kind, failure.report)
        # Counted only when the call is given up: a second try that works is no strike.
        backlog.record_crash(engine, failure.report)
        return tuple(call for call in left.calls if call is not suspect)

    def _ask(self, spec: EngineSpec, calls: Sequence[Call], within_s: float, backlog: Backlog) -> "_Left":
        """Ask a worker for a batch; returns the calls that need another, fresh one, and what became of this one.

        Raises `MissingError` where the engine's workers end again and again before they begin anything.
        """
        waiting = {call.key: call for call in calls}
        begun: Sequence[str] = ()
        failure = WorkerDied("crash", "")
        worker = self._ready_worker(spec, backlog)
        self.event("working", calls=calls)
        try:
            for answer in worker.ask(calls, within_s):
                if answer["event"] == "began":
                    begun = answer["keys"]
                    self._false_starts.clear()
                    continue
                backlog.count_answer(spec.name)
                if answer["event"] == "failed" and answer["kind"] in NEEDS_RESTART:
                    # It stays among those that wait: a fresh process may well do it.
                    failure = WorkerDied(answer["kind"], answer["error"])
                    continue
                # Only now, as what asks for a fresh process above has no result yet.
                del waiting[answer["key"]]
                result = self._result(answer)
                self._owner.send(result)
                if isinstance(result, TakeDone):
                    take = result.take
                    backlog.record_success(spec.name, take.frames / take.sample_rate, take.wall_s)
        except WorkerDied as death:
            failure = death
            self._lose_worker(death.report)
            if not begun:
                self._false_starts.note(spec.name, death, backlog.answers(spec.name))
        # The process lives, but has said that it is not to be trusted any more.
        if waiting and self.worker:
            self._end_worker("recycled", failure.report)
        return _Left(calls=tuple(waiting.values()), begun=tuple(begun), failure=failure)

    def _result(self, answer: dict[str, Any]) -> Result:
        if answer["event"] == "take":
            if notices := answer.get("notices"):
                self.event("noticed", detail="\n".join(notices))
            return TakeDone(take=take_from_json(answer), worker=self.number)
        if answer["event"] == "conditionals":
            return ConditionalsDone(**{name: answer[name] for name in ("key", "blob", "size", "wall_s")})
        if answer["kind"] == "storage":
            raise OutputError(answer["error"], hint="make room, or choose another cache with --cache")
        return TakeFailed(key=answer["key"], kind=answer["kind"], error=answer["error"])

    def _fail(self, calls: Sequence[Call], kind: str, error: str) -> None:
        for call in calls:
            self._owner.send(TakeFailed(key=call.key, kind=kind, error=error))

    # --- its worker -------------------------------------------------------------------------------------

    def _ready_worker(self, spec: EngineSpec, backlog: Backlog) -> Worker:
        if self.worker and self.worker.engine == spec.name:
            return self.worker
        if self.worker:
            self._end_worker("ended")
        while True:
            self.worker = worker = self._owner.launch(spec, self)
            self._first_memory = None
            self.event("starting")
            try:
                self._owner.start(worker)
            except WorkerDied as death:
                self._lose_worker(death.report)
                self._false_starts.note(spec.name, death, backlog.answers(spec.name))
            except MissingError:
                self._end_worker("ended")
                raise
            else:
                self.event("ready", detail="\n".join(worker.notices))
                return worker

    def _recycle(self) -> None:
        """Replace a worker that has done, or holds, enough; the next job starts a fresh one."""
        worker, limits = self.worker, self._limits
        if worker is None:
            return
        first, first_gpu = self._first_memory = self._first_memory or (worker.memory, worker.gpu_memory)
        if limits.calls and worker.served >= limits.calls:
            self._end_worker("recycled", f"after {worker.served:,} lines")
        elif limits.memory and worker.memory > max(limits.memory, GROWTH * first):
            self._end_worker("recycled", f"it held {worker.memory / 1e9:.1f} GB of memory")
        elif limits.gpu_memory and worker.gpu_memory > max(limits.gpu_memory, GROWTH * first_gpu):
            self._end_worker("recycled", f"it held {worker.gpu_memory / 1e9:.1f} GB of its GPU's memory")

    def _lose_worker(self, report: str) -> None:
        self.event("died", detail=report)
        self.worker = None

    def _end_worker(self, what: Happening, why: str = "") -> None:
        worker = self.worker
        if worker:
            self.event(what, detail=why)
            self.worker = None
            worker.ask_to_end()
            worker.end(FAREWELL_S)
            worker.close_pipes()


def smaller(calls: tuple[Call, ...], *, halve: bool) -> list[tuple[Call, ...]]:
    """Cut what a worker did not survive: a whole job into halves, and those into single calls."""
    if len(calls) < 2:
        return [calls] if calls else []
    if not halve:
        return [(call,) for call in calls]
    middle = len(calls) // 2
    return [calls[:middle], calls[middle:]]
