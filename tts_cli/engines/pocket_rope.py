"""Rotary positions: what makes keys that were computed at one place serve at another."""

import math

import torch


def rotate_keys(keys: torch.Tensor, positions: int, max_period: float) -> torch.Tensor:
    """Turn keys [..., heads, dim] by a number of positions: as if the text around them had begun that much later.

    Rotary embeddings turn each pair of neighbouring numbers by an angle that is proportional to the position.
    """
    half = keys.shape[-1] // 2
    rates = torch.exp(torch.arange(half, dtype=torch.float64) * (-math.log(max_period) / half))
    angles = rates * positions
    cos, sin = (part.to(keys.dtype).to(keys.device) for part in (angles.cos(), angles.sin()))
    real, imaginary = keys.unflatten(-1, (half, 2)).unbind(-1)
    turned = torch.stack([real * cos - imaginary * sin, real * sin + imaginary * cos], dim=-1)
    return turned.flatten(-2)
