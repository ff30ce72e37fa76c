"""Linear layers that run faster than torch's own for a few rows at a time, on one thread of a CPU.

`PackedLinear` keeps its weights in oneDNN's blocked layout: the same float32 sums in another order, two to three times
as fast on processors that MKL does not favour. `Int8Linear` is dynamic int8 whose result for a row does not depend on
the rows beside it, which torch's own (one activation scale per call) does.
"""

import warnings
from collections.abc import Callable

import torch
from torch import nn

# The number of rows that the blocked layout is chosen for; any other number works too.
ROWS = 16

# Rounding of activations: seven bits, as FBGEMM adds products in pairs of 16 bits on processors without VNNI.
_REDUCED = True


class PackedLinear(nn.Module):
    """A float32 `nn.Linear` with packed weights; `weight` is left as an empty tensor that tells device and dtype."""

    def __init__(self, linear: nn.Linear, rows: int = ROWS) -> None:
        super().__init__()
        weight = linear.weight.detach().contiguous()
        self._packed = torch.ops.mkldnn._reorder_linear_weight(weight, rows)  # noqa: SLF001  what inductor calls
        self._bias = None if linear.bias is None else linear.bias.detach()
        self.weight = weight.new_empty(0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map [..., in] to [..., out]."""
        return torch.ops.mkldnn._linear_pointwise(x, self._packed, self._bias, "none", [], "")  # noqa: SLF001


class Int8Linear(nn.Module):
    """Weights in int8 by output channel, activations in int8 by row, sums in int32: a row's result is its own.

    FBGEMM takes one activation range for a whole call. So each row is divided by its largest magnitude, and a row that
    spans exactly -1 to 1 goes along: the range is the same in every call.
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        weight = linear.weight.detach().float()
        # A channel of zeros would have a scale of zero.
        scales = weight.abs().amax(dim=1).clamp_min(1e-12).double() / 127
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch.ao is to move to torchao
            quantised = torch.quantize_per_channel(weight, scales, torch.zeros(len(scales)).long(), 0, torch.qint8)
            # Packed without its bias, which must not be scaled as the rows are.
            self._packed = torch.ops.quantized.linear_prepack(quantised, None)
        self._bias = None if linear.bias is None else linear.bias.detach()
        self._span = torch.ones(1, weight.shape[1])
        self._span[0, 0] = -1.0
        self.weight = weight.new_empty(0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map [..., in] to [..., out]."""
        rows = x.reshape(-1, x.shape[-1])
        size = rows.abs().amax(dim=1, keepdim=True).clamp_min_(1e-12)
        spanned = torch.cat([rows / size, self._span])
        # The row that was added for its range is dropped, and each row gets its size back.
        y = torch.ops.quantized.linear_dynamic(spanned, self._packed, _REDUCED)[:-1] * size
        if self._bias is not None:
            y += self._bias
        return y.view(*x.shape[:-1], -1)


def replace_linears(module: nn.Module, make: Callable[[nn.Linear], nn.Module]) -> None:
    """Put another kind of layer in the place of every `nn.Linear` below a module."""
    for name, child in module.named_children():
        if isinstance(child, nn.Linear):
            setattr(module, name, make(child))
        else:
            replace_linears(child, make)


def can_pack() -> bool:
    """Tell whether this torch has oneDNN's packed layers, and computes the right thing with them."""
    try:
        layer = nn.Linear(24, 40)
        x = torch.linspace(-1, 1, 72).view(3, 24)
        with torch.no_grad():
            return bool(torch.allclose(PackedLinear(layer)(x), layer(x), atol=1e-5))
    except (AttributeError, RuntimeError):
        return False
