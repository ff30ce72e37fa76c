"""Master -> files in the output folder: safe names, what is unchanged since last time, and timeline.json."""

import hashlib
import json
import os
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from tts_cli import __version__
from tts_cli.cache.blobs import write_atomically
from tts_cli.cache.keys import digest
from tts_cli.errors import InputError, OutputError
from tts_cli.pipeline.labels import LONGEST_TAG, one_line
from tts_cli.text.markup import display_text
from tts_cli.types import (
    Check,
    Clip,
    Deliverable,
    Line,
    Manifest,
    Master,
    PastLine,
    Plan,
    PlannedLine,
    Problem,
    Recipe,
    Timeline,
    Voice,
)

TIMELINE_VERSION = 2
TIMELINE_FILE = "timeline.json"
REPORT_FILE = "report.json"


# --- names ----------------------------------------------------------------------------------------------


def master_names(manifest_name: str, parts: Sequence[str], recipe: Recipe) -> dict[str, str]:
    """Name the master of each part (a chapter's id, or "" for the rest): `book.wav`, or `01-river-bank.wav`."""
    digits = max(2, len(str(len(parts))))
    chapters = [part for part in parts if part]
    names = {part: f"{chapters.index(part) + 1:0{digits}}-{safe_name(part)}" for part in chapters}
    return {part: f"{names.get(part) or programme_name(manifest_name, recipe)}.{recipe.format}" for part in parts}


def programme_name(manifest_name: str, recipe: Recipe) -> str:
    """Name what is one file in all; that of a dub says that it is one."""
    name = safe_name(manifest_name)
    return f"{name}.dub" if recipe.fit and "dub" not in name.lower() else name


def line_names(lines: Iterable[Line], masters: Iterable[str]) -> dict[str, str]:
    """Name each line's own file by id: its `file`, or `lines/<id>.wav`; a name that is taken is refused."""
    names: dict[str, str] = {}
    owners = {name.casefold(): f"{name} is a file of the whole" for name in (*masters, TIMELINE_FILE, REPORT_FILE)}
    problems = []
    for line in lines:
        name = names[line.id] = _line_file(line)
        if owner := owners.get(name.casefold()):
            problems.append(
                Problem(line.source, f"file {name!r} is written twice", f"{owner}; put {{id}} into the name")
            )
        owners[name.casefold()] = f"line {line.id!r} at {line.source} has the same"
    if problems:
        raise InputError(problems)
    return names


def _line_file(line: Line) -> str:
    if not line.file:
        return f"lines/{line.id}.wav"
    fields = {name: safe_name(getattr(line, name)) for name in ("speaker", "chapter", "language", "emotion")}
    name = line.file.format(id=line.id, **fields)
    return name if Path(name).suffix.lower() in (".wav", ".flac") else f"{name}.wav"


def safe_name(text: str) -> str:
    """Turn any text into one file name: letters, digits, `.`, `_` and `-`; never empty, hidden or reserved."""
    plain = unicodedata.normalize("NFKC", text)
    name = re.sub(r"[^\w.-]+", "-", plain).strip("-._ ")[:80]
    reserved = re.fullmatch(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?", name)
    return f"_{name}" if reserved or not name else name


def output_path(out: Path, relative: str) -> Path:
    """Return where a file goes and make its folder; raises `OutputError` if that would lie outside of `out`."""
    path = out / relative
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        inside = path.parent.resolve().is_relative_to(out.resolve())
    except OSError as error:
        raise OutputError(f"{path.parent} cannot be made: {error.strerror}") from error
    if not inside or path.is_symlink() or path.is_dir():
        raise OutputError(f"{path} leads elsewhere or is a folder", hint="remove it, or choose another folder with -o")
    return path


# --- what was written last time -------------------------------------------------------------------------


@dataclass(frozen=True)
class Past:
    """What an output folder says of the last run; what is missing or unreadable counts as never made."""

    out: Path
    report: str = REPORT_FILE

    @cached_property
    def lines(self) -> Mapping[str, PastLine]:
        """The lines of the last timeline, in its order; read only when somebody asks."""
        return {line.id: line for line in _past_lines(self.out / TIMELINE_FILE)}

    @cached_property
    def outputs(self) -> Mapping[str, Deliverable]:
        """The files of the last report, by path."""
        return {output.path: output for output in _past_outputs(self.out / self.report)}

    @cached_property
    def suspects(self) -> frozenset[str]:
        """The lines that the last report calls suspect."""
        try:
            report = json.loads((self.out / REPORT_FILE).read_bytes())
            return frozenset(suspect["line"] for suspect in report["suspects"])
        except (OSError, ValueError, KeyError, TypeError):
            return frozenset()


def _past_lines(path: Path) -> list[PastLine]:
    try:
        return [
            PastLine(
                id=line["id"],
                text=line["spoken"],
                voice=line["voice"],
                language=line["language"],
                emotion=line["emotion"],
                engine=line["engine"],
                parts=tuple((key, boundary, pause_s) for key, boundary, pause_s in line["parts"]),
            )
            for line in json.loads(path.read_bytes())["lines"]
        ]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _past_outputs(path: Path) -> list[Deliverable]:
    try:
        report = json.loads(path.read_bytes())
        outputs = (*filter(None, [report.get("timeline")]), *report["outputs"])
        return [deliverable_from_json(output) for output in outputs]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def deliverable_from_json(data: Mapping[str, Any]) -> Deliverable:
    """Read a deliverable back; raises KeyError or TypeError where it is none."""
    checks = tuple(Check(**check) for check in data["checks"])
    pieces = tuple((made_from, samples) for made_from, samples in data["pieces"])
    return Deliverable(**{**data, "checks": checks, "pieces": pieces})


def unchanged(out: Path, name: str, inputs: str, past: Past) -> Deliverable | None:
    """Return what the last run wrote under this name if it was made from the same inputs and not touched since."""
    output = past.outputs.get(name)
    return output if output and output.inputs == inputs and is_intact(out, output) else None


def is_intact(out: Path, output: Deliverable) -> bool:
    """Say whether nobody touched a file since it was written."""
    try:
        now = (out / output.path).lstat()
    except OSError:
        return False
    return (now.st_size, now.st_mtime_ns) == (output.size, output.mtime_ns)


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


# --- timeline.json --------------------------------------------------------------------------------------


def keep_timeline(
    past: Past,
    plan: Plan,
    timelines: Mapping[str, Timeline],
    masters: Iterable[Deliverable],
    lines: Iterable[tuple[PlannedLine, PastLine]],
) -> Deliverable:
    """Write the edit lists of all masters (by file name) and what each line was made from, if any of it changed.

    The digest that tells so is far quicker than the file: the masters' own inputs stand for their clips.
    """
    rows = [_line_json(*line) for line in lines]
    head = _head_json(past.out, plan.manifest)
    made_of = [(master.path, master.inputs) for master in masters]
    inputs = digest([TIMELINE_VERSION, head, made_of, [list(row.values()) for row in rows]])
    if kept := unchanged(past.out, TIMELINE_FILE, inputs, past):
        return kept
    data = _one_item_per_line(
        {"version": TIMELINE_VERSION, **head},
        masters=[_timeline_json(name, timeline) for name, timeline in timelines.items()],
        clips=[_clip_json(name, clip) for name, timeline in timelines.items() for clip in timeline.clips],
        lines=rows,
    )
    return _write_text(past.out, TIMELINE_FILE, "timeline", data, inputs)


def keep_text(past: Past, name: str, kind: str, data: bytes) -> Deliverable:
    """Write a small file if it is not there as it should be."""
    inputs = hashlib.sha256(data).hexdigest()
    return unchanged(past.out, name, inputs, past) or _write_text(past.out, name, kind, data, inputs)


def _write_text(out: Path, name: str, kind: str, data: bytes, inputs: str) -> Deliverable:
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


def _head_json(out: Path, manifest: Manifest) -> dict[str, Any]:
    """Say of the whole script what an export must know; the cover's path is from the output folder."""
    metadata = dict(manifest.metadata)
    if cover := metadata.get("cover"):
        metadata["cover"] = os.path.relpath(cover, out)
    return {
        "manifest": manifest.name,
        "metadata": metadata,
        "chapters": [[chapter.id, chapter.title] for chapter in manifest.chapters.values()],
        "pauses": asdict(manifest.pauses),
        "voices": [
            [name, engine, voice.name, voice.licence, voice.consent]
            for (name, engine), voice in manifest.voices.items()
        ],
    }


def _timeline_json(name: str, timeline: Timeline) -> dict[str, Any]:
    return {
        "path": name,
        "id": timeline.id,
        "title": timeline.title,
        "sample_rate": timeline.sample_rate,
        "length": timeline.length,
    }


def _clip_json(master: str, clip: Clip) -> dict[str, Any]:
    return {
        "master": master,
        "line": clip.line_id,
        "part": clip.part,
        "start": clip.start,
        "length": clip.length,
        "take": clip.take.key,
        "trim": clip.trim,
        "trim_length": clip.trim_length,
        "take_rate": clip.take.sample_rate,
        "gain_db": clip.gain_db,
        "tempo": clip.tempo,
    }


def _line_json(planned: PlannedLine, past: PastLine) -> dict[str, Any]:
    line = planned.line
    return {
        "id": line.id,
        "chapter": line.chapter,
        "speaker": line.speaker,
        "text": display_text(line.text),
        "spoken": past.text,
        "engine": past.engine,
        "voice": past.voice,
        "language": past.language,
        "emotion": past.emotion,
        "parts": past.parts,
        "cast": line.voice,
        "scene": line.scene,
        "edit": [planned.gain_db, planned.lead_s, line.pause_before_s, line.pause_after_s],
        "effect": line.effect,
        "file": line.file,
        "tags": line.tags,
        "direction": line.direction,
    }


_JSON = json.JSONEncoder(ensure_ascii=False)


def _one_item_per_line(head: Mapping[str, Any], **lists: Sequence[Any]) -> bytes:
    """Lay JSON out so that a person can read it and a diff shows one changed item as one line."""
    fields = [f"{_JSON.encode(name)}: {_JSON.encode(value)}" for name, value in head.items()]
    for name, items in lists.items():
        rows = ",\n".join(map(_JSON.encode, items))
        fields.append(f"{_JSON.encode(name)}: [\n{rows}\n]")
    return ("{" + ",\n".join(fields) + "}\n").encode("utf-8", "surrogatepass")
