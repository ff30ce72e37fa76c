"""The engine `pocket-tts`: Kyutai's small model, many rows at once, each the same as if it were spoken alone."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tts_cli.audio.samples import Samples
from tts_cli.engines.base import PromptAudio, Request, Speech, State
from tts_cli.engines.pocket_voices import base_language
from tts_cli.errors import MissingError, TakeError

WIDTH = 16
GPU_WIDTH = 64
ATTEMPTS = 3
MODELS_KEPT = 2
QUIETEST = 1e-3
"""A piece whose samples stay below -60 dBFS is silence."""


@dataclass(frozen=True, slots=True)
class _Voice:
    """What a model is asked for: which one, and with how many steps of its sampler."""

    language: str
    int8: bool
    sampler_steps: int


@dataclass(slots=True, kw_only=True)
class _Piece:
    """A part of a request's text that is spoken in one go: its row for the first attempt, and what came of it."""

    request: int
    row: Any
    samples: Samples | None = None
    fault: str = ""


@dataclass(slots=True)
class PocketTts:
    """The adapter. Where the batched decoder fails its test, `notice` says so, and lines are spoken one by one."""

    notice: str = ""
    _device: str = "cpu"
    _width: int = WIDTH
    _models: dict[tuple[str, bool], Any] = field(default_factory=dict)

    def load(self, device: str) -> None:
        """Import the package and try the batched decoder on a tiny model; raises `MissingError` without the package."""
        try:
            import torch

            from tts_cli.engines.pocket_model import import_package
            from tts_cli.engines.pocket_selftest import find_difference

            import_package()
        except ImportError as error:
            raise MissingError(f"pocket-tts cannot be imported: {error}", hint="tts-cli download pocket-tts") from error
        torch.set_num_threads(1)  # a second thread waits more than it works; more workers are the way to more cores
        self._device = device
        self._width = WIDTH if device == "cpu" else GPU_WIDTH
        if difference := find_difference():
            self.notice = f"pocket-tts: the batched decoder differs here ({difference}): lines are spoken one by one"
            print(self.notice, file=sys.stderr)  # noqa: T201  the worker's log
            self._width = 0

    def condition(self, clips: Sequence[PromptAudio], language: str) -> State:
        """Listen to a clip; raises `TakeError` where the weights for it are not here."""
        from tts_cli.engines.layouts import pocket_tts

        [clip] = clips
        return pocket_tts(self._model(base_language(language), int8=False).imitate(clip.samples))

    def synthesize(self, requests: Sequence[Request]) -> list[Speech | TakeError]:
        """Speak a batch; a line that cannot be spoken costs only itself. Raises `TakeError` for a single one."""
        results = dict(self.synthesize_stream(requests))
        if len(requests) == 1 and isinstance(results[0], TakeError):
            raise results[0]
        return [results[number] for number in range(len(requests))]

    def synthesize_stream(self, requests: Sequence[Request]) -> Iterator[tuple[int, Speech | TakeError]]:
        """Yield what became of each request, by its number, as soon as its last piece is spoken."""
        groups: dict[_Voice, list[int]] = {}
        for number, request in enumerate(requests):
            try:
                groups.setdefault(_voice_of(request), []).append(number)
            except TakeError as error:
                yield number, error
        for voice, numbers in groups.items():
            try:
                model = self._model(voice.language, int8=voice.int8)
            except (TakeError, MissingError) as error:
                yield from ((number, _as_take_error(error)) for number in numbers)
                continue
            spoken = _speak(model, [requests[number] for number in numbers], voice.sampler_steps)
            yield from ((numbers[index], speech) for index, speech in spoken)

    def close(self) -> None:
        """Let the models go."""
        self._models.clear()

    def _model(self, language: str, *, int8: bool) -> Any:
        """Return a model, loaded once; two are kept, as a worker meets few languages."""
        from tts_cli.engines.pocket_model import Model, find_files

        if int8 and self._device != "cpu":
            raise TakeError("pocket-tts speaks in int8 on a CPU only", kind="input", hint="say `precision: fp32`")
        key = (language, int8)
        model = self._models.pop(key, None)
        if model is None:
            while len(self._models) >= MODELS_KEPT:
                del self._models[next(iter(self._models))]
            model = Model(language, find_files(language), int8=int8, device=self._device, width=self._width)
        self._models[key] = model
        return model


def _speak(model: Any, requests: Sequence[Request], sampler_steps: int) -> Iterator[tuple[int, Speech | TakeError]]:
    """Speak requests of one model; a piece that runs away, is silent or not a number is tried again."""
    from tts_cli.engines.pocket_model import derive_seed

    pieces: dict[int, list[_Piece]] = {}
    paces: dict[int, float] = {}
    for number, request in enumerate(requests):
        try:
            paces[number] = _number(request.params, "speed", 1.0)
            pieces[number] = [_Piece(request=number, row=row) for row in _make_rows(model, request)]
        except TakeError as error:
            yield number, error
    left = [piece for own in pieces.values() for piece in own]
    for attempt in range(ATTEMPTS):
        rows = [replace(piece.row, seed=derive_seed(piece.row.seed, attempt)) for piece in left]
        for spoken in model.speak(rows, sampler_steps=sampler_steps):
            piece = left[spoken.row]
            piece.fault = find_fault(spoken.samples, ended=spoken.ended)
            piece.samples = None if piece.fault else spoken.samples
            if all(one.samples is not None for one in pieces[piece.request]):
                yield piece.request, _join(pieces[piece.request], paces[piece.request], model.tts.sample_rate)
        left = [piece for piece in left if piece.samples is None]
    yield from ((number, _refuse(pieces[number])) for number in dict.fromkeys(piece.request for piece in left))


def _make_rows(model: Any, request: Request) -> Iterator[Any]:
    if request.state is None:
        voice = model.find_voice(request.voice)
    else:
        voice = model.take_state(request.state, request.state_key)
    names = [name for name in ("temperature", "end_threshold") if name in request.params]
    params = {name: _number(request.params, name, 0.0) for name in names}
    return model.make_rows(request.text, voice, request.seed, params)  # type: ignore[no-any-return]


def _join(pieces: Sequence[_Piece], pace: float, sample_rate: int) -> Speech:
    """Put the pieces of a request together, at its pace."""
    from tts_cli.audio.mastering.wsola import change_pace

    samples = np.concatenate([piece.samples for piece in pieces if piece.samples is not None])
    return Speech(samples=change_pace(samples, sample_rate, pace), sample_rate=sample_rate)


def _refuse(pieces: Sequence[_Piece]) -> TakeError:
    """Say of a request what its first piece that failed came to in the last attempt."""
    piece = next(piece for piece in pieces if piece.samples is None)
    quoted = piece.row.text if len(piece.row.text) <= 40 else f"{piece.row.text[:40]} ..."
    hint = "shorten or reword the line, or give it another seed"
    return TakeError(f"{piece.fault}, {ATTEMPTS} times: {quoted!r}", hint=hint)


def find_fault(samples: Samples, *, ended: bool) -> str:
    """Say what is wrong with a piece [n]; empty if nothing is."""
    if not np.isfinite(samples).all():
        return "the engine made samples that are not numbers"
    if not ended:
        return "the engine did not come to an end"
    if not len(samples) or np.abs(samples).max() < QUIETEST:
        return "the engine made only silence"
    return ""


def _voice_of(request: Request) -> _Voice:
    return _Voice(
        language=base_language(request.language),
        int8=request.params.get("precision", "fp32") == "int8",
        sampler_steps=round(_number(request.params, "sampler_steps", 1.0)),
    )


def _number(params: Mapping[str, float | str], name: str, default: float) -> float:
    try:
        return float(params.get(name, default))
    except ValueError as error:
        raise TakeError(f"{name} must be a number, not {params[name]!r}", kind="input") from error


def _as_take_error(error: TakeError | MissingError) -> TakeError:
    return error if isinstance(error, TakeError) else TakeError(error.message, hint=error.hint)
