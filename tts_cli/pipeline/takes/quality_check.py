"""Takes -> those that do not sound right: judged by what was measured when they were recorded, gently on short lines.

Of an engine whose seed changes something, a flagged take is spoken again, at most twice, and the best take is kept.
Nothing of this is stored: other thresholds judge the same takes anew, without a recording. An engine that made nothing,
or what is no number, has made no take: it is asked again as often, and the line fails after that.
"""

import re
import statistics
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from tts_cli.cache.store import Cache
from tts_cli.engines.catalog import get_spec
from tts_cli.engines.kit.seeds import derive_seed
from tts_cli.engines.recording.spec import RECORDING
from tts_cli.pipeline.model import Failure, Plan, PlannedLine, Reason
from tts_cli.pipeline.plan.utterances import speaking_rate, with_seed
from tts_cli.types import Measures, Take, Utterance

MOST_RETAKES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """From where on a take is flagged: the one table."""

    empty_s: float = 0.02  # shorter than this is no sound
    silent_dbfs: float = -50.0  # no peak above it
    clipped_share: float = 0.001  # of all samples at full scale
    dc: float = 0.05  # mean of all samples
    tail_dbfs: float = -20.0  # RMS of the last 3 ms: speech ends more softly
    silence_lufs: float = -60.0  # what counts as silence inside, by 100 ms
    silence_s: float = 2.0  # so long inside a take
    short_factor: float = 0.25  # of what its text should last
    long_factor: float = 3.0
    long_extra_s: float = 1.5
    never_long_s: float = 3.0  # a shorter take is never too long
    level_db: float = 6.0  # from the speaker's median
    level_mads: float = 6.0  # and so many times the usual distance
    level_takes: int = 8  # fewer tell nothing
    level_least_s: float = 1.0  # shorter takes are as loud as they are


TABLE = Thresholds()


class QualityIssue(NamedTuple):
    """What is wrong with a take; the graver, the higher `weight`."""

    weight: int
    message: str


def find_quality_issues(take: Take, utterance: Utterance) -> list[QualityIssue]:
    """Return what is wrong with a take by itself; the gravest first."""
    measures = take.measures
    if take.frames < TABLE.empty_s * take.sample_rate:
        return [QualityIssue(100, "is empty")]
    if measures.offset == 0 or max(measures.peak_dbfs, default=0.0) <= TABLE.silent_dbfs:
        return [QualityIssue(90, "is silent")]
    endless = [] if take.ended else [QualityIssue(70, "came to no end by itself")]
    return [*endless, *_find_in_sound(take, measures), *_find_in_length(take, utterance)]


def _find_in_sound(take: Take, measures: Measures) -> Iterator[QualityIssue]:
    """Look for what the samples alone tell; takes of an older version lack some measures, and pass there."""
    if measures.tail_dbfs is not None and measures.tail_dbfs >= TABLE.tail_dbfs:
        yield QualityIssue(40, f"ends in the middle of a sound ({measures.tail_dbfs:.0f} dBFS)")
    if measures.clipped is not None and measures.clipped >= TABLE.clipped_share * take.frames:
        yield QualityIssue(20, f"is clipped ({measures.clipped / take.frames:.1%} of it at full scale)")
    if measures.dc is not None and abs(measures.dc) >= TABLE.dc:
        yield QualityIssue(10, f"had a DC offset of {measures.dc:+.2f}, which was taken out")
    if min(measures.energy_lufs, default=0.0) <= TABLE.silence_lufs:
        silence_s = _longest_silence_s(take, measures)
        if silence_s >= TABLE.silence_s:
            yield QualityIssue(30, f"is silent for {silence_s:.1f} s inside")


def _longest_silence_s(take: Take, measures: Measures) -> float:
    """Return the longest silence between the beginning and the end of the speech, by whole bins of 100 ms."""
    first = -(-measures.onset * 10 // take.sample_rate)
    last = measures.offset * 10 // take.sample_rate
    longest = run = 0
    for level in measures.energy_lufs[first:last]:
        run = run + 1 if level <= TABLE.silence_lufs else 0
        longest = max(longest, run)
    return longest / 10


def _find_in_length(take: Take, utterance: Utterance) -> Iterator[QualityIssue]:
    """Hold the speech against what its text should last; a recording says what it says."""
    if utterance.engine == RECORDING.name or not utterance.spoken:
        return
    spoken_s = (take.measures.offset - take.measures.onset) / take.sample_rate
    rate = speaking_rate(utterance)
    longest_s = TABLE.long_extra_s + TABLE.long_factor * len(utterance.spoken) / rate
    if spoken_s > max(TABLE.never_long_s, longest_s):
        expected_s = _weigh(utterance.spoken) / rate
        if spoken_s > TABLE.long_extra_s + TABLE.long_factor * expected_s:
            yield QualityIssue(50, f"lasts {spoken_s:.1f} s, where its text should last {expected_s:.1f} s")
    elif spoken_s < TABLE.short_factor * len(utterance.spoken) / rate - 0.1:
        expected_s = len(utterance.spoken) / rate
        yield QualityIssue(60, f"lasts only {spoken_s:.1f} s, where its text should last {expected_s:.1f} s")


_DIGIT = re.compile(r"[\d%$€£&+=@#]")
_DENSE = re.compile("[\u0900-\u0dff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


def _weigh(text: str) -> float:
    """Count characters as they are spoken: a digit is a word, and so may be a sign of another script."""
    capitals = sum(map(str.isupper, text))
    return len(text) + 6 * len(_DIGIT.findall(text)) + 3 * len(_DENSE.findall(text)) + 3 * capitals


# --- levels among others --------------------------------------------------------------------------------


def find_outliers(plan: Plan, takes: Mapping[str, Take]) -> dict[str, QualityIssue]:
    """Return which takes are far louder or quieter than most of their speaker's in the same emotion, by key."""
    groups: dict[tuple[object, ...], dict[str, float]] = {}
    for planned in plan.lines:
        for utterance in planned.utterances:
            take = takes.get(utterance.key)
            if (
                take
                and not utterance.turns
                and take.frames >= TABLE.level_least_s * take.sample_rate
                and take.measures.energy_lufs
            ):
                line = planned.line
                group = (line.speaker, utterance.engine, utterance.voice, line.emotion, line.intensity)
                groups.setdefault(group, {})[utterance.key] = max(take.measures.energy_lufs)
    return {key: fault for levels in groups.values() for key, fault in _outliers(levels)}


def _outliers(levels: Mapping[str, float]) -> Iterator[tuple[str, QualityIssue]]:
    if len(levels) < TABLE.level_takes:
        return
    usual = statistics.median(levels.values())
    distances = {key: abs(level - usual) for key, level in levels.items()}
    limit = max(TABLE.level_db, TABLE.level_mads * statistics.median(distances.values()))
    for key, distance in distances.items():
        if distance > limit:
            side = "louder" if levels[key] > usual else "quieter"
            yield key, QualityIssue(5, f"is {distance:.0f} dB {side} than most of its speaker's takes")


# --- other takes ----------------------------------------------------------------------------------------


def find_retakable(plan: Plan, takes: Mapping[str, Take]) -> frozenset[str]:
    """Return the keys of flagged takes that another seed may mend; locked lines and recordings stay as they are."""
    return frozenset(
        utterance.key
        for planned in plan.lines
        if not planned.locked
        for utterance in planned.utterances
        if utterance.key in takes
        and get_spec(utterance.engine).execution.stochastic
        and find_quality_issues(takes[utterance.key], utterance)
    )


def plan_retakes(
    plan: Plan, takes: dict[str, Take], retakable: frozenset[str], cache: Cache, attempt: int
) -> Plan | None:
    """Plan one more take of what has only flagged ones so far; None where there is nothing to plan.

    What the cache has of it is put into `takes`, and not planned again.
    """
    lines = []
    for planned in plan.lines:
        firsts = [utterance for utterance in planned.utterances if utterance.key in retakable]
        wanted = [retaken for first in firsts if (retaken := _next_attempt(first, takes, attempt))]
        cache.look_up((retaken.key for retaken in wanted), takes)
        if missing := tuple(utterance for utterance in wanted if utterance.key not in takes):
            lines.append(replace(planned, utterances=missing, reason=Reason.FLAGGED))
    return replace(plan, lines=tuple(lines), takes=takes) if lines else None


def _next_attempt(utterance: Utterance, takes: Mapping[str, Take], attempt: int) -> Utterance | None:
    """Return the utterance with the attempt's seed, where all takes before are there, and flagged."""
    before = list(_attempts(utterance, takes))
    if len(before) < attempt or not all(find_quality_issues(take, utterance) for _, take in before):
        return None
    return with_seed(utterance, _retake_seed(utterance, attempt))


def _retake_seed(utterance: Utterance, attempt: int) -> int:
    return derive_seed(utterance.seed, "retake", attempt)


def _attempts(utterance: Utterance, takes: Mapping[str, Take]) -> Iterator[tuple[Utterance, Take]]:
    """Yield an utterance and its retakes, as far as there are takes of them."""
    for attempt in range(MOST_RETAKES + 1):
        one = with_seed(utterance, _retake_seed(utterance, attempt)) if attempt else utterance
        if one.key not in takes:
            return
        yield one, takes[one.key]


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeChoice:
    """Which of several takes of an utterance was kept, counted from 1, and what is wrong with the first one."""

    take: int
    of: int
    because: str


def plan_unsound(plan: Plan, unsound: Container[str], attempt: int) -> tuple[Plan, dict[str, str]]:
    """Plan one more attempt at what came to nothing (`unsound`, by key), where another seed may mend it.

    Returns the key of the utterance in the place of which each new one is spoken, by the new one's key.
    """
    lines: list[PlannedLine] = []
    firsts: dict[str, str] = {}
    for planned in plan.lines:
        failed = [one for one in planned.utterances if one.key in unsound and get_spec(one.engine).execution.stochastic]
        again = tuple(with_seed(one, _retake_seed(one, attempt)) for one in failed)
        firsts |= {new.key: one.key for new, one in zip(again, failed, strict=True)}
        if again:
            lines.append(replace(planned, utterances=again, reason=Reason.FLAGGED))
    return replace(plan, lines=tuple(lines)), firsts


def keep_best(plan: Plan, takes: Mapping[str, Take], retakable: frozenset[str]) -> tuple[Plan, dict[str, TakeChoice]]:
    """Choose the take with the fewest and lightest faults of each flagged take; the first of those that are as good.

    Returns what was chosen where there was a choice, by the key of the take.
    """
    kept: dict[str, TakeChoice] = {}
    lines = [
        planned
        if retakable.isdisjoint(utterance.key for utterance in planned.utterances)
        else replace(planned, utterances=tuple(_best(one, takes, retakable, kept) for one in planned.utterances))
        for planned in plan.lines
    ]
    return replace(plan, lines=tuple(lines)), kept


def _best(
    utterance: Utterance, takes: Mapping[str, Take], retakable: frozenset[str], kept: dict[str, TakeChoice]
) -> Utterance:
    if utterance.key not in retakable:
        return utterance
    tried = list(_attempts(utterance, takes))
    issues = [find_quality_issues(take, one) for one, take in tried]
    weights = [sum(fault.weight for fault in found) for found in issues]
    place = weights.index(min(weights))
    best = tried[place][0]
    if len(tried) > 1:
        kept[best.key] = TakeChoice(take=place + 1, of=len(tried), because=_told(issues[0]))
    return best


# --- what is told ---------------------------------------------------------------------------------------


def list_quality_issues(plan: Plan, takes: Mapping[str, Take], kept: Mapping[str, TakeChoice]) -> tuple[Failure, ...]:
    """Name each line of which a take is flagged, in the script's order: what is wrong, and which take was kept."""
    outliers = find_outliers(plan, takes)
    quality_issues = []
    for planned in plan.lines:
        said = list(_told_of_line(planned.utterances, takes, kept, outliers))
        if said:
            quality_issues.append(Failure(line=planned.line.id, error="; ".join(said), source=planned.line.source))
    return tuple(quality_issues)


def list_retaken(plan: Plan, kept: Mapping[str, TakeChoice]) -> dict[str, str]:
    """Return which take was kept, and why, of each line that has another one than the first."""
    retaken = {}
    for planned in plan.lines:
        choices = [kept[utterance.key] for utterance in planned.utterances if utterance.key in kept]
        if said := [f"take {one.take} of {one.of}: the first {one.because}" for one in choices if one.take > 1]:
            retaken[planned.line.id] = "; ".join(said)
    return retaken


def _told_of_line(
    utterances: Sequence[Utterance],
    takes: Mapping[str, Take],
    kept: Mapping[str, TakeChoice],
    outliers: Mapping[str, QualityIssue],
) -> Iterator[str]:
    for utterance in utterances:
        take = takes.get(utterance.key)
        issues = find_quality_issues(take, utterance) if take else []
        if utterance.key in outliers:
            issues.append(outliers[utterance.key])
        if issues:
            part = f"part {utterance.part + 1} " if len(utterances) > 1 else ""
            choice = kept.get(utterance.key)
            which = f"; take {choice.take} of {choice.of} is the best and was kept" if choice else ""
            yield f"{part}{_told(issues)}{which}"


def _told(issues: Iterable[QualityIssue]) -> str:
    return ", ".join(fault.message for fault in sorted(issues, reverse=True))
