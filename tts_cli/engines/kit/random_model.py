"""What random models in the real file formats share: for start-up tests, tests and benchmarks without a download."""

import contextlib
import string
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def fixed_weights(seed: int = 0) -> Iterator[None]:
    """Let what torch initialises be the same every time; the process's own random numbers go on afterwards."""
    import torch

    # The weights are made on the CPU: the state of GPUs need not be kept.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def write_tokenizer(path: Path, size: int) -> None:
    """Write a `tokenizer.json` of exactly so many pieces: single characters, then made-up syllables."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    characters = f"{string.ascii_letters}{string.digits}.,!?;:'\"-\u2026\u2581"
    pieces = {"<unk>": 0.0} | dict.fromkeys(characters, -3.0)
    letters = string.ascii_lowercase
    for first, second, third in ((a, b, c) for c in ["", *letters] for a in letters for b in letters):
        if len(pieces) == size:
            break
        pieces.setdefault(first + second + third, -4.0 - 1e-4 * len(pieces))
    tokenizer = Tokenizer(models.Unigram(list(pieces.items())[:size], unk_id=0))
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    tokenizer.save(str(path))
