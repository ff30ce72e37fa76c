"""Takes and conditionals as plain JSON: the form of action records in the cache and of messages from workers."""

from dataclasses import asdict, dataclass
from sys import intern
from typing import Any

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


RECORD_VERSION = 1


class _Levels(dict[int, float]):
    """One float object per level, shared: a book has millions of bins but only some 13,000 different levels."""

    def __missing__(self, hundredths: int) -> float:
        level = self[hundredths] = hundredths / 100
        return level


_LEVELS = _Levels()


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
    if data["version"] != RECORD_VERSION:
        raise ValueError(f"record version {data['version']}")
    return Take(
        key=data["key"],
        blob=data["blob"],
        size=data["size"],
        frames=data["frames"],
        sample_rate=data["sample_rate"],
        measures=Measures(
            onset=data["onset"],
            offset=data["offset"],
            energy_lufs=tuple([_LEVELS[level] for level in data["energy"]]),
            peak_dbfs=tuple([_LEVELS[level] for level in data["peak"]]),
            clipped=data.get("clipped"),
            dc=data.get("dc"),
            tail_dbfs=data.get("tail"),
        ),
        # Words repeat all through a book: interned, each is in memory once.
        flat_words=tuple([part for text, start, end in data["words"] for part in (intern(text), start, end)]),
        wall_s=data["wall_s"],
        ended=data.get("ended", True),
    )


def conditionals_to_json(conditionals: CachedConditionals) -> dict[str, Any]:
    """Flatten conditionals."""
    return {"version": RECORD_VERSION, "kind": "conditionals", **asdict(conditionals)}


def conditionals_from_json(data: dict[str, Any]) -> CachedConditionals:
    """Rebuild conditionals; raises KeyError, TypeError or ValueError where the data is not of this version's form."""
    values = dict(data)
    if (values.pop("version"), values.pop("kind")) != (RECORD_VERSION, "conditionals"):
        raise ValueError("no record of conditionals")
    return CachedConditionals(**values | {"made_from": tuple(data["made_from"])})
