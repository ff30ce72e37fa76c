"""`tts-cli render`: the main job."""

import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tts_cli.cli import output
from tts_cli.cli.options import (
    CREW,
    CacheOpt,
    DeviceOpt,
    ExecutorOpt,
    FormatOpt,
    JsonOpt,
    ManifestArg,
    MemoryOpt,
    RayAddressOpt,
    RecycleOpt,
    WorkersOpt,
    read_stdin,
)
from tts_cli.errors import ExitCode
from tts_cli.settings import WorkerOptions, load_settings, parse_size

if TYPE_CHECKING:
    from tts_cli.pipeline.request import EventSink, RenderRequest
    from tts_cli.settings import Settings

EXAMPLE = "Example: [bold]tts-cli render manifests/quickstart.yaml -o out/[/bold]"


def render(
    manifest: ManifestArg,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="DIR", help="Where to write; default out/<manifest name>/.")
    ] = None,
    recipe: Annotated[str, typer.Option("--recipe", help="How masters must be: a name, or a YAML file.")] = "",
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only",
            metavar="FIELD=VALUE",
            help="Only such lines, e.g. speaker=mole; [bold]suspect[/bold]: those that did not sound right.",
        ),
    ] = None,
    lines: Annotated[bool, typer.Option("--lines", help="Also write lines/<id>.wav.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Render anew what the cache has.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be rendered; write nothing.")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Say of each line why it is rendered.")] = False,
    write_back: Annotated[
        Path | None,
        typer.Option("--write-back", metavar="FILE", help="Copy a CSV manifest with the results filled in."),
    ] = None,
    shard: Annotated[
        str,
        typer.Option(
            "--shard",
            metavar="I/N",
            help="Make this share of the takes, then leave; [bold]auto[/bold] asks Slurm, AWS Batch or CI.",
            rich_help_panel=CREW,
        ),
    ] = "",
    stitch_only: Annotated[
        bool, typer.Option("--stitch-only", help="Render nothing: finish from the takes that are there.")
    ] = False,
    events: Annotated[
        Path | None, typer.Option("--events", metavar="FILE", help="Append what happens to a file, as JSON lines.")
    ] = None,
    format_: FormatOpt = None,
    workers: WorkersOpt = None,
    device: DeviceOpt = "auto",
    executor: ExecutorOpt = "local",
    ray_address: RayAddressOpt = "",
    recycle_after: RecycleOpt = None,
    worker_memory: MemoryOpt = "",
    cache: CacheOpt = None,
    as_json: JsonOpt = False,
) -> None:
    """Render a manifest to stitched, loudness-normalised masters."""
    from tts_cli.pipeline.plan.shards import read_shard
    from tts_cli.pipeline.request import RenderRequest

    worker_options = WorkerOptions(
        workers=workers,
        device=device,
        executor=executor,
        ray_address=ray_address,
        recycle_after=recycle_after,
        worker_memory=parse_size(worker_memory) if worker_memory else None,
    )
    settings = load_settings(cache=cache, worker_options=worker_options)
    order = RenderRequest(
        manifest=manifest,
        stdin=read_stdin(manifest),
        format=format_,
        out=out,
        recipe=recipe,
        only=tuple(only or ()),
        force=force,
        lines=lines,
        write_back=write_back,
        shard=read_shard(shard, os.environ) if shard else None,
        stitch_only=stitch_only,
    )
    if dry_run or explain:
        _explain(order, settings, explain=explain, as_json=as_json, final=dry_run)
    if not dry_run:
        raise typer.Exit(_render(order, settings, events, as_json=as_json))


def _explain(order: "RenderRequest", settings: "Settings", *, explain: bool, as_json: bool, final: bool) -> None:
    """Show the plan: on stdout if that is all that was asked for, else as talk before the run."""
    from tts_cli.cli import summary
    from tts_cli.pipeline.run import dry_run

    forecast = dry_run(order, settings)
    if as_json and final:
        output.print_json(summary.plan_to_json(forecast))
    elif not as_json:
        summary.show_plan(forecast, explain=explain, console=output.results() if final else output.talk())


def _render(order: "RenderRequest", settings: "Settings", events: Path | None, *, as_json: bool) -> ExitCode:
    """Render and show what happened; returns what the process is to say."""
    from tts_cli.cli import summary
    from tts_cli.cli.progress import progress, send_to_all
    from tts_cli.cli.signals import stoppable
    from tts_cli.pipeline import run
    from tts_cli.pipeline.journal import Journal
    from tts_cli.pipeline.master.report_json import report_to_json

    try:
        with ExitStack() as stack:
            watches: list[EventSink] = [stack.enter_context(progress())]
            if events:
                watches.append(stack.enter_context(Journal(events)))
            report = run.render(order, settings, send_to_all(watches), stack.enter_context(stoppable()))
    except KeyboardInterrupt:
        if as_json:
            output.print_json({"status": "interrupted"})
        output.talk().print("interrupted: finished takes are kept, run the same command to go on")
        return ExitCode.INTERRUPTED
    if as_json:
        output.print_json(report_to_json(report))
    else:
        summary.show_report(report)
    if report.status != "ok":
        return ExitCode.PARTIAL
    return ExitCode.CHECK_FAILED if report.over_budget else ExitCode.DONE
