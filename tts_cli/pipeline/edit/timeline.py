"""Takes -> Timeline: where each take lies in its programme, exact to the sample."""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from tts_cli.audio.mastering.effects import EFFECTS, effect_tail_s
from tts_cli.audio.meters.weighting import BINS_PER_SECOND
from tts_cli.engines.recording.spec import RECORDING
from tts_cli.pipeline.edit.turns import find_turns, share_by_length
from tts_cli.pipeline.model import Placement, Plan, PlannedLine
from tts_cli.recipe import Recipe
from tts_cli.types import Clip, Gap, Pauses, Take, Timeline, Utterance

# Kept around the speech that was measured in a take, so that no breath or release is cut.
LEAD_IN_S = 0.010
LEAD_OUT_S = 0.040
# Of a recording's 100 ms bins, those so far below its loud ones are not speech but the room.
_LOUD_PERCENT = 90
_QUIET_BELOW_LU = 30.0


def make_timelines(plan: Plan, takes: Mapping[str, Take], recipe: Recipe) -> dict[str, Timeline]:
    """Lay out one timeline per chapter (by its id), or one in all; a part that still misses a take is left out."""
    return {
        part_id: _lay_out(plan, part_id, lines, takes, recipe)
        for part_id, lines in split_lines(plan, recipe).items()
        if all(planned.is_complete(takes) for planned in lines)
    }


def split_lines(plan: Plan, recipe: Recipe) -> dict[str, list[PlannedLine]]:
    """Group lines by the master they belong to; the key is the chapter's id, or "" for a programme."""
    parts: dict[str, list[PlannedLine]] = {}
    for planned in plan.lines:
        parts.setdefault(planned.line.chapter if recipe.split == "chapter" else "", []).append(planned)
    return parts


def make_line_timelines(plan: Plan, takes: Mapping[str, Take], recipe: Recipe) -> dict[str, Timeline]:
    """Lay out each line whose takes are there for a file of its own: its clips and the pauses inside it.

    A turn of a dialogue is left out where nobody knows where it lies in its take.
    """
    timelines = {}
    for planned in complete_lines(plan, takes):
        if is_inseparable(planned, takes):
            continue
        tape = _Tape(recipe.sample_rate)
        tape.speak(planned, takes, plan.manifest.pauses)
        tape.wait(effect_tail_s(planned.line.effect))
        timelines[planned.line.id] = tape.cut(planned.line.id, planned.line.text)
    return timelines


def make_whole_timeline(plan: Plan, takes: Mapping[str, Take], recipe: Recipe) -> Timeline:
    """Lay out all lines whose takes are there, one after the other: what tells how loud a line is among the others."""
    return _lay_out(plan, "", complete_lines(plan, takes), takes, recipe)


def make_dub_timeline(
    plan: Plan, lines: Mapping[str, Timeline], placements: Sequence[Placement], recipe: Recipe, length: int
) -> Timeline:
    """Lay lines out where they were placed, at their tempo; `lines` are their own timelines, by id."""
    stretcher = recipe.fit.stretcher if recipe.fit else "atempo"
    clips = [
        replace(clip, stretcher=stretcher) for one in placements for clip in _placed(lines[one.line_id].clips, one)
    ]
    return Timeline(
        id=plan.manifest.name,
        title=plan.manifest.metadata.get("title", "") or plan.manifest.name,
        sample_rate=recipe.sample_rate,
        items=tuple(_with_gaps(clips, length)),
        length=length,
    )


def _placed(clips: Iterable[Clip], placement: Placement) -> Iterator[Clip]:
    """Move a line's clips to its place; what lies beyond its length is cut off."""
    for clip in clips:
        first = round(clip.start / placement.tempo)
        whole = round((clip.start + clip.length) / placement.tempo) - first
        length = min(whole, placement.length - first)
        if length > 0:
            yield replace(
                clip,
                start=placement.start + first,
                length=length,
                trim_length=-(-clip.trim_length * length // whole),
                tempo=placement.tempo,
            )


def _with_gaps(clips: Iterable[Clip], length: int) -> Iterator[Clip | Gap]:
    """Yield clips, which may overlap, and the silence where there is none."""
    heard = 0
    for clip in clips:
        if clip.start > heard:
            yield Gap(start=heard, length=clip.start - heard)
        yield clip
        heard = max(heard, clip.start + clip.length)
    if heard < length:
        yield Gap(start=heard, length=length - heard)


def make_excerpt(
    plan: Plan, takes: Mapping[str, Take], recipe: Recipe, only: Collection[str], seconds: float = math.inf
) -> Timeline | None:
    """Lay out as many of these lines as fit in so many seconds, one at least; None where no line is complete."""
    lines = [planned for planned in complete_lines(plan, takes) if planned.line.id in only]
    if not lines:
        return None
    whole = _lay_out(plan, "", lines, takes, recipe)
    most = (seconds - recipe.tail_s) * recipe.sample_rate
    late = {clip.line_id for clip in whole.clips if clip.start + clip.length > most}
    fitting = next((index for index, planned in enumerate(lines) if planned.line.id in late), len(lines))
    return _lay_out(plan, "", lines[: max(1, fitting)], takes, recipe) if late else whole


def complete_lines(plan: Plan, takes: Mapping[str, Take]) -> list[PlannedLine]:
    """Return the lines that miss no take."""
    return [planned for planned in plan.lines if planned.is_complete(takes)]


def tighten_edges(timeline: Timeline) -> Timeline:
    """Cut what a recording brings of its room before the first word and after the last one.

    So the silence at both ends is the recipe's, also where lines are recordings, which are otherwise left whole.
    """
    clips = [index for index, item in enumerate(timeline.items) if isinstance(item, Clip)]
    items = list(timeline.items)
    for index, side in ((clips[0], 0), (clips[-1], 1)) if clips else ():
        item = items[index]
        items[index] = _shortened(item, timeline.sample_rate, side) if isinstance(item, Clip) else item
    return _closed_up(timeline, items)


def _shortened(item: Clip, sample_rate: int, side: int) -> Clip:
    """Cut the quiet part off one end of a clip (side 0: its beginning), but for a little room."""
    rate = item.take.sample_rate
    levels = np.array(item.take.measures.energy_lufs)
    speech = np.flatnonzero(levels > np.percentile(levels, _LOUD_PERCENT) - _QUIET_BELOW_LU)
    bins = (speech[0], levels.size - 1 - speech[-1])[side] - 1
    unused = (item.trim, item.take.frames - item.trim - item.trim_length)[side]
    cut = max(0, int(bins) * rate // BINS_PER_SECOND - unused)
    if not cut:
        return item
    trim_length = item.trim_length - cut
    length = -(-trim_length * sample_rate // rate)
    return replace(item, trim=item.trim + (0 if side else cut), trim_length=trim_length, length=length)


def _closed_up(timeline: Timeline, items: Sequence[Clip | Gap]) -> Timeline:
    """Put items that became shorter one after the other again."""
    placed, position = [], 0
    for item in items:
        placed.append(replace(item, start=position))
        position += item.length
    return replace(timeline, items=tuple(placed), length=position)


def pad_timeline(timeline: Timeline, multiple: int) -> Timeline:
    """Lengthen the silence at the end until the length is a multiple of so many samples."""
    more = -timeline.length % multiple
    return (
        replace(
            timeline, length=timeline.length + more, items=(*timeline.items, Gap(start=timeline.length, length=more))
        )
        if more
        else timeline
    )


def _lay_out(
    plan: Plan, part_id: str, lines: Sequence[PlannedLine], takes: Mapping[str, Take], recipe: Recipe
) -> Timeline:
    pauses = plan.manifest.pauses
    tape = _Tape(recipe.sample_rate)
    tape.wait(recipe.head_s + (lines[0].line.pause_before_s or 0.0) + lines[0].lead_s)
    for before, planned in zip([None, *lines], lines, strict=False):
        if tape.has_spoken(planned):
            continue
        if before:
            tape.wait(_pause_between(before, planned, pauses))
        tape.speak(planned, takes, pauses)
    last = lines[-1]
    tape.wait(recipe.tail_s + (last.line.pause_after_s or 0.0) + (last.utterances[-1].pause_s or 0.0))
    chapter = plan.manifest.chapters.get(part_id)
    title = (chapter.title if chapter else "") or part_id or plan.manifest.metadata.get("title", "")
    return tape.cut(part_id or plan.manifest.name, title or plan.manifest.name)


def _pause_between(before: PlannedLine, after: PlannedLine, pauses: Pauses) -> float:
    """Return how long the silence between two lines is: all that the lines ask for, else what their boundary has."""
    asked = (before.line.pause_after_s, before.utterances[-1].pause_s, after.line.pause_before_s, after.lead_s or None)
    authored = [pause for pause in asked if pause is not None]
    if authored:
        return sum(authored)
    if after.utterances[0].turns and before.utterances[-1].key == after.utterances[0].key:
        return 0.0  # the take has the pause
    if before.line.chapter != after.line.chapter:
        return pauses.chapter
    if before.line.scene != after.line.scene:
        return pauses.scene
    if before.line.speaker != after.line.speaker and pauses.speaker_change is not None:
        return pauses.speaker_change
    return pauses.paragraph


@dataclass(slots=True)
class _Tape:
    """A timeline that grows: silence and takes are put at its end."""

    sample_rate: int
    position: int = 0
    items: list[Clip | Gap] = field(default_factory=list)

    def wait(self, seconds: float) -> None:
        length = round(seconds * self.sample_rate)
        if length <= 0:
            return
        if self.items and isinstance(last := self.items[-1], Gap):
            self.items[-1] = Gap(start=last.start, length=last.length + length)
        else:
            self.items.append(Gap(start=self.position, length=length))
        self.position += length

    def speak(self, planned: PlannedLine, takes: Mapping[str, Take], pauses: Pauses) -> None:
        """Put all takes of a line down, with the pauses between them; not what follows the last one."""
        for utterance in planned.utterances:
            self._place(planned, utterance, takes[utterance.key])
            if utterance is not planned.utterances[-1]:
                self.wait(getattr(pauses, utterance.boundary) if utterance.pause_s is None else utterance.pause_s)

    def has_spoken(self, planned: PlannedLine) -> bool:
        """Whether the last clip is a take that holds this line, and that cannot be cut."""
        last = self.items[-1] if self.items else None
        return isinstance(last, Clip) and bool(last.shares) and planned.keys == (last.take.key,)

    def cut(self, timeline_id: str, title: str) -> Timeline:
        """End the tape."""
        return Timeline(
            id=timeline_id,
            title=title,
            sample_rate=self.sample_rate,
            items=tuple(self.items),
            length=self.position,
        )

    def _place(self, planned: PlannedLine, utterance: Utterance, take: Take) -> None:
        trim, end = bounds = _bounds(take, utterance)
        spans = find_turns(take, utterance.turns, trim, end) if utterance.turns else [bounds]
        trim, end = spans[utterance.turn] if spans else bounds
        length = -(-(end - trim) * self.sample_rate // take.sample_rate)
        self.items.append(
            Clip(
                line_id=planned.line.id,
                part=utterance.part,
                take=take,
                start=self.position,
                length=length,
                trim=trim,
                trim_length=end - trim,
                gain_db=planned.gain_db,
                effect=planned.line.effect if planned.line.effect in EFFECTS else "",
                shares=() if spans else share_by_length(utterance.turns, length),
            )
        )
        self.position += length


def is_inseparable(planned: PlannedLine, takes: Mapping[str, Take]) -> bool:
    """Whether a line is a turn of a take that cannot be cut into its turns."""
    return any(
        utterance.turns and not find_turns(takes[utterance.key], utterance.turns, 0, takes[utterance.key].frames)
        for utterance in planned.utterances
    )


def _bounds(take: Take, utterance: Utterance) -> tuple[int, int]:
    """Return the first and the end sample to use: silence that an engine adds is cut, a recording is left whole."""
    if utterance.engine == RECORDING.name:
        return 0, take.frames
    first = take.measures.onset - round(LEAD_IN_S * take.sample_rate)
    end = take.measures.offset + round(LEAD_OUT_S * take.sample_rate)
    return max(0, first), min(take.frames, end)
