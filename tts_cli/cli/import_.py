"""`tts-cli import`: a book or a text becomes a manifest to edit."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from tts_cli.cli import output
from tts_cli.cli.options import (
    ChapterPatternOpt,
    DefaultEngineOpt,
    EncodingOpt,
    FormatOpt,
    HeadingsOpt,
    HeadingsSpoken,
    JsonOpt,
    KeepOpt,
    SheetOpt,
    SourcesArg,
    read_options,
)
from tts_cli.cli.streams import read_stdin
from tts_cli.settings import load_settings

EXAMPLE = "Example: [bold]tts-cli import book.epub -o book.yaml[/bold]"


def import_(
    sources: SourcesArg,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", metavar="FILE", help="book.yaml, or book.csv with its frame in book.yaml."),
    ] = None,
    update: Annotated[
        bool, typer.Option("--update", help="Merge a new edition into the manifest: what is written by hand stays.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Write anew a manifest that is there.")] = False,
    engine: DefaultEngineOpt = "",
    format_: FormatOpt = None,
    keep: KeepOpt = None,
    headings: HeadingsOpt = HeadingsSpoken.SPOKEN,
    chapter_pattern: ChapterPatternOpt = "",
    encoding: EncodingOpt = "",
    sheet: SheetOpt = "",
    as_json: JsonOpt = False,
) -> None:
    """Write the manifest of a book or a text, to be edited; it is rendered to the same takes as the book itself."""
    from tts_cli.pipeline.importing.import_source import ImportRequest, import_source
    from tts_cli.pipeline.request import RenderRequest

    source = RenderRequest(
        manifest=sources[0],
        more=tuple(sources[1:]),
        stdin=read_stdin(sources),
        format=format_,
        reading=read_options(keep, headings, chapter_pattern, encoding, sheet),
    )
    request = ImportRequest(source=source, out=out, update=update, overwrite=overwrite)
    report = import_source(request, load_settings(engine=engine))
    if as_json:
        warnings = [output.problem_json(warning) for warning in report.warnings]
        output.print_json({"status": "ok", **asdict(report), "warnings": warnings})
        return
    output.print_problems(report.warnings)
    counts = f"{report.lines:,} lines, {report.chapters:,} chapters"
    if report.merged:
        merged = report.merged
        counts += f"; merged: {merged.added:,} new, {merged.changed:,} changed, {merged.removed:,} removed"
    output.results().say("{}: {}", ", ".join(report.files), counts)
