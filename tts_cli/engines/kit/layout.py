"""Readers for the parts of a voice's state: each returns its part in one form, or raises ValueError with its name.

An engine's `Conditioner.layout` is made of them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

# A size of None is free.
Shape = Sequence[int | None]


def read_mapping(value: Any, *names: str) -> Mapping[str, Any]:
    """Return a mapping in which every name is there, if only as None, and no other."""
    if not isinstance(value, dict) or not value or not set(value) <= set(names):
        found = f"{', '.join(sorted(value)[:6])}" if isinstance(value, dict) else type(value).__name__
        raise ValueError(f"holds {found or 'nothing'} where {', '.join(names)} belong")
    return {name: value.get(name) for name in names}


def read_array(value: Any, name: str, shape: Shape) -> Array:
    """Return an array of that shape."""
    if not isinstance(value, np.ndarray):
        raise ValueError(f"{name} is missing")  # noqa: TRY004  what a layout raises
    fits = value.ndim == len(shape) and all(want in (None, size) for size, want in zip(value.shape, shape, strict=True))
    if not fits or not value.size:
        wanted = ", ".join("n" if size is None else str(size) for size in shape)
        raise ValueError(f"{name} has the shape {value.shape}, not ({wanted})")
    return value


def read_floats(value: Any, name: str, shape: Shape) -> Array:
    """Return float32 numbers, all of them finite."""
    numbers = np.ascontiguousarray(read_array(value, name, shape), np.float32)
    if not np.isfinite(numbers).all():
        raise ValueError(f"{name} holds NaN or infinity")
    return numbers


def read_ids(value: Any, name: str, shape: Shape) -> Array:
    """Return token ids and counts as int64; some files have them as floats."""
    numbers = read_array(value, name, shape)
    # NaN has no whole number; the comparison below finds it.
    with np.errstate(invalid="ignore"):
        whole = numbers.astype(np.int64)
    if not np.array_equal(whole, numbers) or (whole < 0).any():
        raise ValueError(f"{name} holds other than whole numbers from 0 on")
    return whole
