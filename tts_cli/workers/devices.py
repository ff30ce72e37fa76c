"""What this process may use of the machine."""

import os
from pathlib import Path

from tts_cli.engines.base import EngineSpec

CGROUP_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def default_workers(spec: EngineSpec) -> int:  # noqa: ARG001  engines on accelerators will not count cores
    """Return how many workers to run where the user does not say: one for each core."""
    return usable_cores()


def usable_cores(quota: Path = CGROUP_QUOTA) -> int:
    """Count the cores that this process may use: its affinity, less where a container's quota is lower."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        limit, period = quota.read_text("ascii").split()
        allowed = int(limit) / int(period)
    except (OSError, ValueError):  # no cgroup v2 here, or "max"
        return cores
    return max(1, min(cores, round(allowed)))
