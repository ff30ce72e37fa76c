"""What a cast asks of its engines: emotions made from one another, and whether an engine can do what a line says."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from tts_cli.engines.base import EngineSpec
from tts_cli.engines.catalog import engine_names, get_spec, resolve_voice
from tts_cli.engines.emotions import EXAGGERATION, emotion_at
from tts_cli.engines.recording.spec import RECORDING
from tts_cli.errors import InputError, UnknownNameError
from tts_cli.formats.documents import Diagnostics
from tts_cli.formats.fields import guess
from tts_cli.formats.records import Entry
from tts_cli.formats.values import BadValueError, parse_number, within
from tts_cli.line import Line
from tts_cli.types import Emotion, Reference, Voice
from tts_cli.user_files import is_file

DEEPEST_LIKE = 20
SAME = 1e-6  # factors that differ less are the same
NEUTRAL = Emotion(name="neutral")

Params = Mapping[str, float | str]


@dataclass(frozen=True, slots=True)
class EngineProblem:
    """What is wrong with a field, wherever that field was given."""

    field: str
    message: str
    hint: str = ""
    severity: Literal["error", "warning"] = "error"


def engines() -> tuple[str, ...]:
    """Name the engines that a manifest may choose; a recording is chosen by `audio`."""
    return tuple(name for name in engine_names() if name != RECORDING.name)


def spec_of(engine: str) -> EngineSpec | None:
    """Return an engine's spec, or None for a name that nobody knows."""
    return get_spec(engine) if engine in engines() else None


def speaks(engine: str, language: str) -> bool:
    """Tell whether an engine knows a language; of an engine that nobody knows, its lines will say so."""
    spec = spec_of(engine)
    try:
        return spec is None or resolve_voice(spec, "", language) is not None
    except UnknownNameError as error:
        return not error.message.startswith("unknown language")


def find_engine_problems(line: Line, emotions: Mapping[str, Emotion], voice: Voice | None) -> Iterator[EngineProblem]:
    """Return what the line's engine cannot do; `emotions` are the project's and the speaker's own.

    `voice` is None where the line's voice is the engine's own.
    """
    spec = spec_of(line.engine)
    if spec is None:
        yield EngineProblem("engine", f"unknown engine {line.engine!r}", guess(line.engine, engines()))
        return
    yield from _find_voice_problems(line, voice, spec)
    yield from read_params(spec, line.params)[1]
    known = {**spec.emotions, **(voice.emotions if voice else {}), **emotions}
    emotion = known.get(line.emotion) if line.emotion else NEUTRAL
    if emotion is None:
        yield EngineProblem("emotion", f"unknown emotion {line.emotion!r}", guess(line.emotion, known))
        return
    if line.context > spec.abilities.context_turns:
        yield EngineProblem("context", _context_message(spec), severity="warning")
    if line.dialogue and not spec.abilities.dialogue_speakers:
        message = f"the engine {spec.name} speaks no dialogues: their lines are spoken one by one"
        yield EngineProblem("dialogue", message, severity="warning")
    yield from _find_excess(line, emotion, voice, spec)
    yield from _find_lacks(emotion, voice, spec)


def _find_voice_problems(line: Line, voice: Voice | None, spec: EngineSpec) -> Iterator[EngineProblem]:
    try:
        own = resolve_voice(spec, voice.own if voice else line.voice, line.language)
        if not own and not (voice and (voice.references or voice.state)):
            who = f"the speaker {line.speaker!r}" if line.speaker else "the line"
            yield EngineProblem(
                "voice", f"the engine {spec.name} needs a voice, and {who} has none", "give it a `voice:`"
            )
    except UnknownNameError as error:
        of_language = error.message.startswith("unknown language")
        yield EngineProblem("language" if of_language else "voice", error.message, error.hint)
    except InputError as error:
        for problem in error.problems:
            yield EngineProblem("voice", f"{problem.source.path} {problem.message}", problem.hint)


def _context_message(spec: EngineSpec) -> str:
    turns = spec.abilities.context_turns
    return (
        f"the engine {spec.name} hears {turns} earlier turns at most"
        if turns
        else f"the engine {spec.name} hears no earlier turns: lines are spoken without `context`"
    )


def _find_excess(line: Line, emotion: Emotion, voice: Voice | None, spec: EngineSpec) -> Iterator[EngineProblem]:
    """Find factors beyond what the engine takes, alone or together with the voice's and the emotion's."""
    scaled = emotion_at(emotion, line.intensity, spec.params)
    speed, pitch = (voice.speed, voice.pitch) if voice else (1.0, 1.0)
    for name, own, more in (("speed", line.speed, speed * scaled.speed), ("pitch", line.pitch, pitch * scaled.pitch)):
        param = spec.params.get(name)
        if param is None and abs(own * more - 1.0) > SAME:
            message = f"the engine {spec.name} cannot change the {name}: lines do without it"
            yield EngineProblem(name if own != 1 else "emotion", message, severity="warning")
        elif param and not param.low <= own * more <= param.high:
            with_emotion = f" with the emotion {line.emotion!r}" if line.emotion and more != 1 else ""
            message = f"{name}: {own * more:.2f}{with_emotion} is not between {param.low:g} and {param.high:g}"
            yield EngineProblem(
                name if own != 1 else "emotion", message, f"that is the range of the engine {spec.name}"
            )


def _find_lacks(emotion: Emotion, voice: Voice | None, spec: EngineSpec) -> Iterator[EngineProblem]:
    """Find what an emotion asks of the engine, and the engine does not have: it is spoken without."""
    lacking = [name for name in emotion.params if name not in spec.params]
    if emotion.exaggeration is not None and EXAGGERATION not in spec.params:
        lacking.append(EXAGGERATION)
    for name in lacking:
        yield EngineProblem(
            "emotion", f"the engine {spec.name} has no {name}: emotions do without it", severity="warning"
        )
    if emotion.reference and not (voice and voice.references):
        message = f"only a voice that imitates can take the reference of the emotion {emotion.name!r}"
        yield EngineProblem("emotion", message, severity="warning")
    clip = emotion.reference or (voice.emotions.get(emotion.name, NEUTRAL).reference if voice else None)
    if not (spec.abilities.expressive or emotion.name == NEUTRAL.name or (clip and voice and voice.references)):
        made_do = f", only: {emotion.description}" if emotion.description else ""
        message = f"the engine {spec.name} has no emotion {emotion.name!r} of its own{made_do}"
        hint = "give the voice a `reference` in which it speaks that way" if spec.imitates else ""
        yield EngineProblem("emotion", message, hint, severity="warning")


def with_engine(line: Line, engines: Sequence[str]) -> Line:
    """Give a line to the first of these engines; the others are what it falls back on.

    It keeps the engine parameters that the new engine has, too.
    """
    spec = spec_of(engines[0])
    params = {name: value for name, value in line.params.items() if spec and name in spec.params}
    return replace(line, engine=engines[0], fallback=tuple(engines[1:]), params=params)


# --- engine parameters ----------------------------------------------------------------------------------


def raw_params(values: Mapping[str, Any]) -> dict[str, str]:
    """Pick a record's engine parameters, still as written."""
    if "params" not in values:
        return {}
    return {name.removeprefix("params."): value for name, value in values.items() if name.startswith("params.")}


def read_params(spec: EngineSpec, raw: Params) -> tuple[Params, tuple[EngineProblem, ...]]:
    """Turn written engine parameters into numbers and choices."""
    params: dict[str, float | str] = {}
    faults = []
    for name, value in raw.items():
        try:
            params[name] = _read_param(spec, name, str(value))
        except BadValueError as error:
            faults.append(EngineProblem(f"params.{name}", f"{name}: {error}", error.hint))
    return params, tuple(faults)


def _read_param(spec: EngineSpec, name: str, value: str) -> float | str:
    param = spec.params.get(name)
    if name in ("speed", "pitch"):
        raise BadValueError("is a field of its own", f"write `{name}:` outside of `params`")
    if param is None:
        raise BadValueError(f"{spec.name} has no such parameter", guess(name, spec.params))
    if isinstance(param.default, str):
        if value not in param.choices:
            raise BadValueError(f"{value[:40]!r} is not one of its values", guess(value, param.choices))
        return value
    return within(parse_number, param.low, param.high)(value)


# --- emotions -------------------------------------------------------------------------------------------


def make_emotions(
    entries: Mapping[str, Entry],
    outer: Mapping[str, Emotion],
    spec: EngineSpec | None,
    diagnostics: Diagnostics,
    *,
    whole: bool = True,
    any_engine: bool = False,
) -> dict[str, Emotion]:
    """Make the emotions of the project, a speaker or a voice; `like` looks among them, in `outer`, then in the engine.

    What is wrong goes to `findings`; an unknown name does not where the cast is not `whole`. Emotions for `any_engine`
    may have parameters that this one lacks; they stay as they were written.
    """
    known = {**(spec.emotions if spec else {}), **outer}
    emotions = {}
    for name in entries:
        chain, base, fault = _follow_like(name, entries, known)
        if fault and (whole or not fault.message.startswith("unknown")):
            diagnostics.complain(entries[chain[-1]].at("like"), fault.message, fault.hint)
        for step in reversed(chain):
            base = _vary(base, entries[step], spec, diagnostics, any_engine=any_engine)
        emotions[name] = replace(base, name=name)
    return emotions


def _follow_like(
    name: str, entries: Mapping[str, Entry], outer: Mapping[str, Emotion]
) -> tuple[list[str], Emotion, EngineProblem | None]:
    """Return the emotions that one is made of, the one they start from, and what is wrong with the chain."""
    chain = [name]
    while like := entries[chain[-1]].values.get("like"):
        if like in entries and like not in chain and len(chain) < DEEPEST_LIKE:
            chain.append(like)
        elif like in outer:
            return chain, outer[like], None
        elif like in entries:
            return chain, Emotion(name=name), EngineProblem("like", f"like: {like!r} leads in a circle, or too far")
        else:
            hint = guess(like, [*outer, *entries])
            return chain, Emotion(name=name), EngineProblem("like", f"unknown emotion {like!r}", hint)
    return chain, Emotion(name=name), None


def _vary(
    base: Emotion, entry: Entry, spec: EngineSpec | None, diagnostics: Diagnostics, *, any_engine: bool
) -> Emotion:
    values = entry.values
    raw = raw_params(values)
    foreign = {name: value for name, value in raw.items() if any_engine and spec and name not in spec.params}
    own = {name: value for name, value in raw.items() if name not in foreign}
    params, faults = read_params(spec, own) if spec else ({}, ())
    for fault in faults:
        diagnostics.complain(entry.at(fault.field), fault.message, fault.hint)
    return replace(
        base,
        description=values.get("description", base.description),
        intensity=values.get("intensity", base.intensity),
        exaggeration=values.get("exaggeration", base.exaggeration),
        speed=values.get("speed", base.speed),
        pitch=values.get("pitch", base.pitch),
        volume_db=values.get("volume", base.volume_db),
        params={**base.params, **params, **foreign},
        reference=_reference(entry, diagnostics) if "reference" in values else base.reference,
    )


def _reference(entry: Entry, diagnostics: Diagnostics) -> Reference:
    """Return the clip in which the voice speaks this way; its path is relative to the file that names it."""
    source = entry.at("reference")
    path = Path(source.path).parent / entry.values["reference"]
    if not is_file(path):
        hint = f"paths are relative to {source.path}"
        diagnostics.complain(source, f"reference: no such file {entry.values['reference'][:80]!r}", hint)
    return Reference(path=str(path), transcript=entry.values.get("transcript", ""))


def find_emotion_name(written: str, sources: Iterable[Iterable[str]]) -> str:
    """Return the name of the emotion that is written so in any case; what several or none are called stays."""
    known = {name for source in sources for name in source}
    alike = [name for name in known if name.casefold() == written.casefold()]
    return alike[0] if written not in known and len(alike) == 1 else written
