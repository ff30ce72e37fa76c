"""How far a run is: a live board on a terminal, a plain line now and then elsewhere."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tts_cli.cli import output
from tts_cli.cli.summary import STAGE_TITLES
from tts_cli.pipeline.request import Event, EventSink, Progress, Recorded
from tts_cli.workers.messages import WorkerEvent

QUIET_S = 10.0


@contextmanager
def progress() -> Iterator[EventSink]:
    """Give a function that shows each step of a run; silent where stdout is JSON and nobody watches."""
    if output.mode.quiet:
        yield lambda _: None
    elif output.mode.verbose:
        yield _Told()
    elif output.is_live():
        from rich.live import Live

        from tts_cli.cli.live import Board

        board = Board()
        with Live(board, console=output.talk().console, transient=True, refresh_per_second=8):
            yield board
    else:
        yield _Plain()


def send_to_all(sinks: Sequence[EventSink]) -> EventSink:
    """Make one event sink of several."""

    def send(event: Event) -> None:
        for on_event in sinks:
            on_event(event)

    return send


class _Told:
    """A line for each utterance that is recorded, and for each change of a worker."""

    def __call__(self, event: Event) -> None:
        if isinstance(event, Recorded):
            what = event.error or f"{event.audio_s:.2f} s of audio in {event.wall_s:.2f} s"
            utterance = event.utterance
            said = f"worker {event.worker}: line {utterance.line_id}, part {utterance.part + 1}: {what}"
            output.talk().say("{}", said)
        elif isinstance(event, WorkerEvent) and event.what != "alive":
            output.talk().say("worker {}: {} on {}: {}", event.worker, event.engine, event.device, event.what)


class _Plain:
    """A line when ten seconds have passed since the last one: enough for a log, silence for a short run."""

    def __init__(self) -> None:
        self._said = self._started = time.monotonic()

    def __call__(self, event: Event) -> None:
        now = time.monotonic()
        if not isinstance(event, Progress) or now - self._said < QUIET_S or not event.total:
            return
        self._said = now
        left = "" if event.eta_s is None else f", {event.eta_s:.0f} s left"
        done = f"{STAGE_TITLES[event.stage]} {event.done / event.total:.0%}"
        output.talk().say("{} after {} s{}", done, f"{now - self._started:.0f}", left)
