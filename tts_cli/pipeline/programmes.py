"""Programmes and chapters: what is one piece of sound in several files, mastered once and encoded once."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path, PurePath

from tts_cli.audio.aac import AAC_FRAME, count_frames, extract_pieces
from tts_cli.audio.ffmpeg import FfmpegError, Output, join_aac
from tts_cli.audio.files import drafting
from tts_cli.audio.loudness import measure_file
from tts_cli.cache.keys import digest
from tts_cli.errors import OutputError
from tts_cli.pipeline.credits import CLOSING, OPENING
from tts_cli.pipeline.deliverables import describe_inputs
from tts_cli.pipeline.labels import file_tags
from tts_cli.pipeline.master import Written, file_sha256, make_masters
from tts_cli.pipeline.shipment import Shipment
from tts_cli.pipeline.timeline import make_excerpt, split_lines, tighten_edges
from tts_cli.types import Deliverable, Delivery, Mark, Recipe, Timeline

CONTAINERS = {".mka": "matroska"}
"""The muxers of suffixes that are not their format's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """A file to be: its name, what it is made from and with, and its head."""

    name: str
    delivery: Delivery
    timelines: Sequence[Timeline]
    tags: Mapping[str, str]
    marks: tuple[Mark, ...]
    inputs: str
    peers: str = ""

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
        yield shipment.kept(file.name, file.inputs, delivery) or ship_through(shipment, file)


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
    kept = {file.name: shipment.kept(file.name, file.inputs, file.delivery) for file in files}
    missing = [file for file in files if kept[file.name] is None]
    for file in files:
        if found := kept[file.name]:
            yield found
    if missing:
        yield from _ship_missing(shipment, list(parts.values()), files, missing)


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


def _ship_missing(
    shipment: Shipment, timelines: Sequence[Timeline], files: Sequence[_File], missing: Sequence[_File]
) -> Iterator[Deliverable]:
    """Write files: in one pass per chapter all that it is in, then the programmes that are joined or run through.

    A chapter is written again to all its files or to none, so that what an export has kept never changes its sound.
    """
    joined = [Joint(shipment, file) for file in missing if file.is_joined]
    with shipment.parts_folder() as folder, ThreadPoolExecutor(shipment.workers) as pool:
        for joint in joined:
            joint.reuse(folder)
        passes = [
            pool.submit(_write_part, shipment, timeline, files, joined, folder)
            for timeline in timelines
            if any(file.timelines == [timeline] for file in missing) or any(joint.lacks(timeline) for joint in joined)
        ]
        try:
            for found in passes:
                yield from found.result()
        except BaseException:
            for waiting in passes:
                waiting.cancel()
            raise
        for joint in joined:
            yield joint.ship(folder)
    for file in missing:
        if not file.is_joined and len(file.timelines) > 1:
            yield ship_through(shipment, file)


def ship_through(shipment: Shipment, file: _File) -> Deliverable:
    """Master and encode a file that shares its pass with no other: one encoder over the whole PCM."""
    output = file.output(shipment, shipment.path(file.name))
    [written] = make_masters(file.timelines, [output], shipment.cache.read, shipment.heard)
    return shipment.ship(file.name, written, file.inputs, file.delivery, file.timelines)


def _write_part(
    shipment: Shipment, timeline: Timeline, files: Sequence[_File], joined: "Sequence[Joint]", folder: Path
) -> list[Deliverable]:
    """Master one timeline and encode it at once to the files that are this timeline, and to the pieces of others."""
    own = [file for file in files if len(file.timelines) == 1 and file.timelines[0] is timeline]
    outputs = [file.output(shipment, shipment.path(file.name)) for file in own]
    outputs += [joint.output(timeline, folder) for joint in joined]
    written = make_masters([timeline], outputs, shipment.cache.read, shipment.heard)
    return [
        shipment.ship(file.name, done, file.inputs, file.delivery, file.timelines)
        for file, done in zip(own, written, strict=False)
    ]


class Joint:
    """A file that is joined from chapters encoded on their own, each of which begins and ends on a frame.

    The encoder's leading-in frame stands for the silence that a chapter begins with, so that nothing is added.
    """

    def __init__(self, shipment: Shipment, file: _File) -> None:
        self._shipment = shipment
        self._file = file
        sound = file.delivery.sound
        self._made_from = [describe_inputs(timeline, sound, {"peers": file.peers}) for timeline in file.timelines]
        self._reused: set[int] = set()

    def lacks(self, timeline: Timeline) -> bool:
        """Say whether a chapter's piece must be encoded."""
        return self._place(timeline) not in self._reused

    def output(self, timeline: Timeline, folder: Path) -> Output:
        """Return where and how a chapter's piece is encoded: its first frame's silence is left to the encoder."""
        place = self._place(timeline)
        self._reused.discard(place)
        sound = self._file.delivery.sound
        return Output(path=self._path(folder, place), recipe=sound, container="adts", skip=AAC_FRAME)

    def reuse(self, folder: Path) -> None:
        """Take the pieces of unchanged chapters out of the file that the last export wrote."""
        old = self._shipment.intact(self._file.name)
        if old is None:
            return
        starts = accumulate((samples for _, samples in old.pieces), initial=0)
        known = {made_from: start for (made_from, _), start in zip(old.pieces, starts, strict=False)}
        places = {known[made]: place for place, made in enumerate(self._made_from) if made in known}
        spans = [
            (start // AAC_FRAME, self._file.timelines[place].length // AAC_FRAME, self._path(folder, place))
            for start, place in sorted(places.items())
        ]
        with suppress(FfmpegError):  # then they are encoded like all others
            extract_pieces(self._shipment.out / self._file.name, spans)
            self._reused = set(places.values())

    def ship(self, folder: Path) -> Deliverable:
        """Join the pieces, and prove that not a sample was lost or added: by their frames, then by decoding it all.

        Where the proof fails, as it may with another encoder, one encoder runs over the whole PCM instead.
        """
        file, path = self._file, self._shipment.path(self._file.name)
        pieces = [self._path(folder, place) for place in range(len(file.timelines))]
        lengths = [timeline.length for timeline in file.timelines]
        if [count_frames(piece) * AAC_FRAME for piece in pieces] != lengths:
            return ship_through(self._shipment, file)
        with drafting([path]) as [draft]:
            try:
                join_aac(pieces, file.output(self._shipment, draft.temporary))
            except FfmpegError as error:
                raise OutputError(f"cannot write {path}: {error}") from error
        levels = measure_file(path)
        if levels.frames != sum(lengths):
            return ship_through(self._shipment, file)
        written = Written(path, levels, file_sha256(path))
        made = list(zip(self._made_from, lengths, strict=True))
        return self._shipment.ship(file.name, written, file.inputs, file.delivery, file.timelines, made)

    def _place(self, timeline: Timeline) -> int:
        return next(index for index, found in enumerate(self._file.timelines) if found is timeline)

    def _path(self, folder: Path, place: int) -> Path:
        return folder / f"{self._file.inputs[:16]}-{place:05}.aac"
