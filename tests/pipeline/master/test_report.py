"""What a report says of a run: its status, and of each line what became of it."""

import pytest

from tts_cli.errors import Source
from tts_cli.line import Line
from tts_cli.pipeline.master.report import choose_status, line_outcomes, list_failures
from tts_cli.pipeline.model import Outcome, Plan, PlannedLine
from tts_cli.types import Manifest, Utterance


def planned(name: str, *keys: str) -> PlannedLine:
    line = Line(id=name, text="Hello.", source=Source("book.yaml", 1))
    calls = (
        Utterance(
            line_id=name,
            part=part,
            text="Hello.",
            language="en",
            voice="",
            engine="espeak",
            params={},
            seed=0,
            key=key,
        )
        for part, key in enumerate(keys)
    )
    return PlannedLine(line=line, utterances=tuple(calls), reason=None)


def plan_of(*lines: PlannedLine) -> Plan:
    manifest = Manifest(name="book", path="book.yaml", lines=tuple(one.line for one in lines))
    return Plan(manifest=manifest, lines=lines, takes={}, selected=frozenset())


@pytest.mark.parametrize(
    ("outcomes", "status"),
    [
        ([], "ok"),
        (["rendered", "cached", "waiting"], "ok"),
        (["waiting"], "ok"),
        (["rendered", "failed"], "partial"),
        (["cached", "failed"], "partial"),
        (["failed", "failed"], "failed"),
        (["failed", "waiting"], "failed"),
    ],
)
def test_a_run_has_failed_when_no_line_could_be_spoken(outcomes: list[str], status: str) -> None:
    assert choose_status({str(number): Outcome(outcome) for number, outcome in enumerate(outcomes)}) == status


def test_each_line_has_the_gravest_outcome_of_its_takes() -> None:
    plan = plan_of(
        planned("kept", "a", "b"),
        planned("new", "a", "c"),
        planned("waits", "a", "missing"),
        planned("broken", "a", "bad", "missing", "worse"),
    )
    errors = {"bad": "it hung", "worse": "it crashed"}

    outcomes = line_outcomes(plan, {"a", "b", "c"}, {"c"}, errors)

    assert outcomes == {
        "kept": Outcome.CACHED,
        "new": Outcome.RENDERED,
        "waits": Outcome.WAITING,
        "broken": Outcome.FAILED,
    }
    assert [(failure.line, failure.error) for failure in list_failures(plan, errors)] == [("broken", "it hung")]
