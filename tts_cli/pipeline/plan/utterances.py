"""A line to its utterances: whose voice, which emotion, what settings, in how many parts, under which keys."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tts_cli.cache.keys import KEY_VERSION, digest, plain_params, take_key
from tts_cli.engines.base import EngineSpec
from tts_cli.engines.catalog import get_spec, model_version, resolve_voice
from tts_cli.engines.emotions import emotion_at
from tts_cli.engines.kit.seeds import derive_seed
from tts_cli.engines.recording.spec import RECORDING
from tts_cli.errors import InputError, Problem
from tts_cli.line import Line
from tts_cli.pipeline.model import PlannedLine, PreviousLine
from tts_cli.pipeline.plan.voice_states import ConditionalsRequests
from tts_cli.pipeline.script.engine_checks import SAME
from tts_cli.text.script import Part, make_parts
from tts_cli.types import Emotion, Manifest, Turn, Utterance, Voice
from tts_cli.user_files import open_file

NEUTRAL = Emotion(name="neutral")
PLAIN = Voice(name="", engine="")

Params = Mapping[str, float | str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Manner:
    """How lines of one kind are spoken: the engine's full voice name, the key of its conditionals, and the settings.

    `weights` is what speaks, for keys; `gain_db` is what emotion and voice add to a line's level.
    """

    spec: EngineSpec
    weights: str
    voice: str
    conditionals: str
    params: Params
    gain_db: float = 0.0

    @property
    def model(self) -> str:
        """The model on the engine's server, "" where it has none."""
        return self.weights if self.spec.execution.server else ""

    def key(
        self,
        text: str,
        language: str,
        seed: int,
        context: Sequence[Turn] = (),
        turns: Sequence[Sequence[object]] = (),
    ) -> str:
        """Return the key of the take of a text, or of the turns of a dialogue, that is spoken so after a context."""
        return take_key(
            engine=self.spec.name,
            adapter=self.spec.version,
            weights=self.weights,
            voice=self.spec.voice_identity(self.voice),
            language=language,
            text=text,
            params=self.params,
            seed=seed,
            sample_rate=self.spec.sample_rate,
            conditionals=self.conditionals,
            heard=[(turn.text, turn.speaker, turn.take) for turn in context],
            turns=turns,
        )


class LinePlanner:
    """Plans the lines of a manifest one by one; what lines of one kind share is worked out once."""

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest
        self._manners: dict[tuple[object, ...], _Manner] = {}
        self.conditionals_requests = ConditionalsRequests()

    def plan(self, line: Line, locked: PreviousLine | None = None, heard: tuple[Turn, ...] = ()) -> PlannedLine:
        """Work a line out; `locked` is what the last timeline says of a locked line, which it keeps.

        `heard` are the turns before it that it asks for. Raises `InputError` where a clip of its voice cannot be read,
        and `MissingError` where its engine cannot speak.
        """
        speaker = self._manifest.speakers.get(line.speaker)
        gain_db = line.volume_db + (speaker.gain_db if speaker else 0.0)
        if locked:
            return PlannedLine(line=line, utterances=_locked(line, locked), reason=None, gain_db=gain_db, locked=locked)
        if line.audio:
            return PlannedLine(line=line, utterances=(_recording(line),), reason=None, gain_db=gain_db)
        manner = self._manner(line)
        text = manner.spec.text
        parts = make_parts(line.spoken, text.target_chars, text.max_chars)
        return PlannedLine(
            line=line,
            utterances=_spoken(line, parts.parts, manner, self._manifest.seed, heard),
            reason=None,
            gain_db=gain_db + manner.gain_db,
            lead_s=parts.lead_s,
            heard=heard,
        )

    def _manner(self, line: Line) -> _Manner:
        kind = (
            *(line.speaker, line.engine, line.voice, line.language, line.emotion, line.intensity),
            *(line.speed, line.pitch, *line.params.items()),
        )
        found = self._manners.get(kind)
        if found is None:
            found = self._manners[kind] = self._find_manner(line)
        return found

    def _find_manner(self, line: Line) -> _Manner:
        spec = get_spec(line.engine)
        voice = self._manifest.voices.get((line.voice, line.engine))
        emotion = _emotion(line, self._manifest, spec, voice or PLAIN)
        conditionals_request = self.conditionals_requests.of(voice, emotion, spec, line.language)
        return _Manner(
            spec=spec,
            weights=model_version(spec),
            voice=resolve_voice(spec, voice.own if voice else line.voice, line.language),
            conditionals=conditionals_request.key if conditionals_request else "",
            params=_params(line, emotion, spec, voice or PLAIN),
            gain_db=emotion.volume_db + (voice.volume_db if voice else 0.0),
        )


def _emotion(line: Line, manifest: Manifest, spec: EngineSpec, voice: Voice) -> Emotion:
    """Find what the line's emotion means here: the speaker's own, the project's, the voice's, the engine's; scaled.

    Whoever defines it, the clip in which the voice speaks that way is still the voice's.
    """
    speaker = manifest.speakers.get(line.speaker)
    for emotions in (speaker.emotions if speaker else {}, manifest.emotions, voice.emotions, spec.emotions):
        if line.emotion and line.emotion in emotions:
            emotion = emotion_at(emotions[line.emotion], line.intensity, spec.params, voice.params)
            own = voice.emotions.get(line.emotion, NEUTRAL)
            return replace(emotion, reference=emotion.reference or own.reference)
    return NEUTRAL


def _params(line: Line, emotion: Emotion, spec: EngineSpec, voice: Voice) -> Params:
    """Merge voice, emotion and line (which wins); what equals the default is left out, so saying it changes no key."""
    given = {**voice.params, **emotion.params, **line.params}
    params = {name: value for name, value in given.items() if value != spec.params[name].default}
    speed = line.speed * emotion.speed * voice.speed
    pitch = line.pitch * emotion.pitch * voice.pitch
    for name, factor in (("speed", speed), ("pitch", pitch)):
        if name in spec.params and abs(factor - 1.0) > SAME:
            params[name] = round(factor, 6)
    return params


def _spoken(
    line: Line, parts: Sequence[Part], manner: _Manner, project_seed: int, heard: tuple[Turn, ...]
) -> tuple[Utterance, ...]:
    """Make an utterance of each part; one that hears turns also hears the parts before it."""
    hears = min(line.context, manner.spec.abilities.context_turns)
    utterances: list[Utterance] = []
    for number, part in enumerate(parts):
        seed = _seed(line, number, manner.spec, project_seed)
        context = heard[-hears:] if hears else ()
        utterance = Utterance(
            line_id=line.id,
            part=number,
            text=part.text,
            language=line.language,
            voice=manner.voice,
            engine=manner.spec.name,
            params=manner.params,
            seed=seed,
            key=manner.key(part.text, line.language, seed, context),
            conditionals=manner.conditionals,
            boundary=part.boundary,
            pause_s=part.pause_s,
            model=manner.model,
            context=context,
        )
        utterances.append(utterance)
        heard = (*heard, Turn(text=part.text, speaker=line.speaker, take=utterance.key)) if hears else heard
    return tuple(utterances)


def with_seed(utterance: Utterance, seed: int) -> Utterance:
    """Return the same call with another seed, and the key of that."""
    spec = get_spec(utterance.engine)
    manner = _Manner(
        spec=spec,
        weights=model_version(spec),
        voice=utterance.voice,
        conditionals=utterance.conditionals,
        params=utterance.params,
    )
    if utterance.turns:
        turns = [
            (turn.text, turn.speaker, turn.voice, turn.conditionals, plain_params(turn.params))
            for turn in utterance.turns
        ]
        alike = replace(manner, voice="", conditionals="", params={})
        key = alike.key("", utterance.language, seed, utterance.context, turns)
    else:
        key = manner.key(utterance.text, utterance.language, seed, utterance.context)
    return replace(utterance, seed=seed, key=key, model=manner.model)


def _seed(line: Line, part: int, spec: EngineSpec, project_seed: int) -> int:
    """Derive a seed where one changes the sound; an engine without randomness varies on request only."""
    if not spec.execution.stochastic and line.seed is None and line.take == 1:
        return 0
    return derive_seed(project_seed if line.seed is None else line.seed, line.id, part, line.take)


def _recording(line: Line) -> Utterance:
    path = Path(line.audio)
    try:
        with open_file(path) as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError([Problem(line.source, f"audio: {path} cannot be read: {error.strerror}")]) from error
    return Utterance(
        line_id=line.id,
        part=0,
        text=line.text,
        language=line.language,
        voice="",
        engine=RECORDING.name,
        params={"path": str(path), "sha256": sha256},
        seed=0,
        key=digest([KEY_VERSION, RECORDING.name, RECORDING.version, sha256]),
    )


def _locked(line: Line, old: PreviousLine) -> tuple[Utterance, ...]:
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
            boundary=boundary,
            pause_s=pause_s,
            turns=old.turns,
            turn=old.turn,
        )
        for number, (key, boundary, pause_s) in enumerate(old.parts)
    )


# --- how much work an utterance is, before anything is spoken -----------------------------------------


def estimate_s(utterance: Utterance) -> float:
    """Guess how many seconds of audio an utterance makes, from its characters and its speed."""
    return max(1, len(utterance.spoken)) / speaking_rate(utterance)


def speaking_rate(utterance: Utterance) -> float:
    """Guess how many characters are spoken in a second."""
    if utterance.turns:
        speed = sum(_speed(turn.params) for turn in utterance.turns) / len(utterance.turns)
    else:
        speed = _speed(utterance.params)
    return get_spec(utterance.engine).text.chars_per_second * speed


def _speed(params: Params) -> float:
    speed = params.get("speed", 1.0)
    return speed if isinstance(speed, float) else 1.0


def estimate_work_s(utterance: Utterance) -> float:
    """Guess how many seconds a worker spends on an utterance; only ratios count."""
    return estimate_s(utterance) * get_spec(utterance.engine).cost.realtime_factor
