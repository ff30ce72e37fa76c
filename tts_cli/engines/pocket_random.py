"""pocket-tts models with random weights, in its own file formats: for the start-up test, for tests and for benchmarks.

They speak noise, at the speed and with the shapes of real ones. The package's own loader reads them.
"""

import string
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from tts_cli.engines.pocket_files import ModelFiles
from tts_cli.engines.pocket_model import import_package

NEVER = -100.0
"""A bias of the end that no frame overcomes: each row runs to its budget."""
SOMETIMES = -6.0
"""With the usual threshold of -4, one frame in twenty or so ends its row."""


def write_model(folder: Path, *, like: str, tiny: bool, end_bias: float, seed: int = 0) -> Path:
    """Write `model.safetensors`, `tokenizer.json` and a config that names them; returns the config's path.

    `like` names one of the package's configs; a `tiny` model has its parts in their smallest sizes (0.6 MB).
    """
    import yaml
    from safetensors.torch import save_file

    package = import_package()
    config = yaml.safe_load((Path(package.__file__).parent / "config" / f"{like}.yaml").read_text(encoding="utf-8"))
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("weights_path", "weights_path_without_voice_cloning"):
        config.pop(name, None)
    if tiny:
        _shrink(config)
    table = config["flow_lm"]["lookup_table"]
    table |= {"tokenizer": "tokenizers", "tokenizer_path": str(folder / "tokenizer.json")}
    write_tokenizer(folder / "tokenizer.json", table["n_bins"])
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        tts = package.TTSModel.load_model(config=path)
        with torch.no_grad():
            tts.flow_lm.speaker_proj_weight.normal_(0.0, 0.5)
            for layer in tts.flow_lm.transformer.layers:  # so that what is far back is heard
                layer.self_attn.in_proj.weight *= 3
                layer.self_attn.out_proj.weight *= 3
            tts.flow_lm.out_eos.weight *= 4
            tts.flow_lm.out_eos.bias.fill_(end_bias)
    save_file(tts.state_dict(), folder / "model.safetensors")
    config["weights_path"] = str(folder / "model.safetensors")
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


def find_files_of(config: Path) -> ModelFiles:
    """Return what `write_model` wrote, as a model takes it; it can imitate."""
    import yaml

    values = yaml.safe_load(config.read_text(encoding="utf-8"))
    return ModelFiles(config=values, cloning=True, embeddings="{}.safetensors", folder=config.parent)


def write_tokenizer(path: Path, size: int) -> None:
    """Write a tokenizer of exactly so many pieces: single characters, then made-up syllables."""
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


def random_voice(tts: Any, seconds: float, seed: int = 0) -> Any:
    """Return the state of a voice that was made from noise."""
    noise = torch.randn(1, int(tts.sample_rate * seconds), generator=torch.Generator().manual_seed(seed))
    return tts.get_state_for_audio_prompt(noise * 0.1)


def _shrink(config: dict[str, Any]) -> None:
    flow, mimi = config["flow_lm"], config["mimi"]
    flow["transformer"] |= {"d_model": 32, "num_heads": 2, "num_layers": 2}
    flow["flow"] |= {"dim": 32, "depth": 1}
    flow["lookup_table"] |= {"dim": 32, "n_bins": 256}
    for name in ("decoder_seanet", "decoder_transformer"):
        mimi.pop(name, None)
    mimi["outer_dim"] = 32
    mimi["seanet"] |= {"dimension": 32, "n_filters": 4}
    mimi["transformer"] |= _TINY_TRANSFORMER
    mimi["quantizer"]["output_dimension"] = 32


_TINY_TRANSFORMER: Mapping[str, Any] = {
    "d_model": 32,
    "num_heads": 2,
    "num_layers": 1,
    "dim_feedforward": 64,
    "input_dimension": 32,
    "output_dimensions": [32],
}
