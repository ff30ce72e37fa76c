"""States of the neural engines: what their own tools write becomes one form, and everything else is refused."""

from pathlib import Path

import numpy as np
import pytest

from tts_cli.engines import layouts
from tts_cli.voices.pt_file import read_pt, write_pt
from tts_cli.voices.safetensors_file import read_safetensors, write_safetensors

PACKS = Path(__file__).parents[3] / "shared" / "voicepacks"
RNG = np.random.default_rng(7)


def pocket(length: int = 40, *, tail: int = 0) -> dict:
    cache = RNG.standard_normal((2, 1, length + tail, 4, 8)).astype(np.float32)
    cache[:, :, length:] = np.nan
    return {"cache": cache, "offset": np.array([length]), "pad": np.array([0])}


@pytest.mark.skipif(not PACKS.is_dir(), reason="no voice packs beside the checkout")
def test_kokoro_packs_pass_unchanged() -> None:
    pack = read_pt((PACKS / "af_heart.pt").read_bytes())
    assert np.array_equal(layouts.kokoro(pack), pack)
    assert np.array_equal(read_pt(write_pt(layouts.kokoro(pack))), pack)


def test_pocket_tts_states_lose_their_tail_and_travel_as_safetensors() -> None:
    modules = {"transformer.layers.0.self_attn": pocket(tail=60), "transformer.layers.1.self_attn": pocket()}
    flat = {f"{name}/{key}": value for name, module in modules.items() for key, value in module.items()}
    state = layouts.pocket_tts(read_safetensors(write_safetensors(flat)))
    assert state.keys() == modules.keys()
    first = state["transformer.layers.0.self_attn"]
    assert first["cache"].shape == (2, 1, 40, 4, 8)
    assert np.isfinite(first["cache"]).all()
    assert write_pt(layouts.pocket_tts(read_pt(write_pt(state)))) == write_pt(state)


def changed(state: dict, *path: str, to: object) -> dict:
    inner = state
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = to
    return state


@pytest.mark.parametrize(
    ("layout", "state", "reason"),
    [
        (layouts.kokoro, np.zeros((511, 1, 256), np.float32), "shape"),
        (layouts.kokoro, np.full((510, 1, 256), np.inf, np.float32), "NaN or infinity"),
        (layouts.kokoro, {"style": np.zeros((510, 1, 256))}, "missing"),
        (layouts.pocket_tts, {}, "no attention"),
        (layouts.pocket_tts, np.zeros(3), "no attention"),
        (layouts.pocket_tts, {"m": {}}, "nothing"),
        (layouts.pocket_tts, {"m": np.zeros(3)}, "ndarray"),
        (layouts.pocket_tts, {"m": pocket() | {"run": 1}}, "run"),
        (layouts.pocket_tts, {"m": changed(pocket(), "cache", to="text")}, "missing"),
        (layouts.pocket_tts, {"m": changed(pocket(), "offset", to=np.array([1.5]))}, "whole"),
        (layouts.pocket_tts, {"m": changed(pocket(), "offset", to=np.array([-1]))}, "whole"),
        (layouts.pocket_tts, {"m": changed(pocket(), "offset", to=np.array([41]))}, "offset 41"),
        (layouts.pocket_tts, {"m": changed(pocket(), "offset", to=np.array([0]))}, "offset 0"),
        (layouts.pocket_tts, {"m": changed(pocket(tail=5), "offset", to=np.array([44]))}, "NaN"),
        (layouts.pocket_tts, {"m": changed(pocket(), "cache", to=np.zeros(4))}, "shape"),
    ],
)
def test_what_is_no_state_of_the_engine_is_refused(layout, state, reason) -> None:
    with pytest.raises(ValueError, match=reason):
        layout(state)
