"""How far the recording is, and how long it will take: by the rates measured in this very run."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from tts_cli.engines.catalog import get_spec
from tts_cli.types import Job, Take, Utterance

# What the engine's spec says of its speed weighs as much as so many seconds of measured audio.
PRIOR_S = 20.0


@dataclass(slots=True)
class _Pace:
    """One engine's work: seconds of audio expected in all, those done so far, and the workers' seconds it took."""

    expected_s: float = 0.0
    done_s: float = 0.0
    wall_s: float = 0.0

    def eta_s(self, realtime_factor: float) -> float:
        """Guess the seconds of one worker's time that are left."""
        factor = (self.wall_s + PRIOR_S * realtime_factor) / (self.done_s + PRIOR_S)
        return (self.expected_s - self.done_s) * factor


class EtaEstimator:
    """Counts jobs as they are done. `done_s` and `total_s` are seconds of expected audio."""

    def __init__(self, jobs: Iterable[Job]) -> None:
        self.done_s = self.total_s = 0.0
        self._paces: defaultdict[str, _Pace] = defaultdict(_Pace)
        self._calls: dict[str, tuple[Utterance, float]] = {}
        self._workers: set[int] = set()
        for job in jobs:
            for call in job.calls:
                if isinstance(call, Utterance):
                    self._calls[call.key] = call, job.estimated_s / len(job.calls)
            self._paces[job.engine].expected_s += job.estimated_s
            self.total_s += job.estimated_s

    def count(self, key: str, take: Take | None, worker: int) -> Utterance:
        """Count a call as done, whatever came of it; returns it."""
        call, seconds = self._calls.pop(key)
        self.done_s += seconds
        pace = self._paces[call.engine]
        pace.done_s += seconds
        if take:
            pace.wall_s += take.wall_s
            self._workers.add(worker)
        return call

    @property
    def eta_s(self) -> float:
        """Guess how many seconds the rest will take, by the workers that have delivered so far."""
        work_s = sum(pace.eta_s(get_spec(engine).cost.realtime_factor) for engine, pace in self._paces.items())
        return work_s / max(1, len(self._workers))
