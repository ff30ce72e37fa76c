"""`tts-cli download`: engines made ready, once; rendering never downloads."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tts_cli.cli import output
from tts_cli.cli.options import JsonOpt
from tts_cli.errors import ExitCode, UsageError
from tts_cli.settings import load_settings

if TYPE_CHECKING:
    from tts_cli.install.download import Downloaded, DownloadListener

EXAMPLE = "Example: [bold]tts-cli download kokoro[/bold], or [bold]tts-cli download --list[/bold]"


def download(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="ENGINE[:PART]...|all", help="Engines, or parts of their weights.")
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="List what there is to download, and what is here.")] = False,
    revision: Annotated[
        str, typer.Option("--revision", help="Another commit, tag or branch of the weights than the tested one.")
    ] = "",
    endpoint: Annotated[str, typer.Option("--endpoint", metavar="URL", help="A mirror of the hub.")] = "",
    offline: Annotated[bool, typer.Option("--offline", help="Ask nobody: check what is here.")] = False,
    folder: Annotated[
        Path | None, typer.Option("--from", metavar="DIR", help="Take the weights' files from a folder.")
    ] = None,
    with_weights: Annotated[
        bool, typer.Option("--with-weights/--env-only", help="The weights, too, or only the packages that use them.")
    ] = True,
    as_json: JsonOpt = False,
) -> None:
    """Make engines ready: the packages that run them, and their weights, checked byte by byte."""
    from tts_cli.install.download import DownloadRequest
    from tts_cli.install.download import download as download_all

    load_settings()
    if list_:
        return _list(as_json=as_json)
    if not names:
        raise UsageError("download what?", hint="name engines, or `all`; `tts-cli download --list` lists them")
    request = DownloadRequest(
        names=tuple(names),
        revision=revision,
        endpoint=endpoint,
        offline=offline,
        folder=folder,
        weights=with_weights,
    )
    with _listener() as listener:
        results = list(download_all(request, listener))
    (_print_json if as_json else _show)(results)
    if any(result.state == "failed" for result in results):
        raise typer.Exit(ExitCode.MISSING)
    return None


@contextmanager
def _listener() -> "Iterator[DownloadListener]":
    """Show sentences as they come, and a bar for each download where somebody watches."""
    from tts_cli.install.download import DownloadListener

    def say(text: str) -> None:
        output.talk().say("[dim]{}[/dim]", text)

    if not output.is_live():
        yield DownloadListener(say=say, count=lambda _name, _done, _total: None)
        return
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (BarColumn(bar_width=32), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn(compact=True))
    name_column, talk = TextColumn("{task.description:<16}", markup=False), output.talk()
    with Progress(name_column, *columns, console=talk.console, transient=True) as bars:
        tasks = {}

        def count(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name, total=total)
            bars.update(tasks[name], completed=done, total=total)

        yield DownloadListener(say=lambda text: talk.say("[dim]{}[/dim]", text), count=count)


def _show(results: "list[Downloaded]") -> None:
    output.print_table(
        ("name", "what", "state", "size", "where"),
        [
            (found.name, found.what, found.state, output.size(found.size) if found.size else "", found.detail)
            for found in results
        ],
        right=("size",),
    )
    for found in results:
        if found.error:
            output.talk().say("[red]failed:[/red] {}: {}", found.name, found.error)
            output.print_hint(found.hint, output.talk())


def _print_json(results: "list[Downloaded]") -> None:
    failed = any(result.state == "failed" for result in results)
    output.print_json({"status": "failed" if failed else "ok", "downloads": [asdict(result) for result in results]})


def _list(*, as_json: bool) -> None:
    """List every part of every engine's weights, and whether it is here."""
    from tts_cli.engines.weights import is_here, known_weights
    from tts_cli.install.download import downloadable

    rows: list[dict[str, Any]] = [
        {
            "name": f"{spec.name}:{weights.part}" if weights.part else spec.name,
            "here": is_here(spec, weights),
            "megabytes": weights.megabytes,
            "gated": weights.gated,
            "licence": weights.licence,
            "repo": weights.repo,
            "revision": weights.revision,
            "doc": weights.doc or spec.summary,
        }
        for spec in downloadable()
        for weights in known_weights(spec)
    ]
    opened = [(spec.name, spec.install.open_parts) for spec in downloadable() if spec.install.open_parts]
    rows += [
        {
            "name": f"{engine}:{parts.name}",
            "here": False,
            "megabytes": parts.megabytes,
            "gated": False,
            "licence": parts.licence,
            "repo": parts.repo,
            "revision": "",
            "doc": parts.doc,
        }
        for engine, parts in opened
    ]
    if as_json:
        output.print_json({"status": "ok", "weights": rows})
        return
    parts = {row["name"]: [each for each in rows if each["name"] == row["name"]] for row in rows}
    output.print_table(
        ("name", "here", "MB", "gated", "licence", "what for"),
        [
            (
                name,
                "yes" if all(row["here"] for row in files) else "no",
                f"{sum(row['megabytes'] for row in files):,}",
                "yes" if any(row["gated"] for row in files) else "no",
                files[0]["licence"],
                files[0]["doc"],
            )
            for name, files in parts.items()
        ],
        right=("MB",),
    )
