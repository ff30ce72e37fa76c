"""`tts-cli download`: engines made ready, once; rendering never downloads."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from tts_cli.cli import output
from tts_cli.cli.options import JsonOpt
from tts_cli.errors import ExitCode, UsageError
from tts_cli.settings import load_settings

if TYPE_CHECKING:
    from tts_cli.install.download import Downloaded, DownloadListener
    from tts_cli.install.packages import Torch
    from tts_cli.install.plan import Room, Step

ASK_ABOVE = 10**9  # bytes
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
    torch: Annotated[
        str,
        typer.Option(
            "--torch",
            metavar="cpu|index",
            help="Torch for the CPU (the default without an NVIDIA driver), or as the index of packages has it.",
        ),
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before more than 1 GB is fetched.")] = False,
    as_json: JsonOpt = False,
) -> None:
    """Make engines ready: the packages that run them, and their weights, checked byte by byte."""
    from tts_cli.install.download import download as download_all
    from tts_cli.install.plan import DownloadRequest

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
        torch=_torch(torch),
    )
    with _listener(yes=yes) as listener:
        results = list(download_all(request, listener))
    (_print_json if as_json else _show)(results)
    if any(result.state == "failed" for result in results):
        raise typer.Exit(ExitCode.MISSING)
    return None


def _torch(wish: str) -> "Torch | None":
    from tts_cli.install.packages import Torch

    found: Torch | None = next((one for one in get_args(Torch) if one == wish), None)
    if wish and found is None:
        raise UsageError(f"--torch {wish}", hint=f"one of: {', '.join(get_args(Torch))}")
    return found


@contextmanager
def _listener(*, yes: bool) -> "Iterator[DownloadListener]":
    """Show sentences as they come, and a bar for each download where somebody watches."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    from tts_cli.install.download import DownloadListener

    columns = (BarColumn(bar_width=32), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn(compact=True))
    name_column, talk = TextColumn("{task.description:<16}", markup=False), output.talk()
    bars, tasks = Progress(name_column, *columns, console=talk.console, transient=True), {}

    def count(name: str, done: int, total: int) -> None:
        if not output.is_live():
            return
        # Only now, as a question may come before.
        bars.start()
        if name not in tasks:
            tasks[name] = bars.add_task(name, total=total)
        bars.update(tasks[name], completed=done, total=total)

    def agree(steps: "Sequence[Step]") -> None:
        fetch = sum(step.fetch for step in steps if step.is_due)
        if fetch > ASK_ABOVE and output.may_ask(yes=yes) and not typer.confirm("go on?", default=True, err=True):
            raise typer.Exit(ExitCode.INTERRUPTED)

    try:
        yield DownloadListener(
            say=lambda text: talk.say("[dim]{}[/dim]", text), count=count, announce=_announce, agree=agree
        )
    finally:
        bars.stop()


def _announce(steps: "Sequence[Step]", rooms: "Sequence[Room]") -> None:
    """Say what will be fetched, what it is in all, and what the disks have left afterwards."""
    talk, due = output.talk(), [step for step in steps if step.is_due]
    if not due:
        return
    for step in due:
        if step.packages:
            count = f"{len(step.packages.sizes)} packages" if step.packages.sizes else "packages"
            kind = {"cpu": ", torch for the CPU", "index": ", torch of the index", "": ""}[step.packages.torch]
            cuda = " with CUDA" if step.packages.has_cuda else ""
            talk.say("{}: {}, {}{}{}", step.name, count, output.size(step.fetch), kind, cuda)
        elif step.weights:
            size = f"about {output.size(step.fetch or step.disk)}" if step.disk else "of unknown size"
            talk.say("{}: weights {}, {}", step.name, step.weights.repo, size)
    talk.say("to fetch: {} in all", output.size(sum(step.fetch for step in due)))
    for room in rooms:
        needed, free, left = map(output.size, (room.needed, room.free, max(0, room.free - room.needed)))
        talk.say("on the disk of {}: about {}; {} are free, {} afterwards", room.folder, needed, free, left)


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
    """List every engine's packages and every part of its weights, and whether they are here."""
    from tts_cli.install.download import downloadable
    from tts_cli.install.listing import Listed, list_engine

    rows = [row for spec in downloadable() for row in list_engine(spec)]
    if as_json:
        kinds = {kind: [asdict(row) for row in rows if row.what == kind] for kind in ("weights", "packages")}
        output.print_json({"status": "ok", **kinds})
        return
    # A part may lie in several repositories.
    parts: dict[tuple[str, str], list[Listed]] = {}
    for row in rows:
        parts.setdefault((row.name, row.what), []).append(row)
    output.print_table(
        ("name", "what", "here", "MB", "gated", "licence", "what for"),
        [
            (
                name,
                what,
                "yes" if all(row.here for row in files) else "no",
                f"{sum(row.megabytes for row in files):,}",
                "yes" if any(row.gated for row in files) else "no",
                files[0].licence,
                files[0].doc,
            )
            for (name, what), files in parts.items()
        ],
        right=("MB",),
    )
