"""The engine `pocket-tts`: Kyutai's small model, many rows at once, each the same as if it were spoken alone."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tts_cli.engines.base import Conditionals, PromptAudio, Request, Speech
from tts_cli.engines.kit.lru import Lru
from tts_cli.engines.kit.params import Values, fill_params
from tts_cli.engines.kit.pieces import join_pieces
from tts_cli.engines.pocket_tts.spec import POCKET
from tts_cli.engines.pocket_tts.voices import base_language, layout
from tts_cli.errors import MissingError, TakeError

WIDTH = 16
GPU_WIDTH = 64
MODELS_KEPT = 2  # a worker meets few languages


@dataclass(frozen=True, slots=True)
class _Setup:
    """What a model is asked for: which one, and with how many steps of its sampler."""

    language: str
    int8: bool
    sampler_steps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """A request with its parameters, and its number."""

    number: int
    request: Request
    values: Values

    @property
    def setup(self) -> _Setup:
        return _Setup(
            language=base_language(self.request.language),
            int8=self.values.choices["precision"] == "int8",
            sampler_steps=round(self.values.numbers["sampler_steps"]),
        )


class PocketTts:
    """The adapter. Where the batched decoder fails its test, lines are spoken one by one."""

    def __init__(self) -> None:
        self._device = "cpu"
        self._width = WIDTH
        self._models: Lru[tuple[str, bool], Any] = Lru(MODELS_KEPT)

    def load(self, device: str) -> Sequence[str]:
        """Import the package and try the batched decoder on a tiny model; raises `MissingError` without the package."""
        try:
            from tts_cli.engines.kit.torch_setup import set_up_torch
            from tts_cli.engines.pocket_tts.model import import_package
            from tts_cli.engines.pocket_tts.random_model import find_difference

            import_package()
        except ImportError as error:
            raise MissingError(f"pocket-tts cannot be imported: {error}", hint="tts-cli download pocket-tts") from error
        set_up_torch(device)
        self._device = device
        self._width = WIDTH if device == "cpu" else GPU_WIDTH
        difference = find_difference()
        if not difference:
            return ()
        notice = f"pocket-tts: the batched decoder differs here ({difference}): lines are spoken one by one"
        print(notice, file=sys.stderr)  # noqa: T201  the worker's log
        # With no width, a model speaks in the package's own way.
        self._width = 0
        return (notice,)

    def condition(self, clips: Sequence[PromptAudio], language: str) -> Conditionals:
        """Listen to a clip; raises `TakeError` where the weights for it are not here."""
        [clip] = clips
        return layout(self._model(base_language(language), int8=False).imitate(clip.samples))

    def speak(self, requests: Sequence[Request]) -> Iterator[tuple[int, Speech | TakeError]]:
        """Speak a batch; each line is there as soon as its last piece is."""
        groups: dict[_Setup, list[_Asked]] = {}
        for number, request in enumerate(requests):
            try:
                asked = _Asked(number=number, request=request, values=fill_params(POCKET, request.params))
            except TakeError as error:
                yield number, error
            else:
                # Rows that are decoded together share a model and the number of its steps.
                groups.setdefault(asked.setup, []).append(asked)
        for setup, members in groups.items():
            try:
                model = self._model(setup.language, int8=setup.int8)
            except (TakeError, MissingError) as error:
                # A language that is not here costs its own lines only.
                yield from ((asked.number, _as_take_error(error)) for asked in members)
                continue
            yield from _speak_group(model, members, setup.sampler_steps)

    def close(self) -> None:
        """Let the models go."""
        self._models.clear()

    def _model(self, language: str, *, int8: bool) -> Any:
        """Return a model, loaded once."""
        from tts_cli.engines.pocket_tts.model import Model, find_files

        if int8 and self._device != "cpu":
            raise TakeError("pocket-tts speaks in int8 on a CPU only", kind="input", hint="say `precision: fp32`")

        def load() -> Model:
            return Model(language, find_files(language), int8=int8, device=self._device, width=self._width)

        return self._models.get((language, int8), load)


@dataclass(slots=True)
class _Take:
    """A request whose pieces are being spoken: those that are there, by their place in the text."""

    asked: _Asked
    count: int = 0
    pieces: dict[int, Speech] = field(default_factory=dict)

    def finish(self) -> Speech:
        """Put the pieces together, at the request's pace."""
        from tts_cli.audio.mastering.edit import change_pace

        joined = join_pieces([self.pieces[place] for place in range(self.count)])
        paced = change_pace(joined.samples, joined.sample_rate, self.asked.values.numbers["speed"])
        return replace(joined, samples=paced)


def _speak_group(model: Any, members: Sequence[_Asked], sampler_steps: int) -> Iterator[tuple[int, Speech | TakeError]]:
    """Speak requests of one model together, cut into the pieces that it reads in one go."""
    rows: list[Any] = []
    places: list[tuple[_Take, int]] = []
    for asked in members:
        take = _Take(asked)
        try:
            own = list(_make_rows(model, asked))
        except TakeError as error:
            yield asked.number, error
            continue
        take.count = len(own)
        rows += own
        places += [(take, place) for place in range(take.count)]
    for spoken in model.speak(rows, sampler_steps=sampler_steps):
        take, place = places[spoken.row]
        take.pieces[place] = Speech(samples=spoken.samples, sample_rate=model.tts.sample_rate, ended=spoken.ended)
        # Pieces end in any order, as rows of all lines run side by side.
        if len(take.pieces) == take.count:
            yield take.asked.number, take.finish()


def _make_rows(model: Any, asked: _Asked) -> Iterator[Any]:
    request, numbers = asked.request, asked.values.numbers
    if request.state is None:
        voice = model.find_voice(request.voice)
    else:
        voice = model.take_state(request.state, request.state_key)
    # what is not given is the model's own choice, which another model's config may put elsewhere
    params = {name: numbers[name] for name in ("temperature", "end_threshold") if name in request.params}
    return model.make_rows(request.text, voice, request.seed, params)  # type: ignore[no-any-return]


def _as_take_error(error: TakeError | MissingError) -> TakeError:
    return error if isinstance(error, TakeError) else TakeError(error.message, hint=error.hint)
