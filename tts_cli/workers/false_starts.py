"""Deaths of workers before they began anything: after how many an engine counts as one that does not start."""

import time

from tts_cli.errors import MissingError
from tts_cli.workers.child import WorkerDied

# An engine that fails by itself fails again; one more try is for what it shares with others, another for luck.
OWN_TRIES = 3
# Who kills from outside may stop doing so, as the system does when there is memory again.
KILLS = 40
# Loading a large model takes a minute each time: fewer kills are enough if they have taken so long.
SLOW_KILLS = 5
SLOW_KILLS_S = 300.0


class FalseStarts:
    """What became of one place's workers for an engine since one of them last began a call."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """A worker has begun a call."""
        self._own = self._kills = self._answers = 0
        self._since = 0.0

    def note(self, engine: str, death: WorkerDied, answers: int) -> None:
        """Count a death; `answers` are those that the engine has given everywhere: others' success is hope.

        Raises `MissingError` where there is no use in another try.
        """
        if death.outside:
            self._note_kill(answers)
        else:
            self._own += 1
        if self._own >= OWN_TRIES:
            raise MissingError(f"the engine {engine} does not start: {death.report}", hint="run tts-cli doctor")
        slow = self._kills >= SLOW_KILLS and time.monotonic() - self._since >= SLOW_KILLS_S
        if self._kills >= KILLS or slow:
            how = death.report.partition("\n")[0]
            raise MissingError(
                f"the engine {engine} does not start: {how} while it started, {self._kills} times in a row; "
                "perhaps the machine is out of memory",
                hint="use fewer workers (--workers), or make room in memory",
            )

    def _note_kill(self, answers: int) -> None:
        # Another worker has answered since: there is room for one again, and the count begins anew.
        if not self._kills or answers != self._answers:
            self._kills, self._answers, self._since = 0, answers, time.monotonic()
        self._kills += 1
