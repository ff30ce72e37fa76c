"""The engine `tone`: a sine per character, and on request every way in which an engine can fail.

For dry runs of whole projects where no model is at hand, for benchmarks of everything but the model, and for tests of
what a run survives. Needs numpy alone.
"""

import os
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from tts_cli.engines.base import Request, Speech
from tts_cli.engines.kit.batching import speak_each
from tts_cli.engines.kit.params import fill_params
from tts_cli.engines.kit.pieces import join_pieces
from tts_cli.engines.tone.spec import TONE, VOICES
from tts_cli.errors import TakeError
from tts_cli.types import Word

if TYPE_CHECKING:
    import numpy.typing as npt

    Samples = npt.NDArray[np.float32]

RATE_HZ = 16_000
SEMITONES = 24
LEVEL = 0.25
EDGE_S = 0.004
TURN_PAUSE_S = 0.2
HOG_BYTES = 1 << 28


class Tone:
    """The adapter: what it does to a line is said by the line's parameters."""

    def load(self, device: str) -> Sequence[str]:
        """Remember nothing but the device."""
        self._device = device
        self._leaked: list[bytearray] = []
        return ()

    def speak(self, requests: Sequence[Request]) -> Iterator[tuple[int, Speech | TakeError]]:
        """Sing each request; a batch larger than any of them `fits` into runs out of memory as a whole."""
        room = min((int(fits) for request in requests if (fits := float(request.params.get("fits", 0.0)))), default=0)
        if room and len(requests) > room:
            raise MemoryError(f"a batch of {len(requests)} does not fit")
        return speak_each(requests, self._sing)

    def close(self) -> None:
        """Nothing to give back."""

    def _sing(self, request: Request) -> Speech:
        values = fill_params(TONE, request.params)
        samples, words = _sing_turns(request) if request.turns else sing(request, values.numbers)
        seconds = len(samples) / RATE_HZ
        time.sleep(values.numbers["work_ms"] / 1000 + values.numbers["work"] * seconds)
        leak = int(values.numbers["leak_mb"] * 2**20)
        if leak:
            # Written to, as memory that is only reserved does not count as held.
            self._leaked.append(bytearray(os.urandom(1) * leak))
        fault = values.choices["fault"]
        if fault == "none" or not _strikes(request, values.numbers):
            return Speech(samples=samples, sample_rate=RATE_HZ, words=words)
        words = () if fault == "wordless" else words
        return Speech(samples=FAULTS[fault](samples), sample_rate=RATE_HZ, words=words, ended=fault != "endless")


def sing(request: Request, values: Mapping[str, float]) -> tuple["Samples", tuple[Word, ...]]:
    """Make a sine for each character and silence for spaces; the seed moves the level by up to 1 dB.

    Each earlier turn that it hears lowers the tone by 10 cents.
    """
    chance = np.random.default_rng(request.seed)
    level = LEVEL * 10 ** (chance.uniform(-1.0, 0.0) / 20)
    length = round(values["char_ms"] / values["speed"] * RATE_HZ / 1000)
    base_hz = VOICES[request.voice] * values["pitch"] * 2 ** (-len(request.context) / 120)
    times = np.arange(length) / RATE_HZ
    # Without edges each tone would begin and end with a click.
    edge = np.minimum(1.0, np.minimum(times, times[::-1]) / EDGE_S)
    samples = np.zeros((len(request.text), length))
    for row, character in zip(samples, request.text, strict=True):
        if not character.isspace():
            hertz = base_hz * 2 ** (ord(character) % SEMITONES / 12)
            row[:] = level * edge * np.sin(2 * np.pi * hertz * times)
    return samples.reshape(-1).astype(np.float32), _words(request.text, length)


def _sing_turns(request: Request) -> tuple["Samples", tuple[Word, ...]]:
    """Sing the turns of a dialogue one after the other, each with its voice, and a pause between them."""
    pieces = []
    for turn in request.turns:
        own = replace(request, text=turn.text, voice=turn.voice, params=turn.params, turns=())
        samples, words = sing(own, fill_params(TONE, turn.params).numbers)
        pieces.append(Speech(samples=samples, sample_rate=RATE_HZ, words=words))
    whole = join_pieces(pieces, pause_s=TURN_PAUSE_S)
    return whole.samples, whole.words


def _words(text: str, length: int) -> tuple[Word, ...]:
    words, position = [], 0
    for word in text.split():
        position = text.index(word, position)
        words.append(Word(text=word, start=position * length, end=(position + len(word)) * length))
        position += len(word)
    return tuple(words)


# --- faults ---------------------------------------------------------------------------------------------


def _strikes(request: Request, values: Mapping[str, float]) -> bool:
    """Return whether the fault happens: for `fault_rate` of all seeds, and only `fault_times` times in a run."""
    times = int(values["fault_times"])
    if np.random.default_rng(request.seed).random() >= values["fault_rate"]:
        return False
    return not times or any(_claim(f"tone-{hash_of(request)}-{number}") for number in range(times))


def hash_of(request: Request) -> str:
    """Name a request so that other processes of the run name it alike."""
    return f"{request.text}{request.seed}{request.voice}".encode().hex()[:80]


def _claim(name: str) -> bool:
    """Be the first in this run to do something: workers of a run share their temporary folder."""
    try:
        # Creating a file is atomic: of several workers one wins.
        Path(tempfile.gettempdir(), name).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def _refuse(_: "Samples") -> NoReturn:
    raise TakeError("told to refuse this line", kind="input", hint="take the fault away")


def _bug(_: "Samples") -> NoReturn:
    raise KeyError("told to have a bug")


def _memory(_: "Samples") -> NoReturn:
    raise MemoryError


def _cuda(_: "Samples") -> NoReturn:
    raise RuntimeError("CUDA error: device-side assert triggered")


def _hog(samples: "Samples") -> "Samples":
    """Allocate until the system refuses, under a limit of its own."""
    used = int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + HOG_BYTES, used + HOG_BYTES))
    hoard = []
    while True:
        hoard.append(np.ones(HOG_BYTES // 16) + samples[0])


def _crash(_: "Samples") -> NoReturn:
    os.kill(os.getpid(), signal.SIGSEGV)
    raise AssertionError


def _exit(_: "Samples") -> NoReturn:
    sys.stderr.write("told to exit\n")
    os._exit(7)


def _hang(_: "Samples") -> NoReturn:
    while True:
        time.sleep(60)


def _noise(samples: "Samples") -> "Samples":
    """Write on stdout what would ruin the protocol, from Python and from below it."""
    print('{"event":"done"}', flush=True)  # noqa: T201
    os.write(1, b'{"event":"take"}\n' * 100)
    return samples


FAULTS: Mapping[str, Callable[["Samples"], "Samples"]] = {
    "refuse": _refuse,
    "bug": _bug,
    "memory": _memory,
    "hog": _hog,
    "cuda": _cuda,
    "crash": _crash,
    "exit": _exit,
    "hang": _hang,
    "noise": _noise,
    "empty": lambda samples: samples[:0],
    "stereo": lambda samples: np.stack([samples, samples], axis=1),
    "nan": lambda samples: np.full_like(samples, np.nan),
    "silent": np.zeros_like,
    "clipped": lambda samples: np.clip(samples * 40, -1.0, 1.0).astype(np.float32),
    "dc": lambda samples: (samples + 0.2).astype(np.float32),
    "cut": lambda samples: samples[: len(samples) * 2 // 3],
    "endless": lambda samples: np.tile(samples, 2),
    "wordless": lambda samples: samples,
}
