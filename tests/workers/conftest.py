"""Jobs of the faulty engine, and a pool that knows it."""

import hashlib
import sys
from pathlib import Path

import pytest

from tts_cli.engines.catalog import get_spec
from tts_cli.settings import WorkerOptions
from tts_cli.types import Job, Utterance
from tts_cli.workers.hosts import LocalHost
from tts_cli.workers.pool import Pool

HERE = Path(__file__).parent


@pytest.fixture(scope="session", autouse=True)
def _faulty_engine_is_importable():
    """Only here, for its specs; workers get it by PYTHONPATH."""
    sys.path.append(str(HERE))
    yield
    sys.path.remove(str(HERE))


@pytest.fixture(autouse=True)
def _workers_find_the_faulty_engine(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(HERE))


def utterance(text, engine="faulty", key="", **params):
    return Utterance(
        line_id="line",
        part=0,
        text=text,
        language="en",
        voice="",
        engine=engine,
        params=params,
        seed=0,
        key=key or hashlib.sha256(f"{engine} {text}".encode()).hexdigest(),
    )


def job(*texts, engine="faulty", estimated_s=0.1):
    utterances = tuple(utterance(text, engine) for text in texts)
    return Job(engine=engine, calls=utterances, estimated_s=estimated_s)


@pytest.fixture
def jobs_of():
    """Make one job of each text."""

    def make(*texts, engine="faulty"):
        return [job(text, engine=engine) for text in texts]

    return make


@pytest.fixture
def make_job():
    """Make one job of several texts."""
    return job


@pytest.fixture
def specs():
    """Find the faulty engines by name beside the built-in ones: "faulty", or "faulty:Class" for another adapter."""
    import faulty_engine

    def find(name):
        base, _, adapter = name.partition(":")
        if base != "faulty":
            return get_spec(name)
        return faulty_engine.spec(name, f"faulty_engine:{adapter or 'Faulty'}")

    return find


@pytest.fixture
def make_pool(tmp_path, specs):
    """Make pools that are closed at the end of the test, whatever happens in it."""
    pools = []

    def make(workers=1, **options):
        host = LocalHost(logs=options.pop("logs", None), python=options.pop("python", lambda _: sys.executable))
        pool = Pool(WorkerOptions(workers=workers), tmp_path / "cache", **{"specs": specs, "host": host, **options})
        pools.append(pool)
        return pool

    yield make
    for pool in pools:
        pool.close()
