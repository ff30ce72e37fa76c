"""The wiring of export, above `run`: a script and its takes, from a manifest or a render, to what recipes deliver."""

import time
from dataclasses import dataclass, replace
from pathlib import Path

from tts_cli.audio.io.video import read_film
from tts_cli.cache.store import Cache
from tts_cli.errors import UsageError
from tts_cli.formats.recipes import find_recipe, list_recipes
from tts_cli.pipeline.delivery.context import DeliveryContext
from tts_cli.pipeline.delivery.deliver import deliver
from tts_cli.pipeline.delivery.export_json import exported_files, write_export
from tts_cli.pipeline.delivery.resume_log import ResumeLog
from tts_cli.pipeline.edit.timeline import complete_lines
from tts_cli.pipeline.master.file_names import TIMELINE_FILE, safe_name
from tts_cli.pipeline.master.previous_run import PreviousRun, is_intact
from tts_cli.pipeline.master.rendered import read_rendered
from tts_cli.pipeline.master.report import list_failures
from tts_cli.pipeline.model import Deliverable, ExportReport, Plan
from tts_cli.pipeline.parallel import Counter
from tts_cli.pipeline.request import AS_USUAL, NO_TARGET, DubTarget, EventSink, Progress, ReadOptions, RenderRequest
from tts_cli.pipeline.run import survive_damage
from tts_cli.pipeline.script.credits import CLOSING, OPENING, add_credits
from tts_cli.pipeline.session import load, open_run, plan_script
from tts_cli.pipeline.takes.record import RecordedScript, Recorder, RecordingState, gather_takes
from tts_cli.recipe import Recipe
from tts_cli.settings import Settings
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
    target: DubTarget = NO_TARGET


def export(
    request: ExportRequest, settings: Settings, on_event: EventSink, stop: Stop | None = None
) -> tuple[ExportReport, ...]:
    """Deliver a script by each recipe, to a folder of the recipe's name; takes that are missing are recorded first.

    Raises `KeyboardInterrupt` where a stop was asked for and has been heeded, `UsageError` where no recipe is named or
    one delivers nothing, and `InputError` for what cannot be read.
    """
    script = _Script(request, settings, on_event, stop or Stop())
    recipes = [_delivering(name, settings) for name in request.recipes or script.own_recipes()]
    if not recipes:
        names = [recipe.name for recipe in deliverers(settings.home)]
        raise UsageError("which recipe?", hint=f"name one with --recipe: {', '.join(names)}")
    return tuple(_export(script, recipe) for recipe in recipes)


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
        self.target = request.target
        self.timeline = None if request.source == "-" else _timeline_of(Path(request.source))
        self.request = RenderRequest(
            manifest=request.source,
            more=request.more,
            stdin=request.stdin,
            format=request.format,
            reading=request.reading,
            out=request.out,
            recipe="default",
        )
        if self.timeline:
            self.out = request.out or self.timeline.parent
        else:
            self.manifest = _with_length(load(self.request, settings), request.target)
            self.out = request.out or Path("out") / safe_name(self.manifest.name)
            self.request = replace(self.request, out=self.out)

    def own_recipes(self) -> tuple[str, ...]:
        """Return the recipe that the manifest names, if that is one."""
        # A render does not say by which recipe its manifest is exported.
        name = self.settings.recipe if self.timeline else self.manifest.recipe or self.settings.recipe
        return (name,) if name and find_recipe(name, self.settings.home).deliver else ()

    def export(self, recipe: Recipe) -> ExportReport:
        """Deliver by one recipe; a damaged take met on the way is recorded anew and the work goes on."""
        if self.timeline:
            plan, notices = _read_render(self.timeline, recipe, Cache(self.settings.cache))
            recorded = RecordedScript(plan=plan, takes=plan.takes, state=RecordingState())
            return self._deliver(recipe, recorded, notices)
        manifest, notices = add_credits(self.manifest, recipe)
        run = open_run(self.request, self.settings, self.on_event, self.stop, manifest, recipe)
        recorder = Recorder(run)

        def record_and_deliver() -> ExportReport:
            return self._deliver(recipe, gather_takes(run, recorder, plan_script(run)), notices)

        return survive_damage(run, record_and_deliver)

    def _deliver(self, recipe: Recipe, recorded: RecordedScript, notices: tuple[str, ...]) -> ExportReport:
        out = self.out / recipe.name
        context = DeliveryContext(
            recipe=recipe,
            plan=recorded.plan,
            takes=recorded.takes,
            cache=Cache(self.settings.cache),
            out=out,
            previous=PreviousRun(out, exported_files),
            selected=frozenset(planned.line.id for planned in recorded.plan.lines),
            workers=cores_for(self.settings.worker_options.workers),
            heard=Counter(
                lambda done, total: self.on_event(Progress(stage="export", done=done, total=total, note=recipe.name)),
                guess=_expected_samples(recipe, recorded),
            ),
            on_event=self.on_event,
            dub=recorded.dub,
            target=self.target,
        )
        return _report(context, recorded, deliver(context), notices)


def _read_render(timeline: Path, recipe: Recipe, cache: Cache) -> tuple[Plan, tuple[str, ...]]:
    """Return the script of a render with the takes that the cache still has, and what must be said of it."""
    if recipe.fit:
        hint = "its lines are fitted to their slots as they are recorded; their takes are cached"
        raise UsageError("a dub is exported from its manifest, not from its render", hint=hint)
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


def _export(script: _Script, recipe: Recipe) -> ExportReport:
    started = time.monotonic()
    report = replace(script.export(recipe), wall_seconds=round(time.monotonic() - started, 3))
    write_export(report)
    ResumeLog(Path(report.out)).close()
    return report


def _expected_samples(recipe: Recipe, recorded: RecordedScript) -> int:
    """Guess how much is to be mastered, for the progress shown."""
    seconds = sum(take.frames / take.sample_rate for take in recorded.takes.values())
    return max(1, round(seconds * recipe.sample_rate))


def _report(
    context: DeliveryContext, recorded: RecordedScript, outputs: tuple[Deliverable, ...], notices: tuple[str, ...]
) -> ExportReport:
    plan, recipe = recorded.plan, context.recipe
    missing = len(plan.lines) - len(complete_lines(plan, recorded.takes))
    passed = all(found.passed for output in outputs for found in output.checks)
    return ExportReport(
        manifest=plan.manifest.name,
        recipe=recipe.name,
        out=str(context.out),
        status="partial" if missing else "ok" if passed else "failed",
        outputs=outputs,
        failures=list_failures(plan, recorded.state.errors),
        missing=missing,
        notices=(*filter(None, [recipe.notice]), *_left_over(context.out, outputs), *notices),
    )


def _left_over(out: Path, outputs: tuple[Deliverable, ...]) -> list[str]:
    """Name what an earlier export wrote and this one does not have: it must not be shipped by mistake."""
    now = {output.path for output in outputs}
    before = PreviousRun(out, exported_files).outputs.values()
    return [
        f"left from an earlier export: {out / output.path}"
        for output in before
        if output.path not in now and is_intact(out, output)
    ]
