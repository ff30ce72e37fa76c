"""Does a batched decoder still do what the engine's own package does? Asked once, when a worker starts.

Such a decoder rests on parts of the package that are not public. Where they have changed, an engine speaks its lines
one by one, through the package, and says so.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Samples = npt.NDArray[np.float32]

TOLERANCE = 1e-5


def find_difference(
    speak_both: "Callable[[], tuple[Mapping[int, Samples], Mapping[int, Samples]]]", *, tolerance: float = TOLERANCE
) -> str:
    """Return in words what the batched decoder does otherwise than the package; empty if nothing.

    `speak_both` returns samples [n] by the number of the row, batched and by the package. Whatever it raises is a
    difference, too.
    """
    try:
        batched, alone = speak_both()
        # By the package's rows: one that the batched decoder has lost is a KeyError, and so a difference.
        return next(filter(None, (_differ(batched[number], alone[number], tolerance) for number in alone)), "")
    except Exception as error:  # noqa: BLE001  whatever has changed, the answer is the same
        return f"{type(error).__name__}: {error}"


def _differ(one: "Samples", other: "Samples", tolerance: float) -> str:
    # An end that comes a frame sooner or later is a difference, too.
    if len(one) != len(other):
        return f"{len(one)} samples instead of {len(other)}"
    difference = float(np.abs(one - other).max(initial=0.0))
    return "" if difference <= tolerance else f"samples by {difference:.1e}"
