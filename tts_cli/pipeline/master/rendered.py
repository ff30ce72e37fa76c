"""A render as its timeline.json: written with the masters, and read back as the plan of an export."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from tts_cli.cache.keys import digest
from tts_cli.cache.store import Cache, Missing
from tts_cli.errors import RunFileError, Source
from tts_cli.line import Line
from tts_cli.pipeline.master.deliverables import write_text
from tts_cli.pipeline.master.file_names import TIMELINE_FILE
from tts_cli.pipeline.master.json_files import to_json
from tts_cli.pipeline.master.output_guard import OutputGuard
from tts_cli.pipeline.master.previous_run import PreviousRun, unchanged
from tts_cli.pipeline.master.timeline_json import (
    KEPT,
    TIMELINE_VERSION,
    ClipRow,
    LineRow,
    MasterRow,
    TimelineFile,
    encode_timeline,
    line_values,
    read_timeline,
)
from tts_cli.pipeline.model import Deliverable, Plan, PlannedLine, PreviousLine
from tts_cli.text.markup import display_text
from tts_cli.types import Chapter, Clip, Manifest, Take, Timeline, Utterance, Voice


def keep_timeline(  # noqa: PLR0913  all that a run knows of its lines
    guard: OutputGuard,
    past: PreviousRun,
    plan: Plan,
    timelines: Mapping[str, Timeline],
    masters: Iterable[Deliverable],
    *,
    lines: Iterable[tuple[PlannedLine, PreviousLine]],
    levels: Mapping[str, float] = MappingProxyType({}),
) -> Deliverable:
    """Write the edit lists of all masters (by file name) and what each line was made from, if any of it changed.

    The digest that tells so is far quicker than the file: the masters' own inputs stand for their clips.
    """
    file = _describe_script(past.out, plan.manifest, tuple(_line_row(*line) for line in lines))
    file = replace(file, levels=levels)
    made_of = [(master.path, master.inputs) for master in masters]
    inputs = digest([to_json(replace(file, lines=())), made_of, list(map(line_values, file.lines))])
    if kept := unchanged(past.out, TIMELINE_FILE, inputs, past):
        return kept
    file = replace(
        file,
        masters=tuple(_master_row(name, timeline) for name, timeline in timelines.items()),
        clips=tuple(_clip_row(name, clip) for name, timeline in timelines.items() for clip in timeline.clips),
    )
    return write_text(guard, TIMELINE_FILE, "timeline", encode_timeline(file), inputs)


def read_rendered(path: Path, cache: Cache) -> Plan:
    """Read the timeline.json of a render; its takes are those that the cache has.

    Raises `RunFileError`, an `InputError`, for a file that is missing, of another version, damaged or without a line.
    """
    file = read_timeline(path)
    if not file.lines:
        raise RunFileError(path, "has no lines: none of them was recorded", hint="render the manifest first")
    lines = tuple(_planned_line(row, str(path)) for row in file.lines)
    return Plan(
        manifest=_manifest(file, path, lines),
        lines=lines,
        takes=_takes(lines, cache),
        selected=frozenset(planned.line.id for planned in lines),
    )


# --- what a timeline.json says --------------------------------------------------------------------------


def _describe_script(out: Path, manifest: Manifest, lines: tuple[LineRow, ...]) -> TimelineFile:
    """Return what an export must know of the whole script; the cover's path is from the output folder."""
    metadata = dict(manifest.metadata)
    if cover := metadata.get("cover"):
        metadata["cover"] = os.path.relpath(cover, out)
    return TimelineFile(
        version=TIMELINE_VERSION,
        manifest=manifest.name,
        metadata=metadata,
        chapters=tuple((chapter.id, chapter.title) for chapter in manifest.chapters.values()),
        pauses=manifest.pauses,
        voices=tuple(
            (name, engine, voice.name, voice.licence, voice.consent)
            for (name, engine), voice in manifest.voices.items()
        ),
        masters=(),
        clips=(),
        lines=lines,
    )


def _master_row(name: str, timeline: Timeline) -> MasterRow:
    return MasterRow(
        path=name, id=timeline.id, title=timeline.title, sample_rate=timeline.sample_rate, length=timeline.length
    )


def _clip_row(master: str, clip: Clip) -> ClipRow:
    return ClipRow(
        master=master,
        line=clip.line_id,
        part=clip.part,
        start=clip.start,
        length=clip.length,
        take=clip.take.key,
        trim=clip.trim,
        trim_length=clip.trim_length,
        take_rate=clip.take.sample_rate,
        gain_db=clip.gain_db,
        tempo=clip.tempo,
        estimated=clip.shares,
    )


def _line_row(planned: PlannedLine, past: PreviousLine) -> LineRow:
    line = planned.line
    return LineRow(
        text=display_text(line.text),
        spoken=past.text,
        engine=past.engine,
        voice=past.voice,
        language=past.language,
        emotion=past.emotion,
        parts=past.parts,
        context=past.context,
        dialogue=(past.turn, tuple((turn.line_id, turn.text) for turn in past.turns)),
        columns=dict(line.columns),
        edit=(planned.gain_db, planned.lead_s, line.pause_before_s, line.pause_after_s),
        **{key: getattr(line, attribute) for key, attribute in KEPT.items()},
    )


# --- and what an export makes of it ---------------------------------------------------------------------


def _manifest(file: TimelineFile, path: Path, lines: tuple[PlannedLine, ...]) -> Manifest:
    metadata = dict(file.metadata)
    if cover := metadata.get("cover"):
        metadata["cover"] = str(path.parent / cover)
    return Manifest(
        name=file.manifest,
        path=str(path),
        lines=tuple(planned.line for planned in lines),
        voices={
            (name, engine): Voice(name=voice, engine=engine, licence=licence, consent=consent)
            for name, engine, voice, licence, consent in file.voices
        },
        chapters={name: Chapter(id=name, title=title) for name, title in file.chapters},
        pauses=file.pauses,
        metadata=metadata,
        files=(str(path), *filter(None, [metadata.get("cover")])),
    )


def _planned_line(row: LineRow, path: str) -> PlannedLine:
    gain_db, lead_s, before_s, after_s = row.edit
    line = Line(
        source=Source(path, 1),
        text=row.text,
        say=row.spoken,
        emotion=row.emotion.partition(":")[0],
        engine=row.engine,
        language=row.language,
        pause_before_s=before_s,
        pause_after_s=after_s,
        columns=row.columns,
        **{attribute: getattr(row, key) for key, attribute in KEPT.items()},
    )
    utterances = tuple(
        Utterance(
            line_id=line.id,
            part=number,
            text=line.text,
            language=line.language,
            voice=row.voice,
            engine=line.engine,
            params={},
            seed=0,
            key=key,
            boundary=boundary,
            pause_s=pause_s,
            turns=row.turns,
            turn=row.dialogue[0],
        )
        for number, (key, boundary, pause_s) in enumerate(row.parts)
    )
    return PlannedLine(line=line, utterances=utterances, reason=None, gain_db=gain_db, lead_s=lead_s)


def _takes(lines: tuple[PlannedLine, ...], cache: Cache) -> dict[str, Take]:
    keys = dict.fromkeys(utterance.key for planned in lines for utterance in planned.utterances)
    found = {key: cache.find(key) for key in keys}
    return {key: take for key, take in found.items() if not isinstance(take, Missing)}
