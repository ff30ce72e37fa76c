"""Programmes and chapters: what is one piece of sound in several files, mastered once and encoded once."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from tts_cli.audio.ffmpeg import FfmpegError, Output, join_aac
from tts_cli.audio.files import drafting
from tts_cli.audio.loudness import measure_file
from tts_cli.errors import OutputError
from tts_cli.pipeline.credits import CLOSING, OPENING
from tts_cli.pipeline.labels import file_tags
from tts_cli.pipeline.master import Written, file_sha256, make_masters
from tts_cli.pipeline.shipment import AAC_FRAME, Shipment
from tts_cli.pipeline.timeline import make_excerpt, split_lines, tighten_edges
from tts_cli.types import Deliverable, Delivery, Mark, Recipe, Timeline

CONTAINERS = {".mka": "matroska"}
"""The muxers of suffixes that are not their format's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """A file to be: its name, what it is made from, and its head."""

    name: str
    delivery: Delivery
    timelines: Sequence[Timeline]
    tags: Mapping[str, str]
    marks: tuple[Mark, ...]
    inputs: str

    @property
    def is_joined(self) -> bool:
        """Whether it is joined from chapters that were encoded on their own."""
        return len(self.timelines) > 1 and self.delivery.sound.format == "m4a"

    def output(self, shipment: Shipment, path: Path) -> Output:
        return Output(
            path=path,
            recipe=self.delivery.sound,
            tags=self.tags,
            marks=self.marks,
            cover=shipment.cover,
            container=CONTAINERS.get(PurePath(self.name).suffix.lower(), ""),
        )


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
        kept = shipment.kept(file.name, file.inputs, delivery)
        yield kept or shipment.ship(file.name, _run_through(shipment, file), file.inputs, delivery, file.timelines)


def _layout(sound: Recipe) -> Recipe:
    """Return a recipe without what only the encoder needs to know: equal ones are one PCM."""
    return replace(sound, format="wav", bits=24, bitrate_kbps=192, true_peak_dbtp=0.0)


def _ship_group(shipment: Shipment, deliveries: Sequence[Delivery]) -> Iterator[Deliverable]:
    sound = deliveries[0].sound
    parts = shipment.parts(sound)
    whole = shipment.is_whole(parts, sound)
    files = [found for delivery in deliveries for found in _files(shipment, delivery, parts, whole=whole)]
    kept = {file.name: shipment.kept(file.name, file.inputs, file.delivery) for file in files}
    missing = [file for file in files if kept[file.name] is None]
    written = _write(shipment, list(parts.values()), missing)
    for file in files:
        yield kept[file.name] or shipment.ship(
            file.name, written[file.name], file.inputs, file.delivery, file.timelines
        )


# --- which files ----------------------------------------------------------------------------------------


def _files(shipment: Shipment, delivery: Delivery, parts: Mapping[str, Timeline], *, whole: bool) -> Iterable[_File]:
    if delivery.kind == "programme":
        return [_programme(shipment, delivery, list(parts.values()))] if whole else []
    return _chapters(shipment, delivery, parts)


def _programme(shipment: Shipment, delivery: Delivery, timelines: Sequence[Timeline]) -> _File:
    marks = programme_marks(shipment, timelines)
    tags = file_tags(shipment.plan, timelines)
    inputs = shipment.inputs(timelines, delivery.sound, tags, marks)
    name = shipment.name(delivery)
    return _File(name=name, delivery=delivery, timelines=timelines, tags=tags, marks=marks, inputs=inputs)


def _chapters(shipment: Shipment, delivery: Delivery, parts: Mapping[str, Timeline]) -> Iterator[_File]:
    order = list(split_lines(shipment.plan, delivery.sound))
    for part, timeline in parts.items():
        number = order.index(part) + 1
        tags = file_tags(shipment.plan, [timeline], timeline.title, f"{number}/{len(order)}")
        marks = (Mark(start=0, end=timeline.length, title=timeline.title),)
        yield _File(
            name=shipment.chapter_name(delivery, timeline, order),
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


def _write(shipment: Shipment, timelines: Sequence[Timeline], files: Sequence[_File]) -> dict[str, Written]:
    """Write files: in one pass per chapter all that it is in, then the programmes that are joined or run through."""
    single = [file for file in files if len(file.timelines) == 1]
    joined = [file for file in files if file.is_joined]
    through = [file for file in files if file not in single and file not in joined]
    written: dict[str, Written] = {}
    with shipment.parts_folder() as folder, ThreadPoolExecutor(shipment.workers) as pool:
        passes = [pool.submit(_write_part, shipment, timeline, single, joined, folder) for timeline in timelines]
        try:
            for found in passes:
                written |= found.result()
        except BaseException:
            for waiting in passes:
                waiting.cancel()
            raise
        for file in joined:
            written[file.name] = _join(shipment, file, [_piece_path(folder, file, t) for t in file.timelines])
    return written | {file.name: _run_through(shipment, file) for file in through}


def _run_through(shipment: Shipment, file: _File) -> Written:
    """Master and encode a file that shares its pass with no other."""
    output = file.output(shipment, shipment.path(file.name))
    return make_masters(file.timelines, [output], shipment.cache.read, shipment.heard)[0]


def _write_part(
    shipment: Shipment, timeline: Timeline, single: Sequence[_File], joined: Sequence[_File], folder: Path
) -> dict[str, Written]:
    """Master one timeline and encode it at once to the files that are this timeline, and to the pieces of others."""
    own = [file for file in single if file.timelines[0] is timeline]
    outputs = [file.output(shipment, shipment.path(file.name)) for file in own]
    outputs += [
        Output(path=_piece_path(folder, file, timeline), recipe=file.delivery.sound, container="adts", skip=AAC_FRAME)
        for file in joined
    ]
    if not outputs:
        return {}
    written = make_masters([timeline], outputs, shipment.cache.read, shipment.heard)
    return {file.name: done for file, done in zip(own, written, strict=False)}


def _piece_path(folder: Path, file: _File, timeline: Timeline) -> Path:
    place = next(index for index, found in enumerate(file.timelines) if found is timeline)
    return folder / f"{file.inputs[:16]}-{place:05}.aac"


def _join(shipment: Shipment, file: _File, pieces: Sequence[Path]) -> Written:
    """Join encoded chapters, and prove by decoding the result that not a sample was lost or added.

    Each piece has as many frames as its timeline: the encoder's leading-in frame stands for the silence that the
    timeline begins with. Raises OutputError where the proof fails.
    """
    path = shipment.path(file.name)
    with drafting([path]) as [draft]:
        try:
            join_aac(pieces, replace(file.output(shipment, draft.temporary)))
        except FfmpegError as error:
            raise OutputError(f"cannot write {path}: {error}") from error
    levels = measure_file(path)
    planned = sum(timeline.length for timeline in file.timelines)
    if levels.frames != planned:
        path.unlink()
        raise OutputError(f"{path} came out {levels.frames - planned:+} samples long")
    return Written(path, levels, file_sha256(path))
