"""The engine `piper`: voices as `.onnx` files, spoken sentence by sentence."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tts_cli.engines.base import Request, Speech
from tts_cli.engines.espeak.library import Library
from tts_cli.engines.espeak.voices import EspeakVoice
from tts_cli.engines.espeak.voices import find as find_espeak_voice
from tts_cli.engines.espeak.words import align
from tts_cli.engines.kit.batching import speak_each
from tts_cli.engines.kit.lru import Lru
from tts_cli.engines.kit.params import fill_params
from tts_cli.engines.kit.seeds import piece_seed
from tts_cli.engines.piper.config import VoiceConfig, read_config
from tts_cli.engines.piper.model import VoiceModel, stretch
from tts_cli.engines.piper.phonemes import Sentence, clean, edges, encode, phonemize, spell
from tts_cli.engines.piper.spec import PIPER
from tts_cli.engines.piper.store import find_cut, forget
from tts_cli.engines.piper.voices import FullName, parse
from tts_cli.errors import MissingError, TakeError, UnknownNameError

if TYPE_CHECKING:
    import numpy.typing as npt

    Samples = npt.NDArray[np.float32]

VOICES_KEPT = 3  # of some 130 MB each


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spoken:
    """A sentence as sound: its samples, each word's (character, first sample), and the samples at which words end."""

    samples: "Samples"
    events: Sequence[tuple[int, int]]
    ends: Sequence[int]
    unknown: frozenset[str]


class Piper:
    """The adapter."""

    def load(self, device: str) -> Sequence[str]:  # noqa: ARG002  there is only the CPU
        """Make espeak-ng ready; voices are loaded when lines ask for them. Raises `MissingError`."""
        self._library = Library()
        self._models: Lru[str, VoiceModel] = Lru(VOICES_KEPT)
        return ()

    def speak(self, requests: Sequence[Request]) -> Iterator[tuple[int, Speech | TakeError]]:
        """Speak each text, one after the other: on a CPU many at once take longer."""
        return speak_each(requests, self._speak)

    def close(self) -> None:
        """Remove the private copy of espeak-ng, and let the voices go."""
        self._library.close()
        self._models.clear()

    def _speak(self, request: Request) -> Speech:
        values = fill_params(PIPER, request.params).numbers
        name = _parse(request.voice)
        model = self._models.get(name.digest, lambda: _load(name))
        text = clean(request.text)
        sentences = self._read(text, model.config)
        spoken = [
            _speak_sentence(model, sentence, name.speaker, values, piece_seed(request.seed, number))
            for number, sentence in enumerate(sentences)
        ]
        if not any(len(one.samples) for one in spoken):
            raise TakeError("nothing was spoken", kind="input", hint="the text has no word that the voice can read")
        pause = round(values["sentence_silence"] / values["speed"] * model.config.sample_rate)
        return _join(text, spoken, pause, model.config.sample_rate)

    def _read(self, text: str, config: VoiceConfig) -> list[Sentence]:
        if config.phoneme_type == "text":
            return spell(text)
        return phonemize(self._library, text, _espeak_voice(config))


def _parse(voice: str) -> FullName:
    try:
        return parse(voice)
    except ValueError as error:
        raise TakeError("piper needs a voice", kind="input", hint="give it a `voice:`") from error


def _espeak_voice(config: VoiceConfig) -> EspeakVoice:
    try:
        return find_espeak_voice(config.espeak_voice, "")
    except UnknownNameError as error:
        message = f"the voice wants {config.espeak_voice!r} of espeak-ng, which is not here"
        raise TakeError(message, kind="input", hint=error.hint) from error


def _load(name: FullName) -> VoiceModel:
    """Load a voice, cut anew where what is kept of it does not load; raises `TakeError`."""
    try:
        for attempt in range(2):
            cut = find_cut(name)
            try:
                return VoiceModel(cut, read_config(cut.config))
            except Exception as error:  # onnxruntime has a dozen kinds
                forget(cut)
                if attempt:
                    raise TakeError(f"the voice {name.source} cannot be loaded: {error}") from error
    except MissingError as error:
        raise TakeError(error.message, hint=error.hint) from error
    raise AssertionError  # two attempts return or raise


def _speak_sentence(
    model: VoiceModel, sentence: Sentence, speaker: int, values: Mapping[str, float], seed: int
) -> _Spoken:
    config, variation = model.config, values["variation"]
    encoded = encode(sentence, config.ids)
    if all(first == end for first, end in encoded.spans):
        return _Spoken(samples=np.zeros(0, np.float32), events=(), ends=(), unknown=encoded.unknown)
    scales = (_own(values["length_scale"], config.length_scale), _own(values["noise_w"], config.noise_w) * variation)
    planned = model.plan(encoded.ids, speaker, scales, seed)
    if values["speed"] != 1.0:
        planned = stretch(planned, values["speed"])
    samples = model.speak(planned, speaker, _own(values["noise_scale"], config.noise_scale) * variation, seed)
    starts = [0, *(np.cumsum(planned.frames) * model.hop).tolist()]
    found = list(edges(sentence, encoded, starts))
    return _Spoken(
        samples=samples,
        events=[(place, start) for place, start, _ in found],
        ends=[end for _, _, end in found],
        unknown=encoded.unknown,
    )


def _own(given: float, own: float) -> float:
    """Return a parameter, or what the voice has where it is left to that."""
    return own if given < 0 else given


def _join(text: str, spoken: Sequence[_Spoken], pause: int, sample_rate: int) -> Speech:
    """Put sentences one after the other, with a pause between; what is louder than full scale is scaled."""
    parts: list[Samples] = []
    events: list[tuple[int, int]] = []
    ends: list[int] = []
    unknown: set[str] = set()
    start = 0
    for one in spoken:
        if parts:
            parts.append(np.zeros(pause, np.float32))
            start += pause
        events += [(place, start + at) for place, at in one.events]
        ends += [start + at for at in one.ends]
        unknown |= one.unknown
        parts.append(one.samples)
        start += len(one.samples)
    samples = np.concatenate(parts)
    # Divided and not cut off: the peaks keep their shape.
    samples = samples / max(1.0, float(np.abs(samples).max(initial=0.0)))
    notices = (f"the voice does not know {', '.join(map(_name, sorted(unknown)))}",) if unknown else ()
    words = align(text, events, ends, samples, measured=True)
    return Speech(samples=samples, sample_rate=sample_rate, words=words, notices=notices)


def _name(symbol: str) -> str:
    return f"{symbol} (U+{ord(symbol):04X})"
