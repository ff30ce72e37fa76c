"""A run on a terminal: a bar with the time left, and below it what each worker does."""

import time
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Table

from tts_cli.cli.output import visible
from tts_cli.cli.summary import STAGE_TITLES, clock
from tts_cli.pipeline.request import Event, Recorded
from tts_cli.pipeline.request import Progress as Step
from tts_cli.workers.messages import WorkerEvent

MOST_ROWS = 16


@dataclass(slots=True)
class _Row:
    """What is known of a worker; `spoke_s` is how long it took for `audio_s` of audio."""

    engine: str = ""
    device: str = ""
    state: str = ""
    lines: int = 0
    audio_s: float = 0.0
    spoke_s: float = 0.0
    memory: int = 0
    gpu_memory: int = 0
    lost: int = 0


class Board:
    """Collects what a run tells; rich draws it a few times a second."""

    def __init__(self) -> None:
        self._bars = Progress(
            TextColumn("{task.description:<10}"),
            BarColumn(bar_width=32),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[left]}"),
            # A note is what others call a chapter or a file.
            TextColumn("{task.fields[note]}", style="dim", markup=False),
        )
        self._tasks: dict[str, TaskID] = {}
        self._rows: dict[int, _Row] = {}
        self._stage = ""
        self._stage_started = 0.0

    def __call__(self, event: Event) -> None:
        """Take note."""
        match event:
            case Step():
                self._step(event)
            case Recorded() if not event.error:
                row = self._rows.setdefault(event.worker, _Row())
                row.lines += 1
                row.audio_s += event.audio_s
                row.spoke_s += event.wall_s
            case WorkerEvent():
                self._change(event)
            case _:
                pass

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw the bars, and the workers while they speak."""
        yield Group(self._bars, self._table()) if self._stage == "record" and self._rows else self._bars

    def _step(self, step: Step) -> None:
        if step.stage != self._stage:
            self._stage, self._stage_started = step.stage, time.monotonic()
        if step.stage not in self._tasks:
            self._tasks[step.stage] = self._bars.add_task(STAGE_TITLES[step.stage], total=step.total, note="", left="")
        left = self._eta_s(step)
        self._bars.update(
            self._tasks[step.stage],
            completed=step.done,
            total=step.total,
            note=visible(step.note),
            left=f"{clock(left)} left" if left is not None else "",
        )

    def _eta_s(self, step: Step) -> float | None:
        """Take the run's own guess, else go on as so far."""
        if step.eta_s is not None or not step.done:
            return step.eta_s
        return (time.monotonic() - self._stage_started) * (step.total - step.done) / step.done

    def _change(self, event: WorkerEvent) -> None:
        row = self._rows.setdefault(event.worker, _Row())
        row.engine, row.device, row.memory, row.gpu_memory = (
            event.engine,
            event.device,
            event.memory,
            event.gpu_memory,
        )
        row.lost += event.what == "died"
        row.state = row.state if event.what in ("alive", "noticed") else event.what

    def _table(self) -> Table:
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
        for column in ("worker", "engine", "device", "state"):
            table.add_column(column)
        for column in ("lines", "x realtime", "memory", "lost"):
            table.add_column(column, justify="right")
        for number, row in sorted(self._rows.items())[:MOST_ROWS]:
            table.add_row(
                *map(visible, (str(number), row.engine, row.device, row.state, f"{row.lines:,}")),
                f"{row.audio_s / row.spoke_s:,.1f}" if row.spoke_s else "",
                _memory(row),
                str(row.lost or ""),
            )
        if len(self._rows) > MOST_ROWS:
            table.add_row("", f"and {len(self._rows) - MOST_ROWS} more")
        return table


def _memory(row: _Row) -> str:
    gpu = f" + {row.gpu_memory / 2**30:.1f} GiB on the GPU" if row.gpu_memory else ""
    return f"{row.memory / 2**20:,.0f} MiB{gpu}" if row.memory else ""
