"""pocket-tts, batched, against its own package on the same random weights in full size.

`python -m tts_cli.bench.pocket TASK FOLDER ...` is one measurement, in a process of its own.
"""

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tts_cli.bench.engine import (
    compare_processes,
    machine_limits,
    measure,
    meet,
    print_json,
)
from tts_cli.bench.timing import Figure, Log, Tables

ENGINE = "pocket-tts"
MODULE = "tts_cli.bench.pocket"
CONFIG = "english_2026-10"
ROWS = 16
REPEATS = 3
VOICE_S = 10.0
UNIT = "frames/cpu-s"

# Three to six words: with the random tokenizer 7 to 10 s, as no row ends before its budget.
WORDS = "the river ran past a bank of old willows and nobody in the boat said what every animal there knew".split()  # noqa: SIM905
TEXTS = tuple(" ".join((WORDS * 2)[start : start + 3 + start % 4]) for start in range(ROWS))


def bench_pocket(folder: Path, *, synthetic: bool, say: Log) -> Tables:  # noqa: ARG001  random weights are all there is
    """Compare throughput in float32 and int8, one process with two, and say what a worker takes."""
    say("building a model of random weights (438 MB)")
    run = partial(measure, ENGINE, MODULE)
    run("build", folder)
    say("what this machine can do")
    limits = run("limits", folder)
    tables: dict[str, Sequence[Figure]] = {}
    for precision in ("fp32", "int8"):
        say(f"{ROWS} rows at once against the package, {precision}")
        tables[f"{ENGINE}, {precision}"] = _compare(run("compare", folder, precision), precision, limits)
    say("two processes against one")
    tables[f"{ENGINE}, two processes"] = compare_processes(ENGINE, MODULE, folder, {"cpu": UNIT, "wall": "frames/s"})
    say("a worker's start")
    tables[f"{ENGINE}, a worker"] = _worker(run("start", folder))
    return tables


def _compare(found: dict[str, Any], precision: str, limits: dict[str, float]) -> list[Figure]:
    package = statistics.median(found["package"])
    figures = [Figure(what=f"the package's generate_audio, {precision}", value=package, unit=UNIT, ratio=1.0)]
    for name, what in (("alone", "one row"), ("batched", f"{ROWS} rows at once")):
        ratios = [ours / theirs for ours, theirs in zip(found[name], found["package"], strict=True)]
        value = statistics.median(found[name])
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
        figures.append(Figure(what=what, value=value, unit=UNIT, ratio=statistics.median(ratios), note=spread))
    if precision == "fp32":
        figures += _limits(limits, package)
    return figures


def _limits(limits: dict[str, float], package: float) -> list[Figure]:
    """Say what no program can exceed: one row at a time reads all weights in each step, many rows must multiply."""
    mflop = limits["decoder_mflop"] + limits["mimi_mflop"]
    compute = 1e3 * limits["gflops"] / mflop
    reading = 1e3 * limits["gbytes"] / limits["step_mb"]
    return [
        Figure(
            what="limit of the products",
            value=compute,
            unit=UNIT,
            ratio=compute / package,
            note=f"{mflop:.0f} MFLOP a frame at {limits['gflops']:.0f} GFLOP/s",
        ),
        Figure(
            what="limit of reading the weights, one row at a time",
            value=reading,
            unit=UNIT,
            ratio=reading / package,
            note=f"{limits['step_mb']:.0f} MB a step at {limits['gbytes']:.1f} GB/s",
        ),
    ]


def _worker(found: dict[str, Any]) -> list[Figure]:
    return [
        Figure(what="from the process's start to a loaded engine", value=found["loaded_s"], unit="s"),
        Figure(
            what="from the process's start to the first take",
            value=found["first_s"],
            unit="s",
            note=f"{found['audio_s']:.1f} s of audio",
        ),
        Figure(what="memory after the first take", value=found["first_mb"], unit="MB"),
        Figure(what=f"memory after {ROWS} rows at once", value=found["full_mb"], unit="MB"),
        Figure(what="memory at its peak, which is while it loads", value=found["peak_mb"], unit="MB"),
    ]


# --- in the child ---------------------------------------------------------------------------------------


def build(folder: Path) -> dict[str, Any]:
    """Write the model and one voice, as the user's own English model in a home of its own."""
    from pocket_tts import export_model_state

    from tts_cli.engines.pocket_tts.model import Model
    from tts_cli.engines.pocket_tts.random_model import NEVER, find_files_of, random_voice, write_model

    config = write_model(folder / "model", like=CONFIG, tiny=False, end_bias=NEVER)
    own = folder / "weights" / ENGINE
    (own / "en").mkdir(parents=True)
    (own / "en.yaml").write_bytes(config.read_bytes())
    tts = Model("en", find_files_of(config), width=0).tts
    export_model_state(random_voice(tts, VOICE_S), own / "en" / "alba.safetensors")
    return {}


def limits(folder: Path) -> dict[str, Any]:
    """Count a frame's work with the package's own layers, and measure the machine."""
    import torch
    from pocket_tts.modules.stateful_module import init_states
    from torch.utils.flop_counter import FlopCounterMode

    from tts_cli.engines.kit.rows import decode_rows
    from tts_cli.engines.pocket_tts.batch import open_batch

    model = _load(folder, width=0)
    flow_lm, mimi = model.tts.flow_lm, model.tts.mimi
    voice = model.find_voice("alba")
    rows = list(model.make_rows(TEXTS[0], voice, 1, {}))
    with torch.no_grad(), FlopCounterMode(display=False) as decoder:
        frames = next(decode_rows(rows, partial(open_batch, flow_lm), width=1)).frames
    with torch.no_grad(), FlopCounterMode(display=False) as codec:
        mimi.decode_from_latent(torch.zeros(1, 8, flow_lm.ldim), init_states(mimi, 1, 8 * 16))
    weights = [*flow_lm.transformer.parameters(), *flow_lm.flow_net.parameters()]
    return machine_limits() | {
        "decoder_mflop": decoder.get_total_flops() / len(frames) / 1e6,
        "mimi_mflop": codec.get_total_flops() / 8 / 1e6,
        "step_mb": sum(weight.numel() * weight.element_size() for weight in weights) / 1e6,
    }


def compare(folder: Path, precision: str) -> dict[str, Any]:
    """Take turns: the package speaks two lines, then ours one of them, then ours all of them; frames per CPU second."""
    import torch

    package = _load(folder, width=0)
    if precision == "int8":
        from pocket_tts.quantization import RECOMMENDED_CONFIG, apply_dynamic_int8

        apply_dynamic_int8(package.tts.flow_lm, RECOMMENDED_CONFIG)
    voice = package.find_voice("alba")
    model = _load(folder, width=ROWS, int8=precision == "int8")

    def package_frames() -> int:
        torch.manual_seed(1)
        return sum(len(package.tts.generate_audio(voice, text)) for text in TEXTS[:2]) // 1920

    ways: dict[str, Callable[[], int]] = {
        "package": package_frames,
        "alone": lambda: _speak(model, TEXTS[:1]),
        "batched": lambda: _speak(model, TEXTS),
    }
    found: dict[str, Any] = {name: [] for name in ways}
    for _ in range(REPEATS):
        for name, way in ways.items():
            started = time.process_time()
            frames = way()
            found[name].append(frames / (time.process_time() - started))
    return found


def together(folder: Path, meeting: str, count: str) -> dict[str, Any]:
    """Speak all lines at the same time as others do; frames per second of the wall clock, and of CPU time."""
    model = _load(folder, width=ROWS)
    _speak(model, TEXTS[:1])
    meet(Path(meeting), int(count))
    wall, cpu = time.perf_counter(), time.process_time()
    frames = sum(_speak(model, TEXTS) for _ in range(2))
    return {"wall": frames / (time.perf_counter() - wall), "cpu": frames / (time.process_time() - cpu)}


def start(folder: Path) -> dict[str, Any]:
    """Do what a worker does: load, speak a line through the adapter, then a full batch."""
    import os

    from tts_cli.engines.base import Request
    from tts_cli.engines.pocket_tts.adapter import PocketTts
    from tts_cli.workers.channel import memory_in_use

    os.environ["TTS_CLI_HOME"] = str(folder)
    engine = PocketTts()
    engine.load("cpu")
    engine._model("en", int8=False)  # noqa: SLF001  workers load it with their first line
    loaded_s = _since_start()
    bias = engine._model("en", int8=False).tts.flow_lm.out_eos.bias.data  # noqa: SLF001
    bias.neg_()  # what never ends ends at once
    [(_, speech)] = engine.speak([Request(text=TEXTS[0], language="en", voice="alba", params={}, seed=1)])
    first_s, memory = _since_start(), memory_in_use()["memory"] / 1e6
    bias.neg_()
    _speak(engine._model("en", int8=False), TEXTS)  # noqa: SLF001
    audio_s = len(speech.samples) / speech.sample_rate if not isinstance(speech, Exception) else 0.0
    return {
        "loaded_s": loaded_s,
        "first_s": first_s,
        "audio_s": audio_s,
        "first_mb": memory,
        "full_mb": memory_in_use()["memory"] / 1e6,
    }


def _since_start() -> float:
    """Return the seconds since this process was started."""
    import os

    ticks = float(Path("/proc/self/stat").read_text("ascii").rpartition(")")[2].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")


def _load(folder: Path, *, width: int, int8: bool = False) -> Any:
    import os

    import torch

    from tts_cli.engines.pocket_tts.model import Model, find_files

    os.environ["TTS_CLI_HOME"] = str(folder)
    torch.set_num_threads(1)
    return Model("en", find_files("en"), int8=int8, width=width)


def _speak(model: Any, texts: Sequence[str]) -> int:
    """Speak texts at once; returns the frames that were made."""
    voice = model.find_voice("alba")
    rows = [row for number, text in enumerate(texts) for row in model.make_rows(text, voice, number, {})]
    return sum(len(spoken.samples) for spoken in model.speak(rows, sampler_steps=1)) // 1920


TASKS: dict[str, Callable[..., dict[str, Any]]] = {
    "build": build,
    "limits": limits,
    "compare": compare,
    "together": together,
    "start": start,
}

if __name__ == "__main__":
    print_json(TASKS[sys.argv[1]](Path(sys.argv[2]), *sys.argv[3:]))
