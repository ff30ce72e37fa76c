"""Results that are single numbers with units of their own, in titled tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of a table: what was measured, and the ratio to the table's first line, or as the note says."""

    what: str
    value: float
    unit: str
    ratio: float | None = None
    note: str = ""


Tables = Mapping[str, Sequence[Figure]]
