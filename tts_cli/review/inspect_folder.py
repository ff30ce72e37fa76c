"""An output folder -> all that is known of it, line by line and file by file, for people and for CI."""

import csv
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tts_cli.audio.io.readback import BlockListener, make_overview
from tts_cli.audio.samples import Samples
from tts_cli.pipeline.edit.dub import TIMING_FILE
from tts_cli.pipeline.master.file_names import TIMELINE_FILE
from tts_cli.pipeline.master.report_json import RecipeRow, ReportFile
from tts_cli.pipeline.master.timeline_json import MasterRow, TimelineFile, read_timeline
from tts_cli.pipeline.model import Check, Deliverable, Failure
from tts_cli.pipeline.request import EventSink, Progress
from tts_cli.review.model import Chapter, CheckRow, Review, ReviewedFile, ReviewedLine
from tts_cli.review.runs import Run, changed_lines, find_runs, is_stale, last_run
from tts_cli.review.snippets import SnippetExtractor

COLUMNS = 900
LOUDNESS_TOLERANCE_LU = 0.5
PEAK_TOLERANCE_DB = 0.05
_SILENT_LUFS = -70.0
_MOST_NAMED = 5


def review_folder(folder: Path, *, embed: bool = False, on_event: EventSink = lambda _: None) -> Review:
    """Read an output folder back and look its masters over.

    Raises `InputError` where it is no output folder or its files are damaged, and `OutputError` where a master cannot
    be decoded.
    """
    return review_runs(find_runs(folder), embed=embed, on_event=on_event)


def review_runs(runs: Sequence[Run], *, embed: bool = False, on_event: EventSink = lambda _: None) -> Review:
    """Do the same for runs that were found; the lines of the first are shown."""
    shown, newest = runs[0], last_run(runs)
    report, timeline = shown.report, shown.timeline or read_timeline(shown.folder / TIMELINE_FILE)
    lines = tuple(_review_lines(shown, timeline, _read_timing(shown.folder)))
    masters = [master for master in timeline.masters if (shown.folder / master.path).is_file()]
    total = sum(master.length / master.sample_rate for master in masters)
    chapters: list[Chapter] = []
    sounds: dict[str, str] = {}
    for master in masters:
        path = f"{shown.prefix}{master.path}"
        cutter = SnippetExtractor([line for line in lines if line.master == path] if embed else [])
        before = sum(chapter.seconds for chapter in chapters)

        def listen(
            start: int, block: Samples, rate: int, cutter: SnippetExtractor = cutter, before: float = before
        ) -> None:
            cutter(start, block, rate)
            on_event(Progress(stage="review", done=before + start / rate, total=total))

        chapters.append(_look_over(shown, master, listen))
        sounds |= cutter.finish()
    return Review(
        project=report.manifest,
        status=report.status,
        counts=report.lines,
        audio_seconds=report.audio_seconds,
        files=tuple(file for run in runs for file in _review_files(run, newest)),
        chapters=tuple(chapters),
        lines=lines,
        incomplete={name: count for run in runs for name, count in run.report.incomplete.items()},
        warnings=report.warnings,
        sounds=sounds,
    )


def _look_over(run: Run, master: MasterRow, listener: BlockListener) -> Chapter:
    overview = make_overview(run.folder / master.path, COLUMNS, listener)
    recipe = run.report.recipe
    return Chapter(
        path=f"{run.prefix}{master.path}",
        title=master.title,
        seconds=round(overview.seconds, 3),
        target_lufs=recipe.loudness_lufs if recipe else None,
        peaks=overview.peaks,
        lufs=overview.lufs,
    )


def review_to_json(review: Review) -> dict[str, Any]:
    """Flatten a review, its problems first."""
    data = asdict(review)
    head = {"status": data.pop("status"), "project": data.pop("project"), "problems": review.problems}
    del data["sounds"]
    return head | data


# --- what a run left behind -----------------------------------------------------------------------------


def _read_timing(folder: Path) -> dict[str, dict[str, str]]:
    try:
        with (folder / TIMING_FILE).open(newline="", encoding="utf-8") as file:
            return {row["line"]: row for row in csv.DictReader(file)}
    except (OSError, ValueError, KeyError, csv.Error):  # it is extra: a sheet that somebody changed is left out
        return {}


def _review_lines(run: Run, timeline: TimelineFile, timing: Mapping[str, dict[str, str]]) -> Iterator[ReviewedLine]:
    """Yield the lines in the script's order; those that were never recorded come last."""
    report, prefix = run.report, run.prefix
    places = _places(timeline)
    own = {output.line: output for output in report.outputs if output.line}
    problems = _line_problems(report)
    reasons = {row.line: row.reason for row in report.rendered}
    for line in timeline.lines:
        status, failure = problems.pop(line.id, ("ok", None))
        master, start_s, seconds = places.get(line.id, ("", 0.0, 0.0))
        file = own.get(line.id)
        yield ReviewedLine(
            id=line.id,
            chapter=line.chapter,
            speaker=line.speaker,
            text=line.text,
            emotion=line.emotion,
            engine=line.engine,
            voice=line.voice,
            language=line.language,
            status=status,
            problem=failure.error if failure else "",
            source=_place(failure),
            reason=reasons.get(line.id, ""),
            master=f"{prefix}{master}" if master else "",
            audio=f"{prefix}{file.path if file else master}" if file or master else "",
            start_s=start_s,
            seconds=seconds or (file.seconds if file else 0.0),
            timing=timing.get(line.id, {}),
        )
    for name, (status, failure) in problems.items():
        yield ReviewedLine(id=name, status=status, problem=failure.error, source=_place(failure))


def _place(failure: Failure | None) -> str:
    """Say where a line that failed was written, if that is known."""
    return str(failure.source) if failure and failure.source else ""


def _line_problems(report: ReportFile) -> dict[str, tuple[str, Failure]]:
    """Map each line with a problem to (status, what is known of it); the gravest wins."""
    found: dict[str, tuple[str, Failure]] = {}
    for status, failures in (
        ("failed", report.failures),
        ("over budget", report.over_budget),
        ("flagged", report.quality_issues),
    ):
        for failure in failures:
            found.setdefault(failure.line, (status, failure))
    return found


def _places(timeline: TimelineFile) -> dict[str, tuple[str, float, float]]:
    """Map each line to (master, its start there, its length), in seconds, from its first clip to its last."""
    rates = {master.path: master.sample_rate for master in timeline.masters}
    spans: dict[str, tuple[str, int, int]] = {}
    for clip in timeline.clips:
        start, end = clip.start, clip.start + clip.length
        _, first, last = spans.get(clip.line, ("", start, end))
        spans[clip.line] = (clip.master, min(first, start), max(last, end))
    return {
        name: (master, round(start / rates[master], 4), round((end - start) / rates[master], 4))
        for name, (master, start, end) in spans.items()
    }


def _review_files(run: Run, newest: Run) -> Iterator[ReviewedFile]:
    """Yield a run's files, each with its checks; one that holds what another run has since made anew fails one."""
    changed = changed_lines(run, newest)
    for output in run.report.outputs:
        stale = _stale_check(changed) if is_stale(run, output, changed, newest) else []
        own = [_delivery_check(check) for check in output.checks]
        yield ReviewedFile(
            path=f"{run.prefix}{output.path}",
            kind=output.kind,
            seconds=output.seconds,
            lufs=output.lufs,
            true_peak_dbtp=output.true_peak_dbtp,
            checks=(*_check_file(run.folder, output, run.report.recipe), *own, *stale),
        )


def _stale_check(changed: Collection[str]) -> list[CheckRow]:
    names = sorted(changed)
    more = f" and {len(names) - _MOST_NAMED:,} more" if len(names) > _MOST_NAMED else ""
    measured = f"stale: made before line {', '.join(names[:_MOST_NAMED])}{more} changed"
    return [CheckRow(name="script", wanted="as the last run made it", measured=measured, passed=False)]


def _check_size(folder: Path, output: Deliverable) -> CheckRow:
    """Return whether a file is still there as it was written."""
    path = folder / output.path
    size = path.stat().st_size if path.is_file() else None
    measured = "missing" if size is None else f"{size:,} bytes"
    return CheckRow(name="file", wanted=f"{output.size:,} bytes", measured=measured, passed=size == output.size)


def _check_file(folder: Path, output: Deliverable, recipe: RecipeRow | None) -> Iterator[CheckRow]:
    yield _check_size(folder, output)
    if output.kind != "master" or not recipe or output.lufs is None or output.true_peak_dbtp is None:
        return
    lufs, wanted = output.lufs, recipe.loudness_lufs
    yield CheckRow(
        name="loudness",
        wanted=f"{wanted:g} LUFS",
        measured=f"{lufs:.1f} LUFS",
        passed=abs(lufs - wanted) <= LOUDNESS_TOLERANCE_LU or lufs <= _SILENT_LUFS,
    )
    peak, ceiling = output.true_peak_dbtp, recipe.true_peak_dbtp
    yield CheckRow(
        name="true peak",
        wanted=f"at most {ceiling:g} dBTP",
        measured=f"{peak:.1f} dBTP",
        passed=peak <= ceiling + PEAK_TOLERANCE_DB,
    )


def _delivery_check(check: Check) -> CheckRow:
    low, high = check.low, check.high
    bounds = [f"at least {low:g}" if low is not None else "", f"at most {high:g}" if high is not None else ""]
    wanted = f"{low:g}" if low == high and low is not None else " and ".join(filter(None, bounds))
    return CheckRow(name=check.name, wanted=wanted, measured=check.measured, passed=check.passed)
