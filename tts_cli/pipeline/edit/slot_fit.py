"""Lines with slots -> Placements: how fast each line is spoken and where it begins, so that a dub stays in time.

A line that is too long for its slot borrows the gap after it; then it is spoken faster, by the engine and by
time-stretch; then the lines after it begin later, or what else the rules say. A line that fits is left alone, unless
its speaker's pace would jump beside it, or the budget is spent. Numbers in, numbers out; all in samples of the
programme.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from tts_cli.line import Fit
from tts_cli.pipeline.model import Placement
from tts_cli.recipe import FitRules, Overflow

RUN_S = 5.0
"""Lines of a speaker that are parted by more than this need not be of a like pace."""
ENGINE_STEP = 0.05
"""Engines are asked for whole steps of speed, so that a small change nearby does not record a line anew."""
SMOOTHED_RATE = 1.1
"""A line that fits becomes no faster than this only to be of a like pace with its neighbour."""
UNHEARD = 0.01
"""A change of pace below this is not worth a stretch."""
_RATE_STEPS = 100  # rates are whole hundredths: they settle
_MOST_ROUNDS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotLine:
    """A line to be fitted, in samples: its cue, and how long it is.

    `natural` is its length as the engine speaks by itself, `spoken` that of the takes at hand. `end` None leaves the
    slot open; `fastest` is the factor that its engine can be asked for.
    """

    id: str
    speaker: str
    start: int
    end: int | None
    natural: int
    spoken: int
    chars: int
    fit: Fit | None = None
    fastest: float = 1.0

    @property
    def engine_rate(self) -> float:
        """How much faster than by itself the engine has spoken it."""
        return self.natural / self.spoken if self.spoken else 1.0


def fit_lines(
    lines: Sequence[SlotLine], rules: FitRules, sample_rate: int, length: int | None
) -> tuple[Placement, ...]:
    """Place every line, in the order of their cues; `length` is the programme's, None where it is as long as needed."""
    table = _Table(lines, rules, sample_rate, length)
    rates = _settle(table)
    if rules.smooth:
        rates = _smooth(table, rates)
    starts = list(_starts(table, rates))
    return tuple(_describe(table, place, rates[place], start) for place, start in enumerate(starts))


def engine_speeds(lines: Sequence[SlotLine], rules: FitRules, sample_rate: int, length: int | None) -> dict[str, float]:
    """Return which lines the engine is to speak faster, and by which factor; `spoken` plays no part in it.

    What only smoothing makes faster is no new take: it is stretched, by exactly as much as is allowed.
    """
    table = _Table([replace(line, spoken=line.natural) for line in lines], rules, sample_rate, length)
    speeds = {}
    for line, rate in zip(table.lines, _settle(table), strict=True):
        steps = math.ceil((rate - 1) / ENGINE_STEP - 1e-6)
        most = math.floor((line.fastest - 1) / ENGINE_STEP + 1e-6)
        if (step := min(steps, most)) > 0 and line.fit not in ("none", "pad"):
            speeds[line.id] = round(1 + step * ENGINE_STEP, 2)
    return speeds


# --- what there is to fit into --------------------------------------------------------------------------


class _Table:
    """The lines in the order of their cues, where each slot ends, and where each line must have ended at the latest."""

    def __init__(self, lines: Sequence[SlotLine], rules: FitRules, sample_rate: int, length: int | None) -> None:
        self.lines = sorted(lines, key=lambda line: line.start)
        self.rules = rules
        self.gap = round(rules.min_gap_s * sample_rate)
        self.budget = round(rules.drift_s * sample_rate)
        self.run = round(RUN_S * sample_rate)
        self.overhang = round(rules.overhang_s * sample_rate)
        self.length = length
        self.ends = [self._end(place) for place in range(len(self.lines))]
        self.limits = [self._limit(place) for place in range(len(self.lines))]

    def _end(self, place: int) -> int:
        """Return where a slot ends: as written, else before the next cue."""
        line = self.lines[place]
        if line.end is not None:
            return line.end
        if place + 1 < len(self.lines):
            return max(line.start, self.lines[place + 1].start - self.gap)
        return line.start + line.natural if self.length is None else self.length

    def _limit(self, place: int) -> int:
        """Return how far a line may go: over the gap, but neither into the next cue nor for long."""
        line, end = self.lines[place], self.ends[place]
        limit = end + self.overhang
        following = self.lines[place + 1 :]
        for other in following:
            before = other.start - self.gap
            limit = min(limit, before if other.speaker == line.speaker else max(before, end))
            if before >= limit:
                break
        return max(line.start, limit if self.length is None else min(limit, self.length))

    def overflow(self, line: SlotLine) -> Overflow:
        """Return what a line does that cannot be made short enough."""
        if line.fit == "none":
            return "overlap"
        return "fail" if line.fit == "error" else self.rules.overflow

    def max_rate(self, line: SlotLine, kind: Literal["most", "hard"]) -> float:
        """Return how fast a line may become."""
        if line.fit in ("none", "pad"):
            return 1.0
        if line.fit == "natural":
            return max(1.0, line.fastest)
        return self.rules.max_rate if kind == "most" else max(self.rules.absolute_max_rate, self.rules.max_rate)

    def room(self, place: int) -> int:
        """Return how long a line may be from its own cue on."""
        return self.limits[place] - self.lines[place].start

    def tolerance(self, place: int) -> float:
        """Return by which part of itself a line may be too long: none where that much of it would be cut or fail."""
        overflow = self.overflow(self.lines[place])
        may_run_on = overflow in ("shift", "overlap") and self.limits[place] != self.length
        return UNHEARD if may_run_on else 0.0

    def is_too_long(self, place: int) -> bool:
        """Say whether a line does not fit by itself, were all before it in time."""
        return self.lines[place].natural > self.room(place) * (1 + self.tolerance(place))

    def spoken_length(self, line: SlotLine, rate: float) -> int:
        """Return how long a line is at a rate; what the engine has made faster is not slowed down again."""
        return round(line.spoken / self.tempo(line, rate))

    def tempo(self, line: SlotLine, rate: float) -> float:
        """Return the time-stretch that a rate needs beside what the engine has done; one that nobody hears is none."""
        tempo = rate / line.engine_rate
        tempo = tempo if rate < 1 else max(1.0, tempo)
        return 1.0 if abs(tempo - 1) < UNHEARD - 1e-9 else tempo


# --- how fast -------------------------------------------------------------------------------------------


def _settle(table: _Table) -> list[float]:
    """Find the rates: what is too long becomes faster, what fits does so only where the budget is spent.

    A round only raises them, and up to a limit: this ends.
    """
    rates = [_first_rate(table, place) for place in range(len(table.lines))]
    for _ in range(_MOST_ROUNDS):
        before = list(rates)
        _hurry_what_is_too_long(table, rates)
        if rates == before:
            break
    _catch_up(table, rates)
    return rates


def _first_rate(table: _Table, place: int) -> float:
    line = table.lines[place]
    slot = table.ends[place] - line.start
    if line.fit == "stretch" and 0 < line.natural < slot:
        return max(table.rules.min_rate, line.natural / slot)
    return _rate_for(table, place, table.room(place), 1.0, table.max_rate(line, "most"), table.tolerance(place))


def _rate_for(table: _Table, place: int, room: int, least: float, most: float, tolerance: float = 0.0) -> float:
    """Return the rate at which a line fits into the room, if that lies between the two."""
    line = table.lines[place]
    if table.spoken_length(line, least) <= room * (1 + tolerance):
        return least if least < 1 else max(least, min(line.engine_rate, most))
    rate = math.ceil(line.natural / room * _RATE_STEPS - 1e-9) / _RATE_STEPS if room > 0 else most
    # A stretch that is worth nothing would be left out.
    return max(least, min(max(rate, line.engine_rate * (1 + UNHEARD)), most))


def _hurry_what_is_too_long(table: _Table, rates: list[float]) -> None:
    """Where a line would end later than the budget allows, raise the rates of what is too long and makes it late."""
    starts, before = list(_starts(table, rates)), list(rates)
    for place in range(len(before)):
        excess = starts[place] + _length(table, before, place) - _latest_end(table, place)
        for culprit in _culprits(table, starts, place) if excess > 0 else ():
            length = _length(table, before, culprit)
            most = max(before[culprit], table.max_rate(table.lines[culprit], "hard"))
            faster = _rate_for(table, culprit, length - excess, before[culprit], most)
            rates[culprit] = max(rates[culprit], faster)
            excess -= length - table.spoken_length(table.lines[culprit], faster)
            if excess <= 0:
                break


def _catch_up(table: _Table, rates: list[float]) -> None:
    """Raise the rates of lines that would still end later than the budget allows, though they fit by themselves."""
    for place, start in enumerate(_starts(table, rates)):
        room = _latest_end(table, place) - start
        most = max(rates[place], table.max_rate(table.lines[place], "most"))
        rates[place] = _rate_for(table, place, room, rates[place], most)


def _length(table: _Table, rates: Sequence[float], place: int) -> int:
    return table.spoken_length(table.lines[place], rates[place])


def _latest_end(table: _Table, place: int) -> int:
    """Return when a line must have ended, as the budget has it."""
    spends = table.overflow(table.lines[place]) in ("shift", "overlap")
    return table.limits[place] + (table.budget if spends else 0)


def _culprits(table: _Table, starts: Sequence[int], place: int) -> Iterator[int]:
    """Yield what is too long and makes a line late, the nearest first: the line itself, and those before in one run."""
    while place >= 0:
        if table.is_too_long(place):
            yield place
        if starts[place] == table.lines[place].start:
            break
        place -= 1


def _smooth(table: _Table, rates: Sequence[float]) -> list[float]:
    """Raise the pace of a speaker's lines so that it does not jump from one to the next, as far as nobody minds."""
    smoothed = list(rates)
    for places in (range(len(rates)), reversed(range(len(rates)))):
        last: dict[str, int] = {}
        for place in places:
            line = table.lines[place]
            neighbour = last.get(line.speaker)
            last[line.speaker] = place
            if neighbour is None or _distance(table, place, neighbour) > table.run:
                continue
            most = min(SMOOTHED_RATE, table.max_rate(line, "most"))
            wanted = round(min(smoothed[neighbour] - table.rules.rate_step, most), 4)
            if wanted >= 1 + UNHEARD:
                smoothed[place] = max(smoothed[place], wanted)
    return smoothed


def _distance(table: _Table, one: int, other: int) -> int:
    first, second = sorted((one, other))
    return table.lines[second].start - table.ends[first]


# --- where ----------------------------------------------------------------------------------------------


def _starts(table: _Table, rates: Sequence[float]) -> Iterator[int]:
    """Yield where each line begins; `rates` are looked at line by line, when the one before has been placed."""
    sounding: list[tuple[SlotLine, int, int]] = []
    for place, line in enumerate(table.lines):
        sounding = [other for other in sounding if other[2] + table.gap > line.start]
        start = line.start
        if table.overflow(line) == "shift":
            start = max([start, *(_free_from(table, line, *other) for other in sounding)])
        yield start
        if line.fit != "none":
            sounding.append((line, table.ends[place], start + table.spoken_length(line, rates[place])))


def _free_from(table: _Table, line: SlotLine, before: SlotLine, slot_end: int, end: int) -> int:
    """Return when a line may begin after another; where their cues overlap, and two people speak, so may the lines."""
    overlap = 0 if before.speaker == line.speaker else max(0, slot_end + table.gap - line.start)
    return end + table.gap - overlap


def _describe(table: _Table, place: int, rate: float, start: int) -> Placement:
    line, limit, overflow = table.lines[place], table.limits[place], table.overflow(table.lines[place])
    whole = table.spoken_length(line, rate)
    length = whole if table.length is None else max(0, min(whole, table.length - start))
    if overflow == "truncate":
        length = max(0, min(length, limit - start))
    late, over, lost = start - line.start, max(0, start + length - limit), whole - length
    budget = 0 if overflow == "fail" else table.budget
    placement = Placement(
        line_id=line.id,
        cue=line.start,
        slot=table.ends[place] - line.start,
        limit=limit,
        start=start,
        length=length,
        natural=line.natural,
        rate=line.engine_rate * table.tempo(line, rate),
        tempo=table.tempo(line, rate),
        late=late,
        over=over,
        lost=lost,
        actions=(),
        excess_chars=_excess_chars(table, line, limit - line.start),
        is_over_budget=lost > 0 or (line.fit != "none" and max(late, over) > budget),
    )
    return replace(placement, actions=tuple(_actions(placement, line.engine_rate, overflow)))


def _actions(placement: Placement, engine_rate: float, overflow: Overflow) -> Iterator[str]:
    """Name what was done to a line, in the order in which it is tried."""
    done = (
        ("borrow", placement.start + placement.length > placement.cue + placement.slot),
        ("speed", engine_rate > 1 + UNHEARD),
        ("stretch", placement.tempo != 1),
        ("shift", placement.late > 0),
        ("overlap", placement.over > 0 and overflow == "overlap"),
        ("truncate", placement.lost > 0),
        ("fail", placement.over > 0 and overflow == "fail"),
    )
    return (name for name, is_done in done if is_done)


def _excess_chars(table: _Table, line: SlotLine, room: int) -> int:
    """Return how many characters less would let a line fit at its highest rate, from its own cue on."""
    most = table.max_rate(line, "most")
    if line.fit == "none" or line.natural <= room * most:
        return 0
    return min(line.chars, max(1, math.ceil(line.chars * (1 - max(0, room) * most / line.natural))))
