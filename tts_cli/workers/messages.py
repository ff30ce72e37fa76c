"""The worker protocol: one JSON object per line, requests on stdin, answers on the original stdout.

    -> {"op": "hello", "proto": 1, "engine", "adapter", "device", "cache", "subtype"}
    <- {"event": "ready", "proto": 1, "pid"}
    -> {"op": "render", "jobs": [{"key", "text", "language", "voice", "params", "seed"}, ...]}
    <- {"event": "heartbeat", "rss"}                            every few seconds while it works
    <- {"event": "take", "key", "blob", "size", "frames", "sample_rate", "words", "measures", "wall_s"}
    <- {"event": "failed", "key", "kind", "error"}              kind: input | oom | engine | internal
    <- {"event": "done"}                                        after the last job of a render
    <- {"event": "unusable", "error", "hint"}                   instead of "ready": exit follows

Frozen data on both sides; nothing else crosses the pipe. Audio goes straight into the cache.
"""

from dataclasses import dataclass

from tts_cli.types import Take

PROTOCOL = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeDone:
    """An utterance was recorded; its blob is in the cache, its record not yet."""

    take: Take


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeFailed:
    """An utterance could not be recorded."""

    key: str
    kind: str
    error: str
