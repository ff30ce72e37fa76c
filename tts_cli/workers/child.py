"""One worker as its parent sees it: a subprocess that is started, asked, listened to, and ended."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, cast

from tts_cli.about import PACKAGE
from tts_cli.engines.base import EngineSpec
from tts_cli.errors import MissingError
from tts_cli.types import ConditionalsRequest, Utterance
from tts_cli.workers.devices import Device
from tts_cli.workers.messages import PROTOCOL, decode, encode, request_to_json

# A large model on a slow disk takes minutes to load.
START_S = 300.0
# A sign of life is due every second: this long without one, a library holds the interpreter and does not let go.
SILENCE_S = 120.0
LAST_LINES = 20
LAST_BYTES = 8192

THREAD_LIMITS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
# glibc hands large arrays back to the system at once; keeping them saves a quarter of the CPU time of a line.
KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(1 << 25), "MALLOC_TRIM_THRESHOLD_": str(1 << 26)}


# Who sends these is another process, a user, or the system that is short of memory; an engine's own faults send others.
OUTSIDE = frozenset((signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP))


class WorkerDied(Exception):  # noqa: N818  an event that the pool handles, never an error that anybody sees
    """The process ended, or was ended, before it had answered; `kind` is crash or timeout.

    `outside` is True where somebody else killed it: that says nothing of its engine, and little of its calls.
    """

    def __init__(self, kind: str, report: str, *, outside: bool = False) -> None:
        super().__init__(report)
        self.kind = kind
        self.report = report
        self.outside = outside


class Child:
    """A worker process for one engine. Blocking; another thread may `kill` it at any time.

    `memory` and `gpu_memory` are the bytes it last said it holds, `served` the calls it has answered; `notices` are
    what its engine wants the user to know.
    """

    def __init__(self, spec: EngineSpec, device: Device, *, python: str, stderr: Path, env: Mapping[str, str]) -> None:
        self.engine = spec.name
        self.device = device
        self.memory = self.gpu_memory = self.served = 0
        self.notices: tuple[str, ...] = ()
        self._spec = spec
        self._stderr = stderr
        self._deadline: float | None = None
        self._overdue = False
        self._heard = time.monotonic()
        # Appended, as the words of a dead worker are still wanted.
        with stderr.open("ab") as log:
            # The log goes on from the worker before, whose words are not this one's.
            self._stderr_start = log.tell()
            self._process = _start_process(python, log, env)
        self.pid = self._process.pid
        self._stdin = cast("IO[bytes]", self._process.stdin)
        self._stdout = cast("IO[bytes]", self._process.stdout)

    def start(self, cache: Path) -> None:
        """Wait until the engine is loaded; raises `MissingError` where it cannot be, and `WorkerDied`."""
        self._expect_within(START_S)
        self._send(
            op="hello",
            proto=PROTOCOL,
            engine=self.engine,
            adapter=self._spec.adapter,
            device=self.device.kind,
            cache=str(cache.absolute()),
            subtype=self._spec.subtype,
        )
        answer = self._receive()
        if answer["event"] == "unusable":
            raise MissingError(answer["error"], hint=answer["hint"])
        self.notices = tuple(answer["notices"])
        self._deadline = None

    def ask(self, calls: Sequence[Utterance | ConditionalsRequest], within_s: float) -> Iterator[dict[str, Any]]:
        """Yield what is begun, and an answer for each call, which are all of one sort; raises `WorkerDied`."""
        self._expect_within(within_s)
        self._send(**request_to_json(calls))
        while (answer := self._receive())["event"] != "done":
            self.served += answer["event"] != "began"
            yield answer
        self._note_memory(answer)
        self._deadline = None

    def kill_if_overdue(self) -> None:
        """End a worker that has had its time, or has shown no sign of life for too long."""
        deadline, now = self._deadline, time.monotonic()
        if deadline is not None and (now > deadline or now - self._heard > SILENCE_S):
            self._overdue = True
            self.kill()

    def ask_to_end(self) -> None:
        """Close its stdin, which lets an idle worker clean up; one that is busy is killed."""
        if self._deadline is not None:
            self.kill()
        else:
            with contextlib.suppress(OSError):
                self._stdin.close()

    def end(self, within_s: float) -> None:
        """Be sure that it is gone, by force after `within_s`."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(max(0.0, within_s))
        self.kill()
        self._process.wait()

    def close_pipes(self) -> None:
        """Give back the file descriptors, when nobody reads from them any more."""
        for pipe in (self._stdin, self._stdout):
            with contextlib.suppress(OSError):
                pipe.close()

    def kill(self) -> None:
        """Kill the process and all that it has started, unless it is known to be gone: its number may be another's."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _expect_within(self, seconds: float) -> None:
        self._heard = time.monotonic()
        self._deadline = self._heard + seconds

    def _send(self, **message: object) -> None:
        try:
            self._stdin.write(encode(message))
            self._stdin.flush()
        except (BrokenPipeError, ValueError) as error:  # ValueError: closed by `ask_to_end`
            raise self._death() from error

    def _receive(self) -> dict[str, Any]:
        """Return the next answer that is not a mere sign of life."""
        for line in self._stdout:
            self._heard = time.monotonic()
            answer = decode(line)
            if answer["event"] != "heartbeat":
                return answer
            self._note_memory(answer)
        raise self._death()

    def _note_memory(self, answer: Mapping[str, Any]) -> None:
        self.memory, self.gpu_memory = answer["memory"], answer["gpu_memory"]

    def _death(self) -> WorkerDied:
        """Return how it ended, with the last that it wrote on stderr; what it has started ends with it."""
        self.kill()
        self._process.wait()
        self.close_pipes()
        code = self._process.returncode
        if self._overdue:
            how = "its worker did not answer in time and was stopped"
        elif code < 0:
            how = f"its worker was killed by {_signal_name(-code)}"
        else:
            how = f"its worker exited with code {code}"
        kind = "timeout" if self._overdue else "crash"
        outside = not self._overdue and -code in OUTSIDE
        return WorkerDied(kind, "\n".join([how, *self._last_words()]), outside=outside)

    def _last_words(self) -> list[str]:
        with self._stderr.open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            # Not before this worker's own beginning, and not all of a log that grew for hours.
            log.seek(max(self._stderr_start, size - LAST_BYTES))
            return log.read().decode(errors="replace").splitlines()[-LAST_LINES:]


def _start_process(python: str, log: IO[bytes], env: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start it in a session of its own: Ctrl-C is the parent's business, and the whole family can be killed."""
    # -P keeps the working directory off the path: a script's folder may have a module of any name.
    command = [python, "-P", "-m", "tts_cli.workers.process"]
    pipe = subprocess.PIPE
    try:
        return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=log, env=env, start_new_session=True)
    except OSError as error:
        raise MissingError(f"a worker cannot be started: {error}") from error


def environment(inherited: Mapping[str, str], device: Device, threads: int, scratch: Path) -> dict[str, str]:
    """Return a worker's environment: its GPU alone, its threads, and temporary files where the pool removes them.

    A checkout that is not installed is put on the path; an installed package is found without.
    """
    root = PACKAGE.parent
    path = [inherited["PYTHONPATH"]] if inherited.get("PYTHONPATH") else []
    if root.name not in {"site-packages", "dist-packages"}:
        path.append(str(root))
    own = {
        "TMPDIR": str(scratch),
        "PYTHONPATH": os.pathsep.join(path),
        "CUDA_VISIBLE_DEVICES": device.visible,
    }
    # The user's own setting of malloc wins; threads, folder and devices are ours to say.
    return {**KEEP_MEMORY, **inherited, **dict.fromkeys(THREAD_LIMITS, str(threads)), **own}


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
