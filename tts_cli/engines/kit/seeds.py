"""Where every seed comes from: one rule, of which the pipeline and the adapters use different origins.

(project seed, line, part, take)    the first attempt at an utterance
(seed, "retake", attempt)           another attempt at it; the pipeline decides on one
(seed, "piece", number)             a later piece of a text that an adapter speaks in several
"""

import hashlib
import json

_JSON = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)


def derive_seed(*origin: int | str) -> int:
    """Turn an origin into a seed of 31 bits that is never 0."""
    data = _JSON.encode(origin).encode("utf-8", "surrogatepass")
    # 0 stands for no seed in some engines, and others take no more than 31 bits.
    return int(hashlib.sha256(data).hexdigest()[:8], 16) % (2**31 - 1) + 1


def piece_seed(seed: int, number: int) -> int:
    """Return the seed of a piece of a request, counted from 0; the first one has the request's own."""
    return derive_seed(seed, "piece", number) if number else seed
