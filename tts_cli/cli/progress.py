"""How far a run is: a live bar with the time left on a terminal, a plain line now and then elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tts_cli.cli import output
from tts_cli.pipeline.run import Notice, Watch
from tts_cli.pipeline.run import Progress as Step

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

QUIET_S = 10.0
TITLES = {"voice": "voices", "record": "recording", "master": "mastering"}


@contextmanager
def progress() -> Iterator[Watch]:
    """Give a function that shows each step of a run; silent where stdout is JSON and nobody watches."""
    if output.is_live():
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        with Progress(
            TextColumn("{task.description:<10}"),
            BarColumn(bar_width=32),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            TextColumn("[dim]{task.fields[note]}[/dim]"),
            console=output.talk(),
            transient=True,
        ) as bars:
            yield _Live(bars)
    else:
        yield _Plain()


class _Live:
    """One bar per stage."""

    def __init__(self, bars: "Progress") -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, step: Notice) -> None:
        if not isinstance(step, Step):
            return
        if step.stage not in self._tasks:
            self._tasks[step.stage] = self._bars.add_task(TITLES[step.stage], total=step.total, note="")
        self._bars.update(self._tasks[step.stage], completed=step.done, total=step.total, note=step.note)


class _Plain:
    """A line when ten seconds have passed since the last one: enough for a log, silence for a short run."""

    def __init__(self) -> None:
        self._said = self._started = time.monotonic()

    def __call__(self, step: Notice) -> None:
        if not isinstance(step, Step):
            return
        now = time.monotonic()
        if now - self._said < QUIET_S or not step.total:
            return
        self._said = now
        output.talk().print(f"{TITLES[step.stage]} {step.done / step.total:.0%} after {now - self._started:.0f} s")
