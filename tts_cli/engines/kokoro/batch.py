"""Kokoro's second stage for many lines at once, exactly what each line alone would give: for GPUs.

Three things would let the padding of a shorter line leak into it: statistics of instance norms over the padding, a
recurrent layer that runs backwards from its end, and convolutions that see what biases have put there. So statistics
count a line's own frames, the recurrent layer is packed, and the padding is zeroed before each convolution: that is
what the end of a line alone looks like. (On a CPU this is slower than one line after the other.)

A rate is how many steps a frame has: 1 for content, 2 for F0, 20 and 120 inside the generator, which ends at 120 L + 1.
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  its name everywhere
from torch import Tensor, nn

from tts_cli.engines.kokoro.model import TIMBRE, KokoroModel, Planned


class Span:
    """How much of each row is the line's own, at some rate."""

    def __init__(self, lengths: Tensor, longest: int) -> None:
        """`lengths` is [B]."""
        self.lengths = lengths
        self.mask = (torch.arange(longest, device=lengths.device) < lengths[:, None])[:, None]
        self.even = bool((lengths == longest).all())

    def cut(self, x: Tensor) -> Tensor:
        """Zero the padding of [B, C, steps]."""
        return x if self.even else x * self.mask.to(x.dtype)


class Spans:
    """The spans of a batch at every rate; `lengths` is [B], in frames."""

    def __init__(self, lengths: Tensor) -> None:
        self.lengths = lengths
        self._known: dict[tuple[int, int], Span] = {}

    def at(self, rate: int, extra: int = 0) -> Span:
        """Return the span at `rate` steps per frame and `extra` steps."""
        if (rate, extra) not in self._known:
            longest = int(self.lengths.max()) * rate + extra
            self._known[rate, extra] = Span(self.lengths * rate + extra, longest)
        return self._known[rate, extra]


@torch.inference_mode()
def speak_batch(
    model: KokoroModel, planned: Sequence[Planned], seeds: Sequence[int], *, bfloat16: bool = False
) -> list[Tensor]:
    """Return the samples of each line, [600 * L] on the CPU."""
    spans = Spans(torch.tensor([line.frames for line in planned], device=model.device))
    style = torch.cat([line.style for line in planned])
    content = _pad([line.content for line in planned])
    f0, energy = _melody(model.net.predictor, _pad([line.prosody for line in planned]), style[:, TIMBRE:], spans)
    curves = [row[None, : 2 * line.frames] for row, line in zip(f0, planned, strict=True)]
    har = [_excite(model, curve, seed) for curve, seed in zip(curves, seeds, strict=True)]
    # F0 and energy stay in float32, as they do for one line alone.
    with torch.autocast(model.device.type, torch.bfloat16, enabled=bfloat16):
        x = _decode(model.net.decoder, content, f0, energy, style[:, :TIMBRE], spans)
        x = _generate(model.net.decoder.generator, x, style[:, :TIMBRE], _pad(har), spans)
    generator = model.net.decoder.generator
    return [_sound(generator, row[None, :, : 120 * line.frames + 1]) for row, line in zip(x, planned, strict=True)]


def _pad(rows: Sequence[Tensor]) -> Tensor:
    """Stack [1, C, steps] of different lengths; what lacks is zero."""
    longest = max(row.shape[-1] for row in rows)
    return torch.cat([F.pad(row, (0, longest - row.shape[-1])) for row in rows])


def _melody(predictor: Any, prosody: Tensor, style: Tensor, spans: Spans) -> tuple[Tensor, Tensor]:
    """Return F0 and energy [B, 2 L]."""
    # torch packs by lengths that lie on the CPU.
    lengths = spans.lengths.cpu()
    packed = nn.utils.rnn.pack_padded_sequence(
        prosody.transpose(-1, -2), lengths, batch_first=True, enforce_sorted=False
    )
    states, _ = nn.utils.rnn.pad_packed_sequence(predictor.shared(packed)[0], batch_first=True)
    curves = []
    for blocks, project in ((predictor.F0, predictor.F0_proj), (predictor.N, predictor.N_proj)):
        x, rate = states.transpose(-1, -2), 1
        for block in blocks:
            x, rate = _block(block, x, style, spans, rate)
        curves.append(spans.at(rate).cut(project(x)).squeeze(1))
    return curves[0], curves[1]


def _decode(decoder: Any, content: Tensor, f0: Tensor, energy: Tensor, style: Tensor, spans: Spans) -> Tensor:
    """Return the generator's input [B, C, 2 L]."""
    frames = spans.at(1)
    low_f0, low_energy = frames.cut(decoder.F0_conv(f0[:, None])), frames.cut(decoder.N_conv(energy[:, None]))
    rest = frames.cut(decoder.asr_res(content))
    x, rate = _block(decoder.encode, torch.cat([content, low_f0, low_energy], dim=1), style, spans, 1)
    for block in decoder.decode:
        if rate == 1:
            x = torch.cat([x, rest, low_f0, low_energy], dim=1)
        x, rate = _block(block, x, style, spans, rate)
    return x


def _generate(generator: Any, x: Tensor, style: Tensor, har: Tensor, spans: Spans) -> Tensor:
    """Return the spectrum's numbers [B, 22, 120 L + 1]; `har` [B, 22, 120 L + 1] is the source's."""
    rate, last = 2, generator.num_upsamples - 1
    for step in range(generator.num_upsamples):
        rate *= generator.ups[step].stride[0]
        span = spans.at(rate, 1 if step == last else 0)
        source = span.cut(generator.noise_convs[step](har))
        source = _resblock(generator.noise_res[step], source, style, span)
        x = generator.ups[step](F.leaky_relu(x, negative_slope=0.1))
        if step == last:
            # The pad is in front: it mirrors a line's own beginning, however long the others are.
            x = generator.reflection_pad(spans.at(rate).cut(x))
        x = span.cut(x) + source
        blocks = generator.resblocks[step * generator.num_kernels : (step + 1) * generator.num_kernels]
        x = sum(_resblock(block, x, style, span) for block in blocks) / generator.num_kernels
    spectrum: Tensor = generator.conv_post(F.leaky_relu(x))
    return spectrum


def _excite(model: KokoroModel, f0: Tensor, seed: int) -> Tensor:
    """Return the source's spectrum [1, 22, 120 L + 1] of one line, from its F0 [1, 2 L]: random, so never padded."""
    generator = model.net.decoder.generator
    model.source.seed = seed
    wave, _, _ = model.source(generator.f0_upsamp(f0[:, None]).transpose(1, 2))
    magnitude, phase = generator.stft.transform(wave.transpose(1, 2).squeeze(1))
    return torch.cat([magnitude, phase], dim=1)


def _sound(generator: Any, x: Tensor) -> Tensor:
    half = generator.post_n_fft // 2 + 1
    # The inverse transform takes no bfloat16; float64 stays what it is.
    x = x if x.dtype == torch.float64 else x.float()
    sound: Tensor = generator.stft.inverse(torch.exp(x[:, :half]), torch.sin(x[:, half:]))
    return sound.reshape(-1).cpu()


def _adain(layer: Any, x: Tensor, style: Tensor, span: Span) -> Tensor:
    """Normalise each row by the statistics of its own steps; the padding comes out as zero."""
    if span.even:
        # Without padding the package's layer gives the same for less.
        plain: Tensor = layer(x, style)
        return plain
    gamma, beta = layer.fc(style)[:, :, None].chunk(2, dim=1)
    count = span.lengths[:, None, None].to(x.dtype)
    mean = span.cut(x).sum(-1, keepdim=True) / count
    # Cut once more: less the mean, the padding is no longer zero and would count as variance.
    centred = span.cut(x - mean)
    scale = torch.rsqrt(centred.square().sum(-1, keepdim=True) / count + layer.norm.eps)
    normal = centred * scale * layer.norm.weight[:, None] + layer.norm.bias[:, None]
    return span.cut((1 + gamma) * normal + beta)


def _block(block: Any, x: Tensor, style: Tensor, spans: Spans, rate: int) -> tuple[Tensor, int]:
    """Do a block of the predictor or the decoder, which may double the rate."""
    before, doubles = spans.at(rate), block.upsample_type != "none"
    after = spans.at(2 * rate) if doubles else before
    y = block.actv(_adain(block.norm1, x, style, before))
    # A pool that doubles the rate has a bias, which fills the padding.
    y = block.conv1(after.cut(block.pool(y)))
    y = block.conv2(block.actv(_adain(block.norm2, y, style, after)))
    y = (y + block._shortcut(x)) * torch.rsqrt(torch.tensor(2))  # noqa: SLF001  the package has no other name for it
    return after.cut(y), 2 * rate if doubles else rate


def _resblock(block: Any, x: Tensor, style: Tensor, span: Span) -> Tensor:
    """Do a block of the generator: three times norm, snake, convolution, and the same again."""
    layers = zip(block.convs1, block.convs2, block.adain1, block.adain2, block.alpha1, block.alpha2, strict=True)
    for conv1, conv2, norm1, norm2, alpha1, alpha2 in layers:
        y = conv1(_snake(_adain(norm1, x, style, span), alpha1))
        y = conv2(_snake(_adain(norm2, y, style, span), alpha2))
        x = y + x
    return span.cut(x)


def _snake(x: Tensor, alpha: Tensor) -> Tensor:
    return x + (1 / alpha) * torch.sin(alpha * x) ** 2
