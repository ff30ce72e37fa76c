"""Mimi's decoder, from latents to samples, faster than its own modules: one row at a time, a few frames in a call.

Its own convolutions take channels first and pack their weights anew in each call. Here a signal is [time, channels],
so a convolution is one product of matrices with weights that were packed once; a transposed one, whose kernel is twice
its stride, is a product with the last input beside the present one. The transformer stays the package's, but looks no
further back than its context.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import torch
from pocket_tts.modules.stateful_module import init_states
from torch import nn
from torch.nn import functional as F  # noqa: N812  everybody's name for it

from tts_cli.engines.pocket_tts.attention import rotate_keys
from tts_cli.engines.pocket_tts.linear import PackedLinear, replace_linears

FRAMES = 8
"""Latent frames in a call: the activations of eight still fit into a core's cache."""


class _Layer(Protocol):
    past: int  # samples of the layer's input that it remembers
    channels: int

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Map [past + time, channels] to [time, out]."""


class _Convolution:
    """A causal convolution of stride 1."""

    def __init__(self, conv: nn.Conv1d, rows: int) -> None:
        if conv.stride != (1,) or conv.groups != 1:
            raise NotImplementedError("a convolution with a stride or groups")
        self._offsets = range(0, conv.kernel_size[0] * conv.dilation[0], conv.dilation[0])
        self.past, self.channels = self._offsets[-1], conv.in_channels
        weight = conv.weight.detach().permute(0, 2, 1).reshape(conv.out_channels, -1)
        self._linear = _packed(weight, conv.bias, rows)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        if not self.past:
            return self._linear(x)
        length = len(x) - self.past
        return self._linear(torch.cat([x[offset : offset + length] for offset in self._offsets], dim=1))


class _Transposed:
    """A causal transposed convolution whose kernel is twice its stride."""

    past = 1

    def __init__(self, conv: nn.ConvTranspose1d, rows: int) -> None:
        self._stride = conv.stride[0]
        if conv.kernel_size[0] != 2 * self._stride or conv.groups != 1:
            raise NotImplementedError("a transposed convolution of another kind")
        self.channels = conv.in_channels
        # The first half of the kernel belongs to the present input, the second half to the one before.
        now, then = conv.weight.detach().split(self._stride, dim=2)  # each [in, out, stride]
        weight = torch.cat([half.permute(2, 1, 0).reshape(-1, conv.in_channels) for half in (then, now)], dim=1)
        bias = None if conv.bias is None else conv.bias.detach().repeat(self._stride)
        self._linear = _packed(weight, bias, rows)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        y = self._linear(torch.cat([x[:-1], x[1:]], dim=1))
        return y.view(len(y) * self._stride, -1)


class _Memory:
    """A layer with the end of its last input, for one row."""

    def __init__(self, layer: _Layer) -> None:
        self._layer = layer
        self._past = torch.zeros(layer.past, layer.channels)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        if self._layer.past:
            x = torch.cat([self._past, x])
            self._past = x[-self._layer.past :]
        return self._layer(x)


class FastMimi:
    """Decodes latents with a Mimi's weights; raises `NotImplementedError` for one that is built otherwise."""

    def __init__(self, mimi: Any) -> None:
        self._mimi = mimi
        self._project = mimi.quantizer.output_proj.weight.detach()[:, :, 0].t().contiguous()
        upsample = mimi.upsample.convtr.convtr
        self._steps = upsample.stride[0]
        depthwise = upsample.groups == upsample.in_channels and upsample.bias is None
        if upsample.kernel_size[0] != 2 * self._steps or not depthwise:
            raise NotImplementedError("an upsampling of another kind")
        # [2, steps, channels]: what the present frame adds, and what the last one adds
        self._upsample = upsample.weight.detach()[:, 0].t().reshape(2, self._steps, -1).contiguous()
        replace_linears(mimi.decoder_transformer, PackedLinear)
        self._layers = list(_layers(mimi.decoder.model, self._steps * FRAMES))

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Map latents [frames, dim] of one row, from its start, to samples [frames * samples per frame]."""
        row = _Row(self._mimi, self._layers, self._steps * FRAMES)
        frames = latents @ self._project
        now, last = self._upsample
        # Nothing was heard before the first frame.
        before = torch.cat([torch.zeros_like(frames[:1]), frames[:-1]])
        steps = (frames[:, None] * now + before[:, None] * last).view(-1, frames.shape[1])
        return torch.cat([row.decode(part) for part in steps.split(self._steps * FRAMES)])


class _Row:
    """What one row has seen so far."""

    def __init__(self, mimi: Any, layers: Sequence[Any], most_steps: int) -> None:
        self._transformer = mimi.decoder_transformer
        self._context = self._transformer.transformer.context
        self._period = self._transformer.transformer.max_period
        # Room for the context and one call: `_forget` clears the rest away after each.
        states = init_states(mimi, 1, self._context + most_steps)
        self._state = {name: state for name, state in states.items() if name.startswith("decoder_transformer.")}
        for state in self._state.values():
            # Fresh memory may hold NaN, which no mask hides.
            state["cache"].zero_()
        self._layers = [_remembering(layer) for layer in layers]

    def decode(self, x: torch.Tensor) -> torch.Tensor:
        """Map steps [time, channels] to samples."""
        x = self._attend(x)
        for layer in self._layers:
            if layer is None:
                x = F.elu_(x)
            elif isinstance(layer, tuple):
                # The first activation is not in place, as x is still to be added.
                x = x + layer[1](F.elu_(layer[0](F.elu(x))))
            else:
                x = layer(x)
        return x[:, 0]

    def _attend(self, x: torch.Tensor) -> torch.Tensor:
        projected = x[None] if self._transformer.input_proj is None else self._transformer.input_proj(x[None])
        y = self._transformer.output_projs[0](self._transformer.transformer(projected, self._state))
        for state in self._state.values():
            state["offset"] += len(x)
            self._forget(state)
        return y[0].contiguous()

    def _forget(self, state: dict[str, torch.Tensor]) -> None:
        """Move what the next step may still look back at to the cache's start, as if time had begun there."""
        end = int(state["offset"])
        excess = end - self._context
        if excess > 0:
            # A copy, as the two stretches may overlap.
            kept = state["cache"][:, :, excess:end].clone()
            kept[0] = rotate_keys(kept[0], -excess, self._period)
            state["cache"][:, :, : self._context] = kept
            state["offset"] -= excess


def _layers(modules: Sequence[nn.Module], rows: int) -> Iterator[Any]:
    """Yield the decoder's layers in order: None for an activation, a pair for a residual block."""
    for module in modules:
        if isinstance(module, nn.ELU):
            yield None
        elif hasattr(module, "block"):
            yield tuple(_convolution(inner, rows) for inner in module.block if not isinstance(inner, nn.ELU))
        elif hasattr(module, "convtr"):
            yield _Transposed(module.convtr, rows)
            rows *= module.convtr.stride[0]
        else:
            yield _convolution(module, rows)


def _convolution(module: Any, rows: int) -> _Convolution:
    if module.pad_mode != "constant":
        raise NotImplementedError(f"padding by {module.pad_mode}")
    return _Convolution(module.conv, rows)


def _remembering(layer: Any) -> Any:
    if isinstance(layer, tuple):
        return tuple(_Memory(part) for part in layer)
    return None if layer is None else _Memory(layer)


def _packed(weight: torch.Tensor, bias: torch.Tensor | None, rows: int) -> PackedLinear:
    out, inputs = weight.shape
    linear = nn.Linear(inputs, out, bias=bias is not None, device="meta")
    linear.weight = nn.Parameter(weight.contiguous(), requires_grad=False)
    if bias is not None:
        linear.bias = nn.Parameter(bias.detach(), requires_grad=False)
    return PackedLinear(linear, rows)
