"""Conditionings -> Conditionals: what the cache lacks is made by the engines, or taken over, and committed."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence

from tts_cli.cache.blobs import PCM, STATE
from tts_cli.cache.store import Cache, Missing
from tts_cli.engines.catalog import get_spec, lacking_part, model_version
from tts_cli.errors import MissingError
from tts_cli.pipeline.conditioning import packed_state
from tts_cli.types import Conditionals, Conditioning, Job, Utterance
from tts_cli.workers.messages import ConditioningDone, TakeFailed
from tts_cli.workers.pool import Pool


def find_missing(conditionings: Iterable[Conditioning], cache: Cache) -> list[Conditioning]:
    """Return those without a sound state; every byte is checked, so that no line meets a damaged one later."""
    return [conditioning for conditioning in conditionings if not _is_sound(conditioning.key, cache)]


def record_conditionals(
    conditionings: Sequence[Conditioning], cache: Cache, pool: Pool
) -> Iterator[Conditionals | TakeFailed]:
    """Yield what became of each, in the order of completion; what is yielded is safely in the cache.

    Two processes that do this at once both do the work, and either's result serves both. Raises `MissingError` where
    an engine can speak but lacks what it listens with.
    """
    to_make = {}
    for conditioning in conditionings:
        if state := conditioning.state or packed_state(conditioning):
            yield _commit(conditioning, cache.put_blob(state, STATE), len(state), 0.0, cache)
        else:
            to_make[conditioning.key] = conditioning
    for conditioning in to_make.values():
        _refuse_deaf(conditioning)
    for result in pool.render([_make_job(conditioning, cache) for conditioning in to_make.values()]):
        if isinstance(result, ConditioningDone):
            yield _commit(to_make[result.key], result.blob, result.size, result.wall_s, cache)
        elif isinstance(result, TakeFailed):
            yield result


def make_ready(
    jobs: Iterable[Job], conditionings: Mapping[str, Conditioning], cache: Cache, pool: Pool
) -> Iterator[tuple[int, int, dict[str, str]]]:
    """Make the states that jobs need and the cache lacks.

    Yields after each how many are done, of how many, and the errors of the utterances, by key, that must do without.
    """
    calls = [call for job in jobs for call in job.calls if isinstance(call, Utterance) and call.conditionals]
    needed = dict.fromkeys(call.conditionals for call in calls)
    missing = find_missing([conditionings[key] for key in needed], cache)
    for count, result in enumerate(record_conditionals(missing, cache, pool), start=1):
        errors = {}
        if isinstance(result, TakeFailed):
            voice = conditionings[result.key].voice.name
            message = f"the voice {voice!r} cannot be made ready: {result.error}"
            errors = {call.key: message for call in calls if call.conditionals == result.key}
        yield count, len(missing), errors


def _refuse_deaf(conditioning: Conditioning) -> None:
    """Refuse to make a state before the weights for it are here, with the way to get them."""
    spec = get_spec(conditioning.engine)
    part = lacking_part(spec.conditioner, conditioning.language) if spec.conditioner else ""
    if part:
        gated = [weights.repo for weights in spec.weights if weights.part == part and weights.gated]
        licence = f"accept the licence at https://huggingface.co/{gated[0]}, then " if gated else ""
        message = f"{spec.name} cannot imitate without its weights for voice cloning"
        raise MissingError(message, hint=f"{licence}tts-cli download {spec.name}:{part}")


def _make_job(conditioning: Conditioning, cache: Cache) -> Job:
    for prompt in conditioning.prompts:
        cache.put_blob(prompt.data, PCM)
    conditioner = get_spec(conditioning.engine).conditioner
    seconds = conditioner.expected_s if conditioner else 0.0
    return Job(engine=conditioning.engine, calls=(conditioning,), estimated_s=seconds)


def _is_sound(key: str, cache: Cache) -> bool:
    found = cache.find_conditionals(key)
    return not isinstance(found, Missing) and cache.read_conditionals(found) is not None


def _commit(conditioning: Conditioning, blob: str, size: int, wall_s: float, cache: Cache) -> Conditionals:
    spec = get_spec(conditioning.engine)
    imported = (hashlib.sha256(conditioning.state).hexdigest(),) if conditioning.state else ()
    conditionals = Conditionals(
        key=conditioning.key,
        blob=blob,
        size=size,
        engine=spec.name,
        model=f"{spec.package} {model_version(spec)}, adapter {spec.version}",
        made_from=imported or tuple(prompt.pcm for prompt in conditioning.prompts),
        wall_s=wall_s,
    )
    cache.put(conditionals)
    return conditionals
