"""What happened to each line, and what spoke: the parts of a run's report."""

from collections import Counter
from collections.abc import Container, Mapping
from collections.abc import Set as AbstractSet
from typing import Literal

from tts_cli.cache.keys import digest
from tts_cli.pipeline.model import Failure, Fallback, Outcome, Plan, PlannedLine, Reason, Report, SpokenBy
from tts_cli.types import Timeline, Voice


def line_outcomes(
    plan: Plan, takes: Container[str], rendered: AbstractSet[str], errors: Mapping[str, str]
) -> dict[str, Outcome]:
    """Return what became of each line; `rendered` holds the keys recorded in this run, `errors` those failed."""
    return {planned.line.id: _outcome(planned, takes, rendered, errors) for planned in plan.lines}


def _outcome(
    planned: PlannedLine, takes: Container[str], rendered: AbstractSet[str], errors: Mapping[str, str]
) -> Outcome:
    if planned.first_error(errors) is not None:
        return Outcome.FAILED
    if not planned.is_complete(takes):
        return Outcome.WAITING
    return Outcome.CACHED if rendered.isdisjoint(planned.keys) else Outcome.RENDERED


def list_failures(plan: Plan, errors: Mapping[str, str]) -> tuple[Failure, ...]:
    """List each failed line once, in the script's order, with the first error it met."""
    failures = []
    for planned in plan.lines:
        error = planned.first_error(errors)
        if error is not None:
            failures.append(Failure(line=planned.line.id, error=error, source=planned.line.source))
    return tuple(failures)


def list_fallbacks(plan: Plan, errors: Mapping[str, str]) -> tuple[Fallback, ...]:
    """List the lines that another engine has spoken than they ask for; `errors` are those of all keys ever tried."""
    wanted = {line.id: line.engine for line in plan.manifest.lines}
    return tuple(
        Fallback(
            line=planned.line.id,
            engine=planned.line.engine,
            instead_of=wanted[planned.line.id],
            error=errors.get(planned.line.id, "it is not installed"),
        )
        for planned in plan.lines
        if planned.line.engine != wanted[planned.line.id]
    )


def choose_status(outcomes: Mapping[str, Outcome]) -> Literal["ok", "partial", "failed"]:
    """Call a run ok when no line failed, and failed when not one line could be spoken."""
    counts = Counter(outcomes.values())
    if not counts[Outcome.FAILED]:
        return "ok"
    return "partial" if counts[Outcome.RENDERED] + counts[Outcome.CACHED] else "failed"


def list_voices(plan: Plan) -> tuple[Voice, ...]:
    """List the voices that speak and are not an engine's own, each once, in the order of their first lines."""
    used = dict.fromkeys((planned.line.voice, planned.line.engine) for planned in plan.lines)
    return tuple(plan.manifest.voices[key] for key in used if key in plan.manifest.voices)


def list_spoken_by(plan: Plan) -> tuple[SpokenBy, ...]:
    """Say of each speaker with which engine and voice it speaks how many lines, in the order of the first lines."""
    dealt = plan.manifest.dealt
    counts = Counter(
        (line.speaker, first.engine, first.voice, bool(line.voice) and dealt.get(line.speaker) == line.voice)
        for line, first in ((planned.line, planned.utterances[0]) for planned in plan.lines)
    )
    return tuple(
        SpokenBy(speaker=speaker, engine=engine, voice=voice, lines=lines, dealt=was_dealt)
        for (speaker, engine, voice, was_dealt), lines in counts.items()
    )


def list_engines(plan: Plan) -> tuple[str, ...]:
    """List the engines that speak, in the order of their first lines."""
    return tuple(dict.fromkeys(utterance.engine for planned in plan.lines for utterance in planned.utterances))


def report_to_rows(
    plan: Plan, outcomes: Mapping[str, Outcome], timelines: Mapping[str, Timeline], files: Mapping[str, str]
) -> dict[int, dict[str, str]]:
    """Give the results of each row of a sheet, by its number: status, duration in seconds, file and key.

    `timelines` are those of single lines. A line of several takes has a key made of theirs.
    """
    rows = {}
    for planned in plan.lines:
        line, timeline = planned.line, timelines.get(planned.line.id)
        keys = [utterance.key for utterance in planned.utterances]
        rows[line.source.line] = {
            "status": str(outcomes[line.id]),
            "duration": f"{timeline.length / timeline.sample_rate:.3f}" if timeline else "",
            "file": files.get(line.id, "") if timeline else "",
            "key": keys[0] if len(keys) == 1 else digest(keys),
        }
    return rows


def count_outcomes(report: Report) -> dict[str, int]:
    """Count the lines, in all and by outcome."""
    counts = Counter(report.outcomes.values())
    return {"total": len(report.outcomes)} | {str(outcome): counts[outcome] for outcome in Outcome}


def list_reasons(plan: Plan, outcomes: Mapping[str, Outcome]) -> dict[str, Reason]:
    """Return why each line was rendered, of those that were."""
    planned = ((planned.line.id, planned.reason) for planned in plan.lines)
    return {line: reason for line, reason in planned if reason and outcomes[line] is Outcome.RENDERED}
