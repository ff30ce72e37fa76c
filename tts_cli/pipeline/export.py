"""The wiring of export, above `run`: a script and its takes, from a manifest or a render, to what recipes deliver."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tts_cli.audio.io.video import read_film
from tts_cli.cache.store import Cache
from tts_cli.errors import DamagedTakeError, UsageError
from tts_cli.formats.recipes import find_recipe, list_recipes
from tts_cli.pipeline import run
from tts_cli.pipeline.delivery.audio_files import deliver_programmes, deliver_samples
from tts_cli.pipeline.delivery.context import DeliveryContext
from tts_cli.pipeline.delivery.dub_files import deliver_films, deliver_mixes, deliver_timing
from tts_cli.pipeline.delivery.export_json import exported_files, write_export
from tts_cli.pipeline.delivery.line_files import deliver_lines
from tts_cli.pipeline.delivery.resume_log import ResumeLog
from tts_cli.pipeline.delivery.subtitles import deliver_subtitles
from tts_cli.pipeline.edit.timeline import complete_lines
from tts_cli.pipeline.master.file_names import TIMELINE_FILE, safe_name
from tts_cli.pipeline.master.previous_run import PreviousRun, is_intact
from tts_cli.pipeline.master.rendered import read_rendered
from tts_cli.pipeline.master.report import list_failures
from tts_cli.pipeline.model import Deliverable, ExportReport
from tts_cli.pipeline.parallel import Counter
from tts_cli.pipeline.request import NO_TARGET, DubTarget, EventSink, Progress, RenderRequest
from tts_cli.pipeline.run import HEAL_TRIES, RecordedScript
from tts_cli.pipeline.script.credits import CLOSING, OPENING, add_credits
from tts_cli.pipeline.session import load
from tts_cli.recipe import Delivery, DeliveryKind, Recipe
from tts_cli.settings import Settings
from tts_cli.types import Manifest
from tts_cli.workers.devices import cores_for
from tts_cli.workers.stop import Stop

_TAKES_GONE = ("some takes are gone from the cache: render the manifest again",)
_NO_CREDITS = ("no credits: a render cannot be made to say more; export its manifest to have them spoken",)

Deliverer = Callable[[DeliveryContext, Sequence[Delivery]], Iterable[Deliverable]]

KINDS: Mapping[DeliveryKind, Deliverer] = {
    "programme": deliver_programmes,
    "chapters": deliver_programmes,
    "sample": deliver_samples,
    "subtitles": deliver_subtitles,
    "lines": deliver_lines,
    "index": deliver_lines,
    "unreal": deliver_lines,
    "wwise": deliver_lines,
    "labels": deliver_lines,
    "timing": deliver_timing,
    "mix": deliver_mixes,
    "film": deliver_films,
}
"""Who makes what. A maker is given all the deliveries of a recipe that are its own, in their order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRequest:
    """What a user asks for: a manifest (with its bytes if it comes from stdin) or a render's folder, and recipes."""

    source: str
    stdin: bytes | None = None
    format: str | None = None
    recipes: tuple[str, ...] = ()
    out: Path | None = None
    target: DubTarget = NO_TARGET


def export(
    order: ExportRequest, settings: Settings, on_event: EventSink, stop: Stop | None = None
) -> tuple[ExportReport, ...]:
    """Ship a script by each recipe, to a folder of the recipe's name; takes that are missing are recorded first.

    Raises `KeyboardInterrupt` where a stop was asked for and has been heeded, `UsageError` where no recipe is named or
    one delivers nothing, and `InputError` for what cannot be read.
    """
    script = _Script(order, settings, on_event, stop or Stop())
    recipes = [_delivering(name, settings) for name in order.recipes or script.own_recipes()]
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

    def __init__(self, order: ExportRequest, settings: Settings, on_event: EventSink, stop: Stop) -> None:
        self.settings = settings
        self.on_event = on_event
        self._stop = stop
        self.cache = Cache(settings.cache)
        self.target = order.target
        self._timeline = None if order.source == "-" else _timeline_of(Path(order.source))
        self._order = RenderRequest(
            manifest=order.source, stdin=order.stdin, format=order.format, out=order.out, recipe="default"
        )
        if self._timeline:
            self.out = order.out or self._timeline.parent
        else:
            self._manifest = _with_length(load(self._order, settings), order.target)
            self.out = order.out or Path("out") / safe_name(self._manifest.name)
            self._order = replace(self._order, out=self.out)

    def own_recipes(self) -> tuple[str, ...]:
        """Return the recipe that the manifest names, if that is one."""
        name = self.settings.recipe if self._timeline else self._manifest.recipe or self.settings.recipe
        return (name,) if name and find_recipe(name, self.settings.home).deliver else ()

    def record(self, recipe: Recipe) -> tuple[RecordedScript, tuple[str, ...]]:
        """Return the script with its takes and the recipe's credits, and what must be said of those."""
        if self._timeline:
            if recipe.fit:
                hint = "its lines are fitted to their slots as they are recorded; their takes are cached"
                raise UsageError("a dub is exported from its manifest, not from its render", hint=hint)
            plan = read_rendered(self._timeline, self.cache)
            notices: tuple[str, ...] = _TAKES_GONE if len(complete_lines(plan, plan.takes)) < len(plan.lines) else ()
            if (recipe.opening or recipe.closing) and not {OPENING, CLOSING} & plan.manifest.chapters.keys():
                notices += _NO_CREDITS
            return RecordedScript(plan=plan, takes=plan.takes), notices
        manifest, notices = add_credits(self._manifest, recipe)
        return run.record(self._order, self.settings, self.on_event, self._stop, manifest, recipe), notices


def _with_length(manifest: Manifest, target: DubTarget) -> Manifest:
    """Let a film say how long the programme is, whatever the manifest says."""
    return replace(manifest, length_s=float(read_film(target.video).length_s)) if target.video else manifest


def _timeline_of(source: Path) -> Path | None:
    """Return the timeline.json that a source means, or None for a manifest."""
    if source.is_dir():
        return source / TIMELINE_FILE
    return source if source.name == TIMELINE_FILE else None


def _export(script: _Script, recipe: Recipe) -> ExportReport:
    """Ship by one recipe; a damaged take met on the way is recorded anew and the work goes on."""
    started = time.monotonic()
    for attempt in range(1, HEAL_TRIES + 1):
        recorded, said = script.record(recipe)
        try:
            outputs = _deliver(script, recipe, recorded)
            break
        except DamagedTakeError:
            if attempt == HEAL_TRIES:
                raise
    report = _report(script, recipe, recorded, outputs)
    report = replace(report, notices=(*report.notices, *said), wall_seconds=round(time.monotonic() - started, 3))
    write_export(report)
    ResumeLog(Path(report.out)).close()
    return report


def _deliver(script: _Script, recipe: Recipe, recorded: RecordedScript) -> tuple[Deliverable, ...]:
    out = script.out / recipe.name
    total = _expected_samples(recipe, recorded)
    context = DeliveryContext(
        recipe=recipe,
        plan=recorded.plan,
        takes=recorded.takes,
        cache=script.cache,
        out=out,
        past=PreviousRun(out, exported_files),
        workers=cores_for(script.settings.worker_options.workers),
        dub=recorded.dub,
        target=script.target,
        heard=Counter(
            lambda done: script.on_event(Progress(stage="export", done=min(done, total), total=total, note=recipe.name))
        ),
    )
    wanted: dict[Deliverer, list[Delivery]] = {}
    for delivery in recipe.deliver:
        wanted.setdefault(KINDS[delivery.kind], []).append(delivery)
    return tuple(shipped for ship, deliveries in wanted.items() for shipped in ship(context, deliveries))


def _expected_samples(recipe: Recipe, recorded: RecordedScript) -> int:
    """Guess how much is to be mastered, for the progress shown."""
    seconds = sum(take.frames / take.sample_rate for take in recorded.takes.values())
    return max(1, round(seconds * recipe.sample_rate))


def _report(
    script: _Script, recipe: Recipe, recorded: RecordedScript, outputs: tuple[Deliverable, ...]
) -> ExportReport:
    plan = recorded.plan
    missing = len(plan.lines) - len(complete_lines(plan, recorded.takes))
    passed = all(found.passed for output in outputs for found in output.checks)
    return ExportReport(
        manifest=plan.manifest.name,
        recipe=recipe.name,
        out=str(script.out / recipe.name),
        status="partial" if missing else "ok" if passed else "failed",
        outputs=outputs,
        failures=list_failures(plan, recorded.errors),
        missing=missing,
        notices=(*filter(None, [recipe.notice]), *_left_over(script.out / recipe.name, outputs)),
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
