"""What a pool tells of its workers while they work; who watches a run shows it, or writes it down."""

from dataclasses import dataclass
from typing import Literal

Happening = Literal["starting", "ready", "working", "alive", "died", "recycled", "ended"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerEvent:
    """One thing that happened to a worker: `worker` is its place from 0 on, `memory` and `gpu_memory` are bytes.

    `calls` are the keys that it was just given; `detail` says how it died, why it was replaced, or what its engine
    wants the user to know.
    """

    worker: int
    what: Happening
    engine: str
    device: str
    pid: int = 0
    memory: int = 0
    gpu_memory: int = 0
    calls: tuple[str, ...] = ()
    detail: str = ""
