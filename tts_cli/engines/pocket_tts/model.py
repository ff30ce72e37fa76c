"""A pocket-tts model that speaks many rows at once: loaded by the package from files on this machine."""

import logging
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tts_cli.audio.samples import Samples
from tts_cli.engines.base import Conditionals
from tts_cli.engines.kit.lru import Lru
from tts_cli.engines.kit.rows import decode_rows
from tts_cli.engines.kit.seeds import piece_seed
from tts_cli.engines.pocket_tts.files import ModelFiles, find_embedding, find_model, refuse_cloning
from tts_cli.errors import MissingError, TakeError

VOICES_KEPT = 16
FADE_S = 0.005
"""The package fades each piece in: a fresh decoder begins with a click."""

# How a model wants its text, by the names of its attributes and of the package's arguments.
_MANNER = (
    "pad_with_spaces_for_short_inputs",
    "remove_semicolons",
    "append_terminal_punctuation",
    "capitalize_first_letter",
    "replace_characters",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """What became of the row of that number: samples [n] at the model's rate; one that did not end met its budget."""

    row: int
    samples: Samples
    ended: bool


def import_package() -> Any:
    """Import pocket-tts, which sets the threads of the whole process to one, and give the process its own back."""
    threads = torch.get_num_threads()
    import pocket_tts

    torch.set_num_threads(threads)
    logging.getLogger("pocket_tts").setLevel(logging.ERROR)  # what it warns of is an error of ours, or nothing
    return pocket_tts


class Model:
    """One language's model in one precision. `width` rows are decoded at once; 0 is for the package's own way."""

    def __init__(
        self, language: str, files: ModelFiles, *, int8: bool = False, device: str = "cpu", width: int
    ) -> None:
        self.language = language
        self._files = files
        self._width = width
        self._device = device
        self._voices: Lru[str, Any] = Lru(VOICES_KEPT)
        self._tts = _load(files).to(device)
        # The faster layers are for a CPU: a GPU has its own.
        self._decoder = _quicken(self._tts, int8=int8) if device == "cpu" and width else None
        if int8 and not width:
            _make_int8(self._tts.flow_lm)

    @property
    def tts(self) -> Any:
        """The package's model."""
        return self._tts

    def imitate(self, samples: Samples) -> Conditionals:
        """Return the state of a voice from a clip [n]; raises `TakeError` where the weights are those that cannot."""
        if not self._files.cloning:
            raise refuse_cloning(self.language)
        state = self._tts.get_state_for_audio_prompt(torch.from_numpy(samples)[None])
        return {
            module: {name: value.cpu().numpy() for name, value in values.items()} for module, values in state.items()
        }

    def find_voice(self, name: str) -> Any:
        """Return the package's state of a voice that comes with the weights; raises `TakeError`."""
        path = find_embedding(self._files, name, self.language)
        return self._keep(str(path), lambda: self._tts.get_state_for_audio_prompt(path), f"the voice {name}")

    def take_state(self, state: Conditionals, key: str) -> Any:
        """Turn a state as it is cached, under that key, into the package's; raises `TakeError` for another model's."""

        def convert() -> Any:
            return {
                module: {name: torch.from_numpy(np.array(value)).to(self._device) for name, value in values.items()}
                for module, values in state.items()
            }

        return self._keep(key, convert, "the voice's state") if key else self._check(convert(), "the voice's state")

    def _keep(self, key: str, make: Callable[[], Any], what: str) -> Any:
        """Make a voice once for as long as few take turns: rows of one voice share it."""
        return self._voices.get(key, lambda: self._check(make(), what))

    def make_rows(self, text: str, voice: Any, seed: int, params: Mapping[str, float]) -> Iterator[Any]:
        """Cut a text into the rows that it is spoken in, one after the other, as the package does.

        `params` may have a `temperature` and an `end_threshold`. Raises `TakeError` where there is nothing to speak.
        """
        from tts_cli.engines.pocket_tts.batch import Row

        tts = self._tts
        for number, (piece, tokens, tail) in enumerate(self._split(text)):
            yield Row(
                text=piece,
                voice=voice,
                tokens=tokens,
                budget=tts._estimate_max_gen_len(tokens.shape[1]),  # noqa: SLF001
                tail=tail,
                seed=piece_seed(seed, number),
                temperature=params.get("temperature", tts.temp),
                end_threshold=params.get("end_threshold", tts.eos_threshold),
            )

    def _split(self, text: str) -> Iterator[tuple[str, torch.Tensor, int]]:
        """Yield each piece of a text, its tokens [1, n], and how many frames follow its end."""
        from pocket_tts.default_parameters import MAX_TOKEN_PER_CHUNK
        from pocket_tts.models.text_chunking import prepare_text_prompt, split_into_best_sentences

        tts = self._tts
        manner = {name: getattr(tts, name) for name in _MANNER}
        conditioner, own_tail = tts.flow_lm.conditioner, tts.model_recommended_frames_after_eos
        try:
            chunks = split_into_best_sentences(conditioner.tokenizer, text, MAX_TOKEN_PER_CHUNK, **manner)
            prepared = [prepare_text_prompt(chunk, **manner) for chunk in chunks]
        except ValueError as error:
            raise TakeError("there is nothing to speak", kind="input", hint="the text has no word") from error
        for chunk, (whole, tail) in zip(chunks, prepared, strict=True):
            # The package adds two frames to its own guess.
            yield chunk, conditioner.prepare(whole), tail + 2 if own_tail is None else own_tail

    def speak(self, rows: Sequence[Any], *, sampler_steps: int) -> Iterator[Spoken]:
        """Yield what each row became, as it ends."""
        self._tts.sampler_decode_steps = sampler_steps
        if not self._width:
            yield from (self._speak_alone(number, row) for number, row in enumerate(rows))
            return
        from tts_cli.engines.pocket_tts.batch import FIRST_END, open_batch

        make_batch = partial(open_batch, self._tts.flow_lm, sampler_steps=sampler_steps)
        for decoded in decode_rows(rows, make_batch, width=self._width, first_end=FIRST_END):
            samples = self._decode(torch.stack(list(decoded.frames))) if decoded.frames else np.zeros(0, np.float32)
            yield Spoken(row=decoded.row, samples=samples, ended=decoded.ended)

    def _decode(self, frames: torch.Tensor) -> Samples:
        """Turn a row's latents [length, dim] into samples."""
        flow_lm, mimi = self._tts.flow_lm, self._tts.mimi
        with torch.no_grad():
            scaled = frames * flow_lm.emb_std + flow_lm.emb_mean
            if self._decoder is not None:
                samples = self._decoder.decode(scaled)
            else:
                from pocket_tts.modules.stateful_module import init_states

                steps = len(frames) * int(mimi.encoder_frame_rate / mimi.frame_rate)
                samples = mimi.decode_from_latent(scaled[None], init_states(mimi, 1, steps))[0, 0]
            # A row of less than a frame may be shorter than its fade.
            fade = min(len(samples), int(mimi.sample_rate * FADE_S))
            samples[:fade] *= torch.linspace(0, 1, int(mimi.sample_rate * FADE_S))[:fade].to(samples)
        return np.asarray(samples.float().cpu().numpy())

    def _speak_alone(self, number: int, row: Any) -> Spoken:
        """Speak a row through the package's public function; the same seed gives the same samples."""
        self._tts.temp, self._tts.eos_threshold = row.temperature, row.end_threshold
        # The package draws from torch's global generator.
        torch.manual_seed(row.seed)
        samples = self._tts.generate_audio(row.voice, row.text, frames_after_eos=row.tail).cpu().numpy()
        return Spoken(row=number, samples=samples, ended=len(samples) < row.budget * self._tts.mimi.frame_size)

    def _check(self, state: Any, what: str) -> Any:
        """Refuse a state whose shapes are not this model's; what it was made with cannot be told otherwise."""
        from pocket_tts.modules.stateful_module import init_states

        wanted = {name: module["cache"].shape[3:] for name, module in init_states(self._tts.flow_lm, 1, 1).items()}
        # Lengths differ from voice to voice; heads and their sizes are the model's.
        given = {name: module["cache"].shape[3:] for name, module in state.items()}
        if given != wanted:
            hint = f"make it anew for {self.language}: precompute, or a file made for this model"
            raise TakeError(f"{what} was made for another model", kind="input", hint=hint)
        return state


def find_files(language: str) -> ModelFiles:
    """Find a language's model on this machine; raises `MissingError` where it is not here."""
    return find_model(language, Path(import_package().__file__).parent / "config")


def _load(files: ModelFiles) -> Any:
    """Have the package load the files; raises `MissingError` for damaged ones."""
    import yaml
    from safetensors import SafetensorError

    package = import_package()
    with tempfile.TemporaryDirectory(prefix="tts-cli-") as folder:
        # The package takes its config from a file alone.
        path = Path(folder, "config.yaml")
        path.write_text(yaml.safe_dump(dict(files.config)), encoding="utf-8")
        try:
            return package.TTSModel.load_model(config=path)
        except (RuntimeError, ValueError, OSError, SafetensorError) as error:
            said = str(error).strip().partition("\n")[0]
            raise MissingError(
                f"the weights of pocket-tts cannot be used: {said}", hint="tts-cli download pocket-tts"
            ) from error


def _quicken(tts: Any, *, int8: bool) -> Any:
    """Put faster layers into the model; returns a faster decoder of latents, or None where only its own will do."""
    from tts_cli.engines.pocket_tts.linear import PackedLinear, can_pack, replace_linears
    from tts_cli.engines.pocket_tts.mimi import FastMimi

    packs = can_pack()
    if int8:
        _make_int8(tts.flow_lm)
    elif packs:
        for part in (tts.flow_lm.transformer, tts.flow_lm.flow_net):
            replace_linears(part, PackedLinear)
    try:
        return FastMimi(tts.mimi) if packs else None
    except (NotImplementedError, AttributeError):
        return None


def _make_int8(flow_lm: Any) -> None:
    """Put int8 layers into the language model; raises `MissingError` where this torch has none."""
    from tts_cli.engines.pocket_tts.linear import Int8Linear, replace_linears

    try:
        for part in (flow_lm.transformer, flow_lm.flow_net):
            replace_linears(part, Int8Linear)
    except (AttributeError, RuntimeError) as error:
        said = str(error).strip().partition("\n")[0]
        raise MissingError(f"torch has no int8 layers here: {said}", hint="say `precision: fp32`") from error
