"""The pickle inside a `.pt` file, both ways, as data: a machine of our own that knows 24 opcodes and calls nothing.

Python's `pickle` is never used. The few names that a pickle of tensors mentions stand for plain data here; any other
name, and any other opcode, ends the reading.
"""

import pickletools
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

MAX_BYTES = 2**20
PROTOCOL = 2

# bfloat16, which numpy lacks, is the upper half of a float32.
BFLOAT16 = "bfloat16"
# What torch calls the storage of each type of number, and what numpy calls the type.
DTYPES: Mapping[str, str] = {
    "torch FloatStorage": "<f4",
    "torch DoubleStorage": "<f8",
    "torch HalfStorage": "<f2",
    "torch BFloat16Storage": BFLOAT16,
    "torch LongStorage": "<i8",
    "torch IntStorage": "<i4",
    "torch ShortStorage": "<i2",
    "torch CharStorage": "|i1",
    "torch ByteStorage": "|u1",
    "torch BoolStorage": "|b1",
}
_STORAGES = {dtype: name for name, dtype in DTYPES.items()}
_TENSOR = "torch._utils _rebuild_tensor_v2"
_PARAMETER = "torch._utils _rebuild_parameter"
_ORDERED_DICT = "collections OrderedDict"
_NAMES = {_TENSOR, _PARAMETER, _ORDERED_DICT, *DTYPES}


@dataclass(frozen=True, slots=True)
class Storage:
    """The archive's member `data/<key>`: so many numbers of one type."""

    dtype: str
    key: str
    count: int


@dataclass(frozen=True, slots=True)
class Tensor:
    """A view of a storage; `offset` and `strides` count numbers, not bytes."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class BadPickleError(ValueError):
    """The pickle is broken, or asks for more than data."""


# --- reading --------------------------------------------------------------------------------------------


def read_pickle(data: bytes) -> Any:
    """Return the tree of dicts, lists, tuples, numbers, strings and `Tensor`s; raises `BadPickleError`.

    Branches of the tree may be shared, or contain themselves: whoever walks it must count.
    """
    if len(data) > MAX_BYTES:
        raise BadPickleError(f"its pickle is larger than {MAX_BYTES // 2**20} MiB")
    machine = _Machine()
    try:
        # genops takes opcodes apart and does none of them.
        for opcode, argument, _ in pickletools.genops(data):
            machine.do(opcode.name, argument)
        return machine.result()
    except BadPickleError:
        raise
    except (ValueError, IndexError, KeyError, TypeError) as error:
        raise BadPickleError(f"its pickle is broken: {error}") from error


@dataclass(frozen=True, slots=True)
class _Name:
    """A global that the pickle mentions; never looked up."""

    text: str


class _Machine:
    """Values are pushed on a stack; a mark puts the stack aside until what follows it is collected."""

    def __init__(self) -> None:
        self._stack: list[Any] = []
        self._aside: list[list[Any]] = []
        self._memo: dict[int, Any] = {}

    def do(self, opcode: str, argument: Any) -> None:
        """Do one opcode."""
        if opcode in _LITERALS:
            self._stack.append(argument)
        elif opcode in _FRESH:
            self._stack.append(_FRESH[opcode]())
        elif opcode in _ACTIONS:
            _ACTIONS[opcode](self, argument)
        else:
            raise BadPickleError(f"its pickle uses {opcode}, which data does not need")

    def result(self) -> Any:
        """Return what is left at the end, which must be one value."""
        if len(self._stack) != 1 or self._aside:
            raise BadPickleError("its pickle does not end with one value")
        return self._stack[0]

    def protocol(self, number: int) -> None:
        if number != PROTOCOL:
            raise BadPickleError(f"its pickle has protocol {number}, not {PROTOCOL}")

    def name(self, text: str) -> None:
        if text not in _NAMES:
            raise BadPickleError(f"its pickle asks for {text[:80].replace(' ', '.')}, which data does not need")
        self._stack.append(_Name(text))

    def mark(self, _: None) -> None:
        self._aside.append(self._stack)
        self._stack = []

    def marked(self) -> list[Any]:
        """Return what was pushed since the last mark, and take back what was put aside."""
        items, self._stack = self._stack, self._aside.pop()
        return items

    def last(self, count: int) -> list[Any]:
        # The top of the stack is the last of them.
        return [self._stack.pop() for _ in range(count)][::-1]

    def make_tuple(self, items: list[Any]) -> None:
        self._stack.append(tuple(items))

    def extend(self, items: list[Any]) -> None:
        _expect(self._stack[-1], list).extend(items)

    def update(self, items: list[Any]) -> None:
        target = _expect(self._stack[-1], dict)
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[_expect(key, str)] = value

    def remember(self, number: int) -> None:
        self._memo[number] = self._stack[-1]

    def recall(self, number: int) -> None:
        self._stack.append(self._memo[number])

    def storage(self, _: None) -> None:
        word, name, key, place, count = _expect(self._stack.pop(), tuple)
        # The key becomes a part of a member's name, and digits lead nowhere else.
        if type(word) is not str or word != "storage" or not _expect(key, str).isdecimal():
            raise BadPickleError("its pickle names a storage in an unknown way")
        _expect(place, str)
        self._stack.append(Storage(DTYPES[_expect(name, _Name).text], key, _count(count)))

    def build(self, _: None) -> None:
        name, arguments = self.last(2)
        text = _expect(name, _Name).text
        if text == _TENSOR:
            self._stack.append(_tensor(*_expect(arguments, tuple)[:4]))
        elif text == _PARAMETER:
            self._stack.append(_expect(_expect(arguments, tuple)[0], Tensor))
        elif text == _ORDERED_DICT and arguments == ():
            self._stack.append({})
        else:
            raise BadPickleError("its pickle builds something other than tensors")


_LITERALS = {"BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE"}
_FRESH: Mapping[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
}
_ACTIONS: Mapping[str, Callable[[_Machine, Any], None]] = {
    "PROTO": _Machine.protocol,
    "GLOBAL": _Machine.name,
    "MARK": _Machine.mark,
    "TUPLE": lambda machine, _: machine.make_tuple(machine.marked()),
    "TUPLE1": lambda machine, _: machine.make_tuple(machine.last(1)),
    "TUPLE2": lambda machine, _: machine.make_tuple(machine.last(2)),
    "TUPLE3": lambda machine, _: machine.make_tuple(machine.last(3)),
    "APPEND": lambda machine, _: machine.extend(machine.last(1)),
    "APPENDS": lambda machine, _: machine.extend(machine.marked()),
    "SETITEM": lambda machine, _: machine.update(machine.last(2)),
    "SETITEMS": lambda machine, _: machine.update(machine.marked()),
    "BINPUT": _Machine.remember,
    "LONG_BINPUT": _Machine.remember,
    "BINGET": _Machine.recall,
    "LONG_BINGET": _Machine.recall,
    "BINPERSID": _Machine.storage,
    "REDUCE": _Machine.build,
    # genops itself ends here.
    "STOP": lambda _machine, _: None,
}


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any) -> Tensor:
    """Make a view that lies inside its storage and has no more numbers than it."""
    sizes, steps = (tuple(map(_count, _expect(given, tuple))) for given in (shape, strides))
    last = _count(offset) + sum((size - 1) * step for size, step in zip(sizes, steps, strict=True))
    count = 1
    for size in sizes:
        count *= size
    # Strides may overlap, but a tensor of more numbers than its storage would be a bomb.
    if count and max(last + 1, count) > _expect(storage, Storage).count:
        raise BadPickleError("a tensor reaches beyond its storage")
    return Tensor(storage, offset, sizes, steps)


def _expect(value: Any, kind: type) -> Any:
    # Exactly this type: to isinstance True is an int.
    if type(value) is not kind:
        raise BadPickleError(f"its pickle is broken: {type(value).__name__} where {kind.__name__} belongs")
    return value


def _count(value: Any) -> int:
    number: int = _expect(value, int)
    # Far beyond any file, and small enough that products of counts stay cheap.
    if not 0 <= number < 2**40:
        raise BadPickleError("its pickle is broken: a count is out of range")
    return number


# --- writing --------------------------------------------------------------------------------------------


def write_pickle(tree: Any) -> bytes:
    """Return the pickle of such a tree (no tuples); the same tree gives the same bytes."""
    return b"".join((b"\x80\x02", *_emit(tree), b"."))


def _emit(node: Any) -> Iterator[bytes]:
    if isinstance(node, dict):
        # EMPTY_DICT and MARK; the `u` below is SETITEMS.
        yield b"}("
        for key in sorted(node):
            yield from _emit(key)
            yield from _emit(node[key])
        yield b"u"
    elif isinstance(node, list):
        # EMPTY_LIST and MARK; the `e` below is APPENDS.
        yield b"]("
        for item in node:
            yield from _emit(item)
        yield b"e"
    elif isinstance(node, Tensor):
        yield from _emit_tensor(node)
    else:
        yield _scalar(node)


def _emit_tensor(tensor: Tensor) -> Iterator[bytes]:
    storage = tensor.storage
    # The outer mark begins the arguments of the call, the inner one the name of the storage.
    yield _global(_TENSOR) + b"(("
    yield _scalar("storage") + _global(_STORAGES[storage.dtype])
    # TUPLE and BINPERSID: the storage goes by a name, its numbers lie beside the pickle.
    yield _scalar(storage.key) + _scalar("cpu") + _scalar(storage.count) + b"tQ"
    yield _scalar(tensor.offset)
    for numbers in (tensor.shape, tensor.strides):
        yield b"".join((b"(", *map(_scalar, numbers), b"t"))
    # No gradient and no hooks (an empty OrderedDict), then the call itself.
    yield _scalar(False) + _global(_ORDERED_DICT) + b")R" + b"tR"


def _global(text: str) -> bytes:
    return b"c" + text.replace(" ", "\n").encode() + b"\n"


def _scalar(value: str | float | None) -> bytes:
    if value is None:
        return b"N"
    # Before the numbers, as True is an int, too.
    if isinstance(value, bool):
        return b"\x88" if value else b"\x89"
    if isinstance(value, float):
        # BINFLOAT alone is big-endian.
        return b"G" + struct.pack(">d", value)
    if isinstance(value, str):
        data = value.encode()
        return b"X" + struct.pack("<I", len(data)) + data
    if -(2**31) <= value < 2**31:
        return b"J" + struct.pack("<i", value)
    # BININT has 32 bits; this is LONG1 with eight bytes.
    return b"\x8a\x08" + struct.pack("<q", value)
