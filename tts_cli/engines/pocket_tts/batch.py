"""Many rows through pocket-tts's language model at once, over the package's own modules.

All rows of a batch end at the same place of a cache, with nothing before the shorter ones. So a row that is read alone
(voice, then text) is moved to the right: its keys are rotated by the places it moves. From then on all rows take a step
together, in the loop of `kit.rows`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from pocket_tts.models.flow_lm import drifting_decode, lsd_decode, ot_decode, pointwise_decode

from tts_cli.engines.kit.sampling import draw_normal, make_generator
from tts_cli.engines.pocket_tts.attention import Cache, adopt, rotate_keys

_SAMPLERS: Mapping[str, Callable[..., torch.Tensor]] = {
    "lsd": lsd_decode,
    "flow_matching": ot_decode,
    "drifting": drifting_decode,
    "pointwise": pointwise_decode,
}

# The package ignores an end before this frame.
FIRST_END = 6

ModelState = dict[str, dict[str, torch.Tensor]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Row:
    """One piece of text in one voice; the same row makes the same latents whatever is decoded beside it.

    `voice` has each attention module's cache [2, 1, prompt, heads, dim]; `tokens` [1, length] are those of `text`. At
    most `budget` frames are made; `tail` more follow the end.
    """

    text: str
    voice: ModelState
    tokens: torch.Tensor
    budget: int
    tail: int
    seed: int
    temperature: float
    end_threshold: float

    @property
    def prefix(self) -> int:
        """How long voice and text are together."""
        return int(next(iter(self.voice.values()))["offset"]) + int(self.tokens.shape[1])


def open_batch(flow_lm: Any, first: Sequence[Row], *, sampler_steps: int = 1) -> "Batch":
    """Return an empty batch that is large enough for these rows; the model's attention is exchanged for ours."""
    adopt(flow_lm)
    return Batch(flow_lm, first, sampler_steps)


class Batch:
    """Rows that share one cache, as `kit.rows` steps them. All of them write at the same offset."""

    def __init__(self, flow_lm: Any, first: Sequence[Row], sampler_steps: int) -> None:
        self._model = flow_lm
        self._sample = partial(_SAMPLERS[flow_lm.flow_type], num_steps=sampler_steps)
        self._rows: list[Row] = []
        self._noises: list[torch.Generator] = []
        self._offset = max(row.prefix for row in first)
        # room for as much again as the first rows may need: memory that is never written costs nothing
        self._length = self._offset + 2 * max(row.budget for row in first)
        self._caches = {name: Cache(len(first), self._length, state["cache"]) for name, state in first[0].voice.items()}
        self._starts = [0] * len(first)
        self._inputs = torch.zeros(len(first), 1, flow_lm.ldim, device=flow_lm.device)
        self._nothing = torch.zeros(len(first), 0, flow_lm.dim, device=flow_lm.device)

    def fits(self, row: Row) -> bool:
        """Return whether a row fits in before the offset and comes to its end within the cache."""
        return row.prefix <= self._offset and self._offset + row.budget <= self._length

    @torch.no_grad()
    def admit(self, row: Row) -> None:
        """Read a row's text alone, and put what comes of it before the offset."""
        slot, place = len(self._rows), self._offset - row.prefix
        for name, state in read_text(self._model, row).items():
            keys, values = state["cache"][:, 0]
            self._caches[name].place(slot, place, rotate_keys(keys, place, self._period), values)
        self._starts[slot] = place
        # A fresh row has no last latent, and starts from the one that the model has learnt for this.
        self._inputs[slot, 0] = self._model.bos_emb
        noise = make_generator(row.seed)
        # the package draws (and drops) a frame's noise when it reads the text: so a seed means the same to both
        torch.empty(self._model.ldim).normal_(generator=noise)
        self._rows.append(row)
        self._noises.append(noise)

    @torch.no_grad()
    def step(self) -> tuple[torch.Tensor, list[bool]]:
        """Make one latent [rows, dim] of every row, and say of which rows it is the end."""
        count = len(self._rows)
        hidden = self._advance(count)
        ends = self._model.out_eos(hidden)[:, 0].tolist()
        # The package's temperature is a variance.
        noise = draw_normal(self._noises, self._model.ldim, [row.temperature**0.5 for row in self._rows])
        latents = self._sample(partial(self._model.flow_net, hidden), noise.to(self._inputs.device))
        self._inputs[:count, 0] = latents
        return latents, [end > row.end_threshold for end, row in zip(ends, self._rows, strict=True)]

    @torch.no_grad()
    def keep(self, slots: Sequence[int]) -> None:
        """Move rows from behind into the slots of those that are over."""
        for slot, source in enumerate(slots):
            # What moves comes from behind, so no row is overwritten before it has moved.
            if slot == source:
                continue
            for cache in self._caches.values():
                cache.offset = self._offset
                cache.move(source, slot, self._starts[source])
            self._starts[slot] = self._starts[source]
            self._inputs[slot] = self._inputs[source]
        self._rows = [self._rows[source] for source in slots]
        self._noises = [self._noises[source] for source in slots]

    def _advance(self, count: int) -> torch.Tensor:
        """Run the transformer on the last latents; returns its output [rows, dim]."""
        hidden = self._hidden(count)
        for cache in self._caches.values():
            cache.rows, cache.offset, cache.hidden = count, self._offset, hidden
        inputs = self._inputs[:count]
        output = self._model.backbone(self._model.input_linear(inputs), self._nothing[:count], inputs, self._caches)
        self._offset += 1
        return output[:, -1].float()

    def _hidden(self, count: int) -> torch.Tensor | None:
        """Return what hides the places before each row's beginning; see `Cache`."""
        starts = torch.tensor(self._starts[:count])
        # Without shorter rows nothing is hidden, and the addition is spared.
        if not starts.any():
            return None
        # The step's own place is one of them: a row sees itself.
        before = torch.arange(self._offset + 1) < starts[:, None]
        return torch.zeros(before.shape).masked_fill_(before, float("-inf"))[:, None, None].to(self._inputs.device)

    @property
    def _period(self) -> float:
        return float(self._model.transformer.max_period)


def read_text(flow_lm: Any, row: Row) -> ModelState:
    """Return the state [2, 1, prefix, heads, dim] after voice and text; the voice's own is left as it is."""
    state: ModelState = {}
    for name, voice in row.voice.items():
        length = int(voice["offset"])
        # The text is written behind a copy of the voice, as other rows begin with the same one.
        cache = torch.empty(2, 1, row.prefix, *voice["cache"].shape[3:], device=flow_lm.device)
        cache[:, :, :length] = voice["cache"][:, :, :length]
        state[name] = {"cache": cache, "offset": voice["offset"].clone(), "pad": torch.zeros_like(voice["offset"])}
    flow_lm.transformer(flow_lm.conditioner(row.tokens.to(flow_lm.device)), state)
    return state
