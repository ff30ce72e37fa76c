"""The batched decoding loop with a model that is arithmetic: who sits where, who ends when, and who comes next."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_cli.engines.kit.rows import decode_rows


@dataclass(frozen=True)
class Row:
    """Says its end at the step `end`, counted from 0; None never does. Frames are `start`, `start` + 1 and so on."""

    start: int
    end: int | None
    budget: int = 10
    tail: int = 0
    prefix: int = 1


class Counting:
    """Each slot holds what its row has come to; a frame is its number, so that a wrong move is seen."""

    def __init__(self, first, log):
        self.log = log
        self.offset = max(row.prefix for row in first)
        self.slots = []
        log.append(("open", len(first)))

    def fits(self, row):
        return row.prefix <= self.offset

    def admit(self, row):
        self.slots.append([row, 0])
        self.log.append(("admit", row.start))

    def step(self):
        self.log.append(("step", len(self.slots)))
        frames = [row.start + steps for row, steps in self.slots]
        ends = [steps == row.end for row, steps in self.slots]
        for slot in self.slots:
            slot[1] += 1
        return frames, ends

    def keep(self, slots):
        assert len(set(slots)) == len(slots)
        assert all(source == place or source >= len(slots) for place, source in enumerate(slots))
        self.slots = [self.slots[source] for source in slots]


def decode(rows, width, first_end=0):
    log = []
    found = {}
    for decoded in decode_rows(rows, lambda first: Counting(first, log), width=width, first_end=first_end):
        assert decoded.row not in found
        found[decoded.row] = (list(decoded.frames), decoded.ended)
    return found, log


def alone(row, first_end=0):
    return decode([row], 1, first_end)[0][0]


rows = st.lists(
    st.builds(
        Row,
        start=st.integers(0, 1000),
        end=st.none() | st.integers(0, 12),
        budget=st.integers(1, 12),
        tail=st.integers(0, 3),
        prefix=st.integers(1, 4),
    ),
    max_size=12,
)


@given(rows=rows, width=st.integers(1, 5), first_end=st.integers(0, 3))
def test_each_row_is_what_it_is_alone_and_there_once(rows, width, first_end):
    found, log = decode(rows, width, first_end)
    assert found == {number: alone(row, first_end) for number, row in enumerate(rows)}
    assert max((count for what, count in log if what == "step"), default=0) <= width


@pytest.mark.parametrize(
    ("row", "frames", "ended"),
    [
        (Row(0, end=3), [0, 1, 2], True),
        (Row(0, end=3, tail=2), [0, 1, 2, 3, 4], True),
        (Row(0, end=3, tail=20), list(range(10)), True),
        (Row(0, end=None), list(range(10)), False),
        (Row(0, end=0), [], True),
        (Row(0, end=9), list(range(9)), True),
        (Row(0, end=10), list(range(10)), False),
    ],
)
def test_a_row_ends_where_it_says_or_at_its_budget(row, frames, ended):
    assert alone(row) == (frames, ended)


def test_an_end_that_is_said_too_early_is_ignored():
    assert alone(Row(0, end=2), first_end=3) == (list(range(10)), False)
    assert alone(Row(0, end=3), first_end=3) == ([0, 1, 2], True)


def test_a_slot_that_is_free_is_taken_at_once():
    """The row that ends after two steps makes room for the third before the next step."""
    _, log = decode([Row(0, end=None), Row(100, end=1), Row(200, end=1)], 2)
    steps = [count for what, count in log if what == "step"]
    assert steps == [2, 2, 2, 2, *[1] * 6]


def test_those_that_may_last_longest_begin():
    _, log = decode([Row(0, end=None, budget=2), Row(100, end=None, budget=8), Row(200, end=None, budget=5)], 1)
    assert [start for what, start in log if what == "admit"] == [100, 200, 0]


def test_a_row_that_never_fits_beside_the_others_waits_for_a_batch_of_its_own():
    found, log = decode([Row(0, end=1, budget=10), Row(100, end=1, budget=3, prefix=3)], 1)
    assert [what for what, _ in log].count("open") == 2
    assert found[1] == ([100], True)
