"""Jobs -> Takes: have them recorded, and commit each to the cache as it arrives."""

from collections.abc import Iterator, Sequence

from tts_cli.cache.store import Cache
from tts_cli.types import Job
from tts_cli.workers.messages import ConditionalsDone, TakeDone, TakeFailed
from tts_cli.workers.pool import Pool


def record_takes(jobs: Sequence[Job], cache: Cache, pool: Pool) -> Iterator[TakeDone | TakeFailed]:
    """Yield what became of each utterance, in the order of completion; what is yielded is safely in the cache."""
    for result in pool.render(jobs):
        if isinstance(result, TakeDone):
            cache.put(result.take)
        if not isinstance(result, ConditionalsDone):
            yield result
