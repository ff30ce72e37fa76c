"""Manifest -> Plan: what each line becomes, which takes are there already, and why the others must be rendered."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from tts_cli.cache.keys import KEY_VERSION, derive_seed, digest, take_key
from tts_cli.cache.store import Cache, Missing
from tts_cli.engines.base import EngineSpec
from tts_cli.engines.catalog import get_spec, package_version, resolve_voice
from tts_cli.engines.emotions import emotion_at
from tts_cli.errors import InputError, UnknownNameError, UsageError
from tts_cli.text.script import Part, make_parts
from tts_cli.types import (
    Boundary,
    Emotion,
    Line,
    Manifest,
    PastLine,
    Plan,
    PlannedLine,
    Problem,
    Reason,
    Take,
    Utterance,
)

NEUTRAL = Emotion(name="neutral")
RECORDING = "recording"

Params = Mapping[str, float | str]


def make_plan(
    manifest: Manifest,
    cache: Cache,
    *,
    selected: frozenset[str],
    past: Callable[[], Mapping[str, PastLine]],
    force: bool = False,
) -> Plan:
    """Plan every line; the `selected` ones are to be rendered where a take is missing, or all of them by `force`.

    `past` gives the last timeline, in its order; it is asked only where a take is missing or a line locked.
    Raises `InputError` where a locked take is gone.
    """
    takes: dict[str, Take] = {}
    history = _History(past, frozenset(line.id for line in manifest.lines))
    lines = []
    before: str | None = None
    for line in manifest.lines:
        planned = _plan_line(line, manifest, history.lines.get(line.id) if line.lock else None)
        missing = _look_up(planned.utterances, cache, takes)
        if force and line.id in selected and not line.lock:
            planned = replace(planned, reason=Reason.FORCED)
        elif missing:
            planned = replace(planned, reason=_reason(planned, missing, history.find(line.id, before)))
        lines.append(planned)
        before = line.id
    _refuse_lost_locks(lines)
    return Plan(manifest=manifest, lines=tuple(lines), takes=takes, selected=selected)


def describe_past(planned: PlannedLine) -> PastLine:
    """Say of a planned line what the next run will want to know."""
    if planned.locked:
        return planned.locked
    first = planned.utterances[0]
    return PastLine(
        id=planned.line.id,
        text=planned.line.spoken,
        voice=first.voice,
        language=first.language,
        emotion=_emotion_name(planned.line),
        engine=first.engine,
        parts=tuple((u.key, str(u.boundary), u.pause_s) for u in planned.utterances),
    )


# --- from a line to its utterances ----------------------------------------------------------------------


def _plan_line(line: Line, manifest: Manifest, locked: PastLine | None) -> PlannedLine:
    speaker = manifest.speakers.get(line.speaker)
    emotion = NEUTRAL
    lead_s = 0.0
    if locked:
        utterances = _locked(line, locked)
    elif line.audio:
        utterances = (_recording(line),)
    else:
        spec = get_spec(line.engine)
        emotion = _emotion(line, manifest, spec)
        parts = make_parts(line.spoken, spec.target_chars, spec.max_chars)
        lead_s = parts.lead_s
        utterances = _spoken(line, parts.parts, _params(line, emotion, spec), manifest.seed)
    gain_db = line.volume_db + emotion.volume_db + (speaker.gain_db if speaker else 0.0)
    return PlannedLine(line=line, utterances=utterances, reason=None, gain_db=gain_db, lead_s=lead_s, locked=locked)


def _spoken(line: Line, parts: Sequence[Part], params: Params, project_seed: int) -> tuple[Utterance, ...]:
    spec = get_spec(line.engine)
    voice = resolve_voice(spec, line.voice, line.language)
    weights = package_version(spec)
    utterances = []
    for number, part in enumerate(parts):
        seed = _seed(line, number, spec, project_seed)
        key = take_key(
            engine=spec.name,
            adapter=spec.version,
            weights=weights,
            voice=voice,
            language=line.language,
            text=part.text,
            params=params,
            seed=seed,
            sample_rate=spec.sample_rate,
        )
        utterances.append(
            Utterance(
                line_id=line.id,
                part=number,
                text=part.text,
                language=line.language,
                voice=voice,
                engine=spec.name,
                params=params,
                seed=seed,
                key=key,
                boundary=part.boundary,
                pause_s=part.pause_s,
            )
        )
    return tuple(utterances)


def _seed(line: Line, part: int, spec: EngineSpec, project_seed: int) -> int:
    """Derive a seed where one changes the sound; an engine without randomness varies on request only."""
    if not spec.stochastic and line.seed is None and line.take == 1:
        return 0
    return derive_seed(project_seed if line.seed is None else line.seed, line.id, part, line.take)


def _emotion(line: Line, manifest: Manifest, spec: EngineSpec) -> Emotion:
    """Find what the line's emotion means here: the speaker's own, the project's, or the engine's; scaled."""
    if not line.emotion:
        return NEUTRAL
    speaker = manifest.speakers.get(line.speaker)
    for emotions in (speaker.emotions if speaker else {}, manifest.emotions, spec.emotions):
        if line.emotion in emotions:
            return emotion_at(emotions[line.emotion], line.intensity, spec.params)
    return NEUTRAL


def _params(line: Line, emotion: Emotion, spec: EngineSpec) -> Params:
    """Merge emotion and line (which wins); what equals the default is left out, so that saying it changes no key."""
    given = {**emotion.params, **line.params}
    params = {name: value for name, value in given.items() if value != spec.params[name].default}
    for name, factor in (("speed", line.speed * emotion.speed), ("pitch", line.pitch * emotion.pitch)):
        if abs(factor - 1.0) > 1e-6:
            params[name] = round(factor, 6)
    return params


def _recording(line: Line) -> Utterance:
    path = Path(line.audio)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return Utterance(
        line_id=line.id,
        part=0,
        text=line.text,
        language=line.language,
        voice="",
        engine=RECORDING,
        params={"path": str(path), "sha256": sha256},
        seed=0,
        key=digest([KEY_VERSION, RECORDING, get_spec(RECORDING).version, sha256]),
    )


def _locked(line: Line, old: PastLine) -> tuple[Utterance, ...]:
    """Take a locked line's utterances from the last timeline, whatever the manifest says by now."""
    return tuple(
        Utterance(
            line_id=line.id,
            part=number,
            text=old.text,
            language=old.language,
            voice=old.voice,
            engine=old.engine,
            params={},
            seed=0,
            key=key,
            boundary=Boundary(boundary),
            pause_s=pause_s,
        )
        for number, (key, boundary, pause_s) in enumerate(old.parts)
    )


# --- what is missing, and why ---------------------------------------------------------------------------


def _look_up(utterances: Iterable[Utterance], cache: Cache, takes: dict[str, Take]) -> list[Missing]:
    """Collect the takes the cache has; return one entry for each that it has not."""
    missing = []
    for utterance in utterances:
        if utterance.key in takes:
            continue
        found = cache.find(utterance.key)
        if isinstance(found, Missing):
            missing.append(found)
        else:
            takes[utterance.key] = found
    return missing


def _reason(planned: PlannedLine, missing: Sequence[Missing], old: PastLine | None) -> Reason:
    if Missing.DAMAGED in missing:
        return Reason.DAMAGED
    if old is None:
        return Reason.NEW
    now = describe_past(planned)
    changes = (
        (Reason.TEXT, now.text != old.text),
        (Reason.ENGINE, now.engine != old.engine),
        (Reason.VOICE, (now.voice, now.language) != (old.voice, old.language)),
        (Reason.EMOTION, now.emotion != old.emotion),
        (Reason.PARAMS, now.parts != old.parts),
    )
    return next((reason for reason, changed in changes if changed), Reason.NEW)


class _History:
    """What each line was the last time, read when it is first asked for."""

    def __init__(self, past: Callable[[], Mapping[str, PastLine]], present: frozenset[str]) -> None:
        self._past = past
        self._present = present

    @cached_property
    def lines(self) -> Mapping[str, PastLine]:
        return self._past()

    @cached_property
    def _successors(self) -> dict[str | None, PastLine]:
        """Map each line of the last timeline (None: its start) to the one after it."""
        return dict(zip([None, *self.lines], self.lines.values(), strict=False))

    def find(self, line_id: str, before: str | None) -> PastLine | None:
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


def select_lines(manifest: Manifest, expressions: Sequence[str]) -> frozenset[str]:
    """Return the ids of the lines that match every `field=value[,value]`; all lines for none.

    A chapter is named by its id, its title or its number from 1. Raises `UsageError` for what matches nothing.
    """
    lines = list(manifest.lines)
    for expression in expressions:
        name, equals, values = expression.partition("=")
        if not equals or name not in _FIELDS:
            raise UsageError(
                f"--only {expression!r} is not field=value",
                hint=f"fields: {', '.join(_FIELDS)}; values joined by commas",
            )
        wanted = {_value(manifest, name, value.strip()) for value in values.split(",")}
        lines = [line for line in lines if wanted.intersection(_FIELDS[name](line))]
    return frozenset(line.id for line in lines)


def _value(manifest: Manifest, name: str, value: str) -> str:
    if name == "chapter":
        for number, chapter in enumerate(manifest.chapters.values(), start=1):
            if value in (chapter.id, chapter.title, str(number)):
                return chapter.id
    known = {found for line in manifest.lines for found in _FIELDS[name](line)}
    if value not in known:
        unknown = UnknownNameError(name, value, filter(None, known))
        raise UsageError(f"--only: {unknown.message}", hint=unknown.hint)
    return value
