"""The runs behind an output folder, a render and exports, and which of their files hold an older text or take."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tts_cli.errors import RunFileError
from tts_cli.pipeline.delivery.export_json import ExportFile, read_export
from tts_cli.pipeline.master.file_names import EXPORT_FILE, REPORT_FILE, TIMELINE_FILE
from tts_cli.pipeline.master.report_json import REPORT_VERSION, ReportFile, read_report
from tts_cli.pipeline.master.timeline_json import LineRow, TimelineFile, read_timeline
from tts_cli.pipeline.model import Deliverable, Outcome
from tts_cli.pipeline.script.credits import CLOSING, OPENING

_JSON = (REPORT_FILE, EXPORT_FILE, TIMELINE_FILE)


@dataclass(frozen=True, kw_only=True)
class Run:
    """What one run left: `prefix` leads from the reviewed folder to its files, `ended_ns` is when it ended.

    `timeline` is None where the run left none.
    """

    folder: Path
    prefix: str
    report: ReportFile
    timeline: TimelineFile | None
    ended_ns: int

    @cached_property
    def lines(self) -> dict[str, LineRow]:
        """Its lines by id, without the credits, which a recipe adds."""
        rows = self.timeline.lines if self.timeline else ()
        return {row.id: row for row in rows if row.chapter not in (OPENING, CLOSING)}

    @cached_property
    def is_dub(self) -> bool:
        """Whether its lines were fitted to slots, which changes their takes."""
        return any(output.kind == "timing" for output in self.report.outputs)

    @cached_property
    def holds(self) -> dict[str, set[str]]:
        """The ids of the lines in each of its files of sound."""
        found: dict[str, set[str]] = {}
        for clip in self.timeline.clips if self.timeline else ():
            found.setdefault(clip.master, set()).update([clip.line, *(line for line, _ in clip.estimated)])
        return found


def find_runs(folder: Path) -> list[Run]:
    """Return the runs of an output folder, the one whose lines are to be shown first.

    That is the render, but where an export since has made other lines of the script. Raises `RunFileError` where there
    is no run, or its files are damaged.
    """
    exports = [path for path in (folder / EXPORT_FILE, *sorted(folder.glob(f"*/{EXPORT_FILE}"))) if path.is_file()]
    found = [_export(folder, path) for path in exports]
    if (folder / REPORT_FILE).is_file() or not found:
        report, timeline = read_report(folder), read_timeline(folder / TIMELINE_FILE)
        ended_ns = (folder / REPORT_FILE).stat().st_mtime_ns
        found.insert(0, Run(folder=folder, prefix="", report=report, timeline=timeline, ended_ns=ended_ns))
    newest = last_run(found)
    first = newest if changed_lines(found[0], newest) or found[0].timeline is None else found[0]
    return [first, *(run for run in found if run is not first)]


def list_run_files(runs: Sequence[Run]) -> list[Path]:
    """Return all files of these runs."""
    return [run.folder / name for run in runs for name in (*_JSON, *(found.path for found in run.report.outputs))]


def last_run(runs: Sequence[Run]) -> Run:
    """Return the run that ended last and says what its lines were."""
    return max(runs, key=lambda run: (run.timeline is not None, run.ended_ns))


def changed_lines(run: Run, newest: Run) -> set[str]:
    """Return the ids of the lines that another run has since made anew, has left out, or has beside."""
    if run is newest or run.timeline is None or newest.timeline is None:
        return set()
    takes = run.is_dub == newest.is_dub
    both = run.lines.keys() & newest.lines.keys()
    changed = {name for name in both if _content(run.lines[name], takes) != _content(newest.lines[name], takes)}
    return changed | (run.lines.keys() ^ newest.lines.keys())


def is_stale(run: Run, output: Deliverable, changed: set[str], newest: Run) -> bool:
    """Say whether a file holds an older text or take of one of these lines, or lacks one."""
    if not changed or output.kind == "timeline":
        return False
    if output.line:
        return output.line in changed
    if output.path not in run.holds:
        return True  # a list, subtitles, another form of the whole
    chapters = {run.lines[name].chapter for name in run.holds[output.path] & run.lines.keys()}
    added = {name for name in changed - run.lines.keys() if newest.lines[name].chapter in chapters}
    return bool(added or changed & run.holds[output.path])


def _content(row: LineRow, takes: bool) -> tuple[object, ...]:  # noqa: FBT001  one of two ways to look at a line
    said = (row.text, row.spoken, row.voice, row.engine, row.language)
    return (*said, row.parts, row.edit, row.effect) if takes else said


def _export(folder: Path, path: Path) -> Run:
    """Read an export; what only a render says is left open."""
    export = read_export(path.parent)
    try:
        timeline = read_timeline(path.parent / TIMELINE_FILE)
    except RunFileError:
        timeline = None
    prefix = "" if path.parent == folder else f"{path.parent.name}/"
    return Run(
        folder=path.parent,
        prefix=prefix,
        report=_as_report(export, timeline),
        timeline=timeline,
        ended_ns=path.stat().st_mtime_ns,
    )


def _as_report(export: ExportFile, timeline: TimelineFile | None) -> ReportFile:
    masters = timeline.masters if timeline else ()
    counts = dict(_count(export, timeline))
    return ReportFile(
        version=REPORT_VERSION,
        manifest=export.manifest,
        status=export.status,
        shard=None,
        lines=counts,
        recipe=None,
        outputs=export.outputs,
        timeline=export.timeline,
        voices=(),
        engines=(),
        spoken_by=(),
        audio_seconds=round(sum(master.length / master.sample_rate for master in masters), 3),
        wall_seconds=export.wall_seconds,
        failures=export.failures,
        quality_issues=export.quality_issues,
        retaken=(),
        over_budget=export.over_budget,
        rendered=(),
        fallbacks=(),
        incomplete={f"{export.recipe}: files of the whole": export.missing} if export.missing else {},
        warnings=export.notices,
    )


def _count(export: ExportFile, timeline: TimelineFile | None) -> Iterator[tuple[str, int]]:
    made = len(timeline.lines) if timeline else 0
    failed = len(export.failures)
    counts = Counter({Outcome.CACHED: made, Outcome.FAILED: failed, Outcome.WAITING: max(0, export.missing - failed)})
    yield "total", counts.total()
    yield from ((str(outcome), counts[outcome]) for outcome in Outcome)
