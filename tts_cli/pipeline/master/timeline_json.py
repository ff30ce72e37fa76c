"""Timelines -> timeline.json: where every clip lies in which master, and what each line was made from."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tts_cli.cache.keys import digest
from tts_cli.line import LINE_FIELDS
from tts_cli.pipeline.master.deliverables import write_text
from tts_cli.pipeline.master.file_names import TIMELINE_FILE
from tts_cli.pipeline.master.previous_run import TIMELINE_VERSION, PreviousRun, unchanged
from tts_cli.pipeline.model import Deliverable, Plan, PlannedLine, PreviousLine
from tts_cli.text.markup import display_text
from tts_cli.types import Clip, Manifest, Timeline


def keep_timeline(
    past: PreviousRun,
    plan: Plan,
    timelines: Mapping[str, Timeline],
    masters: Iterable[Deliverable],
    lines: Iterable[tuple[PlannedLine, PreviousLine]],
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
    return write_text(past.out, TIMELINE_FILE, "timeline", data, inputs)


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
        **({"estimated": clip.shares} if clip.shares else {}),
    }


# What is kept of a line as it is: the attribute by its key. A field that is newer than this version of the file stands
# at the end of its row.
_KEPT = {field.timeline: field.attribute for field in LINE_FIELDS if field.timeline}
_OLD_KEYS = frozenset(("id", "chapter", "speaker", "cast", "scene", "effect", "file", "tags", "direction"))
_NEWER = {key: attribute for key, attribute in _KEPT.items() if key not in _OLD_KEYS}


def _line_json(planned: PlannedLine, past: PreviousLine) -> dict[str, Any]:
    line = planned.line
    row: dict[str, Any] = {
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
    if past.context:
        row["context"] = past.context
    if past.turns:
        row["dialogue"] = [past.turn, [[turn.line_id, turn.text] for turn in past.turns]]
    for key, attribute in _NEWER.items():
        row[key] = getattr(line, attribute)
    return row


def read_kept(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a row keeps of a line as it is, by attribute; raises `KeyError` where an old field is missing.

    JSON has no tuples, so a list becomes one. A field that is newer than the file has its default.
    """
    kept = {attribute: row[key] for key, attribute in _KEPT.items() if key in row or key in _OLD_KEYS}
    return {attribute: tuple(value) if isinstance(value, list) else value for attribute, value in kept.items()}


_JSON = json.JSONEncoder(ensure_ascii=False)


def _one_item_per_line(head: Mapping[str, Any], **lists: Sequence[Any]) -> bytes:
    """Lay JSON out so that a person can read it and a diff shows one changed item as one line."""
    fields = [f"{_JSON.encode(name)}: {_JSON.encode(value)}" for name, value in head.items()]
    for name, items in lists.items():
        rows = ",\n".join(map(_JSON.encode, items))
        fields.append(f"{_JSON.encode(name)}: [\n{rows}\n]")
    return ("{" + ",\n".join(fields) + "}\n").encode("utf-8", "surrogatepass")
