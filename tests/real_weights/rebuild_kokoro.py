"""Kokoro's checkpoint in its real layout, made of the int8 ONNX model that packages ship: the same numbers, rounded.

usage: python rebuild_kokoro.py MODEL.onnx CONFIG.json OUT.pth
A weight's torch name is the path of the ONNX node that uses it. Weights of 8 bits are `(q - zero) * scale`. Weight norm
is undone with v = w and g = |w|; the gates of an LSTM go from ONNX's order (i o f c) to torch's (i f c o).
"""

import io
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper

PARTS = ("bert", "bert_encoder", "predictor", "decoder", "text_encoder")
EMBEDDING_ZERO = "encoder.bert.embeddings.word_embeddings.weight_zero_point"


class Graph:
    """The numbers of an ONNX graph by torch's names."""

    def __init__(self, path: Path) -> None:
        graph = onnx.load(path).graph
        self._numbers = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
        self._zero_of: dict[str, str] = {}
        self.found: dict[str, np.ndarray] = {}
        nodes = [node for node in graph.node if node.op_type != "DequantizeLinear"]
        for node in nodes:
            self._note_zeros(node)
        for node in nodes:
            self._take(node)
        self._take_named()

    def _note_zeros(self, node: Any) -> None:
        if node.op_type in ("ConvInteger", "MatMulInteger") and node.input[1] in self._numbers:
            self._zero_of[node.input[1]] = node.input[3]
        elif node.op_type == "DynamicQuantizeLSTM":
            self._zero_of |= {node.input[1]: node.input[9], node.input[2]: node.input[11]}

    def _take(self, node: Any) -> None:
        weighted = ("Conv", "ConvTranspose", "MatMul", "ConvInteger", "MatMulInteger")
        if node.op_type == "DynamicQuantizeLSTM":
            self._take_lstm(torch_name(node.name), *node.input[1:4])
        elif node.op_type in weighted and node.input[1] in self._numbers:
            name = re.sub(r"(query|key|value|dense|ffn|ffn_output)_\d+$", r"\1", torch_name(node.name))
            if name and "istft" not in name and not name.endswith("attention"):
                value = self._plain(node.input[1])
                operator = node.name.rsplit("/", 1)[1]
                value = value.T if operator.startswith(("MatMul", "Gemm")) else value
                self.found[name] = np.ascontiguousarray(value, np.float32)

    def _take_lstm(self, name: str, weight: str, recurrent: str, bias: str) -> None:
        inputs, states, biases = self._plain(weight), self._plain(recurrent), self._numbers[bias]
        size = 4 * states.shape[1]
        for direction, tail in enumerate(("", "_reverse")):
            self.found |= {
                f"{name}.weight_ih_l0{tail}": in_torch_order(inputs[direction].T),
                f"{name}.weight_hh_l0{tail}": in_torch_order(states[direction].T),
                f"{name}.bias_ih_l0{tail}": in_torch_order(biases[direction][:size]),
                f"{name}.bias_hh_l0{tail}": in_torch_order(biases[direction][size:]),
            }

    def _take_named(self) -> None:
        """Take what kept its name: biases, norms, embeddings."""
        for name, value in list(self._numbers.items()):
            prefix = next((one for one in ("encoder.", "decoder.") if name.startswith(one)), "")
            if not prefix or (prefix == "decoder." and not name.startswith("decoder.decoder.")):
                continue
            plain = name.removeprefix(prefix)
            if name.endswith(("_scale", "_zero_point", "_shape")):
                continue
            if not plain.endswith("_quantized"):
                self.found[plain] = value.astype(np.float32)
            elif "embeddings." in plain or plain == "text_encoder.embedding.weight_quantized":
                self._zero_of[name] = EMBEDDING_ZERO
                self.found[plain.removesuffix("_quantized")] = self._plain(name)

    def _plain(self, name: str) -> np.ndarray:
        """Return a tensor in float32; a scale is one number, one per column, or one per direction of an LSTM."""
        if not name.endswith("_quantized"):
            return self._numbers[name]
        base, numbers = name.removesuffix("_quantized"), self._numbers[name].astype(np.float32)
        scale = self._numbers[f"{base}_scale"]
        zero = self._numbers[self._zero_of[name]].astype(np.float32) if name in self._zero_of else np.zeros_like(scale)
        if numbers.ndim == 3 and scale.size == numbers.shape[0] and "LSTM" in name:
            scale, zero = scale.reshape(-1, 1, 1), zero.reshape(-1, 1, 1)
        return (numbers - zero) * scale


def torch_name(path: str) -> str:
    """Turn the path of a node into a module's name."""
    parts = path.strip("/").split("/")[:-1]
    if parts[:2] == ["decoder", "decoder"]:
        parts = parts[1:]
    elif parts[:1] == ["encoder"]:
        parts = parts[1:]
        if re.match(r"(F0|N)(\.|_proj)|shared", parts[0]):
            parts = ["predictor", *parts]
    named: list[str] = []
    for part in parts:  # `cnn.0/cnn.0.0`: the later one says all
        if named and part.startswith(f"{named[-1]}."):
            named.pop()
        named.append(part)
    return ".".join(named)


def in_torch_order(gates: np.ndarray) -> np.ndarray:
    """Reorder the gates of an LSTM [4 H, ...]."""
    i, o, f, c = np.split(gates, 4)
    return np.concatenate([i, f, c, o])


def rebuild(model: Path, config: Path, out: Path) -> None:
    """Write the checkpoint; raises `ValueError` where a tensor has no source or another shape."""
    from kokoro.model import KModel

    empty = io.BytesIO()
    torch.save({}, empty)
    empty.seek(0)
    network = KModel(repo_id="hexgrad/Kokoro-82M", config=json.loads(config.read_bytes()), model=empty)
    found = Graph(model).found
    checkpoint = {part: part_of(found, part, getattr(network, part).state_dict()) for part in PARTS}
    torch.save(checkpoint, out)


def part_of(found: Mapping[str, np.ndarray], part: str, wanted: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the tensors of one part under the names of the real file."""
    state = {}
    for key, old in wanted.items():
        name = f"{part}.{key}"
        if re.search(r"\.norm\.(weight|bias)$", name):
            continue  # the real file lacks them, too
        value = _value_of(found, name)
        if value is None:
            value = np.zeros(tuple(old.shape), np.float32)
        if value.shape != tuple(old.shape):
            raise ValueError(f"{name}: {value.shape} is not {tuple(old.shape)}")
        state[f"module.{key}"] = torch.from_numpy(np.ascontiguousarray(value)).to(old.dtype)
    return state


def _value_of(found: Mapping[str, np.ndarray], name: str) -> np.ndarray | None:
    stem = name.removesuffix(".weight")
    if not name.endswith(("weight_v", "weight_g")):
        return found.get(name, found.get(stem) if name.endswith(".weight") else None)
    source = name[:-2]
    weight = found.get(source, found.get(source.removesuffix(".weight")))
    if weight is None:
        return None
    length = np.sqrt((weight.astype(np.float64) ** 2).sum((1, 2), keepdims=True)).astype(np.float32)
    # A row that rounding left empty: 0 * v / |v| asks that |v| is not 0.
    return length if name.endswith("g") else np.where(length == 0, np.float32(1), weight)


if __name__ == "__main__":
    rebuild(*map(Path, sys.argv[1:]))
