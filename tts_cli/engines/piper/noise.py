"""Noise that stays the same for ever: a key must keep its sound, whatever numpy makes of its generators.

SHAKE-256 turns a seed into bytes; each two of them choose one of 65,536 equally likely values of a normal number.
"""

import functools
import hashlib
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Samples = npt.NDArray[np.float32]

_VALUES = 1 << 16


def draw(seed: int, purpose: str, rows: int, columns: int) -> "Samples":
    """Draw normal numbers of shape [rows, columns]; more columns leave those before them as they are."""
    data = hashlib.shake_256(f"tts-cli/piper/{purpose}/{seed}".encode()).digest(2 * rows * columns)
    drawn = _quantiles()[np.frombuffer(data, "<u2")].reshape(columns, rows)
    return np.ascontiguousarray(drawn.T)


@functools.cache
def _quantiles() -> "Samples":
    """Return the middle of each of so many equal slices under the bell."""
    quantile = NormalDist().inv_cdf
    upper = [quantile((number + 0.5) / _VALUES) for number in range(_VALUES // 2, _VALUES)]
    # Mirrored, so that the mean is 0 exactly.
    return np.array([*(-value for value in reversed(upper)), *upper], np.float32)
