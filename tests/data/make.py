"""Make the speech in this folder: `python tests/data/make.py` writes all of it anew.

The embedded engine reads. Six voices stand for six speakers, each in a room of its own, with a microphone and a noise
floor of its own; the other clips are one of them, each with one thing wrong that recordings have. Nobody is recorded
and nothing is copied, so the clips are under the licence of this project.

`torch-saved.pt` is written only where torch is installed.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from tts_cli.engines.base import Request
from tts_cli.engines.espeak.adapter import Espeak

Samples = npt.NDArray[np.float64]

FOLDER = Path(__file__).parent
RATE = 16_000
FAULTY_S = 3.0  # so long are the clips with something wrong: they must be small
TEXTS = (
    "The tide was out, and the boats lay on their sides. Nobody spoke. Then a bell rang, far away, twice.",
    "She opened the long green box, which her father had left behind, and found a letter. It was not for her.",
    "We walked for two hours along the edge of the wood. The rain had stopped, but the path lay under deep water.",
)
# voice, pitch, text, decay of the room in seconds, tilt of the microphone, noise floor in dBFS
SPEAKERS = {
    "ann": ("en-gb+f3", 1.00, 0, 0.010, 0.25, -78),
    "bob": ("en-us+m8", 0.90, 2, 0.015, -0.20, -74),
    "cy": ("en-gb+m3", 1.00, 0, 0.008, 0.10, -80),
    "dora": ("en-us+f5", 1.15, 1, 0.012, -0.10, -76),
    "eve": ("en-gb-scotland+f2", 1.05, 1, 0.006, 0.40, -78),
    "fred": ("en-us+m1", 1.00, 0, 0.018, 0.00, -75),
}


def read_aloud(voice: str, pitch: float, text: str) -> Samples:
    """Have the engine read a text; returns samples [frames] at `RATE`."""
    engine = Espeak()
    engine.load("cpu")
    request = Request(text=text, language="en", voice=voice, params={"pitch": pitch}, seed=0)
    [(_, speech)] = engine.speak([request])
    engine.close()
    return np.asarray(soxr.resample(speech.samples.astype(np.float64), speech.sample_rate, RATE))


def record(name: str) -> Samples:
    """Put a speaker into a room, before a microphone: early reflections, a tilt of the spectrum, noise."""
    voice, pitch, text, decay_s, tilt, floor_db = SPEAKERS[name]
    rng = np.random.default_rng(sum(map(ord, name)))
    dry = read_aloud(voice, pitch, TEXTS[text])
    time = np.arange(round(6 * decay_s * RATE)) / RATE
    room = 0.12 * rng.standard_normal(len(time)) * np.exp(-time / decay_s)
    room[0] = 1.0
    wet = np.convolve(np.pad(dry, (RATE // 4, RATE // 4)), room)
    wet[1:] += tilt * wet[:-1]
    return level(wet) + 10 ** (floor_db / 20) * rng.standard_normal(len(wet))


def level(samples: Samples) -> Samples:
    """Bring samples to a peak of 0.25."""
    return 0.25 * samples / np.abs(samples).max()


def noisy(samples: Samples) -> Samples:
    """Add the noise of a fan, as loud as 16 dB below the speech."""
    rms = np.sqrt(np.mean(samples**2))
    return samples + 10 ** (-16 / 20) * rms * np.random.default_rng(1).standard_normal(len(samples))


def humming(samples: Samples) -> Samples:
    """Add the hum of a mains of 50 Hz, with harmonics."""
    time = np.arange(len(samples)) / RATE
    return samples + sum(0.004 / order * np.sin(2 * np.pi * 50 * order * time) for order in (1, 2, 3))


def clipped(samples: Samples) -> Samples:
    """Record 18 dB too loud."""
    return np.clip(8 * samples, -1, 1)


def off_centre(samples: Samples) -> Samples:
    """Add a DC offset of a tenth of full scale."""
    return samples + 0.1


FAULTS: dict[str, Callable[[Samples], Samples]] = {
    "noise": noisy,
    "hum": humming,
    "clipping": clipped,
    "dc": off_centre,
}


def write(name: str, samples: Samples) -> None:
    """Write 16-bit FLAC."""
    soundfile.write(FOLDER / f"{name}.flac", np.clip(samples, -1, 1), RATE, subtype="PCM_16", compression_level=1.0)


def write_torch_file() -> None:
    """Write what torch.save makes of plain data, so that it can be read where there is no torch."""
    try:
        import torch
    except ImportError:
        return
    numbers = torch.arange(24, dtype=torch.float32)
    torch.save(
        {
            "pack": numbers.reshape(2, 3, 4),
            "turned": numbers.reshape(4, 6).T,
            "half": torch.tensor([1.5, -2.0], dtype=torch.half),
            "tokens": torch.tensor([[3, 6560]]),
            "nothing": None,
            "words": ("en", 1, 2.5, True),
        },
        FOLDER / "torch-saved.pt",
    )


def main() -> None:
    """Make everything."""
    recorded = {name: record(name) for name in SPEAKERS}
    for name, samples in recorded.items():
        write(name, samples)
    for name, spoil in FAULTS.items():
        write(name, spoil(recorded["ann"][: round(FAULTY_S * RATE)]))
    write_torch_file()


if __name__ == "__main__":
    main()
