"""Ctrl-C once lets the lines in hand end; twice, SIGTERM, or a terminal that is closed stops at once.

Finished takes are kept.
"""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

from tts_cli.cli import output
from tts_cli.workers.stop import Stop

_STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def stoppable() -> Iterator[Stop]:
    """Turn signals into a `Stop` for the time of the block; where it cannot be gentle, into `KeyboardInterrupt`."""
    stop = Stop()

    def handle(number: int, _: FrameType | None) -> None:
        if number == signal.SIGINT and stop.ask():
            output.talk().say("stopping when the lines in hand are done; Ctrl-C again stops at once")
        else:
            raise KeyboardInterrupt

    # Whoever had the end of the terminal ignored, as nohup does, means that the work goes on.
    heeded = [number for number in _STOPS if number == signal.SIGINT or signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, handle) for number in heeded}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
