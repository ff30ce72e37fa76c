"""The wiring: the one module that sees all stages.

manifest -> plan -> jobs -> takes -> timeline -> master -> deliverables
"""

import json
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Literal

from tts_cli.cache.blobs import write_atomically
from tts_cli.cache.store import Cache
from tts_cli.engines.catalog import get_spec
from tts_cli.errors import DamagedTakeError, UsageError
from tts_cli.formats.csv_rows import Sheet, read_csv, write_back
from tts_cli.formats.decode import decode, read_bytes
from tts_cli.formats.documents import sniff_format
from tts_cli.formats.recipes import find_recipe
from tts_cli.pipeline.conditionals import make_ready
from tts_cli.pipeline.conditioning import conditionings_of
from tts_cli.pipeline.deliverables import (
    REPORT_FILE,
    Past,
    deliver,
    describe_inputs,
    keep_text,
    keep_timeline,
    line_names,
    line_voices,
    master_names,
    output_path,
    provenance_tags,
    safe_name,
    unchanged,
)
from tts_cli.pipeline.dubbing import TIMING_FILE, Dub, check_slots, fit_to_slots, list_over_budget, timing_csv
from tts_cli.pipeline.jobs import make_jobs
from tts_cli.pipeline.manifest import load_manifest
from tts_cli.pipeline.master import find_programme_gain, make_line_file, make_master
from tts_cli.pipeline.plan import describe_past, make_plan, select_lines
from tts_cli.pipeline.report import (
    choose_status,
    line_outcomes,
    list_failures,
    list_reasons,
    list_voices,
    report_to_json,
    report_to_rows,
)
from tts_cli.pipeline.takes import record_takes
from tts_cli.pipeline.timeline import (
    complete_lines,
    make_line_timelines,
    make_timelines,
    make_whole_timeline,
    split_lines,
)
from tts_cli.settings import Settings
from tts_cli.types import (
    Deliverable,
    Manifest,
    Outcome,
    PastLine,
    Plan,
    PlannedLine,
    Recipe,
    Report,
    Take,
    Timeline,
)
from tts_cli.workers.devices import worker_count
from tts_cli.workers.messages import TakeDone

HEAL_TRIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a user asks for: a manifest (with its bytes if it comes from stdin) and what to make of it."""

    manifest: str
    stdin: bytes | None = None
    format: str | None = None
    out: Path | None = None
    recipe: str = ""
    only: tuple[str, ...] = ()
    force: bool = False
    lines: bool = False
    write_back: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a stage is, in whatever it counts."""

    stage: Literal["voice", "record", "master"]
    done: float
    total: float
    note: str = ""


Watch = Callable[[Progress], None]


@dataclass(slots=True, kw_only=True)
class _Run:
    """One run's fixed inputs, and what it has recorded so far (by key)."""

    order: Order
    settings: Settings
    watch: Watch
    manifest: Manifest
    recipe: Recipe
    out: Path
    past: Past
    cache: Cache
    selected: frozenset[str]
    rendered: set[str] = field(default_factory=set)
    errors: dict[str, str] = field(default_factory=dict)
    sheet: Sheet | None = None


def check(order: Order, settings: Settings) -> Manifest:
    """Load a manifest and check all of it, the clips of its voices too; raises `InputError` with every problem."""
    manifest = _load(order, settings)
    own = [emotion for speaker in manifest.speakers.values() for emotion in speaker.emotions.values()]
    for voice in manifest.voices.values():
        conditionings_of(voice, get_spec(voice.engine), (*manifest.emotions.values(), *own))
    return manifest


def _load(order: Order, settings: Settings) -> Manifest:
    return load_manifest(order.manifest, format=order.format, stdin=order.stdin, home=settings.home)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What a run would do: its plan, the lines it would render, and the seconds of audio they are guessed to make."""

    plan: Plan
    to_render: tuple[PlannedLine, ...]
    audio_seconds: float


def dry_run(order: Order, settings: Settings) -> Forecast:
    """Say what `render` would do, and why; nothing is written."""
    plan = _plan(_prepare(order, settings, lambda _: None))
    todo = tuple(planned for planned in plan.lines if planned.reason and planned.line.id in plan.selected)
    return Forecast(plan=plan, to_render=todo, audio_seconds=sum(job.estimated_s for job in make_jobs(plan)))


def render(order: Order, settings: Settings, watch: Watch) -> Report:
    """Do the main job; a damaged take met on the way is recorded anew and the run goes on."""
    started = time.monotonic()
    run = _prepare(order, settings, watch)
    for attempt in range(1, HEAL_TRIES + 1):
        try:
            report = _render(run, started)
            break
        except DamagedTakeError:
            if attempt == HEAL_TRIES:
                raise
            _drop_damaged(run)
    data = json.dumps(report_to_json(report), indent=2, ensure_ascii=False) + "\n"
    write_atomically(output_path(run.out, REPORT_FILE), data.encode())
    return report


def _prepare(order: Order, settings: Settings, watch: Watch) -> _Run:
    manifest = _load(order, settings)
    recipe = find_recipe(order.recipe or manifest.recipe or settings.recipe or "default", settings.home)
    if recipe.fit:
        check_slots(manifest, recipe.fit)
    out = order.out or Path("out") / safe_name(manifest.name)
    return _Run(
        order=order,
        settings=settings,
        watch=watch,
        manifest=manifest,
        recipe=recipe,
        out=out,
        past=Past(out),
        cache=Cache(settings.cache),
        selected=select_lines(manifest, order.only),
        sheet=_read_sheet(order, manifest) if order.write_back else None,
    )


def _read_sheet(order: Order, manifest: Manifest) -> Sheet:
    """Read the one sheet that all lines come from, to be copied with the results; raises `UsageError` without one."""
    paths = {line.source.path for line in manifest.lines}
    path = paths.pop()
    data = order.stdin or read_bytes(path)
    if paths or (order.format or sniff_format(path, decode(data, path).text)) != "csv":
        raise UsageError("--write-back needs lines that all come from one CSV sheet")
    if order.write_back and order.write_back.resolve() == Path(path).resolve():
        raise UsageError("--write-back would overwrite the sheet itself", hint="name another file")
    return read_csv(data, path)


def _drop_damaged(run: _Run) -> None:
    """Read every take once, which deletes the damaged ones: where one is, there may be more."""
    for take in _plan(run).takes.values():
        with suppress(DamagedTakeError):
            run.cache.read(take)


def _plan(run: _Run) -> Plan:
    force = run.order.force and not run.rendered
    return make_plan(run.manifest, run.cache, selected=run.selected, past=lambda: run.past.lines, force=force)


def _render(run: _Run, started: float) -> Report:
    first = plan = _plan(run)
    files = line_names(run.manifest.lines, _names(run, plan).values()) if run.order.lines else {}
    takes: Mapping[str, Take] = _record(run, plan)
    dub = fit_to_slots(plan, takes, run.recipe, partial(_record_again, run)) if run.recipe.fit else None
    if dub:
        plan, takes = dub.plan, dub.takes
    timelines = _name_timelines(run, plan, takes, dub)
    masters = list(_make_masters(run, timelines))
    lines = make_line_timelines(plan, takes, run.recipe) if run.order.lines or run.sheet else {}
    outputs = [*masters, *_make_line_files(run, plan, takes, lines, files), *_tell_timing(run, dub)]
    outcomes = line_outcomes(plan, takes, run.rendered, run.errors)
    if run.sheet and run.order.write_back:
        rows = report_to_rows(plan, outcomes, lines, files)
        write_atomically(run.order.write_back, write_back(run.sheet, rows))
    return Report(
        manifest=run.manifest.name,
        out=str(run.out),
        status=choose_status(outcomes),
        outcomes=outcomes,
        outputs=tuple(outputs),
        timeline=keep_timeline(run.past, plan, timelines, masters, _lines_to_keep(run, plan, takes)),
        failures=list_failures(plan, run.errors),
        incomplete=_count_missing(run, plan, outcomes),
        warnings=tuple(str(warning) for warning in run.manifest.warnings),
        audio_seconds=round(sum(master.seconds for master in masters), 3),
        wall_seconds=round(time.monotonic() - started, 3),
        voices=list_voices(plan),
        reasons=list_reasons(first, outcomes),
        recipe=run.recipe,
        over_budget=list_over_budget(dub, run.recipe.sample_rate) if dub else (),
    )


def _record_again(run: _Run, manifest: Manifest, changed: frozenset[str]) -> tuple[Plan, dict[str, Take]]:
    """Plan the manifest with the changed lines at their new speeds, and have those recorded."""
    plan = make_plan(
        manifest,
        run.cache,
        selected=run.selected & changed,
        past=lambda: run.past.lines,
        force=run.order.force,
    )
    return plan, _record(run, plan)


def _tell_timing(run: _Run, dub: Dub | None) -> Iterable[Deliverable]:
    """Write how each line of a dub was fitted."""
    if dub and dub.placements:
        yield keep_text(run.past, TIMING_FILE, "timing", timing_csv(dub, run.recipe.sample_rate))


def _record(run: _Run, plan: Plan) -> dict[str, Take]:
    """Have the missing takes recorded; returns all takes by key, those from the cache included."""
    takes = dict(plan.takes)
    workers = worker_count(run.settings.workers)
    jobs = [job for job in make_jobs(plan) if job.calls[0].key not in run.errors]
    for ready, needed, errors in make_ready(
        jobs, plan.conditionings, run.cache, workers=worker_count(run.settings.workers)
    ):
        run.watch(Progress(stage="voice", done=ready, total=needed))
        run.errors |= errors
    jobs = [job for job in jobs if job.calls[0].key not in run.errors]
    seconds = {job.calls[0].key: job.estimated_s for job in jobs}
    done, total = 0.0, sum(seconds.values())
    for result in record_takes(jobs, run.cache, workers=workers):
        if isinstance(result, TakeDone):
            takes[result.take.key] = result.take
            run.rendered.add(result.take.key)
            done += seconds[result.take.key]
        else:
            run.errors[result.key] = result.error
            done += seconds[result.key]
        run.watch(Progress(stage="record", done=done, total=total))
    return takes


def _name_timelines(run: _Run, plan: Plan, takes: Mapping[str, Take], dub: Dub | None) -> dict[str, Timeline]:
    """Lay the takes out; returns the edit lists by the name of the file each becomes."""
    names = _names(run, plan)
    if dub:
        return {names[""]: dub.timeline} if dub.timeline else {}
    return {names[part]: timeline for part, timeline in make_timelines(plan, takes, run.recipe).items()}


def _names(run: _Run, plan: Plan) -> dict[str, str]:
    return master_names(run.manifest.name, list(split_lines(plan, run.recipe)), run.recipe)


def _count_missing(run: _Run, plan: Plan, outcomes: Mapping[str, Outcome]) -> dict[str, int]:
    """Count, for each master that could not be written, the lines without a take."""
    names = _names(run, plan)
    missing = (Outcome.FAILED, Outcome.WAITING)
    counts = {
        names[part]: sum(outcomes[planned.line.id] in missing for planned in lines)
        for part, lines in split_lines(plan, run.recipe).items()
    }
    return {name: count for name, count in counts.items() if count}


def _make_masters(run: _Run, timelines: Mapping[str, Timeline]) -> Iterable[Deliverable]:
    """Write each master whose inputs changed, and hand on those that did not."""
    voices = line_voices(run.manifest)
    total = sum(timeline.length for timeline in timelines.values())
    before = 0
    for name, timeline in timelines.items():
        tags = provenance_tags(voices, timeline)
        inputs = describe_inputs(timeline, run.recipe, tags)
        kept = unchanged(run.out, name, inputs, run.past)
        if kept is None:
            heard = _count_up(run.watch, before, total, name)
            master = make_master(timeline, run.recipe, output_path(run.out, name), run.cache.read, heard, tags=tags)
            kept = deliver(run.out, name, master, inputs)
        yield kept
        before += timeline.length


def _count_up(watch: Watch, done: int, total: int, name: str) -> Callable[[int], None]:
    """Make the function that turns samples heard into progress."""

    def heard(samples: int) -> None:
        nonlocal done
        done += samples
        watch(Progress(stage="master", done=min(done, total), total=total, note=name))

    return heard


def _make_line_files(
    run: _Run, plan: Plan, takes: Mapping[str, Take], timelines: Mapping[str, Timeline], names: Mapping[str, str]
) -> Iterable[Deliverable]:
    """Write the selected lines as files of their own, all at the gain that brings the whole script to its target.

    So a whisper stays quieter than a shout. The gain is rounded: an edited line must not move all others by a hair.
    `timelines` are those of single lines; `names` is empty where no files are wanted.
    """
    wanted = [line_id for line_id in timelines if line_id in names and line_id in run.selected]
    if not wanted:
        return
    whole = make_whole_timeline(plan, takes, run.recipe)
    voices = line_voices(run.manifest)
    gain_db = round(find_programme_gain(whole, run.recipe, run.cache.read), 1)
    for line_id in wanted:
        name = names[line_id]
        recipe = replace(run.recipe, format="flac" if name.endswith(".flac") else "wav")
        tags = provenance_tags(voices, timelines[line_id])
        inputs = f"{describe_inputs(timelines[line_id], recipe, tags)}{gain_db:+}"
        kept = unchanged(run.out, name, inputs, run.past)
        if kept is None:
            path = output_path(run.out, name)
            file = make_line_file(timelines[line_id], recipe, path, run.cache.read, gain_db, tags)
            kept = deliver(run.out, name, file, inputs)
        yield kept


def _lines_to_keep(run: _Run, plan: Plan, takes: Mapping[str, Take]) -> Iterable[tuple[PlannedLine, PastLine]]:
    """Say what the next run must know of each line; one that could not be recorded stays as the last run had it."""
    complete = {planned.line.id for planned in complete_lines(plan, takes)}
    for planned in plan.lines:
        past = describe_past(planned) if planned.line.id in complete else run.past.lines.get(planned.line.id)
        if past:
            yield planned, past
