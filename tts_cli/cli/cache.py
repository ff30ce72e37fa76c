"""`tts-cli cache`: look after the takes that are kept."""

from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from tts_cli.cli import output
from tts_cli.cli.options import CacheOpt, DryRunOpt, JsonOpt
from tts_cli.errors import ExitCode
from tts_cli.settings import load_settings, parse_size

if TYPE_CHECKING:
    from tts_cli.cache.prune import Pruned

app = typer.Typer(help="Look after the cache of takes.", no_args_is_help=True)


@app.command(epilog="Example: [bold]tts-cli cache stat[/bold]")
def stat(cache: CacheOpt = None, as_json: JsonOpt = False) -> None:
    """Count the takes and the space they use."""
    from tts_cli.cache import prune
    from tts_cli.cache.store import Cache

    root = load_settings(cache=cache).cache
    found = prune.stat(Cache(root))
    if as_json:
        output.print_json({"status": "ok", "path": str(root)} | asdict(found))
        return
    hours = found.audio_seconds / 3600
    takes = f"{output.counted(found.takes, 'take')}, {hours:.2f} hours, {found.conditionals:,} conditionals"
    output.results().say("{}\n{}, {}", root, takes, _megabytes(found.bytes))
    if found.unusable:
        output.talk().say("{} records lack a sound take; they will be rendered anew", f"{found.unusable:,}")


@app.command(epilog="Example: [bold]tts-cli cache verify --json[/bold]")
def verify(cache: CacheOpt = None, as_json: JsonOpt = False) -> None:
    """Check the hash of every take; damaged ones are deleted and will be rendered anew (exit 6)."""
    from tts_cli.cache import prune
    from tts_cli.cache.store import Cache

    checked, damaged = prune.verify(Cache(load_settings(cache=cache).cache))
    if as_json:
        output.print_json({"status": "failed" if damaged else "ok", "checked": checked, "damaged": list(damaged)})
    else:
        output.results().say("{} checked, {} damaged", output.counted(checked, "take"), f"{len(damaged):,}")
    if damaged:
        raise typer.Exit(ExitCode.CHECK_FAILED)


@app.command(epilog="Example: [bold]tts-cli cache gc --max-size 20G --max-age 90[/bold]")
def gc(
    max_size: Annotated[str, typer.Option(metavar="SIZE", help="Keep at most so much, e.g. 500M or 20G.")] = "",
    max_age: Annotated[float | None, typer.Option(metavar="DAYS", min=0, help="Drop takes unused for so long.")] = None,
    dry_run: DryRunOpt = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before takes are dropped.")] = False,
    cache: CacheOpt = None,
    as_json: JsonOpt = False,
) -> None:
    """Remove leftovers and takes that nothing names; with limits also the ones unused for longest."""
    from tts_cli.cache import prune
    from tts_cli.cache.store import DAY_S, Cache
    from tts_cli.scratch import sweep

    age_s = None if max_age is None else max_age * DAY_S
    limit = parse_size(max_size) if max_size else None
    store = Cache(load_settings(cache=cache).cache)
    collect = partial(prune.collect, store, max_bytes=limit, max_age_s=age_s)
    if not dry_run and output.may_ask(yes=yes):
        would = collect(dry_run=True)
        if would.takes and not typer.confirm(f"drop {_describe(would)} of {store.root}?", err=True):
            raise typer.Exit(ExitCode.INTERRUPTED)
    swept = 0 if dry_run else sweep()
    pruned = collect(dry_run=dry_run)
    if as_json:
        output.print_json({"status": "ok", "dry_run": dry_run} | asdict(pruned) | {"scratch": swept})
        return
    leftovers = f", {swept:,} scratch folders" if swept else ""
    output.results().say("{} {}{}", "would remove" if dry_run else "removed", _describe(pruned), leftovers)
    if pruned.waiting:
        young = f"{pruned.waiting:,} more files ({_megabytes(pruned.waiting_bytes)}) that nothing names"
        output.talk().say("{} are younger than an hour, and may be in use: a later gc removes them", young)


def _describe(pruned: "Pruned") -> str:
    leftovers = f", {pruned.temporary:,} leftovers" if pruned.temporary else ""
    dropped = f"{output.counted(pruned.takes, 'take')}, {output.counted(pruned.blobs, 'file')}{leftovers}"
    return f"{dropped}: {_megabytes(pruned.bytes)}"


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"
