"""What an output folder says of the last run, and which of its files are still as they were written."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tts_cli.errors import RunFileError
from tts_cli.pipeline.master.file_names import EXPORT_FILE, REPORT_FILE, TIMELINE_FILE
from tts_cli.pipeline.master.report_json import read_report
from tts_cli.pipeline.master.timeline_json import LineRow, TimelineFile, read_timeline
from tts_cli.pipeline.model import Deliverable, PreviousLine


def rendered_files(out: Path) -> tuple[Deliverable, ...]:
    """Return the files that a render wrote; raises `RunFileError` where its folder does not say."""
    report = read_report(out)
    return (*filter(None, [report.timeline]), *report.outputs)


@dataclass(frozen=True)
class PreviousRun:
    """What an output folder says of the last run; what is absent, of another version or damaged was never made.

    `list_files` reads what the run wrote: a render, or an export.
    """

    out: Path
    list_files: Callable[[Path], Iterable[Deliverable]] = rendered_files

    @cached_property
    def lines(self) -> Mapping[str, PreviousLine]:
        """The lines of the last timeline, in its order; read only when somebody asks."""
        return {row.id: _previous_line(row) for row in self._timeline.lines} if self._timeline else {}

    @property
    def levels(self) -> Mapping[str, float]:
        """The gains that many files of the last run share."""
        return self._timeline.levels if self._timeline else {}

    @cached_property
    def _timeline(self) -> TimelineFile | None:
        try:
            return read_timeline(self.out / TIMELINE_FILE)
        except RunFileError:
            return None

    @cached_property
    def outputs(self) -> Mapping[str, Deliverable]:
        """The files of the last report, by path."""
        try:
            return {output.path: output for output in self.list_files(self.out)}
        except RunFileError:
            return {}

    def list_names(self) -> set[str]:
        """Name all that the last run wrote, sidecars and reports too; nothing where the folder does not say."""
        names = {name for path in self.outputs for name in (path, f"{path}.json")}
        return names | {TIMELINE_FILE, REPORT_FILE, EXPORT_FILE} if names else set()

    @cached_property
    def quality_issues(self) -> frozenset[str]:
        """The lines of which the last render flagged a take."""
        try:
            return frozenset(issue.line for issue in read_report(self.out).quality_issues)
        except RunFileError:
            return frozenset()


def _previous_line(row: LineRow) -> PreviousLine:
    return PreviousLine(
        id=row.id,
        text=row.spoken,
        voice=row.voice,
        language=row.language,
        emotion=row.emotion,
        engine=row.engine,
        parts=row.parts,
        context=row.context,
        turn=row.dialogue[0],
        turns=row.turns,
    )


def unchanged(out: Path, name: str, inputs: str, past: PreviousRun) -> Deliverable | None:
    """Return what the last run wrote under this name if it was made from the same inputs and not touched since."""
    output = past.outputs.get(name)
    return output if output and output.inputs == inputs and is_intact(out, output) else None


def is_intact(out: Path, output: Deliverable) -> bool:
    """Return whether nobody touched a file since it was written."""
    try:
        now = (out / output.path).lstat()
    except (OSError, ValueError):  # ValueError: no file can have such a name
        return False
    return (now.st_size, now.st_mtime_ns) == (output.size, output.mtime_ns)
