"""Work that is done several pieces at once: how far all of it is, and that all of it is given up together."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import TypeVar

Piece = TypeVar("Piece")
Result = TypeVar("Result")


class AbandonedError(Exception):
    """The work was stopped: what is being written is given up."""


class Counter:
    """Counts samples from several threads, and tells the sum; once abandoned, it stops whoever counts."""

    def __init__(self, tell: Callable[[int], None]) -> None:
        self._tell = tell
        self._lock = Lock()
        self._sum = 0
        self._abandoned = False

    def abandon(self) -> None:
        """Let all threads that count come to their end soon."""
        self._abandoned = True

    def __call__(self, samples: int) -> None:
        """Add some; raises `AbandonedError` where nobody waits for the result any more."""
        if self._abandoned:
            raise AbandonedError
        with self._lock:
            self._sum += samples
            self._tell(self._sum)


def do_at_once(
    work: Callable[[Piece], Result], pieces: Sequence[Piece], workers: int, counter: Counter
) -> list[Result]:
    """Do the work, which counts, on each piece; returns the results in the pieces' order.

    Whatever ends it early, a failure or Ctrl-C, ends all of it: what has not begun never does.
    """
    with ThreadPoolExecutor(workers) as pool:
        running = [pool.submit(work, piece) for piece in pieces]
        try:
            return [future.result() for future in running]
        except BaseException:
            counter.abandon()
            for waiting in running:
                waiting.cancel()
            raise
