"""Lines as files: one for each, as loud among its speaker's as it was spoken, and the lists that name them."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import PurePath, PurePosixPath

from tts_cli.audio.outputs import Output
from tts_cli.errors import InputError
from tts_cli.formats.line_lists import (
    ListedLine,
    write_audacity,
    write_index_csv,
    write_index_json,
    write_unreal,
    write_wwise,
)
from tts_cli.pipeline.labels import file_tags
from tts_cli.pipeline.master import find_programme_gain, make_line
from tts_cli.pipeline.shipment import Shipment
from tts_cli.pipeline.timeline import make_excerpt, make_line_timelines
from tts_cli.text.markup import display_text
from tts_cli.types import Deliverable, Delivery, Line, PlannedLine, Problem, Timeline

_WRITERS = {
    ("index", ".csv"): write_index_csv,
    ("index", ".json"): write_index_json,
    ("unreal", ".csv"): write_unreal,
    ("wwise", ".tsv"): write_wwise,
    ("wwise", ".txt"): write_wwise,
}


def ship_lines(shipment: Shipment, deliveries: Sequence[Delivery]) -> Iterator[Deliverable]:
    """Write a file for every line whose takes are there, and then the lists; raises `InputError` for double names."""
    files: dict[str, Deliverable] = {}
    for delivery in deliveries:
        if delivery.kind == "lines":
            found = dict(_ship_files(shipment, delivery))
            files |= found
            yield from found.values()
    for delivery in deliveries:
        if delivery.kind == "labels":
            yield _ship_labels(shipment, delivery)
        elif delivery.kind != "lines":
            yield from _ship_list(shipment, delivery, files)


# --- files ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _LineFile:
    """A line's file to be."""

    name: str
    timeline: Timeline
    gain_db: float
    tags: Mapping[str, str]
    inputs: str


def _ship_files(shipment: Shipment, delivery: Delivery) -> Iterator[tuple[str, Deliverable]]:
    lines = [planned.line for planned in shipment.plan.lines]
    names = _names(shipment, delivery, lines)
    timelines = make_line_timelines(shipment.plan, shipment.takes, delivery.sound)
    gains = _speakers_gains(shipment, delivery, lines)
    wanted = {
        line.id: _line_file(shipment, delivery, planned, timelines[line.id], (names[line.id], gains[line.speaker]))
        for planned in shipment.plan.lines
        if (line := planned.line).id in timelines
    }
    with ThreadPoolExecutor(shipment.workers) as pool:
        yield from zip(
            wanted, pool.map(lambda file: _ship_file(shipment, delivery, file), wanted.values()), strict=True
        )


def _line_file(
    shipment: Shipment, delivery: Delivery, planned: PlannedLine, timeline: Timeline, called: tuple[str, float]
) -> _LineFile:
    name, gain_db = called
    alone = replace(shipment.plan, lines=(planned,))  # or each of many lines would look through all of them
    tags = file_tags(alone, [timeline], timeline.id)
    inputs = f"{shipment.inputs([timeline], delivery.sound, tags)}{gain_db:+}"
    return _LineFile(name=name, timeline=timeline, gain_db=gain_db, tags=tags, inputs=inputs)


def _ship_file(shipment: Shipment, delivery: Delivery, file: _LineFile) -> Deliverable:
    if kept := shipment.kept(file.name, file.inputs, delivery):
        return kept
    output = Output(path=shipment.path(file.name), recipe=delivery.sound, tags=file.tags)
    written = make_line(file.timeline, output, shipment.cache.read, file.gain_db)
    shipment.heard(file.timeline.length)
    return shipment.ship(file.name, written, file.inputs, delivery)


def _speakers_gains(shipment: Shipment, delivery: Delivery, lines: Sequence[Line]) -> dict[str, float]:
    """Return the one gain of each speaker that brings all of its lines to their loudness: a whisper stays a whisper.

    It is rounded, so that an edited line does not move all others by a hair.
    """
    gains = {}
    for speaker in dict.fromkeys(line.speaker for line in lines):
        own = frozenset(line.id for line in lines if line.speaker == speaker)
        whole = make_excerpt(shipment.plan, shipment.takes, delivery.sound, only=own)
        gain_db = find_programme_gain(whole, delivery.sound, shipment.cache.read) if whole else 0.0
        gains[speaker] = round(gain_db, 1)
    return gains


def _names(shipment: Shipment, delivery: Delivery, lines: Sequence[Line]) -> dict[str, str]:
    """Name every line's file by its own `file`, else by the recipe's template."""
    names: dict[str, str] = {}
    owners: dict[str, Line] = {}
    problems = []
    for line in lines:
        names[line.id] = name = shipment.line_name(delivery, line)
        if other := owners.get(name.casefold()):
            hint = f"line {other.id!r} at {other.source} has the same; put {{id}} into the name"
            problems.append(Problem(line.source, f"file {name!r} is written twice", hint))
        owners[name.casefold()] = line
    if problems:
        raise InputError(problems)
    return names


# --- lists ----------------------------------------------------------------------------------------------


def _ship_list(shipment: Shipment, delivery: Delivery, files: Mapping[str, Deliverable]) -> Iterator[Deliverable]:
    """Write a list of all lines, or one for each language where its name holds {language}."""
    lines = [planned for planned in shipment.plan.lines if planned.line.id in files]
    languages = dict.fromkeys(planned.line.language for planned in lines) if "{language}" in delivery.file else [""]
    for language in languages:
        name = shipment.name(delivery, **({"language": language} if language else {}))
        chosen = [planned for planned in lines if language in ("", planned.line.language)]
        listed = [_listed(planned, files[planned.line.id], name) for planned in chosen]
        text = _WRITERS[delivery.kind, PurePath(name).suffix.lower()](listed)
        yield shipment.ship_text(name, text, delivery, {})


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


def _ship_labels(shipment: Shipment, delivery: Delivery) -> Deliverable:
    """Write where each line lies in the programme that the same recipe delivers."""
    labels: list[tuple[float, float, str]] = []
    offset = 0
    for timeline in shipment.parts(delivery.sound).values():
        rate = timeline.sample_rate
        spans: dict[str, tuple[int, int]] = {}
        for clip in timeline.clips:
            start = spans.get(clip.line_id, (clip.start, 0))[0]
            spans[clip.line_id] = (start, clip.start + clip.length)
        labels += [((offset + start) / rate, (offset + end) / rate, name) for name, (start, end) in spans.items()]
        offset += timeline.length
    return shipment.ship_text(shipment.name(delivery), write_audacity(labels), delivery, {})
