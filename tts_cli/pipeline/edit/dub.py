"""Takes -> a dub: lines are fitted to their slots, some are recorded again at another speed, and all are placed."""

import csv
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from tts_cli.audio.io.ffmpeg import has_filter
from tts_cli.engines.catalog import get_spec
from tts_cli.engines.recording.spec import RECORDING
from tts_cli.errors import InputError, MissingError, Problem
from tts_cli.formats.line_lists import spreadsheet_cell
from tts_cli.line import Line, Slot
from tts_cli.pipeline.edit.slot_fit import SlotLine, engine_speeds, fit_lines
from tts_cli.pipeline.edit.timeline import complete_lines, make_dub_timeline, make_line_timelines
from tts_cli.pipeline.model import Failure, Placement, Plan, PlannedLine
from tts_cli.recipe import FitRules, Recipe
from tts_cli.text.markup import display_text, first_words
from tts_cli.types import Manifest, Take, Timeline

Takes = Mapping[str, Take]
RecordAgain = Callable[[Manifest, frozenset[str]], tuple[Plan, Takes]]
"""Plans a manifest in which the named lines have another speed, and has those recorded."""

TIMING_FILE = "timing.csv"
_TIMING_COLUMNS = (
    *("cue", "speaker", "cue_s", "slot_s", "natural_s", "start_s", "length_s", "rate", "stretch"),
    *("drift_s", "over_s", "lost_s", "action", "budget", "chars", "cut_chars", "text", "line"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dub:
    """A dub before it is mixed: `timeline` is None where lines are missing, or do not fit and must."""

    plan: Plan
    takes: Takes
    placements: tuple[Placement, ...] = ()
    timeline: Timeline | None = None


def check_slots(manifest: Manifest, rules: FitRules) -> None:
    """Raise `InputError` for every line without a place in the programme, and `MissingError` without the stretcher."""
    problems = [problem for line in manifest.lines if (problem := _slot_problem(line, manifest.length_s))]
    if problems:
        raise InputError(problems)
    if not has_filter(rules.stretcher):
        hint = "set `stretcher: atempo` in the recipe, or unset TTS_CLI_FFMPEG"
        raise MissingError(f"this ffmpeg has no {rules.stretcher}", hint=hint)


def fit_to_slots(plan: Plan, takes: Takes, recipe: Recipe, again: RecordAgain) -> Dub:
    """Fit the lines to their slots; what the engine is to speak faster is recorded by `again`.

    A line at another speed is a take of its own, so that the next run finds it in the cache.
    """
    rules = recipe.fit or FitRules()
    manifest, rate = plan.manifest, recipe.sample_rate
    natural = make_line_timelines(plan, takes, recipe)
    length = None if manifest.length_s is None else round(manifest.length_s * rate)
    if len(complete_lines(plan, takes)) < len(plan.lines):
        return Dub(plan=plan, takes=takes)
    slots = [_slot_line(planned, natural[planned.line.id].length, rules, rate) for planned in plan.lines]
    spoken = natural
    if speeds := engine_speeds(slots, rules, rate, length):
        plan, takes = again(_at_speeds(manifest, speeds), frozenset(speeds))
        spoken = make_line_timelines(plan, takes, recipe)
        if len(spoken) < len(slots):
            return Dub(plan=plan, takes=takes)
        slots = [replace(slot, spoken=spoken[slot.id].length) for slot in slots]
    placements = fit_lines(slots, rules, rate, length)
    if any("fail" in placement.actions for placement in placements):
        return Dub(plan=plan, takes=takes, placements=placements)
    if length is None:
        length = max(placement.start + placement.length for placement in placements)
        length = max(length, *(placement.cue + placement.slot for placement in placements))
    timeline = make_dub_timeline(plan, spoken, placements, recipe, length)
    return Dub(plan=plan, takes=takes, placements=placements, timeline=timeline)


def _slot_problem(line: Line, length_s: float | None) -> Problem | None:
    if line.slot is None or line.slot.start_s is None:
        hint = "give it `start: 00:00:01,000`, or choose another recipe"
        return Problem(line.source, f"line {line.id!r} has no `start`, which a dub needs", hint)
    if length_s is not None and line.slot.start_s >= length_s:
        message = f"line {line.id!r} starts at {line.slot.start_s:g} s, but the programme is {length_s:g} s long"
        return Problem(line.source, message)
    return None


def _slot_line(planned: PlannedLine, natural: int, rules: FitRules, sample_rate: int) -> SlotLine:
    line = planned.line
    slot = line.slot or Slot()
    start_s = slot.start_s or 0.0
    lengths = [length for length in (slot.duration_s, slot.max_duration_s) if length is not None]
    end_s = slot.end_s if slot.end_s is not None else start_s + min(lengths) if lengths else None
    return SlotLine(
        id=line.id,
        speaker=line.speaker,
        start=round(start_s * sample_rate),
        end=None if end_s is None else round(end_s * sample_rate),
        natural=natural,
        spoken=natural,
        chars=len(display_text(line.text)),
        fit=slot.fit,
        fastest=_fastest(planned, rules),
    )


def _fastest(planned: PlannedLine, rules: FitRules) -> float:
    """Return the factor by which the engine can speak a line faster than it does."""
    first = planned.utterances[0]
    speed = get_spec(first.engine).params.get("speed")
    if planned.locked or first.engine == RECORDING.name or speed is None:
        return 1.0
    now = first.params.get("speed", 1.0)
    return max(1.0, min(rules.engine_speed, speed.high / float(now)))


def _at_speeds(manifest: Manifest, speeds: Mapping[str, float]) -> Manifest:
    lines = (replace(line, speed=line.speed * speeds.get(line.id, 1.0)) for line in manifest.lines)
    return replace(manifest, lines=tuple(lines))


# --- what is told ---------------------------------------------------------------------------------------


def list_over_budget(dub: Dub, sample_rate: int) -> tuple[Failure, ...]:
    """Name each line that does not fit within the budget, in the order of the cues, and what would help."""
    lines = {planned.line.id: planned.line for planned in dub.plan.lines}
    over = [(lines[one.line_id], one) for one in dub.placements if one.is_over_budget]
    return tuple(
        Failure(line=line.id, error=_explain(one, line, sample_rate), source=line.source) for line, one in over
    )


def _cue_number(line: Line) -> str:
    return line.slot.cue if line.slot else ""


def _explain(placement: Placement, line: Line, sample_rate: int) -> str:
    """Say which cue it is, by its number and its first words, and what is wrong with it."""
    number = _cue_number(line)
    cue = f"cue {number} " if number else ""
    text = first_words(line.text)
    told = (
        ("begins {:.2f} s late", placement.late),
        ("runs {:.2f} s past its slot", placement.over),
        ("loses its last {:.2f} s", placement.lost),
    )
    said = [text.format(samples / sample_rate) for text, samples in told if samples]
    if placement.excess_chars:
        said.append(f"its text should be {placement.excess_chars} characters shorter")
    return f"{cue}{text!r} {', '.join(said)}"


def timing_csv(dub: Dub, sample_rate: int) -> bytes:
    """Return the sheet that tells of each line how it was fitted; times in seconds of the programme."""
    lines = {planned.line.id: planned.line for planned in dub.plan.lines}
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_TIMING_COLUMNS)
    for one in dub.placements:
        line = lines[one.line_id]
        text = display_text(line.text)
        times = [one.cue, one.slot, one.natural, one.start, one.length]
        spare = [one.late, one.over, one.lost]
        writer.writerow(
            [
                _cue_number(line),
                spreadsheet_cell(line.speaker),
                *(f"{samples / sample_rate:.3f}" for samples in times),
                f"{one.rate:.3f}",
                f"{one.tempo:.3f}",
                *(f"{samples / sample_rate:.3f}" for samples in spare),
                "+".join(one.actions) or "as is",
                "over" if one.is_over_budget else "ok",
                len(text),
                one.excess_chars,
                spreadsheet_cell(text),
                one.line_id,
            ]
        )
    return out.getvalue().encode()
