"""A Piper voice on onnxruntime, in three steps: durations, flow, decoder; on one thread, with noise of ours."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from tts_cli.engines.piper.config import VoiceConfig
from tts_cli.engines.piper.noise import draw
from tts_cli.engines.piper.store import NETWORKS, CutVoice
from tts_cli.errors import TakeError

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]
    Counts = npt.NDArray[np.int64]

# Before the import: some builds start a thread that writes into the user's home, and reports elsewhere.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

# The decoder works on so many frames at once: a long sentence takes a third of the memory, and no longer.
WINDOW = 256
MAX_FRAMES = 16_384  # three minutes; no sentence is so long


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What is spoken when: the frames of each id [T], and the mean and deviation [C, T] of what they hold."""

    frames: "Counts"
    mean: "Floats"
    deviation: "Floats"


class VoiceModel:
    """The three networks of a voice, in memory; raises onnxruntime's own errors for files that are none."""

    def __init__(self, cut: CutVoice, config: VoiceConfig) -> None:
        self._names = cut.names
        self._overlap = cut.overlap
        self.hop = cut.hop
        self.config = config
        self._sessions = {name: open_session(str(cut.folder / f"{name}.onnx")) for name in NETWORKS}

    def plan(self, ids: Sequence[int], speaker: int, scales: tuple[float, float], seed: int) -> Planned:
        """Say how long each id is; `scales` are those of length and of the durations' noise. Raises `TakeError`."""
        length_scale, noise_w = scales
        feed = {
            "input": np.array([ids], np.int64),
            "input_lengths": np.array([len(ids)], np.int64),
            "scales": np.array([0.0, length_scale, noise_w], np.float32),
            self._names["noise"]: draw(seed, "durations", 2, len(ids))[None],
        }
        frames, mean, deviation = self._run("durations", speaker, feed)
        counts = frames[0, 0]
        if not np.isfinite(counts).all() or counts.sum() > MAX_FRAMES:
            raise TakeError(f"ran away: {counts.sum():g} frames for {len(ids)} symbols", hint="is the voice sound?")
        return Planned(frames=counts.astype(np.int64), mean=mean[0], deviation=deviation[0])

    def speak(self, planned: Planned, speaker: int, noise_scale: float, seed: int) -> "Floats":
        """Return the samples [frames * hop]."""
        which = np.repeat(np.arange(len(planned.frames)), planned.frames)
        # [:, which] makes arrays of another order in memory, which add up the same.
        noise = draw(seed, "sound", len(planned.mean), len(which)) * planned.deviation[:, which]
        latent = planned.mean[:, which] + noise * np.float32(noise_scale)
        mask = np.ones((1, 1, len(which)), np.float32)
        feed = {self._names["latent"]: np.ascontiguousarray(latent)[None], self._names["mask"]: mask}
        [hidden] = self._run("flow", speaker, feed)
        return np.concatenate(list(self._windows(hidden, speaker)))

    def _windows(self, hidden: "Floats", speaker: int) -> Any:
        """Yield the samples of one window after the other, each decoded with as much beside it as it hangs on."""
        length = hidden.shape[2]
        # Of one size: onnxruntime sums up otherwise where there are few frames, as a rest might have.
        count = math.ceil(length / WINDOW)
        edges = [length * number // count for number in range(count + 1)]
        for start, end in pairwise(edges):
            first, last = max(0, start - self._overlap), min(length, end + self._overlap)
            part = np.ascontiguousarray(hidden[:, :, first:last])
            [samples] = self._run("decoder", speaker, {self._names["hidden"]: part})
            yield samples.reshape(-1)[(start - first) * self.hop : (end - first) * self.hop]

    def _run(self, network: str, speaker: int, feed: Mapping[str, Any]) -> list[Any]:
        session = self._sessions[network]
        wanted = {one.name for one in session.get_inputs()}
        # Asked of the inputs, as voices of one speaker may have a constant of that name.
        values = {**feed, "sid": np.array([speaker], np.int64)}
        found: list[Any] = session.run(None, {name: values[name] for name in wanted})
        return found


def stretch(planned: Planned, speed: float) -> Planned:
    """Speak `speed` times as fast, to the frame: every edge moves by the same factor."""
    ends = np.cumsum(planned.frames)
    # At least a frame, as nothing at all cannot be spoken.
    total = max(1, round(ends[-1] / speed))
    scaled = np.round(ends * (total / ends[-1])).astype(np.int64)
    return replace(planned, frames=np.diff(scaled, prepend=0))


def open_session(path: str) -> Any:
    """Load a network onto one thread of the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # More threads share out sums in another way, and processes beside us use the other cores.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
