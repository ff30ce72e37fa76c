"""What the benchmark of engines does in a process of its own, under the engine's python.

`python -m tts_cli.bench.engine_child DESCRIPTION TASK ...` does one task and prints one JSON object.
"""

import importlib
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

from tts_cli.bench.engine_bench import EngineBench, Way, load_bench
from tts_cli.engines.base import Engine, Request
from tts_cli.engines.catalog import get_spec
from tts_cli.workers.channel import memory_in_use

ROUNDS = 3
TOGETHER_ROUNDS = 2


def main(arguments: Sequence[str]) -> None:
    """Do one task, and print what was found."""
    target, task, *more = arguments
    sys.stdout.write(json.dumps(TASKS[task](load_bench(target), *more)))


def build(bench: EngineBench) -> dict[str, Any]:
    """Write the random weights."""
    bench.build()
    return {}


def find_limits(bench: EngineBench) -> dict[str, Any]:
    """Count a unit's `costs`, if the description can, and measure what the `machine` does in a second."""
    if bench.count_costs is None:
        return {"costs": [], "machine": {}}
    costs = [asdict(cost) for cost in bench.count_costs()]
    return {"costs": costs, "machine": measure_machine()}


def compare(bench: EngineBench, title: str) -> dict[str, list[float]]:
    """Return the units per CPU second of each way in each round, by its label."""
    return compare_ways(bench.comparisons[title](), time.process_time)


def compare_ways(ways: Mapping[str, Way], clock: Callable[[], float]) -> dict[str, list[float]]:
    """Let the ways take turns, so that a busy machine is busy for all; the first round only warms up."""
    for way in ways.values():
        way()
    rates: dict[str, list[float]] = {label: [] for label in ways}
    for _ in range(ROUNDS):
        for label, way in ways.items():
            started = clock()
            units = way()
            rates[label].append(units / (clock() - started))
    return rates


def speak_together(bench: EngineBench, meeting: str, count: str) -> dict[str, float]:
    """Speak all requests while as many processes as that do; units per second of CPU time and of the `wall` clock."""
    engine = load_engine(bench)
    speak(engine, bench, bench.requests)
    meet(Path(meeting), int(count))
    wall, cpu = time.perf_counter(), time.process_time()
    units = sum(speak(engine, bench, bench.requests) for _ in range(TOGETHER_ROUNDS))
    return {"cpu": units / (time.process_time() - cpu), "wall": units / (time.perf_counter() - wall)}


def start_worker(bench: EngineBench, started: str) -> dict[str, float]:
    """Do what a worker does; `started` is what `time.monotonic` said just before this process was started."""
    engine = load_engine(bench)
    loaded_s, loaded_peak_mb = time.monotonic() - float(started), peak_mb()
    units = speak(engine, bench, [bench.first])
    first_s, first_mb = time.monotonic() - float(started), memory_in_use()["memory"] / 1e6
    speak(engine, bench, bench.requests)
    return {
        "loaded_s": loaded_s,
        "first_s": first_s,
        "audio_s": units / bench.units_per_s,
        "first_mb": first_mb,
        "full_mb": memory_in_use()["memory"] / 1e6,
        "loaded_peak_mb": loaded_peak_mb,
        "peak_mb": peak_mb(),
    }


def compare_on_gpu(bench: EngineBench) -> dict[str, Any]:
    """Return the GPU's name and the units per second of each way in each round; nothing where there is no GPU."""
    import torch

    if bench.gpu_ways is None or not torch.cuda.is_available():
        return {}
    return {
        "gpu": torch.cuda.get_device_name(),
        "rates": compare_ways(bench.gpu_ways("cuda"), time.perf_counter),
    }


# --- what tasks share -----------------------------------------------------------------------------------


def load_engine(bench: EngineBench) -> Engine:
    """Load the real adapter on the CPU, weights and all."""
    module, _, name = get_spec(bench.engine).adapter.partition(":")
    engine = cast("Engine", getattr(importlib.import_module(module), name)())
    engine.load("cpu")
    if bench.finish_loading is not None:
        bench.finish_loading(engine)
    return engine


def speak(engine: Engine, bench: EngineBench, requests: Sequence[Request]) -> float:
    """Speak in one call, and return the units of audio; raises the `TakeError` of a line that cannot be spoken."""
    seconds = 0.0
    for _, speech in engine.speak(requests):
        if isinstance(speech, Exception):
            raise speech
        seconds += len(speech.samples) / speech.sample_rate
    return seconds * bench.units_per_s


def meet(folder: Path, count: int, *, patience_s: float = 300.0) -> None:
    """Wait until as many processes as that have come here; raises `TimeoutError`."""
    (folder / str(os.getpid())).touch()
    deadline = time.monotonic() + patience_s
    while len(list(folder.iterdir())) < count:
        if time.monotonic() > deadline:
            raise TimeoutError("the other processes did not come")
        time.sleep(0.01)


def peak_mb() -> float:
    """Return the most memory that this process has held so far."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most * (1 if sys.platform == "darwin" else 1024) / 1e6


def measure_machine() -> dict[str, float]:
    """Measure what one thread can do here with torch: float32 operations (`flop`) and `byte`s read, in a second.

    Products are tried the usual way and with weights packed for oneDNN, of which the faster counts.
    """
    import torch

    size, numbers = 2048, 2**27
    left, right = torch.randn(size, size), torch.randn(size, size)
    ways: list[Callable[[], object]] = [lambda: left @ right]
    if hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        packed = torch.ops.mkldnn._reorder_linear_weight(right, size)  # noqa: SLF001
        ways.append(lambda: torch.ops.mkldnn._linear_pointwise(left, packed, None, "none", [], ""))  # noqa: SLF001
    memory = torch.ones(numbers)
    return {"flop": 2 * size**3 / _least_s(ways), "byte": 4 * numbers / _least_s([memory.sum])}


def _least_s(ways: Iterable[Callable[[], object]]) -> float:
    """Return the least CPU seconds of several goes of each."""
    taken = []
    for way in ways:
        for _ in range(5):
            started = time.process_time()
            way()
            taken.append(time.process_time() - started)
    return min(taken)


TASKS: Mapping[str, Callable[..., dict[str, Any]]] = {
    "build": build,
    "limits": find_limits,
    "compare": compare,
    "together": speak_together,
    "start": start_worker,
    "gpu": compare_on_gpu,
}


if __name__ == "__main__":
    main(sys.argv[1:])
