"""What real worker processes do wrong, by the engine `tone`, and what a run makes of it."""

import time
from dataclasses import replace

import pytest

from tts_cli.engines.base import Execution
from tts_cli.engines.catalog import get_spec
from tts_cli.errors import MissingError
from tts_cli.settings import WorkerOptions
from tts_cli.types import Job, Utterance
from tts_cli.workers.messages import TakeDone, TakeFailed
from tts_cli.workers.pool import Pool
from tts_cli.workers.stop import Stop


def tone_jobs(*lines):
    """Make a job of each (text, params), the longest first as a plan has them."""
    calls = [
        Utterance(
            line_id=text, part=0, text=text, language="en", voice="mid", engine="tone", params=params, seed=1, key=text
        )
        for text, params in lines
    ]
    return [Job(engine="tone", calls=(call,), estimated_s=0.1) for call in calls]


def line(text, **params):
    return text, {"char_ms": 5.0, **params}


@pytest.fixture
def run(tmp_path):
    """Run jobs in a pool; gives what became of each line, and what was told of the workers."""

    def run(*lines, worker_options=None, specs=get_spec, **options):
        events = []
        with Pool(
            worker_options or WorkerOptions(workers=1), tmp_path / "cache", specs=specs, listen=events.append, **options
        ) as pool:
            results = list(pool.render(tone_jobs(*lines)))
        found = {result.take.key if isinstance(result, TakeDone) else result.key: result for result in results}
        assert len(found) == len(results) == len(lines)
        return found, events

    return run


def kinds(found):
    return {key: "take" if isinstance(result, TakeDone) else result.kind for key, result in found.items()}


def happenings(events, what):
    return [event for event in events if event.what == what]


def batches(events):
    return [len(event.calls) for event in happenings(events, "working")]


def test_a_batch_is_one_call(run):
    found, events = run(*(line(f"line {number}") for number in range(8)))
    assert set(kinds(found).values()) == {"take"}
    assert batches(events) == [8]


def test_out_of_memory_halves_the_batch_in_a_fresh_process_then_goes_one_by_one(run):
    found, events = run(*(line(f"line {number}", fits=2.0) for number in range(8)))
    assert set(kinds(found).values()) == {"take"}
    assert batches(events) == [8, 4, *[1] * 4, 4, *[1] * 4]
    assert len(happenings(events, "ready")) == 4
    assert [event.detail for event in happenings(events, "recycled")] == ["out of memory"] * 3


def test_half_a_batch_may_be_small_enough(run):
    found, events = run(*(line(f"line {number}", fits=4.0) for number in range(8)))
    assert set(kinds(found).values()) == {"take"}
    assert batches(events) == [8, 4, 4]


@pytest.mark.parametrize(("fault", "kind"), [("memory", "oom"), ("cuda", "device"), ("hog", "oom")])
def test_what_spoils_a_process_is_tried_in_a_fresh_one_and_then_given_up(run, fault, kind):
    found, events = run(line("before"), line("bad", fault=fault), line("after"))
    assert kinds(found) == {"before": "take", "bad": kind, "after": "take"}
    assert len({event.pid for event in happenings(events, "ready")}) >= 3


def test_a_cuda_error_that_happens_once_costs_nothing(run):
    found, _ = run(line("good"), line("bad", fault="cuda", fault_times=1.0), line("fine"))
    assert set(kinds(found).values()) == {"take"}


def test_a_poison_line_in_a_batch_is_found_and_the_others_are_spoken(run):
    lines = [line(f"line {number}") for number in range(7)]
    found, events = run(*lines[:3], line("poison", fault="crash"), *lines[3:])
    assert kinds(found).pop("poison") == "crash"
    assert sum(isinstance(result, TakeDone) for result in found.values()) == 7
    assert len(happenings(events, "died")) == 4


def test_a_bug_in_a_batch_costs_its_own_line_and_no_process(run):
    found, events = run(line("good"), line("bad", fault="bug"), line("no", fault="refuse"), line("fine"))
    assert kinds(found) == {"good": "take", "bad": "internal", "no": "input", "fine": "take"}
    assert len(happenings(events, "ready")) == 1


@pytest.mark.parametrize(("fault", "kind"), [("empty", "unsound"), ("stereo", "engine"), ("nan", "unsound")])
def test_what_is_no_audio_costs_its_own_line(run, fault, kind):
    found, events = run(line("good"), line("bad", fault=fault), line("fine"))
    assert kinds(found) == {"good": "take", "bad": kind, "fine": "take"}
    assert batches(events) == [3]


def test_an_engine_that_dies_on_every_line_is_given_up(run):
    found, events = run(*(line(f"line {number}", fault="exit") for number in range(12)))
    said = list(kinds(found).values())
    assert said.count("crash") == 5
    assert said.count("skipped") == 7
    [why] = {result.error for result in found.values() if result.kind == "skipped"}
    assert why.startswith("not tried: 5 lines in a row ended the engine tone; last: its worker exited with code 7")
    assert len(happenings(events, "died")) < 16


def test_noise_on_stdout_disturbs_nothing(run):
    found, _ = run(line("loud", fault="noise"), line("quiet"))
    assert set(kinds(found).values()) == {"take"}


# --- recycling ------------------------------------------------------------------------------------------


def test_a_worker_is_replaced_after_so_many_lines(run):
    worker_options = WorkerOptions(workers=1, recycle_after=3)
    found, events = run(
        *(line(f"line {n}", fits=1.0) for n in range(5)), worker_options=worker_options, specs=one_by_one
    )
    assert set(kinds(found).values()) == {"take"}
    assert [event.detail for event in happenings(events, "recycled")] == ["after 3 lines"]
    assert len(happenings(events, "ready")) == 2


def test_a_worker_that_leaks_is_replaced(run):
    worker_options = WorkerOptions(workers=1, worker_memory=200_000_000)
    found, events = run(
        *(line(f"line {n}", leak_mb=60.0) for n in range(6)), worker_options=worker_options, specs=one_by_one
    )
    assert set(kinds(found).values()) == {"take"}
    recycled = happenings(events, "recycled")
    assert recycled
    assert all("GB of memory" in event.detail and event.memory > 200_000_000 for event in recycled)


def one_by_one(name):
    return replace(get_spec(name), execution=Execution(batch=1))


# --- stopping -------------------------------------------------------------------------------------------


def test_a_stop_lets_the_lines_in_hand_end(tmp_path):
    stop = Stop()
    assert not stop.ask()
    jobs = tone_jobs(*(line(f"line {number}", work_ms=200.0) for number in range(20)))
    with Pool(WorkerOptions(workers=2), tmp_path / "cache", specs=one_by_one, stop=stop) as pool:
        results = pool.render(jobs)
        first = next(results)
        assert stop.ask()
        assert not stop.ask()
        rest = list(results)
    assert isinstance(first, TakeDone)
    assert 1 <= len(rest) <= 3
    assert all(isinstance(result, TakeDone) for result in rest)


def test_a_stop_that_is_not_heeded_in_time_ends_everything(tmp_path, monkeypatch):
    monkeypatch.setattr("tts_cli.workers.stop.GRACE_S", 0.3)
    stop = Stop()
    jobs = tone_jobs(line("quick"), line("hangs", fault="hang"))
    started = time.monotonic()
    with Pool(WorkerOptions(workers=1), tmp_path / "cache", specs=one_by_one, stop=stop) as pool:
        results = pool.render(jobs)
        next(results)
        time.sleep(0.1)
        stop.ask()
        with pytest.raises(KeyboardInterrupt):
            list(results)
    assert time.monotonic() - started < 20


# --- engines that are not there -------------------------------------------------------------------------


def no_such_adapter(name):
    return replace(get_spec(name), adapter="no_such_module:Engine")


def test_an_engine_that_does_not_start_ends_the_run(run):
    with pytest.raises(MissingError, match="no_such_module"):
        run(line("a"), line("b"), specs=no_such_adapter)


def test_an_optional_engine_that_does_not_start_costs_its_lines(run):
    found, _ = run(line("a"), line("b"), specs=no_such_adapter, optional={"tone"})
    assert set(kinds(found).values()) == {"skipped"}
    assert all(isinstance(result, TakeFailed) and "no_such_module" in result.error for result in found.values())


def test_an_optional_engine_without_a_device_costs_its_lines(run):
    def needs_a_gpu(name):
        return replace(get_spec(name), execution=Execution(devices=("cuda",)))

    with pytest.raises(MissingError, match="works on cuda only"):
        run(line("a"), specs=needs_a_gpu)
    found, _ = run(line("a"), line("b"), specs=needs_a_gpu, optional={"tone"})
    assert set(kinds(found).values()) == {"missing"}


def test_a_large_model_is_no_leak(run):
    """A worker that holds more than its share from the start is not loaded anew for each line."""
    worker_options = WorkerOptions(workers=1, worker_memory=1_000_000)
    found, events = run(*(line(f"line {n}") for n in range(5)), worker_options=worker_options, specs=one_by_one)
    assert set(kinds(found).values()) == {"take"}
    assert len(happenings(events, "ready")) == 1
