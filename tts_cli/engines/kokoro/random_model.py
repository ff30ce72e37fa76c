"""Random weights in Kokoro's real format: what benchmarks and tests load where there are no real ones."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tts_cli.engines.kit.random_model import fixed_weights

# The phonemes that the model knows: the first id of each run of them.
_SYMBOLS = {
    1: ";:,.!?",
    9: '\u2014\u2026"()\u201c\u201d \u0303\u02a3\u02a5\u02a6\u02a8\u1d5d\uab67AI',
    31: "O",
    33: "Q",
    35: "ST",
    39: "W",
    41: "Yᵊabcdef",
    50: "hijklmnopqrstuvwxyzɑɐɒæ",
    75: "βɔɕç",
    80: "ɖðʤə",
    85: "ɚɛɜ",
    90: "ɟ",
    92: "ɡ",
    99: "ɥ",
    101: "ɨɪʝ",
    110: "ɯɰŋɳɲɴø",
    118: "ɸθœ",
    123: "ɹ",
    125: "ɾɻ",
    128: "ʁɽʂʃʈʧ",
    135: "ʊʋ",
    138: "ʌɣɤ",
    142: "χʎ",
    147: "ʒʔ",
    156: "ˈˌː",
    162: "ʰ",
    164: "ʲ",
    169: "↓",
    171: "→↗↘",
    177: "ᵻ",
}

FULL: Mapping[str, Any] = {
    "hidden_dim": 512,
    "style_dim": 128,
    "n_layer": 3,
    "n_token": 178,
    "n_mels": 80,
    "max_dur": 50,
    "dropout": 0.2,
    "text_encoder_kernel_size": 5,
    "istftnet": {
        "upsample_kernel_sizes": [20, 12],
        "upsample_rates": [10, 6],
        "gen_istft_hop_size": 5,
        "gen_istft_n_fft": 20,
        "resblock_dilation_sizes": [[1, 3, 5], [1, 3, 5], [1, 3, 5]],
        "resblock_kernel_sizes": [3, 7, 11],
        "upsample_initial_channel": 512,
    },
    "plbert": {
        "hidden_size": 768,
        "num_attention_heads": 12,
        "intermediate_size": 2048,
        "max_position_embeddings": 512,
        "num_hidden_layers": 12,
        "dropout": 0.1,
    },
}
FRAMES_PER_PHONEME = 2.8  # as in real speech; random weights would say 25


def vocabulary() -> dict[str, int]:
    """Return the id of each phoneme."""
    return {symbol: first + place for first, run in _SYMBOLS.items() for place, symbol in enumerate(run)}


def write_weights(
    folder: Path, config: Mapping[str, Any] = FULL, *, voices: Sequence[str] = ("af_heart",), half: bool = False
) -> None:
    """Write a configuration, a checkpoint and voice packs, the same every time; `half` halves the checkpoint."""
    import torch

    from tts_cli.engines.kokoro.model import CHECKPOINT, CONFIG

    folder.mkdir(parents=True, exist_ok=True)
    whole = {**config, "vocab": vocabulary()}
    (folder / CONFIG).write_text(json.dumps(whole, ensure_ascii=False), encoding="utf-8")
    torch.save(_checkpoint(whole, half=half), folder / CHECKPOINT)
    (folder / "voices").mkdir(exist_ok=True)
    for voice in voices:
        generator = torch.Generator().manual_seed(sum(map(ord, voice)))
        torch.save(torch.randn(510, 1, 256, generator=generator) * 0.1, folder / "voices" / f"{voice}.pt")


def _checkpoint(config: Mapping[str, Any], *, half: bool) -> dict[str, dict[str, Any]]:
    import torch

    from tts_cli.engines.kokoro import model as kokoro_model

    with fixed_weights():
        net = kokoro_model.build(dict(config))
    share = FRAMES_PER_PHONEME / config["max_dur"]
    net.predictor.duration_proj.linear_layer.bias.data.fill_(math.log(share / (1 - share)))
    net.predictor.F0_proj.bias.data.fill_(150.0)  # a voiced pitch, in Hz
    kind = torch.float16 if half else torch.float32
    return {
        name: {
            f"module.{key}": value.to(kind) if value.is_floating_point() else value
            for key, value in getattr(net, name).state_dict().items()
            # The real checkpoint lacks them as well.
            if not key.endswith((".norm.weight", ".norm.bias"))
        }
        for name in kokoro_model.PARTS
    }
