"""Workers on a Ray cluster: each lives in an actor of its own, asked by the same pool, with the same retries.

Ray places the actors and revives them on other nodes; it retries nothing itself. A cluster that was started here ends
with the run; one that was there before is left as it is.
"""

import contextlib
import logging
import os
import secrets
import signal
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from tts_cli.about import __version__
from tts_cli.cache.blobs import AUDIO, STATE
from tts_cli.cache.store import Cache, Missing
from tts_cli.engines.base import EngineSpec
from tts_cli.errors import MissingError, OutputError
from tts_cli.types import ConditionalsRequest, Utterance
from tts_cli.workers.child import START_S, WorkerDied
from tts_cli.workers.devices import CPU, Device, usable_cores
from tts_cli.workers.hosts import LocalHost, Worker
from tts_cli.workers.remote_worker import Payload, Reply, StartResult, Station

# A node may need so much longer than the worker on it: to be found, and to send takes back.
MARGIN_S = 60.0
LOOPBACK = "127.0.0.1"


class RayHost:
    """Starts workers in actors; engines that read files stay on this machine, where the files are.

    `sends_back` False trusts that nodes see the cache if they see a file in it; True carries every take through Ray.
    """

    def __init__(self, address: str, cache: Path, *, sends_back: bool = False) -> None:
        self.ray, self._is_ours = _connect(address)
        self.cache = Cache(cache)
        # A name that nobody else can have made: who sees this file sees this very cache.
        self.token = f".ray-{secrets.token_hex(8)}"
        self._local = LocalHost()
        self._actors: dict[int, Any] = {}
        self._lock = threading.Lock()
        if not sends_back:
            self._leave_token()

    def devices(self) -> tuple[Device, ...]:
        """Return the CPU and the GPUs of the whole cluster; which one a worker gets is Ray's choice."""
        gpus = int(self.ray.cluster_resources().get("GPU", 0))
        return CPU, *(Device(kind="cuda", name=f"cuda:{number}") for number in range(gpus))

    def cores(self) -> int:
        """Return the cores of the whole cluster."""
        return max(1, int(self.ray.cluster_resources().get("CPU", 1)))

    def launch(self, spec: EngineSpec, device: Device, *, number: int, threads: int) -> Worker:
        """Have the actor of that place start a worker, or make the actor first."""
        if spec.execution.needs_local_files or spec.execution.server:
            return self._local.launch(spec, device, number=number, threads=threads)
        with self._lock:
            if number not in self._actors:
                # Ray revives an actor, but never repeats a call: that is for the pool to decide.
                remote = self.ray.remote(max_restarts=-1, max_task_retries=0)(Station)
                gpus = 1 if device.kind == "cuda" else 0
                self._actors[number] = remote.options(num_cpus=1, num_gpus=gpus).remote()
        return RayWorker(self, spec, device, number)

    def actor(self, number: int) -> Any:
        """Return the actor of a place."""
        return self._actors[number]

    def drop(self, number: int) -> None:
        """Kill the actor of a place for good; the next launch there makes another."""
        with self._lock:
            # Taken out first, so that nobody else is given an actor that is about to die.
            actor = self._actors.pop(number, None)
        if actor is not None:
            self.ray.kill(actor, no_restart=True)

    def close(self) -> None:
        """Kill our actors, and end a cluster that was started for this run."""
        for number in list(self._actors):
            self.drop(number)
        self._local.close()
        with contextlib.suppress(OSError):
            (self.cache.root / self.token).unlink()
        if self._is_ours:
            self.ray.shutdown()
            self._is_ours = False

    def _leave_token(self) -> None:
        try:
            self.cache.root.mkdir(parents=True, exist_ok=True)
            (self.cache.root / self.token).touch()
        except OSError as error:
            raise OutputError(f"the cache {self.cache.root} cannot be written: {error.strerror}") from error


class RayWorker:
    """A worker somewhere in the cluster, as a pool sees it."""

    def __init__(self, host: RayHost, spec: EngineSpec, device: Device, number: int) -> None:
        self.engine = spec.name
        self.device = device
        self.pid = self.memory = self.gpu_memory = self.served = 0
        self.notices: tuple[str, ...] = ()
        self._host = host
        self._spec = spec
        self._number = number
        self._is_shared = True
        self._is_busy = False
        self._sent: set[str] = set()

    def start(self, cache: Path) -> None:
        """Wait until the engine is loaded on its node."""
        arguments = (self._spec, self.device, 1, str(cache.absolute()), self._host.token)
        start_result: StartResult = self._call("start", *arguments, within_s=START_S)
        if start_result.fatal:
            raise MissingError(f"on a node of the cluster: {start_result.error}", hint=start_result.hint)
        if start_result.error:
            raise WorkerDied("crash", start_result.error, outside=start_result.outside)
        if start_result.version != __version__:
            raise MissingError(
                f"a node of the cluster has tts-cli {start_result.version}, not {__version__}",
                hint="update its environment",
            )
        self.pid, self.notices, self._is_shared = start_result.pid, start_result.notices, start_result.is_shared

    def ask(self, calls: Sequence[Utterance | ConditionalsRequest], within_s: float) -> Iterator[dict[str, Any]]:
        """Yield the answers of a batch when all of them are there.

        An actor that is lost cannot say what its worker had begun. All calls count as begun then: else a line that
        takes the memory of a node would end the run, not fail.
        """
        payload = None if self._is_shared else self._pack(calls)
        try:
            reply: Reply = self._call("ask", list(calls), within_s, payload, within_s=within_s)
        except WorkerDied:
            yield {"event": "began", "keys": [call.key for call in calls]}
            raise
        self.memory, self.gpu_memory = reply.memory, reply.gpu_memory
        for answer in reply.answers:
            self._keep(answer, reply)
            self.served += answer["event"] != "began"
            yield dict(answer)
        if reply.death:
            raise WorkerDied(*reply.death, outside=reply.outside)

    def kill_if_overdue(self) -> None:
        """Its node does that, and `ask` does not wait for a node for ever."""

    def ask_to_end(self) -> None:
        """End the worker and keep its actor; one that is busy goes with its actor."""
        if self._is_busy:
            self._host.drop(self._number)
        else:
            with contextlib.suppress(KeyError):
                self._host.actor(self._number).end.remote()

    def end(self, within_s: float) -> None:
        """Its actor sees to that."""

    def close_pipes(self) -> None:
        """There are none."""

    def _call(self, method: str, *arguments: object, within_s: float) -> Any:
        """Have the actor do something; whatever becomes of the actor is a death of the worker."""
        exceptions = self._host.ray.exceptions
        self._is_busy = True
        try:
            remote = getattr(self._host.actor(self._number), method).remote(*arguments)
            return self._host.ray.get(remote, timeout=within_s + MARGIN_S)
        except exceptions.GetTimeoutError as error:
            self._host.drop(self._number)
            raise WorkerDied("timeout", "its node did not answer in time") from error
        except (exceptions.RayActorError, exceptions.RaySystemError, KeyError) as error:
            report = f"its actor was lost: {str(error).partition(chr(10))[0]}"
            raise WorkerDied("crash", report, outside=True) from error
        finally:
            self._is_busy = False

    def _pack(self, calls: Sequence[Utterance | ConditionalsRequest]) -> Payload:
        """Collect what the node cannot read itself and has not been sent yet."""
        clips = {
            prompt.pcm: prompt.data
            for call in calls
            if isinstance(call, ConditionalsRequest)
            for prompt in call.prompts
        }
        spoken = [call for call in calls if isinstance(call, Utterance)]
        keys = {key for call in spoken for key in call.needed_conditionals} - self._sent
        states = []
        for key in keys:
            found = self._host.cache.find_conditionals(key)
            data = None if isinstance(found, Missing) else self._host.cache.read_conditionals(found)
            if data is not None and not isinstance(found, Missing):
                states.append((found, data))
                self._sent.add(key)
        return Payload(clips=clips, states=states)

    def _keep(self, answer: Any, reply: Reply) -> None:
        """Put what was sent back into the cache, under the name that its own bytes give it."""
        if not self._is_shared and answer["event"] in ("take", "conditionals"):
            data = reply.blobs.get(answer["blob"], b"")
            suffix = AUDIO if answer["event"] == "take" else STATE
            # Named again by its bytes: what the network has changed is found out here.
            if not data or self._host.cache.put_blob(data, suffix) != answer["blob"]:
                raise WorkerDied("crash", "a take was damaged on its way back")


def _connect(address: str) -> tuple[ModuleType, bool]:
    """Join a cluster, or start one on this machine that only this machine can reach; True if it is ours to end."""
    # Said before the import: otherwise Ray reports its use.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        import ray
    except ImportError as error:
        raise MissingError("Ray is not installed", hint='pip install "ray>=2.40"') from error
    if ray.is_initialized():
        return ray, False
    where: dict[str, Any] = {"address": address or None}
    if not address and not os.environ.get("RAY_ADDRESS"):
        where = {"num_cpus": usable_cores(), "include_dashboard": False, "_node_ip_address": LOOPBACK}
    try:
        ray.init(**where, log_to_driver=False, logging_level=logging.ERROR, configure_logging=False)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise MissingError(f"no Ray cluster at {address or 'RAY_ADDRESS'}: {error}", hint="--ray-address") from error
    # Python lets no other thread set handlers.
    if threading.current_thread() is threading.main_thread():
        for number, handler in before.items():  # Ray sets its own; ours keep what is finished
            signal.signal(number, handler)
    return ray, True
