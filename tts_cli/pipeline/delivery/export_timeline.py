"""An export's own timeline.json: what its files were made of, for the report, and what the next export must know."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from tts_cli.pipeline.delivery.context import DeliveryContext
from tts_cli.pipeline.edit.timeline import make_line_timelines
from tts_cli.pipeline.master.file_names import list_parts
from tts_cli.pipeline.master.rendered import keep_timeline
from tts_cli.pipeline.model import Deliverable, PlannedLine
from tts_cli.pipeline.plan.plan import describe_previous
from tts_cli.recipe import Delivery
from tts_cli.types import Timeline


def keep_export_timeline(
    context: DeliveryContext, complete: Sequence[PlannedLine], outputs: Iterable[Deliverable]
) -> Deliverable:
    """Write where each line lies in the files of sound that were delivered, if any of it changed."""
    delivered = {output.path: output for output in outputs}
    timelines = {name: timeline for name, timeline in _timelines(context).items() if name in delivered}
    return keep_timeline(
        context.guard,
        context.previous,
        context.plan,
        timelines,
        [delivered[name] for name in timelines],
        lines=[(planned, describe_previous(planned)) for planned in complete],
        levels=context.levels.kept,
    )


def _timelines(context: DeliveryContext) -> dict[str, Timeline]:
    """Lay out the files that hold the script once: its chapters, else the programme, else each line's own."""
    found: dict[str, Delivery] = {}
    for delivery in context.recipe.deliver:
        found.setdefault(delivery.kind, delivery)
    if chapters := found.get("chapters"):
        order = list_parts(context.plan.manifest, chapters.sound)
        parts = context.parts(chapters.sound)
        return {context.chapter_name(chapters, part, order): timeline for part, timeline in parts.items()}
    if programme := found.get("programme"):
        timelines = list(context.parts(programme.sound).values())
        return {context.name(programme): join_timelines(timelines)} if timelines else {}
    if lines := found.get("lines"):
        own = make_line_timelines(context.plan, context.takes, lines.sound)
        return {context.line_names[line_id]: timeline for line_id, timeline in own.items()}
    return {}


def join_timelines(timelines: Sequence[Timeline]) -> Timeline:
    """Lay timelines one after the other."""
    items, start = [], 0
    for timeline in timelines:
        items += [replace(item, start=item.start + start) for item in timeline.items]
        start += timeline.length
    return replace(timelines[0], items=tuple(items), length=start)
