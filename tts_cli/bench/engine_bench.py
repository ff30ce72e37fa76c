"""What the benchmark of engines is told of one engine.

The CLI process reads a description too, so its module imports nothing of the engine's packages. All functions of a
description run in child processes, under the engine's python, with one thread and a home that holds the random weights.
"""

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from tts_cli.engines.base import Request

VOICE_VARIABLE = "TTS_CLI_BENCH_VOICE"
"""The environment variable that child processes find a real voice under."""

Way = Callable[[], float]
"""Speaks the same as the other ways that it is compared with, or a part of it; returns how many units that were."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitCost:
    """What no program can save on a unit: `amount` of operations or of bytes read, for each of what `per` names.

    `what` is the label of the limit that follows from it, on the CPU.
    """

    what: str
    of: Literal["flop", "byte"]
    amount: float
    per: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineBench:
    """One engine's description.

    `build` writes random weights in full size into the home, `megabytes` of them. Each of `comparisons`, by its title,
    loads what it compares and returns the ways by their labels, the engine's own package first; they are measured in
    CPU time. The real adapter speaks `first` as a worker's first take, then all `requests`, which `together` names. A
    second of audio has `units_per_s` units. `finish_loading` is given the adapter after its `load`, if that leaves the
    weights to the first line. `count_costs` counts what a unit costs at least, in the first comparison's arithmetic.
    One that `needs_voice` has no random weights of full size: its functions find a voice's file under `VOICE_VARIABLE`.
    `gpu_ways` takes "cuda" and returns ways as a comparison does, one line after the other first.
    """

    engine: str
    unit: str
    megabytes: int
    build: Callable[[], object]
    comparisons: Mapping[str, Callable[[], Mapping[str, Way]]]
    first: Request
    requests: Sequence[Request]
    together: str
    units_per_s: float = 1.0
    needs_voice: bool = False
    finish_loading: Callable[[Any], object] | None = None
    count_costs: Callable[[], Sequence[UnitCost]] | None = None
    gpu_ways: Callable[[str], Mapping[str, Way]] | None = None


def load_bench(target: str) -> EngineBench:
    """Return the description that "module:NAME" names."""
    module, _, name = target.partition(":")
    return cast("EngineBench", getattr(importlib.import_module(module), name))
