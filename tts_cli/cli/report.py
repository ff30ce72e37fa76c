"""`tts-cli report`: what an output folder holds, as a page for people and as files for CI."""

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tts_cli.cli import output
from tts_cli.cli.options import JsonOpt, OverwriteOpt
from tts_cli.errors import ExitCode

EXAMPLE = "Example: [bold]tts-cli report out/book --junit report.xml[/bold]"
PAGE = "report.html"


class FailOn(StrEnum):
    """What makes a report fail."""

    NEVER = "never"
    PROBLEMS = "problems"


def report(
    project: Annotated[Path, typer.Argument(metavar="PROJECT", help="An output folder of a render or of exports.")],
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FILE", help=f"The page; default PROJECT/{PAGE}.")
    ] = None,
    embed: Annotated[
        bool, typer.Option("--embed", help="Put the lines' sounds into the page, so that it can be sent alone.")
    ] = False,
    junit: Annotated[
        Path | None,
        typer.Option("--junit", metavar="FILE", help="Also write JUnit XML: a case for each line and check."),
    ] = None,
    fail_on: Annotated[
        FailOn, typer.Option("--fail-on", help="When to end with exit code 6: never, or if there are problems.")
    ] = FailOn.NEVER,
    overwrite: OverwriteOpt = False,
    as_json: JsonOpt = False,
) -> None:
    """Show a rendered or exported project: failures first, waveforms, loudness, and a player for each line."""
    from tts_cli.cache.blobs import write_atomically
    from tts_cli.cli.progress import progress
    from tts_cli.pipeline.master.output_guard import OutputGuard
    from tts_cli.review.html_page import write_page
    from tts_cli.review.inspect_folder import review_runs, review_to_json
    from tts_cli.review.junit import write_junit
    from tts_cli.review.runs import find_runs, list_run_files

    runs = find_runs(project)
    page = out or project / PAGE
    guard = OutputGuard(project, list_run_files(runs), overwrite=overwrite)
    names = {path: os.path.relpath(path, project) for path in (page, junit) if path}
    guard.claim(names.values())
    with progress() as on_event:
        review = review_runs(runs, embed=embed, on_event=on_event)
    data = review_to_json(review)
    base = "" if page.parent.resolve() == project.resolve() else f"{os.path.relpath(project, page.parent)}/"
    write_atomically(guard.path(names[page]), write_page(data, base, review.sounds))
    if junit:
        write_atomically(guard.path(names[junit]), write_junit(data))
    count = len(review.problems)
    if as_json:
        output.print_json(data | {"page": str(page)})
    else:
        said = f"{count:,} problem{'' if count == 1 else 's'}" if count else "no problems"
        output.results().say("{}  {} lines, {}", page, f"{len(review.lines):,}", said)
    if count and fail_on is FailOn.PROBLEMS:
        raise typer.Exit(ExitCode.CHECK_FAILED)
