"""What one recipe delivers of one script: the data that every kind of delivery is given, and how its files are kept."""

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any

from tts_cli.audio.io.aac import AAC_FRAME
from tts_cli.audio.io.cover import read_cover
from tts_cli.audio.io.outputs import Cover, Mark
from tts_cli.cache.blobs import write_atomically
from tts_cli.cache.keys import digest
from tts_cli.cache.store import Cache
from tts_cli.engines.recording.spec import RECORDING
from tts_cli.pipeline.delivery.file_list import name_lines, sidecar
from tts_cli.pipeline.delivery.resume_log import ResumeLog
from tts_cli.pipeline.edit.dub import Dub
from tts_cli.pipeline.edit.timeline import make_timelines, pad_timeline, split_lines, tighten_edges
from tts_cli.pipeline.master.deliverables import (
    check_measures,
    describe_inputs,
    describe_output,
    measure_output,
)
from tts_cli.pipeline.master.file_names import (
    chapter_file,
    delivery_file,
    master_names,
)
from tts_cli.pipeline.master.labels import describe_voices, line_voices
from tts_cli.pipeline.master.levels import SharedLevels
from tts_cli.pipeline.master.master import Written
from tts_cli.pipeline.master.output_guard import OutputGuard
from tts_cli.pipeline.master.previous_run import PreviousRun, is_intact
from tts_cli.pipeline.model import Deliverable, Plan
from tts_cli.pipeline.parallel import Counter
from tts_cli.pipeline.request import NO_TARGET, DubTarget, EventSink
from tts_cli.recipe import Delivery, Recipe
from tts_cli.types import Take, Timeline, Voice

_PARTS = ".parts-"


@dataclass(frozen=True, kw_only=True)
class DeliveryContext:
    """A script with its takes, and the folder that gets what the recipe delivers; `previous` says what is there.

    `selected` holds the ids of the lines that get files of their own. `heard` counts the samples that were mixed;
    `workers` is how many programmes may be mastered at once. `on_event` is told of each file that was written.
    """

    recipe: Recipe
    plan: Plan
    takes: Mapping[str, Take]
    cache: Cache
    out: Path
    previous: PreviousRun
    guard: OutputGuard
    levels: SharedLevels
    selected: frozenset[str]
    workers: int
    heard: Counter
    on_event: EventSink
    dub: Dub | None = None
    target: DubTarget = NO_TARGET
    _event_lock: Lock = field(default_factory=Lock, repr=False)

    @cached_property
    def resume_log(self) -> ResumeLog:
        """What this export has finished, and what one before it had that was killed."""
        return ResumeLog(self.out)

    @cached_property
    def _unfinished(self) -> Mapping[str, Deliverable]:
        return self.resume_log.read()

    @cached_property
    def _read_cover(self) -> tuple[Cover | None, tuple[str, ...]]:
        cover = self.plan.manifest.metadata.get("cover")
        return read_cover(Path(cover).resolve()) if cover else (None, ())

    @property
    def cover(self) -> Cover | None:
        """The cover picture as it goes into files, if the script names one."""
        return self._read_cover[0]

    @property
    def cover_notices(self) -> tuple[str, ...]:
        """What a person must know of the cover: why the one in the files is not the one that the script names."""
        changes = self._read_cover[1]
        return (f"the cover is {' and '.join(changes)}: files have a copy that players show",) if changes else ()

    @cached_property
    def cover_sha256(self) -> str:
        """What the cover is, as far as a digest is concerned."""
        return hashlib.sha256(self.cover.data).hexdigest() if self.cover else ""

    def parts(self, sound: Recipe) -> dict[str, Timeline]:
        """Lay the script out for files of this sound, one timeline per part; a part that misses a take is left out.

        Each is as long as whole frames of AAC, so that encoded ones can be joined. A dub is one part, and as long as
        its programme.
        """
        timelines = self._timelines(sound)
        if self.dub:
            return timelines
        return {part: pad_timeline(tighten_edges(timeline), AAC_FRAME) for part, timeline in timelines.items()}

    @cached_property
    def masters(self) -> dict[str, Timeline]:
        """Lay the script out for a render's masters, to the sample; the edit lists by the names of their files."""
        return {self.master_names[part]: timeline for part, timeline in self._timelines(self.recipe).items()}

    def _timelines(self, sound: Recipe) -> dict[str, Timeline]:
        if self.dub:
            return {"": self.dub.timeline} if self.dub.timeline else {}
        return make_timelines(self.plan, self.takes, sound)

    def is_complete(self, parts: Mapping[str, Timeline], sound: Recipe) -> bool:
        """Return whether no part is missing."""
        return len(parts) == len(split_lines(self.plan, sound))

    @cached_property
    def master_names(self) -> dict[str, str]:
        """The name of each master's file, by the chapter's id."""
        return master_names(self.plan.manifest, self.recipe)

    def name(self, delivery: Delivery, **fields: str) -> str:
        """Fill in the template of a file's name; every field becomes a safe part of a path."""
        return delivery_file(delivery, self.plan.manifest, **fields)

    def chapter_name(self, delivery: Delivery, part: str, order: Sequence[str]) -> str:
        """Name a chapter's file by its number in the work and its id; lines without a chapter have the work's name."""
        return chapter_file(delivery, self.plan.manifest, part, order)

    @cached_property
    def line_names(self) -> dict[str, str]:
        """The name of each line's own file, by its id; none where the recipe delivers no lines."""
        delivery = next((found for found in self.recipe.deliver if found.kind == "lines"), None)
        return name_lines(self.plan.manifest, self.recipe, delivery) if delivery else {}

    @cached_property
    def line_voices(self) -> dict[str, Voice]:
        """The voices that are not an engine's own, by the ids of the lines that they speak."""
        return line_voices(self.plan.manifest)

    @property
    def is_synthetic(self) -> bool:
        """Whether a machine speaks, and not recordings alone."""
        return any(utterance.engine != RECORDING.name for utterance in self.plan.utterances)

    def inputs(
        self, timelines: Sequence[Timeline], sound: Recipe, tags: Mapping[str, str], marks: Sequence[Mark] = ()
    ) -> str:
        """Return the digest of all that a file is made from."""
        parts = [describe_inputs(timeline, sound, tags) for timeline in timelines]
        return digest([parts, self.cover_sha256, [list(asdict(mark).values()) for mark in marks]])

    def kept(
        self, name: str, inputs: str, delivery: Delivery, timelines: Sequence[Timeline] = ()
    ) -> Deliverable | None:
        """Return a file that the last export wrote from the same inputs, if nobody touched it since.

        What is required may have changed: its checks, and its sidecar where its timelines are given, are made anew.
        """
        found = self.intact(name)
        # one that did not read back as it was written gets another chance
        if found is None or found.inputs != inputs or any(check.note for check in found.checks):
            return None
        delivered = replace(found, checks=check_measures(found.measures, delivery.require))
        if timelines:
            self._write_sidecar(delivered, timelines)
        return delivered

    def intact(self, name: str) -> Deliverable | None:
        """Return what the last export wrote under a name, whatever from, if nobody touched it since."""
        found = self._unfinished.get(name) or self.previous.outputs.get(name)
        return found if found and is_intact(self.out, found) else None

    def path(self, name: str) -> Path:
        """Return where a file goes and make its folder."""
        return self.guard.path(name)

    def describe(  # noqa: PLR0913  all that a file is known by
        self,
        name: str,
        written: Written,
        inputs: str,
        delivery: Delivery,
        timelines: Sequence[Timeline] = (),
        pieces: Sequence[tuple[str, int]] = (),
        *,
        line: str = "",
    ) -> Deliverable:
        """Describe a file that was written and measured; where its timelines are given, lay its sidecar beside it."""
        delivered = describe_output(
            self.out,
            name,
            delivery.kind,
            sha256=written.sha256,
            inputs=inputs,
            measures=measure_output(self.out / name, written.levels),
            require=delivery.require,
            pieces=pieces,
            misread=written.misread,
            line=line,
        )
        if timelines:
            self._write_sidecar(delivered, timelines)
        self.resume_log.add(delivered)
        # Chapters are written by several threads, and a listener need not be made for that.
        with self._event_lock:
            self.on_event(delivered)
        return delivered

    def deliver_text(self, name: str, text: str, delivery: Delivery, measures: Mapping[str, float]) -> Deliverable:
        """Write a file of text, unless it is there as it should be."""
        data = _write_if_changed(self.path(name), text)
        sha256 = hashlib.sha256(data).hexdigest()
        return describe_output(
            self.out, name, delivery.kind, sha256=sha256, measures=measures, require=delivery.require
        )

    def _write_sidecar(self, delivered: Deliverable, timelines: Sequence[Timeline]) -> None:
        data: dict[str, Any] = {
            "file": Path(delivered.path).name,
            "sha256": delivered.sha256,
            "recipe": self.recipe.name,
            "title": self.plan.manifest.metadata.get("title", "") or self.plan.manifest.name,
            "measures": dict(delivered.measures),
            "checks": [asdict(found) for found in delivered.checks],
            "voices": describe_voices(self.plan, timelines),
        }
        text = json.dumps(data, indent=2, ensure_ascii=False) + "\n"
        _write_if_changed(self.path(sidecar(delivered.path)), text)

    @contextmanager
    def parts_folder(self) -> Iterator[Path]:
        """Give a folder for what is joined later; what a killed export left there is removed."""
        self.out.mkdir(parents=True, exist_ok=True)
        for leftover in self.out.glob(f"{_PARTS}*"):
            with suppress(OSError), _locked(leftover):
                shutil.rmtree(leftover)
        with tempfile.TemporaryDirectory(dir=self.out, prefix=_PARTS) as name, _locked(Path(name)):
            yield Path(name)


def _write_if_changed(path: Path, text: str) -> bytes:
    """Write a text, unless it is there as it should be; returns its bytes."""
    data = text.encode("utf-8", "surrogatepass")
    if not path.is_file() or path.read_bytes() != data:
        write_atomically(path, data)
    return data


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold a folder; raises OSError where another process does."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)
