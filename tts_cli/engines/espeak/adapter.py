"""The engine `espeak`: espeak-ng, embedded; fast, small, in over a hundred languages, and the same bytes every time."""

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from tts_cli.engines.base import Conditionals, PromptAudio, Request, Speech
from tts_cli.engines.espeak import match as espeak_match
from tts_cli.engines.espeak.library import FASTEST_WPM, SAMPLE_RATE, Library, Setting, plain
from tts_cli.engines.espeak.spec import ESPEAK
from tts_cli.engines.espeak.voices import EspeakVoice, find
from tts_cli.engines.espeak.words import align
from tts_cli.engines.kit.batching import speak_each
from tts_cli.engines.kit.params import fill_params
from tts_cli.errors import TakeError, UnknownNameError

RATE_WPM = 175
HIGHEST = 99  # of espeak-ng's pitch and range, whose middle is 50
_LIMITS = {Setting.RATE_WPM: (80, FASTEST_WPM), Setting.PITCH: (0, HIGHEST), Setting.RANGE: (0, HIGHEST)}

# espeak-ng's own limiter colours loud voices; at half its usual level only four of its 104 variants reach it.
FULL_AMPLITUDE = 50

FULL_SCALE = 32_768.0
# Four steps of 16 bits are no speech.
NOTHING_SPOKEN = 4 / FULL_SCALE

# Height of the spectrum at four frequencies in Hz: what espeak-ng has, and dB more of it at tone 1, less at -1.
_TONE_POINTS = ((600, 170, -3.5), (1200, 135, 0.0), (2000, 110, 5.0), (3000, 110, 6.0))
_WHISPER_VOICING = 0.17
_WHISPER_BREATH = (75, 75, 50, 40, 15, 10)
_WHISPER_BREATH_WIDTH = (150, 150, 200, 200, 400, 400)


class Espeak:
    """The adapter over a private copy of the library; see `espeak_library` for why."""

    def load(self, device: str) -> Sequence[str]:  # noqa: ARG002  there is only the CPU
        """Make the private copy; raises `MissingError` where espeak-ng is not complete."""
        self._library = Library()
        return ()

    def condition(self, clips: Sequence[PromptAudio], language: str) -> Conditionals:
        """Match the language's voice to a clip; raises `TakeError` where there is too little speech in it."""
        [clip] = clips
        return espeak_match.to_plain(
            espeak_match.fit(self._library, clip.samples, clip.sample_rate, _voice("", language))
        )

    def speak(self, requests: Sequence[Request]) -> Iterator[tuple[int, Speech | TakeError]]:
        """Speak each text as plain text; one with nothing to speak in it is a `TakeError`."""
        return speak_each(requests, self._speak)

    def close(self) -> None:
        """Remove the private copy."""
        self._library.close()

    def _speak(self, request: Request) -> Speech:
        voice = _voice(request.voice, request.language)
        values = fill_params(ESPEAK, request.params).numbers
        text, colour = plain(request.text), voice_lines(values)
        if request.state is None:
            spoken = self._library.speak(text, voice, colour, settings(values, voice, request.seed))
            samples = espeak_match.samples_of(spoken)
        else:
            match = espeak_match.from_plain(request.state)
            # The library's pitch parameter counts from the voice's own range, which the match has moved.
            voice = replace(voice, own_pitch=match.pitch_hz)
            numbers = settings(values, voice, request.seed)
            spoken, samples = espeak_match.speak(self._library, text, voice, match, colour=colour, settings=numbers)
        if not samples.size or max(samples.max(), -samples.min()) < NOTHING_SPOKEN:
            raise TakeError("nothing was spoken", kind="input", hint="the text has no word that the voice can read")
        return Speech(samples=samples, sample_rate=SAMPLE_RATE, words=align(text, spoken.words, spoken.ends, samples))


def settings(values: Mapping[str, float], voice: EspeakVoice, seed: int) -> dict[Setting, int]:
    """Turn parameters into the library's numbers; a seed other than 0 moves three of them a little.

    Raises `TakeError` where the voice cannot be pitched that far.
    """
    pitch = pitch_number(values["pitch"], voice)
    numbers = {
        Setting.RATE_WPM: round(RATE_WPM * values["speed"]),
        Setting.VOLUME: round(FULL_AMPLITUDE * values["volume"] / 100),
        Setting.PITCH: pitch,
        Setting.RANGE: min(HIGHEST, round(values["range"] * values["pitch"])),
        Setting.WORD_GAP_10MS: round(values["word_gap_ms"] / 10),
    }
    return _varied(numbers, seed) if seed else numbers


def pitch_number(factor: float, voice: EspeakVoice) -> int:
    """Return the pitch parameter that multiplies the voice's F0 by the factor, as its range is multiplied too.

    The parameter scales only the base of the voice's F0, `low - 9` Hz, by 2**((parameter - 50) / 50); the melody
    above it turns around a fixed point, which the base must make up for.
    """
    low, high = sorted(voice.pitch)
    melody = 18 * 108 * (high - low) / (4096 * (low - 9))
    base = factor + (factor - 1) * melody
    number = round(50 + 50 * math.log2(base)) if base > 0 else -1
    if 0 <= number <= HIGHEST:
        return number
    # The bounds in the message are the formula above, turned round.
    lowest, highest = ((2 ** ((end - 50) / 50) + melody) / (1 + melody) for end in (0, HIGHEST))
    raise TakeError(
        f"the voice {voice.name} can be pitched between {lowest:.2f} and {highest:.2f}, not {factor:.2f}", kind="input"
    )


def voice_lines(values: Mapping[str, float]) -> str:
    """Write `tone` and `breath` in the language of voice files; empty where both are 0."""
    lines = []
    if tone := values["tone"]:
        points = (f"{hz} {min(255, round(height * 10 ** (tone * db / 20)))}" for hz, height, db in _TONE_POINTS)
        lines.append(f"tone {' '.join(points)}")
    if breath := values["breath"]:
        lines.append(f"voicing {round(100 * _WHISPER_VOICING**breath)}")
        lines.append(f"breath {' '.join(str(round(part * breath)) for part in _WHISPER_BREATH)}")
        lines.append(f"breathw {' '.join(str(width) for width in _WHISPER_BREATH_WIDTH)}")
    return "\n".join(lines)


def _varied(numbers: dict[Setting, int], seed: int) -> dict[Setting, int]:
    """Another take of the same line: at most 2 % of speed, 3 % of pitch and a fifth of the melody away."""
    # A digest, as seeds that are neighbours must not give takes that are.
    digest = hashlib.sha256(str(seed).encode()).digest()
    moves = {
        Setting.RATE_WPM: (-4, -3, -2, -1, 1, 2, 3, 4)[digest[0] % 8],
        Setting.PITCH: digest[1] % 5 - 2,
        Setting.RANGE: digest[2] % 21 - 10,
    }
    for setting, move in moves.items():
        low, high = _LIMITS[setting]
        moved = numbers[setting] + move
        # At the end of its range a number goes the other way, as the take has to differ.
        numbers[setting] = moved if low <= moved <= high else numbers[setting] - move
    return numbers


def _voice(name: str, language: str) -> EspeakVoice:
    try:
        return find(name, language)
    except UnknownNameError as error:
        raise TakeError(error.message, kind="input", hint=error.hint) from error
