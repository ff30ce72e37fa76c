"""Kokoro against its own package, on the same random weights in full size.

`python -m tts_cli.bench.kokoro TASK FOLDER ...` is one measurement, in a process of its own.
"""

import statistics
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tts_cli.bench.engine import best_of, compare_processes, machine_limits, measure, meet, print_json
from tts_cli.bench.timing import Figure, Log, Tables
from tts_cli.engines.kokoro.chunks import FRAME_SAMPLES, SAMPLE_RATE
from tts_cli.engines.kokoro.random_model import FULL, write_weights

ENGINE, MODULE = "kokoro", "tts_cli.bench.kokoro"
VOICE = "af_heart"
UNIT = "audio-s/cpu-s"
REPEATS = 3
ROWS = 32
FRAME_S = FRAME_SAMPLES / SAMPLE_RATE
# A short line, a common one, and one of the longest that are spoken at once.
TEXTS = (
    "kˌʌm ɪn.",
    "ðə tˈId wʌz ˈWt, ænd ðə bˈOts lˈA ˌɔn ðɛɹ sˈIdz.",
    "nˈObˌɑdi spˈOk. ðˈɛn ɐ bˈɛl ɹˈæŋ, fˈɑɹ əwˈA, twˈIs, ænd ðə kˈipəɹ kˈWntᵻd nˈIn ʃˈɪps; wˈʌn ʌv ðˌɛm kˈAm hˈOm.",
)


def bench_kokoro(folder: Path, *, synthetic: bool, say: Log) -> Tables:  # noqa: ARG001  random weights are all there is
    """Compare throughput on the CPU, one process with two, on a GPU if there is one, and say what a worker takes."""
    run = partial(measure, ENGINE, MODULE)
    say("building a model of random weights (327 MB)")
    run("build", folder)
    say("what this machine can do")
    limits = run("limits", folder)
    say("line by line against the package")
    tables: dict[str, Sequence[Figure]] = {f"{ENGINE}, one thread": _compare(run("compare", folder), limits)}
    say("two processes against one")
    tables[f"{ENGINE}, two processes"] = compare_processes(ENGINE, MODULE, folder, {"cpu": UNIT, "wall": "audio-s/s"})
    if run("has-gpu", folder)["gpu"]:
        say(f"{ROWS} lines at once on the GPU against one")
        tables[f"{ENGINE}, GPU"] = _gpu(run("gpu", folder))
    say("a worker's start")
    tables[f"{ENGINE}, a worker"] = _worker(run("start", folder))
    return tables


def _compare(found: Mapping[str, Any], limits: Mapping[str, float]) -> list[Figure]:
    package = statistics.median(found["package"])
    figures = [Figure(what="the package's KModel", value=package, unit=UNIT, ratio=1.0)]
    for name, what in (("float32", "tts-cli"), ("bfloat16", "tts-cli, precision: bfloat16")):
        ratios = [ours / theirs for ours, theirs in zip(found[name], found["package"], strict=True)]
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
        value = statistics.median(found[name])
        figures.append(Figure(what=what, value=value, unit=UNIT, ratio=statistics.median(ratios), note=spread))
    gflop = found["gflop_per_frame"] / FRAME_S
    limit = limits["gflops"] / gflop
    note = f"{gflop:.0f} GFLOP a second of audio at {limits['gflops']:.0f} GFLOP/s"
    what = "limit of the products, float32"
    return [*figures, Figure(what=what, value=limit, unit=UNIT, ratio=limit / package, note=note)]


def _gpu(found: Mapping[str, Any]) -> list[Figure]:
    alone = float(found["alone"])
    figures = [Figure(what="one line after the other", value=alone, unit="audio-s/s", ratio=1.0, note=found["gpu"])]
    at_once = f"{ROWS} lines at once"
    for name, what in (("batched", at_once), ("bfloat16", f"{at_once}, precision: bfloat16")):
        figures.append(Figure(what=what, value=found[name], unit="audio-s/s", ratio=found[name] / alone))
    return figures


def _worker(found: Mapping[str, Any]) -> list[Figure]:
    return [
        Figure(what="from the process's start to a loaded engine", value=found["loaded_s"], unit="s"),
        Figure(what="from the process's start to the first take", value=found["first_s"], unit="s"),
        Figure(what="memory at its peak", value=found["peak_mb"], unit="MB"),
    ]


# --- in the child ---------------------------------------------------------------------------------------


def main(arguments: Sequence[str]) -> None:
    """Do one task, and print what was found."""
    task, folder, *more = arguments
    print_json(TASKS[task](Path(folder), *more))


def _build(folder: Path) -> dict[str, Any]:
    write_weights(folder, FULL, voices=[VOICE])
    return {}


def _limits(_: Path) -> dict[str, Any]:
    return dict(machine_limits())


def _load_ours(folder: Path, device: str = "cpu") -> tuple[Any, list[Any]]:
    """Return our model, and the plans of the texts."""
    from tts_cli.engines.kokoro.adapter import read_pack
    from tts_cli.engines.kokoro.model import KokoroModel

    model, pack = KokoroModel(folder, device), read_pack(folder / "voices" / f"{VOICE}.pt")
    return model, [model.plan(model.ids(text), pack[len(text) - 1], 1.0) for text in TEXTS]


def _compare_child(folder: Path) -> dict[str, Any]:
    """Speak the texts with the package and with ours in turn, so that a busy machine is busy for both."""
    import torch
    from kokoro.model import KModel

    from tts_cli.engines.kokoro.adapter import read_pack
    from tts_cli.engines.kokoro.model import CHECKPOINT, CONFIG, REPO

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = KModel(REPO, str(folder / CONFIG), str(folder / CHECKPOINT)).eval()
    model, plans = _load_ours(folder)
    pack = read_pack(folder / "voices" / f"{VOICE}.pt")
    seconds = sum(plan.frames for plan in plans) * FRAME_S

    def package() -> None:
        for text in TEXTS:
            torch.manual_seed(1)
            theirs(text, pack[len(text) - 1], 1.0)

    def ours(*, bfloat16: bool) -> None:
        for text in TEXTS:
            model.speak(model.plan(model.ids(text), pack[len(text) - 1], 1.0), 1, bfloat16=bfloat16)

    ways: dict[str, Callable[[], None]] = {
        "package": package,
        "float32": partial(ours, bfloat16=False),
        "bfloat16": partial(ours, bfloat16=True),
    }
    for way in ways.values():
        way()
    found: dict[str, Any] = {name: [] for name in ways}
    for _ in range(REPEATS):
        for name, way in ways.items():
            found[name].append(seconds / best_of(1, way))
    return found | {"gflop_per_frame": _count_gflop(model, plans[1]) / plans[1].frames}


def _count_gflop(model: Any, plan: Any) -> float:
    """Count the multiplications and additions of a line's convolutions and products."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        model.speak(plan, 1)
    return float(counter.get_total_flops()) / 1e9


def _together(folder: Path, meeting: str, count: str) -> dict[str, Any]:
    model, plans = _load_ours(folder)
    model.speak(plans[0], 1)
    meet(Path(meeting), int(count))
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(REPEATS):
        for plan in plans:
            model.speak(plan, 1)
    seconds = REPEATS * sum(plan.frames for plan in plans) * FRAME_S
    return {"cpu": seconds / (time.process_time() - cpu), "wall": seconds / (time.perf_counter() - wall)}


def _has_gpu(_: Path) -> dict[str, Any]:
    import torch

    return {"gpu": torch.cuda.is_available()}


def _gpu_child(folder: Path) -> dict[str, Any]:
    """Speak many lines alone, then in batches as the engine makes them, both after a warm-up."""
    import torch

    from tts_cli.engines.kit.batching import make_batches
    from tts_cli.engines.kokoro.adapter import MAX_FRAMES
    from tts_cli.engines.kokoro.batch import speak_batch

    model, plans = _load_ours(folder, "cuda")
    lines = [plans[number % len(plans)] for number in range(ROWS)]
    seconds = sum(line.frames for line in lines) * FRAME_S

    def alone() -> None:
        for line in lines:
            model.speak(line, 1)

    def batched(*, bfloat16: bool) -> None:
        for batch in make_batches([line.frames for line in lines], MAX_FRAMES):
            speak_batch(model, [lines[member] for member in batch], [1] * len(batch), bfloat16=bfloat16)

    def rate(do: Callable[[], None]) -> float:
        do()
        started = time.perf_counter()
        do()
        return float(seconds / (time.perf_counter() - started))

    return {
        "gpu": torch.cuda.get_device_name(),
        "alone": rate(alone),
        "batched": rate(partial(batched, bfloat16=False)),
        "bfloat16": rate(partial(batched, bfloat16=True)),
    }


def _start(folder: Path) -> dict[str, Any]:
    """Time what a worker does, from before its first import of torch; how long the process took before is added."""
    import os

    before = _age_s(os.getpid())
    started = time.perf_counter()
    model, plans = _load_ours(folder)
    loaded = time.perf_counter()
    model.speak(plans[1], 1)
    return {"loaded_s": before + loaded - started, "first_s": before + time.perf_counter() - started}


def _age_s(pid: int) -> float:
    """Return how long a process has been running; 0 where there is no /proc."""
    import os

    try:
        ticks = float(Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[19])
        up = float(Path("/proc/uptime").read_text("ascii").split()[0])
    except OSError:
        return 0.0
    return float(up - ticks / os.sysconf("SC_CLK_TCK"))


TASKS: Mapping[str, Callable[..., dict[str, Any]]] = {
    "build": _build,
    "limits": _limits,
    "compare": _compare_child,
    "together": _together,
    "has-gpu": _has_gpu,
    "gpu": _gpu_child,
    "start": _start,
}


if __name__ == "__main__":
    main(sys.argv[1:])
