"""Several workers at once: hands out jobs, survives what they do to a worker, and leaves no process behind."""

import queue
import threading
import time
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

from tts_cli.engines.base import DeviceKind, EngineSpec
from tts_cli.engines.catalog import get_spec
from tts_cli.errors import MissingError
from tts_cli.settings import WorkerOptions
from tts_cli.types import Job
from tts_cli.workers.backlog import Backlog
from tts_cli.workers.devices import CPU, Device, choose_devices, kind_for, make_slots, memory_for, threads_for
from tts_cli.workers.hosts import Host, LocalHost, Worker
from tts_cli.workers.messages import TakeFailed, WorkerEvent
from tts_cli.workers.slot import FAREWELL_S, Closed, Limits, Result, WorkerSlot
from tts_cli.workers.stop import Stop

POLL_S = 0.1
ALIVE_S = 1.0
GPU_MEMORY_SHARE = 0.95

Listen = Callable[[WorkerEvent], None]


class Pool:
    """Workers that start when there is a job for them, and end with the `with` block, within a second.

    `specs` finds an engine's spec by its name; `listen` is told what happens to the workers, in the consumer's thread;
    `optional` engines that do not start cost their own lines only.
    """

    def __init__(  # noqa: PLR0913  each is a seam that some caller or test uses
        self,
        worker_options: WorkerOptions,
        cache: Path,
        *,
        host: Host | None = None,
        specs: Callable[[str], EngineSpec] = get_spec,
        listen: Listen = lambda _: None,
        stop: Stop | None = None,
        optional: Collection[str] = (),
    ) -> None:
        self._crew = worker_options
        self._cache = cache
        self._given_host = host
        self._specs = specs
        self._listen = listen
        self._stop = stop or Stop()
        self._optional = optional
        self._slots: dict[DeviceKind, list[WorkerSlot]] = {}
        self._threads: list[threading.Thread] = []
        self._messages: queue.SimpleQueue[Result | WorkerEvent | _End] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._closed = self._has_worked = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def render(self, jobs: Iterable[Job]) -> Generator[Result]:
        """Yield what became of each call, as it happens.

        Jobs go out in the given order; a worker takes those of its own engine first, so that each engine is loaded as
        seldom as can be. A call that ends its worker, or takes too long, is tried once more, four times more where
        somebody else killed the worker; it counts only if the worker had begun it, and nothing beside it. Ends early,
        without the jobs not yet begun, when a stop is asked for. Raises `MissingError` where an engine cannot start,
        and `OutputError` where the cache cannot be written.
        """
        if self._closed:
            raise RuntimeError("the pool is closed")
        jobs = list(jobs)
        self._has_worked |= bool(jobs)
        by_kind, impossible = self._by_kind(jobs)
        yield from impossible
        self._threads = []
        for kind, own in by_kind.items():
            # More workers than jobs would load an engine for nothing.
            slots = self._slots[kind][: len(own)]
            backlog = Backlog(own, self._specs, kind=kind, workers=len(slots))
            for slot in slots:  # before any is given work, so that an engine on a server never gets a second worker
                backlog.enter(slot.worker.engine if slot.worker else "")
            # Daemons, as a thread that is stuck must not keep the process alive.
            self._threads += [threading.Thread(target=self._serve, args=(slot, backlog), daemon=True) for slot in slots]
        for thread in self._threads:
            thread.start()
        try:
            with self._stop.heeded():
                yield from self._collect()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End every worker: one that is idle may clean up, one that is busy is killed."""
        # Under the lock, so that `launch` cannot add a worker after they are listed below.
        with self._lock:
            self._closed = True
        workers = [slot.worker for slot in self._all_slots() if slot.worker]
        for worker in workers:
            worker.ask_to_end()
        # All are asked before any is waited for: they share one farewell.
        latest = time.monotonic() + FAREWELL_S
        for worker in workers:
            worker.end(latest - time.monotonic())
        # A thread may still read from a worker, so the pipes stay open until all threads have ended.
        for thread in self._threads:
            thread.join()
        for worker in workers:
            worker.close_pipes()
        # A host that was never asked for is not made just to be closed.
        if self._has_worked or self._given_host:
            self._host.close()

    # --- for the slots ----------------------------------------------------------------------------------

    def spec_of(self, job: Job) -> EngineSpec:
        """Find the spec of the job's engine."""
        return self._specs(job.engine)

    def may_lack(self, engine: str) -> bool:
        """Whether an engine that does not start costs its own lines only."""
        return engine in self._optional

    def launch(self, spec: EngineSpec, slot: WorkerSlot) -> Worker:
        """Start a worker; raises `Closed` once the pool is closing, so that none can escape `close`."""
        with self._lock:
            if self._closed:
                raise Closed
            threads = threads_for(len(self._slots[slot.device.kind]))
            slot.worker = self._host.launch(spec, slot.device, number=slot.number, threads=threads)
            return slot.worker

    def start(self, worker: Worker) -> None:
        """Wait until it is ready."""
        worker.start(self._cache)

    def send(self, message: Result | WorkerEvent) -> None:
        """Put a message where the consumer finds it."""
        self._messages.put(message)

    @cached_property
    def _host(self) -> Host:
        """Where the workers live; a cluster is joined only when there is work for it."""
        return self._given_host or _find_host(self._crew, self._cache)

    # --- inside -----------------------------------------------------------------------------------------

    def _by_kind(self, jobs: Sequence[Job]) -> tuple[dict[DeviceKind, list[Job]], list[TakeFailed]]:
        """Sort jobs by the kind of device that their engine works on, and have the slots for each kind.

        Also returns the failures of what an optional engine cannot do here, as there is no device for it.
        """
        specs = [self._specs(engine) for engine in dict.fromkeys(job.engine for job in jobs)]
        devices = self._devices(specs)
        kinds = {spec.name: self._kind(spec, devices) for spec in specs}
        by_kind: dict[DeviceKind, list[Job]] = {}
        impossible = []
        for job in jobs:
            kind = kinds[job.engine]
            if isinstance(kind, MissingError):
                impossible += [TakeFailed(key=call.key, kind="missing", error=kind.message) for call in job.calls]
            else:
                by_kind.setdefault(kind, []).append(job)
        # Slots that are there already keep their workers, with the engines that they have loaded.
        for kind in by_kind.keys() - self._slots.keys():
            self._slots[kind] = self._make_slots(devices, kind)
        return by_kind, impossible

    def _kind(self, spec: EngineSpec, devices: Iterable[Device]) -> DeviceKind | MissingError:
        try:
            return kind_for(spec, devices)
        except MissingError as error:
            if spec.name in self._optional:
                return error
            raise

    def _make_slots(self, devices: Sequence[Device], kind: DeviceKind) -> list[WorkerSlot]:
        places = make_slots(devices, kind, self._crew.workers, self._host.cores())
        first = len(self._all_slots())
        return [
            WorkerSlot(self, first + number, place, self._limits(place, len(places)))
            for number, place in enumerate(places)
        ]

    def _devices(self, specs: Iterable[EngineSpec]) -> tuple[Device, ...]:
        """Return the devices to use; looking for GPUs takes a while and is spared where nobody can use one."""
        wanted = self._crew.device
        if wanted == "auto" and all(spec.execution.devices == (CPU.kind,) for spec in specs):
            return (CPU,)
        return choose_devices(wanted, self._host.devices())

    def _limits(self, device: Device, workers: int) -> Limits:
        # the share of a node of a cluster is not known here
        share = memory_for(workers) if self._crew.executor == "local" else None
        return Limits(
            calls=self._crew.recycle_after,
            memory=self._crew.worker_memory or share,
            gpu_memory=int(device.memory_mb * 2**20 * GPU_MEMORY_SHARE) or None,
        )

    def _serve(self, slot: WorkerSlot, backlog: Backlog) -> None:
        """Have a slot work, in a thread of its own; an error is handed to the consumer, who raises it."""
        error: BaseException | None = None
        try:
            slot.serve(backlog, lambda: not self._stop.asked)
        except Closed:
            pass
        except BaseException as raised:  # noqa: BLE001  a thread has nobody else to tell
            error = raised
        self._messages.put(_End(error=error))

    def _collect(self) -> Iterator[Result]:
        """Yield results until every slot has ended; wakes up often, so that Ctrl-C and deadlines are noticed."""
        open_slots = len(self._threads)
        pulse = time.monotonic()
        while open_slots:
            # A gentle end that takes too long becomes the same as a second Ctrl-C.
            if self._stop.is_overdue:
                raise KeyboardInterrupt
            pulse = self._look_after_workers(pulse)
            try:
                message = self._messages.get(timeout=POLL_S)
            except queue.Empty:
                continue
            # Told here and not in the slots' threads, so that a listener needs no locks.
            if isinstance(message, WorkerEvent):
                self._listen(message)
            elif not isinstance(message, _End):
                yield message
            elif message.error:
                raise message.error
            else:
                open_slots -= 1

    def _look_after_workers(self, pulse: float) -> float:
        """End those that are overdue, and tell once a second that the others live; returns when it told so last."""
        now = time.monotonic()
        for slot in self._all_slots():
            if worker := slot.worker:
                worker.kill_if_overdue()
                if slot.busy and now - pulse > ALIVE_S:
                    slot.event("alive")
        return now if now - pulse > ALIVE_S else pulse

    def _all_slots(self) -> list[WorkerSlot]:
        return [slot for slots in self._slots.values() for slot in slots]


def _find_host(worker_options: WorkerOptions, cache: Path) -> Host:
    if worker_options.executor == "ray":
        from tts_cli.workers.ray_host import RayHost

        return RayHost(worker_options.ray_address, cache)
    return LocalHost()


@dataclass(frozen=True, slots=True, kw_only=True)
class _End:
    """A slot's last message."""

    error: BaseException | None
