"""The wiring of export, above `run`: a script and its takes, from a manifest or a render, to what recipes deliver."""

import time
from dataclasses import dataclass, replace
from pathlib import Path

from tts_cli.audio.io.video import read_film
from tts_cli.cache.store import Cache
from tts_cli.errors import UsageError
from tts_cli.formats.recipes import find_recipe, list_recipes, recipe_file
from tts_cli.pipeline.delivery.context import DeliveryContext
from tts_cli.pipeline.delivery.deliver import deliver
from tts_cli.pipeline.delivery.dub_files import check_target
from tts_cli.pipeline.delivery.export_json import exported_files, write_export
from tts_cli.pipeline.delivery.file_list import list_files
from tts_cli.pipeline.delivery.resume_log import ResumeLog
from tts_cli.pipeline.edit.timeline import complete_lines
from tts_cli.pipeline.export_report import make_export_report
from tts_cli.pipeline.master.file_names import TIMELINE_FILE, safe_name
from tts_cli.pipeline.master.levels import SharedLevels
from tts_cli.pipeline.master.output_guard import OutputGuard
from tts_cli.pipeline.master.previous_run import PreviousRun
from tts_cli.pipeline.master.rendered import read_rendered
from tts_cli.pipeline.model import ExportReport, Plan, PlannedLine
from tts_cli.pipeline.parallel import Counter
from tts_cli.pipeline.plan.plan import select_lines
from tts_cli.pipeline.request import AS_USUAL, NO_TARGET, DubTarget, EventSink, Progress, ReadOptions, RenderRequest
from tts_cli.pipeline.run import survive_damage
from tts_cli.pipeline.script.credits import CLOSING, OPENING, add_credits
from tts_cli.pipeline.session import RunContext, load, open_run, plan_script
from tts_cli.pipeline.takes.record import RecordedScript, Recorder, RecordingState, gather_takes
from tts_cli.recipe import Recipe
from tts_cli.settings import Settings, settings_files
from tts_cli.types import Manifest
from tts_cli.workers.devices import cores_for
from tts_cli.workers.stop import Stop

_TAKES_GONE = ("some takes are gone from the cache: render the manifest again",)
_NO_CREDITS = ("no credits: a render cannot be made to say more; export its manifest to have them spoken",)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRequest:
    """What a user asks for: a manifest (with its bytes if it comes from stdin) or a render's folder, and recipes."""

    source: str
    more: tuple[str, ...] = ()
    stdin: bytes | None = None
    format: str | None = None
    reading: ReadOptions = AS_USUAL
    recipes: tuple[str, ...] = ()
    out: Path | None = None
    only: tuple[str, ...] = ()
    overwrite: bool = False
    relevel: bool = False
    target: DubTarget = NO_TARGET


def export(
    request: ExportRequest, settings: Settings, on_event: EventSink, stop: Stop | None = None
) -> tuple[ExportReport, ...]:
    """Deliver a script by each recipe, to a folder of the recipe's name; takes that are missing are recorded first.

    Raises `KeyboardInterrupt` where a stop was asked for and has been heeded, `UsageError` where no recipe is named or
    one delivers nothing, `InputError` for what cannot be read, and `OutputError` for what cannot be written.
    """
    script = _Script(request, settings, on_event, stop or Stop())
    works = script.prepare()
    return tuple(_export(script, work) for work in works)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportForecast:
    """What an export would do by one recipe: which lines it would record, and which files it would have written.

    `there` are those of the files that are there by now; whether they would be kept is known when they are made.
    """

    manifest: str
    recipe: str
    out: str
    lines: int
    to_render: tuple[PlannedLine, ...]
    files: tuple[str, ...]
    there: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """What one recipe delivers, checked before any of it is made; `run` is None where a render's takes are exported."""

    recipe: Recipe
    manifest: Manifest
    notices: tuple[str, ...]
    out: Path
    guard: OutputGuard
    previous: PreviousRun
    files: tuple[str, ...]
    run: RunContext | None = None


def dry_run(request: ExportRequest, settings: Settings) -> tuple[ExportForecast, ...]:
    """Return what `export` would record and write for each recipe; nothing is written. Raises as `export` does."""
    script = _Script(request, settings, lambda _: None, Stop())
    return tuple(script.forecast(work) for work in script.prepare())


def deliverers(home: Path) -> tuple[Recipe, ...]:
    """Return the recipes that deliver something."""
    return tuple(recipe for recipe in list_recipes(home) if recipe.deliver)


def _delivering(name: str, settings: Settings) -> Recipe:
    recipe = find_recipe(name, settings.home)
    if not recipe.deliver:
        raise UsageError(
            f"the recipe {name!r} is for masters alone: it has no `deliver:`", hint="see tts-cli export --list"
        )
    return recipe


class _Script:
    """Where the script comes from: a manifest, whose missing takes are recorded, or a render's folder."""

    def __init__(self, request: ExportRequest, settings: Settings, on_event: EventSink, stop: Stop) -> None:
        self.settings = settings
        self.on_event = on_event
        self.stop = stop
        self.wanted = request
        check_target(request.target)
        self.timeline = None if request.source == "-" else _timeline_of(Path(request.source))
        self.request = RenderRequest(
            manifest=request.source,
            more=request.more,
            stdin=request.stdin,
            format=request.format,
            reading=request.reading,
            out=request.out,
            recipe="default",
            only=request.only,
        )
        if self.timeline:
            self.out = request.out or self.timeline.parent
            self.manifest = read_rendered(self.timeline, Cache(settings.cache)).manifest
        else:
            self.manifest = _with_length(load(self.request, settings), request.target)
            self.out = request.out or Path("out") / safe_name(self.manifest.name)
            self.request = replace(self.request, out=self.out)

    def prepare(self) -> list[_Work]:
        """Check all recipes, and every file that each would write, before any work."""
        recipes = {name: _delivering(name, self.settings) for name in self.wanted.recipes or self._own_recipes()}
        if not recipes:
            names = [recipe.name for recipe in deliverers(self.settings.home)]
            raise UsageError("which recipe?", hint=f"name one with --recipe: {', '.join(names)}")
        works = [self._prepare(recipe_file(name, self.settings.home), recipe) for name, recipe in recipes.items()]
        for work in works:
            work.guard.claim(work.files)
        return works

    def _prepare(self, recipe_path: Path, recipe: Recipe) -> _Work:
        target = self.wanted.target
        manifest, notices = (self.manifest, ()) if self.timeline else add_credits(self.manifest, recipe)
        run = None
        if self.timeline:
            _refuse_dub(recipe)
        else:
            run = open_run(self.request, self.settings, self.on_event, self.stop, manifest, recipe)
        out = self.out / recipe.name
        previous = PreviousRun(out, exported_files)
        inputs: list[str | Path] = [
            *manifest.files,
            *settings_files(),
            recipe_path,
            *filter(None, [target.video, target.bed]),
        ]
        return _Work(
            recipe=recipe,
            manifest=manifest,
            notices=notices,
            out=out,
            guard=OutputGuard(out, inputs, overwrite=self.wanted.overwrite, listed=previous.list_names),
            previous=previous,
            files=tuple(list_files(manifest, recipe, target)),
            run=run,
        )

    def _own_recipes(self) -> tuple[str, ...]:
        """Return the recipe that the manifest names, if that is one."""
        # A render does not say by which recipe its manifest is exported.
        name = self.settings.recipe if self.timeline else self.manifest.recipe or self.settings.recipe
        return (name,) if name and find_recipe(name, self.settings.home).deliver else ()

    def forecast(self, work: _Work) -> ExportForecast:
        """Say what would be done for one recipe."""
        plan = plan_script(work.run) if work.run else self._read_render(work.recipe)[0]
        return ExportForecast(
            manifest=plan.manifest.name,
            recipe=work.recipe.name,
            out=str(work.out),
            lines=len(plan.lines),
            to_render=plan.to_render if work.run else (),
            files=work.files,
            there=tuple(name for name in work.files if (work.out / name).is_file()),
        )

    def export(self, work: _Work) -> ExportReport:
        """Deliver by one recipe; a damaged take met on the way is recorded anew and the work goes on."""
        run = work.run
        if run is None:
            plan, notices = self._read_render(work.recipe)
            recorded = RecordedScript(plan=plan, takes=plan.takes, state=RecordingState())
            return self._deliver(replace(work, notices=notices), recorded)
        recorder = Recorder(run)

        def record_and_deliver() -> ExportReport:
            return self._deliver(work, gather_takes(run, recorder, plan_script(run)))

        return survive_damage(run, record_and_deliver)

    def _read_render(self, recipe: Recipe) -> tuple[Plan, tuple[str, ...]]:
        if self.timeline is None:
            raise ValueError("the script is no render")
        plan, notices = _read_render(self.timeline, recipe, Cache(self.settings.cache))
        return replace(plan, selected=select_lines(plan.manifest, self.wanted.only)), notices

    def _deliver(self, work: _Work, recorded: RecordedScript) -> ExportReport:
        recipe = work.recipe
        context = DeliveryContext(
            recipe=recipe,
            plan=recorded.plan,
            takes=recorded.takes,
            cache=Cache(self.settings.cache),
            out=work.out,
            previous=work.previous,
            guard=work.guard,
            levels=SharedLevels({} if self.wanted.relevel else work.previous.levels),
            selected=recorded.plan.selected,
            workers=cores_for(self.settings.worker_options.workers),
            heard=Counter(
                lambda done, total: self.on_event(Progress(stage="export", done=done, total=total, note=recipe.name)),
                guess=_expected_samples(recipe, recorded),
            ),
            on_event=self.on_event,
            dub=recorded.dub,
            target=self.wanted.target,
        )
        outputs = deliver(context)
        return make_export_report(context, recorded, outputs, work.notices, is_whole=not self.wanted.only)


def _refuse_dub(recipe: Recipe) -> None:
    if recipe.fit:
        hint = "its lines are fitted to their slots as they are recorded; their takes are cached"
        raise UsageError("a dub is exported from its manifest, not from its render", hint=hint)


def _read_render(timeline: Path, recipe: Recipe, cache: Cache) -> tuple[Plan, tuple[str, ...]]:
    """Return the script of a render with the takes that the cache still has, and what must be said of it."""
    plan = read_rendered(timeline, cache)
    notices: tuple[str, ...] = _TAKES_GONE if len(complete_lines(plan, plan.takes)) < len(plan.lines) else ()
    if (recipe.opening or recipe.closing) and not {OPENING, CLOSING} & plan.manifest.chapters.keys():
        notices += _NO_CREDITS
    return plan, notices


def _with_length(manifest: Manifest, target: DubTarget) -> Manifest:
    """Let a film say how long the programme is, whatever the manifest says."""
    return replace(manifest, length_s=float(read_film(target.video).length_s)) if target.video else manifest


def _timeline_of(source: Path) -> Path | None:
    """Return the timeline.json that a source means, or None for a manifest."""
    if source.is_dir():
        return source / TIMELINE_FILE
    return source if source.name == TIMELINE_FILE else None


def _export(script: _Script, work: _Work) -> ExportReport:
    started = time.monotonic()
    report = replace(script.export(work), wall_seconds=round(time.monotonic() - started, 3))
    write_export(work.guard, report)
    work.guard.close()
    ResumeLog(work.out).close()
    return report


def _expected_samples(recipe: Recipe, recorded: RecordedScript) -> int:
    """Guess how much is to be mastered, for the progress shown."""
    seconds = sum(take.frames / take.sample_rate for take in recorded.takes.values())
    return max(1, round(seconds * recipe.sample_rate))
