"""What one recipe ships of one script: the data that every kind of delivery is given, and how its files are kept."""

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path, PurePath
from typing import Any

from tts_cli.audio.io.aac import AAC_FRAME
from tts_cli.audio.io.outputs import Mark
from tts_cli.cache.blobs import write_atomically
from tts_cli.cache.keys import digest
from tts_cli.cache.store import Cache
from tts_cli.engines.catalog import RECORDING
from tts_cli.pipeline.delivery.checks import check, describe_file
from tts_cli.pipeline.delivery.resume_log import ResumeLog
from tts_cli.pipeline.edit.dub import Dub
from tts_cli.pipeline.edit.timeline import make_timelines, pad_timeline, split_lines, tighten_edges
from tts_cli.pipeline.master.deliverables import describe_inputs
from tts_cli.pipeline.master.file_names import output_path, safe_name
from tts_cli.pipeline.master.labels import describe_voices
from tts_cli.pipeline.master.master import Written
from tts_cli.pipeline.master.previous_run import PreviousRun, is_intact
from tts_cli.pipeline.model import Deliverable, Plan
from tts_cli.pipeline.parallel import Counter
from tts_cli.pipeline.request import NO_TARGET, DubTarget
from tts_cli.recipe import Delivery, Recipe
from tts_cli.types import Line, Take, Timeline

_NOBODY = {"id": "", "speaker": "narrator", "chapter": "script", "language": "und", "emotion": "neutral"}
_PARTS = ".parts-"


@dataclass(frozen=True, kw_only=True)
class DeliveryContext:
    """A script with its takes, and the folder that gets what the recipe delivers; `past` says what is there already.

    `heard` is told how many samples were mixed; `workers` is how many programmes may be mastered at once.
    """

    recipe: Recipe
    plan: Plan
    takes: Mapping[str, Take]
    cache: Cache
    out: Path
    past: PreviousRun
    workers: int
    heard: Counter
    dub: Dub | None = None
    target: DubTarget = NO_TARGET

    @cached_property
    def resume_log(self) -> ResumeLog:
        """What this export has finished, and what one before it had that was killed."""
        return ResumeLog(self.out)

    @cached_property
    def _unfinished(self) -> Mapping[str, Deliverable]:
        return self.resume_log.read()

    @cached_property
    def cover(self) -> Path | None:
        """The cover picture, if the script names one."""
        cover = self.plan.manifest.metadata.get("cover")
        return Path(cover).resolve() if cover else None

    @cached_property
    def cover_sha256(self) -> str:
        """What the cover is, as far as a digest is concerned."""
        return hashlib.sha256(self.cover.read_bytes()).hexdigest() if self.cover else ""

    def parts(self, sound: Recipe) -> dict[str, Timeline]:
        """Lay the script out for files of this sound, one timeline per part; a part that misses a take is left out.

        Each is as long as whole frames of AAC, so that encoded ones can be joined. A dub is one part, and as long as
        its programme.
        """
        if self.dub:
            return {"": self.dub.timeline} if self.dub.timeline else {}
        timelines = make_timelines(self.plan, self.takes, sound)
        return {part: pad_timeline(tighten_edges(timeline), AAC_FRAME) for part, timeline in timelines.items()}

    def is_whole(self, parts: Mapping[str, Timeline], sound: Recipe) -> bool:
        """Say whether no part is missing."""
        return len(parts) == len(split_lines(self.plan, sound))

    def name(self, delivery: Delivery, **fields: str) -> str:
        """Fill in the template of a file's name; every field becomes a safe part of a path."""
        manifest = self.plan.manifest
        known = {"name": manifest.name, "title": manifest.metadata.get("title", "") or manifest.name}
        language = manifest.metadata.get("language", "") or "und"
        blank = {"id": "", "speaker": "", "chapter": "", "emotion": "", "number": "", "language": language}
        return delivery.file.format(**{key: safe_name(value) for key, value in {**blank, **known, **fields}.items()})

    def chapter_name(self, delivery: Delivery, part: str, order: Sequence[str]) -> str:
        """Name a chapter's file by its number in the work and its id; lines without a chapter have the work's name."""
        number = f"{order.index(part) + 1:0{max(2, len(str(len(order))))}}"
        return self.name(delivery, number=number, chapter=part or self.plan.manifest.name)

    def line_name(self, delivery: Delivery, line: Line) -> str:
        """Name a line's file: by its own `file` where it has one, else by the template."""
        own = delivery
        if line.file:
            suffix = "" if PurePath(line.file).suffix.lower() in (".wav", ".flac") else PurePath(delivery.file).suffix
            own = replace(delivery, file=f"{line.file}{suffix}")
        fields = {name: getattr(line, name) for name in ("id", "speaker", "chapter", "language", "emotion")}
        return self.name(own, **{name: value or _NOBODY[name] for name, value in fields.items()})

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
        if found is None or found.inputs != inputs:
            return None
        shipped = replace(found, checks=check(found.measures, delivery.require))
        if timelines:
            self._write_sidecar(shipped, timelines)
        return shipped

    def intact(self, name: str) -> Deliverable | None:
        """Return what the last export wrote under a name, whatever from, if nobody touched it since."""
        found = self._unfinished.get(name) or self.past.outputs.get(name)
        return found if found and is_intact(self.out, found) else None

    def path(self, name: str) -> Path:
        """Return where a file goes and make its folder."""
        return output_path(self.out, name)

    def ship(
        self,
        name: str,
        written: Written,
        inputs: str,
        delivery: Delivery,
        timelines: Sequence[Timeline] = (),
        pieces: Sequence[tuple[str, int]] = (),
    ) -> Deliverable:
        """Describe a file that was written and measured; where its timelines are given, lay its sidecar beside it."""
        stat = (self.out / name).stat()
        measures = describe_file(self.out / name, written.levels)
        shipped = Deliverable(
            path=name,
            kind=delivery.kind,
            seconds=measures["seconds"],
            lufs=measures["lufs"],
            true_peak_dbtp=measures["true_peak_dbtp"],
            sha256=written.sha256,
            inputs=inputs,
            size=stat.st_size,
            mtime_ns=stat.st_mtime_ns,
            measures=measures,
            checks=check(measures, delivery.require),
            pieces=tuple(pieces),
        )
        if timelines:
            self._write_sidecar(shipped, timelines)
        self.resume_log.add(shipped)
        return shipped

    def deliver_text(self, name: str, text: str, delivery: Delivery, measures: Mapping[str, float]) -> Deliverable:
        """Write a file of text, unless it is there as it should be."""
        path = self.path(name)
        data = _write_if_changed(path, text)
        stat = path.stat()
        return Deliverable(
            path=name,
            kind=delivery.kind,
            seconds=measures.get("seconds", 0.0),
            lufs=None,
            true_peak_dbtp=None,
            sha256=hashlib.sha256(data).hexdigest(),
            inputs="",
            size=stat.st_size,
            mtime_ns=stat.st_mtime_ns,
            measures=measures,
            checks=check(measures, delivery.require),
        )

    def _write_sidecar(self, shipped: Deliverable, timelines: Sequence[Timeline]) -> None:
        data: dict[str, Any] = {
            "file": Path(shipped.path).name,
            "sha256": shipped.sha256,
            "recipe": self.recipe.name,
            "title": self.plan.manifest.metadata.get("title", "") or self.plan.manifest.name,
            "measures": dict(shipped.measures),
            "checks": [asdict(found) for found in shipped.checks],
            "voices": describe_voices(self.plan, timelines),
        }
        text = json.dumps(data, indent=2, ensure_ascii=False) + "\n"
        _write_if_changed(self.path(f"{shipped.path}.json"), text)

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
