"""Requests one by one, and many of different lengths at once: in which order, and how many fit."""

from collections.abc import Callable, Iterator, Sequence

from tts_cli.engines.base import Request, Speech
from tts_cli.errors import TakeError

MAX_PADDING = 0.1


def speak_each(
    requests: Sequence[Request], speak: Callable[[Request], Speech]
) -> Iterator[tuple[int, Speech | TakeError]]:
    """Speak one request after the other; a `TakeError` is the result of its request."""
    for number, request in enumerate(requests):
        result: Speech | TakeError
        try:
            result = speak(request)
        except TakeError as error:
            result = error
        yield number, result


def make_batches(lengths: Sequence[int], max_total: int, *, max_padding: float = MAX_PADDING) -> list[list[int]]:
    """Sort items by length into batches of numbers, the longest first.

    A batch padded to its longest item has at most `max_total` steps, of which at most a share of `max_padding` is
    padding. An item that is longer than that has a batch of its own.
    """
    batches: list[list[int]] = []
    # The longest comes first and sets the batch's length, so padding is known before an item joins.
    for number in sorted(range(len(lengths)), key=lambda number: -lengths[number]):
        batch = batches[-1] if batches else []
        longest = lengths[batch[0]] if batch else 0
        padded = longest * (len(batch) + 1)
        own = sum(lengths[member] for member in batch) + lengths[number]
        if batch and padded <= max_total and own >= (1 - max_padding) * padded:
            batch.append(number)
        else:
            batches.append([number])
    return batches
