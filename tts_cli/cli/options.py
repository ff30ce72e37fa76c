"""Options and arguments that several commands share, each declared once."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tts_cli.cli import output
from tts_cli.cli.everywhere import complete_engines
from tts_cli.settings import Executor

WORKERS_PANEL = "Workers"


class Format(StrEnum):
    """The forms a manifest can have."""

    YAML = "yaml"
    CSV = "csv"
    SRT = "srt"
    VTT = "vtt"
    ASS = "ass"


ManifestArg = Annotated[
    str, typer.Argument(help="A YAML or CSV manifest, or subtitles; [bold]-[/bold] reads standard input.")
]
FormatOpt = Annotated[
    Format | None, typer.Option("--format", help="What the manifest is; told by its name if not given.")
]
CacheOpt = Annotated[
    Path | None, typer.Option("--cache", metavar="DIR", help="Where takes are kept [dim](TTS_CLI_CACHE)[/dim].")
]
WorkersOpt = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=1,
        max=256,
        help="Engine processes; default: one per core or GPU [dim](TTS_CLI_WORKERS)[/dim].",
        rich_help_panel=WORKERS_PANEL,
    ),
]
DeviceOpt = Annotated[
    str,
    typer.Option(
        "--device",
        metavar="DEVICE",
        help="auto, cpu, cuda, mps, or a list such as cuda:0,cuda:2 [dim](TTS_CLI_DEVICE)[/dim].",
        rich_help_panel=WORKERS_PANEL,
    ),
]
RecycleOpt = Annotated[
    int | None,
    typer.Option(
        "--recycle-after",
        metavar="LINES",
        min=1,
        help="Replace a worker after so many lines.",
        rich_help_panel=WORKERS_PANEL,
    ),
]
MemoryOpt = Annotated[
    str,
    typer.Option(
        "--worker-memory",
        metavar="SIZE",
        help="Replace a worker that holds more, e.g. 4G; default: its share of the machine.",
        rich_help_panel=WORKERS_PANEL,
    ),
]
ExecutorOpt = Annotated[
    Executor,
    typer.Option(
        "--executor", help="Where workers live: this machine, or a Ray cluster.", rich_help_panel=WORKERS_PANEL
    ),
]
RayAddressOpt = Annotated[
    str,
    typer.Option(
        "--ray-address",
        metavar="ADDRESS",
        help="The cluster; default: the one of [dim]RAY_ADDRESS[/dim], else one is started here for the run.",
        rich_help_panel=WORKERS_PANEL,
    ),
]
JsonOpt = Annotated[
    bool,
    typer.Option("--json", callback=output.use_json, is_eager=True, help="Print exactly one JSON object on stdout."),
]
OnlyOpt = Annotated[
    list[str] | None,
    typer.Option(
        "--only",
        metavar="FIELD=VALUE",
        help="Only such lines, e.g. speaker=mole; [bold]flagged[/bold]: those that did not sound right.",
    ),
]
DryRunOpt = Annotated[bool, typer.Option("--dry-run", help="Say what would be done; write nothing.")]
RelevelOpt = Annotated[
    bool, typer.Option("--relevel", help="Find levels that many files share anew; else one that barely moves stays.")
]
OverwriteOpt = Annotated[
    bool, typer.Option("--overwrite", help="Replace files that tts-cli did not write; never the run's own inputs.")
]
EngineOpt = Annotated[
    str,
    typer.Option("--engine", help="Which engine; `tts-cli engines` lists them.", autocompletion=complete_engines),
]
