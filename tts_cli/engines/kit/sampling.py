"""Drawing the next token of each row from its own random numbers: a row is the same whatever is decoded beside it.

Logits are [rows, tokens] in float32; what may not be drawn is minus infinity. Random numbers are drawn on the CPU, so
that they are the same on any device.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

NEVER = float("-inf")


def make_generator(seed: int) -> torch.Generator:
    """Return a row's own source of random numbers."""
    return torch.Generator().manual_seed(seed)


def draw_normal(generators: Sequence[torch.Generator], size: int, deviations: Sequence[float]) -> Tensor:
    """Draw [rows, size] normal numbers, each row with its own standard deviation."""
    draws = [
        torch.empty(size).normal_(0.0, deviation, generator=generator)
        for generator, deviation in zip(generators, deviations, strict=True)
    ]
    return torch.stack(draws)


def draw_uniform(generators: Sequence[torch.Generator], size: int) -> Tensor:
    """Draw [rows, size] numbers from 0 up to 1."""
    return torch.stack([torch.rand(size, generator=generator) for generator in generators])


def penalise_repeats(logits: Tensor, seen: Tensor, penalty: Tensor) -> Tensor:
    """Make tokens that a row has had less likely; `seen` is a mask [rows, tokens], `penalty` [rows, 1] from 1 on."""
    # A negative logit becomes less likely by multiplication, where a division would help it.
    return torch.where(seen, torch.where(logits > 0, logits / penalty, logits * penalty), logits)


def keep_top_k(logits: Tensor, k: int) -> Tensor:
    """Keep the `k` likeliest tokens of each row."""
    least = logits.topk(min(k, logits.shape[-1]), dim=-1).values[..., -1:]
    return logits.masked_fill(logits < least, NEVER)


def keep_top_p(logits: Tensor, p: Tensor) -> Tensor:
    """Keep the likeliest tokens that have a probability of `p` [rows, 1] together, and at least one."""
    ordered, places = logits.sort(dim=-1, descending=True)
    chances = ordered.softmax(-1)
    # The sum in front of a token counts, so the one that reaches `p` is still kept.
    surplus = chances.cumsum(-1) - chances >= p
    surplus[..., 0] = False
    return logits.masked_fill(torch.zeros_like(surplus).scatter(-1, places, surplus), NEVER)


def keep_min_p(logits: Tensor, p: Tensor) -> Tensor:
    """Keep tokens that are at least `p` [rows, 1] times as likely as the likeliest."""
    chances = logits.softmax(-1)
    return logits.masked_fill(chances < p * chances.amax(-1, keepdim=True), NEVER)


def pick(logits: Tensor, uniform: Tensor) -> Tensor:
    """Return a token [rows] for a uniform number [rows] of each row, likelier tokens for more of the numbers.

    The sum of chances runs over the tokens in the order of their likelihood, so that rounding moves few of them.
    """
    # Stable, so that equal chances stay in the order of their tokens.
    ordered, places = logits.sort(dim=-1, descending=True, stable=True)
    sums = ordered.softmax(-1).cumsum(-1)
    # Rounding may keep the last sum off 1: the number is scaled by it, and clamped all the same.
    chosen = (sums <= uniform.to(sums)[:, None] * sums[:, -1:]).sum(-1).clamp(max=logits.shape[-1] - 1)
    return places.gather(-1, chosen[:, None])[:, 0]
