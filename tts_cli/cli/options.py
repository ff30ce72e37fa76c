"""Options and arguments that several commands share, each declared once."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tts_cli.cli import output
from tts_cli.cli.everywhere import complete_engines
from tts_cli.errors import UsageError
from tts_cli.settings import Executor

if TYPE_CHECKING:
    from tts_cli.pipeline.request import ReadOptions

WORKERS_PANEL = "Workers"
BOOKS_PANEL = "Books, texts and sheets"


class Format(StrEnum):
    """The forms a manifest can have."""

    YAML = "yaml"
    CSV = "csv"
    SRT = "srt"
    VTT = "vtt"
    ASS = "ass"
    XLSX = "xlsx"
    TEXT = "text"
    MARKDOWN = "markdown"
    HTML = "html"
    EPUB = "epub"
    DOCX = "docx"
    ODT = "odt"


class HeadingsSpoken(StrEnum):
    """Whether the headings of a book are spoken; they name its chapters either way."""

    SPOKEN = "spoken"
    SILENT = "silent"


SourcesArg = Annotated[
    list[str],
    typer.Argument(
        metavar="SOURCE...",
        help="A YAML or CSV manifest, a book, a text or subtitles; several make one programme; "
        "[bold]-[/bold] reads standard input.",
    ),
]
FormatOpt = Annotated[
    Format | None, typer.Option("--format", help="What the source is; told by its name if not given.")
]
DefaultEngineOpt = Annotated[
    str,
    typer.Option(
        "--engine", metavar="NAME", help="Who speaks the lines that name no engine [dim](TTS_CLI_ENGINE)[/dim]."
    ),
]
DefaultVoiceOpt = Annotated[
    str,
    typer.Option("--voice", metavar="NAME", help="The voice of lines that name none [dim](TTS_CLI_VOICE)[/dim]."),
]
KeepOpt = Annotated[
    list[str] | None,
    typer.Option(
        "--keep",
        metavar="PART",
        help="Speak a part of a book that is left out: notes, contents, index, imprint, title-page, cover, all.",
        rich_help_panel=BOOKS_PANEL,
    ),
]
HeadingsOpt = Annotated[
    HeadingsSpoken, typer.Option("--headings", help="Whether headings are spoken.", rich_help_panel=BOOKS_PANEL)
]
ChapterPatternOpt = Annotated[
    str,
    typer.Option(
        "--chapter-pattern",
        metavar="REGEX",
        help="How a line of plain text begins that is a chapter's title.",
        rich_help_panel=BOOKS_PANEL,
    ),
]
EncodingOpt = Annotated[
    str,
    typer.Option(
        "--encoding", metavar="NAME", help="Of a text that is not UTF-8, e.g. cp1252.", rich_help_panel=BOOKS_PANEL
    ),
]
SheetOpt = Annotated[
    str,
    typer.Option(
        "--sheet", metavar="NAME", help="Which sheet of a workbook; default the first.", rich_help_panel=BOOKS_PANEL
    ),
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


def read_options(
    keep: Sequence[str] | None, headings: HeadingsSpoken, chapter_pattern: str, encoding: str, sheet: str
) -> "ReadOptions":
    """Return how a source is read."""
    from tts_cli.pipeline.request import ReadOptions

    parts = tuple(part.strip() for names in keep or () for part in names.split(","))
    return ReadOptions(
        keep=parts, headings=headings.value, chapter_pattern=chapter_pattern, encoding=encoding, sheet=sheet
    )


def refuse_sound_file(out: Path | None) -> None:
    """Raise `UsageError` where an output folder is called like a file of sound, or like standard output."""
    from tts_cli.audio.io.containers import FORMATS

    if out and (out.suffix.lower() in FORMATS or str(out) == "-"):
        hint = f"for one file: tts-cli say SOURCE -o {out}; for files to ship: tts-cli export SOURCE --recipe audiobook"
        raise UsageError(f"{out} is one file, and this command fills a folder", hint=hint)
