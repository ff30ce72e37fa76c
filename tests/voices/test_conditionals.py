import json
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from tts_cli.errors import InputError
from tts_cli.voices.conditionals import read_state, write_state
from tts_cli.voices.pt_file import BadStateError, write_pt
from tts_cli.voices.safetensors_file import read_safetensors, write_safetensors

ARRAYS = st.sampled_from(["f4", "f8", "f2", "i8", "u1", "?"]).flatmap(
    lambda dtype: nps.arrays(np.dtype(dtype), nps.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
)


@given(
    st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=8).filter("__metadata__".__ne__), ARRAYS, max_size=4)
)
def test_safetensors_survive_a_round_trip(arrays: dict[str, np.ndarray]) -> None:
    data = write_safetensors(arrays)
    read = read_safetensors(data)
    assert read.keys() == arrays.keys()
    for name, array in arrays.items():
        assert (read[name].dtype, read[name].shape, read[name].tobytes()) == (array.dtype, array.shape, array.tobytes())
    assert write_safetensors(read) == data


def safetensors(header: object, numbers: bytes = b"") -> bytes:
    table = json.dumps(header).encode()
    return struct.pack("<Q", len(table)) + table + numbers


def entry(dtype: str = "F32", shape: object = (1,), start: object = 0, end: object = 4) -> dict:
    return {"a": {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"1234567",
        struct.pack("<Q", 2**40) + b"{}",
        struct.pack("<Q", 400_000) + b"[" * 400_000,
        safetensors([]),
        safetensors({"a": 1}),
        safetensors(entry(dtype="F8_E4M3"), bytes(4)),
        safetensors(entry(), bytes(3)),
        safetensors(entry(shape=(2,)), bytes(4)),
        safetensors(entry(shape=(-1, -1)), bytes(4)),
        safetensors(entry(shape=(1,) * 40), bytes(4)),
        safetensors(entry(shape=("1",)), bytes(4)),
        safetensors(entry(start=-4, end=0), bytes(4)),
        safetensors(entry(start=True, end=5), bytes(8)),
        safetensors(entry(shape=(2**40, 2**40, 0), end=0)),
        safetensors(entry(shape=(0, 2**70), end=0)),
    ],
)
def test_a_malformed_safetensors_file_is_refused(data: bytes) -> None:
    with pytest.raises(BadStateError):
        read_safetensors(data)


@given(st.binary(max_size=80))
def test_noise_is_no_safetensors_file(noise: bytes) -> None:
    for data in (noise, struct.pack("<Q", len(noise)) + noise):
        try:
            assert read_safetensors(data) == {}
        except BadStateError as error:
            assert str(error)  # noqa: PT017


def test_a_state_file_is_read_by_its_suffix(tmp_path: Path) -> None:
    state = {"m": {"a": np.ones(2, np.float32)}}
    (tmp_path / "a.pt").write_bytes(write_state(state, ".pt"))
    (tmp_path / "a.safetensors").write_bytes(write_state(state, ".safetensors"))
    assert read_state(tmp_path / "a.pt")["m"]["a"].tolist() == [1, 1]
    assert read_state(tmp_path / "a.safetensors")["m/a"].tolist() == [1, 1]


def test_a_bad_state_file_is_an_error_at_its_place(tmp_path: Path) -> None:
    path = tmp_path / "voice.pt"
    path.write_bytes(write_pt({"a": np.ones(9)})[:-50])
    with pytest.raises(InputError) as raised:
        read_state(path)
    assert str(raised.value).startswith(f"{path}:1:1: is a damaged zip file")
    with pytest.raises(InputError, match="cannot be read"):
        read_state(tmp_path / "none.pt")
    with pytest.raises(BadStateError):
        write_state(np.ones(3), ".safetensors")
