"""Manifest -> Plan: what each line becomes, which takes are there already, and why the others must be rendered."""

from collections import defaultdict
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial

from tts_cli.cache.keys import digest
from tts_cli.cache.store import Cache, Missing
from tts_cli.errors import InputError, MissingError, Problem, UnknownNameError, UsageError
from tts_cli.formats.fields import fold
from tts_cli.line import Line
from tts_cli.pipeline.model import Plan, PlannedLine, PreviousLine, Reason
from tts_cli.pipeline.plan.conversation import Conversation, find_dialogues, find_scenes, join_dialogue, split_dialogue
from tts_cli.pipeline.plan.utterances import LinePlanner, estimate_s
from tts_cli.pipeline.script.engine_checks import with_engine
from tts_cli.types import Job, Manifest, SpokenTurn, Take, Turn, Utterance


def make_plan(
    manifest: Manifest,
    cache: Cache,
    *,
    selected: frozenset[str],
    past: Callable[[], Mapping[str, PreviousLine]],
    force: bool = False,
) -> Plan:
    """Plan every line; the `selected` ones are to be rendered where a take is missing, or all of them by `force`.

    `past` gives the last timeline, in its order; it is asked only where a take is missing or a line locked.
    Raises `InputError` where a locked take is gone, or a clip of a voice cannot be read.
    """
    planner = LinePlanner(manifest)
    takes: dict[str, Take] = {}
    history = _History(past, frozenset(line.id for line in manifest.lines))
    # All lines, then all takes: to plan and look up by turns costs a sixth more.
    lines = list(_plan_lines(manifest, history, planner))
    before: str | None = None
    for place, planned in enumerate(lines):
        line = planned.line
        missing = cache.look_up(planned.keys, takes)
        if force and line.id in selected and not line.lock:
            lines[place] = replace(planned, reason=Reason.FORCED)
        elif missing:
            lines[place] = replace(planned, reason=_reason(planned, missing, history.find(line.id, before)))
        before = line.id
    _refuse_lost_locks(lines)
    return Plan(
        manifest=manifest,
        lines=tuple(lines),
        takes=takes,
        selected=selected,
        conditionals_requests=planner.conditionals_requests.by_key,
    )


def _plan_lines(manifest: Manifest, history: "_History", planner: LinePlanner) -> Iterator[PlannedLine]:
    """Plan line by line, or a dialogue at once; each hears what was planned before it."""
    conversation = Conversation(manifest.lines)
    for row in find_dialogues(manifest.lines):
        alone = [_plan_line(line, planner) for line in row] if len(row) > 1 else []
        for take in split_dialogue(alone) if alone else [[]]:
            line = take[0].line if take else row[0]
            heard = conversation.before(line)
            if len(take) > 1:
                planned = join_dialogue(take, heard)
            else:
                locked = history.lines.get(line.id) if line.lock else None
                planned = [_plan_line(line, planner, locked, heard)]
            for one in planned:
                conversation.add(one)
            yield from planned


def _plan_line(
    line: Line, planner: LinePlanner, locked: PreviousLine | None = None, heard: tuple[Turn, ...] = ()
) -> PlannedLine:
    """Plan a line for its engine, or for the first engine of its chain that is installed at all."""
    try:
        return planner.plan(line, locked, heard)
    except MissingError:
        if not line.fallback:
            raise
        return _plan_line(with_engine(line, line.fallback), planner, locked, heard)


def describe_previous(planned: PlannedLine) -> PreviousLine:
    """Return what the next run will want to know of a planned line."""
    if planned.locked:
        return planned.locked
    first = planned.utterances[0]
    return PreviousLine(
        id=planned.line.id,
        text=planned.line.spoken,
        voice=f"{first.voice} {first.conditionals[:16]}".strip(),
        language=first.language,
        emotion=_emotion_name(planned.line),
        engine=first.engine,
        parts=tuple((u.key, u.boundary, u.pause_s) for u in planned.utterances),
        context=_context_digest(first),
        turns=tuple(SpokenTurn(line_id=turn.line_id, text=turn.text) for turn in first.turns),
        turn=first.turn,
    )


def _context_digest(utterance: Utterance) -> str:
    """Name what an engine hears beside the line itself: earlier turns, and the other turns of its take."""
    heard = [[turn.text, turn.speaker, turn.take] for turn in utterance.context]
    others = [[turn.text, turn.speaker, turn.voice] for turn in utterance.turns if turn.line_id != utterance.line_id]
    return digest([*heard, *others]) if heard or others else ""


# --- what is missing, and why ---------------------------------------------------------------------------


def _reason(planned: PlannedLine, missing: Sequence[Missing], old: PreviousLine | None) -> Reason:
    if Missing.DAMAGED in missing:
        return Reason.DAMAGED
    if old is None:
        return Reason.NEW
    now = describe_previous(planned)
    changes = (
        (Reason.TEXT, now.text != old.text),
        (Reason.ENGINE, now.engine != old.engine),
        (Reason.VOICE, (now.voice, now.language) != (old.voice, old.language)),
        (Reason.EMOTION, now.emotion != old.emotion),
        (Reason.CONTEXT, now.context != old.context),
        (Reason.PARAMS, now.parts != old.parts),
    )
    return next((reason for reason, changed in changes if changed), Reason.NEW)


class _History:
    """What each line was the last time, read when it is first asked for."""

    def __init__(self, past: Callable[[], Mapping[str, PreviousLine]], present: frozenset[str]) -> None:
        self._past = past
        self._present = present

    @cached_property
    def lines(self) -> Mapping[str, PreviousLine]:
        return self._past()

    @cached_property
    def _successors(self) -> dict[str | None, PreviousLine]:
        """Map each line of the last timeline (None: its start) to the one after it."""
        return dict(zip([None, *self.lines], self.lines.values(), strict=False))

    def find(self, line_id: str, before: str | None) -> PreviousLine | None:
        """Find what a line was: by its id, or as the line that stood after `before` and is gone.

        Automatic ids come from content, so an edited line has a new id and only its place tells what it was.
        """
        if line_id in self.lines:
            return self.lines[line_id]
        old = self._successors.get(before)
        return old if old and old.id not in self._present else None


def _refuse_lost_locks(lines: Iterable[PlannedLine]) -> None:
    hint = "restore the cache, or remove `lock` to record the line anew"
    problems = [
        Problem(planned.line.source, f"line {planned.line.id!r} is locked, but its take is gone", hint)
        for planned in lines
        if planned.locked and planned.reason
    ]
    if problems:
        raise InputError(problems)


def _emotion_name(line: Line) -> str:
    return f"{line.emotion}:{line.intensity:g}" if line.emotion else ""


# --- which lines ----------------------------------------------------------------------------------------

FLAGGED = "flagged"
_FIELDS: Mapping[str, Callable[[Line], Iterable[str]]] = {
    "id": lambda line: (line.id,),
    "speaker": lambda line: (line.speaker,),
    "chapter": lambda line: (line.chapter,),
    "scene": lambda line: (line.scene,),
    "emotion": lambda line: (line.emotion,),
    "language": lambda line: (line.language,),
    "engine": lambda line: (line.engine,),
    "voice": lambda line: (line.voice,),
    "tag": lambda line: line.tags,
}


def select_lines(
    manifest: Manifest, expressions: Sequence[str], quality_issues: Callable[[], Collection[str]] = tuple
) -> frozenset[str]:
    """Return the ids of the lines that match every `field=value[,value]`; all lines for none.

    A chapter is named by its id, its title or its number from 1; `flagged` are the lines that the last run found so.
    Raises `UsageError` for what matches nothing.
    """
    lines = list(manifest.lines)
    for expression in expressions:
        if expression == FLAGGED:
            lines = _select_flagged(lines, quality_issues())
            continue
        name, equals, values = expression.partition("=")
        own = {column: None for line in manifest.lines for column in line.columns}
        if not equals or (name not in _FIELDS and fold(name) not in set(map(fold, own))):
            raise UsageError(
                f"--only {expression!r} is not field=value",
                hint=f"fields: {', '.join((*_FIELDS, *own))}; values joined by commas; or `flagged`",
            )
        read = _FIELDS.get(name) or partial(_column_values, fold(name))
        wanted = {_value(manifest, name, value.strip(), read) for value in values.split(",")}
        lines = [line for line in lines if wanted.intersection(read(line))]
    return frozenset(line.id for line in lines)


def _select_flagged(lines: Iterable[Line], quality_issues: Collection[str]) -> list[Line]:
    selected = [line for line in lines if line.id in quality_issues]
    if not selected:
        raise UsageError("--only flagged: the last run of this folder flagged no line")
    return selected


def _column_values(folded: str, line: Line) -> list[str]:
    """Return what a line has in the sheet's own column of that name."""
    return [value for column, value in line.columns.items() if fold(column) == folded]


def _value(manifest: Manifest, name: str, value: str, read: Callable[[Line], Iterable[str]]) -> str:
    if name == "chapter":
        for number, chapter in enumerate(manifest.chapters.values(), start=1):
            if value in (chapter.id, chapter.title, str(number)):
                return chapter.id
    known = {found for line in manifest.lines for found in read(line)}
    if value not in known:
        unknown = UnknownNameError(name, value, filter(None, known))
        raise UsageError(f"--only: {unknown.message}", hint=unknown.hint)
    return value


# --- jobs: what must be recorded --------------------------------------------------------------------------


def make_jobs(plan: Plan) -> tuple[Job, ...]:
    """Return a job for each take that a selected line misses; the engine with most work comes first.

    Takes of a scene that hear one another are one job, in the order of the script.
    """
    scenes = find_scenes(plan.lines)
    groups: defaultdict[str, list[Job]] = defaultdict(list)
    conversations: defaultdict[tuple[str, int], list[Utterance]] = defaultdict(list)
    for utterance in _wanted(plan):
        if utterance.key in scenes:
            conversations[utterance.engine, scenes[utterance.key]].append(utterance)
        else:
            groups[utterance.engine].append(_make_job([utterance]))
    for (engine, _), utterances in conversations.items():
        groups[engine].append(_make_job(utterances, in_order=True))
    largest_first = sorted(groups.values(), key=lambda jobs: -sum(job.estimated_s for job in jobs))
    return tuple(job for jobs in largest_first for job in sorted(jobs, key=lambda job: -job.estimated_s))


def _make_job(utterances: Sequence[Utterance], *, in_order: bool = False) -> Job:
    seconds = sum(map(estimate_s, utterances))
    return Job(engine=utterances[0].engine, calls=tuple(utterances), estimated_s=seconds, in_order=in_order)


def leave_out(jobs: Iterable[Job], keys: Container[str]) -> list[Job]:
    """Return jobs without the calls that have one of these keys."""
    left = []
    for job in jobs:
        calls = tuple(call for call in job.calls if call.key not in keys)
        if len(calls) == len(job.calls):
            left.append(job)
        elif calls:
            left.append(replace(job, calls=calls, estimated_s=job.estimated_s * len(calls) / len(job.calls)))
    return left


def _wanted(plan: Plan) -> Iterable[Utterance]:
    """Yield each take to record once, however many lines share it."""
    seen: set[str] = set()
    for planned in plan.to_render:
        for utterance in planned.utterances:
            known = utterance.key in plan.takes and planned.reason is not Reason.FORCED
            if utterance.key not in seen and not known:
                seen.add(utterance.key)
                yield utterance
