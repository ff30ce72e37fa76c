"""What an output folder says of the last run, and which of its files are still as they were written."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tts_cli.pipeline.master.file_names import REPORT_FILE, TIMELINE_FILE
from tts_cli.pipeline.model import Check, Deliverable, PreviousLine
from tts_cli.types import SpokenTurn

TIMELINE_VERSION = 2
"""The form of timeline.json."""


@dataclass(frozen=True)
class PreviousRun:
    """What an output folder says of the last run; what is missing or unreadable counts as never made."""

    out: Path
    report: str = REPORT_FILE

    @cached_property
    def lines(self) -> Mapping[str, PreviousLine]:
        """The lines of the last timeline, in its order; read only when somebody asks."""
        return {line.id: line for line in _past_lines(self.out / TIMELINE_FILE)}

    @cached_property
    def outputs(self) -> Mapping[str, Deliverable]:
        """The files of the last report, by path."""
        return {output.path: output for output in _past_outputs(self.out / self.report)}

    @cached_property
    def quality_issues(self) -> frozenset[str]:
        """The lines that the last report calls suspect."""
        try:
            report = json.loads((self.out / REPORT_FILE).read_bytes())
            return frozenset(suspect["line"] for suspect in report["suspects"])
        except (OSError, ValueError, KeyError, TypeError):
            return frozenset()


def _past_lines(path: Path) -> list[PreviousLine]:
    try:
        return [
            PreviousLine(
                id=line["id"],
                text=line["spoken"],
                voice=line["voice"],
                language=line["language"],
                emotion=line["emotion"],
                engine=line["engine"],
                parts=tuple((key, boundary, pause_s) for key, boundary, pause_s in line["parts"]),
                context=line.get("context", ""),
                turns=read_turns(line)[1],
                turn=read_turns(line)[0],
            )
            for line in json.loads(path.read_bytes())["lines"]
        ]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def read_turns(row: Mapping[str, Any]) -> tuple[int, tuple[SpokenTurn, ...]]:
    """Return which turn a row of timeline.json is of its dialogue, and all turns of that; none where it is in none."""
    turn, turns = row.get("dialogue", (0, ()))
    return turn, tuple(SpokenTurn(line_id=line_id, text=text) for line_id, text in turns)


def _past_outputs(path: Path) -> list[Deliverable]:
    try:
        report = json.loads(path.read_bytes())
        outputs = (*filter(None, [report.get("timeline")]), *report["outputs"])
        return [deliverable_from_json(output) for output in outputs]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def deliverable_from_json(data: Mapping[str, Any]) -> Deliverable:
    """Read a deliverable back; raises KeyError or TypeError where it is none."""
    checks = tuple(Check(**check) for check in data["checks"])
    pieces = tuple((made_from, samples) for made_from, samples in data["pieces"])
    return Deliverable(**{**data, "checks": checks, "pieces": pieces})


def unchanged(out: Path, name: str, inputs: str, past: PreviousRun) -> Deliverable | None:
    """Return what the last run wrote under this name if it was made from the same inputs and not touched since."""
    output = past.outputs.get(name)
    return output if output and output.inputs == inputs and is_intact(out, output) else None


def is_intact(out: Path, output: Deliverable) -> bool:
    """Say whether nobody touched a file since it was written."""
    try:
        now = (out / output.path).lstat()
    except OSError:
        return False
    return (now.st_size, now.st_mtime_ns) == (output.size, output.mtime_ns)
