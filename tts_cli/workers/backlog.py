"""The jobs not yet handed out: which engine a worker takes next, and how many calls at once."""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from tts_cli.engines.base import DeviceKind, EngineSpec
from tts_cli.types import Job, Utterance

# Each worker gets what is left in at least so many batches, so that all of them end together.
BATCHES_LEFT = 2
# Lines in a row that take their worker with them, and no take in between: after so many the engine is given up.
STRIKES = 5


@dataclass(slots=True)
class _Queue:
    """One engine's jobs, longest first: seconds of audio left, workers on it, its measured pace, and its bad luck."""

    spec: EngineSpec
    jobs: deque[Job] = field(default_factory=deque)
    left_s: float = 0.0
    workers: int = 0
    audio_s: float = 0.0
    wall_s: float = 0.0
    answers: int = 0
    strikes: int = 0
    given_up: str = ""

    @property
    def work_s(self) -> float:
        """Guess the seconds of work that are left."""
        factor = self.wall_s / self.audio_s if self.audio_s else self.spec.cost.realtime_factor
        return self.left_s * factor

    @property
    def is_worth_joining(self) -> bool:
        """Return whether loading the engine once more would pay before those who have it are through.

        An engine on a server has one worker, which keeps within what the server may be asked at a time.
        """
        if self.spec.execution.server:
            return not self.workers
        # Without a worker and a measured pace there is no reason not to.
        return not (self.workers and self.audio_s) or self.work_s / self.workers > self.spec.cost.startup_s


class Backlog:
    """Jobs by engine, for so many workers on one kind of device; safe for many threads."""

    def __init__(
        self, jobs: Iterable[Job], specs: Callable[[str], EngineSpec], *, kind: DeviceKind, workers: int
    ) -> None:
        self._lock = threading.Lock()
        self._kind = kind
        self._workers = workers
        self._queues: dict[str, _Queue] = {}
        self._size = 0
        for job in jobs:
            queue = self._queues.get(job.engine) or self._queues.setdefault(job.engine, _Queue(specs(job.engine)))
            queue.jobs.append(job)
            queue.left_s += job.estimated_s
            self._size += 1

    def __len__(self) -> int:
        return self._size

    def enter(self, engine: str) -> None:
        """A worker comes that has `engine` loaded already."""
        with self._lock:
            if engine in self._queues:
                self._queues[engine].workers += 1

    def take(self, engine: str) -> Job | None:
        """Give a worker that is at `engine` ("": at none yet) its next job: of the same, else where most is left.

        Jobs of one call are put together as the engine takes batches. None where nothing is left for this worker.
        """
        with self._lock:
            queue = self._choose(engine)
            # A worker that finds nothing leaves, so that it no longer counts where it was.
            if queue is None or queue.spec.name != engine:
                self._move(engine, queue)
            return self._take_batch(queue) if queue else None

    def count_answer(self, engine: str) -> None:
        """A worker has answered a call, for good or ill."""
        with self._lock:
            self._queues[engine].answers += 1

    def answers(self, engine: str) -> int:
        """Return how many calls of an engine were answered so far, by all workers."""
        return self._queues[engine].answers

    def record_success(self, engine: str, audio_s: float, wall_s: float) -> None:
        """So much audio came out in so much time: the engine is alive."""
        with self._lock:
            queue = self._queues[engine]
            queue.strikes = 0
            queue.audio_s += audio_s
            queue.wall_s += wall_s

    def record_crash(self, engine: str, report: str) -> None:
        """A line took its worker with it, for good; after too many in a row the engine is given up."""
        with self._lock:
            queue = self._queues[engine]
            queue.strikes += 1
        if queue.strikes >= STRIKES:
            last = report.partition("\n")[0]
            self.give_up(engine, f"not tried: {queue.strikes} lines in a row ended the engine {engine}; last: {last}")

    def give_up(self, engine: str, why: str) -> None:
        """Try no more of an engine's lines."""
        self._queues[engine].given_up = why

    def why_given_up(self, engine: str) -> str:
        """Return why an engine was given up, empty if it was not."""
        return self._queues[engine].given_up

    def _choose(self, engine: str) -> _Queue | None:
        own = self._queues.get(engine)
        # Its own engine comes first, as loading another takes time and memory.
        if own and own.jobs:
            return own
        waiting = [queue for queue in self._queues.values() if queue.jobs and queue.is_worth_joining]
        # Where the most work is left for each worker, this one included.
        return max(waiting, key=lambda queue: queue.work_s / (queue.workers + 1), default=None)

    def _take_batch(self, queue: _Queue) -> Job:
        jobs = [queue.jobs.popleft()]
        if jobs[0].in_order:
            queue.left_s -= jobs[0].estimated_s
            return jobs[0]
        # A state is made alone: only speaking comes in batches.
        if isinstance(jobs[0].calls[0], Utterance):
            is_shared = self._workers > 1 and not queue.spec.execution.server
            # A worker that shares with nobody takes full batches, as nobody waits for its end.
            fair = -(-len(queue.jobs) // (BATCHES_LEFT * self._workers)) if is_shared else len(queue.jobs) + 1
            while queue.jobs and not queue.jobs[0].in_order and len(jobs) < min(queue.spec.batch_on(self._kind), fair):
                jobs.append(queue.jobs.popleft())
        seconds = sum(job.estimated_s for job in jobs)
        queue.left_s -= seconds
        calls = tuple(call for job in jobs for call in job.calls)
        return Job(engine=queue.spec.name, calls=calls, estimated_s=seconds)

    def _move(self, engine: str, queue: _Queue | None) -> None:
        """Count a worker where it works: it leaves its engine for another one, or for good."""
        if engine in self._queues:
            self._queues[engine].workers -= 1
        if queue:
            queue.workers += 1
