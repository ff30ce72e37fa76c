"""The worker's main: speaks the utterances that its parent sends, and writes each take into the cache.

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
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np

from tts_cli.audio.files import Subtype, encode_take
from tts_cli.audio.measure import measure_take
from tts_cli.cache.blobs import write_blob
from tts_cli.cache.records import take_to_json
from tts_cli.engines.base import Engine, Speech
from tts_cli.errors import MissingError, TakeError, TtsError
from tts_cli.types import Take
from tts_cli.workers.messages import PROTOCOL, decode, encode, request_from_json

HEARTBEAT_S = 1.0
LAST_WORDS_S = 0.5


class Channel:
    """The way back to the parent, and the sign of life on it while there is work."""

    def __init__(self, pipe: BinaryIO) -> None:
        self._pipe = pipe
        self._lock = threading.Lock()
        self._busy = False
        threading.Thread(target=self._beat, daemon=True).start()

    def send(self, **message: object) -> None:
        """Send one message whole; raises BrokenPipeError once the parent is gone."""
        with self._lock:
            self._pipe.write(encode(message))
            self._pipe.flush()

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """Show life for the time of the block."""
        self._busy = True
        try:
            yield
        finally:
            self._busy = False

    def _beat(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            while True:
                time.sleep(HEARTBEAT_S)
                if self._busy:
                    self.send(event="heartbeat", rss=_resident_bytes())


def main() -> int:
    """Serve one parent until it closes our stdin."""
    faulthandler.enable(all_threads=False)
    pipe_in, pipe_out = _claim_pipes()
    channel = Channel(pipe_out)
    requests = _read_requests(pipe_in)
    hello = requests.get()
    if hello is None:
        return 0
    with contextlib.suppress(BrokenPipeError):
        with channel.working():
            engine = _load_engine(hello, channel)
        if engine is None:
            return 1
        try:
            channel.send(event="ready", proto=PROTOCOL, pid=os.getpid())
            while (request := requests.get()) is not None:
                with channel.working():
                    for job in request["jobs"]:
                        channel.send(**_answer(engine, job, Path(hello["cache"]), hello["subtype"]))
                channel.send(event="done")
        finally:
            engine.close()
    return 0


def _claim_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Take stdin and stdout for the protocol, so that a library that prints or reads cannot disturb it."""
    pipe_in = os.fdopen(os.dup(0), "rb")
    pipe_out = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return pipe_in, pipe_out


def _read_requests(pipe: BinaryIO) -> "queue.SimpleQueue[dict[str, Any] | None]":
    """Read in a thread of its own: the end of stdin must end a worker that is in the middle of a line, too.

    (Linux could signal the parent's death, but sends that signal when the thread ends that started the worker.)
    """
    requests: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()

    def read() -> None:
        for line in pipe:
            requests.put(decode(line))
        requests.put(None)
        time.sleep(LAST_WORDS_S)
        if os.getpgrp() == os.getpid():
            os.killpg(0, signal.SIGKILL)
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    return requests


def _load_engine(hello: dict[str, Any], channel: Channel) -> Engine | None:
    """Make the engine ready, or say why it cannot be."""
    try:
        if hello["proto"] != PROTOCOL:
            raise MissingError(f"the worker speaks protocol {PROTOCOL}, the parent {hello['proto']}")
        module, _, name = hello["adapter"].partition(":")
        engine = cast("Engine", getattr(importlib.import_module(module), name)())
        engine.load(hello["device"])
    except TtsError as error:
        channel.send(event="unusable", error=error.message, hint=error.hint)
    except ImportError as error:
        traceback.print_exc()
        channel.send(event="unusable", error=f"the engine {hello['engine']} cannot be imported: {error}", hint="")
    else:
        return engine
    return None


def _answer(engine: Engine, job: dict[str, Any], cache: Path, subtype: Subtype) -> dict[str, Any]:
    """Record one utterance. This is the error boundary of a take: whatever goes wrong costs this line only."""
    try:
        return {"event": "take", **take_to_json(_record(engine, job, cache, subtype))}
    except TakeError as error:
        hint = f" ({error.hint})" if error.hint else ""
        return {"event": "failed", "key": job["key"], "kind": error.kind, "error": error.message + hint}
    except TtsError as error:
        return {"event": "failed", "key": job["key"], "kind": "engine", "error": error.message}
    except MemoryError:
        return {"event": "failed", "key": job["key"], "kind": "oom", "error": "out of memory"}
    except Exception as error:  # noqa: BLE001
        traceback.print_exc()
        return {"event": "failed", "key": job["key"], "kind": "internal", "error": _last_line(error)}


def _record(engine: Engine, job: dict[str, Any], cache: Path, subtype: Subtype) -> Take:
    started = time.perf_counter()
    [speech] = engine.synthesize([request_from_json(job)])
    _check(speech)
    data = encode_take(speech.samples, speech.sample_rate, subtype)
    measures = measure_take(speech.samples, speech.sample_rate)
    try:
        blob = write_blob(cache, data)
    except OSError as error:
        raise TakeError(f"the cache cannot be written: {error}", kind="storage") from error
    return Take(
        key=job["key"],
        blob=blob,
        size=len(data),
        frames=len(speech.samples),
        sample_rate=speech.sample_rate,
        measures=measures,
        words=speech.words,
        wall_s=round(time.perf_counter() - started, 4),
    )


def _check(speech: Speech) -> None:
    """Refuse what no later stage could mend; adapters come from third parties, too."""
    samples = speech.samples
    if samples.ndim != 1 or samples.dtype != np.float32:
        raise TakeError(f"the engine returned {samples.dtype} samples of shape {samples.shape}, not mono float32")
    if not len(samples):
        raise TakeError("the engine returned no audio")


def _last_line(error: Exception) -> str:
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({Path(place.filename).name}:{place.lineno})"


def _resident_bytes() -> int:
    """Return the memory in use; where there is no /proc, its highest value so far."""
    with contextlib.suppress(OSError):
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    sys.exit(main())
