"""Temporary folders that do not outlive their owner for long: whoever comes next removes those of the dead."""

import contextlib
import fcntl
import functools
import os
import shutil
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

PREFIX = "tts-cli-"
LOCK = "owner.lock"


class Scratch:
    """A temporary folder, locked for as long as its process lives: a killed process cannot leave a lock behind."""

    def __init__(self) -> None:
        _sweep_once()
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX))
        self._lock: int | None = os.open(self.path / LOCK, os.O_CREAT | os.O_RDWR)
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()

    def remove(self) -> None:
        """Remove it with all that is in it; a second time is nothing."""
        shutil.rmtree(self.path, ignore_errors=True)
        # The lock goes last: until now no sweep takes the folder for a dead one's.
        lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)


@functools.cache
def _sweep_once() -> None:
    """Remove what killed processes left, once in the life of this one."""
    sweep()


def sweep() -> int:
    """Remove the folders whose owner was killed, and say how many there were."""
    return sum(_remove_if_dead(path) for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*/{LOCK}"))


def _remove_if_dead(lock: Path) -> bool:
    with contextlib.suppress(OSError), lock.open("rb+") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(lock.parent, ignore_errors=True)
        return True
    return False
