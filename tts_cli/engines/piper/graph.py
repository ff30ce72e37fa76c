"""A Piper voice's network cut in three: durations | flow | decoder; found by what nodes do, as names differ.

The exported graph draws its noise inside, without a seed, and says nothing of the durations. Cut, both are ours:

    durations  ids, noise [1, 2, T]               -> frames [1, 1, T], mean and deviation [1, C, T]
    flow       latent [1, C, L], mask [1, 1, L]   -> hidden [1, C, L]
    decoder    hidden [1, C, L]                   -> samples

Every part computes what the whole does, in the same order: without noise the samples are the same to the bit.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.utils import Extractor

DEVIATION = "tts_cli.deviation"
# The layers that a voice's decoder is made of; the others look at one sample at a time.
_CONV, _UP = "Conv", "ConvTranspose"
_POINTWISE = frozenset(("Add", "Mul", "Div", "LeakyRelu", "Tanh", "Relu", "Unsqueeze", "Squeeze", "Identity", "Cast"))


class BadGraphError(ValueError):
    """The network is not built like a Piper voice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The three networks, and the names that their inputs and outputs have.

    A frame becomes `hop` samples; those hang on `overlap` frames before it and after it.
    """

    durations: bytes
    flow: bytes
    decoder: bytes
    names: Mapping[str, str]
    hop: int
    overlap: int


def split(data: bytes) -> Parts:
    """Cut a voice's network; raises `BadGraphError` for anything else."""
    try:
        model = onnx.load_from_string(data)
    except Exception as error:  # protobuf has no one error for what is no message
        raise BadGraphError("is not an ONNX file") from error
    names = _Finder(model).names()
    graph = model.graph
    graph.node.append(helper.make_node("Exp", [names["log_deviation"]], [DEVIATION]))
    names = {**names, "deviation": DEVIATION}
    inputs = [entry.name for entry in graph.input if entry.name not in {one.name for one in graph.initializer}]
    shapes = {
        names["noise"]: ("B", 2, "T"),
        names["latent"]: ("B", "C", "L"),
        names["mask"]: ("B", 1, "L"),
        names["frames"]: ("B", 1, "T"),
        names["mean"]: ("B", "C", "T"),
        DEVIATION: ("B", "C", "T"),
        names["hidden"]: ("B", "C", "L"),
    }
    # The exporter leaves the types of tensors inside the graph half open.
    del graph.value_info[:]
    graph.value_info.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, dims) for name, dims in shapes.items()
    )
    extract = Extractor(model).extract_model
    try:
        durations = extract([*inputs, names["noise"]], [names["frames"], names["mean"], DEVIATION])
        flow = extract([*_speaker(inputs), names["latent"], names["mask"]], [names["hidden"]])
        decoder = extract([*_speaker(inputs), names["hidden"]], [names["samples"]])
        parts = [_without_unused_inputs(part) for part in (durations, flow, decoder)]
        for part in parts:
            onnx.checker.check_model(part)
    except (ValueError, onnx.checker.ValidationError) as error:
        raise BadGraphError(f"cannot be cut in three: {str(error).splitlines()[0]}") from error
    hop, overlap = _reach(parts[2], names["hidden"], names["samples"])
    first, second, third = (part.SerializeToString() for part in parts)
    return Parts(durations=first, flow=second, decoder=third, names=names, hop=hop, overlap=overlap)


def _speaker(inputs: Iterable[str]) -> list[str]:
    """Return the input that says who speaks; a voice of one speaker has none."""
    return [name for name in inputs if name == "sid"]


def _without_unused_inputs(model: Any) -> Any:
    used = {name for node in model.graph.node for name in node.input}
    kept = [entry for entry in model.graph.input if entry.name in used]
    del model.graph.input[:]
    model.graph.input.extend(kept)
    return model


class _Finder:
    """Finds the tensors at which a VITS network is cut."""

    def __init__(self, model: Any) -> None:
        self._graph = model.graph
        self._maker = {name: node for node in model.graph.node for name in node.output}
        self._users: dict[str, list[Any]] = {}
        for node in model.graph.node:
            for name in node.input:
                self._users.setdefault(name, []).append(node)

    def names(self) -> dict[str, str]:
        """Return the tensors by what they are; raises `BadGraphError`."""
        frames = self._only("the rounding of durations", (node for node in self._graph.node if node.op_type == "Ceil"))
        before = self._above(frames.output[0])
        noises = [node.output[0] for node in self._graph.node if node.op_type in ("RandomNormalLike", "RandomNormal")]
        noise = self._only("noise of the durations", (name for name in noises if name in before))
        sound = self._only("noise of the sound", (name for name in noises if name not in before))
        # latent = mean + sound * exp(log_deviation) * noise_scale, each stretched to frames by a product with the path
        scaled = self._user(sound, "Mul")
        spread = self._made_by(self._other(scaled, sound), "Exp")
        added = self._user(self._user(scaled.output[0], "Mul").output[0], "Add")
        mean = next(name for name in added.input if self._op(name) != "Mul")
        latent = added.output[0]
        return {
            "noise": noise,
            "frames": frames.output[0],
            "mean": self._before_stretching(mean),
            "log_deviation": self._before_stretching(spread.input[0]),
            "latent": latent,
            "mask": self._mask(latent, frames.output[0]),
            "hidden": self._hidden(),
            "samples": self._graph.output[0].name,
        }

    def _before_stretching(self, name: str) -> str:
        """Return x of Transpose(path @ Transpose(x))."""
        product = self._made_by(self._made_by(name, "Transpose").input[0], "MatMul")
        return str(self._made_by(product.input[1], "Transpose").input[0])

    def _mask(self, latent: str, frames: str) -> str:
        """Return the mask of frames: what the latent's descendants are multiplied by, and hangs on the durations."""
        below = self._below(latent)
        products = (node for node in self._graph.node if node.op_type == "Mul" and below.intersection(node.input))
        masks = {name for node in products for name in node.input if self._op(name) == "Cast" and name not in below}
        return str(self._only("mask of frames", (name for name in masks if frames in self._above(name))))

    def _hidden(self) -> str:
        """Return what the decoder's first convolution reads: it is the last one before the first upsampling."""
        up = next((node for node in self._graph.node if node.op_type == _UP), None)
        if up is None:
            raise BadGraphError("is no Piper voice: it has no decoder")
        # The residual way to it may hold additions (of the speaker), of which the first input is the sound.
        node = self._maker.get(up.input[0])
        while node is not None and node.op_type != _CONV:
            node = self._maker.get(node.input[0])
        if node is None or node.input[0] not in self._maker:
            raise BadGraphError("is no Piper voice: there is nothing before its decoder")
        return str(node.input[0])

    def _only(self, what: str, found: Iterable[Any]) -> Any:
        every = list(found)
        if len(every) != 1:
            raise BadGraphError(f"is no Piper voice: {what} is there {len(every)} times, not once")
        return every[0]

    def _op(self, name: str) -> str:
        return str(self._maker[name].op_type) if name in self._maker else ""

    def _user(self, name: str, op: str) -> Any:
        return self._only(f"{op} of {name}", (node for node in self._users.get(name, ()) if node.op_type == op))

    def _made_by(self, name: str, op: str) -> Any:
        if self._op(name) != op:
            raise BadGraphError(f"is no Piper voice: {name} is made by {self._op(name) or 'nothing'}, not by {op}")
        return self._maker[name]

    def _other(self, node: Any, name: str) -> str:
        return next(str(other) for other in node.input if other != name)

    def _above(self, name: str) -> set[str]:
        return _reachable(name, lambda at: self._maker[at].input if at in self._maker else ())

    def _below(self, name: str) -> set[str]:
        return _reachable(name, lambda at: [out for node in self._users.get(at, ()) for out in node.output])


def _reachable(start: str, following: Callable[[str], Iterable[str]]) -> set[str]:
    seen: set[str] = set()
    todo = [start]
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo += following(name)
    return seen


# --- how far the decoder looks --------------------------------------------------------------------------


def _reach(decoder: Any, hidden: str, samples: str) -> tuple[int, int]:
    """Return how many samples a frame becomes, and how many frames to either side have a say in them.

    Raises `BadGraphError` for a layer of which that is not known.
    """
    sizes = {one.name: numpy_helper.to_array(one).shape for one in decoder.graph.initializer}
    # Of each tensor that hangs on the frames: samples per frame, and frames to either side.
    known: dict[str, tuple[int, Fraction]] = {hidden: (1, Fraction(0))}
    for node in decoder.graph.node:
        inputs = [known[name] for name in node.input if name in known]
        if not inputs:
            continue
        if len({rate for rate, _ in inputs}) > 1:
            raise BadGraphError(f"cannot be cut in windows: {node.name} joins two rates")
        rate, reach = inputs[0][0], max(reach for _, reach in inputs)
        if node.op_type in (_CONV, _UP):
            rate, reach = _look_around(node, sizes[node.input[1]][-1], rate, reach)
        elif node.op_type not in _POINTWISE:
            raise BadGraphError(f"cannot be cut in windows: its decoder has a layer {node.op_type}")
        known.update(dict.fromkeys(node.output, (rate, reach)))
    hop, reach = known[samples]
    return hop, math.ceil(reach)


def _look_around(node: Any, kernel: int, rate: int, reach: Fraction) -> tuple[int, Fraction]:
    """Return the rate after a convolution, and how far that looks from there."""
    options = {one.name: helper.get_attribute_value(one) for one in node.attribute}
    stride, dilation = options.get("strides", [1])[0], options.get("dilations", [1])[0]
    if node.op_type == _UP:
        return rate * stride, reach + Fraction(math.ceil(kernel / stride), rate)
    if stride != 1:
        raise BadGraphError(f"cannot be cut in windows: {node.name} leaves samples out")
    return rate, reach + Fraction(dilation * (kernel // 2), rate)
