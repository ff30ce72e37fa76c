"""Lines as files: one for each, as loud among its speaker's as it was spoken, and the lists that name them."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import PurePath, PurePosixPath

from tts_cli.audio.io.outputs import Output
from tts_cli.errors import InputError, Problem
from tts_cli.formats.line_lists import (
    ListedLine,
    write_audacity,
    write_index_csv,
    write_index_json,
    write_unreal,
    write_wwise,
)
from tts_cli.line import Line
from tts_cli.pipeline.delivery.context import DeliveryContext
from tts_cli.pipeline.edit.timeline import make_excerpt, make_line_timelines
from tts_cli.pipeline.master.labels import file_tags
from tts_cli.pipeline.master.master import find_programme_gain, make_line
from tts_cli.pipeline.model import Deliverable, PlannedLine
from tts_cli.recipe import Delivery
from tts_cli.text.markup import display_text
from tts_cli.types import Timeline

_WRITERS = {
    ("index", ".csv"): write_index_csv,
    ("index", ".json"): write_index_json,
    ("unreal", ".csv"): write_unreal,
    ("wwise", ".tsv"): write_wwise,
    ("wwise", ".txt"): write_wwise,
}


def deliver_lines(context: DeliveryContext, deliveries: Sequence[Delivery]) -> Iterator[Deliverable]:
    """Write a file for every line whose takes are there, and then the lists; raises `InputError` for double names."""
    files: dict[str, Deliverable] = {}
    for delivery in deliveries:
        if delivery.kind == "lines":
            found = dict(_ship_files(context, delivery))
            files |= found
            yield from found.values()
    for delivery in deliveries:
        if delivery.kind == "labels":
            yield _deliver_labels(context, delivery)
        elif delivery.kind != "lines":
            yield from _deliver_list(context, delivery, files)


# --- files ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _LineFile:
    """A line's file to be."""

    name: str
    timeline: Timeline
    gain_db: float
    tags: Mapping[str, str]
    inputs: str


def _ship_files(context: DeliveryContext, delivery: Delivery) -> Iterator[tuple[str, Deliverable]]:
    lines = [planned.line for planned in context.plan.lines]
    names = _names(context, delivery, lines)
    timelines = make_line_timelines(context.plan, context.takes, delivery.sound)
    gains = _speakers_gains(context, delivery, lines)
    wanted = {
        line.id: _line_file(context, delivery, planned, timelines[line.id], (names[line.id], gains[line.speaker]))
        for planned in context.plan.lines
        if (line := planned.line).id in timelines
    }
    with ThreadPoolExecutor(context.workers) as pool:
        yield from zip(wanted, pool.map(lambda file: _ship_file(context, delivery, file), wanted.values()), strict=True)


def _line_file(
    context: DeliveryContext, delivery: Delivery, planned: PlannedLine, timeline: Timeline, called: tuple[str, float]
) -> _LineFile:
    name, gain_db = called
    alone = replace(context.plan, lines=(planned,))  # or each of many lines would look through all of them
    tags = file_tags(alone, [timeline], timeline.id)
    inputs = f"{context.inputs([timeline], delivery.sound, tags)}{gain_db:+}"
    return _LineFile(name=name, timeline=timeline, gain_db=gain_db, tags=tags, inputs=inputs)


def _ship_file(context: DeliveryContext, delivery: Delivery, file: _LineFile) -> Deliverable:
    if kept := context.kept(file.name, file.inputs, delivery):
        return kept
    output = Output(path=context.path(file.name), recipe=delivery.sound, tags=file.tags)
    written = make_line(file.timeline, output, context.cache.read, file.gain_db)
    context.heard(file.timeline.length)
    return context.ship(file.name, written, file.inputs, delivery)


def _speakers_gains(context: DeliveryContext, delivery: Delivery, lines: Sequence[Line]) -> dict[str, float]:
    """Return the one gain of each speaker that brings all of its lines to their loudness: a whisper stays a whisper.

    It is rounded, so that an edited line does not move all others by a hair.
    """
    gains = {}
    for speaker in dict.fromkeys(line.speaker for line in lines):
        own = frozenset(line.id for line in lines if line.speaker == speaker)
        whole = make_excerpt(context.plan, context.takes, delivery.sound, only=own)
        gain_db = find_programme_gain(whole, delivery.sound, context.cache.read) if whole else 0.0
        gains[speaker] = round(gain_db, 1)
    return gains


def _names(context: DeliveryContext, delivery: Delivery, lines: Sequence[Line]) -> dict[str, str]:
    """Name every line's file by its own `file`, else by the recipe's template."""
    names: dict[str, str] = {}
    owners: dict[str, Line] = {}
    problems = []
    for line in lines:
        names[line.id] = name = context.line_name(delivery, line)
        if other := owners.get(name.casefold()):
            hint = f"line {other.id!r} at {other.source} has the same; put {{id}} into the name"
            problems.append(Problem(line.source, f"file {name!r} is written twice", hint))
        owners[name.casefold()] = line
    if problems:
        raise InputError(problems)
    return names


# --- lists ----------------------------------------------------------------------------------------------


def _deliver_list(
    context: DeliveryContext, delivery: Delivery, files: Mapping[str, Deliverable]
) -> Iterator[Deliverable]:
    """Write a list of all lines, or one for each language where its name holds {language}."""
    lines = [planned for planned in context.plan.lines if planned.line.id in files]
    languages = dict.fromkeys(planned.line.language for planned in lines) if "{language}" in delivery.file else [""]
    for language in languages:
        name = context.name(delivery, **({"language": language} if language else {}))
        chosen = [planned for planned in lines if language in ("", planned.line.language)]
        listed = [_listed(planned, files[planned.line.id], name) for planned in chosen]
        text = _WRITERS[delivery.kind, PurePath(name).suffix.lower()](listed)
        yield context.deliver_text(name, text, delivery, {})


def _listed(planned: PlannedLine, file: Deliverable, list_name: str) -> ListedLine:
    line = planned.line
    up = "../" * (len(PurePosixPath(list_name).parts) - 1)
    return ListedLine(
        id=line.id,
        speaker=line.speaker,
        emotion=line.emotion,
        language=line.language,
        chapter=line.chapter,
        direction=line.direction,
        text=display_text(line.text),
        file=f"{up}{file.path}",
        duration_s=file.seconds,
        lufs=file.measures["lufs"],
        true_peak_dbtp=file.measures["true_peak_dbtp"],
        sha256=file.sha256,
    )


def _deliver_labels(context: DeliveryContext, delivery: Delivery) -> Deliverable:
    """Write where each line lies in the programme that the same recipe delivers."""
    labels: list[tuple[float, float, str]] = []
    offset = 0
    for timeline in context.parts(delivery.sound).values():
        rate = timeline.sample_rate
        spans: dict[str, tuple[int, int]] = {}
        for clip in timeline.clips:
            start = spans.get(clip.line_id, (clip.start, 0))[0]
            spans[clip.line_id] = (start, clip.start + clip.length)
        labels += [((offset + start) / rate, (offset + end) / rate, name) for name, (start, end) in spans.items()]
        offset += timeline.length
    return context.deliver_text(context.name(delivery), write_audacity(labels), delivery, {})
