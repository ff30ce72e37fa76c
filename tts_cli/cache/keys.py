"""Names for work: a key is the sha256 of everything that can change the sound, and of nothing else.

Never in a key: paths, devices, batch sizes, worker counts, times.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence

# Another version would make every take of every cache anew.
KEY_VERSION = "tts-cli/take/1"
CONDITIONALS_VERSION = "tts-cli/conditionals/1"

_JSON = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical_json(value: object) -> bytes:
    """Encode plain data in one way only: sorted names, no spaces, UTF-8, finite numbers."""
    # A lone surrogate gives a key like any other text; whether it can be spoken is not decided here.
    return _JSON.encode(value).encode("utf-8", "surrogatepass")


def digest(value: object) -> str:
    """Return the sha256 (64 hex digits) of plain data."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


def take_key(  # noqa: PLR0913  each of these changes the sound
    *,
    engine: str,
    adapter: int,
    weights: str,
    voice: str,
    language: str,
    text: str,
    params: Mapping[str, float | str],
    seed: int,
    sample_rate: int,
    conditionals: str = "",
    heard: Sequence[Sequence[str]] = (),
    turns: Sequence[Sequence[object]] = (),
) -> str:
    """Return the key of an utterance's take. `weights` is the digest or the exact version of what speaks.

    `heard` are the earlier turns that the engine is given: text, speaker and key of each; `turns` are those of a
    dialogue.
    """
    imitated = [conditionals] if conditionals else []
    more: list[object] = []
    if heard:
        more.append({"context": [list(turn) for turn in heard]})
    if turns:
        more.append({"turns": [list(turn) for turn in turns]})
    spoken = [KEY_VERSION, engine, adapter, weights, voice, language, text, plain_params(params), seed, sample_rate]
    return digest([*spoken, *imitated, *more])


def conditionals_key(*, engine: str, encoder: Sequence[int | str], made_from: Sequence[str]) -> str:
    """Return the key of a voice's state: what made it (`encoder`), from what; never a name, a path or a parameter."""
    return digest([CONDITIONALS_VERSION, engine, list(encoder), list(made_from)])


def plain_params(params: Mapping[str, float | str]) -> dict[str, float | str]:
    """Return parameters as they are in keys."""
    # 1 and 1.0 are the same parameter
    return {name: value if isinstance(value, str) else float(value) for name, value in params.items()}
