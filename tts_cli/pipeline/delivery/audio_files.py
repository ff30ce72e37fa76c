"""Programmes and chapters: what is one piece of sound in several files, mastered once and encoded once."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace

from tts_cli.audio.io.outputs import Mark
from tts_cli.cache.keys import digest
from tts_cli.pipeline.delivery.aac_join import AacJoin, SoundFile, deliver_through
from tts_cli.pipeline.delivery.context import DeliveryContext
from tts_cli.pipeline.edit.timeline import make_excerpt, tighten_edges
from tts_cli.pipeline.master.deliverables import describe_inputs
from tts_cli.pipeline.master.file_names import list_parts
from tts_cli.pipeline.master.labels import file_tags, line_voices, provenance_tags, tag_text
from tts_cli.pipeline.master.master import CORRECTION_HEADROOM_DB, MOST_CORRECTIONS, make_masters
from tts_cli.pipeline.model import Deliverable
from tts_cli.pipeline.parallel import run_parallel
from tts_cli.pipeline.script.credits import CLOSING, OPENING
from tts_cli.recipe import Delivery, Recipe
from tts_cli.types import Timeline

_AUDIOBOOK = "2"  # iTunes' number for what belongs on the shelf of audiobooks


def deliver_programmes(context: DeliveryContext, deliveries: Sequence[Delivery]) -> Iterator[Deliverable]:
    """Write every programme and chapter that is not there yet; files of one sound are written in one pass."""
    # Files of one PCM share a pass: mixing and limiting cost more than one more encoder.
    groups: dict[Recipe, list[Delivery]] = {}
    for delivery in deliveries:
        groups.setdefault(_layout(delivery.sound), []).append(delivery)
    for group in groups.values():
        yield from _deliver_group(context, group)


def deliver_samples(context: DeliveryContext, deliveries: Sequence[Delivery]) -> Iterator[Deliverable]:
    """Write the beginning of the work, as shops let people hear it: whole lines, without the credits."""
    story = [planned.line.id for planned in context.plan.lines if planned.line.chapter not in (OPENING, CLOSING)]
    for delivery in deliveries:
        excerpt = make_excerpt(context.plan, context.takes, delivery.sound, frozenset(story), delivery.seconds)
        if excerpt is None:
            continue
        file = _programme(context, delivery, [tighten_edges(excerpt)])
        yield context.kept(file.name, file.inputs, delivery, file.timelines) or deliver_through(context, file)


def _peers(deliveries: Sequence[Delivery]) -> str:
    """Return what a file's sound owes to those that are written in the same pass: they share one limiter."""
    return digest([(found.sound.format, found.sound.bitrate_kbps, found.sound.true_peak_dbtp) for found in deliveries])


def _layout(sound: Recipe) -> Recipe:
    """Return a recipe without what only the encoder needs to know: equal ones are one PCM."""
    return replace(sound, format="wav", bits=24, bitrate_kbps=192, true_peak_dbtp=0.0)


def _deliver_group(context: DeliveryContext, deliveries: Sequence[Delivery]) -> Iterator[Deliverable]:
    sound = deliveries[0].sound
    parts = context.masters if deliveries[0].kind == "master" else context.parts(sound)
    whole = context.is_complete(parts, sound)
    files = [
        replace(found, inputs=digest([found.inputs, _peers(deliveries)]), peers=_peers(deliveries))
        for delivery in deliveries
        for found in _files(context, delivery, parts, whole=whole)
    ]
    kept = {file.name: context.kept(file.name, file.inputs, file.delivery, file.described_by) for file in files}
    missing = [file for file in files if kept[file.name] is None]
    delivered = _deliver_missing(context, list(parts.values()), files, missing) if missing else {}
    for file in files:
        if found := delivered.get(file.name) or kept[file.name]:
            yield found


# --- which files ----------------------------------------------------------------------------------------


def _files(
    context: DeliveryContext, delivery: Delivery, parts: Mapping[str, Timeline], *, whole: bool
) -> Iterable[SoundFile]:
    if delivery.kind == "master":
        return _masters(context, delivery, parts)
    if delivery.kind == "programme":
        return [_programme(context, delivery, list(parts.values()))] if whole else []
    return _chapters(context, delivery, parts)


def _masters(context: DeliveryContext, delivery: Delivery, parts: Mapping[str, Timeline]) -> Iterator[SoundFile]:
    """Name what a render writes; its head says no more than whose voices are heard and who allowed it."""
    voices = line_voices(context.plan.manifest)
    for name, timeline in parts.items():
        tags = provenance_tags(voices, timeline)
        inputs = describe_inputs(timeline, delivery.sound, tags)
        yield SoundFile(name=name, delivery=delivery, timelines=[timeline], tags=tags, marks=(), inputs=inputs)


def _programme(context: DeliveryContext, delivery: Delivery, timelines: Sequence[Timeline]) -> SoundFile:
    marks = programme_marks(context, timelines)
    tags = file_tags(context.plan, timelines)
    name = context.name(delivery)
    if name.lower().endswith(".m4b"):
        tags["media_type"] = _AUDIOBOOK
    inputs = context.inputs(timelines, delivery.sound, tags, marks)
    return SoundFile(name=name, delivery=delivery, timelines=timelines, tags=tags, marks=marks, inputs=inputs)


def _chapters(context: DeliveryContext, delivery: Delivery, parts: Mapping[str, Timeline]) -> Iterator[SoundFile]:
    order = list_parts(context.plan.manifest, delivery.sound)
    for part, timeline in parts.items():
        number = order.index(part) + 1
        tags = file_tags(context.plan, [timeline], timeline.title, f"{number}/{len(order)}")
        marks = (Mark(start=0, end=timeline.length, title=_mark_title(timeline.title, number)),)
        yield SoundFile(
            name=context.chapter_name(delivery, part, order),
            delivery=delivery,
            timelines=[timeline],
            tags=tags,
            marks=marks,
            inputs=context.inputs([timeline], delivery.sound, tags, marks),
        )


def programme_marks(context: DeliveryContext, timelines: Sequence[Timeline]) -> tuple[Mark, ...]:
    """Return the chapter marks of timelines that follow one another: one each, or those inside a single one."""
    if len(timelines) == 1:
        starts = _chapter_starts(context, timelines[0])
    else:
        starts, position = [], 0
        for timeline in timelines:
            starts.append((position, timeline.title))
            position += timeline.length
    total = sum(timeline.length for timeline in timelines)
    ends = [*(start for start, _ in starts[1:]), total]
    return tuple(
        Mark(start=start, end=end, title=_mark_title(title, number))
        for number, ((start, title), end) in enumerate(zip(starts, ends, strict=True), 1)
    )


def _mark_title(title: str, number: int) -> str:
    """Return a title as a mark can hold it; one of signs that cannot be shown leaves the chapter its number."""
    return tag_text(title) or f"Chapter {number}"


def _chapter_starts(context: DeliveryContext, timeline: Timeline) -> list[tuple[int, str]]:
    """Return where the chapters of one programme begin: with their first clip, the first one with the programme."""
    chapters = {planned.line.id: planned.line.chapter for planned in context.plan.lines}
    starts: list[tuple[int, str]] = []
    now: str | None = None
    for clip in timeline.clips:
        chapter = chapters[clip.line_id]
        if chapter != now:
            known = context.plan.manifest.chapters.get(chapter)
            title = (known.title if known else "") or chapter or timeline.title
            starts.append((clip.start if starts else 0, title))
            now = chapter
    return starts


# --- writing them ---------------------------------------------------------------------------------------


def _deliver_missing(
    context: DeliveryContext, timelines: Sequence[Timeline], files: Sequence[SoundFile], missing: Sequence[SoundFile]
) -> dict[str, Deliverable]:
    """Write files: in one pass per chapter all that it is in, then the programmes that are joined or run through.

    A chapter is written again to all its files or to none, so that what an export has kept never changes its sound.
    """
    joined = [file for file in missing if file.is_joined]
    with context.parts_folder() if joined else nullcontext(context.out) as folder:
        joins = [AacJoin(context, file, folder) for file in joined]
        todo = [
            timeline
            for timeline in timelines
            if any(file.timelines == [timeline] for file in missing) or any(join.misses(timeline) for join in joins)
        ]
        kept = [timeline for timeline in timelines if timeline not in todo]
        # All of it is announced now: what is measured and joined after the mixing is no afterthought of the progress.
        through = [timeline for file in missing if file.runs_through for timeline in file.timelines]
        pieces = [timeline for file in joined for timeline in file.timelines]
        context.heard.expect(sum(timeline.length for timeline in (*todo, *through, *pieces, *pieces)))
        delivered = [*_write_parts(context, todo, files, joins), *_join_all(context, joins, kept)]
    delivered += [deliver_through(context, file) for file in missing if file.runs_through]
    return {deliverable.path: deliverable for deliverable in delivered}


def _join_all(context: DeliveryContext, joins: Sequence[AacJoin], kept: Sequence[Timeline]) -> Iterator[Deliverable]:
    """Measure the pieces that were kept, as the others have been, and join them all."""
    for join in joins:
        run_parallel(join.measure, kept, context.workers, context.heard)
        yield join.deliver()


def _write_parts(
    context: DeliveryContext, todo: Sequence[Timeline], files: Sequence[SoundFile], joins: Sequence[AacJoin]
) -> Iterable[Deliverable]:
    """Write chapters, several at once; those of which a piece came out too loud are written again."""
    delivered: dict[str, Deliverable] = {}
    headroom_db = [0.0] * len(todo)
    again = list(range(len(todo)))
    for _ in range(1 + MOST_CORRECTIONS):
        delivered |= _write_at_once(context, [(todo[index], headroom_db[index]) for index in again], files, joins)
        over_db = [max((join.over_db(timeline) for join in joins), default=0.0) for timeline in todo]
        again = [index for index, over in enumerate(over_db) if over > 0]
        for index in again:
            context.heard.expect(todo[index].length * (1 + len(joins)))
            headroom_db[index] += over_db[index] + CORRECTION_HEADROOM_DB
        if not again:
            break
    return delivered.values()


def _write_at_once(
    context: DeliveryContext,
    parts: Sequence[tuple[Timeline, float]],
    files: Sequence[SoundFile],
    joins: Sequence[AacJoin],
) -> dict[str, Deliverable]:
    """Write chapters, each with its headroom, on all cores."""

    def write(part: tuple[Timeline, float]) -> list[Deliverable]:
        timeline, headroom = part
        return _write_part(context, timeline, headroom, files, joins)

    written = run_parallel(write, parts, context.workers, context.heard)
    return {deliverable.path: deliverable for found in written for deliverable in found}


def _write_part(
    context: DeliveryContext,
    timeline: Timeline,
    headroom_db: float,
    files: Sequence[SoundFile],
    joins: Sequence[AacJoin],
) -> list[Deliverable]:
    """Master one timeline and encode it at once to the files that are this timeline, and to the pieces of others."""
    own = [file for file in files if len(file.timelines) == 1 and file.timelines[0] is timeline]
    outputs = [file.output(context, context.path(file.name)) for file in own]
    outputs += [join.output(timeline) for join in joins]
    written = make_masters([timeline], outputs, context.cache.read, context.heard, headroom_db=headroom_db)
    for join in joins:
        join.measure(timeline)
    return [
        context.describe(file.name, done, file.inputs, file.delivery, file.described_by)
        for file, done in zip(own, written, strict=True)
    ]
