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

from tts_cli.cache.blobs import write_atomically
from tts_cli.cache.shard_run import ShardRun
from tts_cli.cache.store import Cache
from tts_cli.engines.catalog import get_spec
from tts_cli.errors import DamagedTakeError, UsageError
from tts_cli.formats.csv_rows import Sheet, read_csv, write_back
from tts_cli.formats.decode import decode, read_bytes
from tts_cli.formats.documents import sniff_format
from tts_cli.formats.recipes import find_recipe
from tts_cli.formats.subtitles import write_subtitles
from tts_cli.pipeline.conditioning import conditionings_of
from tts_cli.pipeline.cues import make_cues
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
    programme_name,
    provenance_tags,
    safe_name,
    unchanged,
)
from tts_cli.pipeline.dubbing import TIMING_FILE, Dub, check_slots, fit_to_slots, list_over_budget, timing_csv
from tts_cli.pipeline.fallback import recall
from tts_cli.pipeline.jobs import make_jobs
from tts_cli.pipeline.manifest import load_manifest
from tts_cli.pipeline.master import find_programme_gain, make_line_file, make_master
from tts_cli.pipeline.order import Order, Progress, Started, Watch
from tts_cli.pipeline.plan import describe_past, make_plan, select_lines
from tts_cli.pipeline.recording import Studio, load_takes, record_plan, settle_suspects
from tts_cli.pipeline.report import (
    choose_status,
    line_outcomes,
    list_engines,
    list_failures,
    list_fallbacks,
    list_reasons,
    list_voices,
    report_to_json,
    report_to_rows,
)
from tts_cli.pipeline.shards import describe_work, find_absent, take_share
from tts_cli.pipeline.suspects import list_retaken, list_suspects
from tts_cli.pipeline.timeline import (
    complete_lines,
    make_line_timelines,
    make_timelines,
    make_whole_timeline,
    split_lines,
)
from tts_cli.settings import Settings
from tts_cli.text.captions import CaptionRules
from tts_cli.types import (
    Deliverable,
    Manifest,
    Outcome,
    PastLine,
    Plan,
    PlannedLine,
    Recipe,
    Report,
    Shard,
    Take,
    Timeline,
)
from tts_cli.workers.stop import Stop

HEAL_TRIES = 3


@dataclass(slots=True, kw_only=True)
class _Run:
    """One run's fixed inputs, and the studio that knows what it has recorded so far."""

    order: Order
    watch: Watch
    studio: Studio
    manifest: Manifest
    recipe: Recipe
    out: Path
    past: Past
    shard_run: ShardRun
    cache: Cache
    selected: frozenset[str]
    sheet: Sheet | None = None


def check(order: Order, settings: Settings) -> Manifest:
    """Load a manifest and check all of it, the clips of its voices too; raises `InputError` with every problem."""
    manifest = load(order, settings)
    own = [emotion for speaker in manifest.speakers.values() for emotion in speaker.emotions.values()]
    for voice in manifest.voices.values():
        conditionings_of(voice, get_spec(voice.engine), (*manifest.emotions.values(), *own))
    return manifest


def load(order: Order, settings: Settings) -> Manifest:
    """Read a manifest and check it; raises `InputError` with every problem."""
    return load_manifest(order.manifest, format=order.format, stdin=order.stdin, home=settings.home)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What a run would do: its plan, the lines it would render, and the seconds of audio they are guessed to make."""

    plan: Plan
    to_render: tuple[PlannedLine, ...]
    audio_seconds: float


def dry_run(order: Order, settings: Settings) -> Forecast:
    """Say what `render` would do, and why; nothing is written."""
    plan = _plan(_prepare(order, settings, lambda _: None, Stop()))
    return Forecast(plan=plan, to_render=plan.to_render, audio_seconds=sum(job.estimated_s for job in make_jobs(plan)))


def render(order: Order, settings: Settings, watch: Watch, stop: Stop | None = None) -> Report:
    """Do the main job, or a shard's part of it; a damaged take met on the way is recorded anew and the run goes on.

    Raises `KeyboardInterrupt` where a stop was asked for and has been heeded.
    """
    started = time.monotonic()
    run = _prepare(order, settings, watch, stop or Stop())
    report = _render_shard(run, order.shard, started) if order.shard else _render_whole(run, started)
    watch(report)
    return report


def _render_whole(run: _Run, started: float) -> Report:
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
    if report.status == "ok" and not run.order.only:
        run.shard_run.close()
    return report


def _render_shard(run: _Run, shard: Shard, started: float) -> Report:
    """Put a share of the takes into the cache, and leave the rest to the other shards."""
    whole = _plan(run)
    run.shard_run.join(describe_work(whole), shard.count)
    plan = take_share(whole, shard)
    run.watch(_describe_start(run, plan))
    plan = record_plan(plan, run.studio)
    outcomes = line_outcomes(plan, plan.takes.keys() | run.studio.rendered, run.studio.rendered, run.studio.errors)
    status = choose_status(outcomes)
    if status == "ok":
        run.shard_run.finish(shard.index)
    return Report(
        manifest=run.manifest.name,
        out=str(run.out),
        status=status,
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
        fallbacks=list_fallbacks(plan, run.studio.fallen),
        suspects=list_suspects(plan, {**plan.takes, **run.studio.doubtful}, run.studio.kept),
        retaken=list_retaken(plan, run.studio.kept),
        shard=shard,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A script with the takes that there are by now, and the errors of those that could not be made, by key."""

    plan: Plan
    takes: Mapping[str, Take]
    errors: Mapping[str, str] = field(default_factory=dict)
    dub: Dub | None = None


def record(order: Order, settings: Settings, watch: Watch, stop: Stop, manifest: Manifest, recipe: Recipe) -> Recording:
    """Have the missing takes of a loaded manifest recorded; nothing is mastered, and no file is written.

    Lines with slots are fitted to them where the recipe says how.
    """
    run = _prepare(order, settings, watch, stop, manifest, recipe)
    plan, takes, dub = _take_in_fitted(run, _plan(run))
    return Recording(plan=plan, takes=takes, errors=run.studio.errors, dub=dub)


def _prepare(
    order: Order,
    settings: Settings,
    watch: Watch,
    stop: Stop,
    manifest: Manifest | None = None,
    recipe: Recipe | None = None,
) -> _Run:
    _refuse_contradictions(order)
    manifest = manifest or load(order, settings)
    name = order.recipe or manifest.recipe or settings.recipe or "default"
    recipe = recipe or find_recipe(name, settings.home)
    if recipe.fit:
        check_slots(manifest, recipe.fit)
    out = order.out or Path("out") / safe_name(manifest.name)
    cache, past = Cache(settings.cache), Past(out)
    return _Run(
        order=order,
        watch=watch,
        studio=Studio(cache=cache, crew=settings.crew, watch=watch, stop=stop),
        manifest=manifest,
        recipe=recipe,
        out=out,
        past=past,
        shard_run=ShardRun(settings.cache, str(Path(order.manifest).absolute())),
        cache=cache,
        selected=select_lines(manifest, order.only, lambda: past.suspects),
        sheet=_read_sheet(order, manifest) if order.write_back else None,
    )


def _refuse_contradictions(order: Order) -> None:
    if order.shard and (order.lines or order.write_back or order.stitch_only):
        raise UsageError("--shard makes takes alone", hint="write files with --stitch-only, when all shards are done")
    if order.stitch_only and order.force:
        raise UsageError("--stitch-only renders nothing, and --force renders all: choose one of them")


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
    force = run.order.force and not run.studio.rendered
    return make_plan(run.manifest, run.cache, selected=run.selected, past=lambda: run.past.lines, force=force)


def _render(run: _Run, started: float) -> Report:
    first = plan = _plan(run)
    run.watch(_describe_start(run, plan))
    files = line_names(run.manifest.lines, _names(run, plan).values()) if run.order.lines else {}
    plan, takes, dub = _take_in_fitted(run, plan)
    timelines = _name_timelines(run, plan, takes, dub)
    masters = list(_make_masters(run, timelines))
    lines = make_line_timelines(plan, takes, run.recipe) if run.order.lines or run.sheet else {}
    outputs = [*masters, *_make_line_files(run, plan, takes, lines, files), *_tell_timing(run, dub)]
    outcomes = line_outcomes(plan, takes, run.studio.rendered, run.studio.errors)
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
        failures=list_failures(plan, run.studio.errors),
        incomplete=_count_missing(run, plan, outcomes),
        warnings=_warnings(run),
        audio_seconds=round(sum(master.seconds for master in masters), 3),
        wall_seconds=round(time.monotonic() - started, 3),
        voices=list_voices(plan),
        engines=list_engines(plan),
        fallbacks=list_fallbacks(plan, run.studio.fallen),
        suspects=list_suspects(plan, takes, run.studio.kept),
        retaken=list_retaken(plan, run.studio.kept),
        over_budget=list_over_budget(dub, run.recipe.sample_rate) if dub else (),
        reasons=list_reasons(first, outcomes),
        recipe=run.recipe,
    )


def _take_in_fitted(run: _Run, plan: Plan) -> tuple[Plan, dict[str, Take], Dub | None]:
    """Have the missing takes recorded, and where the recipe says how, the lines fitted to their slots."""
    plan, takes = _take_in(run, plan)
    if not run.recipe.fit:
        return plan, takes, None
    dub = fit_to_slots(plan, takes, run.recipe, partial(_take_in_again, run))
    return dub.plan, dict(dub.takes), dub


def _take_in_again(run: _Run, manifest: Manifest, changed: frozenset[str]) -> tuple[Plan, dict[str, Take]]:
    """Plan the manifest with the changed lines at their new speeds, and have those recorded."""
    selected = run.selected & changed
    force = run.order.force
    return _take_in(run, make_plan(manifest, run.cache, selected=selected, past=lambda: run.past.lines, force=force))


def _tell_timing(run: _Run, dub: Dub | None) -> Iterable[Deliverable]:
    """Write how each line of a dub was fitted, and its subtitles as they are spoken now."""
    if dub and dub.placements:
        yield keep_text(run.past, TIMING_FILE, "timing", timing_csv(dub, run.recipe.sample_rate))
    if dub and dub.timeline:
        lines = {planned.line.id: planned for planned in dub.plan.lines}
        text = write_subtitles(make_cues([dub.timeline], lines, CaptionRules()), ".srt")
        name = f"{programme_name(run.manifest.name, run.recipe)}.srt"
        yield keep_text(run.past, name, "subtitles", text.encode("utf-8", "surrogatepass"))


def _take_in(run: _Run, plan: Plan) -> tuple[Plan, dict[str, Take]]:
    """Have the missing takes recorded, or where they are only to be stitched, say which are missing."""
    if not run.order.stitch_only:
        plan = record_plan(plan, run.studio)
        return plan, load_takes(plan, run.studio)
    recalled = recall(plan, run.cache)
    for before, now in zip(plan.lines, recalled.lines, strict=True):
        if now is not before:
            run.studio.fallen[now.line.id] = "there is no take of it"
    run.studio.errors |= find_absent(recalled, run.shard_run)
    plan = settle_suspects(recalled, run.studio, None)
    return plan, dict(plan.takes)


def _warnings(run: _Run) -> tuple[str, ...]:
    return (*map(str, run.manifest.warnings), *run.studio.notices)


def _describe_start(run: _Run, plan: Plan) -> Started:
    return Started(manifest=run.manifest.name, out=str(run.out), lines=len(plan.lines), to_render=len(plan.to_render))


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
            run.watch(kept)
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
