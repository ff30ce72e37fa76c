"""Takes -> files: a recipe's deliveries, each made by whoever makes its kind. A render's masters are one of them."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Literal

from tts_cli.errors import UsageError
from tts_cli.pipeline.delivery.audio_files import deliver_programmes, deliver_samples
from tts_cli.pipeline.delivery.context import DeliveryContext
from tts_cli.pipeline.delivery.dub_files import deliver_films, deliver_mixes, deliver_timing
from tts_cli.pipeline.delivery.file_list import list_files
from tts_cli.pipeline.delivery.line_files import deliver_lines, refuse_inseparable
from tts_cli.pipeline.delivery.subtitles import deliver_subtitles
from tts_cli.pipeline.edit.dub import TIMING_FILE, Dub
from tts_cli.pipeline.master.file_names import programme_name
from tts_cli.pipeline.master.levels import SharedLevels
from tts_cli.pipeline.model import Deliverable, Plan
from tts_cli.pipeline.parallel import Counter
from tts_cli.pipeline.request import NO_TARGET, Progress
from tts_cli.pipeline.session import RunContext
from tts_cli.recipe import Delivery, DeliveryKind, Recipe
from tts_cli.types import Take
from tts_cli.workers.devices import cores_for

Deliverer = Callable[[DeliveryContext, Sequence[Delivery]], Iterable[Deliverable]]

DELIVERERS: Mapping[DeliveryKind | Literal["master"], Deliverer] = {
    "master": deliver_programmes,
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


def deliver(context: DeliveryContext) -> tuple[Deliverable, ...]:
    """Write all that the recipe delivers; files that are as they should be stay untouched.

    Raises `OutputError` for what cannot be written, `InputError` for names that are given twice and lines
    that cannot be cut out of the take of their dialogue, and
    `DamagedTakeError`, after which all files are as they were before, or whole.
    """
    if any(delivery.kind == "lines" for delivery in context.recipe.deliver):
        refuse_inseparable(context)
    wanted: dict[Deliverer, list[Delivery]] = {}
    for delivery in context.recipe.deliver:
        wanted.setdefault(DELIVERERS[delivery.kind], []).append(delivery)
    return tuple(_make_all(context, wanted))


def _make_all(context: DeliveryContext, wanted: Mapping[Deliverer, Sequence[Delivery]]) -> Iterator[Deliverable]:
    """Make files, kind by kind; what ffmpeg alone works on is announced first, and counted when it is done."""
    timeline = context.dub.timeline if context.dub else None
    length = timeline.length if timeline else 0
    alone = {deliver_mixes: context.target.under, deliver_films: context.target.video}
    context.heard.expect(sum(length * len(wanted.get(maker, ())) for maker, source in alone.items() if source))
    for maker, deliveries in wanted.items():
        for found in maker(context, deliveries):
            yield found
            if maker in alone:
                context.heard(length)


# --- a render -------------------------------------------------------------------------------------------


def masters_recipe(recipe: Recipe, name: str, *, lines: bool) -> Recipe:
    """Return a recipe that delivers what a render writes of it.

    That is its masters, with `lines` a file for each line, and of a dub how it was timed and its subtitles. `name` is
    the manifest's.
    """
    sound = replace(recipe, deliver=())
    deliveries = [Delivery(kind="master", file="", sound=sound)]
    if lines:
        deliveries.append(Delivery(kind="lines", file="lines/{id}.wav", sound=sound, level_by="script"))
    if recipe.fit:
        deliveries.append(Delivery(kind="timing", file=TIMING_FILE, sound=sound))
        deliveries.append(Delivery(kind="subtitles", file=f"{programme_name(name, recipe)}.srt", sound=sound))
    return replace(sound, deliver=tuple(deliveries))


def claim_files(run: RunContext) -> None:
    """Refuse a run, before any work, that would write over what is not its own; see `OutputGuard.claim`.

    Raises `InputError` where two lines' files would have one name, and `UsageError`.
    """
    recipe = masters_recipe(run.recipe, run.manifest.name, lines=run.request.lines)
    names = list_files(run.manifest, recipe, NO_TARGET)
    run.guard.claim(names)
    if back := run.request.write_back:
        try:
            run.guard.claim([*names, os.path.relpath(back, run.out)])
        except UsageError as error:
            raise UsageError(f"--write-back: {error.message}", hint="name another file for it") from error


def open_delivery(
    run: RunContext, plan: Plan, takes: Mapping[str, Take], dub: Dub | None, recipe: Recipe | None = None
) -> DeliveryContext:
    """Make ready to write into a run's output folder what the recipe delivers, by default what a render writes."""
    recipe = recipe or masters_recipe(run.recipe, run.manifest.name, lines=run.request.lines)
    return DeliveryContext(
        recipe=recipe,
        plan=plan,
        takes=takes,
        cache=run.cache,
        out=run.out,
        previous=run.previous,
        guard=run.guard,
        levels=SharedLevels({} if run.request.relevel else run.previous.levels),
        selected=run.selected,
        workers=cores_for(run.worker_options.workers),
        heard=Counter(
            lambda done, total: run.on_event(Progress(stage="master", done=done, total=total, note=run.manifest.name))
        ),
        on_event=run.on_event,
        dub=dub,
    )
