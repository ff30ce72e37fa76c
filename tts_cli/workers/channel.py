"""A worker's end of the pipes: kept clear of what libraries print, and alive while an engine works."""

import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from tts_cli.workers.messages import encode

HEARTBEAT_S = 1.0


class Channel:
    """The way back to the parent, and the sign of life on it while there is work."""

    def __init__(self, pipe: BinaryIO) -> None:
        self._pipe = pipe
        self._lock = threading.Lock()
        self._busy = False
        threading.Thread(target=self._beat, daemon=True).start()

    def send(self, **message: object) -> None:
        """Send one message whole; raises BrokenPipeError once the parent is gone."""
        # The sign of life comes from another thread, and two messages must not mix.
        with self._lock:
            self._pipe.write(encode(message))
            self._pipe.flush()

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """Show life for the time of the block."""
        self._busy = True
        try:
            yield
        finally:
            self._busy = False

    def _beat(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            while True:
                time.sleep(HEARTBEAT_S)
                # An idle worker owes no sign of life, and its parent reads nothing meanwhile.
                if self._busy:
                    self.send(event="heartbeat", **memory_in_use())


def claim_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Take stdin and stdout for the protocol, so that a library that prints or reads cannot disturb it."""
    pipe_in = os.fdopen(os.dup(0), "rb")
    pipe_out = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    # What libraries print goes into the worker's log.
    os.dup2(2, 1)
    return pipe_in, pipe_out


def memory_in_use() -> dict[str, int]:
    """Return the bytes that this process holds of the machine's memory and of its GPU's."""
    return {"memory": _resident_bytes(), "gpu_memory": _gpu_bytes()}


def _resident_bytes() -> int:
    """Where there is no /proc, this is the most it has held so far."""
    with contextlib.suppress(OSError):
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _gpu_bytes() -> int:
    """Ask torch, if the engine has it; it may be half imported by now, as this runs beside the engine."""
    cuda = getattr(sys.modules.get("torch"), "cuda", None)
    is_initialized = getattr(cuda, "is_initialized", None)
    return cuda.memory_reserved() if cuda and is_initialized and is_initialized() else 0
