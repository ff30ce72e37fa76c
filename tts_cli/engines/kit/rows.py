"""Many rows through an autoregressive model at once: admit, step, end, compact, refill.

A row is one piece of text in one voice. The loop knows when a row begins and ends; a `RowBatch` knows the model: how a
row is read, how all of them take a step, and what is moved when one leaves. A row that ends frees its slot at once,
which the next row that fits takes over, so that short rows do not wait for long ones.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar


class DecodableRow(Protocol):
    """What the loop needs of a row: at most `budget` frames are made of it, `tail` more follow its end."""

    @property
    def budget(self) -> int:
        """The frames after which the row is stopped if it has not ended."""

    @property
    def tail(self) -> int:
        """The frames that are kept from the one on that says the end; 0 drops it."""


R = TypeVar("R", bound=DecodableRow)
R_contra = TypeVar("R_contra", bound=DecodableRow, contravariant=True)


class RowBatch(Protocol[R_contra]):
    """The rows that are in the model now, in slots from 0 on; the methods are called in turn, never at once."""

    def fits(self, row: R_contra) -> bool:
        """Return whether the row can join at the place where the others are."""

    def admit(self, row: R_contra) -> None:
        """Read the row's text into the next slot."""

    def step(self) -> tuple[Sequence[Any], Sequence[bool]]:
        """Make one frame of every row, each from its own random numbers: the frames, and which of them say an end."""

    def keep(self, slots: Sequence[int]) -> None:
        """Drop all rows but these: slot n becomes what slot `slots[n]` is. What moves comes from behind the last."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """What became of the row of that number. One that has not ended met its budget."""

    row: int
    frames: Sequence[Any]
    ended: bool


@dataclass(slots=True, eq=False)
class _Slot:
    number: int
    budget: int
    tail: int
    frames: list[Any] = field(default_factory=list)
    end: int | None = None

    def take(self, frame: Any, *, says_end: bool, first_end: int) -> bool:
        """Take the frame of a step, unless the row is over; returns whether it is."""
        steps = len(self.frames)
        if says_end and self.end is None and steps >= first_end:
            self.end = steps
        if self.end is not None and steps >= self.end + self.tail:
            return True
        self.frames.append(frame)
        return steps + 1 >= self.budget


def decode_rows(
    rows: Sequence[R], open_batch: Callable[[Sequence[R]], RowBatch[R]], *, width: int, first_end: int = 0
) -> Iterator[Decoded]:
    """Yield each row as it ends, at most `width` at a time, those with the largest budgets first.

    `open_batch` is given the rows that it is to be large enough for; rows that never fit in beside them wait for the
    next one. An end that a row says before its frame `first_end` is ignored.
    """
    # Short rows then fill the slots that come free, and no long one is left to run alone at the end.
    waiting = deque(sorted(enumerate(rows), key=lambda numbered: -numbered[1].budget))
    while waiting:
        first = [waiting[place][1] for place in range(min(width, len(waiting)))]
        batch, slots = open_batch(first), list[_Slot]()
        _refill(batch, slots, waiting, len(first))
        while slots:
            over = _step(batch, slots, first_end)
            _refill(batch, slots, waiting, len(first))
            yield from over


def _step(batch: RowBatch[R], slots: list[_Slot], first_end: int) -> list[Decoded]:
    """Take a step; returns the rows that are over, whose slots are filled up from the end."""
    frames, ends = batch.step()
    over, kept = [], list(range(len(slots)))
    for place in reversed(range(len(slots))):  # from the last: the slots that move are done
        slot = slots[place]
        if slot.take(frames[place], says_end=ends[place], first_end=first_end):
            over.append(Decoded(slot.number, slot.frames, slot.end is not None))
            slots[place], kept[place] = slots[-1], kept[-1]
            slots.pop()
            kept.pop()
    if over:
        # Before anything is admitted: new rows take the slots behind those that stay.
        batch.keep(kept)
    return over


def _refill(batch: RowBatch[R], slots: list[_Slot], waiting: "deque[tuple[int, R]]", width: int) -> None:
    """Fill free slots with the first rows that fit."""
    # Each is asked once; those that do not fit go to the back and keep their order.
    for _ in range(len(waiting)):
        if len(slots) == width:
            return
        number, row = waiting.popleft()
        if batch.fits(row):
            batch.admit(row)
            slots.append(_Slot(number, row.budget, row.tail))
        else:
            waiting.append((number, row))
