"""States of the neural engines: what their own tools write becomes one form, and everything else is refused."""

import io
from pathlib import Path

import numpy as np
import pytest

from tts_cli.engines import layouts
from tts_cli.voices.pt_file import read_pt, write_pt
from tts_cli.voices.safetensors_file import read_safetensors, write_safetensors

PACKS = Path(__file__).parents[3] / "shared" / "voicepacks"
RNG = np.random.default_rng(7)


def chatterbox(*, used: bool = False, exaggeration: float = 0.5) -> dict:
    """Conditionals as upstream saves them; `used` as after a generation, which changes what it was given."""
    tokens = np.arange(250)[None]
    return {
        "t3": {
            "speaker_emb": np.linspace(-1, 1, 256, dtype=np.float32)[None],
            "clap_emb": None,
            "cond_prompt_speech_tokens": np.arange(150)[None],
            "cond_prompt_speech_emb": np.ones((1, 150, 1024), np.float32) if used else None,
            "emotion_adv": np.full((1, 1, 1), exaggeration, np.float32),
        },
        "gen": {
            "prompt_token": tokens.astype(np.float32) if used else tokens,
            "prompt_token_len": np.float32([250]) if used else np.array([250]),
            "prompt_feat": np.linspace(0, 1, 40_000, dtype=np.float32).reshape(1, 500, 80),
            "prompt_feat_len": None,
            "embedding": np.linspace(0, 1, 192, dtype=np.float32)[None],
        },
    }


def pocket(length: int = 40, *, tail: int = 0) -> dict:
    cache = RNG.standard_normal((2, 1, length + tail, 4, 8)).astype(np.float32)
    cache[:, :, length:] = np.nan
    return {"cache": cache, "offset": np.array([length]), "pad": np.array([0])}


def test_chatterbox_used_or_fresh_at_any_exaggeration_is_one_state() -> None:
    fresh = write_pt(layouts.chatterbox(chatterbox()))
    assert write_pt(layouts.chatterbox(chatterbox(used=True, exaggeration=0.9))) == fresh
    assert len(fresh) < 200_000
    assert layouts.chatterbox(read_pt(fresh))["gen"]["prompt_token"].dtype == np.int64


def test_chatterbox_state_is_what_upstream_loads() -> None:
    torch = pytest.importorskip("torch")
    loaded = torch.load(io.BytesIO(write_pt(layouts.chatterbox(chatterbox()))), weights_only=True)
    assert set(loaded) == {"t3", "gen"}
    assert loaded["t3"]["cond_prompt_speech_tokens"].dtype == torch.int64
    assert loaded["t3"]["clap_emb"] is None
    assert torch.equal(loaded["t3"]["emotion_adv"], 0.5 * torch.ones(1, 1, 1))
    assert torch.equal(loaded["gen"]["prompt_token"], torch.arange(250)[None])


@pytest.fixture(params=["made", "real"])
def pack(request: pytest.FixtureRequest) -> np.ndarray:
    """A voice pack of random numbers in its real form; and a real one, where it lies beside the checkout."""
    if request.param == "made":
        return RNG.standard_normal((510, 1, 256)).astype(np.float32)
    if not PACKS.is_dir():
        pytest.skip("no voice packs beside the checkout")
    return read_pt((PACKS / "af_heart.pt").read_bytes())


def test_kokoro_packs_pass_unchanged(pack: np.ndarray) -> None:
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


NAN = np.full((1, 192), np.nan, np.float32)


@pytest.mark.parametrize(
    ("layout", "state", "reason"),
    [
        (layouts.chatterbox, {}, "nothing"),
        (layouts.chatterbox, np.zeros(3), "ndarray"),
        (layouts.chatterbox, {"t3": {}, "gen": {}}, "nothing"),
        (layouts.chatterbox, {"other": 1}, "other"),
        (layouts.chatterbox, changed(chatterbox(), "gen", "embedding", to=NAN), "NaN"),
        (layouts.chatterbox, changed(chatterbox(), "gen", "embedding", to=np.zeros((1, 80), "f4")), "shape"),
        (layouts.chatterbox, changed(chatterbox(), "gen", "prompt_token", to=np.float32([[1.5]])), "whole"),
        (layouts.chatterbox, changed(chatterbox(), "gen", "prompt_token", to=np.array([[-1]])), "whole"),
        (layouts.chatterbox, changed(chatterbox(), "t3", "speaker_emb", to="text"), "missing"),
        (layouts.chatterbox, changed(chatterbox(), "t3", "run", to=1), "run"),
        (layouts.kokoro, np.zeros((511, 1, 256), np.float32), "shape"),
        (layouts.kokoro, np.full((510, 1, 256), np.inf, np.float32), "NaN or infinity"),
        (layouts.kokoro, {"style": np.zeros((510, 1, 256))}, "missing"),
        (layouts.pocket_tts, {}, "no attention"),
        (layouts.pocket_tts, {"m": changed(pocket(), "offset", to=np.array([41]))}, "offset 41"),
        (layouts.pocket_tts, {"m": changed(pocket(), "offset", to=np.array([0]))}, "offset 0"),
        (layouts.pocket_tts, {"m": changed(pocket(tail=5), "offset", to=np.array([44]))}, "NaN"),
        (layouts.pocket_tts, {"m": changed(pocket(), "cache", to=np.zeros(4))}, "shape"),
    ],
)
def test_what_is_no_state_of_the_engine_is_refused(layout, state, reason) -> None:
    with pytest.raises(ValueError, match=reason):
        layout(state)
