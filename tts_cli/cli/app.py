"""The command line as a whole: its commands, and the one place where errors become messages and exit codes."""

import gc
import sys
from typing import Annotated, NoReturn

import typer

from tts_cli.about import __version__
from tts_cli.cli import (
    bench,
    cache,
    check,
    clone,
    doctor,
    download,
    engines,
    export,
    import_,
    init,
    output,
    precompute,
    render,
    report,
    say,
    streams,
    voices,
)
from tts_cli.cli.everywhere import HELP_NAMES, with_common_options
from tts_cli.errors import ExitCode, TtsError, UsageError, refused

app = typer.Typer(
    name="tts-cli",
    help="Scripts in, finished audio out: render manifests of lines, speakers and emotions to normalised speech.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings=HELP_NAMES,
)
app.command("say", epilog=say.EXAMPLE)(say.say)
app.command("import", epilog=import_.EXAMPLE)(import_.import_)
app.command("render", epilog=render.EXAMPLE)(render.render)
app.command("export", epilog=export.EXAMPLE)(export.export)
app.command("download", epilog=download.EXAMPLE)(download.download)
app.command("clone", epilog=clone.EXAMPLE)(clone.clone)
app.command("precompute", epilog=precompute.EXAMPLE)(precompute.precompute)
app.command("check", epilog=check.EXAMPLE)(check.check)
app.command("init", epilog=init.EXAMPLE)(init.init)
app.command("report", epilog=report.EXAMPLE)(report.report)
app.command("engines", epilog=engines.EXAMPLE)(engines.engines)
app.command("doctor", epilog=doctor.EXAMPLE)(doctor.doctor)
app.add_typer(engines.app, name="engines", epilog=engines.EXAMPLE)
app.add_typer(voices.app, name="voices")
app.add_typer(cache.app, name="cache")
app.add_typer(bench.app, name="bench")


def _print_version(wanted: bool) -> None:  # noqa: FBT001  typer calls it so
    if wanted:
        typer.echo(f"tts-cli {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Hold the options that stand before any command."""


# typer brings a click of its own, and names only some of its errors.
_CommandLineError: type[Exception] = typer.BadParameter.__mro__[1]


def _run() -> None:
    """Run the command; with --json, a command line that makes no sense is told as JSON too."""
    command = with_common_options(app)
    if "--json" not in sys.argv[1:]:
        command(prog_name="tts-cli")
        return
    output.use_json(wanted=True)
    try:
        sys.exit(command(prog_name="tts-cli", standalone_mode=False) or ExitCode.DONE)
    except _CommandLineError as error:
        message: str = error.format_message() if hasattr(error, "format_message") else str(error)
        raise UsageError(message.rstrip("."), hint="see tts-cli --help") from error
    except typer.Abort:
        sys.exit(ExitCode.INTERRUPTED)


def main() -> None:
    """Run the command line. Expected errors are told in words; a bug keeps its traceback (exit 1)."""
    streams.prepare()
    # A long script is millions of small objects that live to the end: looking for cycles in them costs half the time.
    gc.set_threshold(2_000_000)
    try:
        try:
            _run()
        finally:
            sys.stdout.flush()
    except TtsError as error:
        _fail(error)
    except BrokenPipeError:
        # the reader of our stdout went away, as `head` does; keep Python from complaining again at exit
        sys.stderr.close()
        sys.exit(ExitCode.DONE)
    except OSError as error:
        _fail(refused(error.filename or "a file of this run", "be used", error))
    except UnicodeEncodeError as error:
        letters = error.object[error.start : error.end]
        hint = "set LC_ALL=C.UTF-8 or PYTHONUTF8=1, and use file names that are UTF-8"
        _fail(UsageError(f"this environment's encoding, {error.encoding}, cannot write {letters!r}", hint=hint))


def _fail(error: TtsError) -> NoReturn:
    output.show_error(error)
    sys.exit(error.exit_code)
