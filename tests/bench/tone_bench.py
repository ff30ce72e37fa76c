"""Descriptions of `tone` for the benchmark of engines: a quick one with known ratios, and broken ones."""

import os
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tts_cli.bench.engine_bench import EngineBench, Way
from tts_cli.engines.base import Request
from tts_cli.engines.weights import hub_folder

FIRST = Request(text="four", language="en", voice="high", params={"char_ms": 100.0}, seed=1)
REFUSED = replace(FIRST, params={"fault": "refuse"})


def build() -> None:
    hub_folder().mkdir(parents=True)


def burn(cpu_s: float, units: float) -> float:
    end = time.process_time() + cpu_s
    while time.process_time() < end:
        pass
    return units


def compare() -> Mapping[str, Way]:
    assert hub_folder().is_dir(), "what `build` has written is not here"
    assert os.environ["OMP_NUM_THREADS"] == "1"
    return {"the package": lambda: burn(0.05, 1.0), "tts-cli": lambda: burn(0.05, 2.0)}


def finish_loading(engine: Any) -> None:
    engine.finished = True


def raise_error() -> None:
    raise RuntimeError("no space for weights")


def talk() -> None:
    print("progress: 100 %")  # noqa: T201  what a child must not do


WORKS = EngineBench(
    engine="tone",
    unit="frames",
    units_per_s=10.0,
    megabytes=0,
    build=build,
    comparisons={"one thread": compare, "once more": compare},
    first=FIRST,
    requests=(FIRST, replace(FIRST, text="eighteen")),
    together="both lines",
    finish_loading=finish_loading,
)
FAILS = replace(WORKS, build=raise_error)
TALKS = replace(WORKS, build=talk)
