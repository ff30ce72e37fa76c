"""Lines as files: one for each, as loud among its speaker's as it was spoken, and the lists that name them."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import PurePath, PurePosixPath

from tts_cli.audio.io.containers import FORMATS
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
from tts_cli.pipeline.delivery.context import DeliveryContext
from tts_cli.pipeline.delivery.file_list import name_lines
from tts_cli.pipeline.edit.timeline import (
    complete_lines,
    is_inseparable,
    make_excerpt,
    make_line_timelines,
    make_whole_timeline,
)
from tts_cli.pipeline.master.labels import file_tags, provenance_tags
from tts_cli.pipeline.master.master import find_programme_gain, make_line
from tts_cli.pipeline.model import Deliverable, PlannedLine
from tts_cli.recipe import Delivery, Recipe
from tts_cli.text.markup import display_text
from tts_cli.types import Timeline

_WRITERS: Mapping[tuple[str, str], Callable[[Iterable[ListedLine]], str]] = {
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
            found = dict(_deliver_files(context, delivery))
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

    line: str
    name: str
    timeline: Timeline
    sound: Recipe
    gain_db: float
    tags: Mapping[str, str]
    inputs: str


def _deliver_files(context: DeliveryContext, delivery: Delivery) -> Iterator[tuple[str, Deliverable]]:
    """Write the selected lines whose takes are there; yields each with its line's id.

    Lines that are not selected have what the last export wrote of them, where nobody touched it since.
    """
    names = name_lines(context.plan.manifest, context.recipe, delivery)
    timelines = make_line_timelines(context.plan, context.takes, delivery.sound)
    wanted = [
        planned
        for planned in context.plan.lines
        if planned.line.id in timelines and planned.line.id in context.selected
    ]
    gains = _gains(context, delivery) if wanted else {}
    files = {
        planned.line.id: _line_file(
            context, delivery, planned, timelines[planned.line.id], names[planned.line.id], gains[planned.line.speaker]
        )
        for planned in wanted
    }
    # Threads, not processes: libsndfile and numpy let others run while they work.
    with ThreadPoolExecutor(context.workers) as pool:
        delivered = pool.map(lambda file: _deliver_file(context, delivery, file), files.values())
        made = dict(zip(files, delivered, strict=True))
    for line_id, name in names.items():
        found = made.get(line_id) or (None if line_id in context.selected else context.intact(name))
        if found:
            yield line_id, found


def refuse_inseparable(context: DeliveryContext) -> None:
    """Raise `InputError` where a selected line cannot be cut out of the take of its dialogue."""
    lines = [one for one in complete_lines(context.plan, context.takes) if one.line.id in context.selected]
    problems = [
        Problem(
            one.line.source,
            f"line {one.line.id!r} has no file: the engine {one.utterances[0].engine} has spoken its dialogue in one"
            " take, and does not tell where each line lies in it",
            "remove its `dialogue`, or choose an engine with word times",
        )
        for one in lines
        if is_inseparable(one, context.takes)
    ]
    if problems:
        raise InputError(problems)


def _line_file(
    context: DeliveryContext, delivery: Delivery, planned: PlannedLine, timeline: Timeline, name: str, gain_db: float
) -> _LineFile:
    """Return what a line's file is made from; its own suffix decides on its format."""
    sound = replace(delivery.sound, format=FORMATS[PurePath(name).suffix.lower()])
    if delivery.level_by == "script":
        tags = provenance_tags(context.line_voices, timeline)
    else:
        alone = replace(context.plan, lines=(planned,))  # or each of many lines would look through all of them
        tags = file_tags(alone, [timeline], timeline.id)
    inputs = f"{context.inputs([timeline], sound, tags)}{gain_db:+}"
    return _LineFile(
        line=planned.line.id, name=name, timeline=timeline, sound=sound, gain_db=gain_db, tags=tags, inputs=inputs
    )


def _deliver_file(context: DeliveryContext, delivery: Delivery, file: _LineFile) -> Deliverable:
    if kept := context.kept(file.name, file.inputs, delivery):
        return kept
    context.heard.expect(file.timeline.length)
    output = Output(path=context.path(file.name), recipe=file.sound, tags=file.tags)
    written = make_line(file.timeline, output, context.cache.read, file.gain_db)
    context.heard(file.timeline.length)
    return context.describe(file.name, written, file.inputs, delivery, line=file.line)


def _gains(context: DeliveryContext, delivery: Delivery) -> dict[str, float]:
    """Return, by speaker, the one gain in dB that brings all of its lines, or the whole script, to their loudness.

    So a whisper stays a whisper. One that would move by a hair stays, so that an edited line does not move all others.
    """
    lines = [planned.line for planned in context.plan.lines]
    speakers = dict.fromkeys(line.speaker for line in lines)
    if delivery.level_by == "script":
        whole = make_whole_timeline(context.plan, context.takes, delivery.sound)
        return dict.fromkeys(speakers, _shared_gain(context, delivery, whole, "all lines"))
    gains = {}
    for speaker in speakers:
        own = frozenset(line.id for line in lines if line.speaker == speaker)
        excerpt = make_excerpt(context.plan, context.takes, delivery.sound, only=own)
        gains[speaker] = _shared_gain(context, delivery, excerpt, speaker or "nobody")
    return gains


def _shared_gain(context: DeliveryContext, delivery: Delivery, timeline: Timeline | None, whose: str) -> float:
    if timeline is None:
        return 0.0
    sound = delivery.sound
    wanted = f"{sound.loudness_lufs:g} LUFS" if sound.rms_db is None else f"{sound.rms_db:g} dB RMS"
    found = find_programme_gain(timeline, sound, context.cache.read)
    return context.levels.settle(f"{delivery.file}: {whose} at {wanted}, {sound.true_peak_dbtp:g} dBTP", found)


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
        write = _WRITERS[delivery.kind, PurePath(name).suffix.lower()]
        if write is write_index_csv:
            write = partial(write_index_csv, formulas=delivery.formulas)
        text = write(listed)
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
        columns=dict(line.columns),
    )


def _deliver_labels(context: DeliveryContext, delivery: Delivery) -> Deliverable:
    """Write where each line lies in the programme that the same recipe delivers."""
    labels: list[tuple[float, float, str]] = []
    offset = 0
    for timeline in context.parts(delivery.sound).values():
        rate = timeline.sample_rate
        spans: dict[str, tuple[int, int]] = {}
        for clip in timeline.line_clips:
            start = spans.get(clip.line_id, (clip.start, 0))[0]
            spans[clip.line_id] = (start, clip.start + clip.length)
        labels += [((offset + start) / rate, (offset + end) / rate, name) for name, (start, end) in spans.items()]
        offset += timeline.length
    return context.deliver_text(context.name(delivery), write_audacity(labels), delivery, {})
