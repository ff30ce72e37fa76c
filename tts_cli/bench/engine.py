"""An engine against its own package, on random weights in full size: the processes, and the tables of what they found.

Everything is measured in processes of its own with one thread each, and counted in CPU time: these machines are shared.
"""

import json
import os
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tts_cli.bench.engine_bench import VOICE_VARIABLE, UnitCost, load_bench
from tts_cli.bench.timing import Figure, Log, Tables, time_command
from tts_cli.engines.catalog import get_spec
from tts_cli.engines.environments import python_of
from tts_cli.errors import MissingError, UnknownNameError, UsageError

# The engines that have a description, and where it is.
ENGINES: Mapping[str, str] = {
    "kokoro": "tts_cli.bench.kokoro:KOKORO_BENCH",
    "piper": "tts_cli.bench.piper:PIPER_BENCH",
    "pocket-tts": "tts_cli.bench.pocket:POCKET_BENCH",
}
CHILD = "tts_cli.bench.engine_child"
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


def bench_engine(name: str, *, synthetic: bool, voice: Path | None = None, say: Log) -> Tables:
    """Measure an engine, with random weights or a `voice`; raises `UnknownNameError` for one without a benchmark."""
    if name not in ENGINES:
        raise UnknownNameError("engine to measure", name, ENGINES)
    needs_voice = load_bench(ENGINES[name]).needs_voice
    if needs_voice and voice is None:
        raise UsageError(f"{name} is measured with a voice", hint="say --voice FILE")
    if voice is not None and not (needs_voice and voice.is_file()):
        raise UsageError(f"--voice {voice} is no file" if needs_voice else f"{name} is measured without --voice")
    if not (synthetic or needs_voice):
        raise UsageError("real weights are not measured yet", hint="say --synthetic: random ones are as fast")
    with tempfile.TemporaryDirectory(prefix="tts-cli-bench-") as folder:
        return bench_description(ENGINES[name], Path(folder), voice=voice, say=say)


def bench_description(target: str, folder: Path, *, voice: Path | None = None, say: Log) -> Tables:
    """Measure the engine whose description "module:NAME" names.

    Compares throughput on the CPU, one process with two, on a GPU if there is one, and says what a worker takes.
    """
    bench = load_bench(target)
    child = Child(bench.engine, target, folder, voice)
    say(f"making {voice} ready" if voice else f"building a model of random weights ({bench.megabytes} MB)")
    child.measure("build")
    say("what this machine can do")
    limits = child.measure("limits")
    tables: dict[str, Sequence[Figure]] = {}
    for title in bench.comparisons:
        say(f"against the package, {title}")
        figures = compare_figures(child.measure("compare", title), f"{bench.unit}/cpu-s")
        first = not tables
        tables[f"{bench.engine}, {title}"] = [*figures, *(limit_figures(limits, figures[0]) if first else ())]
    say("two processes against one")
    one, two = (child.measure_together(count) for count in (1, 2))
    tables[f"{bench.engine}, two processes"] = together_figures(one, two, bench.unit)
    if bench.gpu_ways is not None:
        say("many lines at once against one, if there is a GPU")
        if found := child.measure("gpu"):
            tables[f"{bench.engine}, GPU"] = gpu_figures(found, f"{bench.unit}/s")
    say("a worker's start")
    found = child.measure("start", repr(time.monotonic()))
    tables[f"{bench.engine}, a worker"] = worker_figures(found, bench.together)
    return tables


class Child:
    """Starts processes for a description, with one thread each and a home of the benchmark's own."""

    def __init__(self, engine: str, target: str, folder: Path, voice: Path | None = None) -> None:
        """Find the engine's python; raises `MissingError` where it is not installed."""
        self._command = [python_of(get_spec(engine)), "-m", CHILD, target]
        given = {VOICE_VARIABLE: str(voice.absolute())} if voice else {}
        self._env = os.environ | ONE_THREAD | {"TTS_CLI_HOME": str(folder / "home")} | given

    def measure(self, task: str, *arguments: str) -> dict[str, Any]:
        """Do a task in a process of its own, and return what it found; raises `MissingError`."""
        with tempfile.TemporaryDirectory(prefix="tts-cli-bench-") as folder:
            log, out = Path(folder, "log"), Path(folder, "out.json")
            time_command([*self._command, task, *arguments], log=log, out=out, env=self._env)
            try:
                found: dict[str, Any] = json.loads(out.read_bytes())
            except ValueError as error:
                hint = out.read_text(errors="replace")[-400:]
                raise MissingError(f"the task {task} printed no JSON", hint=hint) from error
        return found

    def measure_together(self, count: int) -> list[dict[str, Any]]:
        """Speak in so many processes at once."""
        with tempfile.TemporaryDirectory(prefix="tts-cli-bench-") as meeting, ThreadPoolExecutor(count) as threads:
            return list(threads.map(lambda _: self.measure("together", meeting, str(count)), range(count)))


# --- the tables -----------------------------------------------------------------------------------------


def compare_figures(rates: Mapping[str, Sequence[float]], unit: str) -> list[Figure]:
    """Compare each way with the first by the median of its rounds; the note is the range of the rounds' ratios."""
    package = next(iter(rates.values()))
    figures: list[Figure] = []
    for label, found in rates.items():
        ratios = [ours / theirs for ours, theirs in zip(found, package, strict=True)]
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}" if figures else ""
        value, ratio = statistics.median(found), statistics.median(ratios)
        figures.append(Figure(what=label, value=value, unit=unit, ratio=ratio, note=spread))
    return figures


def limit_figures(limits: Mapping[str, Any], package: Figure) -> list[Figure]:
    """Say what no program can exceed: what the machine does in a second, divided by what a unit costs."""
    figures = []
    for cost in (UnitCost(**values) for values in limits["costs"]):
        speed = float(limits["machine"][cost.of])
        value = speed / cost.amount
        amount = f"{cost.amount / 1e9:.0f} G" if cost.amount >= 1e10 else f"{cost.amount / 1e6:.0f} M"
        name, at = ("FLOP", f"{speed / 1e9:.0f}") if cost.of == "flop" else ("B", f"{speed / 1e9:.1f}")
        note = f"{amount}{name} {cost.per} at {at} G{name}/s"
        figures.append(Figure(what=cost.what, value=value, unit=package.unit, ratio=value / package.value, note=note))
    return figures


def together_figures(one: Sequence[Mapping[str, float]], two: Sequence[Mapping[str, float]], unit: str) -> list[Figure]:
    """Compare what one process makes with what two make in all, by CPU time and by the clock."""
    figures = []
    for clock, per in (("cpu", f"{unit}/cpu-s"), ("wall", f"{unit}/s")):
        alone, both = (sum(found[clock] for found in processes) for processes in (one, two))
        figures.append(Figure(what="one process", value=alone, unit=per, ratio=1.0))
        figures.append(Figure(what="two at once, in all", value=both, unit=per, ratio=both / alone))
    return figures


def gpu_figures(found: Mapping[str, Any], unit: str) -> list[Figure]:
    """Compare as on the CPU; the first line's note is the GPU's name."""
    first, *others = compare_figures(found["rates"], unit)
    return [Figure(what=first.what, value=first.value, unit=unit, ratio=1.0, note=found["gpu"]), *others]


def worker_figures(found: Mapping[str, float], together: str) -> list[Figure]:
    """Say what a worker takes; `together` names what it has spoken at last."""
    loading = found["peak_mb"] == found["loaded_peak_mb"]
    peak = "memory at its peak, which is while it loads" if loading else "memory at its peak"
    audio = f"{found['audio_s']:.1f} s of audio"
    return [
        Figure(what="from the process's start to a loaded engine", value=found["loaded_s"], unit="s"),
        Figure(what="from the process's start to the first take", value=found["first_s"], unit="s", note=audio),
        Figure(what="memory after the first take", value=found["first_mb"], unit="MB"),
        Figure(what=f"memory after {together}", value=found["full_mb"], unit="MB"),
        Figure(what=peak, value=found["peak_mb"], unit="MB"),
    ]
