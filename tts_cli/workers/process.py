"""The worker's main: does the calls that its parent sends, and writes each take or state into the cache.

`python -m tts_cli.workers.process`, perhaps under another environment's python, so it imports the standard library,
numpy, soundfile and the engine's own packages alone.
"""

import contextlib
import faulthandler
import importlib
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np

from tts_cli.audio.io.files import Subtype, encode_take
from tts_cli.audio.meters.measure import measure_take, take_out_offset
from tts_cli.cache.blobs import AUDIO, PCM, STATE, read_blob, write_blob
from tts_cli.cache.records import take_to_json
from tts_cli.cache.store import Cache, Missing
from tts_cli.engines.base import CloningEngine, Conditionals, Engine, PromptAudio, Request, Speech
from tts_cli.engines.kit.lru import Lru
from tts_cli.errors import MissingError, TakeError, TtsError
from tts_cli.types import Take
from tts_cli.voices.pt_file import is_finite, read_pt, write_pt
from tts_cli.workers.channel import Channel, claim_pipes, memory_in_use
from tts_cli.workers.messages import NEEDS_RESTART, PROTOCOL, classify_error, decode, request_from_json

LAST_WORDS_S = 0.5
STATES_KEPT = 16

Job = dict[str, Any]
Answer = dict[str, Any]


def main() -> int:
    """Serve one parent until it closes our stdin."""
    # A crash inside a library then leaves its stack in the log.
    faulthandler.enable(all_threads=False)
    pipe_in, pipe_out = claim_pipes()
    channel = Channel(pipe_out)
    requests = _read_requests(pipe_in)
    hello = requests.get()
    # Nobody asks: an installation only tries whether its worker starts.
    if hello is None:
        return 0
    # A parent that is gone needs no answer.
    with contextlib.suppress(BrokenPipeError):
        with channel.working():
            loaded = _load_engine(hello, channel)
        if loaded is None:
            return 1
        engine, notices = loaded
        try:
            session = _WorkerSession(engine, Cache(Path(hello["cache"])), hello["subtype"])
            channel.send(event="ready", proto=PROTOCOL, pid=os.getpid(), notices=list(notices))
            while (request := requests.get()) is not None:
                with channel.working():
                    for answer in _answer(session, request["op"], request["jobs"]):
                        channel.send(**answer)
                channel.send(event="done", **memory_in_use())
        finally:
            engine.close()
    return 0


def _read_requests(pipe: BinaryIO) -> "queue.SimpleQueue[dict[str, Any] | None]":
    """Read in a thread of its own: the end of stdin must end a worker that is in the middle of a line, too.

    (Linux could signal the parent's death, but sends that signal when the thread ends that started the worker.)
    """
    requests: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()

    def read() -> None:
        for line in pipe:
            requests.put(decode(line))
        requests.put(None)
        # An idle worker comes to its own end within this time.
        time.sleep(LAST_WORDS_S)
        # A worker that somebody started by hand is in a group of theirs.
        if os.getpgrp() == os.getpid():
            os.killpg(0, signal.SIGKILL)
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    return requests


def _load_engine(hello: dict[str, Any], channel: Channel) -> tuple[Engine, Sequence[str]] | None:
    """Make the engine ready and return it with its notices, or say why it cannot be."""
    try:
        if hello["proto"] != PROTOCOL:
            raise MissingError(f"the worker speaks protocol {PROTOCOL}, the parent {hello['proto']}")
        module, _, name = hello["adapter"].partition(":")
        engine = cast("Engine", getattr(importlib.import_module(module), name)())
        notices = engine.load(hello["device"])
    except TtsError as error:
        channel.send(event="unusable", error=error.message, hint=error.hint)
    except ImportError as error:
        traceback.print_exc()
        channel.send(event="unusable", error=f"the engine {hello['engine']} cannot be imported: {error}", hint="")
    else:
        return engine, notices
    return None


class _WorkerSession:
    """What all calls share: the engine, the cache, and the states of the voices that spoke last."""

    def __init__(self, engine: Engine, cache: Cache, subtype: Subtype) -> None:
        self._engine = engine
        self._cache = cache
        self._subtype = subtype
        self._states: Lru[str, Conditionals] = Lru(STATES_KEPT)

    def condition(self, job: Job) -> Answer:
        """Make the state of a voice from its clips."""
        started = time.perf_counter()
        engine = cast("CloningEngine", self._engine)  # planning asks only those whose spec says that they clone
        state = engine.condition([self._clip(prompt) for prompt in job["prompts"]], job["language"])
        # Written first, as this refuses what is no state, which `is_finite` could not walk through.
        data = write_pt(state)
        if not is_finite(state):
            raise TakeError("the engine made a state that holds NaN or infinity")
        blob = self._keep(data, STATE)
        wall_s = round(time.perf_counter() - started, 4)
        return {"event": "conditionals", "key": job["key"], "blob": blob, "size": len(data), "wall_s": wall_s}

    def record(self, jobs: Sequence[Job]) -> Iterator[Answer]:
        """Record a batch of utterances; yields what became of each as it is kept."""
        requests = [self._request(job) for job in jobs]
        for number, speech, engine_s in self._speak(requests):
            if isinstance(speech, TakeError):
                yield _failed(jobs[number], speech)
            else:
                yield _bounded(jobs[number], partial(self._take, jobs[number], speech, engine_s))

    def _request(self, job: Job) -> Request:
        states = [self._state(turn["conditionals"]) for turn in job.get("turns", ())]
        return request_from_json(job, self._state(job.get("conditionals", "")), states)

    def _speak(self, requests: Sequence[Request]) -> Iterator[tuple[int, Speech | TakeError, float]]:
        """Yield each result with its number and the seconds that the engine took for it.

        Raises `TakeError` for an engine that breaks its contract: each request has one result.
        """
        open_numbers = set(range(len(requests)))
        started = time.perf_counter()
        for number, speech in self._engine.speak(requests):
            # An engine of a third party may count wrongly, and a take under another line's key would stay in the cache.
            if number not in open_numbers:
                raise TakeError(f"the engine returned the line {number} of {len(requests)} twice, or never had it")
            open_numbers.remove(number)
            yield number, speech, time.perf_counter() - started
            # The engine's time alone: what is done with a take in between is counted there.
            started = time.perf_counter()
        if open_numbers:
            took = len(requests) - len(open_numbers)
            raise TakeError(f"the engine returned {took} takes for {len(requests)} lines")

    def _take(self, job: Job, speech: Speech, engine_s: float) -> Answer:
        """Measure, encode and keep what an engine spoke; `engine_s` is its share of the engine's time."""
        started = time.perf_counter()
        _check(speech)
        samples, offset = take_out_offset(speech.samples)
        measures = replace(measure_take(samples, speech.sample_rate), dc=round(offset, 4))
        data = encode_take(samples, speech.sample_rate, self._subtype)
        take = Take(
            key=job["key"],
            blob=self._keep(data, AUDIO),
            size=len(data),
            frames=len(speech.samples),
            sample_rate=speech.sample_rate,
            measures=measures,
            flat_words=tuple(chain.from_iterable(speech.words)),
            ended=speech.ended,
            wall_s=round(engine_s + time.perf_counter() - started, 4),
        )
        return {"event": "take", **take_to_json(take), "notices": list(speech.notices)}

    def _clip(self, prompt: dict[str, Any]) -> PromptAudio:
        data = read_blob(self._cache.root, prompt["pcm"], PCM)
        if data is None:
            raise TakeError("a clip of the voice is no longer in the cache", hint="run the command again")
        samples = np.frombuffer(data, "<f4").astype(np.float32)
        return PromptAudio(samples=samples, sample_rate=prompt["sample_rate"], transcript=prompt["transcript"])

    def _state(self, key: str) -> Conditionals:
        """Return a voice's state, read once and kept for as long as few voices take turns."""
        return self._states.get(key, lambda: self._read_state(key)) if key else None

    def _read_state(self, key: str) -> Conditionals:
        found = self._cache.find_conditionals(key)
        data = None if isinstance(found, Missing) else self._cache.read_conditionals(found)
        if data is None:
            raise TakeError("the conditionals of the voice are damaged", hint="run the command again")
        return read_pt(data)

    def _keep(self, data: bytes, suffix: str) -> str:
        try:
            return write_blob(self._cache.root, data, suffix)
        except OSError as error:
            told = f"the cache cannot be written: {error.filename or self._cache.root}: {error.strerror}"
            raise TakeError(told, kind="storage") from error


def _answer(session: _WorkerSession, op: str, jobs: Sequence[Job]) -> Iterator[Answer]:
    """Do the calls of one request; a batch that fails as a whole is done again one by one, but not without memory."""
    if op == "condition":
        for job in jobs:
            yield _began([job])
            yield _bounded(job, partial(session.condition, job))
        return
    yield _began(jobs)
    open_jobs = {job["key"]: job for job in jobs}
    try:
        for answer in session.record(jobs):
            # Struck off, so that an error later in the batch does not answer it again.
            del open_jobs[answer["key"]]
            yield answer
    except Exception as error:  # noqa: BLE001
        one_by_one = len(jobs) > 1 and classify_error(error) not in NEEDS_RESTART
        for job in open_jobs.values():
            yield from _answer(session, op, [job]) if one_by_one else [_failed(job, error)]


def _began(jobs: Sequence[Job]) -> Answer:
    """Return what is begun now: reading its voice is part of it."""
    return {"event": "began", "keys": [job["key"] for job in jobs]}


def _bounded(job: Job, work: Callable[[], Answer]) -> Answer:
    """Do one call. This is the error boundary of a take: whatever goes wrong costs this line only."""
    try:
        return work()
    except Exception as error:  # noqa: BLE001
        return _failed(job, error)


def _failed(job: Job, error: Exception) -> Answer:
    """Return what went wrong, in words where it was expected, and with its place where it is a bug."""
    kind, said = classify_error(error), _last_line(error)
    if isinstance(error, TtsError):
        kind = kind if isinstance(error, TakeError) else "engine"
        said = f"{error.message} ({error.hint})" if error.hint and isinstance(error, TakeError) else error.message
    elif isinstance(error, MemoryError):
        said = "out of memory"
    else:
        # The stack of a bug is for the log, its last line for the user.
        traceback.print_exception(error)
    return {"event": "failed", "key": job["key"], "kind": kind, "error": said}


def _check(speech: Speech) -> None:
    """Refuse what no take can be made of; what is wrong with one that can be, the pipeline decides.

    Raises `TakeError`, of kind "unsound" where another seed may mend it.
    """
    samples = speech.samples
    if samples.ndim != 1 or samples.dtype != np.float32:
        raise TakeError(f"the engine returned {samples.dtype} samples of shape {samples.shape}, not mono float32")
    if not len(samples):
        raise TakeError("the engine returned no audio", kind="unsound")
    if not np.isfinite(samples).all():
        raise TakeError("the engine returned samples that are not numbers (NaN or infinite)", kind="unsound")


def _last_line(error: Exception) -> str:
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({Path(place.filename).name}:{place.lineno})"


if __name__ == "__main__":
    sys.exit(main())
