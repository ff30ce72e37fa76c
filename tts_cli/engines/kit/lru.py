"""A few things kept that are dear to make: models, voices, states."""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Lru(Generic[K, V]):
    """Keeps the `size` values that were asked for last."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: dict[K, V] = {}

    def get(self, key: K, make: Callable[[], V]) -> V:
        """Return the value of a key, made if it is not kept; room is made first, as two may not fit into memory."""
        if key in self._values:
            # A dict keeps the order of insertion: taken out and put back, a value is the latest.
            self._values[key] = value = self._values.pop(key)
            return value
        while len(self._values) >= self._size:
            del self._values[next(iter(self._values))]
        self._values[key] = value = make()
        return value

    def clear(self) -> None:
        """Let all of them go."""
        self._values.clear()

    def __len__(self) -> int:
        return len(self._values)
