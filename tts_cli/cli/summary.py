"""A plan or a report, told to a person in a few lines."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from tts_cli.cli import output
from tts_cli.errors import fold_warnings
from tts_cli.pipeline.export import ExportForecast
from tts_cli.pipeline.model import Check, Deliverable, ExportReport, Failure, Outcome, PlannedLine, Report
from tts_cli.pipeline.run import Forecast

MOST_FAILURES = 20
MOST_SHOWN = 20
STAGE_TITLES = {
    "voice": "voices",
    "record": "recording",
    "master": "mastering",
    "export": "exporting",
    "review": "listening",
}
STYLES = {Outcome.RENDERED: "green", Outcome.CACHED: "cyan", Outcome.FAILED: "red", Outcome.WAITING: "yellow"}


def show_forecast(forecast: Forecast, *, explain: bool, as_json: bool, final: bool) -> None:
    """Show what a render would do: on stdout if that is all that was asked for, else as talk before the run."""
    if as_json and final:
        output.print_json(plan_to_json(forecast))
    elif not as_json:
        show_plan(forecast, explain=explain, console=output.results() if final else output.talk())


def show_plan(forecast: Forecast, *, explain: bool, console: output.Speaker) -> None:
    """Say how many lines would be rendered, and with `explain` which ones and why."""
    plan = forecast.plan
    if explain:
        for planned in forecast.to_render:
            console.say("[bold]{}[/bold] {}", f"{planned.reason!s:<8}", _describe(planned))
    cached = sum(planned.reason is None for planned in plan.lines)
    todo = f"{len(forecast.to_render):,} to render (about {clock(forecast.audio_seconds)} of audio), {cached:,} cached"
    console.say("[bold]{}[/bold]  {}: {}", plan.manifest.name, output.counted(len(plan.lines), "line"), todo)


def plan_to_json(forecast: Forecast) -> dict[str, Any]:
    """Flatten a forecast."""
    plan = forecast.plan
    return {
        "status": "ok",
        "dry_run": True,
        "manifest": plan.manifest.name,
        "lines": {
            "total": len(plan.lines),
            "to_render": len(forecast.to_render),
            "cached": sum(planned.reason is None for planned in plan.lines),
        },
        "estimated_audio_seconds": round(forecast.audio_seconds, 1),
        "to_render": [
            {"line": planned.line.id, "reason": str(planned.reason), "source": str(planned.line.source)}
            for planned in forecast.to_render
        ],
    }


def show_report(report: Report) -> None:
    """Say what happened: failures first, then the files, then the sum."""
    show_troubles(report)
    console = output.results()
    counts = Counter(report.outcomes.values())
    counted = [output.Styled(f"{counts[found]:,} {found}", STYLES[found]) for found in Outcome if counts[found]]
    console.say(
        "[bold]{}[/bold]  {}: {}", report.manifest, output.counted(len(report.outcomes), "line"), counted or "none"
    )
    masters = [found for found in report.outputs if found.kind == "master"]
    if masters:
        console.say()
        output.print_table(
            ("file", "length", "loudness", "true peak"),
            [_row(report.out, master) for master in masters],
            right=("length", "loudness", "true peak"),
        )
    if lines := sum(found.kind == "lines" for found in report.outputs):
        console.say("{}/lines/  {}", report.out, output.counted(lines, "file"))
    for found in report.outputs:
        if found.kind not in ("master", "lines"):
            console.say("{}/{}", report.out, found.path)
    console.say("\n[dim]{}[/dim]", _pace(report, counts[Outcome.RENDERED]))
    if report.shard:
        console.say("shard {}: when all are done, finish with `tts-cli render ... --stitch-only`", report.shard)


def show_cast(dealt: Sequence[tuple[str, str, str]]) -> None:
    """Say, in a table, which voices were dealt out to speakers who had none."""
    if dealt:
        talk = output.talk()
        talk.say("voices dealt out to speakers without one; {} chooses others:", "`speakers: {NAME: VOICE}`")
        width = max(len(speaker) for speaker, _, _ in dealt)
        for speaker, engine, voice in dealt:
            talk.say("  {}  {}  {}", speaker.ljust(width), engine, voice)


def show_troubles(report: Report) -> None:
    """Say what was doubtful, what another engine had to speak, what failed, and what could not be written."""
    show_cast([(one.speaker, one.engine, one.voice) for one in report.spoken_by if one.dealt])
    talk = output.talk()
    for warning in fold_warnings(report.warnings):
        talk.say("[yellow]warning:[/yellow] {}", warning)
    for one in report.fallbacks:
        what = f"line {one.line} by {one.engine} instead of {one.instead_of}"
        talk.say("[yellow]fallback:[/yellow] {}: {}", what, one.error.partition("\n")[0])
    _show_lines("failed", report.failures)
    _show_lines("over budget", report.over_budget, by_id=False)
    _show_lines("flagged", report.quality_issues, style="yellow")
    for line, kept in list(report.retaken.items())[:MOST_FAILURES]:
        talk.say("[yellow]retaken:[/yellow] line {}: {}", line, kept)
    for name, missing in report.incomplete.items():
        talk.say("[yellow]not written:[/yellow] {} still misses {}", name, output.counted(missing, "line"))


def _show_lines(what: str, failures: Sequence[Failure], style: str = "red", *, by_id: bool = True) -> None:
    console = output.talk() if style == "yellow" else output.alarm()
    for failure in failures[:MOST_FAILURES]:
        line = f"line {failure.line}: " if by_id else ""
        console.say("{}: {} {}{}", failure.source, output.Styled(f"{what}:", style), line, failure.error)
        output.annotate("warning" if style == "yellow" else "error", f"{what}: {failure.error}", failure.source)
    if len(failures) > MOST_FAILURES:
        console.say("... and {} more; --json, or the JSON file, has them all", f"{len(failures) - MOST_FAILURES:,}")


def show_export_forecasts(forecasts: Sequence[ExportForecast], *, as_json: bool) -> None:
    """Say what an export would record, and which files it would write."""
    if as_json:
        output.print_json({"status": "ok", "dry_run": True, "exports": list(map(_export_plan_to_json, forecasts))})
        return
    console = output.results()
    for one in forecasts:
        lines = f"{output.counted(one.lines, 'line')}, {len(one.to_render):,} to render"
        there = f", {len(one.there):,} there by now" if one.there else ""
        files = f"{output.counted(len(one.files), 'file')}{there}"
        console.say("[bold]{}[/bold]  {}  {}; {}", one.manifest, one.recipe, lines, files)
        for name in one.files[:MOST_SHOWN]:
            console.say("  {}/{}", one.out, name)
        if len(one.files) > MOST_SHOWN:
            console.say("  and {} more", f"{len(one.files) - MOST_SHOWN:,}")


def _export_plan_to_json(forecast: ExportForecast) -> dict[str, Any]:
    return {
        "manifest": forecast.manifest,
        "recipe": forecast.recipe,
        "out": forecast.out,
        "lines": {"total": forecast.lines, "to_render": len(forecast.to_render)},
        "files": [f"{forecast.out}/{name}" for name in forecast.files],
        "there": [f"{forecast.out}/{name}" for name in forecast.there],
    }


def show_export(report: ExportReport) -> None:
    """Say what was shipped: failures first, then each file with what it measures, and what it misses."""
    talk = output.talk()
    _show_lines("failed", report.failures)
    _show_lines("over budget", report.over_budget, by_id=False)
    if report.missing:
        talk.say(
            "[yellow]not written:[/yellow] files that miss a line; {} to go", output.counted(report.missing, "line")
        )
    console = output.results()
    console.say("[bold]{}[/bold]  {}  [dim]{}/[/dim]\n", report.manifest, report.recipe, report.out)
    output.print_table(
        ("file", "length", "loudness", "true peak", "checks"),
        [(shipped.path, *_levels(shipped), _verdict(shipped)) for shipped in _worth_showing(report.outputs)],
        right=("length", "loudness", "true peak"),
    )
    if hidden := len(report.outputs) - len(_worth_showing(report.outputs)):
        console.say("and {} more that passed, listed in {}/export.json", output.counted(hidden, "file"), report.out)
    console.say("[dim]{} made, {} kept[/dim]", f"{report.made:,}", f"{report.kept:,}")
    for shipped in report.outputs:
        for check in shipped.checks:
            if not check.passed:
                wrong = f"{check.name} is {check.measured}, not {_bounds(check)}"
                output.alarm().say("[red]failed:[/red] {}: {}", shipped.path, wrong)
                output.annotate("error", f"{shipped.path}: {wrong}")
    for notice in report.notices:
        talk.say("[yellow]notice:[/yellow] {}", notice)


def _worth_showing(outputs: Sequence[Deliverable]) -> list[Deliverable]:
    """Choose of each kind the first files, and all that miss something."""
    seen: Counter[str] = Counter()
    chosen = []
    for shipped in outputs:
        seen[shipped.kind] += 1
        if seen[shipped.kind] <= MOST_SHOWN or not all(check.passed for check in shipped.checks):
            chosen.append(shipped)
    return chosen


def _verdict(shipped: Deliverable) -> str:
    passed = sum(check.passed for check in shipped.checks)
    if not shipped.checks:
        return ""
    return f"{passed} passed" if passed == len(shipped.checks) else f"{len(shipped.checks) - passed} FAILED"


def _bounds(check: Check) -> str:
    """Say what a value should be."""
    if check.low is None:
        return f"at most {check.high:g}"
    if check.high is None:
        return f"at least {check.low:g}"
    return f"{check.low:g}" if check.low == check.high else f"{check.low:g} to {check.high:g}"


def clock(seconds: float) -> str:
    """Write a length as 0:41, 12:05 or 1:02:03."""
    whole = round(seconds)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _row(out: str, master: Deliverable) -> tuple[str, str, str, str]:
    return f"{out}/{master.path}", *_levels(master)


def _levels(master: Deliverable) -> tuple[str, str, str]:
    loudness = "" if master.lufs is None else f"{master.lufs:.1f} LUFS"
    peak = "" if master.true_peak_dbtp is None else f"{master.true_peak_dbtp:.1f} dBTP"
    return clock(master.seconds) if master.seconds else "", loudness, peak


def _pace(report: Report, rendered: int) -> str:
    audio = f"{clock(report.audio_seconds)} of audio"
    if not rendered:
        return f"{audio}, nothing to render ({report.wall_seconds:.1f} s)"
    speed = report.audio_seconds / max(report.wall_seconds, 0.001)
    return f"{audio} in {report.wall_seconds:.1f} s ({speed:,.0f}x real time)"


def _describe(planned: PlannedLine) -> str:
    line = planned.line
    text = line.text if len(line.text) <= 60 else f"{line.text[:57]}..."
    return f"{line.id}  {line.speaker + ': ' if line.speaker else ''}{text}"
