"""The engine `kokoro`: Kokoro-82M, with its preset voices, blends of them, and voice packs from elsewhere.

It uses the package's network, not its pipeline, which downloads while it speaks and cuts long texts without a word.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from tts_cli.engines.base import PromptAudio, Request, Speech, State
from tts_cli.engines.kokoro_chunks import FRAME_SAMPLES, SAMPLE_RATE, Spoken, cut, phonemes_of, time_words
from tts_cli.engines.kokoro_g2p import Way, make_g2p
from tts_cli.engines.kokoro_spec import KOKORO
from tts_cli.engines.kokoro_voices import letter_of, parse_blend
from tts_cli.engines.weights import find_weights
from tts_cli.errors import MissingError, TakeError, UnknownNameError
from tts_cli.types import Word

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from tts_cli.engines.kokoro_model import Planned

PACK_SHAPE = (510, 1, 256)
MOST_FRAMES = 8_000  # of a batch on a GPU, padding included: 200 s, some 4 GB of memory
RUNAWAY_FRAMES = 16  # per phoneme, on average; a slow reader needs four
SILENT = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chunk:
    """What is spoken at once."""

    words: Sequence[Spoken]
    planned: "Planned"
    seed: int
    bfloat16: bool


class Kokoro:
    """The adapter."""

    def load(self, device: str) -> None:
        """Load the network; raises `MissingError` where the weights lack or are damaged."""
        from tts_cli.engines.kokoro_model import KokoroModel

        self._folder = find_weights(KOKORO)
        self._batched = device != "cpu"
        self._model = KokoroModel(self._folder, device)
        self._packs: dict[str, Tensor] = {}

    def condition(self, clips: Sequence[PromptAudio], language: str) -> State:  # noqa: ARG002  whatever they are
        """Refuse: Kokoro imitates nobody."""
        raise TakeError(
            "kokoro cannot learn a voice from clips", kind="input", hint="name a voice of its own, or a pack"
        )

    def synthesize(self, requests: Sequence[Request]) -> list[Speech]:
        """Speak each text; raises `TakeError` where there is nothing to speak, or what came out is no speech."""
        plans = [self._plan(request) for request in requests]
        sounds = iter(self._sound([chunk for chunks in plans for chunk in chunks]))
        return [self._join(chunks, [next(sounds) for _ in chunks]) for chunks in plans]

    def close(self) -> None:
        """Nothing that the end of the process would not give back."""

    def _plan(self, request: Request) -> list[_Chunk]:
        """Do all but the sound: phonemes, chunks, style, durations."""
        values = _values(request)
        try:
            letter = letter_of(request.language, request.voice)
            pack = self._pack(request)
        except UnknownNameError as error:
            raise TakeError(error.message, kind="input", hint=error.hint) from error
        words = make_g2p(letter, cast("Way", values["g2p"]))(request.text)
        chunks = [
            self._plan_chunk(chunk, pack, values, seed=request.seed + number) for number, chunk in enumerate(cut(words))
        ]
        if not any(chunk.planned.frames for chunk in chunks):
            raise TakeError("nothing was spoken", kind="input", hint="the text has no word that the voice can read")
        return chunks

    def _plan_chunk(
        self, words: Sequence[Spoken], pack: "Tensor", values: dict[str, float | str], *, seed: int
    ) -> _Chunk:
        phonemes = phonemes_of(words)
        ids = self._model.ids(phonemes)
        if not ids:
            raise TakeError(f"no sound of {phonemes!r} is known to the model", kind="input")
        row = max(len(phonemes) - 1, int(values["style_row"]))
        planned = self._model.plan(ids, pack[row], float(values["speed"]))
        if planned.frames > RUNAWAY_FRAMES * (len(ids) + 2) / float(values["speed"]):
            raise TakeError(f"ran away: {planned.frames} frames for {len(ids)} phonemes", hint="are the weights sound?")
        return _Chunk(words=words, planned=planned, seed=seed, bfloat16=values["precision"] == "bfloat16")

    def _sound(self, chunks: Sequence[_Chunk]) -> list["Tensor"]:
        """Do the second stage, on a GPU for many chunks at once."""
        if not self._batched or len(chunks) == 1:
            return [self._model.speak(chunk.planned, chunk.seed, bfloat16=chunk.bfloat16) for chunk in chunks]
        from tts_cli.engines.kokoro_batch import make_batches, speak_batch

        sounds: dict[int, Tensor] = {}
        for bfloat16 in (False, True):
            members = [number for number, chunk in enumerate(chunks) if chunk.bfloat16 == bfloat16]
            for batch in make_batches([chunks[number].planned.frames for number in members], MOST_FRAMES):
                numbers = [members[place] for place in batch]
                planned, seeds = zip(
                    *((chunks[number].planned, chunks[number].seed) for number in numbers), strict=True
                )
                sounds |= zip(numbers, speak_batch(self._model, planned, seeds, bfloat16=bfloat16), strict=True)
        return [sounds[number] for number in range(len(chunks))]

    def _join(self, chunks: Sequence[_Chunk], sounds: "Sequence[Tensor]") -> Speech:
        """Put chunks one after the other, with the times of their words."""
        words, start = [], 0
        for chunk in chunks:
            times = time_words(chunk.words, chunk.planned.durations, self._model.vocabulary)
            words += [Word(word.text, word.start + start, word.end + start) for word in times]
            start += chunk.planned.frames * FRAME_SAMPLES
        samples = np.concatenate([sound.numpy() for sound in sounds]).astype(np.float32, copy=False)
        peak = float(np.abs(samples).max(initial=0.0))
        if not math.isfinite(peak):
            raise TakeError("what was spoken holds NaN or infinity")
        if peak < SILENT:
            raise TakeError("what was spoken is silence", hint="are the weights and the voice sound?")
        return Speech(samples=samples / max(1.0, peak), sample_rate=SAMPLE_RATE, words=tuple(words))

    def _pack(self, request: Request) -> "Tensor":
        """Return the style of each length [510, 1, 256] of a voice, a blend, or a pack of the user's own."""
        import torch

        if request.state is not None:
            return torch.from_numpy(np.array(request.state, np.float32))
        if request.voice not in self._packs:
            total = torch.zeros(PACK_SHAPE, dtype=torch.float64)
            for name, share in parse_blend(request.voice).items():
                total += share * read_pack(self._folder / "voices" / f"{name}.pt").double()
            self._packs[request.voice] = total.float()
        return self._packs[request.voice]


def read_pack(path: "Path") -> "Tensor":
    """Read a voice pack; raises `MissingError` for one that is not here or is none."""
    import torch

    try:
        pack = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise MissingError(f"the voice {path.stem} is not here", hint="tts-cli download kokoro") from error
    except Exception as error:
        raise MissingError(f"the voice {path.name} cannot be read: {error}", hint="tts-cli download kokoro") from error
    if not isinstance(pack, torch.Tensor) or tuple(pack.shape) != PACK_SHAPE or not bool(pack.isfinite().all()):
        raise MissingError(f"the voice {path.name} is no voice pack", hint="tts-cli download kokoro")
    return pack


def _values(request: Request) -> dict[str, float | str]:
    """Fill in defaults and refuse what the engine does not know."""
    if unknown := sorted(set(request.params) - set(KOKORO.params)):
        raise TakeError(f"kokoro has no parameter {unknown[0]!r}", kind="input")
    values = {name: request.params.get(name, param.default) for name, param in KOKORO.params.items()}
    for name, param in KOKORO.params.items():
        value = values[name]
        good = value in param.choices if param.choices else param.low <= float(value) <= param.high
        if not good:
            allowed = ", ".join(param.choices) or f"{param.low:g} to {param.high:g}"
            raise TakeError(f"{name} must be {allowed}, not {value}", kind="input")
    return values
