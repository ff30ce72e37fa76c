"""What was said before a line in its scene: the turns that it hears, and the takes that belong together for that."""

from collections import deque
from collections.abc import Iterable, Sequence

from tts_cli.line import Line
from tts_cli.pipeline.model import PlannedLine
from tts_cli.types import Turn


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
