"""Conditionings -> Conditionals: what the cache lacks is made by the engines, or taken over, and committed."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence

from tts_cli.cache.blobs import PCM, STATE
from tts_cli.cache.records import CachedConditionals
from tts_cli.cache.store import Cache, Missing
from tts_cli.engines.catalog import get_spec, model_version
from tts_cli.errors import MissingError
from tts_cli.pipeline.plan.voice_states import packed_state
from tts_cli.types import ConditionalsRequest, Job, Utterance
from tts_cli.workers.messages import ConditionalsDone, TakeFailed
from tts_cli.workers.pool import Pool


def find_missing(conditionals_requests: Iterable[ConditionalsRequest], cache: Cache) -> list[ConditionalsRequest]:
    """Return those without a sound state; every byte is checked, so that no line meets a damaged one later."""
    return [
        conditionals_request
        for conditionals_request in conditionals_requests
        if not _is_sound(conditionals_request.key, cache)
    ]


def record_conditionals(
    conditionals_requests: Sequence[ConditionalsRequest], cache: Cache, pool: Pool
) -> Iterator[CachedConditionals | TakeFailed]:
    """Yield what became of each, in the order of completion; what is yielded is safely in the cache.

    Two processes that do this at once both do the work, and either's result serves both. Raises `MissingError` where
    an engine can speak but lacks what it listens with.
    """
    to_make = {}
    for conditionals_request in conditionals_requests:
        if state := conditionals_request.state or packed_state(conditionals_request):
            yield _commit(conditionals_request, cache.put_blob(state, STATE), len(state), 0.0, cache)
        else:
            to_make[conditionals_request.key] = conditionals_request
    for conditionals_request in to_make.values():
        _refuse_deaf(conditionals_request)
    for result in pool.render([_make_job(conditionals_request, cache) for conditionals_request in to_make.values()]):
        if isinstance(result, ConditionalsDone):
            yield _commit(to_make[result.key], result.blob, result.size, result.wall_s, cache)
        elif isinstance(result, TakeFailed):
            yield result


def make_ready(
    jobs: Iterable[Job], conditionals_requests: Mapping[str, ConditionalsRequest], cache: Cache, pool: Pool
) -> Iterator[tuple[int, int, dict[str, str]]]:
    """Make the states that jobs need and the cache lacks.

    Yields after each how many are done, of how many, and the errors of the utterances, by key, that must do without.
    """
    calls = [call for job in jobs for call in job.calls if isinstance(call, Utterance)]
    needed = dict.fromkeys(key for call in calls for key in call.needed_conditionals)
    missing = find_missing([conditionals_requests[key] for key in needed], cache)
    for count, result in enumerate(record_conditionals(missing, cache, pool), start=1):
        errors = {}
        if isinstance(result, TakeFailed):
            voice = conditionals_requests[result.key].voice.name
            message = f"the voice {voice!r} cannot be made ready: {result.error}"
            errors = {call.key: message for call in calls if result.key in call.needed_conditionals}
        yield count, len(missing), errors


def _refuse_deaf(conditionals_request: ConditionalsRequest) -> None:
    """Refuse to make a state before the weights for it are here, with the way to get them."""
    spec = get_spec(conditionals_request.engine)
    part = spec.abilities.clones.missing_part(conditionals_request.language) if spec.abilities.clones else ""
    if part:
        gated = [weights.repo for weights in spec.install.weights if weights.part == part and weights.gated]
        licence = f"accept the licence at https://huggingface.co/{gated[0]}, then " if gated else ""
        message = f"{spec.name} cannot imitate without its weights for voice cloning"
        raise MissingError(message, hint=f"{licence}tts-cli download {spec.name}:{part}")


def _make_job(conditionals_request: ConditionalsRequest, cache: Cache) -> Job:
    for prompt in conditionals_request.prompts:
        cache.put_blob(prompt.data, PCM)
    conditioner = get_spec(conditionals_request.engine).abilities.clones
    seconds = conditioner.expected_s if conditioner else 0.0
    return Job(engine=conditionals_request.engine, calls=(conditionals_request,), estimated_s=seconds)


def _is_sound(key: str, cache: Cache) -> bool:
    found = cache.find_conditionals(key)
    return not isinstance(found, Missing) and cache.read_conditionals(found) is not None


def _commit(
    conditionals_request: ConditionalsRequest, blob: str, size: int, wall_s: float, cache: Cache
) -> CachedConditionals:
    spec = get_spec(conditionals_request.engine)
    imported = (hashlib.sha256(conditionals_request.state).hexdigest(),) if conditionals_request.state else ()
    conditionals = CachedConditionals(
        key=conditionals_request.key,
        blob=blob,
        size=size,
        engine=spec.name,
        model=f"{spec.package} {model_version(spec)}, adapter {spec.version}",
        made_from=imported or tuple(prompt.pcm for prompt in conditionals_request.prompts),
        wall_s=wall_s,
    )
    cache.put(conditionals)
    return conditionals
