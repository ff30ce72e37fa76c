"""Voices that imitate: the very samples that an engine is given to hear, and the key of what comes of them."""

import hashlib
import math
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from tts_cli.about import DEFAULT_LANGUAGE
from tts_cli.cache.keys import conditionals_key
from tts_cli.engines.base import Conditioner, EngineSpec
from tts_cli.engines.catalog import get_spec, model_version
from tts_cli.errors import InputError, Problem
from tts_cli.types import ConditionalsRequest, Emotion, Reference, ReferenceClip, Voice

# Counts changes of what is done to a clip between its file and the engine.
PREPARATION_VERSION = 1
PACKED = "conditionals"


class ConditionalsRequests:
    """The conditionings that a script's lines need; each clip is decoded once."""

    def __init__(self) -> None:
        self.by_key: dict[str, ConditionalsRequest] = {}
        self._known: dict[tuple[str, str, str, tuple[Reference, ...]], ConditionalsRequest] = {}

    def of(
        self, voice: Voice | None, emotion: Emotion, spec: EngineSpec, language: str = ""
    ) -> ConditionalsRequest | None:
        """Return what makes the voice speak with that emotion; None for a voice that the engine brings by itself.

        Where the engine's states are made by line, it is for a line in that `language`, if one is given. Raises
        `InputError` for a clip or a state that cannot be read.
        """
        if voice is None or spec.abilities.clones is None or not (voice.state or (voice.references and spec.imitates)):
            return None
        references = (emotion.reference,) if emotion.reference and voice.references else voice.references
        spoken = language if language and spec.abilities.clones.per_line else voice.language
        identity = (voice.folder or voice.state, spec.name, spoken, references)
        if identity not in self._known:
            heard = replace(voice, references=references, language=spoken)
            made = make_conditioning(heard, spec, spec.abilities.clones)
            self._known[identity] = self.by_key[made.key] = made
        return self._known[identity]


def conditionals_requests_of(
    voice: Voice, spec: EngineSpec, emotions: Iterable[Emotion] = ()
) -> dict[str, ConditionalsRequest]:
    """Return what makes a voice speak, by key, also in those of its own and other emotions that have a clip."""
    conditionals_requests = ConditionalsRequests()
    for emotion in (Emotion(name="neutral"), *voice.emotions.values(), *emotions):
        conditionals_requests.of(voice, emotion, spec)
    return conditionals_requests.by_key


def make_conditioning(voice: Voice, spec: EngineSpec, conditioner: Conditioner) -> ConditionalsRequest:
    """Read what the voice is made from; equal samples give an equal key, whatever their files are called."""
    language = voice.language or DEFAULT_LANGUAGE
    if conditioner.per_line:
        language = language.partition("-")[0]
    prompts: tuple[ReferenceClip, ...] = ()
    state = b""
    if voice.state:
        state = import_state(Path(voice.state), conditioner)
        made_from = [hashlib.sha256(state).hexdigest()]
    else:
        clips = voice.references[: conditioner.max_clips]
        prompts = tuple(_make_prompt(voice, reference, conditioner) for reference in clips)
        made_from = [language] if conditioner.per_language else []
        made_from += [part for prompt in prompts for part in (prompt.pcm, prompt.transcript)]
    encoder = (spec.version, model_version(spec), conditioner.version, PREPARATION_VERSION)
    key = conditionals_key(engine=spec.name, encoder=encoder, made_from=made_from)
    return ConditionalsRequest(key=key, engine=spec.name, voice=voice, language=language, prompts=prompts, state=state)


def packed_state(conditionals_request: ConditionalsRequest) -> bytes:
    """Return the state that came with the voice's folder, empty if none did; raises `InputError` for a bad one."""
    folder, conditioner = conditionals_request.voice.folder, get_spec(conditionals_request.engine).abilities.clones
    path = Path(folder, packed_name(conditionals_request))
    return import_state(path, conditioner) if folder and conditioner and path.is_file() else b""


def packed_name(conditionals_request: ConditionalsRequest) -> str:
    """Name the file in a voice's folder that holds a state of it."""
    return f"{PACKED}/{conditionals_request.engine}-{conditionals_request.key[:16]}.pt"


def import_state(path: Path, conditioner: Conditioner) -> bytes:
    """Read a state from anywhere into the `.pt` bytes that are cached; raises `InputError`."""
    from tts_cli.voices.conditionals import read_state, refusal
    from tts_cli.voices.pt_file import is_finite, write_pt

    try:
        state = conditioner.layout(read_state(path))
    except ValueError as error:
        raise refusal(path, f"is no voice of this engine: {error}") from error
    if not is_finite(state):
        raise refusal(path, "holds NaN or infinity")
    return write_pt(state)


def _make_prompt(voice: Voice, reference: Reference, conditioner: Conditioner) -> ReferenceClip:
    """Decode a clip, resample it, and cut it to what the engine takes: its best passage, if it is too long."""
    from tts_cli.audio.mastering.edit import fit_length
    from tts_cli.voices.reference import check_samples, read_clip

    path = Path(reference.path)
    try:
        samples, rate = read_clip(path)
        if len(samples) > conditioner.longest_s * rate:
            checked = check_samples(path, samples, rate)
            samples, rate = checked.samples[: math.floor(conditioner.longest_s * rate)], checked.sample_rate
    except InputError as error:
        raise _named(error, voice) from error
    wanted = round(len(samples) * conditioner.sample_rate / rate)
    fitted = fit_length(samples, wanted, rate, conditioner.sample_rate)
    data = fitted[: wanted // conditioner.multiple * conditioner.multiple].astype("<f4").tobytes()
    transcript = reference.transcript if conditioner.uses_transcript else ""
    pcm = hashlib.sha256(data).hexdigest()
    return ReferenceClip(pcm=pcm, sample_rate=conditioner.sample_rate, transcript=transcript, data=data)


def _named(error: InputError, voice: Voice) -> InputError:
    """Name the owner of a bad clip in its message."""
    return InputError(
        [
            Problem(problem.source, f"{problem.message} (a reference of the voice {voice.name!r})", problem.hint)
            for problem in error.problems
        ]
    )
