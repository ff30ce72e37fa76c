"""What every command has: `-h`, `-q` and `-v`; and the names that a shell completes."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from tts_cli.cli import output

HELP_NAMES = {"help_option_names": ["-h", "--help"]}
_PANEL = "Everywhere"


def _be_quiet(wanted: bool) -> bool:  # noqa: FBT001  typer calls it so
    output.mode.quiet = output.mode.quiet or wanted
    return wanted


def _be_verbose(wanted: bool) -> bool:  # noqa: FBT001
    output.mode.verbose = output.mode.verbose or wanted
    return wanted


def _options(
    quiet: Annotated[
        bool,
        typer.Option("-q", "--quiet", callback=_be_quiet, help="Say results and errors alone.", rich_help_panel=_PANEL),
    ] = False,
    verbose: Annotated[
        bool,
        typer.Option(
            "-v", "--verbose", callback=_be_verbose, help="Say more, and where an error arose.", rich_help_panel=_PANEL
        ),
    ] = False,
) -> None:
    """Hold the options that each command has."""


def with_common_options(app: typer.Typer) -> Any:
    """Return the command line of an app, each of its commands with the options of all."""
    donor = typer.Typer(add_completion=False)
    donor.command()(_options)
    options = [param for param in typer.main.get_command(donor).params if param.name in ("quiet", "verbose")]
    for option in options:
        option.expose_value = False
    command = typer.main.get_command(app)
    for found in _commands(command):
        found.params += options
    return command


def _commands(command: Any) -> Iterator[Any]:
    yield command
    for inner in getattr(command, "commands", {}).values():
        yield from _commands(inner)


# --- completion -----------------------------------------------------------------------------------------


def complete_engines(incomplete: str) -> list[str]:
    """Return the engines whose names begin so."""
    from tts_cli.engines.catalog import engine_names

    return [name for name in engine_names() if name.startswith(incomplete)]


def complete_recipes(incomplete: str) -> list[str]:
    """Return the recipes whose names begin so; a file that is invalid hides none of the others."""
    from tts_cli.formats.recipes import recipe_names
    from tts_cli.settings import load_settings

    return [name for name in recipe_names(load_settings().home) if name.startswith(incomplete)]


def complete_voices(incomplete: str) -> list[str]:
    """Return the voices of the library whose names begin so."""
    from tts_cli.settings import load_settings
    from tts_cli.voicework.listing import list_voices

    return [voice.name for voice in list_voices("", load_settings()) if voice.name.startswith(incomplete)]


def complete_emotions(incomplete: str) -> list[str]:
    """Return the emotions that engines know, and those of this folder, whose names begin so."""
    from pathlib import Path

    from tts_cli.engines.catalog import BUILT_IN
    from tts_cli.formats.voice_files import EMOTIONS_FOLDER

    names = {name for spec in BUILT_IN.values() for name in spec.emotions}
    names |= {path.stem for path in Path(EMOTIONS_FOLDER).glob("*.yaml")}
    return sorted(name for name in names if name.startswith(incomplete))
