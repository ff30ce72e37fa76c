"""Many rows through pocket-tts's language model at once, over the package's own modules.

All rows of a batch end at the same place of a cache, with nothing before the shorter ones. So a row that is read alone
(voice, then text) is moved to the right: its keys are rotated by the places it moves. From then on all rows take a step
together. A row that ends frees its slot, which the next one that fits takes over.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from pocket_tts.models.flow_lm import drifting_decode, lsd_decode, ot_decode, pointwise_decode

from tts_cli.engines.pocket_attention import Cache, adopt
from tts_cli.engines.pocket_rope import rotate_keys

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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Latents:
    """What became of the row of that number: `frames` are [length, dim]; one that did not end met its budget."""

    row: int
    frames: torch.Tensor
    ended: bool


@dataclass(slots=True, kw_only=True, eq=False)
class _Slot:
    """A row that is being decoded."""

    number: int
    row: Row
    noise: torch.Generator
    frames: list[torch.Tensor] = field(default_factory=list)
    steps: int = 0
    end: int | None = None

    def take(self, latent: torch.Tensor, *, says_end: bool) -> bool:
        """Take the latent [dim] of a step, unless the row is over; returns whether it is."""
        if says_end and self.end is None and self.steps >= FIRST_END:
            self.end = self.steps
        if self.end is not None and self.steps >= self.end + self.row.tail:
            return True
        self.frames.append(latent)
        self.steps += 1
        return self.steps >= self.row.budget

    def finish(self) -> Latents:
        return Latents(row=self.number, frames=torch.stack(self.frames), ended=self.end is not None)


def decode_rows(flow_lm: Any, rows: Sequence[Row], *, width: int, sampler_steps: int = 1) -> Iterator[Latents]:
    """Yield each row's latents as it ends, at most `width` rows at a time, those with the largest budgets first."""
    adopt(flow_lm)
    waiting = deque(sorted(enumerate(rows), key=lambda numbered: -numbered[1].budget))
    while waiting:
        with torch.no_grad():
            wave = _Wave(flow_lm, waiting, width, sampler_steps)
        while len(wave):
            with torch.no_grad():
                over = wave.step()
                wave.refill(waiting)
            yield from over


class _Wave:
    """Rows that share one cache. All of them write at the same `offset`; slots from `len(self)` on are free."""

    def __init__(self, flow_lm: Any, waiting: "deque[tuple[int, Row]]", width: int, sampler_steps: int) -> None:
        self._model = flow_lm
        self._sample = partial(_SAMPLERS[flow_lm.flow_type], num_steps=sampler_steps)
        first = [waiting[number][1] for number in range(min(width, len(waiting)))]
        self._slots: list[_Slot] = []
        self._width = len(first)
        self._offset = max(row.prefix for row in first)
        # room for as much again as the first rows may need: memory that is never written costs nothing
        self._length = self._offset + 2 * max(row.budget for row in first)
        self._caches = {name: Cache(len(first), self._length, state["cache"]) for name, state in first[0].voice.items()}
        self._starts = [0] * len(first)
        self._inputs = torch.zeros(len(first), 1, flow_lm.ldim, device=flow_lm.device)
        self._nothing = torch.zeros(len(first), 0, flow_lm.dim, device=flow_lm.device)
        self.refill(waiting)

    def __len__(self) -> int:
        return len(self._slots)

    def refill(self, waiting: "deque[tuple[int, Row]]") -> None:
        """Fill free slots with the first rows that fit in before the offset and come to their end within the cache."""
        for _ in range(len(waiting)):
            if len(self._slots) == self._width:
                return
            number, row = waiting.popleft()
            if row.prefix <= self._offset and self._offset + row.budget <= self._length:
                self._place(number, row)
            else:
                waiting.append((number, row))

    def step(self) -> list[Latents]:
        """Make one frame of every row; returns the rows that are over."""
        count = len(self._slots)
        hidden = self._advance(count)
        thresholds = [slot.row.end_threshold for slot in self._slots]
        ends = self._model.out_eos(hidden)[:, 0].tolist()
        latents = self._sample(partial(self._model.flow_net, hidden), self._noise())
        self._inputs[:count, 0] = latents
        over = []
        for number in reversed(range(count)):  # from the last: the slots that move are done
            slot = self._slots[number]
            if slot.take(latents[number], says_end=ends[number] > thresholds[number]):
                over.append(slot.finish())
                self._free(number)
        return over

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
        if not starts.any():
            return None
        before = torch.arange(self._offset + 1) < starts[:, None]
        return torch.zeros(before.shape).masked_fill_(before, float("-inf"))[:, None, None].to(self._inputs.device)

    def _noise(self) -> torch.Tensor:
        """Draw each row's noise [rows, dim] from its own generator, on the CPU: the same on any device."""
        draws = [
            torch.empty(self._model.ldim).normal_(0.0, slot.row.temperature**0.5, generator=slot.noise)
            for slot in self._slots
        ]
        return torch.stack(draws).to(self._inputs.device)

    def _place(self, number: int, row: Row) -> None:
        """Read a row's text alone, and put what comes of it before the offset."""
        slot, place = len(self._slots), self._offset - row.prefix
        for name, state in read_text(self._model, row).items():
            keys, values = state["cache"][:, 0]
            self._caches[name].place(slot, place, rotate_keys(keys, place, self._period), values)
        self._starts[slot] = place
        self._inputs[slot, 0] = self._model.bos_emb
        noise = torch.Generator().manual_seed(row.seed)
        # the package draws (and drops) a frame's noise when it reads the text: so a seed means the same to both
        torch.empty(self._model.ldim).normal_(generator=noise)
        self._slots.append(_Slot(number=number, row=row, noise=noise))

    def _free(self, number: int) -> None:
        """Move the last row into a slot that is over."""
        last = self._slots.pop()
        moved = len(self._slots)
        if number == moved:
            return
        self._slots[number] = last
        for cache in self._caches.values():
            cache.offset = self._offset
            cache.move(moved, number, self._starts[moved])
        self._starts[number] = self._starts[moved]
        self._inputs[number] = self._inputs[moved]

    @property
    def _period(self) -> float:
        return float(self._model.transformer.max_period)


def read_text(flow_lm: Any, row: Row) -> ModelState:
    """Return the state [2, 1, prefix, heads, dim] after voice and text; the voice's own is left as it is."""
    state: ModelState = {}
    for name, voice in row.voice.items():
        length = int(voice["offset"])
        cache = torch.empty(2, 1, row.prefix, *voice["cache"].shape[3:], device=flow_lm.device)
        cache[:, :, :length] = voice["cache"][:, :, :length]
        state[name] = {"cache": cache, "offset": voice["offset"].clone(), "pad": torch.zeros_like(voice["offset"])}
    flow_lm.transformer(flow_lm.conditioner(row.tokens.to(flow_lm.device)), state)
    return state
