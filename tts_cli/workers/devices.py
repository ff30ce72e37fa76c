"""What this process may use of the machine."""

import os
from pathlib import Path

CGROUP_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def worker_count(wanted: int | None) -> int:
    """Return how many workers to run: what the user wants, or one for each core."""
    return wanted or usable_cores()


def usable_cores(quota: Path = CGROUP_QUOTA) -> int:
    """Count the cores that this process may use: its affinity, less where a container's quota is lower."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        limit, period = quota.read_text("ascii").split()
        allowed = int(limit) / int(period)
    except (OSError, ValueError):  # no cgroup v2 here, or "max"
        return cores
    return max(1, min(cores, round(allowed)))
