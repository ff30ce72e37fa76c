"""`tts-cli export`: what people ship, each file measured after it was encoded."""

from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tts_cli.cli import output
from tts_cli.cli.everywhere import complete_recipes
from tts_cli.cli.options import (
    CacheOpt,
    ChapterPatternOpt,
    DefaultEngineOpt,
    DefaultVoiceOpt,
    DeviceOpt,
    DryRunOpt,
    EncodingOpt,
    FormatOpt,
    HeadingsOpt,
    HeadingsSpoken,
    JsonOpt,
    KeepOpt,
    OnlyOpt,
    OverwriteOpt,
    RelevelOpt,
    SheetOpt,
    WorkersOpt,
    read_options,
    refuse_sound_file,
)
from tts_cli.cli.streams import read_stdin
from tts_cli.errors import ExitCode, UsageError
from tts_cli.settings import Settings, WorkerOptions, load_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from tts_cli.pipeline.model import ExportReport


class DuckingPreset(StrEnum):
    """How far what lies under a dub is turned down while it speaks."""

    GENTLE = "gentle"
    BALANCED = "balanced"
    STRONG = "strong"


EXAMPLE = "Example: [bold]tts-cli export book.yaml --recipe audiobook --recipe acx[/bold]"
SourcesOrOutArg = Annotated[
    list[str] | None,
    typer.Argument(metavar="SOURCE|OUT", help="What render takes, or the output folder of a render."),
]
RecipesOpt = Annotated[
    list[str] | None,
    typer.Option("--recipe", metavar="NAME", help="What to deliver; may be repeated.", autocompletion=complete_recipes),
]
OutOpt = Annotated[
    Path | None, typer.Option("-o", "--out", metavar="DIR", help="Where each recipe gets a folder of its name.")
]
ListOpt = Annotated[bool, typer.Option("--list", help="List the recipes that deliver something.")]
VideoOpt = Annotated[
    Path | None,
    typer.Option(
        "--video", metavar="FILM", exists=True, dir_okay=False, help="A film to dub: it says how long the dub is."
    ),
]
BedOpt = Annotated[
    Path | None,
    typer.Option(
        "--bed", metavar="FILE", exists=True, dir_okay=False, help="What a dub is mixed over, e.g. music and effects."
    ),
]
DuckOpt = Annotated[
    DuckingPreset | None, typer.Option("--duck", help="Turn the bed, or the film's own sound, down under a dub.")
]


def export(
    sources: SourcesOrOutArg = None,
    recipe: RecipesOpt = None,
    out: OutOpt = None,
    list_: ListOpt = False,
    video: VideoOpt = None,
    bed: BedOpt = None,
    duck: DuckOpt = None,
    only: OnlyOpt = None,
    dry_run: DryRunOpt = False,
    overwrite: OverwriteOpt = False,
    relevel: RelevelOpt = False,
    engine: DefaultEngineOpt = "",
    voice: DefaultVoiceOpt = "",
    format_: FormatOpt = None,
    keep: KeepOpt = None,
    headings: HeadingsOpt = HeadingsSpoken.SPOKEN,
    chapter_pattern: ChapterPatternOpt = "",
    encoding: EncodingOpt = "",
    sheet: SheetOpt = "",
    workers: WorkersOpt = None,
    device: DeviceOpt = "auto",
    cache: CacheOpt = None,
    as_json: JsonOpt = False,
) -> None:
    """Export what people ship: audiobooks, podcasts, subtitles, game lines (exit 6 where a requirement is not met)."""
    from tts_cli import api
    from tts_cli.cli import summary
    from tts_cli.pipeline.request import DubTarget

    worker_options = WorkerOptions(workers=workers, device=device)
    settings = load_settings(cache=cache, worker_options=worker_options, engine=engine, voice=voice)
    if list_:
        _list(settings, as_json=as_json)
        return
    if not sources:
        raise UsageError("what to export?", hint="name a manifest, or the output folder of a render")
    refuse_sound_file(out)
    options: dict[str, Any] = {
        "more": sources[1:],
        "stdin": read_stdin(sources),
        "reading": read_options(keep, headings, chapter_pattern, encoding, sheet),
        "format": format_,
        "recipes": recipe or (),
        "out": out,
        "only": only or (),
        "overwrite": overwrite,
        "relevel": relevel,
        "target": DubTarget(video=video, bed=bed, ducking=duck.value if duck else None),
    }
    if dry_run:
        forecasts = api.forecast_export(sources[0], settings=settings, **options)
        summary.show_export_forecasts(forecasts, as_json=as_json)
        return
    raise typer.Exit(_export(partial(api.export, sources[0], settings=settings, **options), as_json=as_json))


def _list(settings: Settings, *, as_json: bool) -> None:
    from tts_cli.pipeline.export import deliverers

    recipes = deliverers(settings.home)
    if as_json:
        listed = [
            {"name": recipe.name, "description": recipe.description, "files": [found.file for found in recipe.deliver]}
            for recipe in recipes
        ]
        output.print_json({"status": "ok", "recipes": listed})
    else:
        output.print_table(("recipe", "delivers"), [(recipe.name, recipe.description) for recipe in recipes])


def _export(work: "Callable[..., tuple[ExportReport, ...]]", *, as_json: bool) -> ExitCode:
    """Export and show what happened; returns what the process is to say."""
    from tts_cli.cli import summary
    from tts_cli.cli.progress import progress
    from tts_cli.cli.signals import stoppable
    from tts_cli.pipeline.delivery.export_json import export_to_json

    try:
        with progress() as on_event, stoppable() as stop:
            reports = work(on_event=on_event, stop=stop)
    except KeyboardInterrupt:
        if as_json:
            output.print_json({"status": "interrupted"})
        output.talk().say("interrupted: finished files are kept, run the same command to go on")
        return ExitCode.INTERRUPTED
    if as_json:
        statuses = [report.status for report in reports]
        worst = next((status for status in ("partial", "failed") if status in statuses), "ok")
        exports = [output.with_paths(export_to_json(report)) for report in reports]
        output.print_json({"status": worst, "exports": exports})
    else:
        for report in reports:
            summary.show_export(report)
    return _exit_code(reports)


def _exit_code(reports: "tuple[ExportReport, ...]") -> ExitCode:
    """Lines that failed weigh more than a check that did: what is missing cannot be checked."""
    statuses = {report.status for report in reports}
    if "partial" in statuses:
        return ExitCode.PARTIAL
    return ExitCode.CHECK_FAILED if "failed" in statuses else ExitCode.DONE
