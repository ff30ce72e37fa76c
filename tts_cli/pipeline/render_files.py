"""Edit lists -> files in the output folder: masters, lines of their own, how a dub was timed; unchanged ones stay."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from threading import Lock

from tts_cli.formats.subtitles import write_subtitles
from tts_cli.pipeline.edit.cues import make_cues
from tts_cli.pipeline.edit.dub import TIMING_FILE, Dub, timing_csv
from tts_cli.pipeline.edit.timeline import make_timelines, make_whole_timeline, split_lines
from tts_cli.pipeline.master.deliverables import deliver, describe_inputs, keep_text, line_voices, provenance_tags
from tts_cli.pipeline.master.file_names import master_names, output_path, programme_name
from tts_cli.pipeline.master.master import find_programme_gain, make_line_file, make_master
from tts_cli.pipeline.master.previous_run import unchanged
from tts_cli.pipeline.model import Deliverable, Outcome, Plan
from tts_cli.pipeline.parallel import Counter, run_parallel
from tts_cli.pipeline.request import Event, EventSink, Progress
from tts_cli.pipeline.session import RunContext
from tts_cli.text.captions import CaptionRules
from tts_cli.types import Take, Timeline
from tts_cli.workers.devices import cores_for


def tell_timing(run: RunContext, dub: Dub | None) -> Iterable[Deliverable]:
    """Write how each line of a dub was fitted, and its subtitles as they are spoken now."""
    if dub and dub.placements:
        yield keep_text(run.past, TIMING_FILE, "timing", timing_csv(dub, run.recipe.sample_rate))
    if dub and dub.timeline:
        lines = {planned.line.id: planned for planned in dub.plan.lines}
        text = write_subtitles(make_cues([dub.timeline], lines, CaptionRules()), ".srt")
        name = f"{programme_name(run.manifest.name, run.recipe)}.srt"
        yield keep_text(run.past, name, "subtitles", text.encode("utf-8", "surrogatepass"))


def name_timelines(run: RunContext, plan: Plan, takes: Mapping[str, Take], dub: Dub | None) -> dict[str, Timeline]:
    """Lay the takes out; returns the edit lists by the name of the file each becomes."""
    names = file_names(run, plan)
    if dub:
        return {names[""]: dub.timeline} if dub.timeline else {}
    return {names[part]: timeline for part, timeline in make_timelines(plan, takes, run.recipe).items()}


def file_names(run: RunContext, plan: Plan) -> dict[str, str]:
    """Return the name of each master's file, by the chapter's id."""
    return master_names(run.manifest.name, list(split_lines(plan, run.recipe)), run.recipe)


def count_missing(run: RunContext, plan: Plan, outcomes: Mapping[str, Outcome]) -> dict[str, int]:
    """Count, for each master that could not be written, the lines without a take."""
    names = file_names(run, plan)
    missing = (Outcome.FAILED, Outcome.WAITING)
    counts = {
        names[part]: sum(outcomes[planned.line.id] in missing for planned in lines)
        for part, lines in split_lines(plan, run.recipe).items()
    }
    return {name: count for name, count in counts.items() if count}


def write_masters(run: RunContext, timelines: Mapping[str, Timeline]) -> list[Deliverable]:
    """Write each master whose inputs changed, several at once, and hand on those that did not."""
    voices = line_voices(run.manifest)
    tags = {name: provenance_tags(voices, timeline) for name, timeline in timelines.items()}
    inputs = {name: describe_inputs(timeline, run.recipe, tags[name]) for name, timeline in timelines.items()}
    kept = {name: unchanged(run.out, name, inputs[name], run.past) for name in timelines}
    todo = [name for name, found in kept.items() if found is None]
    total = sum(timelines[name].length for name in todo)
    on_event, note = _in_turn(run.on_event), todo[0] if len(todo) == 1 else run.manifest.name
    heard = Counter(lambda done: on_event(Progress(stage="master", done=min(done, total), total=total, note=note)))

    def write(name: str) -> Deliverable:
        path = output_path(run.out, name)
        master = make_master(timelines[name], run.recipe, path, run.cache.read, heard, tags=tags[name])
        written = deliver(run.out, name, master, inputs[name])
        on_event(written)
        return written

    written = dict(
        zip(todo, run_parallel(write, todo, cores_for(run.studio.worker_options.workers), heard), strict=True)
    )
    return [kept[name] or written[name] for name in timelines]


def _in_turn(on_event: EventSink) -> EventSink:
    """Let several threads tell one watcher, one after the other."""
    lock = Lock()

    def tell(notice: Event) -> None:
        with lock:
            on_event(notice)

    return tell


def write_line_files(
    run: RunContext, plan: Plan, takes: Mapping[str, Take], timelines: Mapping[str, Timeline], names: Mapping[str, str]
) -> Iterable[Deliverable]:
    """Write the selected lines as files of their own, all at the gain that brings the whole script to its target.

    So a whisper stays quieter than a shout. The gain is rounded: an edited line must not move all others by a hair.
    `timelines` are those of single lines; `names` is empty where no files are wanted.
    """
    wanted = [line_id for line_id in timelines if line_id in names and line_id in run.selected]
    if not wanted:
        return
    whole = make_whole_timeline(plan, takes, run.recipe)
    voices = line_voices(run.manifest)
    gain_db = round(find_programme_gain(whole, run.recipe, run.cache.read), 1)
    for line_id in wanted:
        name = names[line_id]
        recipe = replace(run.recipe, format="flac" if name.endswith(".flac") else "wav")
        tags = provenance_tags(voices, timelines[line_id])
        inputs = f"{describe_inputs(timelines[line_id], recipe, tags)}{gain_db:+}"
        kept = unchanged(run.out, name, inputs, run.past)
        if kept is None:
            path = output_path(run.out, name)
            file = make_line_file(timelines[line_id], recipe, path, run.cache.read, gain_db, tags)
            kept = deliver(run.out, name, file, inputs)
        yield kept
