"""Ctrl-C once lets the lines that are being spoken end; twice, or SIGTERM, stops at once. Finished takes are kept."""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

from tts_cli.cli import output
from tts_cli.workers.stop import Stop


@contextlib.contextmanager
def stoppable() -> Iterator[Stop]:
    """Turn signals into a `Stop` for the time of the block; where it cannot be gentle, into `KeyboardInterrupt`."""
    stop = Stop()

    def handle(number: int, _: FrameType | None) -> None:
        if number == signal.SIGINT and stop.ask():
            output.talk().say("stopping when the lines in hand are done; Ctrl-C again stops at once")
        else:
            raise KeyboardInterrupt

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
