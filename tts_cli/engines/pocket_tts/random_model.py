"""pocket-tts models with random weights, in its own file formats: for the start-up test, for tests and for benchmarks.

They speak noise, at the speed and with the shapes of real ones. The package's own loader reads them.
"""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from tts_cli.audio.samples import Samples
from tts_cli.engines.kit import selftest
from tts_cli.engines.kit.random_model import fixed_weights, write_tokenizer
from tts_cli.engines.pocket_tts.files import ModelFiles
from tts_cli.engines.pocket_tts.model import Model, import_package

NEVER = -100.0
"""A bias of the end that no frame overcomes: each row runs to its budget."""
_TEXTS = ("one two", "three four five six seven eight", "nine ten eleven")
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
    with fixed_weights(seed):
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


def random_voice(tts: Any, seconds: float, seed: int = 0) -> Any:
    """Return the state of a voice that was made from noise."""
    noise = torch.randn(1, int(tts.sample_rate * seconds), generator=torch.Generator().manual_seed(seed))
    return tts.get_state_for_audio_prompt(noise * 0.1)


def find_difference() -> str:
    """Return what the batched decoder does otherwise than the package on the CPU, of a tiny model; empty if nothing."""
    return selftest.find_difference(_speak_both)


def _speak_both() -> tuple[dict[int, Samples], dict[int, Samples]]:
    with tempfile.TemporaryDirectory(prefix="tts-cli-") as folder:
        files = find_files_of(write_model(Path(folder), like="english_2026-10", tiny=True, end_bias=SOMETIMES))
        batched, alone = (_speak(Model("en", files, width=width)) for width in (2, 0))
    return batched, alone


def _speak(model: Model) -> dict[int, Samples]:
    """Speak more rows than are decoded at once, of two voices, so that rows are packed, dropped and refilled."""
    voices = [random_voice(model.tts, seconds) for seconds in (0.5, 1.0)]
    rows = [
        row
        for number, text in enumerate(_TEXTS)
        for row in model.make_rows(text, voices[number % len(voices)], number, {})
    ]
    return {spoken.row: spoken.samples for spoken in model.speak(rows, sampler_steps=1)}


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
