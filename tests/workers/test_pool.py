"""The pool: everything arrives, whatever a worker does; and nothing stays behind, whatever the parent does."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tts_cli.cache.blobs import read_blob
from tts_cli.engines.base import Cost
from tts_cli.errors import MissingError, OutputError
from tts_cli.workers.messages import TakeDone, TakeFailed

ROOT = Path(__file__).parents[2]


def by_text(results, jobs):
    """Map each text to "take" or to its failure, sure that each came exactly once."""
    texts = {one.key: one.text for job in jobs for one in job.calls}
    found = {}
    for result in results:
        key = result.take.key if isinstance(result, TakeDone) else result.key
        assert texts[key] not in found
        found[texts[key]] = "take" if isinstance(result, TakeDone) else result
    return found


def alive(pid):
    """Whether a process runs; a zombie that nobody has waited for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"


def gone_within(seconds, *pids):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not any(alive(pid) for pid in pids):
            return True
        time.sleep(0.02)
    return False


def wait_for(path, seconds=10):
    deadline = time.monotonic() + seconds
    while not (path.exists() and path.read_text()):
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.02)
    return path.read_text()


@contextlib.contextmanager
def at_most(seconds):
    started = time.monotonic()
    yield
    assert time.monotonic() - started < seconds


# --- what arrives ---------------------------------------------------------------------------------------


def test_takes_arrive_with_their_audio_in_the_cache(make_pool, jobs_of, tmp_path):
    [result] = make_pool().render(jobs_of("hello there"))
    take = result.take
    assert (take.frames, take.sample_rate) == (800, 8000)
    assert [(word.text, word.start, word.end) for word in take.words] == [("hello there", 0, 800)]
    assert take.measures.offset == 800
    assert len(take.measures.peak_dbfs) == 1
    assert take.measures.peak_dbfs[0] == pytest.approx(-12.04, abs=0.01)
    data = read_blob(tmp_path / "cache", take.blob)
    assert data is not None
    assert len(data) == take.size
    assert take.wall_s > 0


def test_two_hundred_quick_jobs_all_arrive(make_pool, jobs_of):
    jobs = jobs_of(*(f"line {number}" for number in range(200)))
    found = by_text(make_pool(workers=2).render(jobs), jobs)
    assert len(found) == 200
    assert set(found.values()) == {"take"}


def test_what_an_engine_wants_known_is_told(make_pool, jobs_of):
    events = []
    list(make_pool(listen=events.append).render(jobs_of("a", engine="faulty:Slow")))
    assert [event.detail for event in events if event.what == "ready"] == ["works one by one here"]


def test_jobs_go_out_in_the_given_order(make_pool, jobs_of):
    results = make_pool().render(jobs_of("c", "a", "b"))
    assert [result.take.words[0].text for result in results] == ["c", "a", "b"]


def test_a_job_may_hold_several_utterances(make_pool, make_job):
    jobs = [make_job("one", "refuse", "two"), make_job("three")]
    found = by_text(make_pool().render(jobs), jobs)
    assert [text for text, result in found.items() if result == "take"] == ["one", "two", "three"]
    assert found["refuse"].kind == "input"


def test_no_jobs_start_no_process(make_pool, tmp_path):
    pool = make_pool(workers=2, logs=tmp_path / "logs")
    assert list(pool.render([])) == []
    assert not (tmp_path / "logs").exists()


def test_there_are_never_more_workers_than_jobs(make_pool, jobs_of, tmp_path):
    assert len(list(make_pool(workers=8, logs=tmp_path / "logs").render(jobs_of("a", "b")))) == 2
    assert len(list((tmp_path / "logs").iterdir())) <= 2


def test_two_workers_work_at_the_same_time(make_pool, jobs_of):
    pool = make_pool(workers=2)
    list(pool.render(jobs_of("warm", "up")))
    with at_most(1.5):
        assert len(list(pool.render(jobs_of("slow 0.8", "slow 0.81")))) == 2


def test_workers_stay_for_the_next_render(make_pool, jobs_of, tmp_path):
    pool = make_pool(logs=tmp_path)
    for text in ("one", "two"):
        list(pool.render(jobs_of(text)))
    assert (tmp_path / "worker-0.log").read_text().count("loading") == 1


def test_two_engines_in_one_run_are_each_loaded_once(make_pool, jobs_of, tmp_path):
    faulty, espeak = jobs_of("a", "b", "c"), jobs_of("One.", "Two.", "Three.", engine="espeak")
    jobs = [one for pair in zip(faulty, espeak, strict=True) for one in pair]
    found = by_text(make_pool(logs=tmp_path).render(jobs), jobs)
    assert list(found) == ["a", "b", "c", "One.", "Two.", "Three."]
    assert set(found.values()) == {"take"}
    assert (tmp_path / "worker-0.log").read_text().count("loading") == 1


def test_the_embedded_engine_gives_the_same_bytes_by_one_worker_and_by_two(make_pool, jobs_of):
    jobs = jobs_of(*(f"Number {number}, of the lot." for number in range(12)), engine="espeak")
    blobs = [
        {result.take.key: result.take.blob for result in make_pool(workers=workers).render(jobs)} for workers in (1, 2)
    ]
    assert len(blobs[0]) == 12
    assert blobs[0] == blobs[1]


# --- what goes wrong in a line --------------------------------------------------------------------------


def test_a_failed_line_costs_that_line_only(make_pool, jobs_of):
    jobs = jobs_of("refuse", "lack", "bug", "memory", "fine")
    found = by_text(make_pool().render(jobs), jobs)
    assert found.pop("fine") == "take"
    assert {text: result.kind for text, result in found.items()} == {
        "refuse": "input",
        "lack": "engine",
        "bug": "internal",
        "memory": "oom",
    }
    assert found["refuse"].error == "too hard to say (say something else)"
    assert found["lack"].error == "the weights are gone"
    assert found["bug"].error.startswith("KeyError: 'oops' (faulty_engine.py:")


@pytest.mark.parametrize("shape", ["stereo", "double", "empty", "nan"])
def test_what_is_no_audio_is_refused(make_pool, jobs_of, shape):
    [result] = make_pool().render(jobs_of(shape, engine="faulty:Shapeless"))
    assert result.kind == ("unsound" if shape in {"empty", "nan"} else "engine")
    assert "the engine returned" in result.error


def test_noise_on_stdout_disturbs_nothing(make_pool, jobs_of, tmp_path):
    found = list(make_pool(logs=tmp_path).render(jobs_of("print", "quiet")))
    assert all(isinstance(result, TakeDone) for result in found)
    log = (tmp_path / "worker-0.log").read_text()
    assert "says the library on stdout" in log
    assert "from a child of mine" in log
    assert "stdin holds 0 characters" in log


def test_a_cache_that_cannot_be_written_ends_the_run(make_pool, jobs_of, tmp_path):
    (tmp_path / "cache").write_text("a file where the cache should be")
    with pytest.raises(OutputError, match="the cache cannot be written"):
        list(make_pool().render(jobs_of("a", "b")))


# --- what goes wrong in a worker ------------------------------------------------------------------------


@pytest.mark.parametrize("death", ["exit 7", "segfault", "exit 0"])
def test_a_line_that_kills_its_worker_twice_is_given_up(make_pool, jobs_of, death):
    jobs = jobs_of("before", death, "after")
    found = by_text(make_pool().render(jobs), jobs)
    assert found.pop("before") == found.pop("after") == "take"
    [failed] = found.values()
    assert isinstance(failed, TakeFailed)
    assert failed.kind == "crash"
    how, *last_words = failed.error.splitlines()
    if death == "segfault":
        assert how == "its worker was killed by SIGSEGV"
        assert "Fatal Python error: Segmentation fault" in last_words
    else:
        assert how == f"its worker exited with code {death[-1]}"
        assert last_words[-2:] == ["last words on stdout", "last words on stderr"]


def test_a_worker_that_dies_once_costs_nothing(make_pool, jobs_of, tmp_path):
    jobs = jobs_of("a", f"once {tmp_path}/one exit 1", "b", f"once {tmp_path}/two segfault")
    found = by_text(make_pool(workers=2).render(jobs), jobs)
    assert set(found.values()) == {"take"}
    assert len(found) == 4


def test_a_poison_line_in_a_job_costs_that_line_only(make_pool, make_job):
    jobs = [make_job("one", "exit 1", "two", "exit 2", "three")]
    found = by_text(make_pool().render(jobs), jobs)
    assert [text for text, result in found.items() if result == "take"] == ["one", "two", "three"]
    assert found["exit 1"].kind == found["exit 2"].kind == "crash"


def test_a_worker_that_hangs_is_stopped_with_all_it_started(make_pool, jobs_of, specs, tmp_path):
    def impatient(name):
        return replace(specs(name), cost=Cost(timeout_slack_s=0.6))

    jobs = jobs_of(f"hang {tmp_path}/pids", "after")
    with at_most(8):
        found = by_text(make_pool(specs=impatient).render(jobs), jobs)
    assert found["after"] == "take"
    [hung] = [result for result in found.values() if result != "take"]
    assert (hung.kind, hung.error.splitlines()[0]) == ("timeout", "its worker did not answer in time and was stopped")
    assert gone_within(1, *map(int, (tmp_path / "pids").read_text().split()))


def test_a_worker_that_was_killed_while_idle_is_replaced(make_pool, jobs_of):
    pool = make_pool()
    list(pool.render(jobs_of("one")))
    os.kill(pool._slots["cpu"][0].worker.pid, signal.SIGKILL)
    assert isinstance(next(pool.render(jobs_of("two"))), TakeDone)


def test_a_worker_that_dies_before_it_begins_blames_no_line(make_pool, jobs_of, tmp_path):
    """The one death that the line is to blame for is one too few to give it up."""
    pool = make_pool()
    list(pool.render(jobs_of("one")))
    os.kill(pool._slots["cpu"][0].worker.pid, signal.SIGSEGV)
    assert isinstance(next(pool.render(jobs_of(f"once {tmp_path}/marker exit 1"))), TakeDone)


def test_a_batch_that_was_not_begun_is_asked_for_again_as_it_was(make_pool, jobs_of, make_job):
    events = []
    pool = make_pool(listen=events.append)
    list(pool.render(jobs_of("one")))
    os.kill(pool._slots["cpu"][0].worker.pid, signal.SIGKILL)
    assert len(list(pool.render([make_job(*"abcd")]))) == 4
    assert [len(event.calls) for event in events if event.what == "working"] == [1, 4, 4]


def test_workers_that_end_before_they_begin_anything_are_an_engine_that_does_not_start(make_pool, jobs_of, tmp_path):
    with pytest.raises(MissingError, match="faulty:EndsWhenAsked does not start: its worker exited with code 9"):
        list(make_pool().render(jobs_of("a", engine="faulty:EndsWhenAsked")))
    assert (tmp_path / "starts").read_text() == "xxx"


@pytest.mark.parametrize(("times", "kind"), [(4, "take"), (1_000, "crash")])
def test_a_line_is_given_up_after_five_kills_from_outside(make_pool, jobs_of, tmp_path, times, kind):
    jobs = jobs_of("before", f"die {tmp_path}/kills {times}", "after")
    found = by_text(make_pool().render(jobs), jobs)
    assert [getattr(found[one.calls[0].text], "kind", "take") for one in jobs] == ["take", kind, "take"]
    assert len((tmp_path / "kills").read_text()) == min(times, 5)


def test_workers_killed_while_they_start_are_no_engine_that_does_not_start(make_pool, jobs_of, tmp_path):
    jobs = jobs_of(*"abc", engine="faulty:KilledAtStart")
    assert set(by_text(make_pool().render(jobs), jobs).values()) == {"take"}
    assert (tmp_path / "starts").read_text() == "x" * 6


def test_what_kills_every_start_ends_the_run_in_the_end(make_pool, jobs_of, tmp_path, monkeypatch):
    monkeypatch.setattr("tts_cli.workers.false_starts.KILLS", 7)
    said = "its worker was killed by SIGKILL while it started, 7 times in a row; perhaps the machine is out of memory"
    with pytest.raises(MissingError, match=f"faulty:AlwaysKilledAtStart does not start: {said}"):
        list(make_pool().render(jobs_of("a", engine="faulty:AlwaysKilledAtStart")))
    assert (tmp_path / "starts").read_text() == "x" * 7


def test_an_engine_that_is_not_usable_ends_the_run_with_its_hint(make_pool, jobs_of):
    with at_most(5), pytest.raises(MissingError, match="no weights here") as caught:
        list(make_pool(workers=2).render(jobs_of("a", "b", "c", engine="faulty:Unusable")))
    assert caught.value.hint == "tts-cli download unusable"


def test_an_adapter_that_cannot_be_imported_ends_the_run(make_pool, jobs_of, specs):
    def broken(name):
        return replace(specs(name), adapter="no_such_module:Engine")

    with pytest.raises(MissingError, match="cannot be imported: No module named 'no_such_module'"):
        list(make_pool(specs=broken).render(jobs_of("a")))


def test_an_engine_that_dies_at_start_is_tried_three_times_in_all(make_pool, jobs_of, tmp_path):
    with pytest.raises(MissingError, match=r"faulty:DiesAtStart does not start(.|\n)*libwhatever"):
        list(make_pool().render(jobs_of(*"abcdefgh", engine="faulty:DiesAtStart")))
    assert (tmp_path / "starts").read_text() == "xxx"


def test_a_bug_in_an_engines_start_is_shown(make_pool, jobs_of):
    with pytest.raises(MissingError, match="RuntimeError: load has a bug"):
        list(make_pool().render(jobs_of("a", engine="faulty:BrokenLoad")))


def test_a_python_that_does_not_exist_is_said(make_pool, jobs_of):
    with pytest.raises(MissingError, match="no/such/python"):
        list(make_pool(python=lambda _: "no/such/python").render(jobs_of("a")))


def test_a_folder_of_the_user_cannot_get_into_the_worker(make_pool, jobs_of, tmp_path):
    (tmp_path / "json.py").write_text("raise SystemExit('the wrong json')")
    (tmp_path / "numpy.py").write_text("raise SystemExit('the wrong numpy')")
    [result] = make_pool().render(jobs_of("a"))
    assert isinstance(result, TakeDone)


# --- the end --------------------------------------------------------------------------------------------


def test_closing_takes_less_than_a_second_in_the_middle_of_a_job(make_pool, jobs_of, tmp_path):
    pool = make_pool(workers=2)
    results = pool.render(jobs_of("quick", f"hang {tmp_path}/pids"))
    assert isinstance(next(results), TakeDone)
    pids = [int(pid) for pid in wait_for(tmp_path / "pids").split()]
    with at_most(1):
        pool.close()
    assert gone_within(0.5, *pids)


def test_leaving_the_loop_ends_the_workers(make_pool, jobs_of, tmp_path):
    results = make_pool().render(jobs_of("quick", f"hang {tmp_path}/pids"))
    next(results)
    pids = [int(pid) for pid in wait_for(tmp_path / "pids").split()]
    with at_most(1):
        results.close()
    assert gone_within(0.5, *pids)


def test_closing_while_an_engine_starts_does_not_wait_for_it(make_pool, jobs_of, tmp_path):
    pool = make_pool(logs=tmp_path)
    results = pool.render(jobs_of("a", engine="faulty:HangsAtStart"))
    threading.Timer(0.5, pool.close).start()
    with at_most(3):
        assert list(results) == []


def test_nothing_stays_on_disk(make_pool, jobs_of, tmp_path, monkeypatch):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    with make_pool(workers=2) as pool:
        jobs = jobs_of("exit 1", "One.") + jobs_of("Two.", "Three.", engine="espeak")
        assert len(list(pool.render(jobs))) == 4
        assert list(scratch.iterdir())
    assert not list(scratch.iterdir())


def test_a_closed_pool_says_so(make_pool, jobs_of):
    pool = make_pool()
    pool.close()
    with pytest.raises(RuntimeError, match="closed"):
        next(pool.render(jobs_of("a")))


PARENT = """
import signal; signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell in the background ignores it
import sys; sys.path[:0] = [sys.argv[1], sys.argv[2]]
from pathlib import Path
import conftest, faulty_engine
from tts_cli.settings import WorkerOptions
from tts_cli.workers.pool import Pool
with Pool(WorkerOptions(workers=2), Path("cache"), specs=lambda name: faulty_engine.spec()) as pool:
    for result in pool.render([conftest.job("quick"), conftest.job("hang pids"), conftest.job("hang")]):
        print(type(result).__name__, flush=True)
"""


@pytest.fixture
def parent(tmp_path):
    """Another process with a pool whose workers hang; yields it and the process numbers of one worker's family."""
    command = [sys.executable, "-P", "-c", PARENT, str(ROOT), str(Path(__file__).parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "TakeDone\n"
        worker, grandchild = map(int, wait_for(tmp_path / "pids").split())
        try:
            yield process, worker, grandchild
        finally:
            process.kill()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(worker, signal.SIGKILL)


def test_ctrl_c_gets_out_at_once_and_leaves_nothing(parent):
    process, *family = parent
    process.send_signal(signal.SIGINT)
    with at_most(2):
        _, errors = process.communicate()
    assert "KeyboardInterrupt" in errors
    assert gone_within(1, *family)


def test_workers_end_by_themselves_when_their_parent_is_killed(parent):
    process, *family = parent
    process.kill()
    assert gone_within(3, *family)
