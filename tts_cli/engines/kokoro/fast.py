"""Kokoro's generator for one line on a CPU, where nine tenths of the time go: the same sums, in less memory traffic.

Its blocks alternate norms, snakes and convolutions. With a snake's factor a, x + sin(ax)^2 / a is (v - cos v + 1) / 2a
for v = 2ax: the 2a goes into the norm's scale, the 1 / 2a into the next convolution's weights, and what is left is done
piece by piece while it lies in the cache. Convolutions work on channels-last memory, as the CPU's own kernels do.
"""

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  its name everywhere
from torch import Tensor, nn

# Steps that are worked on at once: 128 channels of them are a quarter of a megabyte.
PIECE = 512


class FastBlock(nn.Module):
    """A block of the generator; takes and gives [1, C, 1, steps] in channels-last memory."""

    def __init__(self, block: Any) -> None:
        """Take the weights of the package's block, whose weight norms are folded."""
        super().__init__()
        pairs = zip(block.adain1, block.alpha1, block.convs1, block.adain2, block.alpha2, block.convs2, strict=True)
        self.stages = nn.ModuleList(nn.ModuleList([_Stage(*pair[:3]), _Stage(*pair[3:])]) for pair in pairs)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Return the block's output; `style` is [1, 128]."""
        for first, second in self.stages:
            x = x + second(first(x, style), style)
        return x


class _Stage(nn.Module):
    """Norm, snake and convolution."""

    def __init__(self, norm: Any, alpha: Tensor, conv: Any) -> None:
        super().__init__()
        self.fc, self.norm = norm.fc, norm.norm
        twice = 2 * alpha.detach()[0, :, 0]
        self.register_buffer("twice", twice)
        weight = (conv.weight.detach() / twice[:, None])[:, :, None]
        self.weight = nn.Parameter(weight.contiguous(memory_format=torch.channels_last), requires_grad=False)
        self.bias = conv.bias
        self.padding, self.dilation = (0, conv.padding[0]), (1, conv.dilation[0])

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        # A mean over thousands of steps is too much for the eight bits of bfloat16.
        with torch.autocast(x.device.type, enabled=False):
            gamma, beta = self.fc(style)[0].chunk(2)
            scale = (1 + gamma) * self.twice
            weight, bias = scale * self.norm.weight, scale * self.norm.bias + beta * self.twice
            # of one line the statistics of the batch are those of the line
            x, _, _ = torch.native_batch_norm(x.float(), weight, bias, None, None, True, 0.0, self.norm.eps)
            # In place, as x is the norm's own output and nobody else's.
            for piece in x.split(PIECE, dim=-1):
                piece.sub_(piece.cos()).add_(1)
        return F.conv2d(x, self.weight, self.bias, padding=self.padding, dilation=self.dilation)


class FastGenerator(nn.Module):
    """Does what the package's generator does."""

    def __init__(self, generator: Any) -> None:
        """Take the weights of the package's generator; it cannot be used afterwards."""
        super().__init__()
        self.inner = generator
        self.m_source, self.stft = generator.m_source, generator.stft
        self.noise_res = nn.ModuleList(map(FastBlock, generator.noise_res))
        self.resblocks = nn.ModuleList(map(FastBlock, generator.resblocks))
        # Else these weights would be in memory twice.
        del generator.noise_res, generator.resblocks

    def forward(self, x: Tensor, style: Tensor, f0: Tensor) -> Tensor:
        """Return the samples [1, 1, 600 L] of a line; `x` is [1, C, 2 L], `style` [1, 128], `f0` [1, 2 L]."""
        inner, last = self.inner, self.inner.num_upsamples - 1
        har = self._excite(f0)
        for step in range(inner.num_upsamples):
            source = self.noise_res[step](_spread(inner.noise_convs[step](har)), style)
            x = inner.ups[step](F.leaky_relu(x, negative_slope=0.1))
            if step == last:
                x = inner.reflection_pad(x)
            y = _spread(x).float() + source
            blocks = self.resblocks[step * inner.num_kernels : (step + 1) * inner.num_kernels]
            x = _gather(sum(block(y, style) for block in blocks) / inner.num_kernels)
        x = inner.conv_post(F.leaky_relu(x)).float()
        half = inner.post_n_fft // 2 + 1
        sound: Tensor = self.stft.inverse(torch.exp(x[:, :half]), torch.sin(x[:, half:]))
        return sound

    def _excite(self, f0: Tensor) -> Tensor:
        wave, _, _ = self.m_source(self.inner.f0_upsamp(f0[:, None]).transpose(1, 2))
        magnitude, phase = self.stft.transform(wave.transpose(1, 2).squeeze(1))
        return torch.cat([magnitude, phase], dim=1)


def _spread(x: Tensor) -> Tensor:
    """Turn [1, C, steps] into [1, C, 1, steps] in channels-last memory."""
    return x[:, :, None].contiguous(memory_format=torch.channels_last)


def _gather(x: Tensor) -> Tensor:
    return x.squeeze(2).contiguous()
