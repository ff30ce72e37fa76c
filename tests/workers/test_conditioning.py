"""States of voices: made from clips in the cache, kept there, and spoken with."""

from dataclasses import replace

import numpy as np
import pytest

from tts_cli.audio.io.files import decode_take
from tts_cli.cache.blobs import PCM, STATE, blob_path
from tts_cli.cache.records import CachedConditionals
from tts_cli.cache.store import Cache
from tts_cli.types import ConditionalsRequest, Job, ReferenceClip, Voice
from tts_cli.voices.pt_file import read_pt
from tts_cli.workers.messages import ConditionalsDone, TakeDone, TakeFailed

KEY = "5e" * 32


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "cache")


@pytest.fixture
def clip(cache):
    """A clip with the peak 0.5, in the cache."""
    return cache.put_blob(np.float32([0.1, -0.5, 0.2]).tobytes(), PCM)


def conditionals_request(clip, transcript=""):
    prompt = ReferenceClip(pcm=clip, sample_rate=8000, transcript=transcript)
    voice = Voice(name="nora", engine="faulty")
    call = ConditionalsRequest(key=KEY, engine="faulty", voice=voice, language="de", prompts=(prompt,))
    return Job(engine="faulty", calls=(call,), estimated_s=1.0)


def commit(cache, done):
    record = CachedConditionals(key=done.key, blob=done.blob, size=done.size, engine="faulty", model="1", made_from=())
    cache.put(record)
    return record


def test_a_state_is_made_from_its_clips(make_pool, cache, clip):
    (done,) = make_pool().render([conditionals_request(clip)])
    assert isinstance(done, ConditionalsDone)
    assert done.key == KEY
    state = read_pt(cache.read_conditionals(commit(cache, done)))
    assert state["language"] == "de"
    assert state["level"].tolist() == [0.5]


def test_lines_speak_with_the_state(make_pool, make_job, cache, clip):
    (done,) = make_pool().render([conditionals_request(clip)])
    commit(cache, done)
    job = make_job("hello", "world")
    job = replace(job, calls=tuple(replace(one, conditionals=KEY) for one in job.calls))
    for take in make_pool().render([job]):
        assert isinstance(take, TakeDone)
        samples, _ = decode_take(cache.read(take.take))
        assert samples.max() == pytest.approx(0.5, abs=1e-4)


@pytest.mark.parametrize(
    ("transcript", "reason"), [("refuse", "too hard"), ("nan", "NaN"), ("bug", "KeyError"), ("segfault", "SIGSEGV")]
)
def test_what_cannot_be_made_is_said_and_leaves_nothing(make_pool, cache, clip, transcript, reason):
    (failed,) = make_pool().render([conditionals_request(clip, transcript)])
    assert isinstance(failed, TakeFailed)
    assert reason in failed.error
    assert not list(cache.root.rglob("*.pt"))


def test_a_clip_that_is_gone_or_damaged_is_noticed(make_pool, cache, clip):
    blob_path(cache.root, clip, PCM).write_bytes(b"12345678")
    (failed,) = make_pool().render([conditionals_request(clip)])
    assert "no longer in the cache" in failed.error


@pytest.mark.parametrize("damage", ["flip", "cut", "gone", "no record"])
def test_a_damaged_state_speaks_no_line(make_pool, make_job, cache, clip, damage):
    (done,) = make_pool().render([conditionals_request(clip)])
    commit(cache, done)
    path = blob_path(cache.root, done.blob, STATE)
    data = path.read_bytes()
    match damage:
        case "flip":
            path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        case "cut":
            path.write_bytes(data[:-9])
        case "gone":
            path.unlink()
        case _:
            cache.record_path(KEY).unlink()
    job = make_job("hello")
    job = replace(job, calls=(replace(job.calls[0], conditionals=KEY),))
    (failed,) = make_pool().render([job])
    assert "conditionals of the voice are damaged" in failed.error
