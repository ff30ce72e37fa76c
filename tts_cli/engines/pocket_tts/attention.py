"""Attention for a step of many rows, half as long as torch's own: keys lie so that one product reads them in order."""

import math
from typing import Any, Self

import torch
from pocket_tts.modules.attention import StreamingMultiheadAttention


class StepAttention(StreamingMultiheadAttention):
    """The package's attention module, which also takes a `Cache` as its state, for one step of all its rows."""

    @classmethod
    def of(cls, attention: Any) -> Self:
        """Return a module of this kind with another one's layers."""
        made = cls.__new__(cls)
        # This shares the layers; __init__ would make new ones.
        made.__dict__.update(attention.__dict__)
        return made

    def forward(self, query: torch.Tensor, model_state: Any, attn_mask: torch.Tensor | None = None) -> torch.Tensor:
        """Attend from [rows, 1, dim] to all that is in the cache; any other state is the package's business."""
        cache = None if model_state is None else self.get_state(model_state)
        # The package itself still reads texts and clips, with states of its own.
        if not isinstance(cache, Cache):
            return super().forward(query, model_state, attn_mask)
        rows, heads, dim = len(query), self.num_kv_heads, self.dim_per_head
        projected = self.in_proj(query)
        q = projected[..., : self.attn_dim].view(rows, 1, self.num_heads, dim)
        k, v = projected[..., self.attn_dim :].view(rows, 1, 2, heads, dim).unbind(2)
        q, k = self.rope(q, k, offset=cache.offset)
        keys, values = cache.append(k[:, 0], v[:, 0])
        # Scaled before the product, as q has fewer numbers than the scores.
        scores = torch.bmm(q.reshape(rows * heads, -1, dim) * dim**-0.5, keys)
        if cache.hidden is not None:
            scores.view(rows, heads, -1, keys.shape[2]).add_(cache.hidden)
        attended = torch.bmm(scores.softmax(-1), values)
        return self.out_proj(attended.view(rows, 1, -1))


class Cache:
    """One module's keys [rows, heads, dim, length] and values [rows, heads, length, dim], right-aligned at `offset`.

    The first `rows` take part in a step. `hidden` [rows, 1, 1, offset + 1] is added to the scores: minus infinity
    for the places before a row's own beginning, None if there are none.
    """

    def __init__(self, rows: int, length: int, like: torch.Tensor) -> None:
        heads, dim = like.shape[3:]
        self._keys = torch.empty(rows, heads, dim, length, device=like.device)
        self._values = torch.empty(rows, heads, length, dim, device=like.device)
        self.rows = 0
        self.offset = 0
        self.hidden: torch.Tensor | None = None

    def append(self, k: torch.Tensor, v: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Write a step's [rows, heads, dim]; returns keys [rows * heads, dim, n] and values [rows * heads, n, dim]."""
        keys, values, end = self._keys[: self.rows], self._values[: self.rows], self.offset + 1
        keys[..., self.offset] = k
        values[:, :, self.offset] = v
        return keys.flatten(0, 1)[..., :end], values.flatten(0, 1)[:, :end]

    def place(self, row: int, start: int, keys: torch.Tensor, values: torch.Tensor) -> None:
        """Write what a row has read, [n, heads, dim] from `start` on; zeros before it, as no mask hides NaN."""
        end = start + len(keys)
        self._keys[row, :, :, :start] = 0.0
        self._values[row, :, :start] = 0.0
        self._keys[row, :, :, start:end] = keys.permute(1, 2, 0)
        self._values[row, :, start:end] = values.transpose(0, 1)

    def move(self, source: int, target: int, start: int) -> None:
        """Copy a row, which begins at `start`, over another."""
        places = slice(start, self.offset)
        self._keys[target, :, :, places] = self._keys[source, :, :, places]
        self._values[target, :, places] = self._values[source, :, places]


def adopt(flow_lm: Any) -> None:
    """Give a language model attention modules of this kind, if it has others."""
    for layer in flow_lm.transformer.layers:
        if not isinstance(layer.self_attn, StepAttention):
            layer.self_attn = StepAttention.of(layer.self_attn)


def rotate_keys(keys: torch.Tensor, positions: int, max_period: float) -> torch.Tensor:
    """Turn keys [..., heads, dim] by a number of positions: as if the text around them had begun that much later.

    Rotary embeddings turn each pair of neighbouring numbers by an angle that is proportional to the position.
    """
    half = keys.shape[-1] // 2
    # In float64: in float32 an angle of 1000 is known to 6e-5 only.
    rates = torch.exp(torch.arange(half, dtype=torch.float64) * (-math.log(max_period) / half))
    angles = rates * positions
    cos, sin = (part.to(keys.dtype).to(keys.device) for part in (angles.cos(), angles.sin()))
    real, imaginary = keys.unflatten(-1, (half, 2)).unbind(-1)
    turned = torch.stack([real * cos - imaginary * sin, real * sin + imaginary * cos], dim=-1)
    return turned.flatten(-2)
