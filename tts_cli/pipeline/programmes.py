"""Programmes and chapters: what is one piece of sound in several files, mastered once and encoded once."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from tts_cli.cache.keys import digest
from tts_cli.errors import UsageError
from tts_cli.pipeline.at_once import do_at_once
from tts_cli.pipeline.credits import CLOSING, OPENING
from tts_cli.pipeline.joints import Joint, SoundFile, ship_through
from tts_cli.pipeline.labels import file_tags
from tts_cli.pipeline.master import CORRECTION_HEADROOM_DB, MOST_CORRECTIONS, make_masters
from tts_cli.pipeline.shipment import Shipment
from tts_cli.pipeline.timeline import make_excerpt, split_lines, tighten_edges
from tts_cli.types import Deliverable, Delivery, Mark, Recipe, Timeline

_AUDIOBOOK = "2"  # iTunes' number for what belongs on the shelf of audiobooks


def ship_programmes(shipment: Shipment, deliveries: Sequence[Delivery]) -> Iterator[Deliverable]:
    """Write every programme and chapter that is not there yet; files of one sound are written in one pass."""
    groups: dict[Recipe, list[Delivery]] = {}
    for delivery in deliveries:
        groups.setdefault(_layout(delivery.sound), []).append(delivery)
    for group in groups.values():
        yield from _ship_group(shipment, group)


def ship_samples(shipment: Shipment, deliveries: Sequence[Delivery]) -> Iterator[Deliverable]:
    """Write the beginning of the work, as shops let people hear it: whole lines, without the credits."""
    story = [planned.line.id for planned in shipment.plan.lines if planned.line.chapter not in (OPENING, CLOSING)]
    for delivery in deliveries:
        excerpt = make_excerpt(shipment.plan, shipment.takes, delivery.sound, frozenset(story), delivery.seconds)
        if excerpt is None:
            continue
        file = _programme(shipment, delivery, [tighten_edges(excerpt)])
        yield shipment.kept(file.name, file.inputs, delivery, file.timelines) or ship_through(shipment, file)


def _peers(deliveries: Sequence[Delivery]) -> str:
    """Return what a file's sound owes to those that are written in the same pass: they share one limiter."""
    return digest([(found.sound.format, found.sound.bitrate_kbps, found.sound.true_peak_dbtp) for found in deliveries])


def _layout(sound: Recipe) -> Recipe:
    """Return a recipe without what only the encoder needs to know: equal ones are one PCM."""
    return replace(sound, format="wav", bits=24, bitrate_kbps=192, true_peak_dbtp=0.0)


def _ship_group(shipment: Shipment, deliveries: Sequence[Delivery]) -> Iterator[Deliverable]:
    sound = deliveries[0].sound
    parts = shipment.parts(sound)
    whole = shipment.is_whole(parts, sound)
    files = [
        replace(found, inputs=digest([found.inputs, _peers(deliveries)]), peers=_peers(deliveries))
        for delivery in deliveries
        for found in _files(shipment, delivery, parts, whole=whole)
    ]
    _refuse_doubles(files)
    kept = {file.name: shipment.kept(file.name, file.inputs, file.delivery, file.timelines) for file in files}
    missing = [file for file in files if kept[file.name] is None]
    shipped = _ship_missing(shipment, list(parts.values()), files, missing) if missing else {}
    for file in files:
        if found := shipped.get(file.name) or kept[file.name]:
            yield found


def _refuse_doubles(files: Sequence[SoundFile]) -> None:
    """Refuse to write two files under one name; raises `UsageError`."""
    names = Counter(file.name.casefold() for file in files)
    if doubled := next((file.name for file in files if names[file.name.casefold()] > 1), ""):
        raise UsageError(f"several files would be called {doubled!r}", hint="put {number} into the recipe's `file`")


# --- which files ----------------------------------------------------------------------------------------


def _files(
    shipment: Shipment, delivery: Delivery, parts: Mapping[str, Timeline], *, whole: bool
) -> Iterable[SoundFile]:
    if delivery.kind == "programme":
        return [_programme(shipment, delivery, list(parts.values()))] if whole else []
    return _chapters(shipment, delivery, parts)


def _programme(shipment: Shipment, delivery: Delivery, timelines: Sequence[Timeline]) -> SoundFile:
    marks = programme_marks(shipment, timelines)
    tags = file_tags(shipment.plan, timelines)
    name = shipment.name(delivery)
    if name.lower().endswith(".m4b"):
        tags["media_type"] = _AUDIOBOOK
    inputs = shipment.inputs(timelines, delivery.sound, tags, marks)
    return SoundFile(name=name, delivery=delivery, timelines=timelines, tags=tags, marks=marks, inputs=inputs)


def _chapters(shipment: Shipment, delivery: Delivery, parts: Mapping[str, Timeline]) -> Iterator[SoundFile]:
    order = list(split_lines(shipment.plan, delivery.sound))
    for part, timeline in parts.items():
        number = order.index(part) + 1
        tags = file_tags(shipment.plan, [timeline], timeline.title, f"{number}/{len(order)}")
        marks = (Mark(start=0, end=timeline.length, title=timeline.title),)
        yield SoundFile(
            name=shipment.chapter_name(delivery, part, order),
            delivery=delivery,
            timelines=[timeline],
            tags=tags,
            marks=marks,
            inputs=shipment.inputs([timeline], delivery.sound, tags, marks),
        )


def programme_marks(shipment: Shipment, timelines: Sequence[Timeline]) -> tuple[Mark, ...]:
    """Return the chapter marks of timelines that follow one another: one each, or those inside a single one."""
    if len(timelines) == 1:
        starts = _chapter_starts(shipment, timelines[0])
    else:
        starts, position = [], 0
        for timeline in timelines:
            starts.append((position, timeline.title))
            position += timeline.length
    total = sum(timeline.length for timeline in timelines)
    ends = [*(start for start, _ in starts[1:]), total]
    return tuple(Mark(start=start, end=end, title=title) for (start, title), end in zip(starts, ends, strict=True))


def _chapter_starts(shipment: Shipment, timeline: Timeline) -> list[tuple[int, str]]:
    """Say where the chapters of one programme begin: with their first clip, the first one with the programme."""
    chapters = {planned.line.id: planned.line.chapter for planned in shipment.plan.lines}
    starts: list[tuple[int, str]] = []
    now: str | None = None
    for clip in timeline.clips:
        chapter = chapters[clip.line_id]
        if chapter != now:
            known = shipment.plan.manifest.chapters.get(chapter)
            title = (known.title if known else "") or chapter or timeline.title
            starts.append((clip.start if starts else 0, title))
            now = chapter
    return starts


# --- writing them ---------------------------------------------------------------------------------------


def _ship_missing(
    shipment: Shipment, timelines: Sequence[Timeline], files: Sequence[SoundFile], missing: Sequence[SoundFile]
) -> dict[str, Deliverable]:
    """Write files: in one pass per chapter all that it is in, then the programmes that are joined or run through.

    A chapter is written again to all its files or to none, so that what an export has kept never changes its sound.
    """
    with shipment.parts_folder() as folder:
        joints = [Joint(shipment, file, folder) for file in missing if file.is_joined]
        todo = [
            timeline
            for timeline in timelines
            if any(file.timelines == [timeline] for file in missing) or any(joint.lacks(timeline) for joint in joints)
        ]
        kept = [timeline for timeline in timelines if timeline not in todo]
        shipped = [*_write_parts(shipment, todo, files, joints), *_join_all(shipment, joints, kept)]
    shipped += [ship_through(shipment, file) for file in missing if file.runs_through]
    return {deliverable.path: deliverable for deliverable in shipped}


def _join_all(shipment: Shipment, joints: Sequence[Joint], kept: Sequence[Timeline]) -> Iterator[Deliverable]:
    """Measure the pieces that were kept, as the others have been, and join them all."""
    for joint in joints:
        do_at_once(joint.measure, kept, shipment.workers, shipment.heard)
        yield joint.ship()


def _write_parts(
    shipment: Shipment, todo: Sequence[Timeline], files: Sequence[SoundFile], joints: Sequence[Joint]
) -> Iterable[Deliverable]:
    """Write chapters, several at once; those of which a piece came out too loud are written again."""
    shipped: dict[str, Deliverable] = {}
    headroom_db = [0.0] * len(todo)
    again = list(range(len(todo)))
    for _ in range(1 + MOST_CORRECTIONS):
        shipped |= _write_at_once(shipment, [(todo[index], headroom_db[index]) for index in again], files, joints)
        over_db = [max((joint.over_db(timeline) for joint in joints), default=0.0) for timeline in todo]
        again = [index for index, over in enumerate(over_db) if over > 0]
        for index in again:
            headroom_db[index] += over_db[index] + CORRECTION_HEADROOM_DB
        if not again:
            break
    return shipped.values()


def _write_at_once(
    shipment: Shipment, parts: Sequence[tuple[Timeline, float]], files: Sequence[SoundFile], joints: Sequence[Joint]
) -> dict[str, Deliverable]:
    """Write chapters, each with its headroom, on all cores."""

    def write(part: tuple[Timeline, float]) -> list[Deliverable]:
        timeline, headroom = part
        return _write_part(shipment, timeline, headroom, files, joints)

    written = do_at_once(write, parts, shipment.workers, shipment.heard)
    return {deliverable.path: deliverable for found in written for deliverable in found}


def _write_part(
    shipment: Shipment, timeline: Timeline, headroom_db: float, files: Sequence[SoundFile], joints: Sequence[Joint]
) -> list[Deliverable]:
    """Master one timeline and encode it at once to the files that are this timeline, and to the pieces of others."""
    own = [file for file in files if len(file.timelines) == 1 and file.timelines[0] is timeline]
    outputs = [file.output(shipment, shipment.path(file.name)) for file in own]
    outputs += [joint.output(timeline) for joint in joints]
    written = make_masters([timeline], outputs, shipment.cache.read, shipment.heard, headroom_db=headroom_db)
    for joint in joints:
        joint.measure(timeline)
    return [
        shipment.ship(file.name, done, file.inputs, file.delivery, file.timelines)
        for file, done in zip(own, written, strict=True)
    ]
