"""The far end of a remote worker: keeps one worker process on a node, and carries takes where the cache is not shared.

What crosses is plain data; a dying worker is an answer, not an exception.
"""

import contextlib
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tts_cli.about import __version__
from tts_cli.cache.blobs import AUDIO, PCM, STATE, read_blob, write_blob
from tts_cli.cache.records import CachedConditionals
from tts_cli.cache.store import Cache
from tts_cli.engines.base import EngineSpec
from tts_cli.errors import MissingError
from tts_cli.scratch import Scratch
from tts_cli.types import ConditionalsRequest, Utterance
from tts_cli.workers.child import Child, WorkerDied
from tts_cli.workers.devices import Device, find_devices
from tts_cli.workers.hosts import LocalHost

WATCH_S = 0.1
SUFFIXES = {"take": AUDIO, "conditionals": STATE}


@dataclass(frozen=True, slots=True, kw_only=True)
class StartResult:
    """What became of a start: `error` is empty where the engine is ready; `fatal` errors are no use trying again.

    `outside` is True where somebody killed the worker that was starting.
    """

    version: str = __version__
    pid: int = 0
    notices: tuple[str, ...] = ()
    is_shared: bool = True
    error: str = ""
    hint: str = ""
    fatal: bool = False
    outside: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """What calls need besides themselves where no cache is shared: clips by sha256, and states with their records."""

    clips: Mapping[str, bytes] = field(default_factory=dict)
    states: Sequence[tuple[CachedConditionals, bytes]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The answers of a batch, the blobs that they name where no cache is shared, and how the worker died if it did.

    `outside` is True where somebody killed it.
    """

    answers: tuple[Mapping[str, object], ...]
    blobs: Mapping[str, bytes]
    death: tuple[str, str] | None
    memory: int
    gpu_memory: int
    outside: bool = False


class Station:
    """One worker's keeper. A keeper that is started anew after a crash knows nothing and says so."""

    def __init__(self) -> None:
        self._host = LocalHost()
        self._child: Child | None = None
        self._own: Scratch | None = None
        self._cache = Path()

    def start(self, spec: EngineSpec, device: Device, threads: int, cache: str, token: str) -> StartResult:
        """Start a worker; the cache is shared if the driver's `token` is to be seen in it."""
        # A worker from before would keep its part of the node's memory.
        self.end()
        is_shared = Path(cache, token).is_file()
        self._cache = Path(cache) if is_shared else self._own_cache()
        # On its node, the actor's GPU has another number than in the cluster.
        place = _own_gpu(device) if device.kind == "cuda" else device
        try:
            child = self._host.launch(spec, place, number=0, threads=threads)
            with _watching(child):
                child.start(self._cache)
        except MissingError as error:
            return StartResult(error=error.message, hint=error.hint, fatal=True)
        except WorkerDied as death:
            return StartResult(error=death.report, outside=death.outside)
        self._child = child
        return StartResult(pid=child.pid, notices=child.notices, is_shared=is_shared)

    def ask(self, calls: Sequence[Utterance | ConditionalsRequest], within_s: float, payload: Payload | None) -> Reply:
        """Have a batch done; `payload` is None where the cache is shared."""
        child = self._child
        answers: list[dict[str, Any]] = []
        if child is None:
            return _lost("its keeper was started anew")
        if payload:
            self._unpack(payload)
        death, outside = None, False
        try:
            with _watching(child):
                # Added one by one: what came before a death is kept.
                answers += child.ask(calls, within_s)
        except WorkerDied as error:
            death, outside = (error.kind, error.report), error.outside
            self._child = None
        blobs = {} if payload is None else {blob: data for blob, data in map(self._read, answers) if data}
        return Reply(
            answers=tuple(answers),
            blobs=blobs,
            death=death,
            memory=child.memory,
            gpu_memory=child.gpu_memory,
            outside=outside,
        )

    def end(self) -> None:
        """End the worker, if there is one."""
        child, self._child = self._child, None
        if child:
            child.ask_to_end()
            child.end(0.5)
            child.close_pipes()

    def _own_cache(self) -> Path:
        self._own = self._own or Scratch()
        return self._own.path / "cache"

    def _unpack(self, payload: Payload) -> None:
        for data in payload.clips.values():
            write_blob(self._cache, data, PCM)
        for record, data in payload.states:
            write_blob(self._cache, data, STATE)
            Cache(self._cache).put(record)

    def _read(self, answer: Mapping[str, object]) -> tuple[str, bytes]:
        blob, suffix = str(answer.get("blob", "")), SUFFIXES.get(str(answer["event"]))
        return blob, (read_blob(self._cache, blob, suffix) or b"") if suffix else b""


def _own_gpu(device: Device) -> Device:
    """Return the GPU of this node that Ray has given to this actor; where nobody can describe it, what Ray says."""
    found = [gpu for gpu in find_devices() if gpu.kind == "cuda"]
    return found[0] if found else replace(device, visible=os.environ.get("CUDA_VISIBLE_DEVICES", ""))


def _lost(why: str) -> Reply:
    return Reply(answers=(), blobs={}, death=("crash", why), memory=0, gpu_memory=0, outside=True)


@contextlib.contextmanager
def _watching(child: Child) -> Iterator[None]:
    """Hold the worker to its time: on its own node nobody else does."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(WATCH_S):
            child.kill_if_overdue()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
