"""What this process may use of the machine: cores, memory, and GPUs, found without importing torch."""

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tts_cli.engines.base import DeviceKind, EngineSpec
from tts_cli.errors import MissingError, UsageError

CGROUP_QUOTA = Path("/sys/fs/cgroup/cpu.max")
CGROUP_MEMORY = Path("/sys/fs/cgroup/memory.max")
# The rest is for this process and the system.
MEMORY_SHARE = 0.9
QUERY = ["--query-gpu=index,uuid,name,memory.total", "--format=csv,noheader,nounits"]
# The tool hangs where the driver does.
QUERY_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One place to compute. `name` is what the user calls it; `visible` is the CUDA_VISIBLE_DEVICES of its workers."""

    kind: DeviceKind
    name: str
    model: str = ""
    visible: str = ""
    memory_mb: int = 0


CPU = Device(kind="cpu", name="cpu")


# --- what there is --------------------------------------------------------------------------------------


def find_devices(environment: Mapping[str, str] = os.environ) -> tuple[Device, ...]:
    """Return the CPU and every GPU that this process may use, in its order: an inherited list is honoured."""
    gpus = _visible(_ask_driver(), environment.get("CUDA_VISIBLE_DEVICES"))
    named = [replace(gpu, name=f"cuda:{number}") for number, gpu in enumerate(gpus)]
    return CPU, *named, *_apple()


def usable_cores(quota: Path = CGROUP_QUOTA) -> int:
    """Count the cores that this process may use: its affinity, less where a container's quota is lower."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        limit, period = quota.read_text("ascii").split()
        allowed = int(limit) / int(period)
    except (OSError, ValueError):  # no cgroup v2 here, or "max"
        return cores
    # Rounded, as 1.9 cores are nearly two.
    return max(1, min(cores, round(allowed)))


def cores_for(workers: int | None) -> int:
    """Return how many of the cores here to use where so many workers were asked for, here or on a cluster."""
    cores = usable_cores()
    return min(workers or cores, cores)


def usable_memory(quota: Path = CGROUP_MEMORY) -> int:
    """Return the bytes of memory that this process may use: the machine's, less where a container's limit is lower."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        return min(memory, int(quota.read_text("ascii")))
    except (OSError, ValueError):
        return memory


def _ask_driver() -> list[Device]:
    """List the GPUs of the machine, by the driver's own tool; none where there is no driver."""
    tool = shutil.which("nvidia-smi")
    if not tool:
        return []
    try:
        done = subprocess.run([tool, *QUERY], capture_output=True, text=True, timeout=QUERY_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return [gpu for line in done.stdout.splitlines() if (gpu := _read_gpu(line))]


def _read_gpu(line: str) -> Device | None:
    fields = [field.strip() for field in line.split(",")]
    if len(fields) != len(QUERY[0].split(",")):
        return None
    index, uuid, model, memory = fields
    return Device(
        kind="cuda",
        name=index,
        visible=uuid,
        model=model,
        # A driver may answer [N/A].
        memory_mb=int(memory) if memory.isdecimal() else 0,
    )


def _visible(gpus: Sequence[Device], inherited: str | None) -> list[Device]:
    """Return what an inherited CUDA_VISIBLE_DEVICES leaves, in its order; as CUDA does, up to the first wrong entry."""
    if inherited is None:
        return list(gpus)
    chosen: list[Device] = []
    for entry in filter(None, (part.strip() for part in inherited.split(","))):
        # CUDA takes the beginning of a GPU's name, as long as only one begins like that.
        known = [gpu for gpu in gpus if entry == gpu.name or gpu.visible.startswith(entry)]
        if len(known) != 1:
            # a slice of a GPU (MIG) is not in the driver's list, and is passed on as it is
            known = [Device(kind="cuda", name=entry, visible=entry)] if entry.startswith("MIG-") else []
        if not known:
            break
        chosen += known
    return chosen


def _apple() -> tuple[Device, ...]:
    if sys.platform == "darwin" and platform.machine() == "arm64":
        return (Device(kind="mps", name="mps", model="Apple GPU"),)
    return ()


# --- what a run uses ------------------------------------------------------------------------------------


def choose_devices(wanted: str, found: Sequence[Device]) -> tuple[Device, ...]:
    """Return the devices that `auto`, `cpu`, `cuda`, `mps` or a list such as `cuda:0,cuda:2` names, and the CPU.

    Engines that can use no GPU work on the CPU whatever is chosen. Raises `UsageError` for what is no device and
    `MissingError` for what is not here.
    """
    if wanted == "auto":
        return tuple(found)
    chosen = {CPU.name: CPU}
    for name in wanted.split(","):
        if not re.fullmatch(r"cpu|mps|cuda(:\d+)?", name.strip()):
            raise UsageError(f"--device {name!r} is no device", hint="auto, cpu, cuda, mps, or a list: cuda:0,cuda:2")
        matching = {device.name: device for device in found if name.strip() in (device.name, device.kind)}
        if not matching:
            there = ", ".join(device.name for device in found)
            raise MissingError(f"there is no device {name.strip()}", hint=f"found: {there}; tts-cli doctor says more")
        chosen |= matching
    return tuple(chosen.values())


def kind_for(spec: EngineSpec, devices: Iterable[Device]) -> DeviceKind:
    """Choose where an engine works: the best kind that both have; raises `MissingError` where they share none."""
    kinds = {device.kind for device in devices}
    for kind in spec.execution.devices:
        if kind in kinds:
            return kind
    raise MissingError(
        f"the engine {spec.name} works on {' or '.join(spec.execution.devices)} only, which is not here",
        hint="tts-cli doctor",
    )


def make_slots(devices: Sequence[Device], kind: DeviceKind, workers: int | None, cores: int) -> tuple[Device, ...]:
    """Return the device of each worker of a kind: one per core or per GPU, or `workers` spread evenly over them."""
    own = [device for device in devices if device.kind == kind]
    count = workers or (cores if kind == "cpu" else len(own))
    return tuple(own[number % len(own)] for number in range(count))


def threads_for(workers: int) -> int:
    """Return how many threads of arithmetic each of so many workers may run without crowding the others out."""
    return max(1, usable_cores() // workers)


def memory_for(workers: int) -> int:
    """Return the bytes of memory that each of so many workers may grow to before it is replaced by a fresh one."""
    return int(usable_memory() * MEMORY_SHARE / workers)
