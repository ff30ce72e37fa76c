"""One run: what is asked for, by which recipe, where to, and what is known when it begins."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tts_cli.cache.shard_run import ShardRun
from tts_cli.cache.store import Cache
from tts_cli.engines.catalog import forget_server_models
from tts_cli.errors import UsageError
from tts_cli.formats.recipes import find_recipe, recipe_file
from tts_cli.formats.script import Script
from tts_cli.formats.sheets.sheet import Sheet
from tts_cli.pipeline.edit.dub import check_slots
from tts_cli.pipeline.master.file_names import safe_name
from tts_cli.pipeline.master.output_guard import OutputGuard
from tts_cli.pipeline.master.previous_run import PreviousRun
from tts_cli.pipeline.model import Plan
from tts_cli.pipeline.plan.plan import make_plan, select_lines
from tts_cli.pipeline.request import EventSink, RenderRequest
from tts_cli.pipeline.script.lines import LineDefaults
from tts_cli.pipeline.script.resolve import load_script
from tts_cli.pipeline.script.source import ScriptSource
from tts_cli.recipe import Recipe
from tts_cli.settings import Settings, WorkerOptions, settings_files
from tts_cli.types import Manifest
from tts_cli.workers.stop import Stop


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """The fixed inputs of one run. `selected` holds the ids of the lines to render; `sheet` is there to be copied."""

    request: RenderRequest
    on_event: EventSink
    stop: Stop
    worker_options: WorkerOptions
    manifest: Manifest
    recipe: Recipe
    out: Path
    previous: PreviousRun
    guard: OutputGuard
    shard_run: ShardRun
    cache: Cache
    selected: frozenset[str]
    sheet: Sheet | None = None


def load(request: RenderRequest, settings: Settings) -> Manifest:
    """Read a manifest and check it; raises `InputError` with every problem."""
    return load_with_script(request, settings)[1]


def load_with_script(request: RenderRequest, settings: Settings) -> tuple[Script, Manifest]:
    """Do the same, and return with the manifest the script that it was made of."""
    source = ScriptSource(
        paths=(request.manifest, *request.more),
        format=request.format,
        stdin=request.stdin,
        options=request.reading,
        engine=settings.engine,
    )
    defaults = LineDefaults(engine=settings.engine, voice=settings.voice, fields=request.defaults)
    return load_script(source, settings.home, defaults)


def open_run(
    request: RenderRequest,
    settings: Settings,
    on_event: EventSink,
    stop: Stop,
    manifest: Manifest | None = None,
    recipe: Recipe | None = None,
) -> RunContext:
    """Read all that a run needs, before any of it begins; a manifest or a recipe may be known already.

    Raises `UsageError` for what excludes each other, and `InputError` for what cannot be read.
    """
    _refuse_contradictions(request)
    forget_server_models()
    sheets: Mapping[str, Sheet] = {}
    if manifest is None:
        script, manifest = load_with_script(request, settings)
        sheets = script.sheets
    name = request.recipe or manifest.recipe or settings.recipe or "default"
    recipe = recipe or find_recipe(name, settings.home)
    if recipe.fit:
        check_slots(manifest, recipe.fit)
    out = request.out or Path("out") / safe_name(manifest.name)
    cache, previous = Cache(settings.cache), PreviousRun(out)
    inputs: list[str | Path] = [*manifest.files, *settings_files(), recipe_file(name, settings.home)]
    guard = OutputGuard(out, inputs, overwrite=request.overwrite, listed=previous.list_names)
    return RunContext(
        request=request,
        on_event=on_event,
        stop=stop,
        worker_options=settings.worker_options,
        manifest=manifest,
        recipe=recipe,
        out=out,
        previous=previous,
        guard=guard,
        shard_run=ShardRun(settings.cache, str(Path(request.manifest).absolute())),
        cache=cache,
        selected=select_lines(manifest, request.only, lambda: previous.quality_issues),
        sheet=_find_sheet(request, manifest, sheets),
    )


def plan_script(run: RunContext, *, force: bool = False) -> Plan:
    """Plan the whole script; `force` records every selected line anew."""
    return make_plan(run.manifest, run.cache, selected=run.selected, past=lambda: run.previous.lines, force=force)


def _refuse_contradictions(request: RenderRequest) -> None:
    if request.shard and (request.lines or request.write_back or request.stitch_only):
        raise UsageError("--shard makes takes alone", hint="write files with --stitch-only, when all shards are done")
    if request.stitch_only and request.force:
        raise UsageError("--stitch-only renders nothing, and --force renders all: choose one of them")


def _find_sheet(request: RenderRequest, manifest: Manifest, sheets: Mapping[str, Sheet]) -> Sheet | None:
    """Return the one sheet that all lines come from, to be copied with the results; raises `UsageError` without one."""
    if not request.write_back:
        return None
    paths = {line.source.path for line in manifest.lines}
    path = paths.pop()
    if paths or path not in sheets:
        raise UsageError("--write-back needs lines that all come from one CSV sheet")
    return sheets[path]
