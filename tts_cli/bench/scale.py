"""What it costs to work at scale: a line's hand-out and bookkeeping, memory, start-up; what a second process brings."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tts_cli.bench.pipeline import baseline, write_sheet
from tts_cli.bench.timing import Figure, Log, best_of, this_tool, time_command
from tts_cli.cache.store import Cache
from tts_cli.errors import MissingError
from tts_cli.settings import WorkerOptions
from tts_cli.types import Job, Utterance
from tts_cli.workers.hosts import Host
from tts_cli.workers.messages import TakeDone
from tts_cli.workers.pool import Pool

SAMPLE_S = 0.05
WARM_UP = 20
QUICK = {"speed": 4.0}


def bench_overhead(folder: Path, *, lines: int, say: Log) -> list[Figure]:
    """Time a line through a pool of one worker, less what its engine took: on this machine, and through Ray."""
    say(f"{lines:,} lines through a process here")
    here_ms = _time_pool(folder / "here", lines, None)
    figures = [Figure(what="a process here", value=here_ms, unit="ms/line", ratio=1.0)]
    if host := _ray_host(folder / "ray"):
        say(f"{lines:,} lines through an actor of a local Ray cluster")
        ray_ms = _time_pool(folder / "ray", lines, host)
        figures.append(
            Figure(what="an actor of a local Ray cluster", value=ray_ms, unit="ms/line", ratio=ray_ms / here_ms)
        )
    else:
        say("Ray is not installed: not measured")
    return figures


def _time_pool(cache: Path, lines: int, host: Host | None) -> float:
    """Return the milliseconds of a line, from the hand-out to the committed record, that the engine did not spend."""
    kept, spoke_s, started = Cache(cache), 0.0, 0.0
    with Pool(WorkerOptions(workers=1), cache, host=host) as pool:
        for number, result in enumerate(pool.render(_quick_jobs(lines + WARM_UP))):
            if not isinstance(result, TakeDone):
                raise TypeError(f"a line failed: {result}")
            kept.put(result.take)
            if number == WARM_UP:
                started, spoke_s = time.perf_counter(), 0.0
            spoke_s += result.take.wall_s
        return (time.perf_counter() - started - spoke_s) / lines * 1000


def _quick_jobs(lines: int) -> list[Job]:
    calls = (
        Utterance(
            line_id=str(number),
            part=0,
            text=f"line number {number}",
            language="en",
            voice="mid",
            engine="tone",
            params=QUICK,
            seed=number,
            key=f"{number:064}",
        )
        for number in range(lines)
    )
    return [Job(engine="tone", calls=(call,), estimated_s=1.0) for call in calls]


def _ray_host(cache: Path) -> Host | None:
    try:
        import ray  # noqa: F401
    except ImportError:
        return None
    from tts_cli.workers.ray_host import RayHost

    return RayHost("", cache)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sample:
    """The parent of a run at one moment: lines done so far, memory, and its own CPU time without its workers'."""

    lines: int
    megabytes: float
    cpu_s: float


def bench_endurance(folder: Path, *, lines: int, say: Log) -> list[Figure]:
    """Record a long script with the quickest of engines, watch the parent, and run again with nothing to do."""
    sheet, cache = folder / "long.csv", folder / "long-cache"
    write_sheet(sheet, lines, more={"engine": "tone", "speed": "4"})
    record = this_tool("render", sheet, "--cache", cache, "--shard", "1/1")
    say(f"recording {lines:,} lines")
    samples = list(_watch(record, folder / "events.jsonl"))
    early = next(number for number, sample in enumerate(samples) if sample.lines >= lines / 10)
    first_mb, most_mb = samples[early].megabytes, max(sample.megabytes for sample in samples[early:])
    cpu_ms = samples[-1].cpu_s / lines * 1000
    say("running again, with nothing to do")
    ours = best_of(3, record, log=folder / "again.log")
    bare = best_of(3, baseline("stat-records", cache), log=folder / "bare.log")
    return [
        Figure(what="memory of the parent at a tenth of the lines", value=first_mb, unit="MB", ratio=1.0),
        Figure(what="the most that it held from then to the end", value=most_mb, unit="MB", ratio=most_mb / first_mb),
        Figure(what="its CPU time: plan, hand-out, bookkeeping", value=cpu_ms, unit="ms/line"),
        Figure(what="stat and read every record, no more (the limit)", value=bare.wall_s, unit="s", ratio=1.0),
        Figure(what="plan again, nothing to do", value=ours.wall_s, unit="s", ratio=ours.wall_s / bare.wall_s),
    ]


def _watch(argv: Sequence[str], events: Path) -> Iterator[_Sample]:
    """Run a render that writes a journal, and sample its parent until it ends."""
    with subprocess.Popen([*argv, "--events", str(events)], stdout=subprocess.DEVNULL) as process:
        lines, position = 0, 0
        while process.poll() is None:
            time.sleep(SAMPLE_S)
            if events.exists():
                with events.open("rb") as journal:
                    journal.seek(position)
                    new = journal.read()
                    position += len(new)
                lines += new.count(b'"event":"take"')
            if sample := _sample(process.pid, lines):
                yield sample
    if process.returncode:
        raise MissingError(f"{' '.join(argv[:4])} ... failed with exit {process.returncode}")


def _sample(pid: int, lines: int) -> _Sample | None:
    """Read what the system says of a process; None once it is gone."""
    try:
        times = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
        pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
    except (OSError, IndexError):
        return None
    cpu_s = (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK")
    megabytes = pages * os.sysconf("SC_PAGE_SIZE") / 2**20
    return _Sample(lines=lines, megabytes=megabytes, cpu_s=cpu_s) if megabytes else None


def bench_scaling(folder: Path, *, lines: int, say: Log) -> list[Figure]:
    """Speak the same lines with the embedded engine by one process and by two."""
    sheet = folder / "scaling.csv"
    write_sheet(sheet, lines)
    figures: list[Figure] = []
    for workers in (1, 2):
        say(f"{lines:,} lines by {workers}")
        record = this_tool("render", sheet, "--cache", folder / f"by-{workers}", "--shard", "1/1")
        timing = time_command([*record, "--workers", str(workers)], log=folder / "scaling.log")
        ratio = figures[0].value / timing.wall_s if figures else 1.0
        note = f"{timing.cpu_s:.1f} s of CPU time"
        figures.append(Figure(what=f"workers: {workers}", value=timing.wall_s, unit="s", ratio=ratio, note=note))
    return figures


def bench_startup(folder: Path, *, say: Log) -> list[Figure]:
    """Time from the start of the process to the first take of a script of one line, in the cache."""
    say("starting")
    bare = best_of(5, [sys.executable, "-c", "import numpy, yaml"], log=folder / "bare.log").wall_s
    figures = [Figure(what="python that imports numpy and yaml (the limit)", value=bare * 1000, unit="ms", ratio=1.0)]
    for engine in ("tone", "espeak"):
        best = min(_first_take_s(folder, engine, run) for run in range(5))
        figures.append(Figure(what=f"first take of {engine}", value=best * 1000, unit="ms", ratio=best / bare))
    return figures


def _first_take_s(folder: Path, engine: str, run: int) -> float:
    script, events = folder / f"{engine}.yaml", folder / f"{engine}-{run}.jsonl"
    script.write_text(f"lines: [{{engine: {engine}, text: A line.}}]\n")
    started = datetime.now(UTC)
    cache = folder / f"{engine}-{run}"
    time_command(
        this_tool("render", script, "--cache", cache, "-o", folder / "out", "--events", events), log=folder / "log"
    )
    take = next(event for event in map(json.loads, events.read_text().splitlines()) if event["event"] == "take")
    return (datetime.fromisoformat(take["time"]) - started).total_seconds()
