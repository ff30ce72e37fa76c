"""Takes and conditionals as plain JSON: the form of action records in the cache and of messages from workers.

A record in the cache carries the sha256 of all its other bytes, its key among them: one that was changed is damaged.
"""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from sys import intern
from typing import Any

from tts_cli.cache.blobs import is_name
from tts_cli.cache.keys import canonical_json
from tts_cli.types import Measures, Take


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedConditionals:
    """The precomputed engine state of a voice: a `.pt` in the cache, named by the sha256 of its bytes.

    `model` is the engine's package, version and adapter; `made_from` names the PCM of each clip, or the file that it
    was imported from, by sha256.
    """

    key: str
    blob: str
    size: int
    engine: str
    model: str
    made_from: tuple[str, ...]
    wall_s: float = 0.0


RECORD_VERSION = 2
_SEAL, _DIGITS = b'{"sha256":"', 64
_BODY = len(_SEAL) + _DIGITS + len(b'",')
_LOUDEST, _SOFTEST = 20_000, -12_000  # hundredths of a decibel
_LONGEST = 1 << 40  # samples or bytes; more is no recording


class _Levels(dict[int, float]):
    """One float object per level, shared: a book has millions of bins but only some 13,000 different levels."""

    def __missing__(self, hundredths: int) -> float:
        level = self[hundredths] = hundredths / 100
        return level


_LEVELS = _Levels()


def encode_record(record: "Take | CachedConditionals") -> bytes:
    """Return a record's bytes: canonical JSON whose first field is the sha256 of the rest."""
    body = canonical_json(take_to_json(record) if isinstance(record, Take) else conditionals_to_json(record))
    return _SEAL + hashlib.sha256(body).hexdigest().encode() + b'",' + body[1:]


def decode_record(data: bytes) -> dict[str, Any]:
    """Return the fields of a record; raises ValueError or RecursionError where its bytes are not those written."""
    seal, body = data[:_BODY], b"{" + data[_BODY:]
    if seal != _SEAL + hashlib.sha256(body).hexdigest().encode() + b'",':
        raise ValueError("the record was changed")
    # Records are written with lone surrogates let through, so they are read in the same way.
    fields = json.loads(body.decode("utf-8", "surrogatepass"))
    if not isinstance(fields, dict):
        raise TypeError("no record")
    return fields


def take_to_json(take: Take) -> dict[str, Any]:
    """Flatten a take; levels become whole hundredths of a decibel."""
    measures = take.measures
    return {
        "version": RECORD_VERSION,
        "key": take.key,
        "blob": take.blob,
        "size": take.size,
        "frames": take.frames,
        "sample_rate": take.sample_rate,
        "onset": measures.onset,
        "offset": measures.offset,
        "energy": [round(level * 100) for level in measures.energy_lufs],
        "peak": [round(level * 100) for level in measures.peak_dbfs],
        "clipped": measures.clipped,
        "dc": measures.dc,
        "tail": measures.tail_dbfs,
        "words": [list(word) for word in take.words],
        "wall_s": take.wall_s,
        **({} if take.ended else {"ended": False}),
    }


def take_from_json(data: dict[str, Any]) -> Take:
    """Rebuild a take; raises KeyError, TypeError or ValueError where the data is not of this version's form."""
    _check_names(data)
    frames, onset, offset, ended = data["frames"], data["onset"], data["offset"], data.get("ended", True)
    _check_whole((data["size"], frames, data["sample_rate"], onset, offset))
    if type(ended) is not bool or not onset <= offset <= frames or not data["sample_rate"]:
        raise ValueError("a take that cannot be")
    return Take(
        key=data["key"],
        blob=data["blob"],
        size=data["size"],
        frames=frames,
        sample_rate=data["sample_rate"],
        measures=Measures(
            onset=onset,
            offset=offset,
            energy_lufs=_levels(data["energy"]),
            peak_dbfs=_levels(data["peak"]),
            clipped=_optional(data["clipped"]),
            dc=_optional(data["dc"]),
            tail_dbfs=_optional(data["tail"]),
        ),
        flat_words=_flat_words(data["words"]),
        wall_s=_seconds(data["wall_s"]),
        ended=ended,
    )


def conditionals_to_json(conditionals: CachedConditionals) -> dict[str, Any]:
    """Flatten conditionals."""
    return {"version": RECORD_VERSION, "kind": "conditionals", **asdict(conditionals)}


def conditionals_from_json(data: dict[str, Any]) -> CachedConditionals:
    """Rebuild conditionals; raises KeyError, TypeError or ValueError where the data is not of this version's form."""
    _check_names(data)
    values = {name: value for name, value in data.items() if name not in {"version", "kind"}}
    _check_whole((data["size"],))
    _seconds(data["wall_s"])
    texts = [data["engine"], data["model"], *data["made_from"]]
    if data["kind"] != "conditionals" or type(data["made_from"]) is not list or set(map(type, texts)) != {str}:
        raise ValueError("no record of conditionals")
    return CachedConditionals(**values | {"made_from": tuple(data["made_from"])})


# --- what others may have written: true is no number here, and nothing is NaN ---------------------------


def _check_names(data: dict[str, Any]) -> None:
    if type(data["version"]) is not int or data["version"] != RECORD_VERSION:
        raise ValueError(f"record version {data['version']}")
    if not (isinstance(data["key"], str) and is_name(data["blob"])):
        raise ValueError("a name that is none")


def _check_whole(numbers: Sequence[Any]) -> None:
    if not set(map(type, numbers)) <= {int} or not all(0 <= number < _LONGEST for number in numbers):
        raise ValueError("a number that is none")


def _levels(hundredths: Any) -> tuple[float, ...]:
    if type(hundredths) is not list or not set(map(type, hundredths)) <= {int}:
        raise TypeError("levels that are none")
    if hundredths and not _SOFTEST <= min(hundredths) <= max(hundredths) <= _LOUDEST:
        raise ValueError("a level that cannot be")
    return tuple([_LEVELS[level] for level in hundredths])


def _flat_words(words: Any) -> tuple[str | int, ...]:
    if type(words) is not list:
        raise TypeError("words that are none")
    # Words repeat all through a book: interned, each is in memory once.
    flat = tuple([part for text, start, end in words for part in (intern(text), start, end)])
    _check_whole((*flat[1::3], *flat[2::3]))
    return flat


def _optional(value: Any) -> Any:
    """Return a number, or None for what was not measured."""
    return None if value is None else _finite(value)


def _finite(value: Any) -> Any:
    if type(value) not in {int, float} or not math.isfinite(value):
        raise ValueError("a number that is none")
    return value


def _seconds(value: Any) -> float:
    if _finite(value) < 0:
        raise ValueError("a time that cannot be")
    return float(value)
