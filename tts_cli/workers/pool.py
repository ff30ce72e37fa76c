"""Several workers at once: hands out jobs, survives what they do to a worker, and leaves no process behind."""

import queue
import shutil
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tts_cli.cache.records import take_from_json
from tts_cli.engines.base import EngineSpec
from tts_cli.engines.catalog import get_spec
from tts_cli.errors import MissingError, OutputError
from tts_cli.types import Job
from tts_cli.workers.child import Child, WorkerDied
from tts_cli.workers.messages import ConditioningDone, TakeDone, TakeFailed

TRIES = 2
START_TRIES = 3
SLACK = 20.0
FAREWELL_S = 0.5
POLL_S = 0.1

Result = TakeDone | ConditioningDone | TakeFailed


class Pool:
    """Workers that start when there is a job for them, and end with the `with` block, within a second.

    `specs` finds an engine's spec by its name.
    """

    def __init__(
        self,
        *,
        workers: int,
        cache: Path,
        logs: Path | None = None,
        python: str = sys.executable,
        specs: Callable[[str], EngineSpec] = get_spec,
    ) -> None:
        self.cache = cache
        self._logs = logs
        self._python = python
        self._specs = specs
        self._slots = [_Slot(self, number) for number in range(workers)]
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._scratch: Path | None = None
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def render(self, jobs: Iterable[Job]) -> Generator[Result]:
        """Yield what became of each call, as it happens.

        Jobs go out in the given order, one at a time to each worker; a worker takes those of its own engine first,
        so that each engine is loaded once. A call that ends its worker, or takes too long, is tried once more.
        Raises `MissingError` where an engine cannot start, and `OutputError` where the cache cannot be written.
        """
        if self._closed:
            raise RuntimeError("the pool is closed")
        backlog = _Backlog(jobs)
        results: _Results = queue.SimpleQueue()
        slots = self._slots[: len(backlog)]
        self._threads = [threading.Thread(target=slot.serve, args=(backlog, results), daemon=True) for slot in slots]
        for thread in self._threads:
            thread.start()
        try:
            yield from self._collect(results)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End every worker: one that is idle may clean up, one that is busy is killed."""
        with self._lock:
            self._closed = True
        children = [slot.child for slot in self._slots if slot.child]
        for child in children:
            child.ask_to_end()
        latest = time.monotonic() + FAREWELL_S
        for child in children:
            child.end(latest - time.monotonic())
        for thread in self._threads:
            thread.join()
        for child in children:
            child.close_pipes()
        if self._scratch:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def spawn(self, spec: EngineSpec, number: int) -> Child:
        """Start a process; raises `_Closed` once the pool is closing, so that none can escape `close`."""
        with self._lock:
            if self._closed:
                raise _Closed
            if self._scratch is None:
                self._scratch = Path(tempfile.mkdtemp(prefix="tts-cli-"))
            logs = self._logs or self._scratch
            logs.mkdir(parents=True, exist_ok=True)
            stderr = logs / f"worker-{number}.log"
            child = Child(spec, python=self._python, stderr=stderr, scratch=self._scratch)
            self._slots[number].child = child
            return child

    def spec_of(self, job: Job) -> EngineSpec:
        """Find the spec of the job's engine."""
        return self._specs(job.engine)

    def _collect(self, results: "_Results") -> Iterator[Result]:
        """Yield results until every slot has ended; wakes up often, so that Ctrl-C and deadlines are noticed."""
        open_slots = len(self._threads)
        while open_slots:
            for slot in self._slots:
                if slot.child:
                    slot.child.kill_if_overdue()
            try:
                result = results.get(timeout=POLL_S)
            except queue.Empty:
                continue
            if not isinstance(result, _End):
                yield result
            elif result.error:
                raise result.error
            else:
                open_slots -= 1


class _Slot:
    """A place for one worker process at a time, driven by one thread."""

    def __init__(self, pool: Pool, number: int) -> None:
        self._pool = pool
        self._number = number
        self.child: Child | None = None

    def serve(self, backlog: "_Backlog", results: "_Results") -> None:
        """Work until the backlog is empty, then say so; an error is handed to the consumer, who raises it."""
        error: BaseException | None = None
        try:
            while job := backlog.take(self.child.engine if self.child else ""):
                self._do(job, results)
        except _Closed:
            pass
        except BaseException as raised:  # noqa: BLE001  a thread has nobody else to tell
            error = raised
        results.put(_End(error=error))

    def _do(self, job: Job, results: "_Results") -> None:
        """Have a job's calls done; the first one without an answer is what its worker died of."""
        spec = self._pool.spec_of(job)
        within_s = spec.patience_s + job.estimated_s * max(1.0, SLACK * spec.realtime_factor)
        waiting = {call.key: call for call in job.calls}
        tries = 0
        while waiting:
            child = self._ready_child(spec)
            try:
                for answer in child.ask(tuple(waiting.values()), within_s):
                    del waiting[answer["key"]]
                    tries = 0
                    results.put(_result(answer))
            except WorkerDied as death:
                self.child = None
                tries += 1
                if tries == TRIES and waiting:
                    key = next(iter(waiting))
                    del waiting[key]
                    tries = 0
                    results.put(TakeFailed(key=key, kind=death.kind, error=death.report))

    def _ready_child(self, spec: EngineSpec) -> Child:
        if self.child and self.child.engine == spec.name:
            return self.child
        if self.child:
            self.child.ask_to_end()
            self.child.end(FAREWELL_S)
            self.child.close_pipes()
        for _ in range(START_TRIES):
            child = self._pool.spawn(spec, self._number)
            try:
                child.start(spec, self._pool.cache)
            except WorkerDied as death:
                self.child = None
                report = death.report
            else:
                return child
        raise MissingError(f"the engine {spec.name} does not start: {report}", hint="run tts-cli doctor")


class _Backlog:
    """The jobs not yet handed out, by engine; safe for many threads."""

    def __init__(self, jobs: Iterable[Job]) -> None:
        self._lock = threading.Lock()
        self._by_engine: dict[str, deque[Job]] = {}
        self._size = 0
        for job in jobs:
            self._by_engine.setdefault(job.engine, deque()).append(job)
            self._size += 1

    def __len__(self) -> int:
        return self._size

    def take(self, engine: str) -> Job | None:
        """Return the next job of the engine, else the next of the engine that came first; None at the end."""
        with self._lock:
            name = engine if engine in self._by_engine else next(iter(self._by_engine), None)
            if name is None:
                return None
            jobs = self._by_engine[name]
            job = jobs.popleft()
            if not jobs:
                del self._by_engine[name]
            return job


@dataclass(frozen=True, slots=True, kw_only=True)
class _End:
    """A slot's last message."""

    error: BaseException | None


class _Closed(Exception):  # noqa: N818  not an error
    """The pool is being closed: stop, and say nothing."""


_Results = queue.SimpleQueue[Result | _End]


def _result(answer: dict[str, Any]) -> Result:
    if answer["event"] == "take":
        return TakeDone(take=take_from_json(answer))
    if answer["event"] == "conditionals":
        return ConditioningDone(**{name: answer[name] for name in ("key", "blob", "size", "wall_s")})
    if answer["kind"] == "storage":
        raise OutputError(answer["error"])
    return TakeFailed(key=answer["key"], kind=answer["kind"], error=answer["error"])
