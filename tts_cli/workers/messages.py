"""The worker protocol: one JSON object per line, requests on stdin, answers on the original stdout.

    -> {"op": "hello", "proto": 3, "engine", "adapter", "device", "cache", "subtype"}
    <- {"event": "ready", "proto": 3, "pid", "notices"}           notices: what the user should know of this worker
    -> {"op": "condition", "jobs": [{"key", "language", "prompts": [{"pcm", "sample_rate", "transcript"}]}, ...]}
    -> {"op": "render", "jobs": [{"key", "text", "language", "voice", "params", "seed", "conditionals", "model"}, ...]}
    <- {"event": "began", "keys"}                               before the engine is given these calls, all at once
    <- {"event": "heartbeat", "memory", "gpu_memory"}           every second while it works
    <- {"event": "conditionals", "key", "blob", "size", "wall_s"}
    <- {"event": "take", ..., "notices"}                        a take as in `cache.records`
    <- {"event": "failed", "key", "kind", "error"}              kind: input | unsound | oom | device | engine |
                                                                internal | storage
    <- {"event": "done", "memory", "gpu_memory"}                after the last job of a request
    <- {"event": "unusable", "error", "hint"}                   instead of "ready": exit follows

Frozen data on both sides; nothing else crosses the pipe. The jobs of a "render" are one batch for the engine. Audio
and states go straight into the cache, and clips (`pcm` names one there) come from it; `conditionals` is a key, empty or
left out, and `model` what a server must speak with. A job may have a "context" of earlier turns [text, speaker, key],
and that of a dialogue has its "turns": {"text", "speaker", "voice", "params", "conditionals"} of each.
A death is the fault of a call only after "began", and only if nothing was begun beside it.
`adapter` is "module:Class", so a worker needs no list of engines. "oom" and "device" ask for a fresh process;
"storage" means that the cache cannot be written, and "unsound" that the engine made no sound that can be kept: another
seed may mend it. Memory is in bytes.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tts_cli.engines.base import Conditionals, DialogueTurn, Request
from tts_cli.errors import TakeError
from tts_cli.types import ConditionalsRequest, SpokenTurn, Take, Turn, Utterance

PROTOCOL = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeDone:
    """An utterance was recorded, by the worker of that number; its blob is in the cache, its record not yet."""

    take: Take
    worker: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionalsDone:
    """A state was made; its blob is in the cache, its record not yet."""

    key: str
    blob: str
    size: int
    wall_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeFailed:
    """A call that came to nothing; `kind` is one of the protocol's, or crash, timeout, missing or skipped."""

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


def request_to_json(calls: Sequence[Utterance | ConditionalsRequest]) -> dict[str, Any]:
    """Ask for calls of one sort."""
    if isinstance(calls[0], ConditionalsRequest):
        jobs = [_conditioning_to_json(call) for call in calls if isinstance(call, ConditionalsRequest)]
        return {"op": "condition", "jobs": jobs}
    return {"op": "render", "jobs": [utterance_to_json(call) for call in calls if isinstance(call, Utterance)]}


def _conditioning_to_json(call: ConditionalsRequest) -> dict[str, Any]:
    prompts = [
        {"pcm": prompt.pcm, "sample_rate": prompt.sample_rate, "transcript": prompt.transcript}
        for prompt in call.prompts
    ]
    return {"key": call.key, "language": call.language, "prompts": prompts}


def utterance_to_json(utterance: Utterance) -> dict[str, Any]:
    """Return what a worker needs of an utterance."""
    job = {
        "key": utterance.key,
        "text": utterance.text,
        "language": utterance.language,
        "voice": utterance.voice,
        "params": dict(utterance.params),
        "seed": utterance.seed,
        "conditionals": utterance.conditionals,
        "model": utterance.model,
    }
    if utterance.context:
        job["context"] = [[turn.text, turn.speaker, turn.take] for turn in utterance.context]
    if utterance.turns:
        job |= _dialogue_to_json(utterance.turns)
    return job


def _dialogue_to_json(turns: Sequence[SpokenTurn]) -> dict[str, Any]:
    """Say what a dialogue is, alike for each of its lines."""
    first = turns[0]
    return {
        "text": " ".join(turn.text for turn in turns),
        "voice": first.voice,
        "params": {
            name: value for name, value in first.params.items() if all(turn.params.get(name) == value for turn in turns)
        },
        "conditionals": "",
        "turns": [
            {
                "text": turn.text,
                "speaker": turn.speaker,
                "voice": turn.voice,
                "params": dict(turn.params),
                "conditionals": turn.conditionals,
            }
            for turn in turns
        ],
    }


def request_from_json(job: dict[str, Any], state: Conditionals = None, states: Sequence[Conditionals] = ()) -> Request:
    """Rebuild what the engine is asked; the key is not its business. `states` are those of a dialogue's turns."""
    return Request(
        text=job["text"],
        language=job["language"],
        voice=job["voice"],
        params=job["params"],
        seed=job["seed"],
        state=state,
        state_key=job.get("conditionals", ""),
        model=job.get("model", ""),
        context=tuple(Turn(text=text, speaker=speaker, take=take) for text, speaker, take in job.get("context", ())),
        turns=tuple(
            DialogueTurn(
                text=turn["text"],
                speaker=turn["speaker"],
                voice=turn["voice"],
                params=turn["params"],
                state=own,
                state_key=turn["conditionals"],
            )
            for turn, own in zip(job.get("turns", ()), states, strict=True)
        ),
    )


# --- what kind of failure an exception is -----------------------------------------------------------------


# After these the process is no longer to be trusted: its memory is short, or its CUDA context broken.
NEEDS_RESTART = frozenset(("oom", "device"))

_OOM = ("out of memory", "can't allocate memory", "cannot allocate memory", "unable to allocate")
_DEVICE = ("cuda error", "cuda driver", "cublas", "cudnn", "device-side assert", "mps backend", "nvrtc")


def classify_error(error: BaseException) -> str:
    """Return "oom", "device", "internal", or what a `TakeError` says of itself."""
    if isinstance(error, TakeError):
        return error.kind
    name, said = type(error).__name__, str(error).lower()
    # By name, as torch is not imported here. Memory comes first: a full GPU also speaks of a CUDA error.
    if isinstance(error, MemoryError) or name == "OutOfMemoryError" or any(map(said.__contains__, _OOM)):
        return "oom"
    if name == "AcceleratorError" or any(map(said.__contains__, _DEVICE)):
        return "device"
    return "internal"


# --- what a pool tells of its workers while they work -----------------------------------------------------


Happening = Literal["starting", "ready", "working", "noticed", "alive", "died", "recycled", "ended"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerEvent:
    """One thing that happened to a worker: `worker` is its place from 0 on, `memory` and `gpu_memory` are bytes.

    `calls` are the keys that it was just given; `detail` says how it died, why it was replaced, or what its engine
    wants the user to know.
    """

    worker: int
    what: Happening
    engine: str
    device: str
    pid: int = 0
    memory: int = 0
    gpu_memory: int = 0
    calls: tuple[str, ...] = ()
    detail: str = ""
