"""What a machine is good for: its cores, and GPUs as the driver lists them and an inherited list leaves them."""

import os
import stat

import pytest

from tts_cli.engines.base import Execution
from tts_cli.engines.catalog import get_spec
from tts_cli.errors import MissingError, UsageError
from tts_cli.workers.child import environment
from tts_cli.workers.devices import (
    CPU,
    Device,
    choose_devices,
    cores_for,
    find_devices,
    kind_for,
    make_slots,
    memory_for,
    threads_for,
    usable_cores,
    usable_memory,
)

LISTING = """\
0, GPU-aaaa-1, NVIDIA H100 80GB HBM3, 81559
1, GPU-bbbb-2, Tesla T4, 15360
2, GPU-cccc-3, NVIDIA GeForce RTX 3090, 24576
"""
GPUS = tuple(Device(kind="cuda", name=f"cuda:{number}", visible=f"GPU-{number}") for number in range(3))


@pytest.fixture
def driver(tmp_path, monkeypatch):
    """A driver's tool that prints what a test wants."""
    folder = tmp_path / "bin"
    folder.mkdir()
    tool = folder / "nvidia-smi"
    monkeypatch.setenv("PATH", str(folder))

    def say(text, code=0):
        tool.write_text(f"#!/bin/sh\nprintf '%s' '{text}'\nexit {code}\n")
        tool.chmod(tool.stat().st_mode | stat.S_IXUSR)

    return say


def names(devices):
    return [device.name for device in devices]


# --- cores and memory -----------------------------------------------------------------------------------


def test_there_is_a_worker_for_each_usable_core(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3, 5, 7, 9}, raising=False)
    assert usable_cores(tmp_path / "none") == 4


@pytest.mark.parametrize(
    ("quota", "cores"),
    [("max 100000", 4), ("200000 100000", 2), ("150000 100000", 2), ("50000 100000", 1), ("900000 100000", 4), ("", 4)],
)
def test_a_containers_quota_counts(monkeypatch, tmp_path, quota, cores):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2, 3}, raising=False)
    (tmp_path / "cpu.max").write_text(quota + "\n")
    assert usable_cores(tmp_path / "cpu.max") == cores


def test_without_affinity_all_cores_count(monkeypatch, tmp_path):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert usable_cores(tmp_path / "none") == 6


def test_a_containers_memory_counts(tmp_path):
    (tmp_path / "memory.max").write_text("1000000\n")
    assert usable_memory(tmp_path / "memory.max") == 1_000_000
    (tmp_path / "memory.max").write_text("max\n")
    assert usable_memory(tmp_path / "memory.max") == usable_memory(tmp_path / "none") > 1_000_000


def test_nine_tenths_of_the_memory_are_shared_out(monkeypatch):
    monkeypatch.setattr("tts_cli.workers.devices.usable_memory", lambda: 1_000_000)
    assert [memory_for(workers) for workers in (1, 4)] == [900_000, 225_000]


def test_threads_are_shared_out(monkeypatch):
    monkeypatch.setattr("tts_cli.workers.devices.usable_cores", lambda: 8)
    assert [threads_for(workers) for workers in (1, 2, 3, 8, 20)] == [8, 4, 2, 1, 1]


# --- GPUs -----------------------------------------------------------------------------------------------


def test_without_a_driver_there_is_the_cpu(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    assert find_devices({}) == (CPU,)


def test_the_drivers_list_is_read(driver):
    driver(LISTING)
    cpu, h100, t4, _ = find_devices({})
    assert cpu is CPU
    assert (h100.name, h100.visible, h100.model) == ("cuda:0", "GPU-aaaa-1", "NVIDIA H100 80GB HBM3")
    assert (h100.memory_mb, t4.memory_mb) == (81559, 15360)


@pytest.mark.parametrize(
    ("inherited", "found"),
    [
        ("", []),
        ("1", ["GPU-bbbb-2"]),
        ("2,0", ["GPU-cccc-3", "GPU-aaaa-1"]),
        ("GPU-cccc", ["GPU-cccc-3"]),
        ("0,-1,2", ["GPU-aaaa-1"]),
        ("0,7,2", ["GPU-aaaa-1"]),
        ("MIG-123/4", ["MIG-123/4"]),
    ],
)
def test_an_inherited_list_is_honoured_in_its_order(driver, inherited, found):
    driver(LISTING)
    devices = find_devices({"CUDA_VISIBLE_DEVICES": inherited})[1:]
    assert [device.visible for device in devices] == found
    assert names(devices) == [f"cuda:{number}" for number in range(len(found))]


@pytest.mark.parametrize(("text", "code"), [("", 0), ("No devices were found", 6), ("a, b\n", 0)])
def test_a_driver_without_gpus_is_no_gpu(driver, text, code):
    driver(text, code)
    assert find_devices({}) == (CPU,)


# --- what a run uses ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [
        ("auto", ["cpu", "cuda:0", "cuda:1", "cuda:2"]),
        ("cpu", ["cpu"]),
        ("cuda", ["cpu", "cuda:0", "cuda:1", "cuda:2"]),
        ("cuda:2", ["cpu", "cuda:2"]),
        ("cuda:2, cuda:0", ["cpu", "cuda:2", "cuda:0"]),
    ],
)
def test_devices_are_chosen_by_name(wanted, chosen):
    assert names(choose_devices(wanted, (CPU, *GPUS))) == chosen


def test_what_is_no_device_or_not_here_is_said():
    with pytest.raises(UsageError, match="'gpu' is no device"):
        choose_devices("gpu", (CPU,))
    with pytest.raises(MissingError, match="no device cuda:3") as caught:
        choose_devices("cuda:3", (CPU, *GPUS))
    assert "found: cpu, cuda:0, cuda:1, cuda:2" in caught.value.hint


def test_an_engine_works_where_it_can():
    tone, espeak = get_spec("tone"), get_spec("espeak")
    assert kind_for(tone, (CPU, *GPUS)) == "cuda"
    assert kind_for(tone, (CPU,)) == "cpu"
    assert kind_for(espeak, (CPU, *GPUS)) == "cpu"


def test_an_engine_that_can_work_nowhere_says_so():
    from dataclasses import replace

    with pytest.raises(MissingError, match="works on cuda only"):
        kind_for(replace(get_spec("tone"), execution=Execution(devices=("cuda",))), (CPU,))


def test_workers_are_spread_over_the_devices():
    devices = (CPU, *GPUS)
    assert names(make_slots(devices, "cuda", None, 8)) == ["cuda:0", "cuda:1", "cuda:2"]
    assert names(make_slots(devices, "cuda", 5, 8)) == ["cuda:0", "cuda:1", "cuda:2", "cuda:0", "cuda:1"]
    assert names(make_slots(devices, "cpu", None, 8)) == ["cpu"] * 8
    assert names(make_slots(devices, "cpu", 2, 8)) == ["cpu"] * 2


def test_a_worker_sees_its_own_gpu_and_its_share_of_threads(tmp_path):
    inherited = {"CUDA_VISIBLE_DEVICES": "0,1,2", "OMP_NUM_THREADS": "64", "HOME": "/home/me"}
    own = environment(inherited, GPUS[1], 3, tmp_path)
    assert (own["CUDA_VISIBLE_DEVICES"], own["OMP_NUM_THREADS"], own["HOME"]) == ("GPU-1", "3", "/home/me")
    assert environment(inherited, CPU, 1, tmp_path)["CUDA_VISIBLE_DEVICES"] == ""


@pytest.mark.parametrize(("asked", "used"), [(None, 4), (1, 1), (4, 4), (100, 4)])
def test_masters_take_no_more_than_the_cores_here(asked: int | None, used: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("tts_cli.workers.devices.usable_cores", lambda: 4)
    assert cores_for(asked) == used
