"""The adapter: imported in a worker process only."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tts_cli.engines.base import PromptAudio, Request, Speech
from tts_cli.engines.kit.batching import speak_each
from tts_cli.engines.kit.params import fill_params
from tts_cli.errors import TakeError
from tts_cli.types import Word
from tts_cli_chime.spec import CHIME, VOICES

SECONDS_PER_CHARACTER = 0.06
SEMITONES = 13


class Chime:
    """Strikes a bell for each word, longer ones for longer; the seed chooses which."""

    def load(self, device: str) -> Sequence[str]:
        """Return no notices: there are no weights to load."""
        return ()

    def speak(self, requests: Sequence[Request]) -> Iterator[tuple[int, Speech | TakeError]]:
        """Speak one request after the other; what one of them raises as a `TakeError` is its result."""
        return speak_each(requests, self._speak)

    def condition(self, clips: Sequence[PromptAudio], language: str) -> Any:
        """Find the pitch of a clip by its autocorrelation; raises `TakeError` for silence."""
        [clip] = clips
        if not np.abs(clip.samples).max(initial=0.0):
            raise TakeError("the clip is silent", kind="input")
        spectrum = np.fft.rfft(clip.samples, 2 * len(clip.samples))
        similarity = np.fft.irfft(np.abs(spectrum) ** 2)
        shortest, longest = clip.sample_rate // 500, clip.sample_rate // 60
        period = shortest + int(similarity[shortest:longest].argmax())
        return {"hz": np.array([clip.sample_rate / period], np.float32)}

    def close(self) -> None:
        """Give back nothing."""

    def _speak(self, request: Request) -> Speech:
        numbers = fill_params(CHIME, request.params).numbers
        if not any(character.isalnum() for character in request.text):
            raise TakeError("there is nothing to speak", kind="input", hint="the text has no word")
        base_hz = VOICES[request.voice] if request.state is None else float(request.state["hz"][0])
        chance, bells, words, start = np.random.default_rng(request.seed), [], [], 0
        for word in request.text.split():
            length = round(len(word) * SECONDS_PER_CHARACTER / numbers["speed"] * CHIME.sample_rate)
            times = np.arange(length) / CHIME.sample_rate
            hertz = base_hz * 2 ** (chance.integers(SEMITONES) / 12)
            bells.append(0.3 * np.sin(2 * np.pi * hertz * times) * np.exp(-numbers["decay"] * times))
            words.append(Word(word, start, start + length))
            start += length
        samples = np.concatenate(bells).astype(np.float32)
        return Speech(samples=samples, sample_rate=CHIME.sample_rate, words=tuple(words))
