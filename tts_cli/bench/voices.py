"""A voice's conditionals from the cache against from audio: for one line, and for a run of many."""

import functools
import importlib
import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tts_cli.bench.timing import Log, Row, Timing
from tts_cli.cache.store import Cache, Missing
from tts_cli.engines.base import CloningEngine, Conditionals, Engine, EngineSpec, PromptAudio, Request
from tts_cli.engines.catalog import get_spec, resolve_voice
from tts_cli.errors import TakeError, TtsError, UsageError
from tts_cli.pipeline.plan.voice_states import make_conditioning
from tts_cli.settings import Settings, WorkerOptions
from tts_cli.types import Voice
from tts_cli.voices.pt_file import read_pt
from tts_cli.voicework.precompute import find_voice, precompute

TEXT = "The lighthouse keeper counted nine ships, and one of them was coming home."
READING = "The tide was out, and the boats lay on their sides. Nobody spoke. Then a bell rang, far away, twice. " * 2


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subject:
    """A voice on an engine that is loaded in this process, and a cache that knows it."""

    spec: EngineSpec
    engine: CloningEngine
    voice: Voice
    cache: Cache
    key: str

    def from_audio(self) -> Conditionals:
        """Do what a tool without a cache does for each line: read the clip, and have the engine listen."""
        conditioner = self.spec.abilities.clones
        if conditioner is None:
            raise UsageError(f"the engine {self.spec.name} imitates nobody")
        conditionals_request = make_conditioning(self.voice, self.spec, conditioner)
        clips = [
            PromptAudio(samples=np.frombuffer(prompt.data, "<f4"), sample_rate=prompt.sample_rate)
            for prompt in conditionals_request.prompts
        ]
        return self.engine.condition(clips, conditionals_request.language)

    def from_cache(self) -> Conditionals:
        """Do what a worker does: find the record, read the state, check its hash, decode it."""
        found = self.cache.find_conditionals(self.key)
        data = None if isinstance(found, Missing) else self.cache.read_conditionals(found)
        if data is None:
            raise TtsError("the state is not in the cache")
        return read_pt(data)

    def speak(self, state: Conditionals) -> None:
        """Speak the line."""
        voice = resolve_voice(self.spec, "", "en")
        list(self.engine.speak([Request(text=TEXT, language="en", voice=voice, params={}, seed=0, state=state)]))


def bench_voices(folder: Path, *, clip: Path | None, engine: str, lines: int, say: Log) -> dict[str, Sequence[Row]]:
    """Time the state alone, a line with it, and a run of lines; a clip is made by the engine where none is given."""
    subject = _prepare(folder, clip, engine, say)
    say(f"{lines} lines from audio, and from the cache")
    state = subject.from_cache()
    audio, cached = _median(subject.from_audio, lines), _median(subject.from_cache, lines)
    line = _median(lambda: subject.speak(state), lines)
    once = _timed(lambda: _run(subject, functools.cache(subject.from_audio), lines))
    each = _timed(lambda: _run(subject, subject.from_audio, lines))
    ready = _timed(lambda: _run(subject, functools.cache(subject.from_cache), lines))
    subject.engine.close()
    return {
        "state": _compare("the state from the cache", cached, {"from audio": audio}),
        "line": _compare("a line, its voice from the cache", _sum(line, cached), {"from audio": _sum(line, audio)}),
        "run": _compare(
            f"{lines} lines, the voice in the cache",
            ready,
            {"the voice made once": once, "the voice made for each line": each},
        ),
    }


def _prepare(folder: Path, clip: Path | None, engine: str, say: Log) -> _Subject:
    spec = get_spec(engine)
    module, _, name = spec.adapter.partition(":")
    adapter: CloningEngine = getattr(importlib.import_module(module), name)()
    adapter.load("cpu")
    settings = Settings(home=folder / "home", cache=folder / "cache", worker_options=WorkerOptions(workers=1))
    path = clip or _make_clip(folder / "clip.wav", adapter, spec)
    say("making the voice ready")
    (result,) = precompute([str(path.resolve())], engine, settings, lambda _: None)
    if result.found is None:
        raise TtsError(f"the voice cannot be made ready: {result.error}")
    voice = find_voice(str(path.resolve()), spec, settings)
    return _Subject(spec=spec, engine=adapter, voice=voice, cache=Cache(settings.cache), key=result.found.key)


def _make_clip(path: Path, engine: Engine, spec: EngineSpec) -> Path:
    import soundfile

    voice = resolve_voice(spec, "", "en")
    [(_, speech)] = engine.speak([Request(text=READING, language="en", voice=voice, params={}, seed=0)])
    if isinstance(speech, TakeError):
        raise speech
    soundfile.write(path, speech.samples, speech.sample_rate)
    return path


def _run(subject: _Subject, find_state: Callable[[], Conditionals], lines: int) -> None:
    for _ in range(lines):
        subject.speak(find_state())


def _timed(do: Callable[[], object]) -> Timing:
    wall, cpu = time.perf_counter(), time.process_time()
    do()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else 1024**2)
    return Timing(wall_s=time.perf_counter() - wall, cpu_s=time.process_time() - cpu, peak_mb=peak)


def _median(do: Callable[[], object], times: int) -> Timing:
    """Time something again and again; the machine is shared, so that the middle counts."""
    found = [_timed(do) for _ in range(times)]
    return Timing(
        wall_s=statistics.median(timing.wall_s for timing in found),
        cpu_s=statistics.median(timing.cpu_s for timing in found),
        peak_mb=found[-1].peak_mb,
    )


def _sum(one: Timing, two: Timing) -> Timing:
    return Timing(wall_s=one.wall_s + two.wall_s, cpu_s=one.cpu_s + two.cpu_s, peak_mb=max(one.peak_mb, two.peak_mb))


def _compare(what: str, ours: Timing, others: dict[str, Timing]) -> list[Row]:
    """Give each of the others as a multiple of ours."""
    rows = [Row(what=what, timing=ours, ratio=1.0)]
    return rows + [Row(what=name, timing=timing, ratio=timing.cpu_s / ours.cpu_s) for name, timing in others.items()]
