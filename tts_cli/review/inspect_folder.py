"""An output folder -> all that is known of it, line by line and file by file, for people and for CI."""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tts_cli.audio.io.readback import BlockListener, make_overview
from tts_cli.audio.samples import Samples
from tts_cli.pipeline.delivery.export_json import EXPORT_FILE, read_export
from tts_cli.pipeline.edit.dub import TIMING_FILE
from tts_cli.pipeline.master.file_names import TIMELINE_FILE
from tts_cli.pipeline.master.report_json import RecipeRow, ReportFile, read_report
from tts_cli.pipeline.master.timeline_json import MasterRow, TimelineFile, read_timeline
from tts_cli.pipeline.model import Check, Deliverable, Failure
from tts_cli.pipeline.request import EventSink, Progress
from tts_cli.review.model import Chapter, CheckRow, Review, ReviewedFile, ReviewedLine
from tts_cli.review.snippets import SnippetExtractor

COLUMNS = 900
LOUDNESS_TOLERANCE_LU = 0.5
PEAK_TOLERANCE_DB = 0.05
_SILENT_LUFS = -70.0


def review_folder(folder: Path, *, embed: bool = False, on_event: EventSink = lambda _: None) -> Review:
    """Read an output folder back and look its masters over.

    Raises `InputError` where it is no output folder or its files are damaged, and `OutputError` where a master cannot
    be decoded.
    """
    report, timeline = read_report(folder), read_timeline(folder / TIMELINE_FILE)
    lines = tuple(_review_lines(report, timeline, _read_timing(folder)))
    masters = [master for master in timeline.masters if (folder / master.path).is_file()]
    total = sum(master.length / master.sample_rate for master in masters)
    chapters: list[Chapter] = []
    sounds: dict[str, str] = {}
    for master in masters:
        cutter = SnippetExtractor([line for line in lines if line.master == master.path] if embed else [])
        before = sum(chapter.seconds for chapter in chapters)

        def listen(
            start: int, block: Samples, rate: int, cutter: SnippetExtractor = cutter, before: float = before
        ) -> None:
            cutter(start, block, rate)
            on_event(Progress(stage="review", done=before + start / rate, total=total))

        chapters.append(_look_over(folder, master, report.recipe, listen))
        sounds |= cutter.finish()
    return Review(
        project=report.manifest,
        status=report.status,
        counts=report.lines,
        audio_seconds=report.audio_seconds,
        files=(*(_review_file(folder, output, report.recipe) for output in report.outputs), *_review_exports(folder)),
        chapters=tuple(chapters),
        lines=lines,
        incomplete=report.incomplete,
        warnings=report.warnings,
        sounds=sounds,
    )


def _look_over(folder: Path, master: MasterRow, recipe: RecipeRow | None, listener: BlockListener) -> Chapter:
    overview = make_overview(folder / master.path, COLUMNS, listener)
    return Chapter(
        path=master.path,
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


def _review_lines(
    report: ReportFile, timeline: TimelineFile, timing: Mapping[str, dict[str, str]]
) -> Iterator[ReviewedLine]:
    """Yield the lines in the script's order; those that were never recorded come last."""
    places = _places(timeline)
    own = {output.path: output.seconds for output in report.outputs if output.kind == "lines"}
    problems = _line_problems(report)
    reasons = {row.line: row.reason for row in report.rendered}
    for line in timeline.lines:
        status, failure = problems.pop(line.id, ("ok", None))
        master, start_s, seconds = places.get(line.id, ("", 0.0, 0.0))
        own_file = f"lines/{line.id}.wav"
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
            master=master,
            audio=own_file if own_file in own else master,
            start_s=start_s,
            seconds=seconds or own.get(own_file, 0.0),
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


def _review_file(folder: Path, output: Deliverable, recipe: RecipeRow | None) -> ReviewedFile:
    return ReviewedFile(
        path=output.path,
        kind=output.kind,
        seconds=output.seconds,
        lufs=output.lufs,
        true_peak_dbtp=output.true_peak_dbtp,
        checks=tuple(_check_file(folder, output, recipe)),
    )


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


def _review_exports(folder: Path) -> Iterator[ReviewedFile]:
    """Yield the files that recipes delivered into folders inside this one, each with its recipe's checks."""
    for path in sorted(folder.glob(f"*/{EXPORT_FILE}")):
        for output in read_export(path.parent).outputs:
            yield ReviewedFile(
                path=f"{path.parent.name}/{output.path}",
                kind=output.kind,
                seconds=output.seconds,
                lufs=output.lufs,
                true_peak_dbtp=output.true_peak_dbtp,
                checks=(_check_size(path.parent, output), *map(_delivery_check, output.checks)),
            )


def _delivery_check(check: Check) -> CheckRow:
    low, high = check.low, check.high
    bounds = [f"at least {low:g}" if low is not None else "", f"at most {high:g}" if high is not None else ""]
    wanted = f"{low:g}" if low == high and low is not None else " and ".join(filter(None, bounds))
    return CheckRow(name=check.name, wanted=wanted, measured=check.measured, passed=check.passed)
