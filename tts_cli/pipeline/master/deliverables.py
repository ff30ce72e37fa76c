"""Master -> Deliverable: what a file is made from, whose voices it says are heard, and what it turned out as."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

from tts_cli import __version__
from tts_cli.cache.blobs import write_atomically
from tts_cli.cache.keys import digest
from tts_cli.pipeline.master.file_names import output_path
from tts_cli.pipeline.master.labels import LONGEST_TAG, one_line
from tts_cli.pipeline.master.previous_run import PreviousRun, unchanged
from tts_cli.pipeline.model import Deliverable, Master
from tts_cli.recipe import Recipe
from tts_cli.types import Manifest, Timeline, Voice


def describe_inputs(timeline: Timeline, recipe: Recipe, tags: Mapping[str, str]) -> str:
    """Return the digest of all that a master is made from: the edit list, the takes' content, the recipe, the tags."""
    clips = [
        (
            *(clip.take.blob, clip.start, clip.length, clip.trim, clip.trim_length, clip.gain_db),
            *(clip.tempo, clip.effect),
        )
        for clip in timeline.clips
    ]
    sound = asdict(replace(recipe, deliver=()))
    return digest([__version__, sound, timeline.sample_rate, timeline.length, clips, dict(tags)])


def line_voices(manifest: Manifest) -> dict[str, Voice]:
    """Return the voices that are not an engine's own, by the ids of the lines that they speak."""
    spoken = ((line.id, manifest.voices.get((line.voice, line.engine))) for line in manifest.lines)
    return {line_id: voice for line_id, voice in spoken if voice}


def provenance_tags(voices: Mapping[str, Voice], timeline: Timeline) -> dict[str, str]:
    """Return the tags that carry the licences and consents of the voices heard; none where no voice has any.

    `voices` are those of all lines, by id.
    """
    heard = [voices[clip.line_id] for clip in timeline.clips if clip.line_id in voices]
    named = {voice.name: voice for voice in heard if voice.licence or voice.consent}
    licences = [f"{name}: {one_line(voice.licence)}" for name, voice in sorted(named.items()) if voice.licence]
    consents = [f"{name}: {one_line(voice.consent)}" for name, voice in sorted(named.items()) if voice.consent]
    tags = {
        "copyright": f"voices: {'; '.join(licences)}" if licences else "",
        "comment": f"synthetic speech; consent: {'; '.join(consents)}" if consents else "synthetic speech",
    }
    return {name: value[:LONGEST_TAG] for name, value in tags.items() if value} if named else {}


def deliver(out: Path, name: str, master: Master, inputs: str) -> Deliverable:
    """Describe a written master, or a line's file, as a deliverable."""
    written = (out / name).stat()
    return Deliverable(
        path=name,
        kind=master.kind,
        seconds=round(master.frames / master.sample_rate, 3),
        lufs=round(master.lufs, 2),
        true_peak_dbtp=round(master.true_peak_dbtp, 2),
        sha256=master.sha256,
        inputs=inputs,
        size=written.st_size,
        mtime_ns=written.st_mtime_ns,
    )


def keep_text(past: PreviousRun, name: str, kind: str, data: bytes) -> Deliverable:
    """Write a small file if it is not there as it should be."""
    inputs = hashlib.sha256(data).hexdigest()
    return unchanged(past.out, name, inputs, past) or write_text(past.out, name, kind, data, inputs)


def write_text(out: Path, name: str, kind: str, data: bytes, inputs: str) -> Deliverable:
    """Write a small file, whole or not at all, and describe it."""
    path = output_path(out, name)
    write_atomically(path, data)
    written = path.stat()
    return Deliverable(
        path=name,
        kind=kind,
        seconds=0.0,
        lufs=None,
        true_peak_dbtp=None,
        sha256=hashlib.sha256(data).hexdigest(),
        inputs=inputs,
        size=written.st_size,
        mtime_ns=written.st_mtime_ns,
    )
