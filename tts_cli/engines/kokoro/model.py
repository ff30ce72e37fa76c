"""Kokoro's network: loaded strictly, and run in two stages, durations first and one by one, then sound.

The first stage costs a twentieth and decides how long everything is; so timings never depend on what else is spoken.
Shapes: B lines, C channels, T phonemes with one at each end, L frames of 25 ms.
"""

import io
import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tts_cli.engines.kokoro.g2p import spare_spacy
from tts_cli.errors import MissingError

REPO = "hexgrad/Kokoro-82M"
CHECKPOINT, CONFIG = "kokoro-v1_0.pth", "config.json"
PARTS = ("bert", "bert_encoder", "predictor", "decoder", "text_encoder")
TIMBRE = 128  # numbers of a style that go to the decoder; the rest goes to the predictor


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What the first stage decided: frames per phoneme [T], and what the second stage needs.

    `prosody` [1, C, L] and `content` [1, C, L] are the phonemes' features, repeated for as long as they last; `style`
    is [1, 256].
    """

    durations: tuple[int, ...]
    prosody: Tensor
    content: Tensor
    style: Tensor

    @property
    def frames(self) -> int:
        """L."""
        return int(self.content.shape[-1])


class Source(nn.Module):
    """Wraps the module that draws random numbers: seeded for each line, and always in full precision."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner
        self.seed = 0

    def forward(self, f0: Tensor) -> Any:
        """Make the excitation of one line; `f0` is [1, samples, 1]."""
        # The package draws from torch's global generator.
        torch.manual_seed(self.seed)
        with torch.autocast(f0.device.type, enabled=False):
            return self.inner(f0)


class KokoroModel:
    """The network on a device, with its vocabulary."""

    def __init__(self, folder: Path, device: str, *, fast: bool | None = None) -> None:
        """Load it; raises `MissingError` for a checkpoint that is not all there.

        On a CPU, or if `fast` says so, lines are spoken quicker: the same but for rounding, and one by one only.
        """
        self.net = load(folder).to(device)
        self.device = torch.device(device)
        self.vocabulary: Mapping[str, int] = self.net.vocab
        self.source = self.net.decoder.generator.m_source
        if device == "cpu" if fast is None else fast:
            from tts_cli.engines.kokoro.fast import FastGenerator

            self.net.decoder.generator = FastGenerator(self.net.decoder.generator)

    def ids(self, phonemes: str) -> list[int]:
        """Return the ids of those phonemes that the network knows."""
        return [self.vocabulary[phoneme] for phoneme in phonemes if phoneme in self.vocabulary]

    @torch.inference_mode()
    def plan(self, ids: Sequence[int], style: Tensor, speed: float) -> Planned:
        """Do the first stage for one line; `style` is [1, 256]."""
        net, style = self.net, style.to(self.device)
        # The network has learnt phrases with a 0 at either end.
        tokens = torch.tensor([[0, *ids, 0]], device=self.device)
        lengths = torch.tensor([tokens.shape[1]])
        # A line alone has no padding to hide.
        nothing = torch.zeros_like(tokens, dtype=torch.bool)
        hidden = net.bert_encoder(net.bert(tokens, attention_mask=(~nothing).int())).transpose(-1, -2)
        features = net.predictor.text_encoder(hidden, style[:, TIMBRE:], lengths, nothing)
        states, _ = net.predictor.lstm(features)
        expected = torch.sigmoid(net.predictor.duration_proj(states)).sum(dim=-1) / speed
        durations = torch.round(expected).clamp(min=1).long()[0]
        content = net.text_encoder(tokens, lengths, nothing)
        return Planned(
            durations=tuple(durations.tolist()),
            prosody=features.repeat_interleave(durations, dim=1).transpose(-1, -2),
            content=content.repeat_interleave(durations, dim=2),
            style=style,
        )

    @torch.inference_mode()
    def speak(self, planned: Planned, seed: int, *, bfloat16: bool = False) -> Tensor:
        """Do the second stage for one line, as the package does it; returns samples [600 * L] on the CPU."""
        f0, energy = self.net.predictor.F0Ntrain(planned.prosody, planned.style[:, TIMBRE:])
        self.source.seed = seed
        with torch.autocast(self.device.type, torch.bfloat16, enabled=bfloat16):
            sound: Tensor = self.net.decoder(planned.content, f0, energy, planned.style[:, :TIMBRE])
        return sound.reshape(-1).float().cpu()


def load(folder: Path) -> Any:
    """Build the package's network and fill all of it from the checkpoint; weight norms are folded into the weights."""
    net = build(json.loads((folder / CONFIG).read_bytes()))
    fill(net, read_checkpoint(folder / CHECKPOINT))
    net.eval()
    fold_weight_norm(net)
    generator = net.decoder.generator
    # Wrapped last, as the checkpoint names weights as the package does.
    generator.m_source = Source(generator.m_source)
    return net


def build(config: dict[str, Any]) -> Any:
    """Build the package's network, with random weights; it would keep quiet about half a checkpoint."""
    spare_spacy()
    from kokoro.model import KModel

    # The package insists on a checkpoint: an empty one leaves all weights to `fill`, which is strict.
    nothing = io.BytesIO()
    torch.save({}, nothing)
    nothing.seek(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of old names, and of dropout in networks of one layer
        return KModel(repo_id=REPO, config=config, model=nothing)


def read_checkpoint(path: Path) -> Mapping[str, Mapping[str, Tensor]]:
    """Read the five parts; raises `MissingError` for a file that is damaged or another model's."""
    try:
        parts = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:
        raise _unusable(path, f"cannot be read ({type(error).__name__})") from error
    if not isinstance(parts, dict) or set(parts) != set(PARTS):
        found = ", ".join(map(str, parts)) if isinstance(parts, dict) else type(parts).__name__
        raise _unusable(path, f"has {found or 'nothing'} where {', '.join(PARTS)} belong")
    return parts


def fill(net: Any, parts: Mapping[str, Mapping[str, Tensor]]) -> None:
    """Put every weight into its place; raises `MissingError` where one lacks, is left over, or has another shape.

    Only the scales of instance norms may lack: the package added them later, and they start as ones and zeros.
    """
    for name, state in parts.items():
        part = getattr(net, name)
        # `module.` is what torch's DataParallel puts in front of every name.
        plain = {key.removeprefix("module."): value for key, value in state.items()}
        try:
            missing, surplus = part.load_state_dict(plain, strict=False)
        except (RuntimeError, AttributeError) as error:
            reason = str(error).strip().splitlines()[-1].strip()
            raise _unusable(Path(CHECKPOINT), f"does not fit the network: {reason}") from error
        norms = {f"{at}.{kind}" for at in _instance_norms(part) for kind in ("weight", "bias")}
        if wrong := [*(key for key in missing if key not in norms), *surplus]:
            places = f"{name}.{wrong[0]} and {len(wrong) - 1} others"
            raise _unusable(Path(CHECKPOINT), f"does not fit the network: {places}")


def fold_weight_norm(net: nn.Module) -> None:
    """Compute each normalised weight once instead of with every line; the numbers stay the same."""
    for module in net.modules():
        if hasattr(module, "weight_g"):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)
                nn.utils.remove_weight_norm(module)


def _instance_norms(part: nn.Module) -> Iterator[str]:
    return (name for name, module in part.named_modules() if isinstance(module, nn.InstanceNorm1d))


def _unusable(path: Path, why: str) -> MissingError:
    return MissingError(f"the checkpoint {path.name} {why}", hint="tts-cli download kokoro")
