"""The same protocol in Ray actors: the same bytes, also when an actor is killed, and where no cache is shared."""

import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

ray = pytest.importorskip("ray")

from tts_cli.cache.store import Cache  # noqa: E402
from tts_cli.engines.base import Cost, Execution  # noqa: E402
from tts_cli.engines.catalog import get_spec  # noqa: E402
from tts_cli.errors import MissingError  # noqa: E402
from tts_cli.pipeline.request import RenderRequest  # noqa: E402
from tts_cli.pipeline.run import render  # noqa: E402
from tts_cli.settings import Settings, WorkerOptions  # noqa: E402
from tts_cli.types import Job, Utterance  # noqa: E402
from tts_cli.workers.messages import TakeDone, TakeFailed  # noqa: E402
from tts_cli.workers.pool import Pool  # noqa: E402
from tts_cli.workers.ray_host import RayHost  # noqa: E402

pytestmark = [pytest.mark.needs("ray"), pytest.mark.filterwarnings("ignore")]  # Ray's own, at start and end
SPEECH = "lines:\n" + "".join(f"  - 'Line number {number} of the lot.'\n" for number in range(8))


@pytest.fixture(scope="module", autouse=True)
def _cluster():
    """One local cluster for all; a run leaves one that was there as it is."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, configure_logging=False)
    yield
    ray.shutdown()


def tone_jobs(*texts, **params):
    calls = [
        Utterance(
            line_id=text,
            part=0,
            text=text,
            language="en",
            voice="mid",
            engine="tone",
            params={"char_ms": 5.0, **params.get(text.split()[0], {})},
            seed=1,
            key=text,
        )
        for text in texts
    ]
    return [Job(engine="tone", calls=(call,), estimated_s=0.1) for call in calls]


def one_by_one(name):
    return replace(get_spec(name), execution=Execution(batch=1))


def blobs(results):
    return {result.take.key: result.take.blob for result in results if isinstance(result, TakeDone)}


@pytest.fixture
def expected(tmp_path):
    """The blobs of ten lines, spoken by a process of this machine."""
    with Pool(WorkerOptions(workers=1), tmp_path / "local") as pool:
        return blobs(pool.render(tone_jobs(*(f"line {number}" for number in range(10)))))


def ray_pool(tmp_path, *, sends_back=False, **options):
    cache = tmp_path / "cache"
    return Pool(WorkerOptions(workers=2), cache, host=RayHost("", cache, sends_back=sends_back), **options)


@pytest.mark.parametrize("sends_back", [False, True])
def test_two_actors_make_the_same_takes(tmp_path, expected, sends_back):
    with ray_pool(tmp_path, sends_back=sends_back) as pool:
        results = list(pool.render(tone_jobs(*(f"line {number}" for number in range(10)))))
    assert blobs(results) == expected
    cache = Cache(tmp_path / "cache")
    assert all(cache.read(result.take) for result in results)
    assert not list(cache.root.glob(".ray-*"))


def test_a_poison_line_costs_itself_and_no_actor(tmp_path):
    jobs = tone_jobs("good", "poison", "fine", poison={"fault": "crash"})
    with ray_pool(tmp_path, specs=one_by_one) as pool:
        results = list(pool.render(jobs))
    assert set(blobs(results)) == {"good", "fine"}
    [failed] = [result for result in results if isinstance(result, TakeFailed)]
    assert (failed.kind, failed.error.splitlines()[0]) == ("crash", "its worker was killed by SIGSEGV")


def test_a_line_that_hangs_is_stopped_on_its_node(tmp_path):
    def impatient(name):
        return replace(get_spec(name), execution=Execution(batch=1), cost=Cost(timeout_slack_s=1.0))

    with ray_pool(tmp_path, specs=impatient) as pool:
        results = list(pool.render(tone_jobs("hangs", "fine", hangs={"fault": "hang"})))
    [failed] = [result for result in results if isinstance(result, TakeFailed)]
    assert failed.kind == "timeout"
    assert set(blobs(results)) == {"fine"}


def actor_processes():
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if command.startswith(b"ray::Station"):
            found.append(int(folder.name))
    return found


def test_a_killed_actor_comes_back_and_nothing_is_lost(tmp_path, expected):
    slow = {"line": {"work_ms": 150.0}}
    events = []
    with ray_pool(tmp_path, specs=one_by_one, listen=events.append) as pool:
        results = pool.render(tone_jobs(*(f"line {number}" for number in range(10)), **slow))
        done = [next(results)]
        for process in actor_processes():
            os.kill(process, signal.SIGKILL)
        done += results
    assert all(isinstance(result, TakeDone) for result in done)
    assert len(done) == 10
    assert [event for event in events if event.what == "died"]
    quick = {result.take.key: Cache(tmp_path / "cache").read(result.take) for result in done}
    local = Cache(tmp_path / "local")
    from tts_cli.cache.blobs import read_blob

    assert quick == {key: read_blob(local.root, blob) for key, blob in expected.items()}


def starting_workers():
    """The worker processes that actors have started."""
    actors = actor_processes()
    return [
        int(child)
        for actor in actors
        for task in Path(f"/proc/{actor}/task").glob("*/children")
        for child in task.read_text().split()
    ]


def test_workers_killed_on_their_nodes_cost_no_line(tmp_path, expected):
    """Eight kills, most of them of workers that are starting: one slot sees at least four in a row."""
    killed = 0
    with ray_pool(tmp_path, specs=one_by_one) as pool:
        results = pool.render(tone_jobs(*(f"line {number}" for number in range(10))))
        thread = threading.Thread(target=lambda: done.extend(results))
        done = []
        thread.start()
        while killed < 8 and thread.is_alive():
            for process in starting_workers():
                os.kill(process, signal.SIGKILL)
                killed += 1
            time.sleep(0.05)
        thread.join()
    assert killed >= 8
    assert blobs(done) == expected


def test_closing_in_the_middle_kills_the_actors(tmp_path):
    pool = ray_pool(tmp_path, specs=one_by_one)
    results = pool.render(tone_jobs("quick", "hangs", hangs={"fault": "hang"}))
    next(results)
    results.close()
    deadline = time.monotonic() + 10
    while actor_processes():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_an_engine_that_cannot_be_had_on_a_node_says_so(tmp_path):
    def absent(name):
        return replace(get_spec(name), adapter="no_such_module:Engine")

    with (
        pytest.raises(MissingError, match=r"on a node of the cluster.*no_such_module"),
        ray_pool(tmp_path, specs=absent) as pool,
    ):
        list(pool.render(tone_jobs("a")))


@pytest.mark.parametrize("sends_back", [False, True])
def test_a_cloned_voice_speaks_from_anywhere(tmp_path, clips, monkeypatch, sends_back):
    """Conditionals are made in an actor, come back, and go out again with the lines."""
    book = tmp_path / "book.yaml"
    book.write_text(f"defaults: {{voice: {clips / 'ann.wav'}}}\nlines: [One of them., Two of them.]\n")

    def settings(name, **worker_options):
        return Settings(
            home=tmp_path / "home", cache=tmp_path / name, worker_options=WorkerOptions(workers=2, **worker_options)
        )

    plain = render(RenderRequest(manifest=str(book), out=tmp_path / "plain"), settings("plain-cache"), lambda _: None)
    monkeypatch.setattr(
        "tts_cli.workers.ray_host.RayHost.__init__",
        lambda self, address, cache, init=RayHost.__init__: init(self, address, cache, sends_back=sends_back),
    )
    far = render(
        RenderRequest(manifest=str(book), out=tmp_path / "far"), settings("far-cache", executor="ray"), lambda _: None
    )
    assert [output.sha256 for output in far.outputs] == [output.sha256 for output in plain.outputs]


def test_recordings_are_played_where_they_lie(tmp_path, clips):
    book = tmp_path / "book.yaml"
    book.write_text(f"lines: [{{audio: {clips / 'ann.wav'}}}, Spoken.]\n")
    settings = Settings(
        home=tmp_path, cache=tmp_path / "cache", worker_options=WorkerOptions(workers=2, executor="ray")
    )
    threads = threading.active_count()
    assert render(RenderRequest(manifest=str(book), out=tmp_path / "out"), settings, lambda _: None).status == "ok"
    assert threading.active_count() <= threads + 2


def test_speech_is_the_same_from_ray_and_from_here(tmp_path):
    book = tmp_path / "book.yaml"
    book.write_text(SPEECH)
    sums = set()
    for executor in ("local", "ray"):
        worker_options = WorkerOptions(workers=2, executor=executor)
        settings = Settings(home=tmp_path, cache=tmp_path / executor, worker_options=worker_options)
        report = render(RenderRequest(manifest=str(book), out=tmp_path / f"out-{executor}"), settings, lambda _: None)
        sums |= {output.sha256 for output in report.outputs}
    assert len(sums) == 1
    assert ray.is_initialized()
