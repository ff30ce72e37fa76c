"""Lines that belong together: the turns that a line hears of its scene, and the lines that are one dialogue."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from tts_cli.engines.catalog import get_spec
from tts_cli.line import Line
from tts_cli.pipeline.model import PlannedLine
from tts_cli.pipeline.plan.utterances import with_seed
from tts_cli.types import SpokenTurn, Turn


class Conversation:
    """The turns of the scene that planning is in, as far back as any of these lines asks for."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._turns: deque[Turn] = deque(maxlen=max((line.context for line in lines), default=0))
        self._scene: tuple[str, str] | None = None

    def before(self, line: Line) -> tuple[Turn, ...]:
        """Return the turns that a line asks for, the latest last; a scene begins without any."""
        if self._scene != (scene := (line.chapter, line.scene)):
            self._scene = scene
            self._turns.clear()
        return tuple(self._turns)[-line.context :] if line.context else ()

    def add(self, planned: PlannedLine) -> None:
        """Go on behind a line; each of its takes is a turn."""
        if self._turns.maxlen:
            self._turns.extend(turns_of(planned))


def turns_of(planned: PlannedLine) -> list[Turn]:
    """Return a line's takes as others hear them: under the keys that were planned, whatever becomes of them."""
    speaker = planned.line.speaker
    return [Turn(text=one.text, speaker=speaker, take=one.key) for one in planned.utterances]


def find_scenes(lines: Iterable[PlannedLine]) -> dict[str, int]:
    """Return the takes that hear others, or are heard, by key: the number of the scene that each belongs to."""
    lines = list(lines)
    hearing = {one.key: one.context for planned in lines for one in planned.utterances if one.context}
    if not hearing:
        return {}
    together = hearing.keys() | {turn.take for turns in hearing.values() for turn in turns}
    scenes: dict[str, int] = {}
    number, before = 0, None
    for planned in lines:
        scene = (planned.line.chapter, planned.line.scene)
        number, before = number + (scene != before), scene
        for utterance in planned.utterances:
            if utterance.key in together:
                scenes.setdefault(utterance.key, number)
    return scenes


# --- dialogues: lines in a row that are one take ----------------------------------------------------------


def find_dialogues(lines: Sequence[Line]) -> Iterator[list[Line]]:
    """Yield lines alone, and those in a row that may be one take: of the same dialogue, chapter, engine and language.

    A recording, a locked line and one with a time of its own stand alone.
    """
    for name, row in groupby(lines, key=_dialogue):
        if name:
            yield list(row)
        else:
            for line in row:
                yield [line]


def _dialogue(line: Line) -> tuple[str, ...]:
    if not line.dialogue or line.audio or line.lock or line.slot:
        return ()
    able = get_spec(line.engine).abilities.dialogue_speakers
    return (line.dialogue, line.chapter, line.scene, line.engine, line.language) if able else ()


def split_dialogue(planned: Sequence[PlannedLine]) -> Iterator[list[PlannedLine]]:
    """Cut a row into takes: each holds as many turns as fit into one request, of as many speakers as the engine has.

    A line that is more than one request by itself stands alone.
    """
    spec = get_spec(planned[0].line.engine)
    take: list[PlannedLine] = []
    for one in planned:
        wider = [*take, one]
        chars = sum(len(each.utterances[0].text) for each in wider)
        speakers = {(each.line.speaker, each.utterances[0].voice) for each in wider}
        whole = all(len(each.utterances) == 1 and each.line.engine == spec.name for each in wider)
        fits = chars <= spec.text.max_chars and len(speakers) <= spec.abilities.dialogue_speakers
        if take and not (whole and fits):
            yield take
            take = []
        take.append(one)
    if take:
        yield take


def join_dialogue(planned: Sequence[PlannedLine], heard: tuple[Turn, ...]) -> list[PlannedLine]:
    """Make lines the turns of one take, which hears what its first line asks for."""
    turns = tuple(
        SpokenTurn(
            line_id=one.line.id,
            text=utterance.text,
            speaker=one.line.speaker,
            voice=utterance.voice,
            params=utterance.params,
            conditionals=utterance.conditionals,
        )
        for one in planned
        for utterance in one.utterances
    )
    first = planned[0]
    seed = first.utterances[0].seed
    hears = min(first.line.context, get_spec(first.line.engine).abilities.context_turns)
    context = heard[-hears:] if hears else ()
    return [
        replace(
            one,
            heard=heard,
            utterances=(with_seed(replace(one.utterances[0], turns=turns, turn=number, context=context), seed),),
        )
        for number, one in enumerate(planned)
    ]
