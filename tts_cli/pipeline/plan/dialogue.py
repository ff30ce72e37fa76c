"""Lines in a row that are one dialogue -> one take, where the engine can speak with several voices."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from tts_cli.engines.catalog import get_spec
from tts_cli.line import Line
from tts_cli.pipeline.model import PlannedLine
from tts_cli.pipeline.plan.utterances import with_seed
from tts_cli.types import SpokenTurn, Turn


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
