"""A request to stop: the first one lets the jobs that are being done end, the second one ends everything."""

import contextlib
import time
from collections.abc import Iterator

GRACE_S = 60.0


class Stop:
    """Asked for by a signal handler, heeded by a pool; without a pool at work a request cannot be heeded gently."""

    def __init__(self) -> None:
        self._asked_at: float | None = None
        self._heeding = 0

    @property
    def asked(self) -> bool:
        """Whether no more jobs are to be handed out."""
        return self._asked_at is not None

    @property
    def is_overdue(self) -> bool:
        """Whether the jobs that were being done when it was asked for have had time enough."""
        return self._asked_at is not None and time.monotonic() - self._asked_at > GRACE_S

    def ask(self) -> bool:
        """Ask for a gentle end; False where nobody can heed it, or it was asked for before."""
        # False makes the signal end everything at once, which is what a second Ctrl-C is for.
        if self.asked or not self._heeding:
            return False
        self._asked_at = time.monotonic()
        return True

    @contextlib.contextmanager
    def heeded(self) -> Iterator[None]:
        """Promise to look at `asked` for the time of the block."""
        self._heeding += 1
        try:
            yield
        finally:
            self._heeding -= 1
