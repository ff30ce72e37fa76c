"""Work that is done several pieces at once: how far all of it is, and that all of it is given up together."""

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from threading import Lock
from typing import TypeVar

Piece = TypeVar("Piece")
Result = TypeVar("Result")

_POLL_S = 0.2
_ALMOST = 0.99
"""As much is shown at most: files are closed, measured and renamed after the last sample was counted."""


class AbandonedError(Exception):
    """The work was stopped: what is being written is given up."""


class Counter:
    """Counts samples from several threads, and reports how many are done, of how many; abandoned, it stops who counts.

    `guess` is how many there may be in all, before anything is known.
    """

    def __init__(self, report: Callable[[int, int], None], guess: int = 0) -> None:
        self._report = report
        self._lock = Lock()
        self._guess = guess
        self._sum = self._expected = 0
        self._abandoned = False

    def expect(self, samples: int) -> None:
        """Announce work to come."""
        with self._lock:
            self._expected += samples

    def abandon(self) -> None:
        """Let all threads that count come to their end soon."""
        self._abandoned = True

    def __call__(self, samples: int) -> None:
        """Add some; raises `AbandonedError` where nobody waits for the result any more."""
        if self._abandoned:
            raise AbandonedError
        with self._lock:
            self._sum += samples
            # A guess may be short, and the end is not reached before the work has returned.
            total = max(self._guess, self._expected, 1)
            self._report(min(self._sum, int(total * _ALMOST)), total)


def run_parallel(
    work: Callable[[Piece], Result], pieces: Sequence[Piece], workers: int, counter: Counter
) -> list[Result]:
    """Do the work on each piece; returns the results in the pieces' order.

    Whatever ends it early, a failure or Ctrl-C, ends all of it: what has not begun never does, what counts stops soon.
    """
    with ThreadPoolExecutor(workers) as pool:
        try:
            return _settled([pool.submit(work, piece) for piece in pieces])
        except BaseException:
            counter.abandon()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _settled(running: Sequence[Future[Result]]) -> list[Result]:
    """Wait for all results, or for the first failure, which is raised.

    Not in one long sleep: a signal that the system gives to another thread would not wake this one to see to it.
    """
    while True:
        done, waiting = wait(running, timeout=_POLL_S, return_when=FIRST_EXCEPTION)
        for future in done:
            future.result()
        if not waiting:
            return [future.result() for future in running]
