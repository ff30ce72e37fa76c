"""What a voice's state looks like for each engine, and how files of the engine's own tools become one.

A layout takes a tree as it was read and returns the one form that is cached and synthesised from; it raises
ValueError for a tree that is not of that engine. What upstream's loader accepts stays as upstream writes it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tts_cli.engines.base import State
from tts_cli.errors import TakeError

Array = npt.NDArray[Any]

# A size of None is free.
Shape = Sequence[int | None]


def espeak(state: State) -> State:
    """Check a matched voice of the embedded engine."""
    from tts_cli.engines.espeak_match import from_plain, to_plain

    if not isinstance(state, dict):
        raise ValueError("holds no mapping")  # noqa: TRY004  what a layout raises
    try:
        return to_plain(from_plain(state))
    except TakeError as error:
        raise ValueError(error.message) from error


def kokoro(state: State) -> State:
    """Check a voice pack: a style of 256 numbers for each length of a phrase."""
    return _floats(state, "the pack", (510, 1, 256))


def pocket_tts(state: State) -> State:
    """Bring the attention caches of a prompt into their shortest form; files name each array `module/name`.

    A cache is as long as upstream chose and holds NaN beyond its offset: that is cut off.
    """
    modules = _nested(state) if isinstance(state, dict) else {}
    if not modules:
        raise ValueError("holds no attention caches")
    return {name: _attention(name, _mapping(module, "cache", "offset", "pad")) for name, module in modules.items()}


def _nested(state: Mapping[str, Any]) -> dict[str, Any]:
    modules: dict[str, Any] = {}
    for name, value in state.items():
        module, slash, key = name.partition("/")
        if slash:
            modules.setdefault(module, {})[key] = value
        else:
            modules[name] = value
    return modules


def _attention(name: str, module: Mapping[str, Any]) -> State:
    offset = _ids(module["offset"], f"{name}: offset", (1,))
    length = int(offset[0])
    cache = _array(module["cache"], f"{name}: cache", (2, 1, None, None, None))
    if not 0 < length <= cache.shape[2]:
        raise ValueError(f"{name}: the offset {length} is not within a cache of {cache.shape[2]}")
    kept = _floats(cache[:, :, :length], f"{name}: cache", (2, 1, length, None, None))
    return {"cache": kept, "offset": offset, "pad": np.zeros(1, np.int64)}


def _mapping(value: Any, *names: str) -> Mapping[str, Any]:
    """Return a mapping in which every name is there, if only as None, and no other."""
    if not isinstance(value, dict) or not value or not set(value) <= set(names):
        found = f"{', '.join(sorted(value)[:6])}" if isinstance(value, dict) else type(value).__name__
        raise ValueError(f"holds {found or 'nothing'} where {', '.join(names)} belong")
    return {name: value.get(name) for name in names}


def _array(value: Any, name: str, shape: Shape) -> Array:
    if not isinstance(value, np.ndarray):
        raise ValueError(f"{name} is missing")  # noqa: TRY004  what a layout raises
    fits = value.ndim == len(shape) and all(want in (None, size) for size, want in zip(value.shape, shape, strict=True))
    if not fits or not value.size:
        wanted = ", ".join("n" if size is None else str(size) for size in shape)
        raise ValueError(f"{name} has the shape {value.shape}, not ({wanted})")
    return value


def _floats(value: Any, name: str, shape: Shape) -> Array:
    """Return float32 numbers, all of them finite."""
    numbers = np.ascontiguousarray(_array(value, name, shape), np.float32)
    if not np.isfinite(numbers).all():
        raise ValueError(f"{name} holds NaN or infinity")
    return numbers


def _ids(value: Any, name: str, shape: Shape) -> Array:
    """Return token ids and counts as int64; some files have them as floats."""
    numbers = _array(value, name, shape)
    with np.errstate(invalid="ignore"):
        whole = numbers.astype(np.int64)
    if not np.array_equal(whole, numbers) or (whole < 0).any():
        raise ValueError(f"{name} holds other than whole numbers from 0 on")
    return whole
