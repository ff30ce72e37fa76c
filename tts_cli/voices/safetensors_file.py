"""Files of safetensors, in which pocket-tts keeps voices: a JSON table of contents, then the numbers."""

import json
import math
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

from tts_cli.voices.pt_file import MAX_BYTES, MAX_DEPTH, Array, BadStateError

MAX_HEADER_BYTES = 2**20
_LENGTH = struct.Struct("<Q")
_DTYPES: Mapping[str, str] = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "|i1",
    "U8": "|u1",
    "BOOL": "|b1",
}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}


def read_safetensors(data: bytes) -> dict[str, Array]:
    """Return the arrays by name; raises `BadStateError` for anything but such a file within the limits."""
    if len(data) > MAX_BYTES:
        raise BadStateError(f"is larger than {MAX_BYTES // 2**20} MiB")
    try:
        (length,) = _LENGTH.unpack_from(data)
        if length > MAX_HEADER_BYTES:
            raise BadStateError("is not a safetensors file, or has too large a table of contents")
        header = json.loads(data[_LENGTH.size : _LENGTH.size + length])
        # Free text that some tools add; it names no array.
        header.pop("__metadata__", None)
        numbers = data[_LENGTH.size + length :]
        return {name: _array(entry, numbers) for name, entry in header.items()}
    except (struct.error, KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
        if isinstance(error, BadStateError):
            raise
        raise BadStateError(f"is not a safetensors file: {error}") from error


def write_safetensors(arrays: Mapping[str, Array]) -> bytes:
    """Return the file; equal arrays give equal bytes."""
    header, parts, start = {}, [], 0
    for name in sorted(arrays):
        dtype = arrays[name].dtype.newbyteorder("<")
        part = np.ascontiguousarray(arrays[name], dtype).tobytes()
        end = start + len(part)
        header[name] = {"dtype": _NAMES[dtype.str], "shape": arrays[name].shape, "data_offsets": (start, end)}
        parts.append(part)
        start = end
    table = json.dumps(header, separators=(",", ":")).encode()
    # The format wants its numbers to begin at a multiple of eight bytes.
    table += b" " * (-len(table) % 8)
    return b"".join((_LENGTH.pack(len(table)), table, *parts))


def _array(entry: Mapping[str, Any], numbers: bytes) -> Array:
    dtype = np.dtype(_DTYPES[entry["dtype"]])
    shape, (start, end) = tuple(entry["shape"]), entry["data_offsets"]
    # In JSON true would pass for 1.
    if any(type(number) is not int or number < 0 for number in (start, end, *shape)) or len(shape) > MAX_DEPTH:
        raise BadStateError("has a table of contents with wrong numbers")
    if end > len(numbers) or end - start != math.prod(shape) * dtype.itemsize:
        raise BadStateError("has arrays that reach beyond its end")
    return np.frombuffer(numbers[start:end], dtype).astype(dtype.newbyteorder("=")).reshape(shape)
