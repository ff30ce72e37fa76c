"""Gains that many files share: one that would move by a hair stays, so that an edited line changes one file."""

from collections.abc import Mapping

HYSTERESIS_DB = 0.5
"""So far may a new gain lie from the one that is kept: nobody hears it."""


class SharedLevels:
    """The gains of one run, by what they are of; `before` are those of the last run, none where all are to be new."""

    def __init__(self, before: Mapping[str, float]) -> None:
        self._before = before
        self._now = dict(before)

    def settle(self, of: str, gain_db: float) -> float:
        """Return the gain in dB to use: the last run's where it is near enough, else the new one."""
        kept = self._before.get(of)
        self._now[of] = round(gain_db, 1) if kept is None or abs(gain_db - kept) > HYSTERESIS_DB else kept
        return self._now[of]

    @property
    def kept(self) -> Mapping[str, float]:
        """What the next run must know."""
        return self._now
