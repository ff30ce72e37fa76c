"""Files of sound: what each is made from, and those that are joined from chapters encoded on their own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path, PurePath

from tts_cli.audio.io.aac import AAC_FRAME, extract_pieces, holds_frames
from tts_cli.audio.io.ffmpeg import FfmpegError, join_aac
from tts_cli.audio.io.files import drafting
from tts_cli.audio.io.outputs import Mark, Output
from tts_cli.audio.io.readback import measure_file
from tts_cli.audio.meters.loudness import FileLevels, joined_levels
from tts_cli.errors import OutputError
from tts_cli.pipeline.delivery.context import DeliveryContext
from tts_cli.pipeline.master.deliverables import describe_inputs
from tts_cli.pipeline.master.master import Written, file_sha256, make_masters
from tts_cli.pipeline.master.read_back import find_misread
from tts_cli.pipeline.model import Deliverable
from tts_cli.recipe import Delivery
from tts_cli.types import Gap, Timeline

CONTAINERS = {".mka": "matroska"}
"""The muxers of suffixes that are not their format's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundFile:
    """A file to be: its name, what it is made from and with, and its head."""

    name: str
    delivery: Delivery
    timelines: Sequence[Timeline]
    tags: Mapping[str, str]
    marks: tuple[Mark, ...]
    inputs: str
    peers: str = ""

    @property
    def is_master(self) -> bool:
        """Whether it is a render's master, which has neither a cover nor a sidecar."""
        return self.delivery.kind == "master"

    @property
    def described_by(self) -> Sequence[Timeline]:
        """What the file's sidecar tells of; nothing where it has none."""
        return () if self.is_master else self.timelines

    @property
    def is_joined(self) -> bool:
        """Whether it is joined from chapters that were encoded on their own, each after a frame of silence."""
        is_aac = self.delivery.sound.format == "m4a"
        return is_aac and len(self.timelines) > 1 and all(map(_begins_in_silence, self.timelines))

    @property
    def runs_through(self) -> bool:
        """Whether several timelines go through one encoder."""
        return len(self.timelines) > 1 and not self.is_joined

    def output(self, context: DeliveryContext, path: Path) -> Output:
        return Output(
            path=path,
            recipe=self.delivery.sound,
            tags=self.tags,
            marks=self.marks,
            cover=None if self.is_master else context.cover,
            container=CONTAINERS.get(PurePath(self.name).suffix.lower(), ""),
        )


def _begins_in_silence(timeline: Timeline) -> bool:
    first = timeline.items[0] if timeline.items else None
    return isinstance(first, Gap) and first.length >= AAC_FRAME


def deliver_through(context: DeliveryContext, file: SoundFile) -> Deliverable:
    """Master and encode a file that shares its pass with no other: one encoder over the whole PCM.

    The caller has announced its samples to `context.heard`.
    """
    output = file.output(context, context.path(file.name))
    [written] = make_masters(file.timelines, [output], context.cache.read, context.heard)
    return context.describe(file.name, written, file.inputs, file.delivery, file.described_by)


class AacJoin:
    """A file that is joined from chapters encoded on their own, each of which begins and ends on a frame.

    The encoder's leading-in frame stands for the silence that a chapter begins with, so that nothing is added.
    """

    def __init__(self, context: DeliveryContext, file: SoundFile, folder: Path) -> None:
        self._context = context
        self._file = file
        self._folder = folder
        self._path = context.path(file.name)
        self._lengths = [timeline.length for timeline in file.timelines]
        made_with = {"peers": file.peers}
        self._made_from = [describe_inputs(timeline, file.delivery.sound, made_with) for timeline in file.timelines]
        self._reused = self._reuse()
        self._levels: dict[int, FileLevels] = {}

    def _reuse(self) -> frozenset[int]:
        """Take the pieces of unchanged chapters out of the file that the last export wrote; say which they are."""
        old = self._context.intact(self._file.name)
        if old is None:
            return frozenset()
        starts = accumulate((samples for _, samples in old.pieces), initial=0)
        known = {made_from: start for (made_from, _), start in zip(old.pieces, starts, strict=False)}
        places = {known[made]: place for place, made in enumerate(self._made_from) if made in known}
        spans = [
            (start // AAC_FRAME, self._lengths[place] // AAC_FRAME, self._piece(place))
            for start, place in sorted(places.items())
        ]
        try:
            extract_pieces(self._path, spans)
        except FfmpegError:
            return frozenset()  # then they are encoded like all others
        return frozenset(places.values())

    def misses(self, timeline: Timeline) -> bool:
        """Return whether a chapter's piece must be encoded."""
        return self._place(timeline) not in self._reused

    def output(self, timeline: Timeline) -> Output:
        """Return where and how a chapter's piece is encoded: its first frame's silence is left to the encoder."""
        piece, sound = self._piece(self._place(timeline)), self._file.delivery.sound
        return Output(path=piece, recipe=sound, container="adts", skip=AAC_FRAME, measured=False)

    def measure(self, timeline: Timeline) -> None:
        """Decode a chapter's piece and measure it."""
        place = self._place(timeline)
        self._levels[place] = measure_file(self._piece(place))
        self._context.heard(timeline.length)

    def over_db(self, timeline: Timeline) -> float:
        """Return by how much a chapter peaks above the ceiling."""
        levels = self._levels[self._place(timeline)]
        return levels.true_peak_dbtp - self._file.delivery.sound.true_peak_dbtp

    def deliver(self) -> Deliverable:
        """Join the pieces and describe the file; where the proof fails, one encoder runs over the whole PCM instead.

        The proof: decoded, each piece is as long as its chapter, to the sample; and the file holds the pieces' very
        frames. It may fail with another encoder.
        """
        file = self._file
        levels = [self._levels[place] for place in range(len(self._lengths))]
        if [found.frames for found in levels] != self._lengths or not self._join():
            self._context.heard.expect(sum(self._lengths))
            return deliver_through(self._context, file)
        self._context.heard(sum(self._lengths))
        seconds = sum(self._lengths) / file.delivery.sound.sample_rate
        whole = joined_levels(levels)
        misread = find_misread(file.output(self._context, self._path), whole, seconds)
        written = Written(self._path, whole, file_sha256(self._path), misread)
        made = list(zip(self._made_from, self._lengths, strict=True))
        return self._context.describe(file.name, written, file.inputs, file.delivery, file.timelines, made)

    def _join(self) -> bool:
        """Write the file; returns whether it holds what it should."""
        pieces = [self._piece(place) for place in range(len(self._lengths))]
        try:
            with drafting([self._path]) as [draft]:
                join_aac(pieces, self._file.output(self._context, draft.temporary))
            return holds_frames(self._path, pieces)
        except FfmpegError as error:
            raise OutputError(f"cannot write {self._path}: {error}") from error

    def _place(self, timeline: Timeline) -> int:
        return next(index for index, found in enumerate(self._file.timelines) if found is timeline)

    def _piece(self, place: int) -> Path:
        return self._folder / f"{self._file.inputs[:16]}-{place:05}.aac"
