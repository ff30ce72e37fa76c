"""Takes -> Timeline: where each take lies in its programme, exact to the sample."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tts_cli.types import Boundary, Clip, Gap, Pauses, Plan, PlannedLine, Recipe, Take, Timeline, Utterance

# Kept around the speech that was measured in a take, so that no breath or release is cut.
LEAD_IN_S = 0.010
LEAD_OUT_S = 0.040


def make_timelines(plan: Plan, takes: Mapping[str, Take], recipe: Recipe) -> dict[str, Timeline]:
    """Lay out one timeline per chapter (by its id), or one in all; a part that still misses a take is left out."""
    return {
        part_id: _lay_out(plan, part_id, lines, takes, recipe)
        for part_id, lines in split_lines(plan, recipe).items()
        if all(utterance.key in takes for planned in lines for utterance in planned.utterances)
    }


def split_lines(plan: Plan, recipe: Recipe) -> dict[str, list[PlannedLine]]:
    """Group lines by the master they belong to; the key is the chapter's id, or "" for a programme."""
    parts: dict[str, list[PlannedLine]] = {}
    for planned in plan.lines:
        parts.setdefault(planned.line.chapter if recipe.split == "chapter" else "", []).append(planned)
    return parts


def _lay_out(
    plan: Plan, part_id: str, lines: Sequence[PlannedLine], takes: Mapping[str, Take], recipe: Recipe
) -> Timeline:
    tape = _Tape(recipe.sample_rate)
    tape.wait(recipe.head_s)
    for number, planned in enumerate(lines):
        if number:
            tape.wait(_pause_between(lines[number - 1], planned, plan.manifest.pauses))
        elif planned.line.pause_before_s:
            tape.wait(planned.line.pause_before_s)
        tape.wait(planned.lead_s)
        for utterance, pause_s in _with_pauses(planned.utterances, plan.manifest.pauses):
            tape.place(planned, utterance, takes[utterance.key])
            tape.wait(pause_s)
    tape.wait(recipe.tail_s)
    chapter = plan.manifest.chapters.get(part_id)
    title = (chapter.title if chapter else "") or part_id or plan.manifest.metadata.get("title", plan.manifest.name)
    return Timeline(
        id=part_id or plan.manifest.name,
        title=title,
        sample_rate=recipe.sample_rate,
        items=tuple(tape.items),
        length=tape.position,
    )


def _with_pauses(utterances: Sequence[Utterance], pauses: Pauses) -> Iterable[tuple[Utterance, float]]:
    """Pair each utterance with the silence after it; after the last one only what the text itself asks for."""
    for utterance in utterances[:-1]:
        authored = utterance.pause_s
        yield utterance, getattr(pauses, Boundary(utterance.boundary)) if authored is None else authored
    yield utterances[-1], utterances[-1].pause_s or 0.0


def _pause_between(before: PlannedLine, after: PlannedLine, pauses: Pauses) -> float:
    """Say how long the silence between two lines is: what either line asks for, else the kind of boundary's."""
    authored = [pause for pause in (before.line.pause_after_s, after.line.pause_before_s) if pause is not None]
    if authored:
        return sum(authored)
    if before.utterances[-1].pause_s is not None:
        return 0.0
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

    def place(self, planned: PlannedLine, utterance: Utterance, take: Take) -> None:
        trim, end = _bounds(take, utterance)
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
            )
        )
        self.position += length


def _bounds(take: Take, utterance: Utterance) -> tuple[int, int]:
    """Return the first and the end sample to use: silence that an engine adds is cut, a recording is left whole."""
    if utterance.engine == "recording":
        return 0, take.frames
    first = take.measures.onset - round(LEAD_IN_S * take.sample_rate)
    end = take.measures.offset + round(LEAD_OUT_S * take.sample_rate)
    return max(0, first), min(take.frames, end)
