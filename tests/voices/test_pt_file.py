import io
import os
import pickle
import struct
import subprocess
import sys
import tarfile
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from tts_cli.voices import pt_file
from tts_cli.voices.pt_file import BadStateError, read_pt, write_pt

PACKS = Path(__file__).parents[3] / "shared" / "voicepacks"

ARRAYS = st.sampled_from(["f4", "f8", "f2", "i8", "i4", "i2", "i1", "u1", "?"]).flatmap(
    lambda dtype: nps.arrays(np.dtype(dtype), nps.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec="utf-8"), max_size=20)
    | ARRAYS
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcde", max_size=4), inner, max_size=4),
    max_leaves=12,
)


def equal(one: Any, two: Any) -> bool:
    if isinstance(one, np.ndarray):
        return one.dtype == two.dtype and one.shape == two.shape and one.tobytes() == two.tobytes()
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(equal(one[key], two[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(two) and all(map(equal, one, two))
    return type(one) is type(two) and bool(one == two)


@given(TREES)
def test_what_was_written_is_read(tree: Any) -> None:
    assert equal(read_pt(write_pt(tree)), tree)


@given(TREES)
def test_equal_trees_give_equal_bytes(tree: Any) -> None:
    assert write_pt(read_pt(write_pt(tree))) == write_pt(tree)


def test_the_order_of_keys_changes_no_byte() -> None:
    one, two = {"a": np.ones(2), "b": np.zeros(3)}, {"b": np.zeros(3), "a": np.ones(2)}
    assert write_pt(one) == write_pt(two)


def test_a_type_that_torch_lacks_is_refused() -> None:
    with pytest.raises(BadStateError, match="complex"):
        write_pt({"a": np.ones(2, complex)})


@pytest.mark.skipif(not PACKS.is_dir(), reason="no voice packs beside the checkout")
@pytest.mark.parametrize("name", ["af_heart", "am_michael", "bf_emma"])
def test_reads_real_voice_packs(name: str) -> None:
    pack = read_pt((PACKS / f"{name}.pt").read_bytes())
    assert (pack.shape, pack.dtype) == ((510, 1, 256), np.dtype("f4"))
    assert np.isfinite(pack).all()
    assert 0.05 < pack.std() < 1


def test_reads_what_torch_has_saved_elsewhere() -> None:
    """The file in tests/data was written by torch.save; here, torch need not be installed."""
    read = read_pt((Path(__file__).parents[1] / "data" / "torch-saved.pt").read_bytes())
    numbers = np.arange(24, dtype=np.float32)
    assert np.array_equal(read["pack"], numbers.reshape(2, 3, 4))
    assert np.array_equal(read["turned"], numbers.reshape(4, 6).T)
    assert read["half"].dtype == np.float16
    assert read["half"].tolist() == [1.5, -2.0]
    assert read["tokens"].tolist() == [[3, 6560]]
    assert read["nothing"] is None
    assert read["words"] == ["en", 1, 2.5, True]


def test_neither_torch_nor_an_unpickler_is_used(tmp_path: Path) -> None:
    (tmp_path / "a.pt").write_bytes(write_pt({"a": np.ones(3)}))
    code = (
        "import pickle, sys; pickle.Unpickler = pickle.loads = pickle.load = None\n"
        "from tts_cli.voices.pt_file import read_pt\n"
        f"assert read_pt(open({str(tmp_path / 'a.pt')!r}, 'rb').read())['a'].sum() == 3\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(pt_file.__file__).parents[2])


# --- with the real torch --------------------------------------------------------------------------------


def saved(value: Any) -> bytes:
    import torch

    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


@pytest.mark.needs("torch")
def test_reads_what_torch_writes() -> None:
    import torch

    base = torch.arange(24.0).reshape(2, 3, 4)
    tree = OrderedDict(
        t3={"speaker_emb": base[:, 1], "tokens": torch.tensor([[3, 6560]]), "clap_emb": None},
        gen={"turned": base.permute(2, 0, 1), "parameter": torch.nn.Parameter(base[0])},
        shared=[base, base],
        half=torch.tensor([1.5, -2.0], dtype=torch.half),
        brain=torch.tensor([1.5, -2.25], dtype=torch.bfloat16),
        mask=torch.tensor([True, False]),
        number=torch.tensor(7),
        empty=torch.zeros(0, 3),
        words=("en", 1, 2.5, True),
    )
    read = read_pt(saved(tree))
    assert np.array_equal(read["t3"]["speaker_emb"], base[:, 1].numpy())
    assert read["t3"]["tokens"].dtype == np.int64
    assert read["t3"]["clap_emb"] is None
    assert np.array_equal(read["gen"]["turned"], base.permute(2, 0, 1).numpy())
    assert np.array_equal(read["gen"]["parameter"], base[0].numpy())
    assert np.array_equal(read["shared"][1], base.numpy())
    assert read["half"].dtype == np.float16
    assert read["brain"].tolist() == [1.5, -2.25]
    assert read["mask"].tolist() == [True, False]
    assert read["number"].shape == ()
    assert read["empty"].shape == (0, 3)
    assert read["words"] == ["en", 1, 2.5, True]


@pytest.mark.needs("torch")
@settings(deadline=None, max_examples=60)
@given(TREES)
def test_plain_torch_reads_what_we_write(tree: Any) -> None:
    import torch

    def as_numpy(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: as_numpy(value) for key, value in node.items()}
        if isinstance(node, list):
            return [as_numpy(item) for item in node]
        return node.numpy() if isinstance(node, torch.Tensor) else node

    assert equal(as_numpy(torch.load(io.BytesIO(write_pt(tree)), weights_only=True)), tree)


# --- what must be refused, and must not run -------------------------------------------------------------


def archive(pickled: bytes, *storages: bytes, compression: int = zipfile.ZIP_STORED, **members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as file:
        file.writestr("a/data.pkl", pickled)
        for number, storage in enumerate(storages):
            file.writestr(f"a/data/{number}", storage)
        for name, data in members.items():
            file.writestr(f"a/{name}", data)
    return buffer.getvalue()


def view(
    count: int, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], name: str = "FloatStorage"
) -> bytes:
    """Pickle one tensor by hand."""

    def number(value: int) -> bytes:
        return b"J" + struct.pack("<i", value)

    def numbers(values: tuple[int, ...]) -> bytes:
        return b"(" + b"".join(map(number, values)) + b"t"

    storage = (
        b"(X\x07\0\0\0storagectorch\n" + name.encode() + b"\nX\x01\0\0\0" + b"0X\x03\0\0\0cpu" + number(count) + b"tQ"
    )
    tail = number(offset) + numbers(shape) + numbers(strides) + b"\x89ccollections\nOrderedDict\n)RtR"
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + tail


def test_a_tensor_pickled_by_hand_is_read() -> None:
    data = archive(b"\x80\x02" + view(6, 1, (2, 2), (2, 1)) + b".", np.arange(6, dtype="<f4").tobytes())
    assert read_pt(data).tolist() == [[1, 2], [3, 4]]


class Bomb:
    def __init__(self, *call: Any) -> None:
        self.call = call

    def __reduce__(self) -> Any:
        return self.call[0], self.call[1:]


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("call", [(os.system, "touch ran"), (eval, "open('ran', 'w')"), (open, "ran", "w")])
def test_a_malicious_pickle_runs_nothing(call: tuple[Any, ...], protocol: int) -> None:
    with pytest.raises(BadStateError):
        read_pt(archive(pickle.dumps({"voice": Bomb(*call)}, protocol)))
    assert not Path("ran").exists()


LONE_STORAGE = b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\0tQ"
COMPLEX = view(1, 0, (1,), (1,), "ComplexFloatStorage")
# each level holds the one before it twice (50 times), without taking space for it
DEEP = b"]" + b"".join(b"q%ch%c\x86" % (level, level) for level in range(20))
WIDE = b"(]" + b"".join(b"q%c(" % level + b"h%c" % level * 50 + b"t" for level in range(6)) + b"t"

MALFORMED = {
    "old torch format": (pickle.dumps(119547037146038801333356, 2), "zip format"),
    "empty": (b"", "zip format"),
    "not zip": (b"RIFF....WAVE", "zip format"),
    "empty pickle": (archive(b""), "broken"),
    "protocol 4": (archive(pickle.dumps({"a": 1}, 4)), "protocol 4"),
    "other class": (archive(b"\x80\x02cbuiltins\ndict\n)R."), "builtins.dict"),
    "other torch name": (archive(b"\x80\x02ctorch\nload\n)R."), "torch.load"),
    "object state": (archive(b"\x80\x02}}b."), "BUILD"),
    "instance": (archive(b"\x80\x02(ios\nsystem\n."), "INST"),
    "extension": (archive(b"\x80\x02\x82\x01."), "EXT1"),
    "two values": (archive(b"\x80\x02NN."), "one value"),
    "stack underflow": (archive(b"\x80\x02R."), "broken"),
    "unknown memo": (archive(b"\x80\x02h\x05."), "broken"),
    "key is a number": (archive(b"\x80\x02}K\x01Ns."), "int where str"),
    "storage as value": (archive(b"\x80\x02" + LONE_STORAGE + b"."), "Storage"),
    "name as value": (archive(b"\x80\x02ctorch\nFloatStorage\n."), "Name"),
    "no data": (archive(b"\x80\x02" + view(1, 0, (1,), (1,)) + b"."), "lacks"),
    "short data": (archive(b"\x80\x02" + view(2, 0, (2,), (1,)) + b".", b"1234"), "wrong length"),
    "beyond its storage": (archive(b"\x80\x02" + view(2, 1, (2,), (1,)) + b".", bytes(8)), "beyond"),
    "stride beyond": (archive(b"\x80\x02" + view(4, 0, (2, 2), (3, 1)) + b".", bytes(16)), "beyond"),
    "negative offset": (archive(b"\x80\x02" + view(4, -1, (2,), (1,)) + b".", bytes(16)), "range"),
    "negative stride": (archive(b"\x80\x02" + view(4, 3, (2,), (-1,)) + b".", bytes(16)), "range"),
    "endless repetition": (archive(b"\x80\x02" + view(1, 0, (2**30,), (0,)) + b".", bytes(4)), "beyond"),
    "shape and strides differ": (archive(b"\x80\x02" + view(4, 0, (2,), (1, 1)) + b".", bytes(16)), "broken"),
    "unknown numbers": (archive(b"\x80\x02" + COMPLEX + b".", bytes(8)), "Complex"),
    "big-endian": (archive(b"\x80\x02N.", byteorder=b"big"), "big-endian"),
    "compressed": (archive(b"\x80\x02N.", bytes(10**6), compression=zipfile.ZIP_DEFLATED), "compressed"),
    "contains itself": (archive(b"\x80\x02}q\0X\x01\0\0\0ah\0s."), "nested deeper"),
    "laughs": (archive(b"\x80\x02" + DEEP + b"."), "nested deeper"),
    "wide laughs": (archive(b"\x80\x02" + WIDE + b"."), "values"),
    "number too large": (archive(b"\x80\x02\x8a\x0a" + b"\x01" * 10 + b"."), "int"),
    "large pickle": (archive(b"\x80\x02]" + b"Na" * 600_000 + b"."), "larger than"),
}  # fmt: skip


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_file_is_refused_with_a_reason(name: str) -> None:
    data, reason = MALFORMED[name]
    with pytest.raises(BadStateError, match=reason):
        read_pt(data)


def test_old_tar_format_is_refused() -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as file:
        file.addfile(tarfile.TarInfo("pickle"))
    with pytest.raises(BadStateError, match="older formats"):
        read_pt(buffer.getvalue())


def test_a_large_file_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(BadStateError, match="64 MiB"):
        read_pt(b"PK\x03\x04" + bytes(pt_file.MAX_BYTES))


def test_views_of_one_storage_cannot_multiply_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pt_file, "MAX_BYTES", 100_000)
    one = view(10_000, 0, (10_000,), (1,))
    with pytest.raises(BadStateError, match="expands"):
        read_pt(archive(b"\x80\x02](" + one * 3 + b"e.", bytes(40_000)))


SOUND = write_pt({"a": np.arange(20.0), "b": [1, "text", None, {"c": np.ones((2, 3), "f4")}]})


@settings(max_examples=200)
@given(st.integers(0, len(SOUND) - 1))
def test_a_truncated_file_is_refused(length: int) -> None:
    with pytest.raises(BadStateError):
        read_pt(SOUND[:length])


@settings(max_examples=400)
@given(st.integers(0, len(SOUND) - 1), st.integers(1, 255))
def test_a_flipped_byte_is_refused_or_harmless(place: int, change: int) -> None:
    damaged = bytearray(SOUND)
    damaged[place] ^= change
    try:
        assert equal(read_pt(bytes(damaged)), read_pt(SOUND))
    except BadStateError as error:
        assert str(error)  # noqa: PT017  either way is right, but nothing else


@settings(max_examples=300)
@given(
    st.binary(max_size=60), st.lists(st.sampled_from(list(b"\x80\x02}](t.qhQRNueasb\x85\x86\x87XKJcG")), max_size=40)
)
def test_random_pickles_end_in_a_tree_or_in_a_reason(noise: bytes, opcodes: list[int]) -> None:
    for pickled in (b"\x80\x02" + noise, b"\x80\x02" + bytes(opcodes) + b"."):
        try:
            read_pt(archive(pickled))
        except BadStateError as error:
            assert str(error)  # noqa: PT017
