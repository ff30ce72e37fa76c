"""The wiring: the one module that sees all stages.

manifest -> plan -> jobs -> takes -> timeline -> master -> deliverables
"""

import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial

from tts_cli.cache.blobs import write_atomically
from tts_cli.engines.catalog import get_spec
from tts_cli.errors import DamagedTakeError
from tts_cli.formats.csv_rows import write_back
from tts_cli.pipeline.edit.dub import Dub, fit_to_slots, list_over_budget
from tts_cli.pipeline.edit.timeline import (
    complete_lines,
    make_line_timelines,
)
from tts_cli.pipeline.master.file_names import line_names
from tts_cli.pipeline.master.rendered import keep_timeline
from tts_cli.pipeline.master.report import (
    choose_status,
    line_outcomes,
    list_engines,
    list_failures,
    list_fallbacks,
    list_reasons,
    list_voices,
    report_to_rows,
)
from tts_cli.pipeline.master.report_json import write_report
from tts_cli.pipeline.model import Outcome, Plan, PlannedLine, PreviousLine, Report, Shard
from tts_cli.pipeline.plan.jobs import make_jobs
from tts_cli.pipeline.plan.plan import describe_previous, make_plan
from tts_cli.pipeline.plan.shards import describe_work, find_absent, take_share
from tts_cli.pipeline.plan.voice_states import conditionals_requests_of
from tts_cli.pipeline.render_files import (
    count_missing,
    file_names,
    name_timelines,
    tell_timing,
    write_line_files,
    write_masters,
)
from tts_cli.pipeline.request import EventSink, RenderRequest, Started
from tts_cli.pipeline.session import RunContext, load, open_session, plan_session
from tts_cli.pipeline.takes.fallback import use_cached_fallback
from tts_cli.pipeline.takes.quality_check import list_quality_issues, list_retaken
from tts_cli.pipeline.takes.record import load_takes, record_plan, settle_quality_issues
from tts_cli.recipe import Recipe
from tts_cli.settings import Settings
from tts_cli.types import Manifest, Take
from tts_cli.workers.stop import Stop

HEAL_TRIES = 3


def check(order: RenderRequest, settings: Settings) -> Manifest:
    """Load a manifest and check all of it, the clips of its voices too; raises `InputError` with every problem."""
    manifest = load(order, settings)
    own = [emotion for speaker in manifest.speakers.values() for emotion in speaker.emotions.values()]
    for voice in manifest.voices.values():
        conditionals_requests_of(voice, get_spec(voice.engine), (*manifest.emotions.values(), *own))
    return manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What a run would do: its plan, the lines it would render, and the seconds of audio they are guessed to make."""

    plan: Plan
    to_render: tuple[PlannedLine, ...]
    audio_seconds: float


def dry_run(order: RenderRequest, settings: Settings) -> Forecast:
    """Say what `render` would do, and why; nothing is written."""
    plan = plan_session(open_session(order, settings, lambda _: None, Stop()))
    return Forecast(plan=plan, to_render=plan.to_render, audio_seconds=sum(job.estimated_s for job in make_jobs(plan)))


def render(order: RenderRequest, settings: Settings, on_event: EventSink, stop: Stop | None = None) -> Report:
    """Do the main job, or a shard's part of it; a damaged take met on the way is recorded anew and the run goes on.

    Raises `KeyboardInterrupt` where a stop was asked for and has been heeded.
    """
    started = time.monotonic()
    run = open_session(order, settings, on_event, stop or Stop())
    report = _render_shard(run, order.shard, started) if order.shard else _render_whole(run, started)
    on_event(report)
    return report


def _render_whole(run: RunContext, started: float) -> Report:
    for attempt in range(1, HEAL_TRIES + 1):
        try:
            report = _render(run, started)
            break
        except DamagedTakeError:
            if attempt == HEAL_TRIES:
                raise
            _drop_damaged(run)
    write_report(run.out, report)
    if report.status == "ok" and not run.order.only:
        run.shard_run.close()
    return report


def _render_shard(run: RunContext, shard: Shard, started: float) -> Report:
    """Put a share of the takes into the cache, and leave the rest to the other shards."""
    whole = plan_session(run)
    run.shard_run.join(describe_work(whole), shard.count)
    plan = take_share(whole, shard)
    run.on_event(_describe_start(run, plan))
    plan = record_plan(plan, run.studio)
    outcomes = line_outcomes(plan, plan.takes.keys() | run.studio.rendered, run.studio.rendered, run.studio.errors)
    report = _report_lines(run, plan, {**plan.takes, **run.studio.flagged}, outcomes, started)
    if report.status == "ok":
        run.shard_run.finish(shard.index)
    return replace(report, shard=shard)


def _report_lines(
    run: RunContext, plan: Plan, takes: Mapping[str, Take], outcomes: Mapping[str, Outcome], started: float
) -> Report:
    """Report what became of the lines; nothing is said of files yet."""
    return Report(
        manifest=run.manifest.name,
        out=str(run.out),
        status=choose_status(outcomes),
        outcomes=outcomes,
        outputs=(),
        timeline=None,
        failures=list_failures(plan, run.studio.errors),
        incomplete={},
        warnings=_warnings(run),
        audio_seconds=round(run.studio.audio_s, 3),
        wall_seconds=round(time.monotonic() - started, 3),
        voices=list_voices(plan),
        engines=list_engines(plan),
        fallbacks=list_fallbacks(plan, run.studio.fell_back),
        quality_issues=list_quality_issues(plan, takes, run.studio.kept),
        retaken=list_retaken(plan, run.studio.kept),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedScript:
    """A script with the takes that there are by now, and the errors of those that could not be made, by key."""

    plan: Plan
    takes: Mapping[str, Take]
    errors: Mapping[str, str] = field(default_factory=dict)
    dub: Dub | None = None


def record(
    order: RenderRequest, settings: Settings, on_event: EventSink, stop: Stop, manifest: Manifest, recipe: Recipe
) -> RecordedScript:
    """Have the missing takes of a loaded manifest recorded; nothing is mastered, and no file is written.

    Lines with slots are fitted to them where the recipe says how.
    """
    run = open_session(order, settings, on_event, stop, manifest, recipe)
    plan, takes, dub = _take_in_fitted(run, plan_session(run))
    return RecordedScript(plan=plan, takes=takes, errors=run.studio.errors, dub=dub)


def _drop_damaged(run: RunContext) -> None:
    """Read every take once, which deletes the damaged ones: where one is, there may be more."""
    for take in plan_session(run).takes.values():
        with suppress(DamagedTakeError):
            run.cache.read(take)


def _render(run: RunContext, started: float) -> Report:
    first = plan = plan_session(run)
    run.on_event(_describe_start(run, plan))
    files = line_names(run.manifest.lines, file_names(run, plan).values()) if run.order.lines else {}
    plan, takes, dub = _take_in_fitted(run, plan)
    timelines = name_timelines(run, plan, takes, dub)
    masters = write_masters(run, timelines)
    lines = make_line_timelines(plan, takes, run.recipe) if run.order.lines or run.sheet else {}
    outputs = [*masters, *write_line_files(run, plan, takes, lines, files), *tell_timing(run, dub)]
    outcomes = line_outcomes(plan, takes, run.studio.rendered, run.studio.errors)
    if run.sheet and run.order.write_back:
        rows = report_to_rows(plan, outcomes, lines, files)
        write_atomically(run.order.write_back, write_back(run.sheet, rows))
    timeline = keep_timeline(run.past, plan, timelines, masters, _lines_to_keep(run, plan, takes))
    return replace(
        _report_lines(run, plan, takes, outcomes, started),
        outputs=tuple(outputs),
        timeline=timeline,
        incomplete=count_missing(run, plan, outcomes),
        audio_seconds=round(sum(master.seconds for master in masters), 3),
        over_budget=list_over_budget(dub, run.recipe.sample_rate) if dub else (),
        reasons=list_reasons(first, outcomes),
        recipe=run.recipe,
    )


def _take_in_fitted(run: RunContext, plan: Plan) -> tuple[Plan, dict[str, Take], Dub | None]:
    """Have the missing takes recorded, and where the recipe says how, the lines fitted to their slots."""
    plan, takes = _take_in(run, plan)
    if not run.recipe.fit:
        return plan, takes, None
    dub = fit_to_slots(plan, takes, run.recipe, partial(_take_in_again, run))
    return dub.plan, dict(dub.takes), dub


def _take_in_again(run: RunContext, manifest: Manifest, changed: frozenset[str]) -> tuple[Plan, dict[str, Take]]:
    """Plan the manifest with the changed lines at their new speeds, and have those recorded."""
    selected = run.selected & changed
    force = run.order.force
    return _take_in(run, make_plan(manifest, run.cache, selected=selected, past=lambda: run.past.lines, force=force))


def _take_in(run: RunContext, plan: Plan) -> tuple[Plan, dict[str, Take]]:
    """Have the missing takes recorded, or where they are only to be stitched, say which are missing."""
    if not run.order.stitch_only:
        plan = record_plan(plan, run.studio)
        return plan, load_takes(plan, run.studio)
    recalled = use_cached_fallback(plan, run.cache)
    for before, now in zip(plan.lines, recalled.lines, strict=True):
        if now is not before:
            run.studio.fell_back[now.line.id] = "there is no take of it"
    run.studio.errors |= find_absent(recalled, run.shard_run)
    plan = settle_quality_issues(recalled, run.studio, None)
    return plan, dict(plan.takes)


def _warnings(run: RunContext) -> tuple[str, ...]:
    return (*map(str, run.manifest.warnings), *run.studio.notices)


def _describe_start(run: RunContext, plan: Plan) -> Started:
    return Started(manifest=run.manifest.name, out=str(run.out), lines=len(plan.lines), to_render=len(plan.to_render))


def _lines_to_keep(
    run: RunContext, plan: Plan, takes: Mapping[str, Take]
) -> Iterable[tuple[PlannedLine, PreviousLine]]:
    """Say what the next run must know of each line; one that could not be recorded stays as the last run had it."""
    complete = {planned.line.id for planned in complete_lines(plan, takes)}
    for planned in plan.lines:
        past = describe_previous(planned) if planned.line.id in complete else run.past.lines.get(planned.line.id)
        if past:
            yield planned, past
