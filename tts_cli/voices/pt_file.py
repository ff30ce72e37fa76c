"""Torch's `.pt` files without torch: a strict, bounded reader that executes nothing, and a writer of the same format.

A file is a zip archive, never compressed, of a pickle and one member per storage. In memory it is a tree of dicts
with string keys, lists, numpy arrays, numbers, strings and None.
"""

import io
import math
import zipfile
from typing import Any

import numpy as np
import numpy.typing as npt

from tts_cli.voices.archive import DAMAGE, TooManyMembersError, open_archive
from tts_cli.voices.pt_pickle import BFLOAT16, DTYPES, BadPickleError, Storage, Tensor, read_pickle, write_pickle

MAX_BYTES = 64 * 2**20
MAX_DEPTH = 12
MAX_NODES = 20_000
MAX_STORAGES = 10_000

Array = npt.NDArray[Any]
Tree = Any  # dict[str, Tree] | list[Tree] | Array | int | float | str | bool | None

_FOLDER = "conditionals"
_HALF_BITS = 16


class BadStateError(ValueError):
    """The file is not one that can be read, or holds what it should not."""


# --- reading --------------------------------------------------------------------------------------------


def read_pt(data: bytes) -> Tree:
    """Return the tree of a `.pt` file, its arrays contiguous and in this machine's order; bfloat16 becomes float32.

    Raises `BadStateError` for anything but such a file within the limits. NaN is the caller's business.
    """
    if len(data) > MAX_BYTES:
        raise BadStateError(f"is larger than {MAX_BYTES // 2**20} MiB")
    if not data.startswith(b"PK\x03\x04"):
        raise BadStateError("is not in torch's zip format (older formats would have to be executed)")
    try:
        with open_archive(data, MAX_STORAGES, (zipfile.ZIP_STORED,)) as archive:
            members = _Members(archive)
            return _Builder(members).build(read_pickle(members.read("data.pkl")))
    except BadPickleError as error:
        raise BadStateError(str(error)) from error
    except (BadStateError, TooManyMembersError) as error:
        raise BadStateError(str(error)) from error
    except DAMAGE as error:
        raise BadStateError(f"is a damaged zip file: {error}") from error


class _Members:
    """The archive's members below its one folder, all of them stored as they are."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._names = set(archive.namelist())
        found = archive.infolist()
        self._folder, slash, _ = found[0].filename.partition("/") if found else ("", "", "")
        if not slash:
            raise BadStateError("is not laid out like a file of torch")
        if self._has("byteorder") and self.read("byteorder") != b"little":
            raise BadStateError("was written on a big-endian machine")

    def read(self, name: str) -> bytes:
        """Return a member's bytes, its CRC checked."""
        if not self._has(name):
            raise BadStateError(f"lacks its member {name}")
        return self._archive.read(f"{self._folder}/{name}")

    def _has(self, name: str) -> bool:
        return f"{self._folder}/{name}" in self._names


class _Builder:
    """Turns the pickle's tree into the file's, counting nodes and bytes: shared branches multiply."""

    def __init__(self, members: _Members) -> None:
        self._members = members
        self._storages: dict[Storage, Array] = {}
        self._nodes = 0
        self._bytes = 0

    def build(self, node: Any, depth: int = 0) -> Tree:
        """Copy a node and all below it."""
        self._nodes += 1
        # A branch that contains itself ends here, too.
        if self._nodes > MAX_NODES or depth > MAX_DEPTH:
            raise BadStateError(f"holds more than {MAX_NODES:,} values, or is nested deeper than {MAX_DEPTH}")
        if isinstance(node, dict):
            return {key: self.build(value, depth + 1) for key, value in node.items()}
        if isinstance(node, list | tuple):
            return [self.build(item, depth + 1) for item in node]
        if isinstance(node, Tensor):
            return self._array(node)
        return _checked(node)

    def _array(self, tensor: Tensor) -> Array:
        numbers = self._numbers(tensor.storage)
        strides = [step * numbers.itemsize for step in tensor.strides]
        # Counted before it is copied: strides of 0 make gigabytes of one number.
        self._bytes += math.prod(tensor.shape) * numbers.itemsize
        if self._bytes > MAX_BYTES or len(tensor.shape) > MAX_DEPTH:
            raise BadStateError(f"expands to more than {MAX_BYTES // 2**20} MiB")
        # A tensor of nothing may have any offset.
        start = numbers[tensor.offset :] if math.prod(tensor.shape) else numbers[:0]
        # No stride leads outside: `read_pickle` has held the last number against the storage.
        view = np.lib.stride_tricks.as_strided(start, tensor.shape, strides, writeable=False)
        return _native(view, tensor.storage.dtype)

    def _numbers(self, storage: Storage) -> Array:
        # Tensors may share a storage, which is then read once.
        if storage not in self._storages:
            dtype = np.dtype("<u2" if storage.dtype == BFLOAT16 else storage.dtype)
            data = self._members.read(f"data/{storage.key}")
            if len(data) != storage.count * dtype.itemsize:
                raise BadStateError(f"its member data/{storage.key} has the wrong length")
            self._storages[storage] = np.frombuffer(data, dtype)
        return self._storages[storage]


def _native(view: Array, dtype: str) -> Array:
    if dtype == BFLOAT16:
        return (view.astype(np.uint32) << _HALF_BITS).view(np.float32)
    if dtype == "|b1":
        # A bool of another byte than 0 or 1 is undefined, so the bytes are read as numbers.
        return np.asarray(view.view(np.uint8) != 0)
    return view.astype(view.dtype.newbyteorder("="), order="C", copy=True)


def _checked(value: Any) -> Any:
    """Return a number, string or None of the tree; anything else in a pickle is none of them."""
    if isinstance(value, bool | str | float) or value is None:
        return value
    # torch's own integers have 64 bits.
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return value
    raise BadStateError(f"holds {type(value).__name__.strip('_')} where a value belongs")


def is_finite(tree: Tree) -> bool:
    """Return whether a tree holds neither NaN nor infinity."""
    if isinstance(tree, dict | list):
        return all(map(is_finite, tree.values() if isinstance(tree, dict) else tree))
    return not isinstance(tree, np.ndarray | float) or bool(np.isfinite(tree).all())


# --- writing --------------------------------------------------------------------------------------------


def write_pt(tree: Tree) -> bytes:
    """Return a `.pt` file that `torch.load(weights_only=True)` reads; equal trees give equal bytes.

    Raises `BadStateError` for an array of a type that torch does not have.
    """
    storages: list[bytes] = []
    pickle = write_pickle(_flat(tree, storages))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        members = {"data.pkl": pickle, "byteorder": b"little", "version": b"3\n"}
        for name, data in (members | {f"data/{key}": data for key, data in enumerate(storages)}).items():
            # A bare ZipInfo has a fixed date, so equal trees give equal bytes.
            archive.writestr(zipfile.ZipInfo(f"{_FOLDER}/{name}"), data)
    return buffer.getvalue()


def _flat(node: Tree, storages: list[bytes]) -> Any:
    """Replace each array by a view of a storage of its own."""
    if isinstance(node, dict):
        return {key: _flat(node[key], storages) for key in sorted(node)}
    if isinstance(node, list):
        return [_flat(item, storages) for item in node]
    if not isinstance(node, np.ndarray):
        return node
    dtype = node.dtype.newbyteorder("<")
    if dtype.str not in DTYPES.values():
        raise BadStateError(f"cannot hold numbers of the type {node.dtype}")
    storages.append(np.ascontiguousarray(node, dtype).tobytes())
    strides = tuple(math.prod(node.shape[axis + 1 :]) for axis in range(node.ndim))
    return Tensor(Storage(dtype.str, str(len(storages) - 1), node.size), 0, node.shape, strides)
