"""`tts-cli report`: what an output folder holds, as a page for people and as files for CI."""

import os
from pathlib import Path
from typing import Annotated

import typer

from tts_cli.cli import output
from tts_cli.cli.options import JsonOpt

EXAMPLE = "Example: [bold]tts-cli report out/book --junit report.xml[/bold]"
PAGE = "report.html"


def report(
    project: Annotated[Path, typer.Argument(metavar="PROJECT", help="An output folder of `tts-cli render`.")],
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
    as_json: JsonOpt = False,
) -> None:
    """Show a rendered project: failures first, waveforms, loudness, and a player for each line."""
    from tts_cli.cache.blobs import write_atomically
    from tts_cli.cli.progress import progress
    from tts_cli.review.html_page import write_page
    from tts_cli.review.inspect_folder import review_folder, review_to_json
    from tts_cli.review.junit import write_junit

    with progress() as on_event:
        review = review_folder(project, embed=embed, on_event=on_event)
    data = review_to_json(review)
    page = out or project / PAGE
    base = "" if page.parent.resolve() == project.resolve() else f"{os.path.relpath(project, page.parent)}/"
    write_atomically(page, write_page(data, base, review.sounds))
    if junit:
        write_atomically(junit, write_junit(data))
    if as_json:
        output.print_json(data | {"page": str(page)})
        return
    count = len(review.problems)
    said = f"{count:,} problem{'' if count == 1 else 's'}" if count else "no problems"
    output.results().say("{}  {} lines, {}", page, f"{len(review.lines):,}", said)
