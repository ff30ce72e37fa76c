"""`tts-cli render`: the main job."""

import os
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tts_cli.cli import output
from tts_cli.cli.everywhere import complete_recipes
from tts_cli.cli.options import (
    WORKERS_PANEL,
    CacheOpt,
    ChapterPatternOpt,
    DefaultEngineOpt,
    DefaultVoiceOpt,
    DeviceOpt,
    DryRunOpt,
    EncodingOpt,
    ExecutorOpt,
    FormatOpt,
    HeadingsOpt,
    HeadingsSpoken,
    JsonOpt,
    KeepOpt,
    MemoryOpt,
    OnlyOpt,
    OverwriteOpt,
    RayAddressOpt,
    RecycleOpt,
    RelevelOpt,
    SheetOpt,
    SourcesArg,
    WorkersOpt,
    read_options,
    refuse_sound_file,
)
from tts_cli.cli.streams import read_stdin
from tts_cli.errors import ExitCode
from tts_cli.settings import WorkerOptions, load_settings, parse_size

if TYPE_CHECKING:
    from collections.abc import Callable

    from tts_cli.pipeline.model import Report
    from tts_cli.pipeline.request import EventSink

EXAMPLE = "Example: [bold]tts-cli render manifests/quickstart.yaml -o out/[/bold]"


OutOpt = Annotated[
    Path | None, typer.Option("-o", "--out", metavar="DIR", help="Where to write; default out/<manifest name>/.")
]
RecipeOpt = Annotated[
    str,
    typer.Option("--recipe", help="How masters must be: a name, or a YAML file.", autocompletion=complete_recipes),
]
LinesOpt = Annotated[bool, typer.Option("--lines", help="Also write lines/<id>.wav.")]
ForceOpt = Annotated[bool, typer.Option("--force", help="Render anew what the cache has.")]
ExplainOpt = Annotated[bool, typer.Option("--explain", help="Say of each line why it is rendered.")]
WriteBackOpt = Annotated[
    Path | None,
    typer.Option("--write-back", metavar="FILE", help="Copy a CSV manifest with the results filled in."),
]
ShardOpt = Annotated[
    str,
    typer.Option(
        "--shard",
        metavar="I/N",
        help="Make this share of the takes, then leave; [bold]auto[/bold] asks Slurm, AWS Batch or CI.",
        rich_help_panel=WORKERS_PANEL,
    ),
]
StitchOnlyOpt = Annotated[
    bool, typer.Option("--stitch-only", help="Render nothing: finish from the takes that are there.")
]
EventsOpt = Annotated[
    Path | None, typer.Option("--events", metavar="FILE", help="Append what happens to a file, as JSON lines.")
]


def render(
    sources: SourcesArg,
    out: OutOpt = None,
    recipe: RecipeOpt = "",
    only: OnlyOpt = None,
    lines: LinesOpt = False,
    force: ForceOpt = False,
    dry_run: DryRunOpt = False,
    explain: ExplainOpt = False,
    write_back: WriteBackOpt = None,
    shard: ShardOpt = "",
    stitch_only: StitchOnlyOpt = False,
    overwrite: OverwriteOpt = False,
    relevel: RelevelOpt = False,
    events: EventsOpt = None,
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
    executor: ExecutorOpt = "local",
    ray_address: RayAddressOpt = "",
    recycle_after: RecycleOpt = None,
    worker_memory: MemoryOpt = "",
    cache: CacheOpt = None,
    as_json: JsonOpt = False,
) -> None:
    """Render a manifest, a book or a text to stitched, loudness-normalised masters."""
    from tts_cli import api
    from tts_cli.cli import summary
    from tts_cli.pipeline.plan.shards import read_shard

    worker_options = WorkerOptions(
        workers=workers,
        device=device,
        executor=executor,
        ray_address=ray_address,
        recycle_after=recycle_after,
        worker_memory=parse_size(worker_memory) if worker_memory else None,
    )
    refuse_sound_file(out)
    settings = load_settings(cache=cache, worker_options=worker_options, engine=engine, voice=voice)
    manifest, *more = sources
    options: dict[str, Any] = {
        "more": more,
        "stdin": read_stdin(sources),
        "reading": read_options(keep, headings, chapter_pattern, encoding, sheet),
        "format": format_,
        "out": out,
        "recipe": recipe,
        "only": only or (),
        "force": force,
        "lines": lines,
        "write_back": write_back,
        "shard": read_shard(shard, os.environ) if shard else None,
        "stitch_only": stitch_only,
        "overwrite": overwrite,
        "relevel": relevel,
    }
    if dry_run or explain:
        found = api.forecast(manifest, settings=settings, **options)
        summary.show_forecast(found, explain=explain, as_json=as_json, final=dry_run)
    if not dry_run:
        work = partial(api.render, manifest, settings=settings, **options)
        raise typer.Exit(_render(work, events, as_json=as_json))


def _render(work: "Callable[..., Report]", events: Path | None, *, as_json: bool) -> ExitCode:
    """Render and show what happened; returns what the process is to say."""
    from tts_cli.cli import summary
    from tts_cli.cli.progress import progress, send_to_all
    from tts_cli.cli.signals import stoppable
    from tts_cli.pipeline.journal import Journal
    from tts_cli.pipeline.master.report_json import report_to_json

    try:
        with ExitStack() as stack:
            sinks: list[EventSink] = [stack.enter_context(progress())]
            if events:
                sinks.append(stack.enter_context(Journal(events)))
            report = work(on_event=send_to_all(sinks), stop=stack.enter_context(stoppable()))
    except KeyboardInterrupt:
        if as_json:
            output.print_json({"status": "interrupted"})
        output.talk().say("interrupted: finished takes are kept, run the same command to go on")
        return ExitCode.INTERRUPTED
    if as_json:
        output.print_json(output.with_paths({"out": report.out} | report_to_json(report)))
    else:
        summary.show_report(report)
    return report_exit_code(report)


def report_exit_code(report: "Report") -> ExitCode:
    """Return what the process is to say: a line that failed weighs more than one that is too long."""
    if report.status != "ok":
        return ExitCode.PARTIAL
    return ExitCode.CHECK_FAILED if report.over_budget else ExitCode.DONE
