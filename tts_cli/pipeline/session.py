"""One run: what is asked for, by which recipe, where to, and what is known when it begins."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tts_cli.cache.shard_run import ShardRun
from tts_cli.cache.store import Cache
from tts_cli.errors import UsageError
from tts_cli.formats.csv_rows import Sheet
from tts_cli.formats.recipes import find_recipe
from tts_cli.formats.script import Script
from tts_cli.pipeline.edit.dub import check_slots
from tts_cli.pipeline.master.file_names import safe_name
from tts_cli.pipeline.master.previous_run import PreviousRun
from tts_cli.pipeline.model import Plan
from tts_cli.pipeline.plan.plan import make_plan, select_lines
from tts_cli.pipeline.request import EventSink, RenderRequest
from tts_cli.pipeline.script.resolve import load_script
from tts_cli.pipeline.takes.record import RecordingState
from tts_cli.recipe import Recipe
from tts_cli.settings import Settings
from tts_cli.types import Manifest
from tts_cli.workers.stop import Stop


@dataclass(slots=True, kw_only=True)
class RunContext:
    """One run's fixed inputs, and the studio that knows what it has recorded so far."""

    order: RenderRequest
    on_event: EventSink
    studio: RecordingState
    manifest: Manifest
    recipe: Recipe
    out: Path
    past: PreviousRun
    shard_run: ShardRun
    cache: Cache
    selected: frozenset[str]
    sheet: Sheet | None = None


def load(order: RenderRequest, settings: Settings) -> Manifest:
    """Read a manifest and check it; raises `InputError` with every problem."""
    return _load_script(order, settings)[1]


def _load_script(order: RenderRequest, settings: Settings) -> tuple[Script, Manifest]:
    return load_script(order.manifest, order.format, order.stdin, settings.home)


def open_session(
    order: RenderRequest,
    settings: Settings,
    on_event: EventSink,
    stop: Stop,
    manifest: Manifest | None = None,
    recipe: Recipe | None = None,
) -> RunContext:
    """Read all that a run needs, before any of it begins; a manifest or a recipe may be known already.

    Raises `UsageError` for what excludes each other, and `InputError` for what cannot be read.
    """
    _refuse_contradictions(order)
    sheets: Mapping[str, Sheet] = {}
    if manifest is None:
        script, manifest = _load_script(order, settings)
        sheets = script.sheets
    name = order.recipe or manifest.recipe or settings.recipe or "default"
    recipe = recipe or find_recipe(name, settings.home)
    if recipe.fit:
        check_slots(manifest, recipe.fit)
    out = order.out or Path("out") / safe_name(manifest.name)
    cache, past = Cache(settings.cache), PreviousRun(out)
    return RunContext(
        order=order,
        on_event=on_event,
        studio=RecordingState(cache=cache, worker_options=settings.worker_options, on_event=on_event, stop=stop),
        manifest=manifest,
        recipe=recipe,
        out=out,
        past=past,
        shard_run=ShardRun(settings.cache, str(Path(order.manifest).absolute())),
        cache=cache,
        selected=select_lines(manifest, order.only, lambda: past.quality_issues),
        sheet=_find_sheet(order, manifest, sheets),
    )


def _refuse_contradictions(order: RenderRequest) -> None:
    if order.shard and (order.lines or order.write_back or order.stitch_only):
        raise UsageError("--shard makes takes alone", hint="write files with --stitch-only, when all shards are done")
    if order.stitch_only and order.force:
        raise UsageError("--stitch-only renders nothing, and --force renders all: choose one of them")


def _find_sheet(order: RenderRequest, manifest: Manifest, sheets: Mapping[str, Sheet]) -> Sheet | None:
    """Return the one sheet that all lines come from, to be copied with the results; raises `UsageError` without one."""
    if not order.write_back:
        return None
    paths = {line.source.path for line in manifest.lines}
    path = paths.pop()
    if paths or path not in sheets:
        raise UsageError("--write-back needs lines that all come from one CSV sheet")
    if order.write_back.resolve() == Path(path).resolve():
        raise UsageError("--write-back would overwrite the sheet itself", hint="name another file")
    return sheets[path]


def plan_session(run: RunContext) -> Plan:
    """Plan the whole script; what was forced and recorded in this run already is not recorded once more."""
    force = run.order.force and not run.studio.rendered
    return make_plan(run.manifest, run.cache, selected=run.selected, past=lambda: run.past.lines, force=force)
