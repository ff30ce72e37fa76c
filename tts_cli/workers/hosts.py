"""Where workers live: a worker as a pool sees it, and the host that starts them, here on this machine."""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from tts_cli.engines.base import EngineSpec
from tts_cli.engines.environments import python_of
from tts_cli.scratch import Scratch, sweep
from tts_cli.types import ConditionalsRequest, Utterance
from tts_cli.workers.child import Child, environment
from tts_cli.workers.devices import Device, find_devices, usable_cores


class Worker(Protocol):
    """A process that has an engine loaded, here or elsewhere; `pool` says in which order it is asked what."""

    engine: str
    device: Device
    pid: int
    memory: int
    gpu_memory: int
    served: int
    notices: tuple[str, ...]

    def start(self, cache: Path) -> None:
        """Wait until the engine is loaded; raises `MissingError` where it cannot be, and `WorkerDied`."""

    def ask(self, calls: Sequence[Utterance | ConditionalsRequest], within_s: float) -> Iterator[dict[str, Any]]:
        """Yield what is begun, and an answer for each call, which are all of one sort; raises `WorkerDied`."""

    def kill_if_overdue(self) -> None:
        """End it if it has had its time."""

    def ask_to_end(self) -> None:
        """Let it clean up if it is idle; end it if it is busy."""

    def end(self, within_s: float) -> None:
        """Be sure that it is gone, by force after `within_s`."""

    def close_pipes(self) -> None:
        """Give back what it was talked to by."""


class Host(Protocol):
    """Starts workers."""

    def devices(self) -> Sequence[Device]:
        """Return what there is to work on."""

    def cores(self) -> int:
        """Return how many workers without a GPU there is room for."""

    def launch(self, spec: EngineSpec, device: Device, *, number: int, threads: int) -> Worker:
        """Start one, for the place of that number; raises `MissingError` where that cannot be done."""

    def close(self) -> None:
        """Give back everything; all its workers have ended."""


class LocalHost:
    """Starts workers as processes of this machine. `python` finds the interpreter that an engine's packages lie in."""

    def __init__(self, *, logs: Path | None = None, python: Callable[[EngineSpec], str] = python_of) -> None:
        self._logs = logs
        self._python = python
        self._scratch: Scratch | None = None
        self._lock = threading.Lock()

    def devices(self) -> tuple[Device, ...]:
        """Return the CPU and the GPUs of this machine."""
        return find_devices()

    def cores(self) -> int:
        """Return the cores that this process may use."""
        return usable_cores()

    def launch(self, spec: EngineSpec, device: Device, *, number: int, threads: int) -> Child:
        """Start a process; its stderr goes to a log of its place's number."""
        scratch = self._scratch_folder()
        logs = self._logs or scratch
        logs.mkdir(parents=True, exist_ok=True)
        return Child(
            spec,
            device,
            python=self._python(spec),
            stderr=logs / f"worker-{number}.log",
            env=environment(os.environ, device, threads, scratch),
        )

    def close(self) -> None:
        """Remove what its workers wrote besides takes."""
        with self._lock:
            scratch, self._scratch = self._scratch, None
        if scratch:
            scratch.remove()

    def _scratch_folder(self) -> Path:
        # Slots launch side by side, and share one folder.
        with self._lock:
            if self._scratch is None:
                # The folders of killed runs go now, as those runs could not remove them.
                sweep()
                self._scratch = Scratch()
            return self._scratch.path
