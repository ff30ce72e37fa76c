"""Files of sound: what each is made from, and those that are joined from chapters encoded on their own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path, PurePath

from tts_cli.audio.aac import AAC_FRAME, count_frames, extract_pieces
from tts_cli.audio.ffmpeg import FfmpegError, join_aac
from tts_cli.audio.files import drafting
from tts_cli.audio.loudness import FileLevels, measure_file
from tts_cli.audio.outputs import Output
from tts_cli.errors import OutputError
from tts_cli.pipeline.deliverables import describe_inputs
from tts_cli.pipeline.master import Written, file_sha256, make_masters
from tts_cli.pipeline.shipment import Shipment
from tts_cli.types import Deliverable, Delivery, Gap, Mark, Timeline

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
    def is_joined(self) -> bool:
        """Whether it is joined from chapters that were encoded on their own, each after a frame of silence."""
        is_aac = self.delivery.sound.format == "m4a"
        return is_aac and len(self.timelines) > 1 and all(map(_begins_in_silence, self.timelines))

    @property
    def runs_through(self) -> bool:
        """Whether several timelines go through one encoder."""
        return len(self.timelines) > 1 and not self.is_joined

    def output(self, shipment: Shipment, path: Path) -> Output:
        return Output(
            path=path,
            recipe=self.delivery.sound,
            tags=self.tags,
            marks=self.marks,
            cover=shipment.cover,
            container=CONTAINERS.get(PurePath(self.name).suffix.lower(), ""),
        )


def _begins_in_silence(timeline: Timeline) -> bool:
    first = timeline.items[0] if timeline.items else None
    return isinstance(first, Gap) and first.length >= AAC_FRAME


def ship_through(shipment: Shipment, file: SoundFile) -> Deliverable:
    """Master and encode a file that shares its pass with no other: one encoder over the whole PCM."""
    output = file.output(shipment, shipment.path(file.name))
    [written] = make_masters(file.timelines, [output], shipment.cache.read, shipment.heard)
    return shipment.ship(file.name, written, file.inputs, file.delivery, file.timelines)


class Joint:
    """A file that is joined from chapters encoded on their own, each of which begins and ends on a frame.

    The encoder's leading-in frame stands for the silence that a chapter begins with, so that nothing is added.
    """

    def __init__(self, shipment: Shipment, file: SoundFile, folder: Path) -> None:
        self._shipment = shipment
        self._file = file
        self._folder = folder
        self._path = shipment.path(file.name)
        self._lengths = [timeline.length for timeline in file.timelines]
        made_with = {"peers": file.peers}
        self._made_from = [describe_inputs(timeline, file.delivery.sound, made_with) for timeline in file.timelines]
        self._reused = self._reuse()
        self._levels: FileLevels | None = None

    def _reuse(self) -> frozenset[int]:
        """Take the pieces of unchanged chapters out of the file that the last export wrote; say which they are."""
        old = self._shipment.intact(self._file.name)
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

    def lacks(self, timeline: Timeline) -> bool:
        """Say whether a chapter's piece must be encoded."""
        return self._place(timeline) not in self._reused

    def output(self, timeline: Timeline) -> Output:
        """Return where and how a chapter's piece is encoded: its first frame's silence is left to the encoder."""
        piece, sound = self._piece(self._place(timeline)), self._file.delivery.sound
        return Output(path=piece, recipe=sound, container="adts", skip=AAC_FRAME, measured=False)

    def join(self) -> None:
        """Join the pieces, and prove that not a sample was lost or added: by their frames, then by decoding it all."""
        self._levels = None
        pieces = [self._piece(place) for place in range(len(self._lengths))]
        if [count_frames(piece) * AAC_FRAME for piece in pieces] != self._lengths:
            return
        with drafting([self._path]) as [draft]:
            try:
                join_aac(pieces, self._file.output(self._shipment, draft.temporary))
            except FfmpegError as error:
                raise OutputError(f"cannot write {self._path}: {error}") from error
        levels = measure_file(self._path, self._lengths)
        self._levels = levels if levels.frames == sum(self._lengths) else None

    def over_db(self, timeline: Timeline) -> float:
        """Return by how much a chapter peaks above the ceiling in the joined file."""
        peaks = self._levels.part_peaks_dbtp if self._levels else ()
        place = self._place(timeline)
        return peaks[place] - self._file.delivery.sound.true_peak_dbtp if place < len(peaks) else 0.0

    def ship(self) -> Deliverable:
        """Describe the file; where the proof failed, as it may with another encoder, one runs over the whole PCM."""
        file = self._file
        if self._levels is None:
            return ship_through(self._shipment, file)
        written = Written(self._path, self._levels, file_sha256(self._path))
        made = list(zip(self._made_from, self._lengths, strict=True))
        return self._shipment.ship(file.name, written, file.inputs, file.delivery, file.timelines, made)

    def _place(self, timeline: Timeline) -> int:
        return next(index for index, found in enumerate(self._file.timelines) if found is timeline)

    def _piece(self, place: int) -> Path:
        return self._folder / f"{self._file.inputs[:16]}-{place:05}.aac"
