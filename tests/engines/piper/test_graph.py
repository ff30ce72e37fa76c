"""A voice cut in three against the whole network, to the bit."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from tts_cli.engines.piper import model as piper_model
from tts_cli.engines.piper.graph import BadGraphError, split
from tts_cli.engines.piper.model import Planned
from tts_cli.engines.piper.random_model import speak_whole, write_voice

IDS = [1, 0, *(symbol for number in range(120) for symbol in (3 + number * 7 % 40, 0)), 2]


@pytest.mark.parametrize(("name", "speaker"), [("one.onnx", 0), ("four.onnx", 0), ("four.onnx", 3)])
@pytest.mark.parametrize("ids", [IDS[:9], IDS])
def test_without_noise_the_parts_make_what_the_whole_makes(load, voices: Path, name: str, speaker: int, ids) -> None:
    voice = load(name)
    planned = voice.plan(ids, speaker, (1.1, 0.0), seed=5)
    samples = voice.speak(planned, speaker, 0.0, seed=5)
    whole = speak_whole(voices / name, ids, [0.0, 1.1, 0.0], speaker)
    assert samples.tobytes() == whole.tobytes()
    assert len(ids) < 10 or len(samples) > piper_model.WINDOW * voice.hop  # in several windows


def test_windows_hang_on_exactly_as_many_frames_as_was_counted(load, voices: Path) -> None:
    voice = load("one.onnx")
    whole = speak_whole(voices / "one.onnx", IDS, [0.0, 1.0, 0.0])
    planned = voice.plan(IDS, 0, (1.0, 0.0), seed=5)
    overlap = voice._overlap
    voice._overlap = 2 * overlap
    assert voice.speak(planned, 0, 0.0, seed=5).tobytes() == whole.tobytes()
    voice._overlap = overlap // 2
    assert voice.speak(planned, 0, 0.0, seed=5).tobytes() != whole.tobytes()


def test_the_noise_is_that_of_the_seed_alone(load) -> None:
    voice = load("one.onnx")
    first, again, other = (voice.plan(IDS, 0, (1.0, 0.8), seed) for seed in (1, 1, 2))
    assert np.array_equal(first.frames, again.frames)
    assert not np.array_equal(first.frames, other.frames)
    sounds = [voice.speak(first, 0, 0.667, seed).tobytes() for seed in (1, 1, 2)]
    assert sounds[0] == sounds[1] != sounds[2]


@pytest.mark.parametrize("speed", [0.3, 0.97, 1.0, 1.9, 1000.0])
def test_stretching_keeps_the_frames_whole_and_their_sum_near(speed: float) -> None:
    frames = np.array([1, 3, 2, 9, 1, 1, 4])
    scaled = piper_model.stretch(Planned(frames=frames, mean=np.zeros(0), deviation=np.zeros(0)), speed).frames
    assert scaled.sum() == max(1, round(21 / speed))
    assert (scaled >= 0).all()
    assert np.abs(np.cumsum(scaled) - np.cumsum(frames) / speed).max() <= 1.0


def test_a_runaway_is_an_error_and_takes_no_memory(load, monkeypatch) -> None:
    from tts_cli.errors import TakeError

    monkeypatch.setattr(piper_model, "MAX_FRAMES", 10)
    with pytest.raises(TakeError, match=r"ran away: \d+ frames for 243 symbols"):
        load("one.onnx").plan(IDS, 0, (1.0, 0.8), seed=1)


def ceil_twice(model: onnx.ModelProto) -> None:
    model.graph.node.append(onnx.helper.make_node("Ceil", ["scales"], ["more"]))


def no_noise(model: onnx.ModelProto) -> None:
    for node in model.graph.node:
        if node.op_type == "RandomNormalLike":
            node.op_type = "Identity"


def no_decoder(model: onnx.ModelProto) -> None:
    for node in model.graph.node:
        if node.op_type == "ConvTranspose":
            node.op_type = "Conv"


def strange_layer(model: onnx.ModelProto) -> None:
    [last] = [node for node in model.graph.node if node.op_type == "Tanh"][-1:]
    last.op_type = "Softmax"


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (ceil_twice, "the rounding of durations is there 2 times"),
        (no_noise, "noise of the durations is there 0 times"),
        (no_decoder, "it has no decoder"),
        (strange_layer, "its decoder has a layer Softmax"),
    ],
)
def test_another_network_is_refused_with_what_it_lacks(tmp_path: Path, damage, said: str) -> None:
    write_voice(tmp_path / "v.onnx")
    model = onnx.load(tmp_path / "v.onnx")
    damage(model)
    with pytest.raises(BadGraphError, match=said):
        split(model.SerializeToString())
