"""What an export did, once its files are written: the counterpart of `conclude` for recipes."""

from collections.abc import Iterable
from pathlib import Path

from tts_cli.pipeline.delivery.context import DeliveryContext
from tts_cli.pipeline.delivery.export_timeline import keep_export_timeline
from tts_cli.pipeline.edit.dub import list_over_budget
from tts_cli.pipeline.edit.timeline import complete_lines
from tts_cli.pipeline.master.previous_run import is_intact
from tts_cli.pipeline.master.report import list_failures
from tts_cli.pipeline.model import Deliverable, ExportReport
from tts_cli.pipeline.takes.quality_check import list_quality_issues
from tts_cli.pipeline.takes.record import RecordedScript


def make_export_report(
    context: DeliveryContext,
    recorded: RecordedScript,
    outputs: tuple[Deliverable, ...],
    notices: tuple[str, ...],
    *,
    is_whole: bool,
) -> ExportReport:
    """Return what an export did: its files, which of them are new, what it misses, and what must be known of it.

    An export that is not `is_whole` made the files of some lines; those of the others stand as they were.
    """
    plan, recipe, before = recorded.plan, context.recipe, context.previous.outputs
    complete = complete_lines(plan, recorded.takes)
    missing = len(plan.selected) - sum(planned.line.id in plan.selected for planned in complete)
    kept = sum(_is_kept(output, before.get(output.path)) for output in outputs)
    made = len(outputs) - kept
    left_over = _left_over(context.out, outputs, before.values())
    if not is_whole:  # the other lines' files stand as they were
        outputs, left_over = (*outputs, *left_over), []
    passed = all(found.passed for output in outputs for found in output.checks)
    return ExportReport(
        manifest=plan.manifest.name,
        recipe=recipe.name,
        out=str(context.out),
        status="partial" if missing else "ok" if passed else "failed",
        outputs=outputs,
        timeline=keep_export_timeline(context, complete, outputs),
        made=made,
        kept=kept,
        failures=list_failures(plan, recorded.state.errors),
        quality_issues=list_quality_issues(plan, recorded.takes, recorded.state.kept),
        over_budget=list_over_budget(context.dub, recipe.sample_rate) if context.dub else (),
        missing=missing,
        notices=(
            *filter(None, [recipe.notice]),
            *(f"left from an earlier export: {context.out / output.path}" for output in left_over),
            *context.cover_notices,
            *notices,
        ),
    )


def _is_kept(output: Deliverable, before: Deliverable | None) -> bool:
    """Say whether a file is the very one that the last export wrote."""
    return before is not None and (output.sha256, output.mtime_ns) == (before.sha256, before.mtime_ns)


def _left_over(out: Path, outputs: Iterable[Deliverable], before: Iterable[Deliverable]) -> list[Deliverable]:
    """Return what an earlier export wrote and this one does not have: it must not be shipped by mistake."""
    now = {output.path for output in outputs}
    return [
        output for output in before if output.path not in now and output.kind != "timeline" and is_intact(out, output)
    ]
