"""Random Piper voices in the real layout, as small as their widths: for tests and benchmarks without a download.

The network has what the real ones have where they are cut: noise drawn twice, durations rounded up, a path that spreads
symbols over frames, a flow under a mask, and a decoder of convolutions that makes 256 samples of a frame.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

SYMBOLS = " !',-.:;?abcdefhijklmnopqrstuvwxyzæðŋɐɑɒɔəɚɛɜɡɪɫɹɾʃʊʌʒˈˌːθᵻ\u0303"
SAMPLE_RATE = 22_050
UPSAMPLING = ((8, 16), (8, 16), (4, 8))  # stride and kernel


def write_voice(
    path: Path, *, seed: int = 0, speakers: int = 1, width: int = 16, without: str = "", **config: Any
) -> None:
    """Write a voice to `path`, and its configuration beside it; `without` are symbols that it does not know."""
    path.write_bytes(_Builder(seed, speakers, width).model().SerializeToString())
    symbols = ["_", "^", "$", *(symbol for symbol in SYMBOLS if symbol not in without)]
    values = {
        "audio": {"sample_rate": SAMPLE_RATE, "quality": "medium"},
        "espeak": {"voice": "en-us"},
        "language": {"code": "en_US"},
        "inference": {"noise_scale": 0.667, "length_scale": 1, "noise_w": 0.8},
        "phoneme_type": "espeak",
        "phoneme_id_map": {symbol: [number] for number, symbol in enumerate(symbols)},
        "num_symbols": 256,
        "num_speakers": speakers,
        "speaker_id_map": {f"p{number}": number for number in range(speakers)} if speakers > 1 else {},
        "hop_length": 256,
        **config,
    }
    path.with_name(f"{path.name}.json").write_text(json.dumps(values), encoding="utf-8")


class _Builder:
    """Writes the graph node by node; shapes are those of the comments, with batch B, symbols T and frames L."""

    def __init__(self, seed: int, speakers: int, width: int) -> None:
        self._random = np.random.default_rng(seed)
        self._speakers = speakers
        self._width = width
        self._nodes: list[Any] = []
        self._weights: list[Any] = []

    def model(self) -> Any:
        width = self._width
        mask = self._symbol_mask()
        ids = self._node("Transpose", self._node("Gather", self._weight(256, width), "input"), perm=[0, 2, 1])
        x = self._node("Mul", self._node("Tanh", self._spoken_by(self._conv(ids, width, width, 3), width)), mask)
        both = self._conv(x, width, 2 * width, 1)  # [B, 2C, T]
        halves = [f"half{number}" for number in range(2)]
        self._nodes.append(helper.make_node("Split", [both, self._ints(width, width)], halves, axis=1))
        frames = self._durations(x, mask)  # [B, 1, T]
        frame_mask, path = self._path(frames)  # [B, 1, L], [B, L, T]
        mean, deviation = (self._stretched(path, half) for half in halves)  # [B, C, L]
        noise = self._node("Mul", self._node("RandomNormalLike", mean), self._node("Exp", deviation))
        latent = self._node("Add", mean, self._node("Mul", noise, self._scale(0)))
        z = self._node("Mul", self._spoken_by(self._conv(latent, width, width, 5), width), frame_mask)
        z = self._node("Add", self._node("Tanh", z), latent)
        samples = self._decoder(self._node("Mul", z, frame_mask))
        inputs = [
            helper.make_tensor_value_info("input", TensorProto.INT64, ["batch_size", "phonemes"]),
            helper.make_tensor_value_info("input_lengths", TensorProto.INT64, ["batch_size"]),
            helper.make_tensor_value_info("scales", TensorProto.FLOAT, [3]),
        ]
        if self._speakers > 1:
            inputs.append(helper.make_tensor_value_info("sid", TensorProto.INT64, ["batch_size"]))
        self._nodes.append(helper.make_node("Unsqueeze", [samples, self._ints(1)], ["output"]))
        output = helper.make_tensor_value_info("output", TensorProto.FLOAT, ["batch_size", "time", None, None])
        graph = helper.make_graph(self._nodes, "random", inputs, [output], initializer=self._weights)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)

    def _durations(self, x: str, mask: str) -> str:
        noise = self._node("Mul", self._node("RandomNormalLike", self._conv(x, self._width, 2, 1)), self._scale(2))
        logarithm = self._node("Add", self._conv(x, self._width, 1, 1), self._conv(noise, 2, 1, 1))
        long = self._node("Mul", self._node("Exp", self._node("Add", logarithm, self._floats(0.7))), mask)
        return self._node("Ceil", self._node("Mul", long, self._scale(1)))

    def _path(self, frames: str) -> tuple[str, str]:
        """Return the mask of frames, and which symbol each frame belongs to."""
        whole = self._node("ReduceSum", frames, self._ints(1, 2), keepdims=0)  # [B]
        length = self._node("Cast", self._node("ReduceMax", whole, keepdims=0), to=TensorProto.INT64)
        places = self._node("Cast", self._range(length), to=TensorProto.FLOAT)  # [L]
        reach = self._node("Less", self._node("Unsqueeze", places, self._ints(0)), self._unsqueeze(whole, 1))
        mask = self._unsqueeze(self._node("Cast", reach, to=TensorProto.FLOAT), 1)
        # The exporter casts last, as the mask's shape is made of booleans.
        mask = self._node("Cast", mask, to=TensorProto.FLOAT)
        ends = self._node("CumSum", self._node("Squeeze", frames, self._ints(1)), self._scalar(1))  # [B, T]
        starts = self._node("Sub", ends, self._node("Squeeze", frames, self._ints(1)))
        after = self._cast_less(self._unsqueeze(places, 1), self._unsqueeze(ends, 1))  # [B, L, T]
        before = self._cast_less(self._unsqueeze(places, 1), self._unsqueeze(starts, 1))
        return mask, self._node("Sub", after, before)

    def _decoder(self, hidden: str) -> str:
        width = 2 * self._width
        x = self._spoken_by(self._conv(hidden, self._width, width, 7), width)
        for stride, kernel in UPSAMPLING:
            x = self._node("LeakyRelu", x)
            pads = [(kernel - stride) // 2] * 2
            up = self._weight(width, max(2, width // 2), kernel)
            x = self._node("ConvTranspose", x, up, strides=[stride], pads=pads, kernel_shape=[kernel])
            width = max(2, width // 2)
            wide = self._conv(self._node("LeakyRelu", x), width, width, 7, dilation=3)
            narrow = self._conv(self._node("LeakyRelu", x), width, width, 3)
            x = self._node("Div", self._node("Add", self._node("Add", x, wide), narrow), self._floats(2.0))
        return self._node("Tanh", self._conv(self._node("LeakyRelu", x), width, 1, 7))

    # --- pieces -----------------------------------------------------------------------------------------

    def _stretched(self, path: str, half: str) -> str:
        product = self._node("MatMul", path, self._node("Transpose", half, perm=[0, 2, 1]))
        return self._node("Transpose", product, perm=[0, 2, 1])

    def _spoken_by(self, x: str, width: int) -> str:
        if self._speakers == 1:
            return x
        speaker = self._node("Gather", self._weight(self._speakers, width), "sid")
        return self._node("Add", x, self._unsqueeze(speaker, 2))

    def _symbol_mask(self) -> str:
        length = self._node("Gather", self._node("Shape", "input"), self._scalar(1))
        reach = self._node("Less", self._unsqueeze(self._range(length), 0), self._unsqueeze("input_lengths", 1))
        return self._unsqueeze(self._node("Cast", reach, to=TensorProto.FLOAT), 1)

    def _conv(self, x: str, inputs: int, outputs: int, kernel: int, dilation: int = 1) -> str:
        pad = dilation * (kernel - 1) // 2
        weight = self._weight(outputs, inputs, kernel)
        return self._node(
            "Conv", x, weight, kernel_shape=[kernel], dilations=[dilation], pads=[pad, pad], strides=[1], group=1
        )

    def _cast_less(self, one: str, other: str) -> str:
        return self._node("Cast", self._node("Less", one, other), to=TensorProto.FLOAT)

    def _range(self, length: str) -> str:
        return self._node("Range", self._scalar(0), length, self._scalar(1))

    def _unsqueeze(self, x: str, axis: int) -> str:
        return self._node("Unsqueeze", x, self._ints(axis))

    def _scale(self, number: int) -> str:
        return self._node("Gather", "scales", self._scalar(number))

    def _weight(self, *shape: int) -> str:
        fan_in = int(np.prod(shape[1:])) if len(shape) > 2 else 1
        return self._constant((self._random.standard_normal(shape) * (1.5 / fan_in**0.5)).astype(np.float32))

    def _ints(self, *values: int) -> str:
        return self._constant(np.array(values, np.int64))

    def _scalar(self, value: int) -> str:
        return self._constant(np.array(value, np.int64))

    def _floats(self, *values: float) -> str:
        return self._constant(np.array(values, np.float32))

    def _constant(self, values: Any) -> str:
        name = f"weight{len(self._weights)}"
        self._weights.append(numpy_helper.from_array(values, name))
        return name

    def _node(self, op: str, *inputs: str, **options: Any) -> str:
        name = f"/{op}{len(self._nodes)}"
        self._nodes.append(helper.make_node(op, list(inputs), [name], name=name, **options))
        return name


def speak_whole(path: Path, ids: Sequence[int], scales: Sequence[float], speaker: int = 0) -> Any:
    """Return the samples [n] that the uncut network makes of ids, as Piper's own program runs it."""
    from tts_cli.engines.piper.model import open_session

    session = open_session(str(path))
    values = {
        "input": np.array([ids], np.int64),
        "input_lengths": np.array([len(ids)], np.int64),
        "scales": np.array(scales, np.float32),
        "sid": np.array([speaker], np.int64),
    }
    wanted = [one.name for one in session.get_inputs()]
    return session.run(None, {name: values[name] for name in wanted})[0].reshape(-1)
