"""The benchmark of engines: the whole of it with `tone`, and its parts."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
import tone_bench

from tts_cli.bench import engine, engine_child
from tts_cli.bench.engine import bench_engine, gpu_figures, limit_figures, together_figures, worker_figures
from tts_cli.bench.engine_child import compare_on_gpu, compare_ways, find_limits, load_engine, meet, speak
from tts_cli.bench.timing import Figure
from tts_cli.errors import MissingError, TakeError, UnknownNameError, UsageError

WORKER = {"loaded_s": 1.0, "first_s": 2.0, "audio_s": 0.41, "first_mb": 5.0, "full_mb": 6.0}


@pytest.fixture
def describe(monkeypatch: pytest.MonkeyPatch):
    """Have the benchmark use a description of `tone_bench`, which its children find beside this file."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]))

    def use(name: str) -> None:
        monkeypatch.setattr(engine, "ENGINES", {"tone": f"tone_bench:{name}"})

    return use


# --- the whole ------------------------------------------------------------------------------------------


def test_an_engine_is_measured_by_its_description(cli, describe, tmp_path: Path) -> None:
    describe("WORKS")
    result = cli("bench", "engine", "tone", "--synthetic", "--json")
    assert result.code == 0, result.err
    assert not (tmp_path / "home").exists(), "the user's own weights are in danger"
    tables = result.json["tables"]
    assert list(tables) == ["tone, one thread", "tone, once more", "tone, two processes", "tone, a worker"]

    package, ours = tables["tone, one thread"]  # no cost is counted, so there is no limit
    assert (package["what"], package["unit"], package["ratio"], package["note"]) == (
        "the package",
        "frames/cpu-s",
        1.0,
        "",
    )
    assert ours["what"] == "tts-cli"
    assert ours["ratio"] == pytest.approx(2.0, rel=0.1)
    assert " to " in ours["note"]

    together = [(figure["what"], figure["unit"]) for figure in tables["tone, two processes"]]
    assert together == [
        ("one process", "frames/cpu-s"),
        ("two at once, in all", "frames/cpu-s"),
        ("one process", "frames/s"),
        ("two at once, in all", "frames/s"),
    ]
    loaded, first, *memory = tables["tone, a worker"]
    assert 0.0 < loaded["value"] <= first["value"]
    assert first["note"] == "0.4 s of audio"
    assert [figure["what"] for figure in memory][1] == "memory after both lines"
    # in MB; a process that forks from a large one is as large for a moment, and the system remembers that
    assert all(5.0 < figure["value"] < 100_000.0 for figure in memory)


def test_a_child_that_fails_is_an_error_with_its_last_words(describe) -> None:
    describe("FAILS")
    with pytest.raises(MissingError) as error:
        bench_engine("tone", synthetic=True, say=lambda _: None)
    assert "no space for weights" in error.value.hint


def test_a_child_that_prints_something_else_is_an_error_with_what_it_printed(describe) -> None:
    describe("TALKS")
    with pytest.raises(MissingError, match="the task build printed no JSON") as error:
        bench_engine("tone", synthetic=True, say=lambda _: None)
    assert "progress: 100 %" in error.value.hint


def test_an_engine_without_a_description_is_refused() -> None:
    with pytest.raises(UnknownNameError):
        bench_engine("espeak", synthetic=True, say=lambda _: None)


def test_real_weights_are_refused() -> None:
    with pytest.raises(UsageError, match="real weights"):
        bench_engine("kokoro", synthetic=False, say=lambda _: None)


# --- in the child ---------------------------------------------------------------------------------------


def test_ways_take_turns_and_the_first_round_does_not_count() -> None:
    now, calls = [0.0], []

    def way(name: str, seconds: float):
        def do() -> float:
            now[0] += seconds if name in calls else 100.0
            calls.append(name)
            return 4.0

        return do

    rates = compare_ways({"package": way("package", 2.0), "ours": way("ours", 1.0)}, lambda: now[0])
    assert rates == {"package": [2.0] * 3, "ours": [4.0] * 3}
    assert calls == ["package", "ours"] * 4


def test_the_adapter_is_loaded_to_the_end_and_its_audio_is_counted_in_units() -> None:
    tone = load_engine(tone_bench.WORKS)
    assert tone.finished
    assert speak(tone, tone_bench.WORKS, tone_bench.WORKS.requests) == pytest.approx(12.0)  # 12 characters of 0.1 s


def test_a_line_that_cannot_be_spoken_is_no_throughput() -> None:
    with pytest.raises(TakeError):
        speak(load_engine(tone_bench.WORKS), tone_bench.WORKS, [tone_bench.FIRST, tone_bench.REFUSED])


def test_processes_wait_for_one_another(tmp_path: Path) -> None:
    with pytest.raises(TimeoutError):
        meet(tmp_path, 2, patience_s=0.05)
    (tmp_path / "another").touch()
    meet(tmp_path, 2, patience_s=0.05)


@pytest.mark.needs("torch")
def test_a_machine_without_a_gpu_has_no_table_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert compare_on_gpu(replace(tone_bench.WORKS, gpu_ways=lambda _: tone_bench.compare())) == {}


@pytest.mark.needs("torch")
def test_a_gpu_is_measured_by_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    devices = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "H200")
    found = compare_on_gpu(
        replace(tone_bench.WORKS, gpu_ways=lambda device: devices.append(device) or {"alone": lambda: 1.0})
    )
    assert devices == ["cuda"]
    assert found["gpu"] == "H200"
    assert len(found["rates"]["alone"]) == engine_child.ROUNDS


@pytest.mark.needs("torch")
def test_the_machine_is_measured_where_there_are_costs_to_divide_by() -> None:
    assert find_limits(tone_bench.WORKS) == {"costs": [], "machine": {}}
    cost = engine.UnitCost(what="limit", of="flop", amount=1e9, per="a frame")
    found = find_limits(replace(tone_bench.WORKS, count_costs=lambda: [cost]))
    assert found["costs"] == [{"what": "limit", "of": "flop", "amount": 1e9, "per": "a frame"}]
    assert found["machine"]["flop"] > 1e8
    assert found["machine"]["byte"] > 1e8


# --- the tables -----------------------------------------------------------------------------------------


def test_a_limit_is_what_the_machine_does_divided_by_what_a_unit_costs() -> None:
    limits = {
        "costs": [
            {"what": "products", "of": "flop", "amount": 0.723e9, "per": "a frame"},
            {"what": "reading", "of": "byte", "amount": 341e6, "per": "a step"},
            {"what": "long", "of": "flop", "amount": 53e9, "per": "a second of audio"},
        ],
        "machine": {"flop": 238e9, "byte": 39e9},
    }
    package = Figure(what="the package", value=20.0, unit="frames/cpu-s")
    products, reading, long = limit_figures(limits, package)
    assert products.value == pytest.approx(329.2, abs=0.1)
    assert products.ratio == pytest.approx(16.46, abs=0.01)
    assert (products.what, products.unit) == ("products", "frames/cpu-s")
    assert products.note == "723 MFLOP a frame at 238 GFLOP/s"
    assert reading.value == pytest.approx(114.4, abs=0.1)
    assert reading.note == "341 MB a step at 39.0 GB/s"
    assert long.note == "53 GFLOP a second of audio at 238 GFLOP/s"


def test_limits_stand_below_the_first_comparison_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    cost = {"what": "limit", "of": "flop", "amount": 1e9, "per": "a frame"}
    found = {
        "build": {},
        "limits": {"costs": [cost], "machine": {"flop": 8e9}},
        "compare": {"package": [2.0, 2.0, 2.0]},
        "together": {"cpu": 1.0, "wall": 1.0},
        "start": WORKER | {"loaded_peak_mb": 7.0, "peak_mb": 7.0},
    }
    monkeypatch.setattr(engine.Child, "measure", lambda _, task, *__: found[task])
    tables = engine.bench_description("tone_bench:WORKS", tmp_path, say=lambda _: None)
    one, more, *_ = tables.values()
    assert [(figure.what, figure.ratio) for figure in one] == [("package", 1.0), ("limit", 4.0)]
    assert [figure.what for figure in more] == ["package"]


def test_two_processes_are_added_up() -> None:
    one, two = [{"cpu": 2.0, "wall": 1.0}], [{"cpu": 2.0, "wall": 0.5}, {"cpu": 1.0, "wall": 1.0}]
    assert [(figure.value, figure.ratio) for figure in together_figures(one, two, "audio-s")] == [
        (2.0, 1.0),
        (3.0, 1.5),
        (1.0, 1.0),
        (1.5, 1.5),
    ]


def test_a_gpu_is_named_and_its_ways_are_compared_with_one_line_after_the_other() -> None:
    rates = {"one line after the other": [2.0, 4.0, 4.0], "32 lines at once": [20.0, 20.0, 40.0]}
    alone, batched = gpu_figures({"gpu": "H200", "rates": rates}, "audio-s/s")
    assert (alone.value, alone.ratio, alone.note) == (4.0, 1.0, "H200")
    assert (batched.value, batched.ratio, batched.note) == (20.0, 10.0, "5.00 to 10.00")


def test_the_peak_is_said_to_be_while_it_loads_only_where_it_is() -> None:
    *_, early = worker_figures(WORKER | {"loaded_peak_mb": 7.0, "peak_mb": 7.0}, "both lines")
    *_, late = worker_figures(WORKER | {"loaded_peak_mb": 7.0, "peak_mb": 8.0}, "both lines")
    assert early.what == "memory at its peak, which is while it loads"
    assert late.what == "memory at its peak"


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("piper", ("--synthetic",), "piper is measured with a voice"),
        ("piper", ("--voice", "none.onnx"), "--voice none.onnx is no file"),
        ("kokoro", ("--synthetic", "--voice", "none.onnx"), "kokoro is measured without --voice"),
    ],
)
def test_a_voice_is_for_engines_that_are_measured_with_one(cli, name: str, options: tuple[str, ...], said: str) -> None:
    result = cli("bench", "engine", name, *options)
    assert result.code == 2
    assert said in result.err
