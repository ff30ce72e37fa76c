"""Takes and files -> Report: what became of each line, and what the next run must know of this one."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace

from tts_cli.cache.blobs import write_atomically
from tts_cli.formats.sheets.csv_rows import write_back
from tts_cli.pipeline.delivery.context import DeliveryContext
from tts_cli.pipeline.delivery.resume_log import ResumeLog
from tts_cli.pipeline.edit.dub import list_over_budget
from tts_cli.pipeline.edit.timeline import complete_lines, make_line_timelines, split_lines
from tts_cli.pipeline.master.rendered import keep_timeline
from tts_cli.pipeline.master.report import (
    choose_status,
    line_outcomes,
    list_engines,
    list_failures,
    list_fallbacks,
    list_reasons,
    list_spoken_by,
    list_voices,
    report_to_rows,
)
from tts_cli.pipeline.master.report_json import write_report
from tts_cli.pipeline.model import Deliverable, Outcome, Plan, PlannedLine, PreviousLine, Report
from tts_cli.pipeline.plan.plan import describe_previous
from tts_cli.pipeline.session import RunContext
from tts_cli.pipeline.takes.quality_check import list_quality_issues, list_retaken
from tts_cli.pipeline.takes.record import RecordedScript, RecordingState
from tts_cli.types import Take


def conclude(
    run: RunContext,
    planned: Plan,
    recorded: RecordedScript,
    delivery: DeliveryContext,
    outputs: tuple[Deliverable, ...],
) -> Report:
    """Report a whole run, and write its timeline.json, and the copy of the sheet if one is asked for.

    `planned` is the plan before any work, which says why lines were rendered. Raises `OutputError`.
    """
    plan, takes, state = recorded.plan, recorded.takes, recorded.state
    outcomes = line_outcomes(plan, takes, state.rendered, state.errors)
    if run.sheet and run.request.write_back:
        lines = make_line_timelines(plan, takes, run.recipe)
        rows = report_to_rows(plan, outcomes, lines, delivery.line_names)
        write_atomically(run.guard.path(os.path.relpath(run.request.write_back, run.out)), write_back(run.sheet, rows))
    masters = [output for output in outputs if output.kind == "master"]
    kept_lines = _lines_to_keep(run, plan, takes)
    timeline = keep_timeline(
        run.guard, run.previous, plan, delivery.masters, masters, lines=kept_lines, levels=delivery.levels.kept
    )
    return replace(
        report_lines(run, plan, takes, outcomes, state),
        outputs=outputs,
        timeline=timeline,
        incomplete=_count_missing(delivery, outcomes),
        audio_seconds=round(sum(master.seconds for master in masters), 3),
        over_budget=list_over_budget(recorded.dub, run.recipe.sample_rate) if recorded.dub else (),
        reasons=list_reasons(planned, outcomes),
        recipe=run.recipe,
    )


def report_lines(
    run: RunContext, plan: Plan, takes: Mapping[str, Take], outcomes: Mapping[str, Outcome], state: RecordingState
) -> Report:
    """Report what became of the lines; nothing is said of files yet."""
    return Report(
        manifest=run.manifest.name,
        out=str(run.out),
        status=choose_status(outcomes),
        outcomes=outcomes,
        outputs=(),
        timeline=None,
        failures=list_failures(plan, state.errors),
        incomplete={},
        warnings=(*map(str, run.manifest.warnings), *state.notices),
        audio_seconds=round(state.audio_s, 3),
        wall_seconds=0.0,
        voices=list_voices(plan),
        engines=list_engines(plan),
        spoken_by=list_spoken_by(plan),
        fallbacks=list_fallbacks(plan, state.fell_back),
        quality_issues=list_quality_issues(plan, takes, state.kept),
        retaken=list_retaken(plan, state.kept),
    )


def _count_missing(delivery: DeliveryContext, outcomes: Mapping[str, Outcome]) -> dict[str, int]:
    """Count, for each master that could not be written, the lines without a take."""
    missing = (Outcome.FAILED, Outcome.WAITING)
    names = delivery.master_names
    counts = {
        names[part]: sum(outcomes[planned.line.id] in missing for planned in lines)
        for part, lines in split_lines(delivery.plan, delivery.recipe).items()
    }
    return {name: count for name, count in counts.items() if count}


def _lines_to_keep(
    run: RunContext, plan: Plan, takes: Mapping[str, Take]
) -> Iterable[tuple[PlannedLine, PreviousLine]]:
    """Return what the next run must know of each line; one that could not be recorded stays as the last run had it."""
    complete = {planned.line.id for planned in complete_lines(plan, takes)}
    for planned in plan.lines:
        known = describe_previous(planned) if planned.line.id in complete else run.previous.lines.get(planned.line.id)
        if known:
            yield planned, known


def close(run: RunContext, report: Report) -> None:
    """End a run: report.json says all that the resume log said. Of a shard there is nothing to write."""
    # The shards share one output folder in the end: it is written by the one that stitches.
    if report.shard:
        return
    write_report(run.guard, report)
    run.guard.close()
    ResumeLog(run.out).close()
    if report.status == "ok" and not run.request.only:
        run.shard_run.close()
