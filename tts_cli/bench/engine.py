"""An engine against its own package: what all of them share. Each engine's part is a module that `ENGINES` names.

Everything is measured in processes of its own with one thread each, and counted in CPU time: these machines are shared.
"""

import importlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol, cast

from tts_cli.bench.timing import Figure, Log, Tables, time_command
from tts_cli.engines.catalog import get_spec
from tts_cli.engines.environments import python_of
from tts_cli.errors import MissingError, UnknownNameError, UsageError

ENGINES: Mapping[str, str] = {
    "kokoro": "tts_cli.bench.kokoro:bench_kokoro",
    "pocket-tts": "tts_cli.bench.pocket:bench_pocket",
}


class Bench(Protocol):
    """What `ENGINES` names."""

    def __call__(self, folder: Path, *, synthetic: bool, say: Log) -> Tables:
        """Measure; `folder` is empty, and `synthetic` asks for random weights in full size."""


def bench_engine(name: str, *, synthetic: bool, say: Log) -> Tables:
    """Measure an engine; raises `UnknownNameError` for one that has no benchmark."""
    if name not in ENGINES:
        raise UnknownNameError("engine to measure", name, ENGINES)
    if not synthetic:
        raise UsageError("real weights are not measured yet", hint="say --synthetic: random ones are as fast")
    module, _, function = ENGINES[name].partition(":")
    bench = cast("Bench", getattr(importlib.import_module(module), function))
    with tempfile.TemporaryDirectory(prefix="tts-cli-bench-") as folder:
        return bench(Path(folder), synthetic=synthetic, say=say)


def measure(engine: str, module: str, *arguments: str | Path) -> dict[str, Any]:
    """Run `python -m module arguments`, which prints one JSON object, under the engine's python with one thread.

    Returns the object, with the process's `process_s`, `process_cpu_s` and `peak_mb`. Raises `MissingError`.
    """
    python = python_of(get_spec(engine))
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    with tempfile.TemporaryDirectory(prefix="tts-cli-bench-") as folder:
        out = Path(folder, "out.json")
        argv = [python, "-m", module, *map(str, arguments)]
        timing = time_command(argv, log=Path(folder, "log"), out=out, env=os.environ | one_thread)
        try:
            printed: dict[str, Any] = json.loads(out.read_bytes())
        except ValueError as error:
            raise MissingError(f"{module} printed no JSON", hint=out.read_text(errors="replace")[-400:]) from error
    took = {"process_s": timing.wall_s, "process_cpu_s": timing.cpu_s, "peak_mb": timing.peak_mb}
    return printed | took


def measure_together(count: int, engine: str, module: str, *arguments: str | Path) -> list[dict[str, Any]]:
    """Do so in several processes at once; each has a folder to `meet` the others in, and their count, as arguments."""
    with tempfile.TemporaryDirectory(prefix="tts-cli-bench-") as folder, ThreadPoolExecutor(count) as threads:
        return list(threads.map(lambda _: measure(engine, module, *arguments, folder, str(count)), range(count)))


def compare_processes(engine: str, module: str, folder: Path, units: Mapping[str, str]) -> list[Figure]:
    """Compare one process with two at once, by what the module's task `together` prints under the names of `units`."""
    one, two = (measure_together(count, engine, module, "together", folder) for count in (1, 2))
    figures = []
    for name, unit in units.items():
        alone, both = (sum(float(found[name]) for found in each) for each in (one, two))
        figures.append(Figure(what="one process", value=alone, unit=unit, ratio=1.0))
        figures.append(Figure(what="two at once, in all", value=both, unit=unit, ratio=both / alone))
    return figures


def meet(folder: Path, count: int, *, patience_s: float = 120.0) -> None:
    """Wait, in a child, until as many processes as that have come here."""
    (folder / str(os.getpid())).touch()
    deadline = time.monotonic() + patience_s
    while len(list(folder.iterdir())) < count:
        if time.monotonic() > deadline:
            raise TimeoutError("the other processes did not come")
        time.sleep(0.01)


def print_json(values: Mapping[str, Any]) -> None:
    """Print a child's one object."""
    sys.stdout.write(json.dumps(values))


def best_of(times: int, do: Callable[[], object]) -> float:
    """Return the least CPU seconds of several goes."""
    taken = []
    for _ in range(times):
        started = time.process_time()
        do()
        taken.append(time.process_time() - started)
    return min(taken)


def machine_limits() -> dict[str, float]:
    """Measure what one thread can do here with torch: `gflops` of float32 products, and `gbytes` read in a second.

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
    return {
        "gflops": 2 * size**3 / min(best_of(5, way) for way in ways) / 1e9,
        "gbytes": 4 * numbers / best_of(5, memory.sum) / 1e9,
    }
