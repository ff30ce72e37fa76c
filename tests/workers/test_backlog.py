"""What a worker is given next: its own engine first, then where most is left; batches that leave some for others."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_cli.engines.base import Cost, Execution
from tts_cli.engines.catalog import get_spec
from tts_cli.types import Job, Utterance
from tts_cli.workers.backlog import STRIKES, Backlog

SPEAKING = get_spec("tone")


def spec(name):
    cost = Cost(realtime_factor=1.0, startup_s=10.0)
    return replace(SPEAKING, name=name, execution=Execution(batch=8, gpu_batch=32), cost=cost)


def jobs_of(engine, *seconds):
    return [
        Job(
            engine=engine,
            calls=(
                Utterance(
                    line_id=f"{engine}{number}",
                    part=0,
                    text="a",
                    language="en",
                    voice="",
                    engine=engine,
                    params={},
                    seed=0,
                    key=f"{engine}{number}",
                ),
            ),
            estimated_s=length,
        )
        for number, length in enumerate(seconds)
    ]


def backlog(jobs, workers=1, kind="cpu"):
    return Backlog(jobs, spec, kind=kind, workers=workers)


def test_one_worker_gets_whole_batches_in_order():
    waiting = backlog(jobs_of("a", *range(20, 0, -1)))
    taken = [waiting.take(engine) for engine in ("", "a", "a", "a")]
    assert [len(job.calls) for job in taken[:3]] == [8, 8, 4]
    assert taken[3] is None
    assert taken[0].estimated_s == sum(range(20, 12, -1))
    assert [call.key for call in taken[0].calls] == [f"a{number}" for number in range(8)]


def test_batches_get_smaller_so_that_all_workers_end_together():
    waiting = backlog(jobs_of("a", *[1.0] * 40), workers=2)
    sizes = [len(waiting.take("a" if number > 1 else "").calls) for number in range(12)]
    assert sizes[0] == 8
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] == 1


def test_a_gpu_takes_larger_batches():
    assert len(backlog(jobs_of("a", *[1.0] * 50), kind="cuda").take("").calls) == 32


def test_a_worker_keeps_to_its_engine():
    waiting = backlog([*jobs_of("a", 5.0), *jobs_of("b", 9.0, 8.0)])
    assert waiting.take("a").engine == "a"
    assert waiting.take("a").engine == "b"


def test_workers_spread_over_the_engines_by_what_is_left():
    waiting = backlog([*jobs_of("a", *[5.0] * 30), *jobs_of("b", *[5.0] * 20)], workers=3)
    assert [waiting.take("").engine for _ in range(3)] == ["a", "b", "a"]


def test_an_engine_that_is_nearly_through_is_not_loaded_once_more():
    waiting = backlog([*jobs_of("a", *[1.0] * 12), *jobs_of("b", *[1.0] * 4)], workers=2)
    assert waiting.take("").engine == "a"
    waiting.record_success("a", audio_s=10.0, wall_s=10.0)
    assert waiting.take("").engine == "b"
    while waiting.take("b"):
        pass
    assert waiting.take("a") is not None


@pytest.mark.parametrize(("left", "joined"), [(19, None), (21, "a")])
def test_a_worker_joins_where_each_of_those_there_has_more_left_than_loading_takes(left, joined):
    waiting = backlog(jobs_of("a", 1.0, 1.0, *[1.0] * left), workers=100)
    for _ in range(2):
        assert len(waiting.take("").calls) == 1
    waiting.record_success("a", audio_s=2.0, wall_s=2.0)
    job = waiting.take("")  # two are there, and loading takes ten seconds
    assert (job and job.engine) == joined


def test_before_anything_is_measured_every_worker_is_welcome():
    waiting = backlog(jobs_of("a", 0.1, 0.1, 0.1), workers=2)
    assert waiting.take("") is not None
    assert waiting.take("") is not None


def test_an_engine_is_given_up_after_too_many_losses_in_a_row():
    waiting = backlog(jobs_of("a", 1.0))
    for _ in range(STRIKES - 1):
        waiting.record_crash("a", "its worker was killed\nmore")
    assert not waiting.why_given_up("a")
    waiting.record_success("a", 1.0, 1.0)
    for _ in range(STRIKES):
        waiting.record_crash("a", "its worker was killed\nmore")
    assert waiting.why_given_up("a") == "not tried: 5 lines in a row ended the engine a; last: its worker was killed"


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.floats(0.1, 50)), max_size=60),
    st.integers(1, 5),
    st.integers(0, 1000),
)
def test_every_job_is_handed_out_once(work, workers, turns):
    jobs = [job for engine in "abc" for job in jobs_of(engine, *(s for name, s in work if name == engine))]
    waiting = backlog(jobs, workers)
    seen, idle, engines = [], set(), [""] * workers
    while len(idle) < workers:
        worker = turns % workers if turns % workers not in idle else min(set(range(workers)) - idle)
        turns = turns * 31 + 7
        job = waiting.take(engines[worker])
        if job is None:
            idle.add(worker)
        else:
            engines[worker] = job.engine
            seen += [call.key for call in job.calls]
            assert len({call.engine for call in job.calls}) == 1
    assert sorted(seen) == sorted(job.calls[0].key for job in jobs)


def test_a_worker_that_has_an_engine_loaded_stays_with_it():
    waiting = backlog([*jobs_of("a", *[5.0] * 30), *jobs_of("b", 5.0)], workers=2)
    waiting.enter("b")
    assert waiting.take("b").engine == "b"
    assert waiting.take("b").engine == "a"


@pytest.mark.parametrize("workers", [1, 4])
def test_nothing_to_do_is_nothing_to_take(workers):
    assert backlog([], workers).take("") is None


def test_calls_in_order_are_a_batch_of_their_own():
    first, *others = jobs_of("a", 3.0, 2.0, 1.0, 1.0)
    scene = replace(others[0], in_order=True)
    waiting = backlog([first, scene, *others[1:]])
    assert [len(waiting.take(engine).calls) for engine in ("", "a", "a")] == [1, 1, 2]
    waiting = backlog([scene, first])
    assert waiting.take("") == scene
    assert waiting._queues["a"].left_s == 3.0


def test_an_engine_on_a_server_has_one_worker_and_full_batches():
    server = get_spec("tone-remote")
    waiting = Backlog(jobs_of("tone-remote", *[1.0] * 20), lambda _: server, kind="cpu", workers=4)
    assert len(waiting.take("").calls) == server.execution.batch
    assert waiting.take("") is None
    assert len(waiting.take("tone-remote").calls) == server.execution.batch
