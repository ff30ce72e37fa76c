"""A request to stop: the first one lets the jobs that are being done end, the second one ends everything."""

import contextlib
from collections.abc import Iterator


class Stop:
    """Asked for by a signal handler, heeded by a pool; without a pool at work a request cannot be heeded gently."""

    def __init__(self) -> None:
        self._asked = False
        self._heeding = 0

    @property
    def asked(self) -> bool:
        """Whether no more jobs are to be handed out."""
        return self._asked

    def ask(self) -> bool:
        """Ask for a gentle end; False where nobody can heed it, or it was asked for before."""
        if self._asked or not self._heeding:
            return False
        self._asked = True
        return True

    @contextlib.contextmanager
    def heeded(self) -> Iterator[None]:
        """Promise to look at `asked` for the time of the block."""
        self._heeding += 1
        try:
            yield
        finally:
            self._heeding -= 1
