"""The worker protocol: one JSON object per line, requests on stdin, answers on the original stdout.

    -> {"op": "hello", "proto": 1, "engine", "adapter", "device", "cache", "subtype"}
    <- {"event": "ready", "proto": 1, "pid"}
    -> {"op": "render", "jobs": [{"key", "text", "language", "voice", "params", "seed"}, ...]}
    <- {"event": "heartbeat", "rss"}                            every few seconds while it works
    <- {"event": "take", ...}                                   a take as in `cache.records`
    <- {"event": "failed", "key", "kind", "error"}              kind: input | oom | engine | internal | storage
    <- {"event": "done"}                                        after the last job of a render
    <- {"event": "unusable", "error", "hint"}                   instead of "ready": exit follows

Frozen data on both sides; nothing else crosses the pipe. Audio goes straight into the cache. `adapter` is
"module:Class", so a worker needs no list of engines. "storage" means that the cache cannot be written.
"""

import json
from dataclasses import dataclass
from typing import Any

from tts_cli.engines.base import Request
from tts_cli.types import Take, Utterance

PROTOCOL = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeDone:
    """An utterance was recorded; its blob is in the cache, its record not yet."""

    take: Take


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeFailed:
    """An utterance could not be recorded; `kind` is one of the protocol's, or `crash` or `timeout` of its worker."""

    key: str
    kind: str
    error: str


def encode(message: dict[str, Any]) -> bytes:
    """Write a message as one line of ASCII."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def decode(line: bytes) -> dict[str, Any]:
    """Read one line; raises ValueError where it is no JSON object."""
    message = json.loads(line)
    if not isinstance(message, dict):
        raise ValueError(f"not a message: {line[:80]!r}")  # noqa: TRY004  a wrong value from the pipe, not a bug here
    return message


def utterance_to_json(utterance: Utterance) -> dict[str, Any]:
    """Say what a worker needs of an utterance."""
    return {
        "key": utterance.key,
        "text": utterance.text,
        "language": utterance.language,
        "voice": utterance.voice,
        "params": dict(utterance.params),
        "seed": utterance.seed,
    }


def request_from_json(job: dict[str, Any]) -> Request:
    """Rebuild what the engine is asked; the key is not its business."""
    return Request(
        text=job["text"],
        language=job["language"],
        voice=job["voice"],
        params=job["params"],
        seed=job["seed"],
    )
