"""Subtitles: the cues of a programme, or of each chapter, in the format that a file's suffix says."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath

from tts_cli.formats.subtitles import Cue, write_subtitles
from tts_cli.pipeline.delivery.context import DeliveryContext
from tts_cli.pipeline.delivery.file_list import is_per_chapter
from tts_cli.pipeline.edit.cues import fastest, make_cues, widest
from tts_cli.pipeline.master.file_names import list_parts
from tts_cli.pipeline.model import Deliverable
from tts_cli.recipe import Delivery
from tts_cli.text.captions import CaptionRules
from tts_cli.types import Timeline


def deliver_subtitles(context: DeliveryContext, deliveries: Sequence[Delivery]) -> Iterator[Deliverable]:
    """Write every subtitle file; one whose name holds {chapter} or {number} is made for each chapter."""
    for delivery in deliveries:
        parts = context.parts(delivery.sound)
        if is_per_chapter(delivery):
            yield from _deliver_chapters(context, delivery, parts)
        elif context.is_complete(parts, delivery.sound):
            yield _deliver(context, delivery, context.name(delivery), list(parts.values()))


def _deliver_chapters(
    context: DeliveryContext, delivery: Delivery, parts: Mapping[str, Timeline]
) -> Iterator[Deliverable]:
    order = list_parts(context.plan.manifest, delivery.sound)
    for part, timeline in parts.items():
        yield _deliver(context, delivery, context.chapter_name(delivery, part, order), [timeline])


def _deliver(context: DeliveryContext, delivery: Delivery, name: str, timelines: Sequence[Timeline]) -> Deliverable:
    """Write the cues of timelines that follow one another; a file that has them already is left alone."""
    lines = {planned.line.id: planned for planned in context.plan.lines}
    cues = make_cues(timelines, lines, CaptionRules())
    text = write_subtitles(cues, PurePath(name).suffix.lower())
    return context.deliver_text(name, text, delivery, _measures(cues, timelines))


def _measures(cues: Sequence[Cue], timelines: Sequence[Timeline]) -> dict[str, float]:
    return {
        "cues": len(cues),
        "columns": widest(cues),
        "chars_per_second": round(fastest(cues), 1),
        "seconds": round(sum(timeline.length / timeline.sample_rate for timeline in timelines), 3),
    }
