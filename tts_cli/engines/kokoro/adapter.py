"""The engine `kokoro`: Kokoro-82M, with its preset voices, blends of them, and voice packs from elsewhere.

It uses the package's network, not its pipeline, which downloads while it speaks and cuts long texts without a word.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

import numpy as np

from tts_cli.engines.base import Request, Speech
from tts_cli.engines.kit.batching import make_batches, speak_each
from tts_cli.engines.kit.lru import Lru
from tts_cli.engines.kit.params import Values, fill_params
from tts_cli.engines.kit.pieces import join_pieces
from tts_cli.engines.kit.seeds import piece_seed
from tts_cli.engines.kokoro.chunks import SAMPLE_RATE, Spoken, cut, phonemes_of, settle_words, time_words
from tts_cli.engines.kokoro.g2p import Way, make_g2p
from tts_cli.engines.kokoro.spec import KOKORO
from tts_cli.engines.kokoro.voices import letter_of, parse_blend
from tts_cli.engines.weights import find_weights
from tts_cli.errors import MissingError, TakeError, UnknownNameError

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from tts_cli.engines.kokoro.model import Planned

PACK_SHAPE = (510, 1, 256)
PACKS_KEPT = 32  # of half a megabyte each
MAX_FRAMES = 8_000  # of a batch on a GPU, padding included: 200 s, some 4 GB of memory
RUNAWAY_FRAMES = 16  # per phoneme, on average; a slow reader needs four


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chunk:
    """What is spoken at once."""

    words: Sequence[Spoken]
    planned: "Planned"
    seed: int
    bfloat16: bool


class Kokoro:
    """The adapter."""

    def load(self, device: str) -> Sequence[str]:
        """Load the network; raises `MissingError` where the weights lack or are damaged."""
        from tts_cli.engines.kit.torch_setup import set_up_torch
        from tts_cli.engines.kokoro.model import KokoroModel

        self._folder = find_weights(KOKORO)
        set_up_torch(device)
        # On a CPU the batched stage is slower than one line after the other.
        self._batched = device != "cpu"
        self._model = KokoroModel(self._folder, device)
        self._packs: Lru[str, Tensor] = Lru(PACKS_KEPT)
        return ()

    def speak(self, requests: Sequence[Request]) -> Iterator[tuple[int, Speech | TakeError]]:
        """Speak each text, on a CPU one after the other; one with nothing to speak in it is a `TakeError`."""
        if not self._batched or len(requests) == 1:
            yield from speak_each(requests, self._speak_alone)
            return
        # All plans come first, as only they tell which chunks are alike in length.
        plans: dict[int, list[_Chunk]] = {}
        for number, request in enumerate(requests):
            try:
                plans[number] = self._plan(request)
            except TakeError as error:
                yield number, error
        sounds = iter(self._sound_together([chunk for chunks in plans.values() for chunk in chunks]))
        for number, chunks in plans.items():
            yield number, self._join(chunks, [next(sounds) for _ in chunks])

    def close(self) -> None:
        """Nothing that the end of the process would not give back."""

    def _speak_alone(self, request: Request) -> Speech:
        chunks = self._plan(request)
        sounds = [self._model.speak(chunk.planned, chunk.seed, bfloat16=chunk.bfloat16) for chunk in chunks]
        return self._join(chunks, sounds)

    def _plan(self, request: Request) -> list[_Chunk]:
        """Do all but the sound: phonemes, chunks, style, durations."""
        values = fill_params(KOKORO, request.params)
        try:
            letter = letter_of(request.language, request.voice)
            pack = self._pack(request)
        except UnknownNameError as error:
            raise TakeError(error.message, kind="input", hint=error.hint) from error
        words = make_g2p(letter, cast("Way", values.choices["g2p"]))(request.text)
        chunks = [
            self._plan_chunk(chunk, pack, values, seed=piece_seed(request.seed, number))
            for number, chunk in enumerate(cut(words))
        ]
        if not any(chunk.planned.frames for chunk in chunks):
            raise TakeError("nothing was spoken", kind="input", hint="the text has no word that the voice can read")
        return chunks

    def _plan_chunk(self, words: Sequence[Spoken], pack: "Tensor", values: Values, *, seed: int) -> _Chunk:
        phonemes = phonemes_of(words)
        ids = self._model.ids(phonemes)
        if not ids:
            raise TakeError(f"no sound of {phonemes!r} is known to the model", kind="input")
        # Row 0 of a pack is the style for one phoneme.
        row, speed = max(len(phonemes) - 1, int(values.numbers["style_row"])), values.numbers["speed"]
        planned = self._model.plan(ids, pack[row], speed)
        # it would take all the memory there is, and no seed changes it
        if planned.frames > RUNAWAY_FRAMES * (len(ids) + 2) / speed:
            raise TakeError(f"ran away: {planned.frames} frames for {len(ids)} phonemes", hint="are the weights sound?")
        return _Chunk(words=words, planned=planned, seed=seed, bfloat16=values.choices["precision"] == "bfloat16")

    def _sound_together(self, chunks: Sequence[_Chunk]) -> list["Tensor"]:
        """Do the second stage for many chunks at once."""
        from tts_cli.engines.kokoro.batch import speak_batch

        sounds: dict[int, Tensor] = {}
        # The arithmetic holds for a whole batch, so the two kinds cannot share one.
        for bfloat16 in (False, True):
            members = [number for number, chunk in enumerate(chunks) if chunk.bfloat16 == bfloat16]
            for batch in make_batches([chunks[number].planned.frames for number in members], MAX_FRAMES):
                numbers = [members[place] for place in batch]
                planned, seeds = zip(
                    *((chunks[number].planned, chunks[number].seed) for number in numbers), strict=True
                )
                sounds |= zip(numbers, speak_batch(self._model, planned, seeds, bfloat16=bfloat16), strict=True)
        return [sounds[number] for number in range(len(chunks))]

    def _join(self, chunks: Sequence[_Chunk], sounds: "Sequence[Tensor]") -> Speech:
        """Put chunks one after the other, with the times of their words; what is louder than full scale is scaled."""
        pieces = []
        for chunk, sound in zip(chunks, sounds, strict=True):
            samples = sound.numpy().astype(np.float32, copy=False)
            predicted = time_words(chunk.words, chunk.planned.durations, self._model.vocabulary)
            words = tuple(settle_words(predicted, samples))
            pieces.append(Speech(samples=samples, sample_rate=SAMPLE_RATE, words=words))
        joined = join_pieces(pieces)
        peak = float(np.abs(joined.samples).max(initial=0.0))
        # Divided and not cut off: the peaks keep their shape.
        return replace(joined, samples=joined.samples / max(1.0, peak))

    def _pack(self, request: Request) -> "Tensor":
        """Return the style of each length [510, 1, 256] of a voice, a blend, or a pack of the user's own."""
        import torch

        if request.state is not None:
            return torch.from_numpy(np.array(request.state, np.float32))
        return self._packs.get(request.voice, lambda: self._blend(request.voice))

    def _blend(self, voice: str) -> "Tensor":
        import torch

        total = torch.zeros(PACK_SHAPE, dtype=torch.float64)
        for name, share in parse_blend(voice).items():
            # In float64, as shares that nearly cancel would lose digits.
            total += share * read_pack(self._folder / "voices" / f"{name}.pt").double()
        return total.float()


def read_pack(path: "Path") -> "Tensor":
    """Read a voice pack; raises `MissingError` for one that is not here or is none."""
    import torch

    try:
        # Weights alone, as a pickle may run any code.
        pack = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise MissingError(f"the voice {path.stem} is not here", hint="tts-cli download kokoro") from error
    except Exception as error:
        # torch has no one error for a damaged file.
        raise MissingError(f"the voice {path.name} cannot be read: {error}", hint="tts-cli download kokoro") from error
    if not isinstance(pack, torch.Tensor) or tuple(pack.shape) != PACK_SHAPE or not bool(pack.isfinite().all()):
        raise MissingError(f"the voice {path.name} is no voice pack", hint="tts-cli download kokoro")
    return pack
