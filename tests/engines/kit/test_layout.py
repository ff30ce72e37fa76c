"""States of the neural engines: what their own tools write becomes one form, and everything else is refused."""

from pathlib import Path

import numpy as np
import pytest

from tts_cli.engines.kit.layout import read_ids, read_mapping
from tts_cli.engines.kokoro import spec as kokoro_spec
from tts_cli.engines.pocket_tts import voices as pocket_voices
from tts_cli.voices.pt_file import read_pt, write_pt
from tts_cli.voices.safetensors_file import read_safetensors, write_safetensors

PACKS = Path(__file__).parents[4] / "shared" / "voicepacks"
RNG = np.random.default_rng(7)


def pocket(length: int = 40, *, tail: int = 0) -> dict:
    cache = RNG.standard_normal((2, 1, length + tail, 4, 8)).astype(np.float32)
    cache[:, :, length:] = np.nan
    return {"cache": cache, "offset": np.array([length]), "pad": np.array([0])}


@pytest.fixture(params=["made", "real"])
def pack(request: pytest.FixtureRequest) -> np.ndarray:
    """A voice pack of random numbers in its real form; and a real one, where it lies beside the checkout."""
    if request.param == "made":
        return RNG.standard_normal((510, 1, 256)).astype(np.float32)
    if not PACKS.is_dir():
        pytest.skip("no voice packs beside the checkout")
    return read_pt((PACKS / "af_heart.pt").read_bytes())


def test_kokoro_packs_pass_unchanged(pack: np.ndarray) -> None:
    assert np.array_equal(kokoro_spec.layout(pack), pack)
    assert np.array_equal(read_pt(write_pt(kokoro_spec.layout(pack))), pack)


def test_pocket_tts_states_lose_their_tail_and_travel_as_safetensors() -> None:
    modules = {"transformer.layers.0.self_attn": pocket(tail=60), "transformer.layers.1.self_attn": pocket()}
    flat = {f"{name}/{key}": value for name, module in modules.items() for key, value in module.items()}
    state = pocket_voices.layout(read_safetensors(write_safetensors(flat)))
    assert state.keys() == modules.keys()
    first = state["transformer.layers.0.self_attn"]
    assert first["cache"].shape == (2, 1, 40, 4, 8)
    assert np.isfinite(first["cache"]).all()
    assert write_pt(pocket_voices.layout(read_pt(write_pt(state)))) == write_pt(state)


def changed(state: dict, *path: str, to: object) -> dict:
    inner = state
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = to
    return state


@pytest.mark.parametrize(
    ("layout", "state", "reason"),
    [
        (kokoro_spec.layout, np.zeros((511, 1, 256), np.float32), "shape"),
        (kokoro_spec.layout, np.full((510, 1, 256), np.inf, np.float32), "NaN or infinity"),
        (kokoro_spec.layout, {"style": np.zeros((510, 1, 256))}, "missing"),
        (pocket_voices.layout, {}, "no attention"),
        (pocket_voices.layout, {"m": changed(pocket(), "offset", to=np.array([41]))}, "offset 41"),
        (pocket_voices.layout, {"m": changed(pocket(), "offset", to=np.array([0]))}, "offset 0"),
        (pocket_voices.layout, {"m": changed(pocket(tail=5), "offset", to=np.array([44]))}, "NaN"),
        (pocket_voices.layout, {"m": changed(pocket(), "cache", to=np.zeros(4))}, "shape"),
    ],
)
def test_what_is_no_state_of_the_engine_is_refused(layout, state, reason) -> None:
    with pytest.raises(ValueError, match=reason):
        layout(state)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (np.float32([[1.5]]), "whole"),
        (np.array([[-1]]), "whole"),
        (np.array([1]), "shape"),
        ("text", "ids is missing"),
    ],
)
def test_ids_are_whole_numbers_of_the_right_shape(value, reason) -> None:
    with pytest.raises(ValueError, match=reason):
        read_ids(value, "ids", (1, None))


def test_ids_that_a_file_has_as_floats_are_ids() -> None:
    ids = read_ids(np.float32([[0, 7]]), "ids", (1, None))
    assert ids.dtype == np.int64
    assert ids.tolist() == [[0, 7]]


@pytest.mark.parametrize(
    ("value", "reason"), [({}, "nothing"), (np.zeros(3), "ndarray"), ({"a": 1, "run": 1}, "a, run where a, b belong")]
)
def test_a_mapping_has_no_other_names(value, reason) -> None:
    with pytest.raises(ValueError, match=reason):
        read_mapping(value, "a", "b")


def test_a_name_that_a_mapping_lacks_is_none() -> None:
    assert read_mapping({"a": 1}, "a", "b") == {"a": 1, "b": None}
